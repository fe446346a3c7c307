"""Edits: a person's decisions about the tracks of a video, as saved by the review page.

`NAME.edits.json` lists tracks to keep visible or to hide, every box that a person drew, and the
time spans to hide in. A missing key leaves the track file unchanged; a given key replaces its
content, so applying the same edits twice has the same effect as once.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Box, Origin, Track
from playhead.events.source import JsonEntry, read_json
from playhead.redaction.config import LABELS
from playhead.times import TIE, display_ends, displayed_frames

__all__ = [
    "SCHEMA",
    "AddedBox",
    "Edits",
    "apply_edits",
    "checked_spans",
    "drawn_box",
    "is_drawn",
    "known_labels",
    "read_edits",
    "tracks_identity",
]

SCHEMA = 1
FILE_KEYS = ("schema", "video", "tracks", "keep", "hide", "boxes", "spans")
BOX_KEYS = ("label", "start", "end", "box", "end_box")
MAX_PIXEL = 1e5  # no image is this wide
MAX_SECONDS = 1e9
STRAIGHT = 0.5  # pixels that a box may deviate from linear motion

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedBox:
    """A box that a person drew, shown in [start, end) seconds.

    With an `end_box`, it moves linearly from `box` to `end_box`.
    """

    label: str
    start: float
    end: float
    box: Box
    end_box: Box | None = None

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """The box at each of `times` (N,), in seconds: float32 (N, 4)."""
        part = np.clip((times - self.start) / (self.end - self.start), 0.0, 1.0)[:, None]
        first, last = np.array(self.box), np.array(self.end_box or self.box)
        return (first * (1 - part) + last * part).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """The edits of one file; a field that is None changes nothing.

    tracks: the identity of the reviewed tracks
    keep: ids of tracks to leave visible; hide: ids to hide again
    boxes: all drawn boxes, replacing those drawn before
    spans: sorted and disjoint; outside of them nothing is hidden; an empty tuple: no restriction
    where: the file, for messages
    """

    video: str
    tracks: str | None = None
    keep: tuple[int, ...] = ()
    hide: tuple[int, ...] = ()
    boxes: tuple[AddedBox, ...] | None = None
    spans: tuple[Span, ...] | None = None
    where: str = "edits"


def read_edits(path: Path) -> Edits:
    """Read a file of edits; LabelError with the file and the invalid entry."""
    document = JsonEntry.of(read_json(path), str(path))
    schema = document.whole("schema")
    if schema != SCHEMA:
        raise LabelError(
            f"{path}: has schema {schema}, but this version reads {SCHEMA}; save the edits again "
            "from a new review page"
        )
    _refuse_unknown(document, FILE_KEYS)
    keep, hide = _read_ids(document, "keep"), _read_ids(document, "hide")
    for number in sorted(set(keep) & set(hide)):
        raise LabelError(f"{path}: track {number} is in both 'keep' and 'hide'; remove one of them")
    return Edits(
        video=_read_name(document),
        tracks=document.text("tracks") if "tracks" in document.values else None,
        keep=keep,
        hide=hide,
        boxes=_read_boxes(document) if "boxes" in document.values else None,
        spans=_read_spans(document) if "spans" in document.values else None,
        where=str(path),
    )


def apply_edits(
    tracks: TrackFile, edits: Edits, times: NDArray[np.float64], duration: float
) -> TrackFile:
    """The tracks with the edits applied; applying the same edits again changes nothing.

    times: seconds of every frame of the video, float64 (frames,); duration: seconds of the video
    Kept ids go to `shown`. A drawn box becomes a track of the frames displayed in [start, end);
    tracks drawn earlier are replaced by those of the edits.
    Raises LabelError for edits of another video or other tracks, an id that is not a detected
    track, a box outside the image or with an unknown label, a box or span after the video's end.
    """
    _check_video(tracks, edits, times)
    _check_identity(tracks, edits)
    _check_ids(tracks, edits)
    shown = (tracks.shown | set(edits.keep)) - set(edits.hide)
    spans = tracks.spans
    if edits.spans is not None:
        spans = checked_spans(edits.spans, edits.where, times, duration)
    edited = replace(tracks, shown=frozenset(shown), spans=spans)
    if edits.boxes is None:
        return edited
    _check_boxes(tracks, edits, duration)
    return _redrawn(edited, edits.boxes, times, duration)


def tracks_identity(file: TrackFile) -> str:
    """16 hexadecimal digits that identify these detected tracks.

    The start of a SHA-256 over ids, labels, frames and boxes. Edits are not included, so applying
    them does not change it.
    """
    digest = hashlib.sha256()
    for track in file.tracks:
        if not is_drawn(track):
            digest.update(json.dumps([track.id, track.label, len(track.frames)]).encode())
            digest.update(track.frames.astype("<i4").tobytes())
            digest.update(track.boxes.astype("<f4").tobytes())
    return digest.hexdigest()[:16]


def known_labels(tracks: TrackFile) -> tuple[str, ...]:
    """The labels of a drawn box: the classes of the tracks, then the other packaged classes."""
    return tuple(dict.fromkeys((*tracks.classes, *LABELS)))


def is_drawn(track: Track) -> bool:
    """Whether a person drew the whole track."""
    return len(track.origin) > 0 and bool(np.all(track.origin == Origin.DRAWN))


def drawn_box(track: Track, times: NDArray[np.float64], duration: float) -> AddedBox:
    """The drawn box that gives this track, so that a page can edit it again.

    If the track does not move linearly, it is a static box around all of it, which hides more.
    """
    moments, last = times[track.frames], int(track.frames[-1])
    corners = track.boxes.astype(np.float64)
    around = [*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)]
    end = float(display_ends(times, duration)[last])
    static = AddedBox(label=track.label, start=float(moments[0]), end=end, box=_box(around))
    # Ends just past the last frame, since a box extrapolated further may leave the image.
    moving = replace(
        static,
        start=_departure(moments, corners),
        end=float(times[last]) + 2 * TIE,
        box=_box(corners[0]),
        end_box=_box(corners[-1]),
    )
    is_static = np.array_equal(track.boxes.min(axis=0), track.boxes.max(axis=0))
    deviation = np.abs(moving.at(moments) - track.boxes).max()
    return static if is_static or deviation > STRAIGHT else moving


def _departure(moments: NDArray[np.float64], corners: NDArray[np.float64]) -> float:
    """When a drawn box starts to move, which may be long after its first frame is displayed.

    Extrapolates the linear motion of the corners (N, 4), known from the second frame on, back to
    the first corners.
    """
    if len(moments) < 3 or moments[-1] - moments[1] <= TIE:
        return float(moments[0])
    way = corners[-1] - corners[1]
    axis = int(np.abs(way).argmax())
    if way[axis] == 0:
        return float(moments[0])
    since = (corners[1] - corners[0])[axis] / way[axis] * (moments[-1] - moments[1])
    return float(np.clip(moments[1] - since, moments[0], max(moments[0], moments[1] - 3 * TIE)))


def _redrawn(
    tracks: TrackFile, boxes: tuple[AddedBox, ...], times: NDArray[np.float64], duration: float
) -> TrackFile:
    """The detected tracks, then a track for each box, with the following ids."""
    detected = [track for track in tracks.tracks if not is_drawn(track)]
    first = 1 + max((track.id for track in detected), default=-1)
    drawn = [_track(first + i, box, times, duration) for i, box in enumerate(boxes)]
    labels = dict.fromkeys((*tracks.classes, *(track.label for track in drawn)))
    return replace(
        tracks,
        tracks=(*detected, *drawn),
        classes=tuple(labels),
        shown=tracks.shown & {track.id for track in detected},
    )


def _track(number: int, added: AddedBox, times: NDArray[np.float64], duration: float) -> Track:
    """The box on the frames displayed during its time span."""
    frames = np.array(displayed_frames(times, duration, added.start, added.end), np.int32)
    return Track(
        id=number,
        label=added.label,
        frames=frames,
        boxes=added.at(times[frames]),
        scores=np.ones(len(frames), np.float32),
        origin=np.full(len(frames), Origin.DRAWN, np.uint8),
    )


def checked_spans(
    spans: tuple[Span, ...], where: str, times: NDArray[np.float64], duration: float
) -> NDArray[np.float64]:
    """float64 (S, 2); LabelError for a span without a frame, which would leave all visible."""
    for number, (start, end) in enumerate(spans, start=1):
        if not displayed_frames(times, duration, start, end):
            raise LabelError(
                f"{where}: span {number} from {start:g} s to {end:g} s has no frame; the video "
                f"ends at {duration:g} s, and times are seconds from its first frame"
            )
    return np.array(spans, np.float64).reshape(-1, 2)


def _check_video(tracks: TrackFile, edits: Edits, times: NDArray[np.float64]) -> None:
    name = Path(tracks.video).name
    if edits.video != name:
        raise LabelError(
            f"{edits.where}: the edits are of {edits.video}, but the tracks are of {name}; give "
            "the edits saved from this video's review page"
        )
    if len(times) != tracks.frames:
        raise LabelError(
            f"{edits.where}: the tracks have {tracks.frames} frames, but the video has "
            f"{len(times)}, so it may be another cut; detect again"
        )


def _check_identity(tracks: TrackFile, edits: Edits) -> None:
    """Raise LabelError if the edits were made for other tracks, whose ids mean other objects."""
    identity = tracks_identity(tracks)
    if edits.tracks not in (None, identity):
        raise LabelError(
            f"{edits.where}: the edits are of the tracks {edits.tracks}, but these are {identity}, "
            "from another file or detected again; review these tracks again"
        )


def _check_ids(tracks: TrackFile, edits: Edits) -> None:
    drawn = {track.id: is_drawn(track) for track in tracks.tracks}
    for key, ids in (("keep", edits.keep), ("hide", edits.hide)):
        for number in ids:
            if number not in drawn:
                raise LabelError(
                    f"{edits.where}: {key!r} lists track {number}, which {tracks.video} does not "
                    "have; the tracks may have been detected again, review them again"
                )
            if drawn[number]:
                raise LabelError(
                    f"{edits.where}: {key!r} lists track {number}, which a person drew; remove it "
                    "from 'boxes' instead"
                )


def _check_boxes(tracks: TrackFile, edits: Edits, duration: float) -> None:
    known = known_labels(tracks)
    for number, added in enumerate(edits.boxes or (), start=1):
        where = f"{edits.where}: box {number}"
        if added.label not in known:
            raise LabelError(
                f"{where}: unknown label {added.label!r}; known are {', '.join(known)}"
            )
        if added.start >= duration - TIE:
            raise LabelError(
                f"{where}: starts at {added.start:g} s, but the video ends at {duration:g} s; "
                "times are seconds from its first frame"
            )
        for x1, y1, x2, y2 in filter(None, (added.box, added.end_box)):
            if x1 >= tracks.width or y1 >= tracks.height or x2 <= 0 or y2 <= 0:
                raise LabelError(
                    f"{where}: ({x1:g}, {y1:g}, {x2:g}, {y2:g}) is outside the image of "
                    f"{tracks.width}x{tracks.height}; give pixels of the displayed image"
                )


def _box(corners: ArrayLike) -> Box:
    x1, y1, x2, y2 = np.asarray(corners, np.float64).tolist()
    return x1, y1, x2, y2


def _read_name(document: JsonEntry) -> str:
    name = document.text("video")
    if "/" in name or "\\" in name or "\0" in name or name in {".", ".."}:
        raise LabelError(
            f"{document.where}: 'video' must be a file name without a path, got {name!r}"
        )
    return name


def _read_ids(document: JsonEntry, key: str) -> tuple[int, ...]:
    if key not in document.values:
        return ()
    ids = [value for _, value in document.items(key)]
    for value in ids:
        if type(value) is not int or value < 0:
            raise LabelError(
                f"{document.where}: {key!r} must list ids of tracks, got {str(value)[:40]}"
            )
    return tuple(sorted(set(ids)))


def _read_boxes(document: JsonEntry) -> tuple[AddedBox, ...]:
    return tuple(
        _read_box(JsonEntry.of(value, f"{document.where}: box {number}"))
        for number, value in document.items("boxes")
    )


def _read_box(entry: JsonEntry) -> AddedBox:
    _refuse_unknown(entry, BOX_KEYS)
    start, end = _span(entry.where, [entry.values.get("start"), entry.values.get("end")])
    moves = entry.values.get("end_box") is not None
    return AddedBox(
        label=entry.text("label"),
        start=start,
        end=end,
        box=_corners(entry, "box"),
        end_box=_corners(entry, "end_box") if moves else None,
    )


def _corners(entry: JsonEntry, key: str) -> Box:
    numbers = [value for _, value in entry.items(key)]
    if len(numbers) != 4 or not all(_is_number(value, MAX_PIXEL) for value in numbers):
        raise LabelError(f"{entry.where}: {key!r} needs four numbers x1, y1, x2, y2 in pixels")
    x1, y1, x2, y2 = (float(value) for value in numbers)
    if x2 - x1 < 1 or y2 - y1 < 1:
        raise LabelError(
            f"{entry.where}: {key!r} ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no area; needs x2 and y2 "
            "a pixel or more past x1 and y1"
        )
    return x1, y1, x2, y2


def _read_spans(document: JsonEntry) -> tuple[Span, ...]:
    """The spans, sorted; overlapping ones are joined."""
    spans = sorted(
        _span(f"{document.where}: span {number}", value)
        for number, value in document.items("spans")
    )
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _span(where: str, value: Any) -> Span:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(_is_number(number, MAX_SECONDS) for number in value)
    ):
        raise LabelError(f"{where}: needs a start and an end in seconds, got {str(value)[:60]}")
    start, end = float(value[0]), float(value[1])
    if not 0 <= start < end:
        raise LabelError(
            f"{where}: from {start:g} s to {end:g} s; needs a start of 0 s or later and an end "
            "after it"
        )
    return start, end


def _is_number(value: Any, most: float) -> bool:
    return type(value) in (int, float) and -most <= value <= most


def _refuse_unknown(entry: JsonEntry, known: tuple[str, ...]) -> None:
    for key in entry.values:
        if key not in known:
            raise LabelError(f"{entry.where}: unknown key {key!r}; known are {', '.join(known)}")
