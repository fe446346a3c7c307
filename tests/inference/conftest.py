"""A small torch model, its bundle, and generated videos for dense scoring."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.inference.bundle import Bundle, InputPlan
from playhead.learning.export import export_bundle
from playhead.samples.windows import WindowSpec

SIZE = (24, 16)
PLAN = InputPlan(window=WindowSpec(), rate="25", size=SIZE)


class TinyFusion(nn.Module):
    """A 2D part that sees left from right, and a 3D part; the interface of the real one."""

    stack = 3

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

    def picture(self, k: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
        return np.random.default_rng(k).integers(0, 256, size[::-1], dtype=np.uint8)

    def stream(
        self, *, pixels: str, size: tuple[int, int], wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        assert pixels == "luma"
        for k in wanted.tolist():
            if k not in self.unreadable:
                self.given.append(k)
                yield k, self.picture(k, size)


@pytest.fixture(scope="session")
def model() -> TinyFusion:
    return tiny()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: TinyFusion) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
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
