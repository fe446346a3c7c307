"""Scores of folds as one set: each video once, and never from a model that has seen it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playhead.errors import LabelError, PlayheadError
from playhead.events.pairing import pair_videos
from playhead.files import new_folder
from playhead.output import counted
from playhead.spotting.findings import listed
from playhead.spotting.stages.seen import Seen, read_seen
from playhead.spotting.truth import EVENTS, SCORES

__all__ = ["Scored", "gather_scores"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A run whose scores are gathered.

    groups: only videos of these groups are taken; None: all validation videos of the run
    """

    run: Path
    groups: frozenset[str] | None = None


def gather_scores(runs: Sequence[Scored], out: Path) -> list[str]:
    """Copy the validation scores and events of runs into one folder; the names of the videos.

    out: replaced if it exists
    Raises LabelError for a score of a video that its model has seen, itself or by another video of
    its group or a copy of its file; for a video that is scored twice; and for a validation video
    without scores. Raises PlayheadError if a run does not tell what it has seen.
    """
    sources: dict[str, Path] = {}
    owners: dict[str, Path] = {}
    for scored in runs:
        seen = read_seen(scored.run)
        for name, path in _scores_of(scored, seen).items():
            first = owners.setdefault(name, scored.run)
            if first != scored.run:
                raise LabelError(f"{name}: is scored by two folds, {first} and {scored.run}")
            sources[str(path.relative_to(scored.run / "scores"))] = path
    with new_folder(out, overwrite=True) as folder:
        for relative, path in sources.items():
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            events = path.with_name(path.name.removesuffix(SCORES) + EVENTS)
            shutil.copyfile(events, target.with_name(events.name))
    return sorted(owners)


def _scores_of(scored: Scored, seen: Seen) -> dict[str, Path]:
    """The score file of each video that is taken from a run, by the name in the manifest."""
    folder = scored.run / "scores"
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    offered = (*seen.validated, *seen.trained)
    indices = pair_videos(names, [video.name for video in offered])
    taken: dict[str, Path] = {}
    leaked = _leaks(seen)
    for path, index in zip(files, indices, strict=True):
        if index is None:
            raise LabelError(
                f"{path}: is of no validation video of {scored.run}, so it is unknown whether "
                "its model has seen it; remove these scores"
            )
        video = offered[index]
        if index >= len(seen.validated):
            leaked.append(video.name)
        elif scored.groups is None or video.group in scored.groups:
            taken[video.name] = path
    if leaked:
        raise LabelError(
            f"{scored.run}: leak: its model was trained on {listed(leaked)}, whose scores are not "
            "out-of-fold; train the folds again, by match"
        )
    wanted = {v.name for v in seen.validated if scored.groups is None or v.group in scored.groups}
    missing = sorted(wanted - taken.keys())
    if missing:
        raise PlayheadError(
            f"{folder}: has no scores of {counted(len(missing), 'validation video')} "
            f"({listed(missing)}); train the fold again"
        )
    return taken


def _leaks(seen: Seen) -> list[str]:
    """The validation videos that a model was trained on, as a copy or by their group."""
    known = seen.fingerprints
    groups = {video.group for video in seen.trained}
    return [v.name for v in seen.validated if v.fingerprint in known or v.group in groups]
