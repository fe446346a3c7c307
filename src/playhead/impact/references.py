"""Honest references: what can be guessed without looking at the video.

`guessed_contacts` knows the true boxes of all helmets, and takes every overlap for an impact.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import paired_iou
from playhead.events.manifest import ManifestRow
from playhead.events.model import Event, Track, VideoEvents
from playhead.impact.data import labels_of_row
from playhead.impact.evaluate import is_scored, truth_of
from playhead.impact.tune import best_threshold
from playhead.media import open_video
from playhead.metrics.box_events import Counts, box_event_f1

__all__ = ["guessed_contacts", "measured_contacts"]

APART = 10
"""Frames between two guesses of one helmet."""


def guessed_contacts(
    video: str,
    tracks: Sequence[Track],
    times: NDArray[np.float64],
    *,
    label: str,
    view: str | None = None,
) -> VideoEvents:
    """An event for both helmets of each pair, at the frame of each largest overlap of their boxes.

    times: seconds of the frames of the video. The score is the IoU of the boxes; of two guesses of
    a helmet within APART frames the one with the higher score stays.
    """
    guesses: dict[int, list[tuple[float, int, int, NDArray[np.float32]]]] = {}
    for first, second in combinations(tracks, 2):
        frames, at, other_at = np.intersect1d(first.frames, second.frames, return_indices=True)
        if not len(frames):
            continue
        overlap = paired_iou(first.boxes[at], second.boxes[other_at])
        padded = np.concatenate([[0.0], overlap, [0.0]])
        peaks = (overlap > 0) & (overlap >= padded[:-2]) & (overlap > padded[2:])
        for k in np.flatnonzero(peaks).tolist():
            for track, row, other in ((first, at[k], second), (second, other_at[k], first)):
                guess = (float(overlap[k]), int(frames[k]), other.id, track.boxes[row])
                guesses.setdefault(track.id, []).append(guess)
    events = []
    for track_id, of_track in guesses.items():
        kept: list[int] = []
        for score, frame, other_id, box in sorted(of_track, key=lambda guess: -guess[0]):
            if all(abs(frame - earlier) >= APART for earlier in kept):
                kept.append(frame)
                x1, y1, x2, y2 = (float(side) for side in box)
                events.append(
                    Event(
                        label=label,
                        start=float(times[frame]),
                        frame=frame,
                        box=(x1, y1, x2, y2),
                        score=score,
                        view=view,
                        track=track_id,
                        other=other_id,
                    )
                )
    events.sort(key=lambda event: (event.start, event.track or 0))
    return VideoEvents(video=video, classes=(label,), events=tuple(events))


def measured_contacts(
    valid: Sequence[ManifestRow], test: Sequence[ManifestRow], *, label: str
) -> Counts:
    """The counts of guessed contacts on test videos, from the overlap that is best on validation.

    Raises LabelError if videos have no labels or no helmets.
    """
    threshold = best_threshold(truth_of(valid).videos, _guesses(valid, label))
    guesses = [
        replace(video, events=tuple(event for event in video.events if event.score >= threshold))
        for video in _guesses(test, label)
    ]
    return box_event_f1(truth_of(test).videos, guesses, scored=is_scored).counts


def _guesses(rows: Sequence[ManifestRow], label: str) -> list[VideoEvents]:
    guesses = []
    for row in rows:
        with open_video(row.video) as video:
            tracks = labels_of_row(row, video, label=label)[1]
            name = row.video.as_posix()
            guesses.append(guessed_contacts(name, tracks, video.times, label=label, view=row.view))
    return guesses
