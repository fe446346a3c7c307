"""Redaction of files: detect, track, hide and write; rendering of an edited track file.

`run` writes `X_redacted.mp4` and `X.tracks.npz`; `apply` renders a track file without networks.
Errors hide more, not less: see `Masks.whole` and `media.rewrite`.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from playhead import __version__
from playhead.decisions.boxes import Boxes, nms
from playhead.errors import LabelError, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, pack_tracks, write_tracks
from playhead.execution.items import Item, find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import atomic_path, fingerprint, remove_leftovers
from playhead.inference.detectors.video import detect_video
from playhead.inference.offer import require_weights
from playhead.media import Damage, Video, open_video
from playhead.media.kinds import image_format, is_image, kind_of
from playhead.media.planes import Planes
from playhead.media.rewrite import RewriteOptions, Rewritten, output_suffix, rewrite
from playhead.media.source import is_missing, require_file
from playhead.progress import Progress
from playhead.redaction.config import RedactionConfig
from playhead.redaction.detect import RedactionDetector, drop_implausible, tracks_of
from playhead.redaction.hide import Hider, Region, hide_image
from playhead.redaction.images import copy_suffix, read_image, views_of, write_image
from playhead.redaction.outcome import MOST_RANGES, counts, outcome_of, ranges
from playhead.redaction.regions import Masks, covers_frame, scaled_boxes
from playhead.redaction.resolved import ResolvedRedaction, resolve
from playhead.redaction.resume import (
    earlier_outcome,
    is_cut_short,
    is_done,
    is_left_out,
    recorded_copy,
    refuse_foreign_tracks,
)

__all__ = [
    "REDACTED",
    "audit_page",
    "check_same",
    "output_of",
    "redact_files",
    "remove_stale",
    "render",
]

REDACTED = "_redacted"
RESUME = "use --overwrite to replace it, or --skip-existing to continue a stopped batch"
DETECTING = 0.7
"""The share of detection in the progress of a video; the rest is rendering."""

SAME_OBJECT = 0.55
"""IoU from which detections in two views of an image are of one object."""


def redact_files(
    paths: Sequence[Path],
    config: RedactionConfig,
    *,
    out: Path | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    only_tracks: bool = False,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Redact every video and image in `paths`; folders are searched.

    The kind of a file is detected by content (see `media.kinds`). A video or an image that cannot
    be redacted ends `failed`; other files, and redacted copies, are skipped.
    out: the folder to write into, mirroring the inputs; None writes beside each input
    skip_existing: keep existing outputs, to continue a stopped batch: their inputs end `ok` with a
        note; inputs with incomplete or mismatched outputs end `failed`
    only_tracks: write only track files, to be reviewed before rendering
    A missing file ends `failed`.
    Raises PlayheadError before any work if outputs exist and `overwrite` is not set, or if an input
    is not a regular file (a camera, a pipe), since it is read twice.
    """
    for path in paths:
        if not path.is_dir() and not is_missing(path):  # what is missing fails by itself
            require_file(path)
    if out is not None:
        check_folder(out)
    accept = _is_redactable_video if only_tracks else _is_redactable
    wanted = "video" if only_tracks else "video or image"
    items = find_items(paths, accept=accept, wanted=wanted, key=_key)
    if only_tracks and any(is_image(item.path) for item in items):
        raise PlayheadError("a still image has no tracks; redact it with `redaction run`")
    inputs = [item.path for item in items]
    outputs = {
        item.path: _outputs(item.path, item.target(out), only_tracks=only_tracks) for item in items
    }
    done: list[Item] = []
    if skip_existing:
        for expected in outputs.values():
            if is_cut_short(expected):
                check_outputs(inputs, expected, overwrite=True)
                remove_stale(expected, expected[0])
        done = [item for item in items if is_left_out(item.path, outputs[item.path])]
        items = [item for item in items if item not in done]
    else:
        for expected in outputs.values():
            refuse_foreign_tracks(expected[-1])
            if not overwrite:
                check_outputs(inputs, expected, overwrite=False, remedy=RESUME)
    for folder in {expected[0].parent for expected in outputs.values()}:
        remove_leftovers(folder)
    redaction = resolve(config)
    for item in items:
        check_outputs(
            [other.path for other in items],
            outputs[item.path],
            overwrite=overwrite or skip_existing,
        )
    require_weights(redaction.weights(), "redaction")
    _say_plates(config, redaction)
    work = RedactionWork(
        redaction,
        threads=executor.threads(config.threads, len(items)),
        only_tracks=only_tracks,
        overwrite=overwrite,
        skip_existing=skip_existing,
    )
    task = "detecting" if only_tracks else "redacting"
    result = run_items(items, out, work, task=task, executor=executor)
    ended = {file.path: file for file in result.files}
    ended |= {item.path: earlier_outcome(item.path, outputs[item.path]) for item in done}
    return replace(result, files=tuple(ended[path] for path in inputs))


def _say_plates(config: RedactionConfig, redaction: ResolvedRedaction) -> None:
    """Say so if only one network detects plates because the other was not fetched."""
    alone = "plate" in config.hide and redaction.detectors("plate") == ("playhead-plates",)
    if alone and config.detection.plates == "auto":
        print(
            "playhead: plates are detected by playhead-plates alone; `playhead weights get plates` "
            "adds a second network",
            file=sys.stderr,
        )


def render(
    video: Video, tracks: TrackFile, config: RedactionConfig, target: Path, progress: Progress
) -> Rewritten:
    """Write the redacted video of a track file, without detecting again.

    Raises LabelError if the tracks are of another video, MediaError if the file changed.
    """
    video.require_unchanged()
    check_same(video, tracks)
    masks = Masks(tracks, video.times, video.duration, config.mask, config.style.shape)
    hider = Hider(config.style)
    size = video.width, video.height
    filled: list[Damage] = []  # runs of frames that a single mask covers wholly

    def change(frame: int, image: Planes) -> None:
        if masks.whole(frame):
            hider.hide_whole(image)
            return
        regions = masks.regions(frame)
        hider.hide(image, regions)
        if any(covers_frame(region, size) for region in regions):
            start = filled.pop().start if filled and filled[-1].stop == frame else frame
            filled.append(Damage(start, frame + 1, ""))

    options = RewriteOptions(
        codec=config.write.codec,
        crf=config.write.crf,
        preset=config.write.speed,
        audio=config.write.audio,
        keep_metadata=config.write.keep_metadata,
        keep_subtitles=config.write.keep_subtitles,
        threads=config.threads or 0,
    )
    part = _Part(progress, 1 / video.frames)
    written = rewrite(video.path, target, change, options, part, opened=video)
    if not filled:
        return written
    count = sum(run.stop - run.start for run in filled)
    listed = ranges(filled[:MOST_RANGES]) + (" and more" if len(filled) > MOST_RANGES else "")
    note = f"{count} of {video.frames} frames are wholly covered by one mask: {listed}"
    return replace(written, notes=(*written.notes, note))


def output_of(path: Path, target: Path) -> Path:
    """The path of the redacted copy of `path`: `target` with `_redacted` and a suffix."""
    suffix = copy_suffix(path) if is_image(path) else output_suffix(path)
    return output_path(target, REDACTED + suffix)


def audit_page(redacted: Path) -> Path:
    """The path of the audit page of a copy."""
    return output_path(redacted.with_suffix(""), ".audit.html")


def remove_stale(outputs: Sequence[Path], redacted: Path) -> None:
    """Remove earlier outputs and their audit, which must not pass for those of a failed run."""
    for stale in (*outputs, audit_page(redacted)):
        stale.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RedactionWork:
    """The settings of a worker as plain data; threads: None uses every core."""

    redaction: ResolvedRedaction
    threads: int | None
    only_tracks: bool
    overwrite: bool
    skip_existing: bool

    def open(self) -> Work:
        """Load the networks, and the overlay image if there is one."""
        detector = RedactionDetector(self.redaction, threads=self.threads)
        return _Redaction(self, detector, Hider(self.redaction.config.style)).redact


@dataclass(frozen=True, slots=True)
class _Redaction:
    """Redacts one file after another with the same networks."""

    work: RedactionWork
    detector: RedactionDetector
    hider: Hider

    def redact(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        work = self.work
        outputs = _outputs(path, target, only_tracks=work.only_tracks)
        if work.skip_existing and not work.overwrite:
            is_done(path, outputs)  # raises for incomplete outputs, which need --overwrite
        check_outputs([path], outputs, overwrite=work.overwrite)
        remove_stale(outputs, output_of(path, target))
        if is_image(path):
            return self._image(path, outputs)
        return self._video(path, outputs, progress)

    def _video(self, path: Path, outputs: tuple[Path, ...], progress: Progress) -> FileOutcome:
        redaction, only_tracks = self.work.redaction, self.work.only_tracks
        config = redaction.config.model_copy(update={"threads": self.work.threads})
        with open_video(path, threads=self.work.threads or 0) as video:
            detections, dropped = drop_implausible(
                detect_video(
                    video,
                    self.detector,
                    every_seconds=config.detection.every_seconds,
                    every_frames=config.detection.every_frames,
                    progress=_Part(progress, 1.0 if only_tracks else DETECTING),
                ),
                video,
                redaction,
            )
            tracks = TrackFile(
                video=video.path.name,
                frames=video.frames,
                width=video.width,
                height=video.height,
                classes=config.hide,
                tracks=tracks_of(detections, video, redaction),
                unseen=detections.unseen,
                settings={
                    "playhead": __version__,
                    **redaction.settings(),
                    "precision": self.detector.precisions,
                    "fingerprint": fingerprint(video.path),
                },
            )
            video.require_unchanged()
            reason, frames = detections.reason, dropped.tolist()
            if only_tracks:
                outcome = outcome_of(video, outputs, tracks, reason=reason, dropped=frames)
                partial = outcome.status == "partial"
                write_tracks(outputs[0], recorded_copy(tracks, None, partial=partial))
                return outcome
            copy, track_path = outputs
            with ExitStack() as undo:  # if rendering or writing fails, there is no output at all
                undo.callback(copy.unlink, missing_ok=True)
                with atomic_path(track_path) as temporary:  # a killed run leaves no half of a pair
                    rendering = _Part(progress, 1 - DETECTING)
                    written = render(video, tracks, config, copy, rendering)
                    outcome = outcome_of(
                        video, outputs, tracks, written=written, reason=reason, dropped=frames
                    )
                    partial = outcome.status == "partial"
                    pack_tracks(temporary, recorded_copy(tracks, copy, partial=partial))
                undo.pop_all()
            return outcome

    def _image(self, path: Path, outputs: tuple[Path, ...]) -> FileOutcome:
        redaction = self.work.redaction
        config = redaction.config
        pixels, info = read_image(path)
        views = [self.detector.detect_still(view) for view in views_of(pixels, info)]
        regions, count = [], Counter[str]()
        for label in config.hide:
            boxes = nms(Boxes.joined([detected[label] for detected in views]), SAME_OBJECT)
            boxes = boxes.above(redaction.threshold(label))
            count[label] = len(boxes)
            for x1, y1, x2, y2 in scaled_boxes(boxes.boxes, config.mask.scale).tolist():
                regions.append(Region((x1, y1, x2, y2), config.style.shape))
        hide_image(self.hider, pixels, info, regions)
        write_image(outputs[0], pixels, info)
        notes = [f"hidden: {counts(count)}", *info.notes]
        if outputs[0].suffix != path.suffix:
            content = f"its content is {image_format(path)}"
            notes.append(f"{content}: the copy is written as {info.format}, {outputs[0].name}")
        return FileOutcome(path, "ok", outputs, notes=tuple(notes))


def check_same(video: Video, tracks: TrackFile) -> None:
    """Raise LabelError if the tracks are of another video, by its frames or its fingerprint."""
    if (tracks.frames, tracks.width, tracks.height) != (video.frames, video.width, video.height):
        raise LabelError(
            f"{video.path}: has {video.frames} frames of {video.width}x{video.height}, but its "
            f"tracks have {tracks.frames} of {tracks.width}x{tracks.height}; give the tracks of "
            "this video, or detect again"
        )
    recorded = tracks.settings.get("fingerprint")
    if recorded is not None and recorded != fingerprint(video.path):
        raise LabelError(
            f"{video.path}: is not the file {tracks.video} that its tracks were detected in; "
            "detect again"
        )


@dataclass(slots=True)
class _Part:
    """The progress of a share of a file's work."""

    whole: Progress
    share: float

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.whole.advance(steps * self.share, note)


def _outputs(path: Path, target: Path, *, only_tracks: bool) -> tuple[Path, ...]:
    if is_image(path):
        return (output_of(path, target),)
    tracks = output_path(target, SUFFIX)
    return (tracks,) if only_tracks else (output_of(path, target), tracks)


def _is_redactable(path: Path) -> bool:
    """Whether a file in a folder is an input: an image or a video, but not a redacted copy."""
    partial = path.name.startswith(".") and ".partial" in path.suffixes
    return not partial and not path.stem.endswith(REDACTED) and kind_of(path) is not None


def _is_redactable_video(path: Path) -> bool:
    return _is_redactable(path) and not is_image(path)


def _key(path: Path) -> Path:
    """The output stem, which two inputs may not share; with the suffix for an image."""
    return path.with_suffix(copy_suffix(path) if is_image(path) else "")
