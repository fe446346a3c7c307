"""Memory layout: the weights of 2D and 3D convolutions with channels last."""

import torch
from torch import nn

__all__ = ["channels_last"]

_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_last(model: nn.Module) -> None:
    """Lay out the weights of convolutions with channels last; their values and names stay.

    A convolution with such weights gives its maps in the same layout, which tensor cores need.
    """
    for parameter in model.parameters():
        if parameter.ndim in _LAYOUTS:
            parameter.data = parameter.data.to(memory_format=_LAYOUTS[parameter.ndim])
