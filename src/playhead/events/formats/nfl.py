"""NFL impact detection: `train_labels.csv` and the submission, CSV with one helmet box per row.

Frames count from 1 in the files. A video is one view of a play: `GAME_PLAY_Endzone.mp4` or
`GAME_PLAY_Sideline.mp4`. The competition scores an impact if its confidence is above 1 and its
visibility above 0.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.box_rows import (
    BoxRows,
    boxes_of,
    corners_to_cells,
    numbers,
    row_batches,
)
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Event, Track, VideoEvents
from playhead.events.source import check_header
from playhead.files import write_text

__all__ = [
    "MARK",
    "NOT_SCORED",
    "NflVideo",
    "is_scored",
    "parse",
    "play_and_view",
    "read",
    "read_labels",
    "write",
]

HEADER = (
    "gameKey,playID,view,video,frame,label,left,width,top,height,"
    "impact,impactType,confidence,visibility"
)
COLUMNS = tuple(HEADER.split(","))
SUBMISSION = COLUMNS[:5] + COLUMNS[6:10]
ONLY_LABELS = (COLUMNS[5], *COLUMNS[10:])
MARK = COLUMNS[10]
LEAST_BOXES = 20
FLAT = 5.0
"""Helmets are about as wide as high: the median of so many boxes is not so much wider or higher."""
VIEWS = ("Endzone", "Sideline")
NAME = re.compile(r"(\d{1,18})_(\d{1,18})_(\w+)(\.\w+)?", re.ASCII)
NOT_SCORED = "not scored"
"""The note of an impact that the competition does not score."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NflVideo:
    """The labels of one view of a play.

    play: GAME_PLAY, which both views share; view: Endzone or Sideline
    impacts: the labelled impacts, each with its box, its view and the id of its helmet's track
    tracks: one per helmet, labelled `H12` or `V34`; the ids count from 1 in sorted order
    rows: the boxes of the tracks with their lines in the file; None of a submission
    """

    video: str
    play: str
    view: str
    impacts: tuple[RawEvent, ...]
    tracks: tuple[Track, ...]
    rows: BoxRows | None = None


def play_and_view(video: str) -> tuple[str, str]:
    """The play (`GAME_PLAY`) and the view of a video, from its name.

    Raises LabelError if the name is not `GAME_PLAY_Endzone.mp4` or `GAME_PLAY_Sideline.mp4`.

    >>> play_and_view("train/57583_000082_Endzone.mp4")
    ('57583_000082', 'Endzone')
    """
    match = NAME.fullmatch(PurePosixPath(video).name)
    view = None if match is None else _view(match[3])
    if match is None or view is None:
        raise LabelError(
            f"{video!r}: needs the name GAME_PLAY_VIEW.mp4 with the view Endzone or Sideline, "
            "as in 57583_000082_Endzone.mp4"
        )
    return f"{match[1]}_{match[2]}", view


def is_scored(event: Event) -> bool:
    """Whether the competition scores an event that `read` gave."""
    return event.note != NOT_SCORED


def read(
    path: Path,
    reading: Reading | None = None,
    *,
    label: str = MARK,
    unscored: bool = False,
) -> tuple[VideoEvents, ...]:
    """Read the impacts of labels or a submission, one `VideoEvents` per video of the file.

    label: the class of the events
    unscored: include impacts that are not scored, with the note NOT_SCORED; see `is_scored`
    """
    return resolve(parse(path, label=label, unscored=unscored), reading or Reading(), (label,))


def parse(path: Path, *, label: str = MARK, unscored: bool = False) -> tuple[RawVideo, ...]:
    """Parse labels or a submission, without checking them against a video."""
    videos = read_labels(path, label=label, unscored=unscored)
    return tuple(
        RawVideo(video=video.video, events=video.impacts, classes=(label,)) for video in videos
    )


def read_labels(path: Path, *, label: str = MARK, unscored: bool = False) -> tuple[NflVideo, ...]:
    """Read impacts and helmet tracks, in the order of the videos' first rows.

    In a submission every row is an impact, and there are no tracks. Columns may be in any order;
    an empty cell of the columns about an impact is 0.
    Raises LabelError naming the line of any mistake.
    """
    table = _read_table(path)
    if table.has_labels:
        _check_shape(path, table.boxes)
    videos = []
    for number, (video, play, view) in enumerate(table.videos):
        rows = np.flatnonzero(table.video == number)
        boxes: BoxRows | None = None
        track_of: dict[str, int] = {}
        if table.has_labels:
            helmets = [table.helmets[at] for at in table.helmet[rows].tolist()]
            track_of = {name: at for at, name in enumerate(sorted(set(helmets)), start=1)}
            boxes = BoxRows(
                path=path,
                lines=table.lines[rows],
                ids=np.array([track_of[name] for name in helmets], np.int64),
                frames=table.frames[rows],
                boxes=table.boxes[rows],
                scores=np.ones(len(rows)),
                labels=helmets,
            )
        impacts = []
        for row in rows[table.impact[rows] & (unscored | table.scored[rows])].tolist():
            x1, y1, x2, y2 = table.boxes[row].tolist()
            note = table.types.get(row) if table.scored[row] else NOT_SCORED
            impacts.append(
                RawEvent(
                    where=f"{path}: line {table.lines[row]}",
                    label=label,
                    frame=int(table.frames[row]),
                    box=(x1, y1, x2, y2),
                    view=view,
                    track=track_of[table.helmets[table.helmet[row]]] if table.has_labels else None,
                    note=note,
                )
            )
        videos.append(
            NflVideo(
                video=video,
                play=play,
                view=view,
                impacts=tuple(impacts),
                tracks=() if boxes is None else boxes.tracks(),
                rows=boxes,
            )
        )
    return tuple(videos)


def _check_shape(path: Path, boxes: NDArray[np.float64]) -> None:
    """Raise LabelError if most boxes (N, 4) are no helmets, as where columns were exchanged."""
    width, height = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9).T
    ratio = float(np.median(width / height)) if len(boxes) >= LEAST_BOXES else 1.0
    if not 1 / FLAT <= ratio <= FLAT:
        raise LabelError(
            f"{path}: the median box of a helmet is {ratio:.2g} times as wide as high; were the "
            "columns left, width, top and height exchanged?"
        )


def write(videos: Sequence[VideoEvents], path: Path) -> None:
    """Write a submission: all events as impacts, without scores, labels and tracks.

    Raises LabelError for an event without frame or box, or a video of another name.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUBMISSION)
    for video in videos:
        play, view = play_and_view(video.video)
        game, number = (int(part) for part in play.split("_"))
        name = f"{play}_{view}.mp4"
        rows = [(event.label, event.frame, event.box) for event in video.events]
        refuse_equal_rows(video.video, rows, "a submission")
        for event in video.events:
            if event.frame is None or event.box is None or event.end is not None:
                raise LabelError(
                    f"{video.video}: {event.label} at {event.start} s: a submission needs instants "
                    "with a frame and a box"
                )
            if event.view is not None and _view(event.view) != view:
                raise LabelError(
                    f"{video.video}: {event.label} in frame {event.frame} has the view "
                    f"{event.view!r}, but the name of the video says {view}"
                )
            [(left, top, width, height)] = corners_to_cells(np.array([event.box]))
            writer.writerow([game, number, view, name, event.frame + 1, left, width, top, height])
    write_text(path, text.getvalue())


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """N rows; video, helmet: indices into `videos` and `helmets`, which a submission does not have.

    frames: from 0; types: the type of an impact, by row
    """

    videos: list[tuple[str, str, str]]  # name, play, view
    lines: NDArray[np.int64]
    video: NDArray[np.int64]
    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    impact: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    helmet: NDArray[np.int64]
    helmets: list[str]
    types: dict[int, str]
    has_labels: bool


def _read_table(path: Path) -> _Table:
    header: list[str] = []
    videos: dict[str, tuple[int, str, str]] = {}  # index, play, view
    known: dict[tuple[str, ...], int] = {}  # the cells that name a video: its index
    helmets: dict[str, int] = {}
    lines, video, frames, boxes, impact, scored, helmet = ([] for _ in range(7))
    types: dict[int, str] = {}
    seen = 0
    for all_lines, all_rows in row_batches(path):
        first = 0 if header else 1
        if not header:
            header = [name.strip() for name in all_rows[0]]
            has_labels = bool(set(ONLY_LABELS) & set(header))
            check_header(path, header, SUBMISSION + ONLY_LABELS * has_labels, ())
        at, rows = all_lines[first:], all_rows[first:]
        if not rows:
            continue
        cells = dict(zip(header, zip(*rows, strict=True), strict=True))
        keys = list(zip(*(cells[name] for name in SUBMISSION[:4]), strict=True))
        for row, key in enumerate(keys):
            if key not in known:
                known[key] = _video_index(f"{path}: line {at[row]}", key, videos)
        video.append(np.array([known[key] for key in keys], np.int64))
        lines.append(at)
        frames.append(numbers(path, at, "frame", cells["frame"], first=1) - 1)
        sides = [numbers(path, at, n, cells[n]) for n in ("left", "top", "width", "height")]
        boxes.append(boxes_of(path, at, np.stack(sides, axis=1)))
        if has_labels:
            marked, confidence, visibility = (
                numbers(path, at, name, [cell.strip() or "0" for cell in cells[name]])
                for name in (MARK, "confidence", "visibility")
            )
            if not np.isin(marked, (0, 1)).all():
                row = int(np.argmin(np.isin(marked, (0, 1))))
                raise LabelError(
                    f"{path}: line {at[row]}: {MARK} needs 0 or 1, got {cells[MARK][row]!r}"
                )
            impact.append(marked == 1)
            scored.append((confidence > 1) & (visibility > 0))
            codes = [helmets.setdefault(cell.strip(), len(helmets)) for cell in cells["label"]]
            if "" in helmets:
                row = codes.index(helmets[""])
                raise LabelError(f"{path}: line {at[row]}: label needs a helmet, as in H12")
            helmet.append(np.array(codes, np.int64))
            kinds = cells["impactType"]
            types |= {
                seen + row: kinds[row].strip()
                for row in np.flatnonzero(marked == 1).tolist()
                if kinds[row].strip()
            }
        else:
            impact.append(np.ones(len(rows), np.bool_))
            scored.append(np.ones(len(rows), np.bool_))
        seen += len(rows)
    if has_labels and not seen:
        raise LabelError(f"{path}: has only a header; needs at least one row")
    return _Table(
        videos=[(name, play, view) for name, (_, play, view) in videos.items()],
        lines=np.concatenate([np.zeros(0, np.int64), *lines]),
        video=np.concatenate([np.zeros(0, np.int64), *video]),
        frames=np.concatenate([np.zeros(0), *frames]).astype(np.int64),
        boxes=np.concatenate([np.zeros((0, 4)), *boxes]),
        impact=np.concatenate([np.zeros(0, np.bool_), *impact]),
        scored=np.concatenate([np.zeros(0, np.bool_), *scored]),
        helmet=np.concatenate([np.zeros(0, np.int64), *helmet]),
        helmets=list(helmets),
        types=types,
        has_labels=has_labels,
    )


def _video_index(where: str, key: tuple[str, ...], videos: dict[str, tuple[int, str, str]]) -> int:
    """The index of the video that the cells gameKey, playID, view, video of a row name."""
    game, number, view_cell, video = (cell.strip() for cell in key)
    view = _view(view_cell)
    if view is None:
        raise LabelError(f"{where}: view needs Endzone or Sideline, got {view_cell!r}")
    try:
        play, own_view = play_and_view(video)
    except LabelError as error:
        raise LabelError(f"{where}: {error}") from error
    of_name = [int(part) for part in play.split("_")]
    of_cells = [int(cell) if cell.isascii() and cell.isdigit() else cell for cell in (game, number)]
    if view != own_view or of_cells != of_name:
        raise LabelError(
            f"{where}: gameKey {game}, playID {number} and view {view} are not those of the video "
            f"{video}"
        )
    return videos.setdefault(video, (len(videos), play, view))[0]


def _view(text: str) -> str | None:
    return next((view for view in VIEWS if view.lower() == text.lower()), None)
