"""Factored video layers: a 3D convolution as a spatial and a temporal one, both run as 2D.

Maps of clips are (B, T, C, h, w). A spatial layer sees them as (B * T, C, h, w), a temporal one as
(B, C, T, h * w). Both are views of the same memory in channels-last format, so nothing is copied,
and a CPU runs its fast 2D convolutions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.learning.nn.blocks import ConvNorm, DropPath

__all__ = ["FactoredBlock", "TemporalConv", "per_frame"]


def per_frame(layer: nn.Module, maps: Tensor) -> Tensor:
    """Apply a 2D layer to each frame of (B, T, C, h, w)."""
    b, t = maps.shape[:2]
    frames: Tensor = layer(maps.flatten(0, 1))
    return frames.view(b, t, *frames.shape[1:])


class TemporalConv(nn.Module):
    """Convolution along time, batch norm, ReLU.

    padded: zeros before and after, so that stride 1 keeps the number of frames; for odd kernels
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padded: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, kernel // 2 if padded else 0
        self.convolution = nn.Conv2d(
            inputs, outputs, (kernel, 1), (stride, 1), (self.padding, 0), bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor, *, dilation: int | None = None) -> Tensor:
        """maps: (B, T, inputs, h, w) → (B, frames left, outputs, h, w).

        dilation: compute the output for every frame instead of every `stride` frames, with this
        distance between the taps. A stack of unpadded layers then computes all windows of a chunk
        at once, if each has as its dilation the product of the strides before it.
        Raises ValueError for a dilation in a padded layer.
        """
        if dilation is not None:
            return self._dilated(maps, dilation)
        h, w = maps.shape[3:]
        lines = maps.transpose(1, 2).flatten(3)  # (B, C, T, h * w)
        lines = F.relu(self.norm(self.convolution(lines)))
        return lines.view(*lines.shape[:3], h, w).transpose(1, 2)

    def _dilated(self, maps: Tensor, dilation: int) -> Tensor:
        """The taps as channels of a 1x1 convolution: its graph can have any number of frames."""
        if self.padding:
            raise ValueError("a chunk needs a layer without padding, which differs between windows")
        weight = self.convolution.weight  # (outputs, inputs, kernel, 1)
        left = maps.shape[1] - dilation * (weight.shape[2] - 1)
        taps = [maps.narrow(1, tap * dilation, left) for tap in range(weight.shape[2])]
        joined = torch.cat(taps, 2).flatten(0, 1)
        outputs = F.conv2d(joined, weight.transpose(1, 2).flatten(1, 2)[..., None])
        frames: Tensor = F.relu(self.norm(outputs))
        return frames.view(maps.shape[0], left, *frames.shape[1:])


class FactoredBlock(nn.Module):
    """(2+1)D residual block: 3x3 in space, 3 in time, added to the input.

    From "A Closer Look at Spatiotemporal Convolutions for Action Recognition" (2018).
    """

    def __init__(self, channels: int, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.spatial = ConvNorm(channels, channels, 3, activation=nn.ReLU)
        self.temporal = TemporalConv(channels, channels, 3, padded=True)
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, T, channels, h, w) → the same shape."""
        branch: Tensor = self.drop_path(self.temporal(per_frame(self.spatial, maps)))
        return maps + branch
