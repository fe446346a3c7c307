"""Constant padding of strided convolutions, for maps whose sides are multiples of the stride.

Networks from TensorFlow use "same" padding, which depends on the size of the map. If the stride
divides the size, it is constant. As a formula of a dynamic size it grows with every convolution,
until the exporter does not terminate.
"""

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

__all__ = ["pad_by_constants"]


def pad_by_constants(network: nn.Module) -> None:
    """Replace "same" padding by constant padding in place; names and weights stay.

    The result is the same if the stride of each convolution divides both sides of its input.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, Conv2dSame):
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, _ConstantlyPadded(module))


class _ConstantlyPadded(nn.Conv2d):
    def __init__(self, like: nn.Conv2d) -> None:
        with torch.device("meta"):  # neither memory nor random numbers
            super().__init__(
                like.in_channels,
                like.out_channels,
                like.kernel_size,  # type: ignore[arg-type]
                like.stride,  # type: ignore[arg-type]
                dilation=like.dilation,  # type: ignore[arg-type]
                groups=like.groups,
                bias=like.bias is not None,
            )
        self.weight, self.bias = like.weight, like.bias
        self.edges: list[int] = []  # left, right, top, bottom
        for side in (1, 0):
            reach = (self.kernel_size[side] - 1) * self.dilation[side] + 1
            whole = max(reach - self.stride[side], 0)
            self.edges += [whole // 2, whole - whole // 2]

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W), sides multiples of the stride → (B, channels, H / stride, ...)."""
        padded: Tensor = self._conv_forward(F.pad(maps, self.edges), self.weight, self.bias)
        return padded
