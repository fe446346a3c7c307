"""MOTChallenge: `frame,id,left,top,width,height,conf[,class,visibility]`, a text file per video.

Frames, pixels and ids count from 1, as the benchmark defines; many trackers count pixels from 0
(`first_pixel`). `gt.txt` and results have an id; in `det.txt` it is -1.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from playhead.events.model import Track
from playhead.files import write_text

__all__ = ["LABEL", "mot_rows", "read_mot", "video_of", "write_mot"]

LABEL = "object"
"""The label of tracks whose file names no classes."""

COLUMNS = ("frame", "id", "left", "top", "width", "height", "conf", "class", "visibility")


def video_of(path: Path) -> str:
    """The video of a file: `SEQ` for `SEQ/gt/gt.txt` and `SEQ/det/det.txt`, else the file's stem.

    >>> video_of(Path("MOT17-02/gt/gt.txt")), video_of(Path("street.txt"))
    ('MOT17-02', 'street')
    """
    folders = path.absolute().parts
    if path.stem in ("gt", "det") and path.absolute().parent.name == path.stem and folders[-3:-2]:
        return folders[-3]
    return path.stem


def read_mot(
    path: Path, *, classes: Sequence[str] | None = None, first_pixel: int = 1
) -> tuple[Track, ...]:
    """Read the boxes as tracks, by rising id; a box with id -1 becomes a track of its own.

    classes: the names of classes 1, 2, ... in the 8th column; by default every label is LABEL
    first_pixel: what the file calls the first pixel, 1 or 0
    The score of a box is its `conf`, which in `gt.txt` is 0 for boxes that the benchmark ignores.
    Raises LabelError naming the line of any mistake.
    """
    return mot_rows(path, classes=classes, first_pixel=first_pixel).tracks()


def mot_rows(path: Path, *, classes: Sequence[str] | None = None, first_pixel: int = 1) -> BoxRows:
    """The same as rows, not yet as tracks."""
    parts: list[tuple[NDArray[Any], ...]] = []
    labels: list[str] = []
    for lines, rows in row_batches(path):
        cells = list(zip(*rows, strict=True))
        if len(cells) < 6:
            raise LabelError(
                f"{path}: line {lines[0]}: has {len(cells)} cells; needs {','.join(COLUMNS[:6])}, "
                "separated by commas"
            )
        frames = numbers(path, lines, "frame", cells[0], first=1) - 1
        ids = numbers(path, lines, "id", cells[1], first=-1)
        sides = np.stack(
            [numbers(path, lines, COLUMNS[at], cells[at]) for at in range(2, 6)], axis=1
        )
        boxes = boxes_of(path, lines, sides - (first_pixel, first_pixel, 0, 0))
        scores = numbers(path, lines, "conf", cells[6]) if len(cells) > 6 else np.ones(len(rows))
        if classes is None:
            labels += [LABEL] * len(rows)
        elif len(cells) < 8:
            raise LabelError(f"{path}: has no column of classes; leave out `classes`")
        else:
            indices = numbers(path, lines, "class", cells[7], first=1)
            if indices.max() > len(classes):
                row = int(np.argmax(indices))
                raise LabelError(
                    f"{path}: line {lines[row]}: has class {indices[row]:.0f}, but there are "
                    f"{len(classes)} classes"
                )
            labels += [classes[index - 1] for index in indices.astype(int).tolist()]
        parts.append((lines, ids.astype(np.int64), frames.astype(np.int64), boxes, scores))
    all_lines, all_ids, all_frames, all_boxes, all_scores = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    alone = all_ids == -1
    all_ids[alone] = max(int(all_ids.max()), 0) + 1 + np.arange(np.count_nonzero(alone))
    return BoxRows(
        path=path,
        lines=all_lines,
        ids=all_ids,
        frames=all_frames,
        boxes=all_boxes,
        scores=all_scores,
        labels=labels,
    )


def write_mot(
    tracks: Sequence[Track],
    path: Path,
    *,
    classes: Sequence[str] | None = None,
    first_pixel: int = 1,
) -> None:
    """Write tracks by frame and id: class numbers from `classes`, or -1 without it.

    Raises LabelError if there is no box, a label is not one of `classes`, or an id is negative.
    """
    rows: list[tuple[int, int, list[str]]] = []
    for track in tracks:
        if track.id < 0 or (classes is not None and track.label not in classes):
            raise LabelError(
                f"{path}: track {track.id} ({track.label}) needs an id from 0 and one of the "
                f"classes {', '.join(classes or ())}"
            )
        last = ["-1"] * 3 if classes is None else [str(classes.index(track.label) + 1), "1"]
        cells = corners_to_cells(track.boxes.astype(np.float64) + first_pixel)
        for frame, box, score in zip(
            track.frames.tolist(), cells, track.scores.tolist(), strict=True
        ):
            rows.append((frame, track.id, [*box, repr(score), *last]))
    if not rows:
        raise LabelError(f"{path}: there are no boxes to write")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([frame + 1, number, *cells] for frame, number, cells in sorted(rows))
    write_text(path, text.getvalue())
