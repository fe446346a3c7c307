"""Building blocks of the jobs' networks; each keeps the size of its input map.

Shapes: 2D maps are (N, C, h, w), 3D maps (B, C, S, h, w) with S stacks in time order.
"""

from torch import Tensor, nn

__all__ = ["ConvNorm", "DenseBlock", "DropPath", "InvertedResidual3d", "SqueezeExcite3d"]


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, activation (None: none), in 2 or 3 dimensions."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        dimensions: int = 2,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.SiLU,
    ) -> None:
        convolution, norm = (
            (nn.Conv3d, nn.BatchNorm3d) if dimensions == 3 else (nn.Conv2d, nn.BatchNorm2d)
        )
        super().__init__(
            convolution(
                inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
            ),
            norm(outputs),
        )
        if activation is not None:
            self.append(activation())


class DropPath(nn.Module):
    """In training, drop a residual branch of a whole sample with probability `rate`.

    What remains is scaled up, so that the mean over many draws is the input.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        kept = branch.new_empty((branch.shape[0],) + (1,) * (branch.ndim - 1))
        kept.bernoulli_(1 - self.rate)
        return branch * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class SqueezeExcite3d(nn.Module):
    """Squeeze and excitation: weights each channel by global means over time and space."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv3d(channels, squeezed, 1)
        self.activation = nn.SiLU()
        self.excite = nn.Conv3d(squeezed, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        means = maps.mean((2, 3, 4), keepdim=True)  # (B, C, 1, 1, 1)
        weights: Tensor = self.excite(self.activation(self.squeeze(means))).sigmoid()
        return maps * weights


class InvertedResidual3d(nn.Module):
    """Expand 1x1x1, depthwise 3x3x3, squeeze and excitation, project, add to the input."""

    def __init__(self, channels: int, *, expansion: int, squeeze: int, drop_path: float) -> None:
        super().__init__()
        hidden = channels * expansion
        self.branch = nn.Sequential(
            ConvNorm(channels, hidden, dimensions=3),
            ConvNorm(hidden, hidden, 3, dimensions=3, groups=hidden),
            SqueezeExcite3d(hidden, max(1, hidden // squeeze)),
            ConvNorm(hidden, channels, dimensions=3, activation=None),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, S, h, w) → the same shape."""
        branch: Tensor = self.drop_path(self.branch(maps))
        return maps + branch


class DenseBlock(nn.Module):
    """One full 3x3 or 3x3x3 convolution, batch norm and ReLU, added to the input.

    On a CPU it trains faster at few channels than a depthwise block with as many parameters.
    """

    def __init__(self, channels: int, *, dimensions: int = 3, drop_path: float = 0.0) -> None:
        super().__init__()
        self.branch = ConvNorm(channels, channels, 3, dimensions=dimensions, activation=nn.ReLU)
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, h, w) or (B, C, S, h, w) → the same shape."""
        branch: Tensor = self.drop_path(self.branch(maps))
        return maps + branch
