"""Results of a season: what `match` writes, and what a person changed in it since.

`season.json` holds everything: evidence, raw and snapped times, rejected segments, and the spans
that were written to each `X.events.json`. A person corrects `X.events.json`: a span that differs
from what was written is locked, one that is gone counts as deleted, and a second match keeps both.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from playhead.episodes.outputs.edl import span_of
from playhead.episodes.segments import KINDS, EpisodeResult, Segment
from playhead.errors import LabelError
from playhead.events.formats import native
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text

__all__ = [
    "CHAPTERS",
    "EDL",
    "EVENTS",
    "SEASON",
    "SRT",
    "Corrections",
    "EpisodeRecord",
    "SeasonRecord",
    "apply_corrections",
    "find_season_files",
    "read_corrections",
    "read_season",
    "segments_of",
    "write_events",
    "write_season",
    "write_table",
]

EVENTS, EDL, CHAPTERS, SRT = ".events.json", ".edl", ".chapters.txt", ".segments.srt"
SEASON = "season.json"
SCHEMA = 1
SAME_SPAN = 0.5
"""Minimum IoU of a new segment with a deleted one of its kind, to be the same that was deleted."""
COVERED = 0.5
"""Share of the shorter of two spans that the other covers, for both to be of one thing."""
TICK = 0.0006
"""Seconds: times that differ by less are equal, as they are written in milliseconds."""

LATE = 1.0
"""Seconds by which a span may end after its video, whose length is that of its sound."""

Span = tuple[str, float, float]
"""Kind, start and end in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """An episode in `season.json`.

    written: the spans of `X.events.json`, as this match wrote it
    earlier: the spans that stood in the file before, and do until this match has written it
    deleted: segments that a person deleted
    outputs: names of the files that were written, so that files of other programs are told apart
    """

    result: EpisodeResult
    status: Literal["ok", "partial", "failed"] = "ok"
    reason: str | None = None
    written: tuple[Span, ...] = ()
    earlier: tuple[Span, ...] = ()
    deleted: tuple[Segment, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonRecord:
    """The content of `season.json`.

    name: path of the season below the folder that was matched
    absent: episodes of earlier matches that were not given this time
    marks: fingerprints of the videos, by name
    pairs: what every two episodes share, for the next match
    """

    name: str
    title: str
    settings: Mapping[str, str | float | int | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    episodes: tuple[EpisodeRecord, ...] = ()
    absent: tuple[EpisodeRecord, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[Mapping[str, Any], ...] = ()
    schema: int = SCHEMA

    def of(self, video: str) -> EpisodeRecord | None:
        """The record of an episode by its name, present or absent."""
        known = (*self.episodes, *self.absent)
        return next((record for record in known if record.result.video == video), None)


_RECORD = TypeAdapter(SeasonRecord)


@dataclass(frozen=True, slots=True)
class Corrections:
    """What a person changed: locked segments are kept, deleted ones are not found again.

    present: the spans that stand in the file
    """

    locked: tuple[Segment, ...] = ()
    deleted: tuple[Segment, ...] = ()
    present: tuple[Span, ...] = field(default=(), compare=False)


def write_season(record: SeasonRecord, path: Path) -> None:
    """Write `season.json` atomically."""
    document = _RECORD.dump_python(record, mode="json")
    write_text(path, json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def read_season(path: Path) -> SeasonRecord:
    """Read `season.json`. Raises LabelError if it is of a newer schema, or was changed by hand."""
    try:
        text = path.read_text(encoding="utf-8")
        schema = json.loads(text).get("schema")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError) as error:
        raise _unreadable(path) from error
    if isinstance(schema, int) and schema > SCHEMA:
        raise LabelError(
            f"{path}: has schema {schema}, but this version reads up to {SCHEMA}; update playhead"
        )
    try:
        return _RECORD.validate_json(text)
    except ValidationError as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> LabelError:
    return LabelError(
        f"{path}: is not a season as `episodes match` writes it; corrections belong into "
        f"X{EVENTS}. Remove the file to match again: then all segments there count as corrected"
    )


def find_season_files(folder: Path) -> list[Path]:
    """The paths of every `season.json` below a folder. Raises LabelError if there is none."""
    if folder.is_file():
        return [folder]
    paths = sorted(path for path in folder.rglob(f"*{SEASON}") if path.is_file())
    if not paths:
        raise LabelError(f"{folder}: has no {SEASON}; write it with `playhead episodes match`")
    return paths


def write_events(video: str, segments: Sequence[Segment], path: Path) -> tuple[Span, ...]:
    """Write `X.events.json`, the file that a person corrects; return its spans in order of time.

    Notes of events that stood there before are kept, and the video's frames and rate.
    """
    before = native.read(path) if path.exists() else VideoEvents(video=video, classes=KINDS)
    spans: dict[Span, Segment] = {}
    for segment in segments:
        spans.setdefault((segment.kind, *span_of(segment)), segment)
    ordered = sorted(spans, key=lambda span: (span[1], span[2], span[0]))
    events = tuple(
        Event(
            label=span[0],
            start=span[1],
            end=span[2],
            score=round(spans[span].confidence, 4),
            note=_note(span, before.events),
        )
        for span in ordered
    )
    native.write(replace(before, video=video, classes=KINDS, events=events), path)
    return tuple(ordered)


def segments_of(path: Path, record: EpisodeRecord) -> tuple[Segment, ...]:
    """The segments in `X.events.json`, with the evidence of those that a person left as they were.

    Raises LabelError for what is no segment.
    """
    kept = {(s.kind, *span_of(s)): s for s in record.result.segments}
    spans, _ = _read_spans(path, record.result.duration)
    return tuple(kept.get(span) or _corrected(span, record) for span in spans)


def read_corrections(
    path: Path, record: EpisodeRecord | None, *, duration: float = 0.0
) -> Corrections:
    """What a person changed in `X.events.json` since it was written, and earlier corrections.

    record: of the earlier match; without one, nothing tells what was written, so all is kept
    duration: seconds of the video, 0 if that is not known
    Raises LabelError for a file that cannot be read as segments: it is not overwritten.
    """
    if not path.exists():
        return Corrections()
    spans, video = _read_spans(path, duration)
    if record is None:
        unknown = EpisodeRecord(result=EpisodeResult(video=video, duration=0.0, segments=()))
        return Corrections(tuple(_corrected(span, unknown) for span in spans), (), tuple(spans))
    written = record.earlier if _equal(spans, record.earlier) else record.written
    before = [(s.kind, *span_of(s)) for s in record.result.segments if s.locked]
    locked = [
        _corrected(span, record) for span in spans if not _in(span, written) or _in(span, before)
    ]
    gone = [span for span in written if not _in(span, spans)]
    deleted = [*record.deleted, *(_corrected(span, record) for span in gone)]
    return Corrections(
        locked=tuple(locked),
        deleted=tuple(
            replace(segment, locked=False)
            for segment in deleted
            if not any(
                segment.kind == kept.kind and _iou(segment, kept) >= SAME_SPAN for kept in locked
            )
        ),
        present=tuple(spans),
    )


def apply_corrections(
    segments: Sequence[Segment], corrections: Corrections
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """The segments to write, with the locked ones; and those that a person's corrections replace.

    A new segment is replaced if a locked one lies there, or if a person deleted it.
    """
    kept, replaced = list(corrections.locked), list[Segment]()
    for segment in segments:
        covered = any(_covered(segment, locked) > COVERED for locked in corrections.locked)
        deleted = any(
            segment.kind == gone.kind and _iou(segment, gone) >= SAME_SPAN
            for gone in corrections.deleted
        )
        (replaced if covered or deleted else kept).append(segment)
    return tuple(sorted(kept, key=lambda segment: segment.start)), tuple(replaced)


def write_table(records: Sequence[EpisodeRecord], path: Path) -> None:
    """Write `segments.csv`: a row for every segment, written or rejected, with all its times."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        [
            *("video", "kind", "cluster", "start", "end", "snapped_start", "snapped_end"),
            *("confidence", "status", "evidence"),
        ]
    )
    for record in records:
        groups = (
            ("written", record.result.segments),
            ("rejected", record.result.rejected),
            ("deleted", record.deleted),
        )
        for status, segments in groups:
            for segment in sorted(segments, key=lambda segment: segment.start):
                times = (segment.start, segment.end, segment.snapped_start, segment.snapped_end)
                table.writerow(
                    [
                        record.result.video,
                        segment.kind,
                        "" if segment.cluster is None else segment.cluster,
                        *("" if time is None else f"{time:.3f}" for time in times),
                        f"{segment.confidence:.3f}",
                        "locked" if segment.locked else status,
                        "; ".join(f"{e.kind} {e.score:.2f}: {e.detail}" for e in segment.evidence),
                    ]
                )
    write_text(path, text.getvalue())


def _read_spans(path: Path, duration: float) -> tuple[list[Span], str]:
    """The spans in a file, and its video.

    Raises LabelError for an instant, an unknown kind, or an end after that of the video.
    """
    events = native.read(path)
    for event in events.events:
        if event.label not in KINDS:
            raise LabelError(
                f"{path}: {event.label!r} at {event.start:g} s is no kind of segment; the kinds "
                f"are {', '.join(KINDS)}. A file of another program stays as it is: name another "
                "--out"
            )
        if event.end is None:
            raise LabelError(f"{path}: {event.label} at {event.start:g} s has no end; add one")
        if duration and event.end > duration + LATE:
            raise LabelError(
                f"{path}: {event.label} at {event.start:g} s ends at {event.end:g} s, but the "
                f"video after {duration:.2f} s"
            )
    spans = [(event.label, event.start, event.end or event.start) for event in events.events]
    return spans, events.video


def _note(span: Span, events: Sequence[Event]) -> str | None:
    """The note of the event with this span."""
    notes = [
        event.note for event in events if _in(span, [(event.label, event.start, event.end or 0.0)])
    ]
    return notes[0] if notes else None


def _corrected(span: Span, record: EpisodeRecord) -> Segment:
    """A span of a person, with the evidence of the segment of its kind that it came from."""
    kind, start, end = span
    segment = Segment(kind=kind, start=start, end=end, confidence=1.0, locked=True)
    known = (*record.result.segments, *record.result.rejected, *record.deleted)
    alike = [s for s in known if s.kind == kind and _covered(s, segment) > 0]
    if not alike:
        return segment
    origin = max(alike, key=lambda candidate: _iou(candidate, segment))
    return replace(segment, cluster=origin.cluster, evidence=origin.evidence)


def _in(span: Span, spans: Sequence[Span]) -> bool:
    kind, start, end = span
    return any(
        kind == other[0] and abs(start - other[1]) < TICK and abs(end - other[2]) < TICK
        for other in spans
    )


def _equal(spans: Sequence[Span], others: Sequence[Span]) -> bool:
    return len(spans) == len(others) and all(_in(span, others) for span in spans)


def _shared(a: Segment, b: Segment) -> float:
    (a_start, a_end), (b_start, b_end) = span_of(a), span_of(b)
    return max(0.0, min(a_end, b_end) - max(a_start, b_start))


def _length(segment: Segment) -> float:
    start, end = span_of(segment)
    return end - start


def _iou(a: Segment, b: Segment) -> float:
    shared = _shared(a, b)
    return shared / (_length(a) + _length(b) - shared)


def _covered(a: Segment, b: Segment) -> float:
    """The share of the shorter that the other covers."""
    return _shared(a, b) / min(_length(a), _length(b))
