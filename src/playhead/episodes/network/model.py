"""AVTNet: the boundary in a clip from its sound, frames and text; and its second look.

Each input gives features of every moment, which is a second. They are fused, a head gives the first
answer from all moments, and a second look refines it from a few.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.episodes.network.plan import (
    CELL,
    COEFFICIENTS,
    CUT,
    FRAME_SHAPE,
    MASK_SHAPE,
    BoundaryClipPlan,
    Input,
)
from playhead.episodes.network.settings import BoundaryNetworkConfig
from playhead.inference.bundle import BundleManifest
from playhead.learning.encoders import create_encoder
from playhead.learning.nn.sequences import PooledGRU, ResNet1d, SqueezeExcite1d
from playhead.learning.parts import ExportPart, noise_images

__all__ = ["AVTNet", "Answer", "build_from_manifest"]


class Answer(NamedTuple):
    """The outputs of a network for B clips; what it does not give is None.

    first: (B,), the first answer, seconds
    moments: (B, T), logits of the moments
    start: (B,), the start of the second look, seconds; length: of it, seconds
    within: (B,), the second answer as a share of `length` from `start`
    presence: (B,), logits of whether there is a boundary
    """

    first: Tensor
    moments: Tensor | None
    start: Tensor | None
    length: int
    within: Tensor | None
    presence: Tensor | None

    @property
    def seconds(self) -> Tensor:
        """(B,), the last answer, seconds."""
        if self.start is None or self.within is None:
            return self.first
        return self.start + self.length * self.within


class AVTNet(nn.Module):
    """The network of the configuration for clips of the plan."""

    def __init__(self, config: BoundaryNetworkConfig, plan: BoundaryClipPlan) -> None:
        super().__init__()
        self.inputs, self.moments = config.inputs, plan.seconds
        recurrent: dict[str, Any] = {
            "pooled": plan.seconds,
            "layers": config.recurrent_layers,
            "dropout": config.recurrent_dropout,
        }
        states = 2 * config.hidden
        fused = 0
        self.sizes: dict[Input, int] = {}
        if "sound" in config.inputs:
            self.sound = ResNet1d(COEFFICIENTS, config.sound_widths, config.sound_blocks)
            length = self.sound.out_length(plan.columns)
            self.hear = PooledGRU(self.sound.channels, config.hidden, length=length, **recurrent)
            self.sizes["sound"] = states
            fused += states
        if "frames" in config.inputs:
            self.frames = FrameEncoder(config)
            self.sizes["frames"] = self.frames.channels
        if "text" in config.inputs:
            self.text = TextEncoder(config.text_widths)
            self.sizes["text"] = config.text_widths[-1]
        seen = self.sizes.get("frames", 0) + self.sizes.get("text", 0)
        if seen:
            self.see = PooledGRU(seen, config.hidden, length=plan.seconds, **recurrent)
            fused += states
        self.weigh = SqueezeExcite1d(
            fused, max(1, fused // config.squeeze), activation=nn.ReLU, bias=False
        )
        self.dropout = nn.Dropout(config.fused_dropout)
        self.head = _head(config, fused, plan.seconds)
        self.scores = config.head == "moments"
        self.second: SecondLook | None = None
        if config.second != "none":
            self.second = SecondLook(fused, plan.seconds, centred=config.second == "centred")
        self.presence = nn.Linear(fused, 1) if config.presence else None

    def forward(self, clips: dict[str, Tensor]) -> Answer:
        """clips: `sound` float32 (B, 20, columns), `frames` uint8 (B, T, 66, 88, 3) and `text`
        uint8 (B, T, 27, 36) in {0, 1}, those that the network sees → the answer for each clip.
        """
        features = []
        for name in self.sizes:
            values = clips[name]
            if name == "sound":
                features.append(self.embed_sound(values))  # B, 200, 2048
            else:
                embed = self.embed_frames if name == "frames" else self.embed_text
                embedded = embed(values.flatten(0, 1))
                features.append(embedded.view(*values.shape[:2], -1))  # B, 200, 512 or 128
        return self.answer(torch.cat(features, 2))

    def embed_sound(self, sound: Tensor) -> Tensor:
        """sound: (B, 20, columns), MFCC → (B, T, 2 * hidden)."""
        heard: Tensor = self.hear(self.sound(sound).transpose(1, 2))  # of B, 512, 270
        return heard

    def embed_frames(self, frames: Tensor) -> Tensor:
        """frames: uint8 (N, 66, 88, 3) → (N, channels)."""
        features: Tensor = self.frames(frames)
        return features

    def embed_text(self, masks: Tensor) -> Tensor:
        """masks: uint8 (N, 27, 36) in {0, 1} → (N, channels)."""
        features: Tensor = self.text(masks)
        return features

    def answer(self, features: Tensor) -> Answer:
        """features: (B, T, S + F + X), of all inputs side by side → the answer for each clip."""
        branches = [features]
        if "sound" in self.sizes:
            heard, seen = features.tensor_split((self.sizes["sound"],), 2)
            branches = [heard, self.see(seen)] if seen.shape[2] else [heard]
        else:
            branches = [self.see(features)]
        fused = self.dropout(self.weigh(torch.cat(branches, 2).transpose(1, 2)))  # B, 4096, 200
        presence = None if self.presence is None else self.presence(fused.mean(2))[:, 0].float()
        line = self.head(fused).float()
        moments = None
        if self.scores:
            moments = line
            middles = torch.arange(self.moments, device=line.device) + 0.5
            first = line.softmax(1) @ middles
        else:
            first = self.moments * line[:, 0].sigmoid()
        if self.second is None:
            return Answer(first, moments, None, 0, None, presence)
        start = self.second.start(first)
        within = self.second(fused, start)
        return Answer(first, moments, start.float(), self.second.length, within, presence)

    def export_parts(self, plan: BoundaryClipPlan) -> list[ExportPart]:
        """The parts of `BoundaryClipPlan`: one for each input, and `answer`."""
        for module in self.modules():
            if isinstance(module, PooledGRU):
                module.prepare_export()
        examples = {
            "sound": _noise(2, COEFFICIENTS, plan.columns),
            "frames": noise_images(2, *FRAME_SHAPE, 3),
            "text": noise_images(2, *MASK_SHAPE) % 2,
        }
        parts = [
            ExportPart(name, _Embed(self, name).eval(), examples[name], {0: 1})
            for name in self.sizes
        ]
        features = _noise(2, plan.seconds, sum(self.sizes.values()))
        return [*parts, ExportPart("answer", _Outputs(self).eval(), features, {0: 1})]


class FrameEncoder(nn.Module):
    """Features of single frames: a 2D network, averaged over its map."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: BoundaryNetworkConfig) -> None:
        super().__init__()
        self.encoder = create_encoder(
            config.encoder, config.weights, small_channels=config.frame_channels
        )
        self.channels = self.encoder.channels
        self.scale, self.normalise = config.frame_scale, config.normalisation == "encoder"
        self.dropout = nn.Dropout(config.frame_dropout)
        for name, values in (("mean", self.encoder.mean), ("std", self.encoder.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: uint8 (N, 66, 88, 3) → (N, channels)."""
        images = frames.permute(0, 3, 1, 2).to(self.mean.dtype)
        if self.scale > 1:
            images = F.avg_pool2d(images, self.scale)
        images = images / 255
        if self.normalise:
            images = (images - self.mean) / self.std
        images = images.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.dropout(self.encoder(images).mean((2, 3)))
        return features


class TextEncoder(nn.Module):
    """Features of single masks of text: convolutions that halve the mask, averaged over the map."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        narrow = 1
        for width in widths:
            convolution = nn.Conv2d(narrow, width, 3, padding=1)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            narrow = width
        self.layers = nn.Sequential(*layers)

    def forward(self, masks: Tensor) -> Tensor:
        """masks: uint8 (N, 27, 36) in {0, 1} → (N, channels)."""
        weight = next(self.parameters())
        features: Tensor = self.layers(masks[:, None].to(weight.dtype)).mean((2, 3))
        return features


class SecondLook(nn.Module):
    """The answer again, as a share of a few moments that are cut out around the first answer.

    centred: CUT seconds with the first answer in their middle; otherwise the cell of CELL seconds
    that holds it, the first one starting at 0
    """

    def __init__(self, channels: int, moments: int, *, centred: bool) -> None:
        super().__init__()
        self.centred, self.moments = centred, moments
        self.length = CUT if centred else CELL
        self.score = nn.Conv1d(channels, 1, 1)
        self.activation = nn.Mish()
        self.line = nn.Linear(self.length, 1)

    def start(self, first: Tensor) -> Tensor:
        """first: (B,) seconds → int64 (B,), the first of the moments that are cut out.

        A cut that would begin before the clip or end after it is moved into it.
        """
        if self.centred:
            start = first.detach().round() - self.length // 2
        else:
            start = (first.detach() / self.length).floor() * self.length
        return start.long().clamp(0, self.moments - self.length)

    def forward(self, fused: Tensor, start: Tensor) -> Tensor:
        """fused: (B, C, T), start: int64 (B,) → (B,) in [0, 1]."""
        # The convolution looks at one moment at a time, so it may come before the cut.
        scores = self.activation(self.score(fused))[:, 0]  # B, 200
        steps = torch.arange(self.length, device=start.device)
        cut = scores.gather(1, start[:, None] + steps)
        within: Tensor = self.line(cut)[:, 0].float().sigmoid()
        return within


def _head(config: BoundaryNetworkConfig, channels: int, moments: int) -> nn.Sequential:
    """(B, C, T) → logits (B, 1) of the answer as a share of the clip, or (B, T) of the moments."""
    wide = config.head_channels
    match config.head:
        case "one-layer":
            layers: list[nn.Module] = [nn.Conv1d(channels, 1, 1), nn.Mish()]
        case "two-layer":
            layers = [nn.Conv1d(channels, wide, 1), nn.Mish(), nn.Conv1d(wide, 1, 1), nn.Mish()]
        case "moments":
            layers = [nn.Conv1d(channels, wide, 1), nn.Mish(), nn.Conv1d(wide, 1, 1)]
    layers.append(nn.Flatten(1))
    if config.head != "moments":
        units = config.head_units
        layers += [nn.Linear(moments, units), nn.Mish(), nn.Linear(units, 1)]
    return nn.Sequential(*layers)


class _Embed(nn.Module):
    def __init__(self, network: AVTNet, name: Input) -> None:
        super().__init__()
        self.network, self.input = network, name

    def forward(self, values: Tensor) -> Tensor:
        match self.input:
            case "sound":
                return self.network.embed_sound(values)
            case "frames":
                return self.network.embed_frames(values)
            case "text":
                return self.network.embed_text(values)


class _Outputs(nn.Module):
    def __init__(self, network: AVTNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """features: (B, T, S + F + X) → (B, 3 + moments), see `BoundaryClipPlan`."""
        answer = self.network.answer(features)
        present = answer.presence
        present = torch.ones_like(answer.first) if present is None else present.sigmoid()
        columns = torch.stack([answer.seconds, answer.first, present], 1)
        if answer.moments is None:
            return columns
        return torch.cat([columns, answer.moments.softmax(1)], 1)


def build_from_manifest(manifest: BundleManifest) -> tuple[AVTNet, BoundaryClipPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.network`.
    """
    values: Any = manifest.training.get("network")
    config = validate(BoundaryNetworkConfig, values, source="training.network of the bundle")
    plan = manifest.plan(BoundaryClipPlan)
    return AVTNet(config.without_start(), plan), plan


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))
