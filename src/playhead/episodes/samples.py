"""Samples of the training of a network of clips: the inputs, the boundary, whether there is one.

A sample depends only on (seed, epoch, index). The time shift moves a clip and its boundary by the
same whole seconds; what it uncovers is silent and black, like the end of a clip that is too short.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.clips import ClipRow, read_features, seen_part
from playhead.episodes.plan import COLUMNS_PER_SECOND, BoundaryClipPlan
from playhead.errors import LabelError

__all__ = ["ClipSamples", "label_rows", "shifted"]

Sample = dict[str, NDArray[Any]]


class ClipSamples:
    """Clips with their boundaries, for training or, without `seed`, in their order.

    seed: of the order and of the shifts; shift: the largest, seconds
    repeats: how often an epoch shows each clip; cached: keep the features in memory
    Raises LabelError if there are no clips; on reading, if the boundary is not in the part seen.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        plan: BoundaryClipPlan,
        *,
        seed: int | None = None,
        shift: int = 0,
        repeats: int = 1,
        cached: bool = True,
    ) -> None:
        if not rows:
            raise LabelError("there are no clips of the kinds that data.kinds names")
        self.rows, self.plan, self.seed = rows, plan, seed
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
        arrays, start = seen_part(read_features(row.path), self.plan, row.kind)
        boundary = 0.0 if row.boundary is None else row.boundary - start
        if not 0 <= boundary <= self.plan.seconds:
            raise LabelError(
                f"{row.path}: the boundary at {row.boundary} s is not in the {self.plan.seconds} s "
                f"from {start} s that the network sees; correct it, leave it empty if there is "
                "none, or set data.seconds"
            )
        sample: Sample = {
            **arrays,
            "boundary": np.array(boundary, np.float32),
            "present": np.array(row.boundary is not None, np.float32),
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
    result = np.zeros_like(values)
    count = values.shape[axis] - abs(steps)
    if count > 0:
        target = np.take(values, np.arange(count) + max(0, -steps), axis)
        place = [slice(None)] * values.ndim
        place[axis] = slice(max(0, steps), max(0, steps) + count)
        result[tuple(place)] = target
    return result


def label_rows(rows: Sequence[ClipRow]) -> list[str]:
    """One line for each clip with its label, which must be the same when a run is resumed."""
    return [f"{row.name} {row.kind} {row.boundary} {row.series}" for row in rows]
