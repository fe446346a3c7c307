"""Several models on one video: each scores its windows, and equal images are decoded once.

Models whose frames have the same size, pixels and fit share one pass over the video, whatever their
windows. Frames wait in a queue until the slowest model has taken them, so the models advance in
turns, the one that is behind first.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.inference.bundle import BundleManifest
from playhead.inference.dense import (
    VideoStream,
    WindowOutputs,
    WindowPlan,
    plan_windows,
    run_windows,
)
from playhead.inference.runtime import Backend
from playhead.progress import Progress
from playhead.samples.grid import Grid

__all__ = ["WindowModel", "run_models"]

Stream = Iterator[tuple[int, NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True)
class WindowModel:
    """A model of windows and how it is run.

    weight: in the mean of several models; every, flip: see `run_windows`
    """

    manifest: BundleManifest
    backend: Backend
    weight: float = 1.0
    every: int = 1
    flip: bool = False


def run_models(
    video: VideoStream,
    grid: Grid,
    models: Sequence[WindowModel],
    *,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[int, WindowOutputs]]:
    """Run models on a video, and yield (number of the model, raw outputs).

    grid: of the rate that all models have; batch: see `run_windows`
    The outputs of each model come in order of time. Models whose images differ, or that score every
    n-th point with another n, decode the video again.
    """
    groups: dict[object, list[int]] = {}
    for number, model in enumerate(models):
        plan = model.manifest.plan(WindowPlan)
        key = (plan.size, plan.pixels, plan.fit, model.every)
        groups.setdefault(key, []).append(number)
    for numbers in groups.values():
        streams = _share(video, grid, [models[number] for number in numbers])
        running = {
            number: run_windows(
                stream,
                grid,
                models[number].manifest,
                models[number].backend,
                every=models[number].every,
                flip=models[number].flip,
                batch=batch,
            )
            for number, stream in zip(numbers, streams, strict=True)
        }
        reached = dict.fromkeys(numbers, -1)
        try:
            while running:
                number = min(running, key=reached.__getitem__)
                outputs = next(running[number], None)
                if outputs is None:
                    del running[number]
                    continue
                if progress is not None:
                    steps = int(outputs.points[-1]) - reached[number]
                    progress.advance(steps / len(grid) / len(models))
                reached[number] = int(outputs.points[-1])
                yield number, outputs
        finally:
            for stopped in running.values():
                stopped.close()


def _share(video: VideoStream, grid: Grid, models: Sequence[WindowModel]) -> list[VideoStream]:
    """A video for each of several models with equal images, all read in one pass."""
    if len(models) == 1:
        return [video]
    plans = [model.manifest.plan(WindowPlan) for model in models]
    wanted = np.zeros((len(models), int(grid.frames.max()) + 1), np.bool_)
    for row, plan, model in zip(wanted, plans, models, strict=True):
        row[plan_windows(grid.frames, plan.window, every=model.every).frames] = True
    source = video.stream(
        pixels=plans[0].pixels,
        size=plans[0].size,
        fit=plans[0].fit,
        wanted=np.flatnonzero(wanted.any(axis=0)).astype(np.int32),
    )
    queues: list[deque[tuple[int, NDArray[np.uint8]]]] = [deque() for _ in models]
    lock = Lock()  # models may read ahead, each in a thread of its own

    def frames(queue: deque[tuple[int, NDArray[np.uint8]]]) -> Stream:
        while True:
            with lock:
                while not queue:
                    item = next(source, None)
                    if item is None:
                        return
                    for row, other in zip(wanted, queues, strict=True):
                        if row[item[0]]:
                            other.append(item)
                taken = queue.popleft()
            yield taken

    return [_SharedVideo(video, frames(queue)) for queue in queues]


@dataclass(frozen=True, slots=True)
class _SharedVideo:
    """The video of one model among several: its frames come from the common pass."""

    video: VideoStream
    frames: Stream

    @property
    def path(self) -> Path:
        return self.video.path

    @property
    def times(self) -> NDArray[np.float64]:
        return self.video.times

    @property
    def duration(self) -> float:
        return self.video.duration

    def stream(
        self,
        *,
        pixels: Literal["luma", "rgb"],
        size: tuple[int, int],
        fit: Literal["stretch", "letterbox"] = "stretch",
        wanted: NDArray[np.int32],
    ) -> Stream:
        return self.frames
