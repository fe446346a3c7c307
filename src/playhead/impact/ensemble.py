"""Ensembles of saved candidates: one set of several that were predicted on the same videos.

In each frame, boxes of the members that are the same helmet become one, as `decisions.fusion` does.
A member without the box counts as 0 for its helmet score, but not for its impact score: whether it
is a helmet and whether a helmet is in an impact are two questions.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.fusion import fuse_objects
from playhead.errors import PlayheadError
from playhead.execution.outputs import check_folder
from playhead.impact.candidates import (
    CANDIDATES,
    Candidates,
    frame_ranges,
    read_folder,
    write_candidates,
)
from playhead.impact.predict import decide_files
from playhead.progress import progress

__all__ = ["ensemble_folders", "fuse_candidates"]

SAME_TIME = 1e-6  # seconds


def ensemble_folders(
    folders: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    overlap: float = 0.5,
) -> list[Path]:
    """Fuse the candidates of folders, write them and their events to `out`; returns the events.

    weights, overlap: see `fuse_candidates`
    Impacts are decided by the decisions that the first folder's candidates record.
    Raises PlayheadError before anything is written: for less than two folders, an output that is
    one of them, or folders whose videos differ.
    """
    check_folder(out)
    if len(folders) < 2:
        raise PlayheadError(
            f"an ensemble needs at least two folders of candidates, got {len(folders)}"
        )
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise PlayheadError(f"--out {out}: is one of the folders of the ensemble; name another")
    members = [read_folder(folder) for folder in folders]
    for folder, held in zip(folders[1:], members[1:], strict=True):
        for name in sorted(members[0].keys() ^ held.keys()):
            has, lacks = (folders[0], folder) if name in members[0] else (folder, folders[0])
            raise PlayheadError(
                f"{lacks}: has no candidates of {name}, but {has} has; an ensemble needs the same "
                "videos in every folder"
            )
        for name, candidates in held.items():
            problem = _difference(members[0][name], candidates)
            if problem is not None:
                raise PlayheadError(f"{folder / name}{CANDIDATES}: {problem} in {folders[0]}")
    fused: dict[Path, Candidates] = {}
    with progress("fusing", len(members[0])) as bar:
        for name in members[0]:
            target = out / f"{name}{CANDIDATES}"
            fused[target] = fuse_candidates(
                [held[name] for held in members], weights=weights, overlap=overlap
            )
            write_candidates(fused[target], target)
            bar.advance(1, name)
    return [events for _, events in decide_files(fused)]


def fuse_candidates(
    members: Sequence[Candidates],
    *,
    weights: Sequence[float] | None = None,
    overlap: float = 0.5,
) -> Candidates:
    """The candidates of one video by several members as one.

    weights: one per member, above 0, equal by default; only their ratios count
    overlap: the least IoU of boxes that are one helmet
    The box is the mean of its boxes by weight and helmet score. Its helmet score is the weighted
    mean with 0 for a member without it; its impact score that of the members that have it. A member
    that did not analyse a frame is left out there, and a frame is unseen if no member saw it. Play,
    view, offset and decisions are those of the first.
    Raises PlayheadError for members of other frames, sizes or classes, or weights not one a member.
    """
    first = members[0]
    for member in members[1:]:
        problem = _difference(first, member)
        if problem is not None:
            raise PlayheadError(f"{member.video}: {problem} in the first candidates")
    shares = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(members),):
        raise PlayheadError(f"{len(members)} members need as many weights, got {weights}")
    edges = np.arange(len(first.times) + 1)
    bounds = [np.searchsorted(member.frames, edges).tolist() for member in members]
    held = np.diff(bounds, axis=1) > 0  # members, frames
    analysed = held | np.stack([_analysed(member) for member in members])
    frames, boxes, helmet, impact = [], [], [], []
    for frame in np.flatnonzero(held.any(0)).tolist():
        present = np.flatnonzero(analysed[:, frame]).tolist()
        parts = [slice(bounds[at][frame], bounds[at][frame + 1]) for at in present]
        fused = fuse_objects(
            [
                Boxes(members[at].boxes[part], members[at].helmet[part])
                for at, part in zip(present, parts, strict=True)
            ],
            weights=shares[present].tolist(),
            same=overlap,
        )
        found = fused.members >= 0  # objects, members
        scores = np.zeros(found.shape)
        for column, (at, part) in enumerate(zip(present, parts, strict=True)):
            rows = fused.members[found[:, column], column]
            scores[found[:, column], column] = members[at].impact[part][rows]
        frames.append(np.full(len(found), frame, np.int32))
        boxes.append(fused.boxes.boxes)
        helmet.append(fused.boxes.scores)
        impact.append(scores @ shares[present] / (found @ shares[present]))
    return replace(
        first,
        frames=np.concatenate([np.zeros(0, np.int32), *frames]),
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        helmet=np.concatenate([np.zeros(0, np.float32), *helmet]),
        impact=np.concatenate([np.zeros(0), *impact]).astype(np.float32),
        unseen=frame_ranges(np.flatnonzero(~analysed.any(0))),
        settings={
            "ensemble": [
                {name: value for name, value in member.settings.items() if name != "decisions"}
                for member in members
            ],
            "weights": shares.tolist(),
            "ensemble_overlap": overlap,
            "decisions": first.settings.get("decisions"),
        },
    )


def _analysed(candidates: Candidates) -> NDArray[np.bool_]:
    """Whether each frame was analysed; in the fast mode, those without candidates count as not."""
    fast = candidates.settings.get("mode") == "fast"
    analysed = np.full(len(candidates.times), not fast)
    for start, stop in candidates.unseen.tolist():
        analysed[start:stop] = False
    return analysed


def _difference(first: Candidates, other: Candidates) -> str | None:
    """What keeps two members from being fused, before `in` and the name of the first."""
    if other.label != first.label:
        return f"its class is {other.label!r}, but {first.label!r}"
    if other.size != first.size:
        return (
            f"its frames have {other.size[0]}x{other.size[1]} pixels, but "
            f"{first.size[0]}x{first.size[1]}"
        )
    if len(other.times) != len(first.times):
        return f"it has {len(other.times)} frames, but {len(first.times)}"
    apart = np.abs(other.times - first.times)
    if apart.max(initial=0) > SAME_TIME:
        frame = int(np.argmax(apart > SAME_TIME))
        return f"frame {frame} is at {other.times[frame]:.6f} s, but at {first.times[frame]:.6f} s"
    return None
