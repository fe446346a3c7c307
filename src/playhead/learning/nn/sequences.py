"""Networks of sequences: a 1D ResNet, recurrent layers pooled to a length, squeeze and excitation.

Shapes: sequences of a convolution are (B, C, T), those of a recurrent layer (B, T, C).
"""

import torch
from torch import Tensor, nn

__all__ = [
    "LSTM",
    "BasicBlock1d",
    "PooledGRU",
    "ResNet1d",
    "SqueezeExcite1d",
    "adaptive_pooling",
]


class SqueezeExcite1d(nn.Module):
    """Squeeze and excitation: weights each channel by a function of all means over time."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        *,
        activation: type[nn.Module] = nn.Mish,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed, bias=bias)
        self.activation = activation()
        self.excite = nn.Linear(squeezed, channels, bias=bias)

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (B, C, T) → the same shape."""
        weights: Tensor = self.excite(self.activation(self.squeeze(sequence.mean(2)))).sigmoid()
        return sequence * weights[:, :, None]


class BasicBlock1d(nn.Module):
    """Two convolutions of 3 with batch norm, squeeze and excitation, added to the input."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, reduction: int = 16) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv1d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm1d(outputs),
            nn.Mish(),
            nn.Conv1d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm1d(outputs),
            SqueezeExcite1d(outputs, max(1, outputs // reduction)),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs)
            )
        self.activation = nn.Mish()

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (B, inputs, T) → (B, outputs, ceil(T / stride))."""
        total: Tensor = self.activation(self.branch(sequence) + self.shortcut(sequence))
        return total


class ResNet1d(nn.Sequential):
    """A ResNet over time: a stem at stride 4, then stages of which all but the first halve time.

    widths: channels of each stage; blocks: of each stage
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], blocks: int = 2) -> None:
        stages = []
        narrow = widths[0]
        for stage, width in enumerate(widths):
            first = BasicBlock1d(narrow, width, stride=1 if stage == 0 else 2)
            others = (BasicBlock1d(width, width) for _ in range(blocks - 1))
            stages.append(nn.Sequential(first, *others))
            narrow = width
        super().__init__(
            nn.Conv1d(inputs, widths[0], 3, stride=2, padding=1),
            nn.BatchNorm1d(widths[0]),
            nn.Mish(),
            nn.MaxPool1d(2),
            *stages,
            nn.BatchNorm1d(narrow),
        )
        self.channels, self.stages = narrow, len(widths)

    def out_length(self, length: int) -> int:
        """The length of the output for an input of `length`."""
        length = (length + 1) // 2 // 2
        for _ in range(self.stages - 1):
            length = (length + 1) // 2
        return length


class PooledGRU(nn.Module):
    """Recurrent layers in both directions, then the average over each of `pooled` parts of time.

    length: of the input; pooled: of the output
    The output has 2 * `hidden` channels.
    """

    pooling: Tensor

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        length: int,
        pooled: int,
        layers: int = 2,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.gru = nn.GRU(
            inputs,
            hidden,
            layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.pooled = pooled != length
        self.register_buffer("pooling", adaptive_pooling(length, pooled), persistent=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (B, length, inputs) → (B, pooled, 2 * hidden)."""
        exported = torch.onnx.is_in_onnx_export()
        states: Tensor = self._onnx_states(sequence) if exported else self.gru(sequence)[0]
        return self.pooling.to(states.dtype) @ states if self.pooled else states

    @torch.no_grad()
    def prepare_export(self) -> None:
        """Keep the weights in the order of ONNX too; call it on a copy of the final model.

        torch's exporter also knows recurrent layers, but takes many times as long.
        """
        for layer in range(self.gru.num_layers):
            for name in ("weight_ih", "weight_hh", "bias"):
                both = [self._onnx_weights(name, f"l{layer}{way}") for way in ("", "_reverse")]
                self.register_buffer(f"{name}{layer}", torch.stack(both), persistent=False)

    def _onnx_weights(self, name: str, suffix: str) -> Tensor:
        """The weights of one layer in one direction: update, reset, new; torch has reset first."""
        if name == "bias":
            parts = [self._onnx_weights(part, suffix) for part in ("bias_ih", "bias_hh")]
            return torch.cat(parts)
        reset, update, new = getattr(self.gru, f"{name}_{suffix}").chunk(3)
        return torch.cat([update, reset, new])

    def _onnx_states(self, sequence: Tensor) -> Tensor:
        """The recurrent layers as operators of ONNX, for `prepare_export`."""
        states = sequence.transpose(0, 1)  # T, B, inputs
        hidden = self.gru.hidden_size
        for layer in range(self.gru.num_layers):
            names = (f"weight_ih{layer}", f"weight_hh{layer}", f"bias{layer}")
            both = torch.onnx.ops.symbolic(
                "GRU",
                [states, *(getattr(self, name) for name in names)],
                {"hidden_size": hidden, "direction": "bidirectional", "linear_before_reset": 1},
                dtype=states.dtype,
                shape=(states.shape[0], 2, states.shape[1], hidden),
            )
            states = both.transpose(1, 2).flatten(2)  # T, B, 2 * hidden
        return states.transpose(0, 1)


class LSTM(nn.Module):
    """Recurrent layers forwards in time, of long short-term memory, which can be exported."""

    def __init__(self, inputs: int, hidden: int, *, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            inputs,
            hidden,
            layers,
            batch_first=True,
            dropout=dropout if layers > 1 else 0.0,
        )

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (B, T, inputs) → (B, T, hidden)."""
        exported = torch.onnx.is_in_onnx_export()
        states: Tensor = self._onnx_states(sequence) if exported else self.lstm(sequence)[0]
        return states

    @torch.no_grad()
    def prepare_export(self) -> None:
        """Keep the weights in the order of ONNX too; see `PooledGRU.prepare_export`."""
        for layer in range(self.lstm.num_layers):
            for name in ("weight_ih", "weight_hh", "bias"):
                weights = self._onnx_weights(name, f"l{layer}")[None]
                self.register_buffer(f"{name}{layer}", weights, persistent=False)

    def _onnx_weights(self, name: str, suffix: str) -> Tensor:
        """The weights of one layer: input, output, forget, cell; torch has the output last."""
        if name == "bias":
            parts = [self._onnx_weights(part, suffix) for part in ("bias_ih", "bias_hh")]
            return torch.cat(parts)
        enter, forget, cell, output = getattr(self.lstm, f"{name}_{suffix}").chunk(4)
        return torch.cat([enter, output, forget, cell])

    def _onnx_states(self, sequence: Tensor) -> Tensor:
        """The recurrent layers as operators of ONNX, for `prepare_export`."""
        states = sequence.transpose(0, 1)  # T, B, inputs
        hidden = self.lstm.hidden_size
        for layer in range(self.lstm.num_layers):
            names = (f"weight_ih{layer}", f"weight_hh{layer}", f"bias{layer}")
            states = torch.onnx.ops.symbolic(
                "LSTM",
                [states, *(getattr(self, name) for name in names)],
                {"hidden_size": hidden},
                dtype=states.dtype,
                shape=(states.shape[0], 1, states.shape[1], hidden),
            ).squeeze(1)  # T, B, hidden
        return states.transpose(0, 1)


def adaptive_pooling(length: int, pooled: int) -> Tensor:
    """The matrix (pooled, length) of torch's adaptive average pooling, for any two lengths.

    Exporters know that layer only where `length` is a multiple of `pooled`.
    """
    matrix = torch.zeros(pooled, length)
    for part in range(pooled):
        first, last = part * length // pooled, -(-(part + 1) * length // pooled)
        matrix[part, first:last] = 1 / (last - first)
    return matrix
