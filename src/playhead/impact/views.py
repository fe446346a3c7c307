"""Views: which videos show the same play, and how far their clocks are apart."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError, MediaError, PlayheadError
from playhead.events.formats.nfl import play_and_view
from playhead.events.manifest import ManifestRow
from playhead.inference.dense import VideoStream
from playhead.media import open_video, stream_audio
from playhead.progress import progress

__all__ = [
    "OffsetEstimate",
    "PlayView",
    "estimate_offset",
    "estimate_view_offset",
    "loudness",
    "motion_energy",
    "named_view",
    "plays_of",
    "views_of_manifest",
    "views_of_paths",
    "with_estimated_offsets",
]

NAME = re.compile(r"(?P<play>.+)_(?P<view>[A-Za-z][A-Za-z0-9-]*)")
APART = 0.25
"""Seconds beyond which another peak of the correlation is another offset."""
LEAST_CONFIDENCE, LEAST_CORRELATION = 0.1, 0.5
"""Below one of them an estimated offset is a guess. Many short unrelated videos reach the first
alone, few of them both.
"""
SOUND_RATE, SOUND_STEP = 8000, 80
"""Samples a second, and samples of one value of the loudness: 10 ms."""
SILENCE = 1e-3
"""Root mean square, 60 dB below full scale, below which all sound is silence."""


@dataclass(frozen=True, slots=True)
class PlayView:
    """A video as one view of a play.

    play: common to the views; view: None for a video that is not one of several views
    offset: seconds from the play's clock to this video's times
    estimate: where the offset was estimated, the estimate as JSON values; note: on it, for the user
    """

    video: Path
    play: str
    view: str | None = None
    offset: float = 0.0
    estimate: Mapping[str, Any] | None = None
    note: str | None = None


def views_of_manifest(rows: Sequence[ManifestRow]) -> list[PlayView]:
    """The views of a manifest's videos: those of one `group` with different `view`.

    A row without a view is by itself. The offset of a row is that from the labels' clock, which the
    views of a play share.
    Raises LabelError for more than two views of a group, or two of the same name.
    """
    views = [
        PlayView(row.video, row.group if row.view else row.name, row.view, row.offset)
        for row in rows
    ]
    _check(views)
    return views


def views_of_paths(videos: Sequence[Path]) -> list[PlayView]:
    """The views of videos by their names: `57583_000082_Endzone.mp4`, or `PLAY_VIEW.mp4`.

    Videos of one folder with the same PLAY are views of it; a video of another name is by itself.
    Raises LabelError for more than two views of a play.
    """
    folders = [video.absolute().parent for video in videos]
    common = Path(os.path.commonpath(folders)) if folders else Path()
    views = []
    for video, folder in zip(videos, folders, strict=True):
        play, view = named_view(video.name) or (video.stem, None)
        views.append(PlayView(video, (folder.relative_to(common) / play).as_posix(), view))
    _check(views)
    return views


def named_view(name: str) -> tuple[str, str] | None:
    """The play and the view in the name of a video; None if it has none."""
    try:
        return play_and_view(name)
    except LabelError:
        match = NAME.fullmatch(Path(name).stem)
        return None if match is None else (match["play"], match["view"])


def plays_of(views: Sequence[tuple[str, str | None]]) -> list[list[int]]:
    """The indices of videos with the same play, in order; those without a view are by themselves.

    views: (play, view) of each video
    """
    groups: dict[object, list[int]] = {}
    for at, (play, view) in enumerate(views):
        groups.setdefault(play if view is not None else at, []).append(at)
    return list(groups.values())


def _check(views: Sequence[PlayView]) -> None:
    for play in plays_of([(view.play, view.view) for view in views]):
        names = ", ".join(views[at].video.name for at in play)
        if len(play) > 2:
            raise LabelError(
                f"{views[play[0]].play}: has {len(play)} views ({names}), but a play has at most "
                "two; give a manifest with the columns group and view, or leave some out"
            )
        if len({views[at].view for at in play}) < len(play):
            raise LabelError(
                f"{views[play[0]].play}: two videos ({names}) have the view "
                f"{views[play[0]].view!r}; give each its own in the manifest's column view"
            )


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """The offset of two views, as `samples.views.partner_frames` takes it.

    seconds: the moment at t in the second view is at t + seconds in the first
    correlation: of the motion or sound of both views at this offset, in [-1, 1]
    confidence: its distance to the best correlation at another offset, in [0, 1]
    """

    seconds: float
    correlation: float
    confidence: float
    source: Literal["motion", "sound"] = "motion"

    @property
    def is_confident(self) -> bool:
        """Whether the estimate is more than a guess."""
        return self.confidence >= LEAST_CONFIDENCE and self.correlation >= LEAST_CORRELATION

    @property
    def manifest_offset(self) -> float:
        """The value for the second view in the manifest's column `offset`, seconds."""
        return -round(self.seconds, 3) or 0.0

    @property
    def warning(self) -> str | None:
        """What to keep in mind; None for a confident estimate."""
        if self.is_confident:
            return None
        return (
            f"the estimate is a guess, since the confidence is below {LEAST_CONFIDENCE} or the "
            f"correlation below {LEAST_CORRELATION}; check it, or give --max-seconds if the views "
            "are further apart"
        )

    def describe(self, first: str, second: str) -> str:
        """The estimate for two videos of these names, and how to use it."""
        found = (
            f"when {second} is at t, {first} is at t {self.seconds:+.3f} s (by {self.source}: "
            f"correlation {self.correlation:.2f}, confidence {self.confidence:.2f})"
        )
        if not self.is_confident:
            return found
        return (
            f"{found}\nFor `impact predict`, write {self.manifest_offset:g} in the column `offset` "
            f"of {second} in the manifest, and nothing in that of {first}. It also moves labels in "
            "seconds; labels by frame need a manifest without offsets."
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return asdict(self)


def motion_energy(video: VideoStream, *, size: tuple[int, int] = (64, 36)) -> NDArray[np.float64]:
    """float64 (N,): the mean absolute difference of each frame from the one before, grey levels.

    The first frame has the value of the second. After an unreadable frame the next readable one is
    compared with the last one; unreadable frames are interpolated.
    """
    every = np.arange(len(video.times), dtype=np.int32)
    energy = np.full(len(every), np.nan)
    before: NDArray[np.float32] | None = None
    for k, image in video.stream(pixels="luma", size=size, wanted=every):
        luma = image.astype(np.float32)
        if before is not None:
            energy[k] = np.abs(luma - before).mean()
        before = luma
    known = np.flatnonzero(np.isfinite(energy))
    if not len(known):
        raise PlayheadError(f"{video.path}: needs two readable frames to measure motion")
    return np.asarray(np.interp(every, known, energy[known]), np.float64)


def estimate_offset(
    first_times: NDArray[np.float64],
    first_energy: NDArray[np.float64],
    second_times: NDArray[np.float64],
    second_energy: NDArray[np.float64],
    *,
    max_seconds: float = 2.0,
) -> OffsetEstimate:
    """The offset at which the motion of two views correlates best.

    times, energy: (N,) and (M,), of `motion_energy`; rates may differ. Or those of `loudness`.
    max_seconds: largest offset that is tried; at least half of the shorter video must overlap
    Raises PlayheadError for videos of fewer than 8 frames, or a limit that is not above 0.
    """
    if not 0 < max_seconds < np.inf:
        raise PlayheadError(f"offsets of up to {max_seconds} s; needs a number above 0")
    if min(len(first_times), len(second_times)) < 8:
        raise PlayheadError(
            f"views of {len(first_times)} and {len(second_times)} frames; an estimate of their "
            "offset needs at least 8"
        )
    step = min(float(np.median(np.diff(times))) for times in (first_times, second_times))
    first, second = (
        np.interp(np.arange(0, times[-1], step), times, energy)
        for times, energy in ((first_times, first_energy), (second_times, second_energy))
    )
    most = max(1, round(max_seconds / step))
    least = max(4, min(len(first), len(second)) // 2)
    lags, correlations = [], []
    for lag in range(-most, most + 1):  # second[i] is at first[i + lag]
        start, stop = max(0, -lag), min(len(second), len(first) - lag)
        if stop - start >= least:
            a, b = first[start + lag : stop + lag], second[start:stop]
            a, b = a - a.mean(), b - b.mean()
            scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
            lags.append(lag)
            correlations.append(float((a * b).sum()) / scale if scale > 0 else 0.0)
    curve = np.array(correlations)
    best = int(curve.argmax())
    peak = 0.0
    if 0 < best < len(curve) - 1:  # the top of the parabola through three points
        left, middle, right = curve[best - 1 : best + 2].tolist()
        bend = left - 2 * middle + right
        peak = 0.5 * (left - right) / bend if bend < 0 else 0.0
    others = curve[np.abs(np.array(lags) - lags[best]) * step > APART]
    confidence = float(curve[best] - others.max()) if len(others) else float(curve[best])
    return OffsetEstimate(
        seconds=(lags[best] + peak) * step,
        correlation=float(curve[best]),
        confidence=min(max(confidence, 0.0), 1.0),
    )


def loudness(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The loudness of a video's sound: float64 (N,) seconds and decibels, every 10 ms.

    None if the file has no sound that can be decoded, or less than .08 s of it.
    """
    times, levels = [], []
    try:
        for block in stream_audio(path, rate=SOUND_RATE):
            mono = np.nan_to_num(block.samples.mean(0))
            steps = mono[: len(mono) // SOUND_STEP * SOUND_STEP].reshape(-1, SOUND_STEP)
            level = np.sqrt((steps.astype(np.float64) ** 2).mean(1)).clip(min=SILENCE)
            levels.append(20 * np.log10(level))
            times.append(block.start + (np.arange(len(level)) + 0.5) * SOUND_STEP / SOUND_RATE)
    except MediaError:
        return None
    if sum(map(len, times)) < 8:
        return None
    return np.concatenate(times), np.concatenate(levels)


def estimate_view_offset(first: Path, second: Path, *, max_seconds: float = 2.0) -> OffsetEstimate:
    """The offset of two videos of a play, by their motion or by their sound, if both have any.

    The estimate with the greater confidence is taken. Sound takes 3 ms a metre, so cameras at other
    distances from the play hear it at other moments.
    Raises MediaError for a file that is not a readable video, PlayheadError for one of fewer than 8
    frames.
    """
    with open_video(first) as one, open_video(second) as other:
        best = estimate_offset(
            one.times,
            motion_energy(one),
            other.times,
            motion_energy(other),
            max_seconds=max_seconds,
        )
    here, there = loudness(first), loudness(second)
    if here is not None and there is not None:
        heard = estimate_offset(*here, *there, max_seconds=max_seconds)
        if heard.confidence > best.confidence:
            best = replace(heard, source="sound")
    return best


def with_estimated_offsets(views: Sequence[PlayView]) -> list[PlayView]:
    """The views, with an estimated offset in each play of two views that both have none.

    The first view of such a play is its clock. An estimate that is a guess or fails is not used:
    both views then have a note.
    """
    found = list(views)
    pairs = [
        play
        for play in plays_of([(view.play, view.view) for view in views])
        if len(play) == 2 and not any(views[at].offset for at in play)
    ]
    with progress("estimating offsets", total=len(pairs)) as bar:
        for first, second in pairs:
            names = {"first": views[first].video.name, "second": views[second].video.name}
            note, offset = None, 0.0
            recorded: dict[str, Any] = {**names, "used": False}
            try:
                estimate = estimate_view_offset(views[first].video, views[second].video)
            except PlayheadError as error:
                note = f"the offset of the views cannot be estimated, 0 is used: {error}"
            else:
                recorded |= {**estimate.to_json(), "used": estimate.is_confident}
                if estimate.is_confident:
                    offset = -estimate.seconds
                else:
                    note = (
                        f"the estimated offset of the views, {estimate.seconds:.3f} s, is a guess "
                        f"(correlation {estimate.correlation:.2f}, confidence "
                        f"{estimate.confidence:.2f}), 0 is used"
                    )
            for at, own in ((first, 0.0), (second, offset)):
                found[at] = replace(found[at], offset=own, estimate=recorded, note=note)
            bar.advance(1, names["first"])
    return found
