"""The blocks, against closed forms and against what they promise."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from playhead.learning.nn.blocks import (
    ConvNorm,
    DenseBlock,
    DropPath,
    InvertedResidual3d,
    SqueezeExcite3d,
)
from playhead.learning.nn.pooling import GeM
from playhead.learning.nn.small import SmallEncoder


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inverted(drop_path: float = 0.0) -> InvertedResidual3d:
    torch.manual_seed(0)
    return InvertedResidual3d(8, expansion=3, squeeze=24, drop_path=drop_path)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_an_inverted_block_has_the_parameters_that_its_description_gives() -> None:
    block = InvertedResidual3d(192, expansion=3, squeeze=24, drop_path=0.2)
    widen, depthwise, narrow = 192 * 576, 576 * 27, 576 * 192
    squeeze, excite = 576 * 24 + 24, 24 * 576 + 576
    norms = 2 * (576 + 576 + 192)
    assert count(block) == widen + depthwise + squeeze + excite + narrow + norms


@pytest.mark.parametrize(
    "block", [inverted(), DenseBlock(8), DenseBlock(8, dimensions=2)], ids=["inverted", "3D", "2D"]
)
def test_a_block_keeps_the_shape_and_adds_to_its_input(block: nn.Module) -> None:
    x = maps(2, 8, 5, 6, 7) if "3d" in repr(block) else maps(2, 8, 6, 7)
    assert block(x).shape == x.shape
    norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    nn.init.zeros_(norms[-1].weight)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("block", [inverted(), DenseBlock(8)], ids=["inverted", "dense"])
def test_a_3d_block_sees_the_neighbours_in_time_and_space(block: nn.Module) -> None:
    block.eval()
    x = maps(1, 8, 5, 5, 5).requires_grad_()
    block(x)[0, :, 2, 2, 2].sum().backward()
    seen = x.grad[0].abs().sum(0)
    assert (seen[1:4, 1:4, 1:4] > 0).all()


def test_a_dense_3d_block_sees_no_further_than_its_neighbours() -> None:
    x = maps(1, 8, 5, 5, 5).requires_grad_()
    DenseBlock(8).eval()(x)[0, :, 2, 2, 2].sum().backward()
    seen = x.grad[0].abs().sum(0)
    seen[1:4, 1:4, 1:4] = 0
    assert not seen.any()


def test_squeeze_and_excite_weighs_each_channel_of_a_sample_by_one_number() -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcite3d(6, 2), maps(2, 6, 3, 4, 5)
    weights = block(x) / x
    assert torch.allclose(weights, weights[:, :, :1, :1, :1], atol=1e-5)
    assert ((weights > 0) & (weights < 1)).all()
    shuffled = x[:, :, torch.randperm(3)]
    torch.testing.assert_close((block(shuffled) / shuffled)[:, :, :1], weights[:, :, :1])


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = DropPath(0.2).train()(torch.ones(20_000, 2, 3))
    values = dropped.unique()
    torch.testing.assert_close(values, torch.tensor([0.0, 1.25]))
    assert (dropped == dropped[:, :1, :1]).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)


def test_drop_path_lets_everything_through_in_use() -> None:
    x = maps(4, 2)
    assert torch.equal(DropPath(0.9).eval()(x), x)


@given(
    p=st.floats(1, 8),
    values=st.lists(st.floats(0.125, 100), min_size=1, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_gem_is_the_power_mean_of_the_map(p: float, values: list[float]) -> None:
    expected = (sum(value**p for value in values) / len(values)) ** (1 / p)
    pooled = GeM(p)(torch.tensor(values).view(1, 1, 1, -1))
    assert pooled.shape == (1, 1)
    assert pooled.item() == pytest.approx(expected, rel=1e-4)


@given(values=st.lists(st.floats(0.125, 10), min_size=2, max_size=12))
@settings(max_examples=40, deadline=None)
def test_gem_grows_with_p_from_the_mean_towards_the_maximum(values: list[float]) -> None:
    x = torch.tensor(values).view(1, 1, 1, -1)
    steps = [x.mean().item(), *(GeM(p)(x).item() for p in (1, 2, 3, 6)), x.max().item()]
    assert all(low <= high * (1 + 1e-4) for low, high in pairwise(steps))


def test_gem_learns_one_p_also_from_a_map_with_dead_channels() -> None:
    pool = GeM()
    x = torch.cat((maps(2, 3, 4, 4), torch.full((2, 1, 4, 4), -1.0)), 1).requires_grad_()
    pool(x).sum().backward()
    assert count(pool) == 1
    assert pool.p.grad.isfinite().all()
    assert pool.p.grad.abs().item() > 0
    assert x.grad.isfinite().all()


def test_gem_under_autocast_has_the_value_of_fp32() -> None:
    x = maps(1, 2, 4, 4).abs() * 1000
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = GeM()(x)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, x.pow(3).mean((2, 3)).pow(1 / 3))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_conv_norm_has_no_bias_and_no_activation_where_none_is_asked(dimensions: int) -> None:
    layer = ConvNorm(4, 6, 3, dimensions=dimensions, activation=None)
    assert count(layer) == 4 * 6 * 3**dimensions + 2 * 6
    assert (layer(maps(2, 4, *(5,) * dimensions)) < -1).any()


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_the_small_encoder_is_at_stride_8(rows: int, columns: int) -> None:
    encoder = SmallEncoder(3, 16).eval()
    assert encoder(torch.rand(1, 3, rows * 8, columns * 8)).shape == (1, 16, rows, columns)
