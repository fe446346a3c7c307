"""A small 2D encoder for images of about 112x64 on a CPU.

Its stride is 8: at this size a ball covers a few pixels, and maps at stride 16 learn nothing.
"""

from torch import nn

from playhead.learning.nn.blocks import ConvNorm, DenseBlock

__all__ = ["SmallEncoder"]


class SmallEncoder(nn.Sequential):
    """A 7x7 stem at stride 4, one step to stride 8, two residual blocks there."""

    stride = 8

    def __init__(self, in_channels: int = 3, channels: int = 48) -> None:
        super().__init__(
            ConvNorm(in_channels, channels // 2, 7, stride=4, activation=nn.ReLU),
            ConvNorm(channels // 2, channels, 3, stride=2, activation=nn.ReLU),
            DenseBlock(channels, dimensions=2),
            DenseBlock(channels, dimensions=2),
        )
        self.channels = channels
