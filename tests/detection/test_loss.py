"""The loss of a detector: what ignored regions leave out of it, and that nothing else changes."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from playhead.detection.assign import assign
from playhead.detection.config import DetectionLossConfig
from playhead.detection.loss import detection_loss, generalised_iou
from playhead.detection.samples import IGNORED
from playhead.learning.nn.detector import DetectorNetwork, cells_of

STRIDES = (8, 16)
SIDE = 64
CLASSES = 3
TRUE, OTHER = [4.0, 4.0, 28.0, 20.0], [34.0, 30.0, 60.0, 62.0]
REGION = [20.0, 10.0, 50.0, 40.0]  # overlaps both
SMALL = [47.0, 7.0, 50.0, 9.0]  # contains no cell centre


class FixedOutputs(DetectorNetwork):
    """A network whose outputs are its only parameter."""

    def __init__(self, outputs: Tensor) -> None:
        torch.nn.Module.__init__(self)
        self.strides = STRIDES
        self.outputs = torch.nn.Parameter(outputs)

    def forward(self, images: Tensor) -> Tensor:
        return self.outputs


def network(images: int = 1) -> FixedOutputs:
    rng = torch.Generator().manual_seed(0)
    cells = len(cells_of(SIDE, SIDE, STRIDES)[0])
    distances = 4 + 12 * torch.rand(images, cells, 4, generator=rng)
    logits = torch.randn(images, cells, CLASSES, generator=rng)
    return FixedOutputs(torch.cat([distances, logits], -1))


def batch(*images: list[tuple[list[float], int]], rows: int = 6) -> dict[str, Tensor]:
    boxes = torch.zeros(len(images), rows, 4)
    labels = torch.full((len(images), rows), -1)
    for index, image in enumerate(images):
        for row, (box, label) in enumerate(image):
            boxes[index, row], labels[index, row] = torch.tensor(box), label
    pixels = torch.zeros(len(images), 3, SIDE, SIDE, dtype=torch.uint8)
    return {"image": pixels, "boxes": boxes, "labels": labels}


def gradient(model: FixedOutputs, sample: dict[str, Tensor]) -> np.ndarray:
    """Whether the classification loss has a gradient, by image and cell."""
    model.zero_grad()
    detection_loss(model, sample, DetectionLossConfig()).backward()  # type: ignore[no-untyped-call]
    assert model.outputs.grad is not None
    trained: np.ndarray = (model.outputs.grad[..., 4:] != 0).any(-1).numpy()
    return trained


def assigned_cells(model: FixedOutputs, sample: dict[str, Tensor], **options: Any) -> np.ndarray:
    centres, strides = cells_of(SIDE, SIDE, STRIDES)
    outputs = model.outputs.detach()
    boxes = torch.cat([centres - outputs[..., :2], centres + outputs[..., 2:4]], -1)
    scores = outputs[..., 4:].sigmoid()
    found = assign(boxes, scores, (centres, strides), sample["boxes"], sample["labels"], **options)
    return (found.weights > 0).numpy()


def inside(box: list[float]) -> np.ndarray:
    """The cells of a region: centres in it, on the finest map also within a stride."""
    centres, strides = (values.numpy() for values in cells_of(SIDE, SIDE, STRIDES))
    reach = np.where(strides == STRIDES[0], STRIDES[0], 0)[:, None]
    half = np.maximum((np.array(box[2:]) - box[:2]) / 2, reach)
    middle = (np.array(box[2:]) + box[:2]) / 2
    within: np.ndarray = np.all(np.abs(centres - middle) < half, axis=1)
    return within


def test_unassigned_cells_in_an_ignored_region_have_no_gradient_and_all_others_do() -> None:
    model = network()
    sample = batch([(REGION, IGNORED), (TRUE, 0), (OTHER, 2)])
    assigned = assigned_cells(model, sample)[0]
    region = inside(REGION)
    assert (region & ~assigned).sum() > 5
    assert (region & assigned).any()  # a true box inside a region still trains
    np.testing.assert_array_equal(gradient(model, sample)[0], ~region | assigned)


def test_a_region_smaller_than_a_cell_and_one_without_any_true_box_are_ignored() -> None:
    model = network()
    assert inside(SMALL).any()
    np.testing.assert_array_equal(gradient(model, batch([(SMALL, IGNORED)]))[0], ~inside(SMALL))


def test_regions_of_one_image_leave_the_others_alone() -> None:
    model = network(2)
    trained = gradient(model, batch([(REGION, IGNORED)], [(TRUE, 1)]))
    np.testing.assert_array_equal(trained[0], ~inside(REGION))
    assert trained[1].all()


def test_an_ignored_region_is_assigned_to_no_cell() -> None:
    model = network()
    with_region = batch([(REGION, IGNORED), (TRUE, 0)])
    without = batch([(TRUE, 0)])
    np.testing.assert_array_equal(
        assigned_cells(model, with_region), assigned_cells(model, without)
    )


@pytest.mark.parametrize("padding", [2, 6])
def test_without_ignored_regions_the_loss_is_the_plain_one(padding: int) -> None:
    model = network(2)
    sample = batch([(TRUE, 0), (OTHER, 2)], [(OTHER, 1)], rows=padding)
    centres, strides = cells_of(SIDE, SIDE, STRIDES)
    distances, logits = model.outputs[..., :4], model.outputs[..., 4:]
    boxes = torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
    target = assign(
        boxes.detach(),
        logits.detach().sigmoid(),
        (centres, strides),
        sample["boxes"],
        sample["labels"],
    )
    entropy = F.binary_cross_entropy_with_logits(logits, target.targets, reduction="sum")
    giou = (1 - generalised_iou(boxes, target.boxes)) * target.weights
    expected = entropy / target.targets.sum() + 2.5 * giou.sum() / target.weights.sum()
    config = DetectionLossConfig(class_weight=1.0, box_weight=2.5)
    assert detection_loss(model, sample, config).item() == expected.item()
