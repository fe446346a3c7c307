"""Factored video layers are 3D convolutions, and copy nothing."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.learning.nn.blocks import ConvNorm
from playhead.learning.nn.clips import ClipClassifier
from playhead.learning.nn.factored import FactoredBlock, TemporalConv, per_frame


def maps(frames: int = 8, channels: int = 4) -> Tensor:
    """(2, frames, channels, 6, 10), in channels-last format."""
    images = torch.rand(2 * frames, channels, 6, 10, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    return images.view(2, frames, channels, 6, 10)


@pytest.mark.parametrize(
    ("kernel", "stride", "padded"), [(3, 1, True), (3, 2, True), (2, 2, False), (3, 1, False)]
)
def test_a_temporal_convolution_is_a_3d_convolution(kernel: int, stride: int, padded: bool) -> None:
    torch.manual_seed(0)
    layer = TemporalConv(4, 5, kernel, stride=stride, padded=padded).eval()
    weight = layer.convolution.weight[..., None]  # (5, 4, kernel, 1, 1)
    padding = (kernel // 2 if padded else 0, 0, 0)
    expected = F.conv3d(maps().transpose(1, 2), weight, None, (stride, 1, 1), padding)
    expected = F.relu(expected / (1 + layer.norm.eps) ** 0.5).transpose(1, 2)
    torch.testing.assert_close(layer(maps()), expected)


def test_a_2d_layer_sees_each_frame_alone() -> None:
    torch.manual_seed(0)
    layer, clips = ConvNorm(4, 6, 3, stride=2).eval(), maps()
    outputs = per_frame(layer, clips)
    assert outputs.shape == (2, 8, 6, 3, 5)
    torch.testing.assert_close(outputs[:, 3], layer(clips[:, 3]))


def test_a_dilated_chunk_holds_the_outputs_of_all_windows() -> None:
    torch.manual_seed(0)
    halve, shrink = TemporalConv(4, 4, 2, stride=2).eval(), TemporalConv(4, 4, 4).eval()
    chunk = maps(13)
    outputs = shrink(halve(chunk, dilation=1), dilation=2)
    assert outputs.shape[1] == 6
    for first in range(6):
        window = shrink(halve(chunk[:, first : first + 8]))
        torch.testing.assert_close(outputs[:, first : first + 1], window)


def test_a_padded_layer_cannot_compute_a_chunk() -> None:
    with pytest.raises(ValueError, match="without padding"):
        TemporalConv(4, 4, 3, padded=True)(maps(), dilation=1)


def test_factored_layers_keep_the_channels_last_format() -> None:
    outputs = FactoredBlock(4)(maps())
    assert outputs.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    assert outputs.transpose(1, 2).flatten(3).data_ptr() == outputs.data_ptr()


def test_a_block_joins_neighbouring_frames_and_pixels_only() -> None:
    torch.manual_seed(0)
    block, clips = FactoredBlock(4).eval(), maps()
    changed = clips.clone()
    changed[:, 4, :, 3, 5] += 1
    reached = (block(changed) - block(clips)).abs().amax((0, 2)) > 0
    assert reached.any(2).any(1).tolist() == [False] * 3 + [True] * 3 + [False] * 2
    assert not reached[:, :2].any()
    assert not reached[:, :, 7:].any()


def test_clips_of_any_size_get_logits_and_every_parameter_is_trained() -> None:
    torch.manual_seed(0)
    model = ClipClassifier(3, 5, widths=(8, 12, 16), extra=2)
    for frames, height, width in ((16, 32, 32), (1, 17, 40), (7, 24, 9)):
        logits = model(torch.rand(3, 3, frames, height, width), torch.rand(3, 2))
        assert logits.shape == (3, 5)
    logits.square().sum().backward()
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ] == []


def test_the_order_of_frames_and_further_features_change_the_logits() -> None:
    torch.manual_seed(0)
    model = ClipClassifier(1, 2, widths=(8, 12), extra=1).eval()
    clips, extra = torch.rand(1, 1, 8, 16, 16), torch.zeros(1, 1)
    assert not torch.allclose(model(clips.flip(2), extra), model(clips, extra), atol=1e-5)
    slope = model(clips, extra + 1) - model(clips, extra)
    torch.testing.assert_close(slope, model.classify.weight[:, -1:].T)


@pytest.mark.parametrize(("extra", "given"), [(0, torch.rand(1, 1)), (1, None)])
def test_missing_or_needless_features_are_refused(extra: int, given: Tensor | None) -> None:
    with pytest.raises(ValueError, match=f"needs {extra} further features"):
        ClipClassifier(1, 2, widths=(8,), extra=extra)(torch.rand(1, 1, 4, 8, 8), given)


class _Crops(nn.Module):
    def __init__(self, model: ClipClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.model(clips)
        return logits


@pytest.mark.slow
def test_the_classifier_is_a_graph_for_any_number_of_clips() -> None:
    model = _Crops(ClipClassifier(1, 2, widths=(8, 12))).eval()
    clips = torch.rand(4, 1, 8, 16, 16)
    with torch.no_grad():
        program = torch.export.export(
            model, (clips,), dynamic_shapes=({0: torch.export.Dim("n", max=64)},)
        )
        torch.testing.assert_close(program.module()(clips[:3]), model(clips[:3]))
