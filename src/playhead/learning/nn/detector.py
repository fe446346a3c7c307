"""The detector: an encoder, a feature pyramid, and a decoupled, anchor-free head.

Every cell of every map predicts class logits and the distances to the edges of its box. Small
objects are detected on the fine maps, large ones on the coarse maps.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.errors import ConfigError, WeightsError
from playhead.inference.bundle import Bundle, BundleManifest
from playhead.inference.detectors.custom import cells
from playhead.inference.detectors.plan import DetectorPlan
from playhead.learning.encoders import create_pyramid
from playhead.learning.nn.blocks import ConvNorm
from playhead.learning.parts import ExportPart, noise_images
from playhead.learning.settings import DetectorNetworkConfig
from playhead.learning.state import read_tensors

__all__ = [
    "DetectorNetwork",
    "build_detector",
    "build_from_manifest",
    "cells_of",
    "take_over_weights",
]

PRIOR = 0.01
"""The initial probability of every cell, since nearly all cells are background."""

FIRST_SIDE = 3.0
"""The initial box size of every cell, in cells."""

LARGEST = 6.0
"""The largest log of a box side in cells."""


class DetectorNetwork(nn.Module):
    """Images in, a box and class logits for every cell out."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: DetectorNetworkConfig, classes: int) -> None:
        super().__init__()
        self.encoder = create_pyramid(config.encoder, config.weights, config.strides)
        self.strides, self.classes = config.strides, classes
        _freeze(self.encoder.network, config.frozen_blocks)
        self.pyramid = FeaturePyramid(self.encoder.channels, config.channels)
        self.heads = nn.ModuleList(
            Head(config.channels, config.head_blocks, classes) for _ in config.strides
        )
        colours = (1, 3, 1, 1)
        mean, std = torch.tensor(self.encoder.mean), torch.tensor(self.encoder.std)
        self.register_buffer("mean", mean.view(colours), persistent=False)
        self.register_buffer("std", std.view(colours), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) in [0, 1], sides multiples of the last stride → (B, N, 4 + C).

        N cells: finest map first, row by row. For each, the distances in pixels from its centre
        to the left, top, right and bottom edges of its box, then C logits.
        """
        images = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        maps = self.pyramid(self.encoder(images))  # at strides 8, 16, 32
        outputs = [
            head(level, stride)
            for head, level, stride in zip(self.heads, maps, self.strides, strict=True)
        ]
        return torch.cat([output.flatten(2).transpose(1, 2) for output in outputs], 1)

    def for_images(self) -> nn.Module:
        """The network as a bundle runs it: uint8 (B, H, W, 3) → the same, with probabilities."""
        return _ForImages(self)

    def export_parts(self, plan: DetectorPlan) -> list[ExportPart]:
        """One part, for images whose sides are multiples of the last stride."""
        side = plan.strides[-1]
        example = noise_images(2, 2 * side, 3 * side, 3)
        return [ExportPart("model", _ForImages(self).eval(), example, {0: 1, 1: side, 2: side})]


class FeaturePyramid(nn.Module):
    """A top-down path of semantic features, then a bottom-up path of precise positions.

    Its convolutions and the heads' are dense: depthwise ones learn far less in a short training.
    """

    def __init__(self, inputs: Sequence[int], channels: int) -> None:
        super().__init__()
        steps = len(inputs) - 1
        self.lateral = nn.ModuleList(ConvNorm(width, channels) for width in inputs)
        self.down = nn.ModuleList(ConvNorm(channels, channels, 3) for _ in range(steps))
        self.reduce = nn.ModuleList(ConvNorm(channels, channels, 3, stride=2) for _ in range(steps))
        self.up = nn.ModuleList(ConvNorm(channels, channels, 3) for _ in range(steps))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """maps: finest first, each half as large as the one before → as many, of equal width."""
        levels = [lateral(features) for lateral, features in zip(self.lateral, maps, strict=True)]
        for index in reversed(range(len(self.down))):
            coarse = F.interpolate(levels[index + 1], scale_factor=2.0, mode="nearest")
            levels[index] = self.down[index](levels[index] + coarse)
        for index, (reduce, mix) in enumerate(zip(self.reduce, self.up, strict=True)):
            levels[index + 1] = mix(levels[index + 1] + reduce(levels[index]))
        return levels


class Head(nn.Module):
    """Decoupled head: a branch for classes and one for boxes, as in "YOLOX" (2021)."""

    def __init__(self, channels: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.what = nn.Sequential(*(ConvNorm(channels, channels, 3) for _ in range(blocks)))
        self.where = nn.Sequential(*(ConvNorm(channels, channels, 3) for _ in range(blocks)))
        self.logits = nn.Conv2d(channels, classes, 1)
        self.box = nn.Conv2d(channels, 4, 1)
        nn.init.constant_(self.logits.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]
        nn.init.normal_(self.box.weight, std=0.01)
        self.box.bias = nn.Parameter(torch.tensor([0.0, 0.0, *[math.log(FIRST_SIDE)] * 2]))

    def forward(self, maps: Tensor, stride: int) -> Tensor:
        """maps: (B, channels, h, w) → (B, 4 + C, h, w), distances in pixels."""
        logits = self.logits(self.what(maps))
        shift, side = self.box(self.where(maps)).float().chunk(2, 1)
        half = side.clamp(max=LARGEST).exp() / 2
        # Distances may be negative, if the centre of the cell is outside of the box.
        return torch.cat([stride * (half - shift), stride * (half + shift), logits.float()], 1)


class _ForImages(nn.Module):
    def __init__(self, detector: DetectorNetwork) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, H, W, 3) → (B, N, 4 + C), C probabilities."""
        unit = images.permute(0, 3, 1, 2).to(self.detector.mean.dtype) / 255
        distances, logits = self.detector(unit).split([4, self.detector.classes], 2)
        return torch.cat([distances, logits.sigmoid()], 2)


def build_detector(config: DetectorNetworkConfig, classes: int) -> DetectorNetwork:
    """The network of `config`, on the CPU in training mode.

    Weights that are not loaded are drawn from torch's generator: seed it before.
    """
    return DetectorNetwork(config, classes)


def build_from_manifest(manifest: BundleManifest) -> tuple[DetectorNetwork, DetectorPlan]:
    """The network of a bundle with random weights, and its input plan.

    Raises ConfigError if the manifest has no configuration of the network.
    """
    values: Any = manifest.training.get("model")
    config = validate(DetectorNetworkConfig, values, source="training.model of the bundle")
    network = build_detector(config.without_start(), len(manifest.classes))
    return network, manifest.plan(DetectorPlan)


def take_over_weights(
    model: DetectorNetwork, classes: tuple[str, ...], bundle: Bundle
) -> tuple[str, ...]:
    """Load the weights of a bundle, classes by name; new classes keep their random weights.

    Returns the classes that were loaded. Raises WeightsError if the bundle has another network.
    """
    tensors, _ = read_tensors(bundle.weights)
    current = model.state_dict()
    further = sorted(tensors.keys() - current.keys())
    known = bundle.manifest.classes
    rows = [(classes.index(label), known.index(label)) for label in classes if label in known]
    for name, tensor in current.items():
        old = tensors.get(name)
        last = name.startswith("heads.") and ".logits." in name
        fits = old is not None and (old.shape[1:] if last else old.shape) == (
            tensor.shape[1:] if last else tensor.shape
        )
        if not fits or old is None or further:
            raise WeightsError(
                f"{bundle.folder}: its {name if not further else further[0]} does not match this "
                "network; start.bundle needs one trained with the same model section"
            )
        if not last:
            tensor.copy_(old)
            continue
        for new_row, old_row in rows:
            tensor[new_row] = old[old_row]
    return tuple(label for label in classes if label in known)


def cells_of(
    height: int, width: int, strides: Sequence[int], device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """The centres (N, 2) as x, y and the strides (N,) of all cells, in the order of `forward`."""
    middles, sides = cells(height, width, tuple(strides))
    return torch.tensor(middles, device=device), torch.tensor(sides, device=device)


def _freeze(network: nn.Module, blocks: int) -> None:
    """Freeze the encoder's stem and its first blocks, which detect generic edges and colours.

    Raises ConfigError if the encoder has fewer blocks.
    """
    if not blocks:
        return
    children = dict(network.named_children())
    inner = children.get("blocks")
    names = [] if isinstance(inner, nn.Sequential) else _stages(children)
    stages = list(inner) if isinstance(inner, nn.Sequential) else [children[name] for name in names]
    if blocks > len(stages):
        raise ConfigError(
            f"model.frozen_blocks is {blocks}, but the encoder has {len(stages)}; freeze fewer"
        )
    first = next(name for name in children if name == "blocks" or name in names)
    stem = list(children.values())[: list(children).index(first)]
    for module in [*stem, *stages[:blocks]]:
        module.requires_grad_(False)


def _stages(children: dict[str, nn.Module]) -> list[str]:
    """The names of the stages of encoders that have no `blocks`."""
    return [name for name in children if name.startswith(("layer", "stages"))]
