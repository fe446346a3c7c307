"""torch.compile, for one size of batch at a time.

The result shares parameters and buffers with the module and is only for calling it: weights,
checkpoints and the average are of the module, whose names stay as they are.
"""

import importlib.util
import os
import shutil
from typing import Any, cast

import torch
from torch import nn

from playhead.errors import PlayheadError

__all__ = ["compiled"]


def compiled(module: nn.Module, device: torch.device, setting: str) -> nn.Module:
    """`module` compiled by torch, at its first call with each size of batch.

    setting: what asked for it, for the error
    Raises PlayheadError if the machine lacks what compiling needs.
    """
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise PlayheadError(
            f"{setting}: compiling for CUDA needs the package triton, which comes with torch on "
            "Linux; install it, or leave the setting off"
        )
    if device.type == "cpu" and not any(
        shutil.which(name) for name in (os.environ.get("CXX") or "g++", "g++", "clang++", "cl")
    ):
        raise PlayheadError(
            f"{setting}: compiling for the CPU needs a C++ compiler; install g++ or clang++, or "
            "leave the setting off"
        )
    made: Any = torch.compile(module, dynamic=False)
    return cast(nn.Module, made)
