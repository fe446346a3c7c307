"""A small classifier of clips, such as crops that follow an object, for a CPU."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from playhead.learning.nn.blocks import ConvNorm
from playhead.learning.nn.factored import FactoredBlock, TemporalConv, per_frame

__all__ = ["ClipClassifier"]


class ClipClassifier(nn.Module):
    """A spatial stem, stages of (2+1)D blocks, the mean over time and space, a linear layer.

    widths: channels of each stage; every stage but the first halves space and time
    blocks: of each stage
    extra: numbers per clip, such as the motion of its track, that join before the last layer
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        widths: Sequence[int] = (24, 48, 96),
        blocks: int = 1,
        extra: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.extra = extra
        self.stem = ConvNorm(in_channels, widths[0], 5, stride=2, activation=nn.ReLU)
        self.stages = nn.ModuleList()
        narrow = widths[0]
        for index, width in enumerate(widths):
            stage = nn.Sequential(*(FactoredBlock(width) for _ in range(blocks)))
            if index:
                stage.insert(0, _Halve(narrow, width))
            self.stages.append(stage)
            narrow = width
        self.dropout = nn.Dropout(dropout)
        self.features = widths[-1]
        self.classify = nn.Linear(self.features + extra, classes)

    def embed(self, clips: Tensor) -> Tensor:
        """clips: (B, in_channels, T, H, W) in [0, 1] → features (B, widths[-1])."""
        b, _, t = clips.shape[:3]
        frames = clips.transpose(1, 2).flatten(0, 1)
        frames = self.stem(frames.contiguous(memory_format=torch.channels_last))
        maps = frames.view(b, t, *frames.shape[1:])  # 2, 16, 24, 32, 32 for crops of 64x64
        for stage in self.stages:
            maps = stage(maps)  # 2, 8, 48, 16, 16, then 2, 4, 96, 8, 8
        means: Tensor = maps.mean((1, 3, 4))
        return means

    def forward(self, clips: Tensor, extra: Tensor | None = None) -> Tensor:
        """clips: (B, in_channels, T, H, W) in [0, 1], extra: (B, extra) → logits (B, classes).

        Raises ValueError if `extra` is missing or given in vain.
        """
        if (extra is None) != (self.extra == 0):
            given = "none" if extra is None else "some"
            raise ValueError(f"needs {self.extra} further features per clip, but got {given}")
        features = self.dropout(self.embed(clips))
        if extra is not None:
            features = torch.cat([features, extra], 1)
        logits: Tensor = self.classify(features)
        return logits


class _Halve(nn.Module):
    """Time first, which halves the work of the spatial convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.temporal = TemporalConv(inputs, inputs, 3, stride=2, padded=True)
        self.spatial = ConvNorm(inputs, outputs, 3, stride=2, activation=nn.ReLU)

    def forward(self, maps: Tensor) -> Tensor:
        return per_frame(self.spatial, self.temporal(maps))
