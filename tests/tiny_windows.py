"""A small torch model, its bundle, and generated videos for dense scoring."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.inference.bundle import Bundle, BundleManifest
from playhead.inference.dense import WindowPlan
from playhead.learning.export import export_bundle
from playhead.learning.parts import ExportPart, noise_images, split_parts
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec

SIZE = (24, 16)
PLAN = WindowPlan(window=WindowSpec(), rate="25", size=SIZE)


class TinyFusion(nn.Module):
    """A 2D part that sees left from right, and a 3D part; the interface of the real one."""

    def __init__(self, stack: int = 3, stacks: int = 5) -> None:
        super().__init__()
        self.stack, self.stacks = stack, stacks
        self.encoder = nn.Sequential(
            nn.Conv2d(stack, 6, 5, stride=4, padding=2), nn.BatchNorm2d(6), nn.SiLU()
        )
        self.fusion = nn.Sequential(nn.Conv3d(6, 8, 3, padding=1), nn.BatchNorm3d(8), nn.SiLU())
        self.classify = nn.Linear(8 * stacks * 4 * 6, 2)

    def encode(self, stacks: Tensor) -> Tensor:
        maps: Tensor = self.encoder(stacks)
        return maps

    def fuse(self, maps: Tensor) -> Tensor:
        fused = self.fusion(maps.transpose(1, 2)).flatten(1)
        logits: Tensor = self.classify(fused)
        return logits

    def export_parts(self, plan: WindowPlan) -> list[ExportPart]:
        width, height = plan.size
        return split_parts(self, noise_images(2, self.stack, height, width), stacks=self.stacks)

    def forward(self, luma: Tensor) -> Tensor:
        b, _, h, w = luma.shape
        maps = self.encode(luma.reshape(b * self.stacks, self.stack, h, w))
        return self.fuse(maps.view(b, self.stacks, *maps.shape[1:]))


class TinyWhole(nn.Module):
    """A model that cannot be split."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(15, 6, 5, stride=4, padding=2), nn.SiLU(), nn.Flatten(), nn.Linear(144, 2)
        )

    def forward(self, luma: Tensor) -> Tensor:
        logits: Tensor = self.net(luma)
        return logits

    def export_parts(self, plan: WindowPlan) -> list[ExportPart]:
        width, height = plan.size
        example = noise_images(2, plan.window.frames, height, width)
        return [ExportPart("model", _Probabilities(self).eval(), example, {0: 1})]


class _Probabilities(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, luma: Tensor) -> Tensor:
        return torch.sigmoid(self.model(luma.float() / 255))


def tiny(seed: int = 0, stack: int = 3) -> TinyFusion:
    torch.manual_seed(seed)
    model = TinyFusion(stack=stack, stacks=15 // stack)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


@dataclass
class GeneratedVideo:
    """Frames made from their number, so that no file and no memory holds them."""

    times: NDArray[np.float64]
    unreadable: frozenset[int] = frozenset()
    path: Path = Path("generated.mp4")
    given: list[int] = field(default_factory=list)

    @classmethod
    def at(cls, rate: float, frames: int, unreadable: range = range(0)) -> "GeneratedVideo":
        return cls(np.arange(frames) / rate, frozenset(unreadable))

    @property
    def duration(self) -> float:
        step = self.times[1] - self.times[0] if len(self.times) > 1 else 0.04
        return float(self.times[-1] + step)

    def image(self, k: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
        return np.random.default_rng(k).integers(0, 256, size[::-1], dtype=np.uint8)

    def stream(
        self, *, pixels: str, size: tuple[int, int], fit: str, wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        assert (pixels, fit) == ("luma", "stretch")
        for k in wanted.tolist():
            if k not in self.unreadable:
                self.given.append(k)
                yield k, self.image(k, size)


def window_by_window(
    model: torch.nn.Module, video: GeneratedVideo, manifest: BundleManifest, *, flip: bool = False
) -> NDArray[np.float32]:
    """The straightforward way: every window decoded, stacked and forwarded by itself."""
    plan = manifest.plan(WindowPlan)
    grid = make_grid(video.times, video.duration, plan.grid_rate)
    scores = []
    for point in range(len(grid)):
        shown = grid.frames[plan.window.window_points(point, len(grid))]
        luma = torch.from_numpy(np.stack([video.image(int(k), plan.size) for k in shown]))[None]
        views = [luma, luma.flip(-1)] if flip else [luma]
        with torch.inference_mode():
            each = [torch.sigmoid(model(view.float() / 255)) for view in views]
        scores.append(torch.stack(each).mean(0)[0].numpy())
    return np.array(scores)


def write_tiny_bundle(model: nn.Module, folder: Path) -> Bundle:
    """The bundle of a tiny model, with figures and decisions of no meaning."""
    return export_bundle(
        model,
        folder,
        job="spotting",
        classes=("pass", "drive"),
        plan=PLAN,
        post_processing={"min_height": 0.2},
        metrics={"map@1": 0.71},
        training={"epochs": 3},
    )
