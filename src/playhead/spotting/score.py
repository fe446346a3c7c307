"""Scores of a video: the outputs of its windows as probabilities on the time grid."""

import numpy as np
from numpy.typing import NDArray

from playhead.inference.bundle import BundleManifest
from playhead.inference.dense import VideoStream, WindowPlan, run_windows
from playhead.inference.runtime import Backend
from playhead.inference.scores import Scores
from playhead.progress import Progress
from playhead.samples.grid import make_grid

__all__ = ["score_video", "unscored_spans"]


def score_video(
    video: VideoStream,
    manifest: BundleManifest,
    backend: Backend,
    *,
    every: int = 1,
    flip: bool = False,
    batch: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score every grid point of a video; NaN if a window has an unreadable frame.

    every: score every n-th grid point and interpolate the others linearly
    name: of the video in the scores; flip, batch: see `run_windows`
    """
    grid = make_grid(video.times, video.duration, manifest.plan(WindowPlan).grid_rate)
    outputs = run_windows(
        video, grid, manifest, backend, every=every, flip=flip, batch=batch, progress=progress
    )
    points, values = [], []
    for output in outputs:
        points.append(output.points)
        values.append(output.values)
    return Scores(
        video=name or video.path.name,
        times=grid.times,
        frames=grid.frames,
        frame_times=video.times[grid.frames],
        classes=manifest.classes,
        values=_interpolated(np.concatenate(points), np.concatenate(values), len(grid)),
        decisions=manifest.post_processing,
        precision=backend.precision,
    )


def unscored_spans(scores: Scores) -> list[tuple[float, float]]:
    """The spans (first, last) of grid times, in seconds, that could not be scored."""
    missing = np.isnan(scores.values).any(axis=1).astype(np.int8)
    edges = np.diff(missing, prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [
        (float(scores.times[a]), float(scores.times[b - 1]))
        for a, b in zip(starts, stops, strict=True)
    ]


def _interpolated(
    points: NDArray[np.int32], values: NDArray[np.float32], length: int
) -> NDArray[np.float32]:
    """Scores at `points` → scores at every point, linearly between; NaN beside a NaN."""
    right = np.searchsorted(points, np.arange(length))
    left = (right - 1).clip(0)
    gap = (points[right] - points[left]).clip(1)
    weight = ((points[right] - np.arange(length)) / gap).astype(np.float32)[:, None]
    mixed: NDArray[np.float32] = weight * values[left] + (1 - weight) * values[right]
    mixed[points] = values
    return mixed
