"""The helmet network of impact: frames in, heat maps of helmets out."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.model import PRIOR, as_input, pad_to_multiple
from playhead.impact.network_config import HelmetNetworkConfig
from playhead.inference.bundle import BundleManifest, InputPlan
from playhead.learning.encoders import create_pyramid
from playhead.learning.nn.fpn import SegmentationPyramid
from playhead.learning.parts import ExportPart, noise_images

__all__ = ["HelmetNetwork", "build_from_manifest", "build_helmet_network"]


class HelmetNetwork(nn.Module):
    """An encoder and a pyramid: frames in, a heat map of helmets in full resolution out."""

    mean: Tensor
    std: Tensor
    strides = (4, 8, 16, 32)

    def __init__(self, config: HelmetNetworkConfig) -> None:
        super().__init__()
        self.colours = 3 if config.pixels == "rgb" else 1
        self.encoder = create_pyramid(config.encoder, config.weights, self.strides)
        self.pyramid = SegmentationPyramid(
            self.encoder.channels,
            channels=config.pyramid_channels,
            branch=config.branch_channels,
            norm=config.norm,
            dropout=config.dropout,
        )
        self.head = nn.Conv2d(config.branch_channels, 1, 3, padding=1)
        nn.init.constant_(self.head.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]
        colours = (1, 3, 1, 1)
        mean, std = torch.tensor(self.encoder.mean), torch.tensor(self.encoder.std)
        self.register_buffer("mean", mean.view(colours), persistent=False)
        self.register_buffer("std", std.view(colours), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """images: (B, 1 or 3, H, W) in [0, 1] → logits (B, H, W)."""
        height, width = images.shape[-2:]  # 720, 1280
        return self.of_multiples(pad_to_multiple(images, self.strides[-1]))[:, :height, :width]

    def of_multiples(self, images: Tensor) -> Tensor:
        """`forward` for sides that are multiples of 32; with padding, a graph exports slowly."""
        size = images.shape[-2:]  # 736, 1280
        # The three channels of the mean repeat a grey one.
        images = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        grid = self.head(self.pyramid(self.encoder(images)))  # 1, 1, 184, 320
        return F.interpolate(grid, size, mode="bilinear", align_corners=False).squeeze(1)

    def export_parts(self, plan: InputPlan) -> list[ExportPart]:
        """One part: uint8 (B, H, W), or (B, H, W, 3) in colour → probabilities (B, H, W).

        Sides are multiples of 32.
        """
        side = self.strides[-1]
        example = noise_images(2, 2 * side, 3 * side, *((3,) if self.colours == 3 else ()))
        return [ExportPart("model", _Images(self).eval(), example, {0: 1, 1: side, 2: side})]


class _Images(nn.Module):
    def __init__(self, network: HelmetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, H, W), or (B, H, W, 3) → probabilities (B, H, W)."""
        network = self.network
        unit = as_input(images, network.colours, network.mean.dtype)
        return torch.sigmoid(network.of_multiples(unit))


def build_helmet_network(config: HelmetNetworkConfig) -> HelmetNetwork:
    """The network of `config`, on the CPU in training mode.

    Its weights are drawn from torch's generator: seed it before.

    Raises ConfigError for an unknown encoder, WeightsError if its weights do not exist or fit.
    """
    return HelmetNetwork(config)


def build_from_manifest(manifest: BundleManifest) -> tuple[HelmetNetwork, HeatMapPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.network`.
    """
    values: Any = manifest.training.get("network")
    config = validate(HelmetNetworkConfig, values, source="training.network of the bundle")
    return build_helmet_network(config.without_start()), manifest.plan(HeatMapPlan)
