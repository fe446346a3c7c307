"""Ensembles of spotting: the mean of saved scores, and bundles saved as one.

Saved scores need no model. A video counts with the members that have it, and each of its grid
points with the members that have a score there: folds score every video once, so their folders
together are the out-of-fold scores of all videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.decisions.ensemble import mean_scores
from playhead.decisions.peaks import check_classes
from playhead.errors import PlayheadError
from playhead.events.formats import native
from playhead.execution.outputs import check_folder
from playhead.inference.bundle import Bundle, load_bundle
from playhead.inference.ensemble import write_ensemble
from playhead.inference.scores import Scores, read_scores, write_scores
from playhead.progress import progress
from playhead.spotting.predict import decide, decisions_with
from playhead.spotting.truth import EVENTS, SCORES, names_listed, predictions_folder

__all__ = ["Ensembled", "decide_again", "ensemble_bundles", "ensemble_scores", "scores_below"]

_APART = "rename the scores, or predict the videos together, so that names tell them apart"


@dataclass(frozen=True, slots=True)
class Ensembled:
    """What an ensemble of saved scores has written.

    outputs: the files of events, beside those of the mean scores
    members: of each video the number of folders that have it
    folders: how many were given
    """

    outputs: tuple[Path, ...]
    members: dict[str, int]
    folders: int

    def notes(self) -> tuple[str, ...]:
        """Which videos have fewer members than others."""
        counts = set(self.members.values())
        if counts == {1}:
            return (
                f"no video is in two of the {self.folders} folders: their scores are gathered, as "
                "those of folds, not averaged",
            )
        named = {
            count: [name for name, own in self.members.items() if own == count]
            for count in sorted(counts - {self.folders})
        }
        return tuple(
            f"in {count} of {self.folders} folders only: {names_listed(names)}"
            for count, names in named.items()
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "outputs": [str(path) for path in self.outputs],
            "members": self.members,
            "notes": list(self.notes()),
        }


def ensemble_scores(
    folders: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    settings: Sequence[str] = (),
) -> Ensembled:
    """Average the scores of folders, and write them and their events to `out`.

    folders: that `predict` wrote, or of runs (their scores of the validation videos)
    weights: one for each folder, equal by default; only their ratios count
    settings: `key=value` over the decisions recorded in the scores of a video's first member
    Raises PlayheadError for fewer than two folders, a folder without scores, an output that is one
    of the folders, names that fit two videos, and scores of other classes or times.
    """
    check_folder(out)
    if len(folders) < 2:
        raise PlayheadError(f"an ensemble needs at least two folders of scores, got {len(folders)}")
    for folder in folders:
        if out.resolve().is_relative_to(predictions_folder(folder).resolve()):
            raise PlayheadError(
                f"--out {out}: is one of the folders of the ensemble or in it; name another"
            )
    return _write_means(_videos_of(folders), out, folders, weights, settings)


def decide_again(folders: Sequence[Path], out: Path, settings: Sequence[str]) -> list[Path]:
    """Average the scores of folders of the same videos, and write them and their events to `out`.

    settings: `key=value` over the post-processing recorded in the first folder's scores, also over
        its values for single classes; `per_class.LABEL.key=value` for one class
    Raises PlayheadError for a folder without scores, or folders with different videos.
    """
    videos = _videos_of(folders)
    for name, members in videos.items():
        if len(members) < len(folders):
            has = folders[next(iter(members))]
            lacks = next(folder for number, folder in enumerate(folders) if number not in members)
            raise PlayheadError(
                f"{lacks}: has no scores of {name}, but {has} has; `playhead spotting ensemble` "
                "averages each video over the folders that have it"
            )
    return list(_write_means(videos, out, folders, None, settings).outputs)


def ensemble_bundles(
    bundles: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    settings: Sequence[str] = (),
) -> Bundle:
    """Save bundles as one; see `write_ensemble`.

    settings: `key=value` over the decisions of the first bundle
    """
    first = load_bundle(bundles[0]).manifest
    decisions = decisions_with(first.post_processing, settings, source=str(bundles[0]))
    check_classes(decisions, first.classes)
    chosen = decisions.model_dump(mode="json") if settings else None
    return write_ensemble(bundles, out, weights=weights, post_processing=chosen)


def _write_means(
    videos: dict[str, dict[int, Path]],
    out: Path,
    folders: Sequence[Path],
    weights: Sequence[float] | None,
    settings: Sequence[str],
) -> Ensembled:
    written = []
    with progress("averaging", len(videos)) as bar:
        for name, paths in videos.items():
            members = [read_scores(path) for path in paths.values()]
            own_weights = None if weights is None else [weights[number] for number in paths]
            mean = _mean(members, list(paths.values()), own_weights)
            decisions = decisions_with(mean.decisions, settings, source=mean.video)
            mean = replace(mean, decisions=decisions.model_dump())
            write_scores(mean, out / f"{name}{SCORES}")
            native.write(decide(mean), out / f"{name}{EVENTS}")
            written.append(out / f"{name}{EVENTS}")
            bar.advance(1, name)
    counts = {name: len(paths) for name, paths in videos.items()}
    return Ensembled(tuple(written), counts, len(folders))


def _mean(
    members: Sequence[Scores], paths: Sequence[Path], weights: Sequence[float] | None
) -> Scores:
    first = members[0]
    for member, path in zip(members[1:], paths[1:], strict=True):
        if member.classes != first.classes:
            raise PlayheadError(
                f"{path}: has the classes {', '.join(member.classes)}, but {paths[0]} has "
                f"{', '.join(first.classes)}; an ensemble needs the same in the same order"
            )
        if member.times.shape != first.times.shape or not np.allclose(
            member.times, first.times, rtol=0, atol=1e-6
        ):
            raise PlayheadError(
                f"{path}: has {_span(member)}, but {paths[0]} has {_span(first)}; an ensemble "
                "needs scores of the same video at the same data.rate"
            )
    values = mean_scores([member.values for member in members], weights)
    return replace(
        first,
        values=values,
        precision=", ".join(sorted({m.precision for m in members} - {""})),
        members=sum(member.members for member in members),
    )


def _span(scores: Scores) -> str:
    last = float(scores.times[-1]) if len(scores.times) else 0.0
    return f"{len(scores.times)} grid points up to {last:.3f} s"


def _videos_of(folders: Sequence[Path]) -> dict[str, dict[int, Path]]:
    """For each video the score files of the folders that have it, by the number of the folder.

    Names mirror the folders of the videos that were predicted together, so a video can be `1` in
    one folder and `derby/1` in another; the longest name stays.
    """
    held = [scores_below(folder) for folder in folders]
    having: dict[str, set[int]] = {}
    for number, paths in enumerate(held):
        for name in paths:
            having.setdefault(name, set()).add(number)
    videos: dict[str, dict[int, Path]] = {}
    for number, paths in enumerate(held):
        for name, path in paths.items():
            members = videos.setdefault(_longest(name, having), {})
            if number in members:
                raise PlayheadError(f"{path}: may be of the video of {members[number]}; {_APART}")
            members[number] = path
    return videos


def _longest(name: str, having: Mapping[str, set[int]]) -> str:
    """The longest name that ends in `name` and no folder has beside it; else `name` itself."""
    longer = [
        other
        for other, folders in having.items()
        if other.endswith(f"/{name}") and not folders & having[name]
    ]
    longest = [name for name in longer if not any(other.endswith(f"/{name}") for other in longer)]
    if len(longest) > 1:
        raise PlayheadError(
            f"{name}{SCORES}: may be of the video of {longest[0]} or of {longest[1]}; {_APART}"
        )
    return longest[0] if longest else name


def scores_below(folder: Path) -> dict[str, Path]:
    """The score files of a folder, by their relative path without the suffix."""
    folder = predictions_folder(folder)
    paths = sorted(folder.rglob(f"*{SCORES}")) if folder.is_dir() else []
    if not paths:
        raise PlayheadError(
            f"{folder}: has no {SCORES} files; write them with `playhead spotting predict`"
        )
    return {path.relative_to(folder).as_posix()[: -len(SCORES)]: path for path in paths}
