"""Rendering: videos of plays, both views side by side, with helmets, impacts and their outcomes.

A play runs on the frames of its first view; the second one shows the frame of the same moment.
"""

import glob
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.errors import MediaError
from playhead.events.formats.detect import detect
from playhead.events.formats.tracks import SUFFIX
from playhead.events.pairing import pair_videos
from playhead.execution.items import Item, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.impact.candidates import CANDIDATES
from playhead.impact.evaluate import is_scored, paired, read_impacts, read_predictions
from playhead.impact.outcomes import Moment, Outcome, moments_of, outcomes_of, predicted_only
from playhead.impact.panes import Pane, RenderedView
from playhead.impact.views import PlayView, named_view, plays_of
from playhead.media import open_video
from playhead.media.write import VideoWriter
from playhead.metrics.box_events import box_event_f1
from playhead.progress import Progress

__all__ = ["RenderOptions", "render_plays"]

RENDERED = ".impacts.mp4"
MAX_HEIGHT = 720  # pixels
GAP = 4  # pixels between the views
CLIP = re.compile(r"\.\d{3,}-(hit|miss|false-positive|impact)\.mp4")
"""The end of the name of a clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What is written of a play.

    clips: a clip of each impact instead of the whole play
    around: seconds before and after the impact of a clip
    slow: by how much a clip is slower than the play
    """

    clips: bool = False
    around: float = 0.7
    slow: float = 4.0


def render_plays(
    plays: tuple[Sequence[Item], Sequence[PlayView]],
    predictions: Path,
    out: Path,
    *,
    truth: Path | None = None,
    split: str | None = None,
    options: RenderOptions | None = None,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write `PLAY.impacts.mp4` for every play, or clips; a bad file never stops the batch.

    plays: the videos, and the play and view of each, see `predict.find_plays`
    predictions: a folder of `X.events.json`, or a submission
    truth: to tell hits from false positives, and to show misses; split: of a manifest
    A play with a view that cannot be read ends `partial`, with the other view.
    Raises LabelError for predictions of a video that the truth does not have.
    """
    check_folder(out)
    options = options or RenderOptions()
    items, views = plays
    outcomes = _outcomes([view.video for view in views], predictions, truth, split)
    work: dict[Path, tuple[RenderedView, ...]] = {}
    targets = []
    for play in plays_of([(view.play, view.view) for view in views]):
        work[items[play[0]].path] = tuple(
            RenderedView(
                views[at].video,
                views[at].view or views[at].video.stem,
                views[at].offset,
                tuple(outcomes[at]),
                _helmet_file(items[at], predictions),
            )
            for at in play
        )
        targets.append([items[at] for at in play])
    named = [Item(play[0].path, stem) for play, stem in zip(targets, _stems(targets), strict=True)]
    if not options.clips:
        outputs = [output_path(item.target(out), RENDERED) for item in named]
        check_outputs([view.video for view in views], outputs, overwrite=True)
    return run_items(named, out, RenderWork(work, options), task="rendering", executor=executor)


def _stems(plays: Sequence[Sequence[Item]]) -> list[Path]:
    """The output of each play: the common part of the names of its views, if it is its own."""
    stems = []
    for play in plays:
        named = {named_view(item.stem.name) for item in play}
        names = {None if name is None else name[0] for name in named}
        common = names.pop() if len(names) == 1 and len(play) > 1 else None
        stems.append(play[0].stem if common is None else play[0].stem.with_name(common))
    return [
        stem if stems.count(stem) == 1 else play[0].stem
        for play, stem in zip(plays, stems, strict=True)
    ]


def _outcomes(
    videos: Sequence[Path], predictions: Path, truth: Path | None, split: str | None
) -> list[list[Outcome]]:
    """The outcomes of each video."""
    names = [video.as_posix() for video in videos]
    by_name: dict[str, list[Outcome]]
    if truth is None:
        found = read_predictions(predictions)
        by_name = {video.video: predicted_only(video) for video in found}
    else:
        of_split = split if truth.is_file() and detect(truth) == "manifest" else None
        known = read_impacts(truth, split=of_split)
        predicted = {
            video.video: video
            for video in paired(known, read_predictions(predictions), predictions)
        }
        result = box_event_f1(known.videos, list(predicted.values()), scored=is_scored)
        annotated = {video.video: video for video in known.videos}
        by_name = {
            matches.video: outcomes_of(
                annotated[matches.video], predicted.get(matches.video), matches
            )
            for matches in result.videos
        }
    offered = list(by_name)
    return [
        [] if index is None else by_name[offered[index]] for index in pair_videos(names, offered)
    ]


def _helmet_file(item: Item, predictions: Path) -> Path | None:
    """Tracks or candidates beside the predictions, else tracks beside the video."""
    beside = [item.path.with_suffix("").with_name(item.path.stem + SUFFIX)]
    if predictions.is_dir():
        stems = (predictions / item.stem, predictions / item.stem.name)
        beside = [
            *(output_path(stem, suffix) for suffix in (SUFFIX, CANDIDATES) for stem in stems),
            *beside,
        ]
    return next((path for path in beside if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class RenderWork:
    """The views of each play by the path of the first, as plain data."""

    plays: Mapping[Path, tuple[RenderedView, ...]]
    options: RenderOptions

    def open(self) -> Work:
        """There is nothing to load."""
        return self.render

    def render(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        """Write the video or the clips of one play."""
        if self.options.clips:
            self._remove_clips(target)
        problems: list[str] = []
        with ExitStack() as stack:
            panes = []
            for view in self.plays[path]:
                try:
                    video = stack.enter_context(open_video(view.video))
                except MediaError as error:
                    problems.append(str(error))
                else:
                    panes.append(Pane(view, video))
            if not panes:
                raise MediaError("; ".join(problems))
            if self.options.clips:
                outputs = self._clips(target, panes, progress)
            else:
                outputs = (output_path(target, RENDERED),)
                _write(outputs[0], panes, range(panes[0].video.frames), progress)
            for pane in panes:
                problems += [
                    f"{pane.view.video.name}: frames {damage.start} to {damage.stop - 1} cannot "
                    "be read"
                    for damage in pane.video.damage
                ]
        notes = () if outputs else ("its play has no impact to cut a clip of",)
        if problems:
            return FileOutcome(path, "partial", outputs, "; ".join(problems), notes)
        return FileOutcome(path, "ok", outputs, notes=notes)

    def _remove_clips(self, target: Path) -> None:
        """Remove the clips of an earlier run, of which this one may have fewer or others."""
        inputs = {view.video.resolve() for views in self.plays.values() for view in views}
        for clip in target.parent.glob(f"{glob.escape(target.name)}.*.mp4"):
            is_clip = CLIP.fullmatch(clip.name, len(target.name)) is not None
            if is_clip and clip.resolve() not in inputs:
                clip.unlink()

    def _clips(self, target: Path, panes: Sequence[Pane], progress: Progress) -> tuple[Path, ...]:
        moments = moments_of(
            [pane.view.outcomes for pane in panes], [pane.view.offset for pane in panes]
        )
        outputs = []
        for number, moment in enumerate(moments, start=1):
            frames = _span(moment, panes[0], self.options.around)
            kind = moment.kind.replace(" ", "-")
            outputs.append(output_path(target, f".{number:03d}-{kind}.mp4"))
            check_outputs([pane.view.video for pane in panes], outputs[-1:], overwrite=True)
            share = _Part(progress, len(moments))
            _write(outputs[-1], panes, frames, share, slow=self.options.slow)
        return tuple(outputs)


def _span(moment: Moment, first: Pane, around: float) -> range:
    """The frames of the first view around a moment, at least one."""
    times = first.video.times
    own = moment.views[0]
    middle = first.time_of(own[0].event) if own else moment.time + first.view.offset
    start = int(np.searchsorted(times, middle - around))
    stop = int(np.searchsorted(times, middle + around, "right"))
    start = min(start, len(times) - 1)
    return range(start, max(stop, start + 1))


@dataclass(frozen=True, slots=True)
class _Part:
    """The progress of one of several parts."""

    whole: Progress
    parts: int

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.whole.advance(steps / self.parts, note)


def _write(
    path: Path, panes: Sequence[Pane], frames: range, progress: Progress, *, slow: float = 1.0
) -> None:
    """Write frames of the first view, beside those of the others."""
    first = panes[0]
    height = min(MAX_HEIGHT, max(pane.video.height for pane in panes)) // 2 * 2
    sizes = [
        (max(2, round(pane.video.width * height / pane.video.height) // 2 * 2), height)
        for pane in panes
    ]
    width = sum(size[0] for size in sizes) + GAP * (len(panes) - 1)
    times = first.video.times[frames.start : frames.stop]
    streams = [
        pane.images(pane.partners(first, times), size)
        for pane, size in zip(panes, sizes, strict=True)
    ]
    rate = None if first.video.variable_rate else first.video.rate / Fraction(slow)
    moments = None if rate is not None else ((times - times[0]) * slow).tolist()
    with VideoWriter(path, width, height, rate, times=moments) as writer:
        for images in zip(*streams, strict=True):
            frame = np.zeros((height, width, 3), np.uint8)
            left = 0
            for image in images:
                frame[:, left : left + image.shape[1]] = image
                left += image.shape[1] + GAP
            writer.write(frame)
            progress.advance(1 / len(frames))
