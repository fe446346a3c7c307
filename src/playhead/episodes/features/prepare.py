"""Preparation: videos into features of clips, for training and prediction.

A file `X_start.mp4` or `X_end.mp4` is a clip. Any other video is a whole episode, of which two
clips are prepared: `X_start`, its first 200 s, where the opening ends, and `X_end`, its last 200 s,
where the ending starts. Features that an earlier run made of the same file are kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.features.clips import SECONDS, Clip, clips_of, series_of
from playhead.episodes.features.labels import ClipLabels, clip_names
from playhead.episodes.features.mfcc import RATE, mfcc
from playhead.episodes.features.table import (
    FEATURES,
    FRAME_SIZE,
    TABLE,
    FeatureRow,
    Features,
    part_of,
    read_record,
    read_table,
    write_features,
    write_table,
)
from playhead.episodes.features.text import (
    SIDE,
    TEXT,
    TextDetector,
    read_text_boxes,
    text_mask,
)
from playhead.errors import LabelError, PlayheadError, WeightsError
from playhead.events.formats.tracks import SUFFIX
from playhead.events.model import Box
from playhead.execution.items import Item, find_items, output_path, require_paths
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import fingerprint
from playhead.inference.weights import weight_path
from playhead.media import Video, open_video
from playhead.media.audio import stream_audio
from playhead.media.scaling import letterbox
from playhead.progress import Progress

__all__ = ["TextSource", "prepare"]


TextSource = Literal["auto", "detector", "boxes", "none"]

MULTIPLE = 8
"""MFCC columns are padded to a multiple of it."""

_BATCH = 8
"""Frames searched for text at once."""


def prepare(
    folder: Path,
    out: Path,
    *,
    labels: Path | None = None,
    text: TextSource = "auto",
    seconds: float = SECONDS,
    overwrite: bool = False,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write the features of every video in `folder`, and the table that lists them, to `out`.

    labels: label rows of the contest, or a manifest with events, which also gives groups and
        splits; by default `X.events.json` beside each video
    text: boxes of text by the detector, from the tracks of the class `text` in `X.tracks.npz`
        beside each video, or none at all; auto uses these tracks where there are any
    seconds: length of the two clips of an episode
    Damaged frames are black, missing sound is silent, and such a file ends `partial`; one without
    sound is silent. Rows of an earlier run that are not in `folder` stay in the table.
    Raises LabelError for wrong labels, before anything is prepared; WeightsError if the detector is
    needed and not fetched.
    """
    check_folder(out)
    require_paths([folder])
    if not seconds >= 1:
        raise PlayheadError(f"--seconds {seconds:g}: a clip needs at least 1 s")
    root = folder if folder.is_dir() else folder.parent
    items = find_items([folder], root)
    names = Counter(name for item in items for name in clip_names(item))
    for name in [name for name, count in names.items() if count > 1][:1]:
        raise PlayheadError(
            f"{folder}: a clip and an episode would both write {name}{FEATURES}; rename one"
        )
    truth = ClipLabels.of(labels, items, root)
    if text == "detector" or (text == "auto" and any(_lacks_boxes(item) for item in items)):
        try:
            weight_path(TextDetector.name)
        except WeightsError as error:
            raise WeightsError(f"{error}; or leave text out with --text none") from error
    earlier = read_table(out, skip_missing=True) if (out / TABLE).is_file() else ()
    work = PrepareWork(root.resolve(), text, seconds, overwrite, executor.threads(None, len(items)))
    result = run_items(items, out, work, task="preparing", executor=executor)
    rows = {row.name: row for row in earlier if row.name not in names}
    outcomes = []
    for item, outcome in zip(items, result.files, strict=True):
        try:
            made = [_row(item, path, out, truth) for path in outcome.outputs]
        except LabelError as error:
            outcomes.append(FileOutcome(item.path, "failed", reason=str(error)))
            continue
        rows |= {row.name: row for row in made}
        unlabelled = [row.name for row in made if not row.labelled] if truth.rows else []
        notes = (*outcome.notes, *(f"{labels} has no row for {name}" for name in unlabelled))
        outcomes.append(replace(outcome, notes=notes))
    if rows:
        write_table([rows[name] for name in sorted(rows)], out / TABLE)
    return replace(result, files=tuple(outcomes))


@dataclass(frozen=True, slots=True)
class PrepareWork:
    """Work of one process: settings, and the detector of text once it is needed."""

    root: Path
    text: TextSource
    seconds: float
    overwrite: bool
    threads: int | None

    def open(self) -> Work:
        """Nothing is loaded yet: files that are done need no detector."""
        return _Preparer(self).prepare


class _Preparer:
    def __init__(self, work: PrepareWork) -> None:
        self._work = work
        self._detector: TextDetector | None = None

    def prepare(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        source, boxes_file = self._work.text, path.with_name(path.stem + SUFFIX)
        boxes = None
        if source in ("auto", "boxes"):
            boxes = _boxes_beside(path)
            if boxes is None and source == "boxes":
                raise LabelError(
                    f"{boxes_file}: has no tracks of the class {TEXT}; use --text detector or none"
                )
            source = "detector" if boxes is None else "boxes"
        record: dict[str, Any] = {
            "source": fingerprint(path),
            "text": f"boxes {fingerprint(boxes_file)}" if source == "boxes" else source,
            "length": None if part_of(path.stem) else self._work.seconds,
        }
        parts = ("",) if part_of(path.stem) else ("_start", "_end")
        outputs = tuple(output_path(target, part + FEATURES) for part in parts)
        earlier = [None if self._work.overwrite else read_record(output) for output in outputs]
        if all(made is not None and record.items() <= made.items() for made in earlier):
            problem = next((made["problem"] for made in earlier if made and made["problem"]), None)
            done = "done by an earlier run"
            if problem:
                return FileOutcome(path, "partial", outputs, f"{done}: {problem}")
            return FileOutcome(path, "ok", outputs, notes=(done,))
        for stale in outputs:  # earlier outputs must not pass for those of a failed run
            stale.unlink(missing_ok=True)
        notes: list[str] = []
        problems: list[str] = []
        made = []
        with open_video(path) as video:
            clips = clips_of(path.stem, video.duration, seconds=self._work.seconds)
            if video.has_audio:
                sounds, missing = _sounds(path, clips)
                problems += [f"no sound in {start:.2f}-{end:.2f} s" for start, end in missing]
            else:
                sounds = [np.zeros(round(clip.seconds * RATE), np.float32) for clip in clips]
                notes.append("has no sound, which is taken as silence")
            for clip, samples in zip(clips, sounds, strict=True):
                frames, masks, unreadable = self._images(video, clip, source, boxes)
                progress.advance(0.9 / len(clips))
                if unreadable:
                    problems.append(
                        f"{len(unreadable)} of {len(frames)} frames of {clip.name} cannot be "
                        f"decoded, the first at {unreadable[0]:g} s"
                    )
                columns = mfcc(samples)
                padding = -columns.shape[1] % MULTIPLE
                made.append(
                    Features(
                        mfcc=np.pad(columns, ((0, 0), (0, padding))),
                        frames=frames,
                        text=masks,
                        seconds=clip.seconds,
                        start=clip.start,
                    )
                )
            if video.missing:
                problems.append(f"the file ends {video.missing} frames early")
            video.require_unchanged()
        problem = "; ".join(problems) or None
        for features, output in zip(made, outputs, strict=True):
            write_features(replace(features, record={**record, "problem": problem}), output)
        return FileOutcome(
            path, "partial" if problem else "ok", outputs, problem, notes=tuple(notes)
        )

    def _images(
        self, video: Video, clip: Clip, source: TextSource, boxes: dict[int, list[Box]] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[float]]:
        """Frames (T, 66, 88, 3) and masks (T, 27, 36), one a second, and the unreadable seconds."""
        seconds = np.arange(max(1, round(clip.seconds)), dtype=np.float64)
        indices = video.nearest(clip.start + seconds)
        frames = np.zeros((len(seconds), *FRAME_SIZE[::-1], 3), np.uint8)
        masks = np.zeros((len(seconds), 27, 36), np.bool_)
        factor = min(1.0, SIDE / max(video.width, video.height))
        size = max(1, round(video.width * factor)), max(1, round(video.height * factor))
        readable = np.zeros(len(seconds), np.bool_)
        waiting: list[tuple[NDArray[np.bool_], NDArray[np.uint8]]] = []

        def detect() -> None:
            if self._detector is None:
                self._detector = TextDetector(threads=self._work.threads)
            found = self._detector.detect([image for _, image in waiting])
            for (shown, _), lines in zip(waiting, found, strict=True):
                masks[shown] = text_mask(lines, size)
            waiting.clear()

        for k, image in video.stream(pixels="rgb", size=size, wanted=np.unique(indices)):
            shown = indices == k
            readable |= shown
            frames[shown] = letterbox(image, FRAME_SIZE)[0]
            if source == "detector":
                waiting.append((shown, image))
                if len(waiting) == _BATCH:
                    detect()
            elif boxes is not None:
                masks[shown] = text_mask(boxes.get(k, ()), (video.width, video.height))
        if waiting:
            detect()
        return frames, masks, (clip.start + seconds[~readable]).tolist()


def _sounds(
    path: Path, clips: Sequence[Clip]
) -> tuple[list[NDArray[np.float32]], list[tuple[float, float]]]:
    """The mono sound of each clip at 22,050 Hz, with silence where there is none, and these spans.

    Channels are averaged. Sound before the first frame is left out.
    """
    sounds = [np.zeros(round(clip.seconds * RATE), np.float32) for clip in clips]
    firsts = [round(clip.start * RATE) for clip in clips]
    end = max(clip.start + clip.seconds for clip in clips)
    missing: list[tuple[float, float]] = []
    heard = False
    for block in stream_audio(path, rate=RATE):
        heard = True
        mono = np.nan_to_num(block.samples.mean(axis=0), posinf=0.0, neginf=0.0)
        for sound, first in zip(sounds, firsts, strict=True):
            start = round(block.start * RATE) - first
            low, high = max(start, 0), min(start + len(mono), len(sound))
            if low < high:
                sound[low:high] = mono[low - start : high - start]
        missing += [
            span
            for span in block.missing
            if any(span[0] < clip.start + clip.seconds and span[1] > clip.start for clip in clips)
        ]
        if block.start > end:
            break
    if not heard:
        missing.append((0.0, end))
    return sounds, missing


def _boxes_beside(path: Path) -> dict[int, list[Box]] | None:
    """The boxes of text in the track file beside a video; None if it has none."""
    beside = path.with_name(path.stem + SUFFIX)
    return read_text_boxes(beside) if beside.is_file() else None


def _lacks_boxes(item: Item) -> bool:
    try:
        return _boxes_beside(item.path) is None
    except LabelError:  # the file fails alone, in its turn
        return False


def _row(item: Item, path: Path, out: Path, truth: ClipLabels) -> FeatureRow:
    name = path.relative_to(out).as_posix().removesuffix(FEATURES)
    with np.load(path, allow_pickle=False) as file:
        seconds, start = float(file["seconds"]), float(file["start"])
    part = part_of(name)
    assert part is not None
    label, labelled = truth.label(item, Clip(name, part, start, seconds))
    if label is not None and label > seconds:
        raise LabelError(
            f"{item.path}: the label of {name} is {label:g} s, but it has only {seconds:g} s; the "
            "label may belong to another cut"
        )
    listed = truth.manifest.get(item.path.resolve())
    group = None if listed is None or listed.group == listed.name else listed.group
    return FeatureRow(
        name=name,
        file=name + FEATURES,
        group=series_of(item.stem, truth.root) if group is None else group,
        seconds=seconds,
        label=label,
        labelled=labelled,
        split=None if listed is None else listed.split,
    )
