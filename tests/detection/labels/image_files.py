"""Sets of small images that really are on disk."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.events.images import ImageSet, LabelledImage


def draw(path: Path, size: tuple[int, int] = (64, 48), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def labelled(
    path: Path,
    boxes: list[list[float]],
    labels: list[int],
    scores: list[float] | None = None,
    size: tuple[int, int] = (64, 48),
    **said: str,
) -> LabelledImage:
    return LabelledImage(
        path,
        size,
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(labels, np.int32),
        np.array(scores or [1.0] * len(labels), np.float32),
        **said,
    )


def same(one: ImageSet, other: ImageSet, within: float = 1e-6) -> bool:
    """Whether two sets hold the same boxes, in the same order."""
    return one.classes == other.classes and all(
        a.size == b.size
        and a.labels.tolist() == b.labels.tolist()
        and a.scores.tolist() == b.scores.tolist()
        and np.allclose(a.boxes, b.boxes, rtol=0, atol=within)
        for a, b in zip(one.images, other.images, strict=True)
    )


def denied(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Let folders refuse to be listed, which permissions do for all but the superuser."""
    listed = os.scandir

    def scandir(path: Path | str) -> object:
        if Path(path) in folders:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
