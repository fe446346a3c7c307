"""The network of tracked helmets: a classifier of clips, which motion joins late."""

from typing import Any

import torch
from torch import Tensor, nn

from playhead.config import validate
from playhead.impact.model import as_input
from playhead.impact.tracked.config import TrackedNetworkConfig
from playhead.impact.tracked.plan import TrackClipPlan
from playhead.inference.bundle import BundleManifest
from playhead.learning.nn.clips import ClipClassifier
from playhead.learning.parts import ExportPart, noise_images

__all__ = ["TrackedNetwork", "build_from_manifest"]


class TrackedNetwork(nn.Module):
    """Whether a helmet is in an impact in the marked frame, from its clip and its motion."""

    def __init__(self, config: TrackedNetworkConfig, plan: TrackClipPlan) -> None:
        super().__init__()
        self.plan = plan
        self.pixels = self.motion = None
        features = 0
        if plan.sees_motion:
            narrow = plan.motion_values
            layers: list[nn.Module] = [nn.BatchNorm1d(narrow)]
            for width in config.motion_widths:
                layers += [nn.Linear(narrow, width), nn.ReLU(inplace=True)]
                narrow = width
            self.motion, features = nn.Sequential(*layers), narrow
        if plan.sees_pixels:
            self.pixels = ClipClassifier(
                plan.channels,
                1,
                widths=config.widths,
                blocks=config.blocks,
                extra=features,
                dropout=config.dropout,
            )
        else:
            self.classify = nn.Linear(features, 1)

    def forward(self, crops: Tensor | None, motion: Tensor | None) -> Tensor:
        """crops: (B, C, T, side, side) in [0, 1], motion: (B, motion_values) → logits (B, 1).

        Either is ignored, and may be None, if the network does not see it.
        """
        seen = None if self.motion is None else self.motion(motion)
        logits: Tensor = self.classify(seen) if self.pixels is None else self.pixels(crops, seen)
        return logits

    def export_parts(self, plan: TrackClipPlan) -> list[ExportPart]:
        """The parts `crops` and `tracks`, or `tracks` alone for a network of motion.

        crops: uint8 (B, T, side, side, C) → features (B, F)
        tracks: (B, F + motion_values), features and motion → probabilities (B, 1)
        """
        parts, features = [], 0
        if self.pixels is not None:
            example = noise_images(2, plan.frames, plan.side, plan.side, plan.channels)
            parts.append(ExportPart("crops", _Crops(self.pixels).eval(), example, {0: 1}))
            features = self.pixels.features
        values = torch.linspace(0, 1, 2 * (features + plan.motion_values)).view(2, -1)
        parts.append(ExportPart("tracks", _Tracks(self, features).eval(), values, {0: 1}))
        return parts


class _Crops(nn.Module):
    def __init__(self, network: ClipClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        """crops: uint8 (B, T, side, side, C) → features (B, F)."""
        dtype = self.network.classify.weight.dtype
        return self.network.embed(as_input(crops, crops.shape[-1], dtype))


class _Tracks(nn.Module):
    def __init__(self, network: TrackedNetwork, features: int) -> None:
        super().__init__()
        self.motion = network.motion
        last = network.classify if network.pixels is None else network.pixels.classify
        self.classify, self.features = last, features

    def forward(self, values: Tensor) -> Tensor:
        """values: (B, F + motion_values) → probabilities (B, 1)."""
        if self.motion is not None:
            motion = self.motion(values[:, self.features :])
            values = torch.cat([values[:, : self.features], motion], 1)
        return torch.sigmoid(self.classify(values))


def build_from_manifest(manifest: BundleManifest) -> tuple[TrackedNetwork, TrackClipPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.network`.
    """
    values: Any = manifest.training.get("network")
    config = validate(TrackedNetworkConfig, values, source="training.network of the bundle")
    plan = manifest.plan(TrackClipPlan)
    return TrackedNetwork(config, plan), plan
