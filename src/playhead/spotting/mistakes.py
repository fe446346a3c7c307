"""The worst mistakes of a report: missed events and false positives, each with its moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores
from playhead.metrics.headline import Headline
from playhead.metrics.matching import match_events
from playhead.report.images import RGB
from playhead.report.strips import read_frames
from playhead.spotting.moments import local_link, moment_clip, strip_offsets
from playhead.spotting.report_data import ShownMistake

__all__ = ["FrameReader", "worst_mistakes"]

SHOWN = 12  # of each kind
CLIPS = 24
CLIP_BYTES = 6_000_000 * 3 // 4  # a data URI has 4 characters for 3 bytes

FrameReader = Callable[[str, Sequence[float]], list[tuple[float, RGB]]]
"""Reads the frames of a video, by name, nearest to some times: (seconds, RGB (H, W, 3))."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A mistake and the name of its video in the ground truth."""

    video: str
    shown: ShownMistake


def worst_mistakes(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    headline: Headline,
    *,
    page: Path,
    frames: FrameReader | None = None,
) -> list[ShownMistake]:
    """The misses with the lowest scores, then the false positives with the highest.

    headline: its window decides what a mistake is, its spacing how far apart frames are
    page: the report, for links to videos from it
    frames: reads the frames of film strips, by default from the video files
    At most 12 of each kind; clips of them as long as 6 MB suffice, the worst first.
    """
    by_video = {video.video: video for video in predictions}
    misses: list[_Found] = []
    false_positives: list[_Found] = []
    for video in truth:
        if video.video not in by_video:
            continue
        match = match_events(video, by_video[video.video], headline.width)
        name = Path(video.video).name
        for event in match.misses:
            score = _highest_near(scores.get(video.video), event, headline.width)
            miss = ShownMistake(name, "miss", event.label, event.start, score)
            misses.append(_Found(video.video, miss))
        for event in match.false_positives:
            extra = ShownMistake(name, "false positive", event.label, event.start, event.score)
            false_positives.append(_Found(video.video, extra))
    misses.sort(key=lambda found: found.shown.score or 0.0)
    false_positives.sort(key=lambda found: found.shown.score or 0.0, reverse=True)

    worst = misses[:SHOWN] + false_positives[:SHOWN]
    clips = _clips(worst)
    read = frames or _read_file
    shown = []
    for number, found in enumerate(worst):
        offsets = strip_offsets(_spacing(headline), _frame_seconds(scores.get(found.video)))
        times = (found.shown.time + np.array(offsets)).clip(0).tolist()
        shown.append(
            replace(
                found.shown,
                frames=read(found.video, times),
                clip=clips.get(number),
                link=local_link(Path(found.video), page),
            )
        )
    return shown


def _clips(worst: Sequence[_Found]) -> dict[int, bytes]:
    """The clips of mistakes by their position: misses and false positives in turn."""
    misses = [n for n, found in enumerate(worst) if found.shown.kind == "miss"]
    others = [n for n in range(len(worst)) if n not in misses]
    in_turn = sorted(range(len(worst)), key=lambda n: (misses if n in misses else others).index(n))
    clips: dict[int, bytes] = {}
    left = CLIP_BYTES
    for number in in_turn[:CLIPS]:
        found = worst[number]
        clip = moment_clip(Path(found.video), found.shown.time)
        if clip is not None and len(clip) <= left:
            clips[number] = clip
            left -= len(clip)
    return clips


def _highest_near(scores: Scores | None, event: Event, width: float) -> float | None:
    """The highest score of the event's class in the window; None without any score."""
    if scores is None or event.label not in scores.classes:
        return None
    near = np.abs(scores.times - event.start) <= width / 2
    values = scores.values[near, scores.classes.index(event.label)]
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else None


def _spacing(headline: Headline) -> float | None:
    return None if headline.spacing is None else headline.spacing.seconds


def _frame_seconds(scores: Scores | None) -> float:
    """The duration of a frame: that of the grid of the scores, else 1/25 s."""
    if scores is None or len(scores.times) < 2:
        return 0.04
    return float(np.median(np.diff(scores.times)))


def _read_file(name: str, times: Sequence[float]) -> list[tuple[float, RGB]]:
    return read_frames(Path(name), times)
