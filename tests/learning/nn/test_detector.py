"""The network and its loss: shapes, the order of the cells, what is frozen, what is learnt."""

import numpy as np
import pytest
import torch

from playhead.detection.config import DetectionLossConfig
from playhead.detection.loss import detection_loss, generalised_iou
from playhead.errors import ConfigError
from playhead.learning.nn.detector import PRIOR, DetectorNetwork, build_detector, cells_of
from playhead.learning.settings import DetectorNetworkConfig

TINY = DetectorNetworkConfig(
    encoder="mobilenetv2_035", weights="none", strides=(8, 16), channels=16, head_blocks=1
)


def tiny(classes: int = 2) -> DetectorNetwork:
    torch.manual_seed(0)
    return build_detector(TINY, classes)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 64), (64, 32), (96, 96)])
def test_every_cell_answers_in_the_order_of_cells_of(size: tuple[int, int]) -> None:
    model = tiny().eval()
    cells, strides = cells_of(*size, model.strides)
    answers = model(torch.rand(2, 3, *size))
    assert answers.shape == (2, len(cells), 6)
    # A fresh head answers with its cell's middle and nearly three cells a side everywhere.
    sides = answers[0, :, :2] + answers[0, :, 2:4]
    assert torch.allclose(sides, 3 * strides[:, None].expand(-1, 2), rtol=0.3)


def test_a_fresh_network_is_nearly_sure_of_background() -> None:
    probabilities = tiny().eval()(torch.rand(1, 3, 64, 64))[..., 4:].sigmoid().detach()
    assert float(probabilities.mean()) == pytest.approx(PRIOR, abs=0.01)


def test_a_bundle_s_network_is_the_same_with_probabilities_from_bytes() -> None:
    model = tiny().eval()
    images = torch.randint(0, 256, (2, 64, 32, 3), dtype=torch.uint8)
    plain = model(images.permute(0, 3, 1, 2).float() / 255)
    made = model.for_images()(images)
    torch.testing.assert_close(made[..., :4], plain[..., :4])
    torch.testing.assert_close(made[..., 4:], plain[..., 4:].sigmoid())


def test_frozen_blocks_keep_their_start_and_the_others_learn() -> None:
    torch.manual_seed(0)
    model = build_detector(TINY.model_copy(update={"frozen_blocks": 2}), 2)
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    assert any("conv_stem" in name for name in frozen)
    assert {name.split("blocks.")[1][0] for name in frozen if "blocks." in name} == {"0", "1"}


def test_the_stages_of_other_families_freeze_too_and_no_more_than_there_are() -> None:
    from playhead.learning.nn.detector import _freeze

    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet18", pretrained=False, features_only=True)
    _freeze(network, 2)
    frozen = {
        name.split(".")[0] for name, one in network.named_parameters() if not one.requires_grad
    }
    assert frozen == {"conv1", "bn1", "layer1", "layer2"}
    with pytest.raises(ConfigError, match="the encoder has 4"):
        _freeze(network, 5)


def test_a_stride_that_the_encoder_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="no map at stride 64"):
        build_detector(TINY.model_copy(update={"strides": (32, 64)}), 2)


def test_the_generalised_overlap_is_that_of_torchvision() -> None:
    from torchvision.ops import generalized_box_iou

    rng = torch.Generator().manual_seed(2)
    low = torch.rand(2, 40, 2, generator=rng) * 60
    a, b = torch.cat([low, low + 1 + torch.rand(2, 40, 2, generator=rng) * 30], 2)
    expected = generalized_box_iou(a, b).diagonal()
    torch.testing.assert_close(generalised_iou(a, b), expected, atol=1e-5, rtol=0)


def test_places_without_a_box_change_nothing() -> None:
    model = tiny().eval()
    image = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    boxes = torch.tensor([[[10.0, 10, 40, 40]], [[20.0, 5, 60, 30]]])
    labels = torch.tensor([[0], [1]])
    loss = detection_loss(
        model, {"image": image, "boxes": boxes, "labels": labels}, DetectionLossConfig()
    )
    more = {
        "image": image,
        "boxes": torch.cat([boxes, torch.full((2, 5, 4), 7.0)], 1),
        "labels": torch.cat([labels, torch.full((2, 5), -1)], 1),
    }
    assert torch.equal(detection_loss(model, more, DetectionLossConfig()), loss)


def test_images_without_any_box_give_a_finite_loss() -> None:
    model = tiny()
    batch = {
        "image": torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8),
        "boxes": torch.zeros(2, 3, 4),
        "labels": torch.full((2, 3), -1),
    }
    loss = detection_loss(model, batch, DetectionLossConfig())
    loss.backward()
    assert np.isfinite(float(loss.detach()))
