"""The collision networks of impact: an I3D, and a small network that shares features of frames.

A collision network describes one frame of a clip, the marked one, on a grid with a stride of 4
pixels. Its six channels are those of `targets.grid_target`, as logits.
"""

import math
from itertools import pairwise
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.impact.network_config import CollisionNetworkConfig
from playhead.impact.plan import ClipGridPlan
from playhead.impact.targets import GRID_STRIDE
from playhead.inference.bundle import BundleManifest
from playhead.learning.nn.blocks import ConvNorm, DenseBlock
from playhead.learning.nn.factored import TemporalConv, per_frame
from playhead.learning.nn.fpn import SegmentationPyramid
from playhead.learning.nn.i3d import I3D
from playhead.learning.parts import ExportPart, noise_images

__all__ = [
    "CollisionNetwork",
    "FactoredCollisionNetwork",
    "I3DCollisionNetwork",
    "as_input",
    "build_collision_network",
    "build_from_manifest",
    "pad_to_multiple",
]

CHANNELS = 6
PRIOR = 0.01
"""The initial probability of centres and impacts, which nearly all cells are without."""


class SizedPlan(Protocol):
    """The part of an input plan that fixes the size of frames."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""


class CollisionNetwork(nn.Module):
    """The common part of both networks: a backbone, a pyramid over its maps, a head."""

    backbone: nn.Module

    def __init__(self, config: CollisionNetworkConfig, maps: tuple[int, ...]) -> None:
        super().__init__()
        self.colours = 3 if config.pixels == "rgb" else 1
        self.frames, self.before, self.marker = config.frames, config.before, config.marker
        self.frozen = config.freeze_backbone
        self.pyramid = SegmentationPyramid(
            maps,
            channels=config.pyramid_channels,
            branch=config.branch_channels,
            norm=config.norm,
            dropout=config.dropout,
        )
        self.head = nn.Conv2d(config.branch_channels, CHANNELS, 3, padding=1)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[[0, -1]] = -math.log((1 - PRIOR) / PRIOR)

    def train(self, mode: bool = True) -> "CollisionNetwork":
        """Switch between training and evaluation mode; a frozen backbone stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.backbone.requires_grad_(False).eval()
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (B, 1 or 3, T, H, W) in [0, 1] → logits (B, 6, ceil(H / 4), ceil(W / 4))."""
        raise NotImplementedError

    def export_parts(self, plan: SizedPlan) -> list[ExportPart]:
        """The graphs for frames of the plan's size, with the sigmoid."""
        raise NotImplementedError


class I3DCollisionNetwork(CollisionNetwork):
    """The network of the recipe: an I3D ResNet whose maps are averaged over time."""

    multiple = 32
    backbone: I3D

    def __init__(self, config: CollisionNetworkConfig) -> None:
        colours = 3 if config.pixels == "rgb" else 1
        backbone = I3D(
            colours + config.marker,
            depths=config.depths,
            width=config.width,
            stem_frames=5 if config.stem == "5x7x7" else 3,
            pad_stem=config.stem == "5x7x7",
        )
        super().__init__(config, backbone.channels)
        self.backbone = backbone
        self.chunk_frames = 0 if config.marker else config.chunk_frames

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (B, 1 or 3, T, H, W) in [0, 1] → logits (B, 6, ceil(H / 4), ceil(W / 4)).

        More than T frames are a chunk of clips, see `forward_chunks`.
        """
        if clips.shape[2] > self.frames:
            return self.forward_chunks(clips)
        rows, columns = grid_size(*clips.shape[-2:])  # 180, 320
        if self.marker:
            mark = torch.zeros_like(clips[:, :1])
            mark[:, :, self.before] = 1
            clips = torch.cat([clips, mark], 1)
        clips = pad_to_multiple(clips, self.multiple)  # 1, 4, 8, 736, 1280
        maps = [features.mean(2) for features in self.backbone(clips)]
        grid: Tensor = self.head(self.pyramid(maps))  # 1, 6, 184, 320
        return grid[..., :rows, :columns]

    def forward_chunks(self, chunks: Tensor) -> Tensor:
        """chunks: (B, 1 or 3, L, H, W) in [0, 1] → logits (B * (L - T + 1), 6, ceil(H / 4), ...).

        It approximates `forward` of the clips of each chunk, in order: clip k is the frames k to
        k + T - 1. The backbone runs once on the chunk, and each clip takes the means over its own
        time steps. Two things differ. The convolutions along time see the neighbouring frames
        where a clip by itself is padded with zeros. And time is halved at the even frames of the
        chunk: a clip that starts at an odd frame covers half of its first and of its last step,
        which count half; that is the mean of the two neighbouring windows of steps. The last step
        of a chunk of odd length has one frame.

        Raises ValueError if the network has a marker, which differs between clips, or if a chunk
        is shorter than a clip.
        """
        if self.marker:
            raise ValueError("a network with a marker cannot share its layers between clips")
        clips = chunks.shape[2] - self.frames + 1
        if clips < 1:
            raise ValueError(f"a chunk of {chunks.shape[2]} frames; a clip has {self.frames}")
        rows, columns = grid_size(*chunks.shape[-2:])
        chunks = pad_to_multiple(chunks, self.multiple)  # 1, 3, 25, 736, 1280
        # 1, 256, 25, 184, 320 - 1, 512, 13, 92, 160 - 1, 1024, 13, 46, 80 - 1, 2048, 13, 23, 40
        fine, *coarse = self.backbone(chunks)
        steps = fine.shape[2] - clips + 1  # of one clip
        grids = []
        for first in range(clips):  # one by one, since their pyramids would fill the memory
            maps = [fine[:, :, first : first + steps].mean(2)]
            for level in coarse:
                windows = [
                    level[:, :, start : start + steps // 2].mean(2)
                    for start in (first // 2, (first + 1) // 2)  # equal if `first` is even
                ]
                maps.append((windows[0] + windows[1]) / 2)
            grids.append(self.head(self.pyramid(maps))[..., :rows, :columns])
        return torch.stack(grids, 1).flatten(0, 1)

    def export_parts(self, plan: SizedPlan) -> list[ExportPart]:
        """The part `model`, and before it `chunk` if the network has `chunk_frames` (L).

        model: uint8 (B, T, H, W), or (B, T, H, W, 3) in colour → probabilities (B, 6, h, w)
        chunk: uint8 (1, L, H, W), or (1, L, H, W, 3) → (L - T + 1, 6, h, w) of `forward_chunks`
        """
        width, height = plan.size
        shape = (height, width) + ((3,) if self.colours == 3 else ())
        clips = noise_images(2, self.frames, *shape)
        parts = [ExportPart("model", _Clips(self).eval(), clips, {0: 1})]
        if self.chunk_frames:
            frames = noise_images(1, self.chunk_frames, *shape)
            parts.insert(0, ExportPart("chunk", _Clips(self, chunks=True).eval(), frames, {}))
        return parts


class FactoredCollisionNetwork(CollisionNetwork):
    """A small network whose features of a frame are shared by all clips that hold it.

    The stem sees single frames, with and without the mark. Then time is halved first, and shrinks
    by temporal convolutions without padding. The pyramid sees the remaining time steps as
    channels. So without the mark, the network is also a convolution along time; see `fuse_chunks`.
    """

    backbone: "FactoredBackbone"

    def __init__(self, config: CollisionNetworkConfig) -> None:
        kernels, steps = [], [max(1, config.frames // 2)]
        for _ in config.widths[1:]:
            kernels.append(min(3, steps[-1]))
            steps.append(steps[-1] - kernels[-1] + 1)  # 4, 2, 1 of 8 frames
        maps = [width * left for width, left in zip(config.widths, steps, strict=True)]
        wide, fine = maps[0], config.fine_channels
        if fine:
            maps[0] = fine
        super().__init__(config, tuple(maps))
        self.fine = nn.Sequential(
            *(ConvNorm(c, fine, 3, activation=nn.ReLU) for c in ((wide, fine) if fine else ()))
        )
        self.steps = steps
        self.multiple = GRID_STRIDE * 2 ** (len(config.widths) - 1)
        self.backbone = FactoredBackbone(self.colours, config, kernels)

    def encode(self, frames: Tensor) -> Tensor:
        """frames: (N, 1 or 3, H, W) in [0, 1] → features (N, V, stem_channels, h, w).

        V is 2, without and with the mark, or 1 for a network without marker.
        """
        return self.backbone.encode(self._padded(frames))

    def fuse(self, features: Tensor) -> Tensor:
        """features: (B, T, stem_channels, h, w), with the mark in frame `before` only → logits.

        The grid (B, 6, h, w) includes padding at the bottom and right.
        """
        maps = self.backbone(features)  # 1, 4, 24, 184, 320 - 1, 2, 40, 92, 160 - 1, 1, 56, 46, 80
        return self._decode([level.flatten(1, 2) for level in maps])

    def fuse_chunks(self, features: Tensor) -> Tensor:
        """features: (B, L, stem_channels, h, w) of chunks → (B * (L - T + 1), 6, h, w).

        It equals `fuse` of the clips of each chunk, in order, but shares all layers before the
        pyramid.
        Raises ValueError if the network has a marker, which differs between clips.
        """
        if self.marker:
            raise ValueError("a network with a marker cannot share its layers between clips")
        clips = features.shape[1] - self.frames + 1
        maps = []
        for level, steps in zip(self.backbone(features, chunk=True), self.steps, strict=True):
            taps = [level.narrow(1, 2 * step, clips) for step in range(steps)]
            joined = torch.cat(taps, 2).flatten(0, 1)
            maps.append(joined.contiguous(memory_format=torch.channels_last))
        return self._decode(maps)

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (B, 1 or 3, T, H, W) in [0, 1] → logits (B, 6, ceil(H / 4), ceil(W / 4)).

        More than T frames hold as many clips, each one frame later: (B, 1 or 3, T + K - 1, H, W) →
        (B * K, ...).
        """
        b, _, t, h, w = clips.shape  # 1, 3, 8, 720, 1280
        rows, columns = grid_size(h, w)
        marks = torch.arange(t, device=clips.device) == self.before
        frames = self._padded(clips.transpose(1, 2).flatten(0, 1))
        features = self.backbone.stem(frames, marks.repeat(b) if self.marker else None)
        fuse = self.fuse if t == self.frames else self.fuse_chunks
        return fuse(features.view(b, t, *features.shape[1:]))[..., :rows, :columns]

    def export_parts(self, plan: SizedPlan) -> list[ExportPart]:
        """The part `frames`, and one for the features that it gives: `windows`, or `sequence`.

        frames: uint8 (N, H, W), or (N, H, W, 3) in colour → features (N, V, c, h, w) of `encode`
        windows, with a marker: (B, T, c, h, w) → probabilities (B, 6, ceil(H / 4), ceil(W / 4))
        sequence, without: L consecutive frames (B, L, c, h, w) → those of their clips,
        (B * (L - T + 1), 6, ...)
        """
        width, height = plan.size
        images = noise_images(*(2, height, width) + ((3,) if self.colours == 3 else ()))
        frames = _Frames(self).eval()
        with torch.inference_mode():
            features = frames(images)[:, :1]  # 2, 1, 16, 54, 96
        rest = _Windows(self, *grid_size(height, width)).eval()
        if self.marker:
            windows = features.repeat_interleave(self.frames, 1).clone()  # 2, 8, 16, 54, 96
            fused = ExportPart("windows", rest, windows, {0: 1})
        else:
            sequence = features.repeat_interleave(self.frames + 2, 1).clone()  # 2, 10, 16, 54, 96
            fused = ExportPart("sequence", rest, sequence, {0: 1, 1: 1}, {1: self.frames})
        return [ExportPart("frames", frames, images, {0: 1}), fused]

    def _decode(self, maps: list[Tensor]) -> Tensor:
        """maps: of each level, with its time steps as channels → the grid."""
        grid: Tensor = self.head(self.pyramid([self.fine(maps[0]), *maps[1:]]))
        return grid

    def _padded(self, frames: Tensor) -> Tensor:
        frames = pad_to_multiple(frames, self.multiple)
        return frames.contiguous(memory_format=torch.channels_last)


class FactoredBackbone(nn.Module):
    """The stem for single frames, and the maps of clips at strides 4, 8, 16 and so on.

    kernels: of the temporal convolution of each level but the first
    """

    def __init__(self, colours: int, config: CollisionNetworkConfig, kernels: list[int]) -> None:
        super().__init__()
        c = config.stem_channels
        self.pixels = nn.Conv2d(colours, c, 7, 2, 3, bias=False)
        # The first layer is linear: what the mark adds to it is the same for every frame.
        self.mark = nn.Conv2d(1, c, 7, 2, 3, bias=False) if config.marker else None
        self.after_first = nn.Sequential(
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            ConvNorm(c, c, 3, stride=2, activation=nn.ReLU),
        )
        halves = min(2, config.frames)  # a single frame has no time to halve
        self.halve_time = TemporalConv(c, config.widths[0], halves, stride=halves)
        self.finest = DenseBlock(config.widths[0], dimensions=2)
        self.levels = nn.ModuleList(
            FactoredLevel(narrow, wide, kernel)
            for (narrow, wide), kernel in zip(pairwise(config.widths), kernels, strict=True)
        )

    def stem(self, frames: Tensor, marks: Tensor | None = None) -> Tensor:
        """frames: (N, colours, H, W), marks: bool (N,) → (N, stem_channels, H / 4, W / 4)."""
        maps = self.pixels(frames)
        if self.mark is not None and marks is not None:
            maps = maps + marks.to(maps.dtype).view(-1, 1, 1, 1) * self._marked(frames)
        features: Tensor = self.after_first(maps)
        return features

    def encode(self, frames: Tensor) -> Tensor:
        """frames: (N, colours, H, W) → (N, 1 or 2, stem_channels, H / 4, W / 4)."""
        maps = self.pixels(frames)[:, None]
        if self.mark is not None:
            maps = torch.cat([maps, maps + self._marked(frames)], 1)
        return per_frame(self.after_first, maps)

    def forward(self, features: Tensor, *, chunk: bool = False) -> list[Tensor]:
        """features: (B, T, stem_channels, h, w) → (B, steps, width, h / 2**i, w / 2**i) of level i.

        chunk: compute the maps of every clip in T frames, each two frames apart from its next step
        """
        maps = self.halve_time(features, dilation=1 if chunk else None)
        maps = per_frame(self.finest, maps)
        levels = [maps]
        for level in self.levels:
            maps = level(maps, dilation=2 if chunk else None)
            levels.append(maps)
        return levels

    def _marked(self, frames: Tensor) -> Tensor:
        assert self.mark is not None
        marked: Tensor = self.mark(torch.ones_like(frames[:1, :1]))
        return marked


class FactoredLevel(nn.Module):
    """Shrink time, halve space, then one residual block on single time steps."""

    def __init__(self, narrow: int, wide: int, kernel: int) -> None:
        super().__init__()
        self.temporal = TemporalConv(narrow, narrow, kernel)
        self.spatial = nn.Sequential(
            ConvNorm(narrow, wide, 3, stride=2, activation=nn.ReLU),
            DenseBlock(wide, dimensions=2),
        )

    def forward(self, maps: Tensor, *, dilation: int | None) -> Tensor:
        """maps: (B, T, narrow, h, w) → (B, T - kernel + 1, wide, h / 2, w / 2)."""
        return per_frame(self.spatial, self.temporal(maps, dilation=dilation))


class _Clips(nn.Module):
    def __init__(self, network: I3DCollisionNetwork, *, chunks: bool = False) -> None:
        super().__init__()
        self.network, self.chunks = network, chunks

    def forward(self, clips: Tensor) -> Tensor:
        """clips: uint8 (B, T, H, W), or (B, T, H, W, 3) → probabilities (B, 6, h, w).

        Of chunks, (B, L, H, W) or (B, L, H, W, 3) → (B * (L - T + 1), 6, h, w).
        """
        network = self.network
        pixels = as_input(clips, network.colours, network.head.weight.dtype)
        return torch.sigmoid(network.forward_chunks(pixels) if self.chunks else network(pixels))


class _Frames(nn.Module):
    def __init__(self, network: FactoredCollisionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        """frames: uint8 (N, H, W), or (N, H, W, 3) → features (N, V, c, h, w)."""
        network = self.network
        return network.encode(as_input(frames, network.colours, network.head.weight.dtype))


class _Windows(nn.Module):
    def __init__(self, network: FactoredCollisionNetwork, rows: int, columns: int) -> None:
        super().__init__()
        self.network, self.rows, self.columns = network, rows, columns

    def forward(self, features: Tensor) -> Tensor:
        """features: (B, T, c, h, w) → probabilities (B, 6, rows, columns).

        Without a marker, (B, L, c, h, w) → (B * (L - T + 1), 6, rows, columns).
        """
        network = self.network
        grid = network.fuse(features) if network.marker else network.fuse_chunks(features)
        return torch.sigmoid(grid)[..., : self.rows, : self.columns]


def build_collision_network(config: CollisionNetworkConfig) -> CollisionNetwork:
    """The network of `config`, on the CPU in training mode.

    Its weights are drawn from torch's generator: seed it before.
    """
    match config.kind:
        case "i3d":
            network: CollisionNetwork = I3DCollisionNetwork(config)
        case "factored":
            network = FactoredCollisionNetwork(config)
    return network.train()


def build_from_manifest(manifest: BundleManifest) -> tuple[CollisionNetwork, ClipGridPlan]:
    """The network of a bundle, with random weights, and its input plan.

    Raises ConfigError for a bundle without a valid `training.network`.
    """
    values: Any = manifest.training.get("network")
    config = validate(CollisionNetworkConfig, values, source="training.network of the bundle")
    return build_collision_network(config), manifest.plan(ClipGridPlan)


def as_input(pixels: Tensor, colours: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (B, ..., H, W) of one colour, or (B, ..., H, W, colours) → (B, colours, ..., H, W).

    The result is in [0, 1]; so it serves images and clips.
    """
    pixels = pixels[:, None] if colours == 1 else pixels.movedim(-1, 1)
    return pixels.to(dtype) / 255


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the grid of a frame."""
    return -(-height // GRID_STRIDE), -(-width // GRID_STRIDE)


def pad_to_multiple(maps: Tensor, multiple: int) -> Tensor:
    """Pad with zeros at the bottom and on the right until height and width are multiples."""
    bottom, right = (-side % multiple for side in maps.shape[-2:])
    return F.pad(maps, (0, right, 0, bottom)) if bottom or right else maps
