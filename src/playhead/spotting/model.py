"""The networks of spotting: slow fusion, and early fusion as its baseline.

The input is a window of grey or colour frames, split into stacks of neighbouring frames. `encode`
is the 2D part, which processes each stack alone, so that overlapping windows can share its maps;
`fuse` is the rest. Early fusion is the case of one stack with the whole window.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.inference.bundle import BundleManifest
from playhead.inference.dense import WindowPlan
from playhead.learning.encoders import create_encoder
from playhead.learning.nn.blocks import ConvNorm, DenseBlock, InvertedResidual3d
from playhead.learning.nn.pooling import GeM
from playhead.learning.parts import ExportPart, noise_images, split_parts
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig

__all__ = ["EarlyFusion", "SlowFusion", "SpottingModel", "build_from_manifest", "build_model"]


class SpottingModel(nn.Module):
    """The common part of both networks: a 2D encoder for stacks of frames.

    stacks: number of stacks in a window; stack: frames in each
    colours: planes of a frame, 1 of luma or 3 of RGB
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig, *, stacks: int, stack: int) -> None:
        super().__init__()
        self.stacks, self.stack = stacks, stack
        self.colours = 3 if config.pixels == "rgb" else 1
        planes = stack * self.colours
        self.differences = config.stack_input == "difference"
        self.frozen = config.freeze_encoder
        self.encoder = create_encoder(
            config.encoder,
            config.weights,
            planes,
            stride=config.encoder_stride,
            small_channels=config.encoder_channels,
            drop_path=config.drop_path,
        )
        self.encoder.requires_grad_(not self.frozen)
        self.project = ConvNorm(self.encoder.channels, config.channels)
        self.normalise = config.normalisation == "encoder"
        shape = (1, planes, 1, 1)
        self.register_buffer("mean", torch.tensor(self.encoder.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(self.encoder.std).view(shape), persistent=False)
        self.multiple = self.encoder.stride * (2 if config.pool_after else 1)

    def train(self, mode: bool = True) -> "SpottingModel":
        """Switch between training and evaluation mode; a frozen encoder stays in evaluation mode.

        Otherwise its batch norm statistics would change and its paths would be dropped.
        """
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def encode(self, stacks: Tensor) -> Tensor:
        """stacks: (N, stack, H, W[, 3]) in [0, 1] → maps (N, channels, h, w), each by itself."""
        if self.colours == 3:  # planes in the order r, g, b of each frame, as of the weights
            stacks = stacks.movedim(-1, 2).flatten(1, 2)
        images = pad_to_multiple(stacks, self.multiple)  # 720 rows → 736
        if self.differences:
            images = middle_and_differences(images, self.colours)
        if self.normalise:
            images = (images - self.mean) / self.std
        images = images.contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.project(self.encoder(images))
        return maps

    def fuse(self, maps: Tensor) -> Tensor:
        """maps: (B, stacks, channels, h, w) → logits (B, classes) for the window's middle."""
        raise NotImplementedError

    def export_parts(self, plan: WindowPlan) -> list[ExportPart]:
        """The 2D part, which sees each stack once, and the fusion."""
        width, height = plan.size
        colours = (3,) if self.colours == 3 else ()
        example = noise_images(2, self.stack, height, width, *colours)
        return split_parts(self, example, stacks=self.stacks)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, H, W[, 3]) in [0, 1] → logits (B, classes) for the window's middle."""
        b, _, *image = frames.shape  # 2, 15, 720, 1280
        stacks = frames.reshape(b * self.stacks, self.stack, *image)  # 10, 3, 720, 1280
        maps = self.encode(stacks)  # 10, 192, 23, 40
        return self.fuse(maps.reshape(b, self.stacks, *maps.shape[1:]))  # 2, 5, 192, 23, 40


class SlowFusion(SpottingModel):
    """2D features of each stack, then 3D blocks over the stacks."""

    def __init__(self, config: ModelConfig, classes: int, *, stacks: int, stack: int) -> None:
        super().__init__(config, stacks=stacks, stack=stack)
        width = config.head_channels
        self.fusion = nn.Sequential(*_fusion_blocks(config, dimensions=3))
        self.joint = config.head == "joint"
        if self.joint:
            self.mix = ConvNorm(stacks * config.channels, width)
        else:
            self.mix = ConvNorm(config.channels, width, dimensions=3)
            width *= stacks
        self.pool = GeM()
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(width, classes)

    def fuse(self, maps: Tensor) -> Tensor:
        """maps: (B, stacks, channels, h, w) → logits (B, classes) for the window's middle."""
        maps = self.fusion(maps.transpose(1, 2))  # 2, 192, 5, 23, 40
        if self.joint:
            pooled = self.pool(self.mix(maps.transpose(1, 2).flatten(1, 2)))
        else:  # pool, then concatenate: the other order moves whole maps, for the same result
            pooled = self.pool(self.mix(maps))  # 2, 256, 5
            pooled = pooled.transpose(1, 2).flatten(1)  # 2, 1280
        logits: Tensor = self.classify(self.dropout(pooled))
        return logits


class EarlyFusion(SpottingModel):
    """The baseline: all frames of the window as channels of one 2D network."""

    def __init__(self, config: ModelConfig, classes: int, *, frames: int) -> None:
        super().__init__(config, stacks=1, stack=frames)
        self.fusion = nn.Sequential(*_fusion_blocks(config, dimensions=2))
        self.mix = ConvNorm(config.channels, config.head_channels)
        self.pool = GeM()
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(config.head_channels, classes)

    def fuse(self, maps: Tensor) -> Tensor:
        """maps: (B, 1, channels, h, w) → logits (B, classes) for the window's middle."""
        maps = self.mix(self.fusion(maps.squeeze(1)))
        logits: Tensor = self.classify(self.dropout(self.pool(maps)))
        return logits


def build_model(config: ModelConfig, classes: int, window: WindowSpec) -> SpottingModel:
    """The network of `config`, on the CPU in training mode.

    Random weights come from torch's global generator: seed it first.
    """
    match config.kind:
        case "slow_fusion":
            return SlowFusion(config, classes, stacks=window.stacks, stack=window.stack)
        case "early_fusion":
            return EarlyFusion(config, classes, frames=window.frames)


def build_from_manifest(manifest: BundleManifest) -> tuple[SpottingModel, WindowPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.model`.
    """
    values: Any = manifest.training.get("model")
    config = validate(ModelConfig, values, source="training.model of the bundle")
    plan = manifest.plan(WindowPlan)
    return build_model(config.without_start(), len(manifest.classes), plan.window), plan


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Pad with black on all sides until height and width are multiples."""
    bottom, right = (-side % multiple for side in images.shape[-2:])
    if not (bottom or right):
        return images
    top, left = bottom // 2, right // 2
    return F.pad(images, (left, right - left, top, bottom - top))


def middle_and_differences(images: Tensor, colours: int = 1) -> Tensor:
    """(N, k * colours, H, W) → the middle frame, then the k - 1 differences of neighbours."""
    middle = images.shape[1] // colours // 2 * colours
    differences = images[:, colours:] - images[:, :-colours]
    return torch.cat((images[:, middle : middle + colours], differences), dim=1)


def _fusion_blocks(config: ModelConfig, *, dimensions: int) -> list[nn.Module]:
    """The fusion blocks, with one spatial pooling after `pool_after` blocks."""
    blocks: list[nn.Module] = []
    for index in range(config.fusion_blocks):
        if config.pool_after and index == config.pool_after:
            blocks.append(nn.MaxPool3d((1, 2, 2)) if dimensions == 3 else nn.MaxPool2d(2))
        if dimensions == 3 and config.fusion == "inverted":
            blocks.append(
                InvertedResidual3d(
                    config.channels,
                    expansion=config.expansion,
                    squeeze=config.squeeze,
                    drop_path=config.drop_path,
                )
            )
        else:
            blocks.append(
                DenseBlock(config.channels, dimensions=dimensions, drop_path=config.drop_path)
            )
    return blocks
