"""Scores of a video: the outputs of its windows as probabilities on the time grid."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.ensemble import mean_scores
from playhead.inference.bundle import BundleManifest
from playhead.inference.dense import VideoStream, WindowOutputs, WindowPlan
from playhead.inference.runtime import Backend
from playhead.inference.scores import Scores
from playhead.inference.together import WindowModel, run_models
from playhead.progress import Progress
from playhead.samples.grid import make_grid

__all__ = ["score_ensemble", "score_video", "unscored_spans"]


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
    models = [WindowModel(manifest, backend, every=every, flip=flip)]
    return score_ensemble(video, manifest, models, batch=batch, name=name, progress=progress)


def score_ensemble(
    video: VideoStream,
    manifest: BundleManifest,
    models: Sequence[WindowModel],
    *,
    batch: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """The weighted mean of the scores of several models, at each grid point of those that have one.

    manifest: of the ensemble, whose classes and decisions the scores get; the models have the same
        classes and rate
    The rest is as in `score_video`.
    """
    rate = models[0].manifest.plan(WindowPlan).grid_rate
    grid = make_grid(video.times, video.duration, rate)
    outputs: list[list[WindowOutputs]] = [[] for _ in models]
    for number, output in run_models(video, grid, models, batch=batch, progress=progress):
        outputs[number].append(output)
    values = [
        _interpolated(
            np.concatenate([output.points for output in own]),
            np.concatenate([output.values for output in own]),
            len(grid),
        )
        for own in outputs
    ]
    return Scores(
        video=name or video.path.name,
        times=grid.times,
        frames=grid.frames,
        frame_times=video.times[grid.frames],
        classes=manifest.classes,
        values=mean_scores(values, [model.weight for model in models]),
        decisions=manifest.post_processing,
        precision=", ".join(sorted({model.backend.precision for model in models})),
        members=len(models),
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
