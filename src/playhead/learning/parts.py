"""The exportable parts of a model, each a graph from one array to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["ExportPart", "SplitModel", "noise_images", "split_parts"]


@dataclass(frozen=True, slots=True, eq=False)
class ExportPart:
    """One graph of a bundle, from a model's `export_parts(plan)`.

    name: of the part and its file
    module: one tensor → one tensor, in evaluation mode, including pre- and postprocessing (such as
        the division by 255 and the sigmoid)
    example: an input with realistic values
    dynamic_axes: each axis of the input with a variable size, including the batch, and the number
        that its size must be a multiple of
    least: of dynamic axes that need more than that number, the smallest size
    """

    name: str
    module: nn.Module
    example: Tensor
    dynamic_axes: Mapping[int, int]
    least: Mapping[int, int] = field(default_factory=dict)


def noise_images(*shape: int) -> Tensor:
    """Seeded uint8 noise, without using torch's global generator."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


class SplitModel(Protocol):
    """A model of windows in two parts: a 2D part per stack, and a fusion of all stacks."""

    def encode(self, stacks: Tensor) -> Tensor:
        """stacks: (N, ...) in [0, 1] → maps (N, ...)."""

    def fuse(self, maps: Tensor) -> Tensor:
        """maps: (B, stacks, ...) → logits (B, classes)."""


def split_parts(model: SplitModel, example: Tensor, *, stacks: int) -> list[ExportPart]:
    """The parts `encode` and `fuse`, so that a stream of windows computes each stack once.

    example: uint8, two stacks of frames; stacks: the number of stacks per window
    """
    encode, fuse = _Encode(model).eval(), _Fuse(model).eval()
    with torch.inference_mode():
        maps = encode(example)[:, None].repeat_interleave(stacks, 1)
    return [
        ExportPart("encode", encode, example, {0: 1}),
        ExportPart("fuse", fuse, maps.clone(), {0: 1}),
    ]


class _Encode(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, stacks: Tensor) -> Tensor:
        """stacks: uint8 (N, ...) → maps (N, ...)."""
        unit = stacks.to(next(self.model.parameters()).dtype) / 255
        maps: Tensor = self.model.encode(unit)
        return maps


class _Fuse(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, stacks, ...) → probabilities (B, classes)."""
        return torch.sigmoid(self.model.fuse(maps))
