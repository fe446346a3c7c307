"""Networks of sequences, compared with torch's own layers."""

import pytest
import torch
from torch import Tensor, nn

from playhead.learning.nn.sequences import (
    LSTM,
    PooledGRU,
    ResNet1d,
    SqueezeExcite1d,
    adaptive_pooling,
)


@pytest.mark.parametrize(
    ("length", "pooled"), [(270, 200), (200, 200), (7, 3), (3, 7), (100, 10), (1, 5)]
)
def test_the_matrix_pools_as_torch_does(length: int, pooled: int) -> None:
    sequence = torch.randn(2, 5, length, generator=torch.Generator().manual_seed(1))
    expected = nn.functional.adaptive_avg_pool1d(sequence, pooled)
    result = sequence @ adaptive_pooling(length, pooled).T
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [8616, 8613, 104, 33, 32])
def test_the_length_of_the_output_is_foretold(length: int) -> None:
    network = ResNet1d(3, (4, 4, 4, 4), 1).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, length)).shape == (1, 4, network.out_length(length))
    assert network.out_length(8616) == 270


def test_a_channel_is_scaled_by_a_function_of_all_means() -> None:
    layer = SqueezeExcite1d(4, 2)
    sequence = torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(2))
    shuffled = sequence[:, :, torch.tensor([8, 0, 3, 1, 7, 2, 6, 4, 5])]
    weights, others = layer(sequence) / sequence, layer(shuffled) / shuffled
    torch.testing.assert_close(weights, weights[:, :, :1].expand_as(weights))
    torch.testing.assert_close(weights, others)


def test_the_operators_for_export_hold_the_weights_of_torch() -> None:
    """A step of ONNX's GRU in NumPy's terms, of the second layer backwards, equals torch's."""
    recurrent = PooledGRU(3, 4, length=5, pooled=5, layers=2, dropout=0.0).eval()
    recurrent.prepare_export()
    weights: list[Tensor] = [
        getattr(recurrent, f"{n}1") for n in ("weight_ih", "weight_hh", "bias")
    ]
    w, r, (wb, rb) = weights[0][1], weights[1][1], weights[2][1].chunk(2)
    seen, state = torch.randn(8), torch.randn(4)
    wz, wr, wh = (w @ seen + wb).chunk(3)
    rz, rr, rh = (r @ state + rb).chunk(3)
    update, reset = (wz + rz).sigmoid(), (wr + rr).sigmoid()
    expected = (1 - update) * (wh + reset * rh).tanh() + update * state
    cell = nn.GRUCell(8, 4)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(recurrent.gru, f"{name}_l1_reverse"))
    torch.testing.assert_close(cell(seen, state), expected)


def test_the_operators_for_export_hold_the_weights_of_torchs_lstm() -> None:
    """A step of ONNX's LSTM, of the second layer, equals torch's cell."""
    recurrent = LSTM(3, 4, layers=2).eval()
    recurrent.prepare_export()
    w, r, bias = (getattr(recurrent, f"{name}1")[0] for name in ("weight_ih", "weight_hh", "bias"))
    seen, state, memory = torch.randn(4), torch.randn(4), torch.randn(4)
    enter, output, forget, new = (w @ seen + r @ state + sum(bias.chunk(2))).chunk(4)
    expected = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
    cell = nn.LSTMCell(4, 4)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(recurrent.lstm, f"{name}_l1"))
    hidden, kept = cell(seen, (state, memory))
    torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(hidden, output.sigmoid() * expected.tanh())
