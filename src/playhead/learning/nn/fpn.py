"""A feature pyramid for dense prediction: one map at the resolution of the finest input.

From "Panoptic Feature Pyramid Networks" (2019).
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Norm", "SegmentationPyramid"]

Norm = Literal["group", "batch"]

GROUPS = 32
"""Of the group norms; fewer if they do not divide the channels."""


class SegmentationPyramid(nn.Module):
    """A top-down path, then every level is brought to the finest resolution and all are summed.

    inputs: channels of each map, finest first
    channels: of the top-down path; branch: of the branches and the output
    dropout: of whole channels of the output
    norm: `group`, as in the paper, or `batch`. Group norms take their statistics over the whole
        map, so a network trained on patches behaves differently on whole frames
    """

    def __init__(
        self,
        inputs: Sequence[int],
        *,
        channels: int = 256,
        branch: int = 128,
        dropout: float = 0.2,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in inputs)
        self.branches = nn.ModuleList(
            Branch(channels, branch, doublings, norm) for doublings in range(len(inputs))
        )
        self.dropout = nn.Dropout2d(dropout)
        self.channels = branch

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """maps: finest first, each half as large as the one before → (B, branch, h, w)."""
        levels = [lateral(features) for lateral, features in zip(self.laterals, maps, strict=True)]
        sizes = [level.shape[2:] for level in levels]
        for index in reversed(range(len(levels) - 1)):
            coarse = F.interpolate(levels[index + 1], sizes[index], mode="nearest")
            levels[index] = levels[index] + coarse
        finest: list[Tensor] = [
            branch(level, sizes[:index])
            for index, (branch, level) in enumerate(zip(self.branches, levels, strict=True))
        ]
        merged: Tensor = self.dropout(sum(finest[1:], finest[0]))
        return merged


class Branch(nn.Module):
    """A convolution before each doubling of the resolution; one if there is none."""

    def __init__(self, inputs: int, outputs: int, doublings: int, norm: Norm) -> None:
        super().__init__()
        widths = [inputs, *[outputs] * max(1, doublings)]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(narrow, outputs, 3, padding=1, bias=False),
                _norm(norm, outputs),
                nn.ReLU(inplace=True),
            )
            for narrow in widths[:-1]
        )

    def forward(self, maps: Tensor, finer: Sequence[torch.Size]) -> Tensor:
        """maps: (B, inputs, h, w) → (B, outputs, *size of the finest).

        finer: the sizes of all finer levels, finest first
        """
        if not finer:
            single: Tensor = self.layers[0](maps)
            return single
        for layer, size in zip(self.layers, reversed(finer), strict=True):
            # A size, not a factor: an exported graph of any size then stays small.
            maps = F.interpolate(layer(maps), size, mode="bilinear", align_corners=False)
        return maps


def _norm(norm: Norm, channels: int) -> nn.Module:
    match norm:
        case "group":
            return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
        case "batch":
            return nn.BatchNorm2d(channels)
