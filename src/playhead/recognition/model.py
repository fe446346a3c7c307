"""The networks of recognition: frames, clips of pixels, and joints over time.

All give logits of the classes; see `plan.py` for what the exported parts take.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from playhead.errors import ConfigError
from playhead.inference.bundle import BundleManifest, InputPlan
from playhead.learning.encoders import create_encoder
from playhead.learning.nn.clips import ClipClassifier
from playhead.learning.nn.i3d import I3D
from playhead.learning.nn.sequences import LSTM
from playhead.learning.parts import ExportPart, noise_images
from playhead.recognition.networks_config import (
    ClipNetworkConfig,
    FramesNetworkConfig,
    KeypointNetworkConfig,
    NetworkConfig,
)
from playhead.recognition.plan import KeypointClipPlan, PixelClipPlan

__all__ = [
    "ClipNetwork",
    "FramesNetwork",
    "KeypointLSTM",
    "KeypointNetwork",
    "KeypointTCN",
    "build_from_manifest",
    "build_network",
    "without_start",
]

Network = FramesNetworkConfig | ClipNetworkConfig | KeypointNetworkConfig


class FramesNetwork(nn.Module):
    """An image encoder, the mean over the map, and a linear layer."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: FramesNetworkConfig, classes: int) -> None:
        super().__init__()
        self.encoder = create_encoder(config.encoder, config.weights)
        self.frozen = config.freeze_encoder
        self.encoder.requires_grad_(not self.frozen)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(self.encoder.channels, classes)
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(self.encoder.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(self.encoder.std).view(shape), persistent=False)

    def train(self, mode: bool = True) -> "FramesNetwork":
        """Switch between training and evaluation mode; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def images(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W) in [0, 1] → logits (N, classes)."""
        images = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        means = self.encoder(images).mean((2, 3))  # 16, 320
        logits: Tensor = self.classify(self.dropout(means))
        return logits

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (B, T, H, W, 3) uint8 → logits (B, classes), means over the frames."""
        b, t = clips.shape[:2]
        images = _unit(clips.flatten(0, 1), self.classify.weight.dtype)  # 16, 3, 160, 160
        logits: Tensor = self.images(images).view(b, t, -1).mean(1)
        return logits

    def export_parts(self, plan: PixelClipPlan) -> list[ExportPart]:
        """The part `frames`: uint8 (B, H, W, 3) → logits (B, classes)."""
        width, height = plan.size
        return [
            ExportPart("frames", _Frames(self).eval(), noise_images(2, height, width, 3), {0: 1})
        ]


class ClipNetwork(nn.Module):
    """A backbone of 3D convolutions, the mean over time and space, and a linear layer."""

    def __init__(self, config: ClipNetworkConfig, classes: int) -> None:
        super().__init__()
        self.i3d = None
        if config.backbone == "factored":
            self.factored = ClipClassifier(
                3, classes, widths=config.widths, blocks=config.blocks, dropout=config.dropout
            )
        else:
            self.i3d = I3D(3, depths=config.depths, width=config.width)
            self.dropout = nn.Dropout(config.dropout)
            self.classify = nn.Linear(self.i3d.channels[-1], classes)

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (B, T, H, W, 3) uint8 → logits (B, classes)."""
        dtype = next(self.parameters()).dtype
        clips = clips.permute(0, 4, 1, 2, 3).to(dtype) / 255  # 2, 3, 16, 96, 96
        if self.i3d is None:
            logits: Tensor = self.factored(clips)
        else:
            logits = self.classify(self.dropout(self.i3d(clips)[-1].mean((2, 3, 4))))
        return logits

    def export_parts(self, plan: PixelClipPlan) -> list[ExportPart]:
        """The part `clip`: uint8 (B, T, H, W, 3) → logits (B, classes)."""
        width, height = plan.size
        example = noise_images(2, plan.frames, height, width, 3)
        return [ExportPart("clip", self, example, {0: 1})]


class KeypointNetwork(nn.Module):
    """The common part of the networks of joints: what they see of normalised keypoints."""

    pairs: Tensor
    bones: Tensor

    def __init__(self, config: KeypointNetworkConfig, plan: KeypointClipPlan) -> None:
        super().__init__()
        _, people, joints, width = plan.shape
        self.average_views, self.flipped = config.average_views, plan.skeleton.flipped()
        self.inputs, self.root = config.inputs, plan.skeleton.indices(plan.skeleton.root)
        self.register_buffer("pairs", torch.triu_indices(joints, joints, 1), persistent=False)
        ends = [plan.skeleton.indices(edge) for edge in plan.skeleton.edges]
        bones = torch.tensor(ends, dtype=torch.int64).view(-1, 2).T
        self.register_buffer("bones", bones, persistent=False)
        values = people * joints  # of one coordinate
        channels = values + people  # confidences, and whether a person is seen
        channels += (values + people) * (width - 1) * ("positions" in self.inputs)
        channels += 2 * values * (width - 1) * ("motion" in self.inputs)
        channels += people * self.pairs.shape[1] * ("distances" in self.inputs)
        channels += people * bones.shape[1] * (width - 1) * ("bones" in self.inputs)
        channels += joints**2 * ("between" in self.inputs and people == 2)
        self.channels = channels

    def features(self, keypoints: Tensor) -> Tensor:
        """keypoints: (B, T, P, J, D + 1), normalised → (B, T, channels)."""
        points, confidence = keypoints[..., :-1], keypoints[..., -1]
        seen = (confidence > 0).to(points.dtype)
        points = points * seen[..., None]
        parts = [seen.flatten(2), seen.amax(3)]
        if "positions" in self.inputs:
            roots = points[..., self.root, :].mean(3, keepdim=True)
            parts += [((points - roots) * seen[..., None]).flatten(2), roots.flatten(2)]
        if "motion" in self.inputs:
            parts += [_steps(points, seen, 1) * 5, _steps(points, seen, 4) * 2]
        if "distances" in self.inputs:
            first, second = points[..., self.pairs[0], :], points[..., self.pairs[1], :]
            both = seen[..., self.pairs[0]] * seen[..., self.pairs[1]]
            distances = (first - second).pow(2).sum(-1).add(1e-6).sqrt() * both
            parts.append(distances.flatten(2))
        if "bones" in self.inputs:
            first, second = points[..., self.bones[0], :], points[..., self.bones[1], :]
            both = seen[..., self.bones[0]] * seen[..., self.bones[1]]
            lengths = (second - first).pow(2).sum(-1, keepdim=True).add(1e-6).sqrt()
            # The summand keeps the direction of a bone that points at the camera from jumping.
            directions = (second - first) / (lengths + 0.1) * both[..., None]
            parts.append(directions.flatten(2))
        if "between" in self.inputs and points.shape[2] == 2:
            parts.append(_between(points, seen))
        return torch.cat(parts, 2)

    def forward(self, keypoints: Tensor) -> Tensor:
        """keypoints: (B, T, P, J, D + 1), normalised → logits (B, classes)."""
        if not self.average_views or self.training:
            return self.logits(keypoints)
        mirrored = torch.cat([-keypoints[..., :1], keypoints[..., 1:]], -1)[..., self.flipped, :]
        views = [keypoints, mirrored]
        if keypoints.shape[2] == 2:
            views += [view.flip(2) for view in views]
        logits = self.logits(torch.cat(views))  # all clips in one view, then in the next
        return logits.view(len(views), keypoints.shape[0], -1).mean(0)

    def logits(self, keypoints: Tensor) -> Tensor:
        """The logits (B, classes) of one view: this order of the people, not mirrored."""
        raise NotImplementedError

    def export_parts(self, plan: KeypointClipPlan) -> list[ExportPart]:
        """The part `keypoints`: float32 (B, length, P, J, D + 1) → logits (B, classes)."""
        values = torch.linspace(-1, 1, 2 * plan.length).view(2, plan.length, 1, 1, 1)
        ramp = torch.linspace(0.5, 1, plan.shape[2]).view(1, 1, 1, -1, 1)
        example = (values * ramp).expand(2, *plan.shape).clone()
        example[..., -1] = example[..., -1].abs()
        return [ExportPart("keypoints", self.for_export(), example, {0: 1})]

    def for_export(self) -> "KeypointNetwork":
        """The network as it is exported."""
        return self


class KeypointTCN(KeypointNetwork):
    """Residual blocks of dilated convolutions over time, then the mean and the maximum."""

    def __init__(self, config: KeypointNetworkConfig, plan: KeypointClipPlan, classes: int) -> None:
        super().__init__(config, plan)
        width = config.width
        self.norm = nn.BatchNorm1d(self.channels)
        self.enter = nn.Conv1d(self.channels, width, 1)
        blocks: list[nn.Module] = []
        for dilation in config.dilations:
            if blocks and config.halve:
                blocks.append(nn.MaxPool1d(2))
            blocks.append(_TemporalBlock(width, dilation, config.dropout))
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(config.last_dropout)
        self.classify = nn.Linear(2 * width, classes)

    def logits(self, keypoints: Tensor) -> Tensor:
        """keypoints: (B, T, P, J, D + 1), normalised → logits (B, classes)."""
        sequence = self.norm(self.features(keypoints).transpose(1, 2))  # 2, 300, 48
        sequence = self.blocks(F.relu(self.enter(sequence)))  # 2, 128, 12
        pooled = torch.cat([sequence.mean(2), sequence.amax(2)], 1)
        logits: Tensor = self.classify(self.dropout(pooled))
        return logits


class KeypointLSTM(KeypointNetwork):
    """Recurrent layers, and the mean of their states over time."""

    def __init__(self, config: KeypointNetworkConfig, plan: KeypointClipPlan, classes: int) -> None:
        super().__init__(config, plan)
        self.norm = nn.BatchNorm1d(self.channels)
        self.lstm = LSTM(self.channels, config.width, layers=config.layers, dropout=config.dropout)
        self.dropout = nn.Dropout(config.last_dropout)
        self.classify = nn.Linear(config.width, classes)

    def logits(self, keypoints: Tensor) -> Tensor:
        """keypoints: (B, T, P, J, D + 1), normalised → logits (B, classes)."""
        sequence = self.norm(self.features(keypoints).transpose(1, 2)).transpose(1, 2)
        states = self.lstm(sequence)  # 2, 48, 128
        logits: Tensor = self.classify(self.dropout(states.mean(1)))
        return logits

    def for_export(self) -> "KeypointLSTM":
        """A copy whose recurrent layers are operators of ONNX."""
        network = copy.deepcopy(self).eval()
        network.lstm.prepare_export()
        return network


def build_network(config: Network, classes: int, plan: InputPlan) -> nn.Module:
    """The network of `config`, on the CPU in training mode.

    Random weights come from torch's global generator: seed it first.
    """
    match config:
        case FramesNetworkConfig():
            return FramesNetwork(config, classes)
        case ClipNetworkConfig():
            return ClipNetwork(config, classes)
        case KeypointNetworkConfig():
            assert isinstance(plan, KeypointClipPlan)
            network = KeypointTCN if config.kind == "tcn" else KeypointLSTM
            return network(config, plan, classes)


def without_start(config: Network) -> Network:
    """The same network without pretrained weights, for loading all of its weights later."""
    if isinstance(config, FramesNetworkConfig) and config.encoder != "small":
        return config.model_copy(update={"weights": "none"})
    if isinstance(config, ClipNetworkConfig):
        return config.model_copy(update={"weights": None})
    return config


def build_from_manifest(manifest: BundleManifest) -> tuple[nn.Module, InputPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.network`.
    """
    values: Any = manifest.training.get("network")
    try:
        config: Network = TypeAdapter[Network](NetworkConfig).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"training.network of the bundle is not valid: {error}") from error
    plan: InputPlan
    if isinstance(config, KeypointNetworkConfig):
        plan = manifest.plan(KeypointClipPlan)
    else:
        plan = manifest.plan(PixelClipPlan)
    return build_network(without_start(config), len(manifest.classes), plan), plan


class _Frames(nn.Module):
    def __init__(self, network: FramesNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, H, W, 3) → logits (B, classes)."""
        return self.network.images(_unit(images, self.network.classify.weight.dtype))


class _TemporalBlock(nn.Module):
    """Two dilated convolutions of 3 with batch norm, added to the input."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()

        def convolution() -> nn.Conv1d:
            return nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False)

        self.branch = nn.Sequential(
            convolution(),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            convolution(),
            nn.BatchNorm1d(width),
        )

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (B, width, T) → the same shape."""
        return F.relu(sequence + self.branch(sequence))


def _steps(points: Tensor, seen: Tensor, step: int) -> Tensor:
    """Differences over `step` points in time around each point → (B, T, P * J * D).

    points: (B, T, P, J, D); seen: (B, T, P, J), 1 where a joint is seen
    """
    moved = points[:, step:] - points[:, :-step]
    moved = moved * (seen[:, step:] * seen[:, :-step])[..., None]
    before = (step + 1) // 2
    return F.pad(moved.flatten(2), (0, 0, before, step - before))


def _between(points: Tensor, seen: Tensor) -> Tensor:
    """Distances of each joint of one person to each of the other → (B, T, J * J).

    points: (B, T, 2, J, D); seen: (B, T, 2, J), 1 where a joint is seen
    """
    apart = points[:, :, 0, :, None] - points[:, :, 1, None]  # B, T, J, J, D
    both = seen[:, :, 0, :, None] * seen[:, :, 1, None]
    return (apart.pow(2).sum(-1).add(1e-6).sqrt() * both).flatten(2)


def _unit(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 (N, H, W, 3) → (N, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).to(dtype) / 255
