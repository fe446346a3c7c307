"""Generalised-mean pooling, from mean (p = 1) to maximum (p → ∞), with a learnt p."""

import torch
from torch import Tensor, nn

__all__ = ["GeM"]


class GeM(nn.Module):
    """(mean of xᵖ over the map) to the power 1/p, with one p for all channels.

    Values are clamped to `floor`, since powers of negative numbers are undefined. Always in fp32,
    since cubes overflow half precision from 41.
    """

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), float(p)))
        self.floor = floor

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, ..., h, w) → (B, C, ...)."""
        with torch.autocast(maps.device.type, enabled=False):
            powers = maps.float().clamp(min=self.floor).pow(self.p)
            return powers.mean((-2, -1)).pow(1 / self.p)
