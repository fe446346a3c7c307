"""Small prepared clips whose sound, frames and text change at the boundary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from playhead.episodes.plan import columns_of

SECONDS = 24


def write_clip(
    path: Path, boundary: float | None, *, seconds: float = SECONDS, seed: int = 0
) -> None:
    """A noisy clip that is loud, bright and full of text before its boundary."""
    rng = np.random.default_rng(seed)
    columns, count = columns_of(seconds), round(seconds)
    until = 0.0 if boundary is None else boundary
    mfcc = rng.normal(0, 0.3, (20, columns)).astype(np.float32)
    mfcc[:4, : round(until * 22050 / 512)] += 2
    frames = rng.integers(0, 60, (count, 66, 88, 3), dtype=np.uint8)
    frames[: round(until)] += 120
    text = np.zeros((count, 27, 36), np.uint8)
    text[: round(until), 18:24, 6:30] = 1
    np.savez(path, mfcc=mfcc, frames=frames, text=text, seconds=seconds)


def write_table(folder: Path, boundaries: Sequence[float | None], *, valid: int = 2) -> Path:
    """A table of clips, of which the last `valid` are for validation; each is its own series."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["clip,kind,boundary,series,split"]
    for index, boundary in enumerate(boundaries):
        kind = ("opening", "ending")[index % 2]
        name = f"clip{index}_{('start', 'end')[index % 2]}.npz"
        write_clip(folder / name, boundary, seed=index)
        split = "valid" if index >= len(boundaries) - valid else "train"
        text = "" if boundary is None else repr(boundary)
        lines.append(f"{name},{kind},{text},series{index},{split}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "clips.csv"
