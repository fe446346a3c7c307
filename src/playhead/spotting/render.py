"""Rendering: videos with the scores of each class below them, and events that flash by name.

Every frame of the video is written, at its time and with its sound; one that cannot be read is
black. With ground truth, hits, misses and false alarms have colours of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from playhead.events.model import Event, VideoEvents
from playhead.execution.items import find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.inference.scores import read_scores
from playhead.media import Video, VideoWriter, open_video
from playhead.media.cut import Sounding
from playhead.media.sound_span import sound_form
from playhead.metrics.matching import match_events
from playhead.progress import Progress
from playhead.report.images import RGB
from playhead.spotting.drawing import Kind, Lanes, Mark, draw_flashes
from playhead.spotting.marked import (
    join_videos,
    past_the_end,
    read_marked,
    select_events,
    time_of,
    without_video,
)

__all__ = ["RENDERED", "RenderOptions", "marks_of", "render_videos"]

RENDERED = ".events.mp4"
KEPT = "done by an earlier run"
MAX_SIDE, MIN_WIDTH = 1280, 640  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What is drawn.

    tolerance: seconds, width of the window in which a prediction is a hit
    labels: only events and curves of these; none means all
    min_score: only predictions that score at least this
    window: seconds that the curves show at once
    """

    tolerance: float = 1.0
    labels: tuple[str, ...] = ()
    min_score: float = 0.0
    window: float = 10.0


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is known of one video: predictions, the file of their scores, and ground truth."""

    predictions: VideoEvents
    scores: Path | None
    truth: VideoEvents | None


def render_videos(
    predictions: Path,
    videos: Sequence[Path],
    out: Path,
    options: RenderOptions,
    *,
    truth: Path | None = None,
    rate: str | None = None,
    resume: bool = False,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write `X.events.mp4` of every video that has events or scores; a bad file never ends it.

    predictions, truth: what `marked.read_marked` reads; videos: files and folders, paired by name
    rate: of labels by frame whose file declares none; by default the videos'
    resume: keep outputs that exist; their videos are only checked
    A video ends `partial` if frames cannot be read or events lie past its end.
    Raises LabelError if no events or scores belong to these videos.
    """
    check_folder(out)
    items = find_items(videos)
    items = [item for item in items if not item.path.resolve().is_relative_to(out.resolve())]
    marked = select_events(
        read_marked(predictions, items, rate=rate),
        labels=options.labels,
        min_score=options.min_score,
    )
    joined = join_videos(marked, items)
    annotated = {}
    if truth is not None:
        annotations = read_marked(truth, items, rate=rate)
        annotated = {
            item.path: known.events
            for item, known in join_videos(annotations, items).pairs
            if known is not None
        }
    chosen = [(item, known) for item, known in joined.pairs if known is not None]
    outputs = [output_path(item.target(out), RENDERED) for item, _ in chosen]
    check_outputs([item.path for item in items], outputs, overwrite=True)
    work = {
        item.path: Rendered(known.events, known.scores, annotated.get(item.path))
        for item, known in chosen
    }
    result = run_items(
        [item for item, _ in chosen],
        out,
        RenderWork(work, options, resume),
        task="rendering",
        executor=executor,
    )
    absent, notes = without_video(joined, videos)
    others = [
        *(
            FileOutcome(item.path, "ok", notes=("has no events or scores; left out",))
            for item, known in joined.pairs
            if known is None
        ),
        *absent,
        *(FileOutcome(predictions, "ok", notes=(note,)) for note in notes),
    ]
    return replace(result, files=(*result.files, *others))


@dataclass(frozen=True, slots=True)
class RenderWork:
    """What is known of each video by its path, as plain data."""

    videos: Mapping[Path, Rendered]
    options: RenderOptions
    resume: bool

    def open(self) -> Work:
        """There is nothing to load."""
        return self._render

    def _render(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        known, output = self.videos[path], output_path(target, RENDERED)
        any_truth = any(video.truth for video in self.videos.values())
        notes = ["has no ground truth"] if any_truth and known.truth is None else []
        with open_video(path) as video:
            marks = marks_of(known.predictions, known.truth, video, self.options)
            if self.resume and output.exists():
                notes.append(KEPT)
                video.check(lambda frames: progress.advance(frames / video.frames))
            else:
                output.unlink(missing_ok=True)  # it must not pass for that of a failed run
                _write(video, known, marks, output, options=self.options, progress=progress)
            problems = [
                f"frames {damage.start} to {damage.stop - 1} cannot be read"
                for damage in video.damage
            ]
            late = past_the_end([mark.event for mark in marks], video)
            problems += [late] if late else []
        reason = "; ".join(problems) or None
        return FileOutcome(path, "partial" if reason else "ok", (output,), reason, tuple(notes))


def _write(
    video: Video,
    known: Rendered,
    marks: Sequence[Mark],
    output: Path,
    *,
    options: RenderOptions,
    progress: Progress,
) -> None:
    scores = None if known.scores is None else read_scores(known.scores)
    declared = [*known.predictions.classes, *(known.truth.classes if known.truth else ())]
    shown = [label for label in declared if not options.labels or label in options.labels]
    width, height = _size(video)
    classes = tuple(dict.fromkeys(shown))
    lanes = Lanes(classes, scores, marks, width=width, window=options.window)
    # What happened is named once: a hit by its prediction.
    named = [mark for mark in marks if not (mark.annotated and mark.kind == "hit")]
    form = sound_form(video)
    rate = None if video.variable_rate else video.rate
    writer = VideoWriter(
        output,
        width,
        height + lanes.height,
        rate,
        times=None if rate is not None else video.times.tolist(),
        audio=None if form is None else (form.silence(0), form.rate),
    )
    with writer:
        sounding = Sounding(writer, form)
        sounding.begin(video, 0.0, video.duration)
        for k, image in _frames(video, (width, height)):
            time = float(video.times[k])
            sounding.until(time)
            drawn = draw_flashes(image, time, k, video.path.name, named)
            writer.write(np.concatenate([drawn, lanes.drawn(time)]))
            progress.advance(1 / video.frames)
        sounding.finish()


def marks_of(
    predictions: VideoEvents, truth: VideoEvents | None, video: Video, options: RenderOptions
) -> list[Mark]:
    """What is shown of a video, in order of time.

    A prediction is a hit or a false alarm if its class is annotated, else just an event.
    """

    def mark(event: Event, kind: Kind, annotated: bool = False) -> Mark:
        return Mark(event, time_of(event, video), kind, annotated)

    if truth is None:
        marks = [mark(event, "event") for event in predictions.events]
    else:
        wanted = [label for label in truth.classes if not options.labels or label in options.labels]
        known = replace(
            truth,
            classes=tuple(wanted),
            events=tuple(event for event in truth.events if event.label in wanted),
        )
        judged = replace(
            predictions,
            video=truth.video,
            classes=tuple(label for label in predictions.classes if label in wanted),
            events=tuple(event for event in predictions.events if event.label in wanted),
        )
        matches = match_events(known, judged, options.tolerance)
        marks = [
            *(mark(event, "event") for event in predictions.events if event.label not in wanted),
            *(mark(event, "false alarm") for event in matches.false_positives),
            *(mark(event, "miss", True) for event in matches.misses),
            *(mark(event, "hit", True) for event, _ in matches.hits),
            *(mark(event, "hit") for _, event in matches.hits),
        ]
    return sorted(marks, key=lambda mark: mark.time)


def _size(video: Video) -> tuple[int, int]:
    """(width, height) of the image: even, large enough for text and not larger than it helps."""
    enlarged = max(1.0, MIN_WIDTH / video.width)
    scale = min(enlarged, MAX_SIDE / max(video.width, video.height))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (video.width, video.height))
    return width, height


def _frames(video: Video, size: tuple[int, int]) -> Iterator[tuple[int, RGB]]:
    """Every frame of a video with its image (H, W, 3), black if it cannot be read."""
    due = 0
    for k, image in video.stream(size=size):
        for lost in range(due, k):
            yield lost, np.zeros_like(image)
        yield k, image
        due = k + 1
    for lost in range(due, video.frames):
        yield lost, np.zeros((size[1], size[0], 3), np.uint8)
