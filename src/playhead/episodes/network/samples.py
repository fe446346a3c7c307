"""Samples of the training of a network of clips: the inputs, the boundary, whether there is one.

A sample depends only on (seed, epoch, index). The time shift moves a clip and its boundary by the
same whole seconds; what it uncovers is silent and black, like the end of a clip that is too short.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.features.table import FeatureRow, read_features
from playhead.episodes.network.clips import clip_part, seen_part
from playhead.episodes.network.plan import COLUMNS_PER_SECOND, BoundaryClipPlan
from playhead.errors import LabelError

__all__ = ["ClipSamples", "label_rows", "shifted"]

Sample = dict[str, NDArray[Any]]


class ClipSamples:
    """Clips with their boundaries, shuffled and shifted for training, or in their order.

    rows: labelled clips, in `folder`; seed: of the order and the shifts, None for the order of rows
    shift: the largest, seconds; repeats: how often an epoch shows each clip
    cached: keep the features in memory
    Reading a clip raises LabelError if its boundary is not in the part that is seen.
    """

    def __init__(
        self,
        rows: Sequence[FeatureRow],
        folder: Path,
        plan: BoundaryClipPlan,
        *,
        seed: int | None = None,
        shift: int = 0,
        repeats: int = 1,
        cached: bool = True,
    ) -> None:
        self.rows, self.folder, self.plan, self.seed = rows, folder, plan, seed
        self.shift, self.repeats, self.cached = shift, repeats, cached
        self._kept: dict[int, Sample] = {}
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self.repeats * len(self.rows)

    def sample(self, epoch: int, index: int) -> Sample:
        """{sound, frames, text, boundary float32 (), present float32 ()} without the inputs that
        the network does not see; the boundary is 0 where there is none.
        """
        if self.seed is None:
            return self.clip(index % len(self.rows))
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._order = epoch, rng.permutation(len(self))
        clip = self.clip(int(self._order[1][index]) % len(self.rows))
        if self.shift == 0:
            return clip
        rng = np.random.default_rng([self.seed, epoch, index])
        earliest, latest = -self.shift, self.shift
        if clip["present"]:  # the boundary stays in the clip
            earliest = max(earliest, int(np.ceil(-clip["boundary"])))
            latest = min(latest, int(np.floor(self.plan.seconds - clip["boundary"])))
        return shifted(clip, int(rng.integers(earliest, latest, endpoint=True)))

    def clip(self, index: int) -> Sample:
        """The sample of row `index`, as it is."""
        if index in self._kept:
            return self._kept[index]
        row = self.rows[index]
        path = self.folder / row.file
        arrays, start = seen_part(read_features(path), self.plan, clip_part(row.name))
        boundary = 0.0 if row.label is None else row.label - start
        if not 0 <= boundary <= self.plan.seconds:
            raise LabelError(
                f"{path}: the boundary at {row.label} s is not in the {self.plan.seconds} s from "
                f"{start} s that the network sees; correct it, write none if there is none, or set "
                "data.seconds"
            )
        sample: Sample = {
            **arrays,
            "boundary": np.array(boundary, np.float32),
            "present": np.array(row.label is not None, np.float32),
        }
        if self.cached:
            self._kept[index] = sample
        return sample


def shifted(sample: Sample, seconds: int) -> Sample:
    """The sample with its inputs and its boundary moved by whole `seconds`, later if positive."""
    moved = dict(sample)
    if "sound" in sample:
        moved["sound"] = _moved(sample["sound"], round(seconds * COLUMNS_PER_SECOND), axis=1)
    for name in ("frames", "text"):
        if name in sample:
            moved[name] = _moved(sample[name], seconds, axis=0)
    if sample["present"]:
        moved["boundary"] = sample["boundary"] + np.float32(seconds)
    return moved


def _moved(values: NDArray[Any], steps: int, *, axis: int) -> NDArray[Any]:
    length = values.shape[axis]
    kept = np.take(values, range(max(0, -steps), min(length, length - steps)), axis)
    widths = [(0, 0)] * values.ndim
    widths[axis] = min(max(0, steps), length), min(max(0, -steps), length)
    return np.pad(kept, widths)


def label_rows(rows: Sequence[FeatureRow]) -> list[str]:
    """One line for each clip with its label, which must be the same when a run is resumed."""
    return [f"{row.name} {row.label} {row.group}" for row in rows]
