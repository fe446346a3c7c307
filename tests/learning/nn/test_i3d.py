"""I3D ResNet, held against the published parameter counts."""

import pytest
import torch
from torch import nn

from playhead.learning.nn.i3d import I3D, Bottleneck


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_backbone_has_the_parameters_of_the_published_network() -> None:
    with torch.device("meta"):
        assert parameters(I3D()) + parameters(nn.Linear(2048, 400)) == 28_043_472
        assert parameters(I3D(4)) == 27_239_552
        assert parameters(I3D(4, stem_frames=3, pad_stem=False)) == 27_214_464


def test_temporal_kernels_are_those_of_the_published_network() -> None:
    with torch.device("meta"):
        stages = I3D().stages
    kernels = [
        [
            block.branch.get_submodule("0.0").kernel_size[0]  # type: ignore[index]
            for block in stage.modules()
            if isinstance(block, Bottleneck)
        ]
        for stage in stages
    ]
    assert kernels == [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]


@pytest.mark.parametrize(("padded", "frames"), [(True, [8, 4, 4, 4]), (False, [6, 3, 3, 3])])
def test_space_is_halved_five_times_and_time_once(padded: bool, frames: list[int]) -> None:
    with torch.device("meta"):
        model = I3D(4, stem_frames=5 if padded else 3, pad_stem=padded)
        maps = model(torch.empty(2, 4, 8, 224, 224))
    assert [tuple(level.shape) for level in maps] == [
        (2, channels, time, side, side)
        for channels, time, side in zip(model.channels, frames, (56, 28, 14, 7), strict=True)
    ]


def test_every_parameter_of_a_small_network_is_trained() -> None:
    torch.manual_seed(0)
    model = I3D(1, depths=(1, 1, 1, 1), width=4)
    assert model.channels == (16, 32, 64, 128)
    losses = [level.square().mean() for level in model(torch.rand(2, 1, 8, 64, 64))]
    torch.autograd.backward(losses)
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ] == []
