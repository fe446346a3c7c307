"""Small prepared clips whose sound, frames and text change at the boundary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from playhead.episodes.features.table import FeatureRow, Features, write_features, write_table
from playhead.episodes.network.plan import COLUMNS_PER_SECOND, columns_of

SECONDS = 24


def make_clip(boundary: float | None, *, seconds: float = SECONDS, seed: int = 0) -> Features:
    """A noisy clip that is loud, bright and full of text before its boundary."""
    rng = np.random.default_rng(seed)
    count = round(seconds)
    until = 0.0 if boundary is None else boundary
    mfcc = rng.normal(0, 0.3, (20, columns_of(seconds))).astype(np.float32)
    mfcc[:4, : round(until * COLUMNS_PER_SECOND)] += 2
    frames = rng.integers(0, 60, (count, 66, 88, 3), dtype=np.uint8)
    frames[: round(until)] += 120
    text = np.zeros((count, 27, 36), np.bool_)
    text[: round(until), 18:24, 6:30] = True
    return Features(mfcc=mfcc, frames=frames, text=text, seconds=seconds)


def write_clips(folder: Path, boundaries: Sequence[float | None], *, valid: int = 2) -> Path:
    """A folder of prepared clips, the last `valid` for validation; each is its own series."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, boundary in enumerate(boundaries):
        name = f"clip{index:02d}_{('start', 'end')[index % 2]}"
        write_features(make_clip(boundary, seed=index), folder / f"{name}.npz")
        rows.append(
            FeatureRow(
                name=name,
                file=f"{name}.npz",
                group=f"series{index}",
                seconds=SECONDS,
                label=boundary,
                split="valid" if index >= len(boundaries) - valid else "train",
            )
        )
    write_table(rows, folder / "features.csv")
    return folder
