"""Groups of videos: which come from the same source, told by their file names.

A model that has seen a person or a place in training does better on them in testing, so folds and
splits keep all clips of a group on one side. `find_groups` knows the names of two public data sets;
`guess_groups` also tries what people call their files.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from playhead.errors import PlayheadError
from playhead.output import counted
from playhead.samples.splits import group_of

__all__ = ["find_groups", "guess_groups"]

KINETICS = re.compile(r"([\w-]{11})_\d{6}(?:\.\d+)?_\d{6}(?:\.\d+)?")
"""A whole stem: YouTube id, start and end in seconds."""

UCF = re.compile(r"_(g\d+)(?=_|$)")
"""The group of UCF names: `v_Basketball_g07_c01`. Group 7 of every class is one group here, as in
the official splits."""

PART = re.compile(
    r"(?:[ ._-]*(?:cam|camera|view|angle|part|pt|half|clip|c|seg|take)[ ._-]*\d+)+$", re.I
)
"""What ends the names of the parts or the views of one recording: `fall-03-cam1`."""

NUMBERS = re.compile(r"[\d ._()-]+")

LEAST_GROUPS = 4
"""Fewer groups than this tell kinds of videos rather than sources."""


def guess_groups(names: Sequence[str]) -> tuple[list[str], str]:
    """The group of each video, and in words what told it.

    names: path of each video below the data set
    Tried from the coarsest to the finest: what public data sets write into names, the folder, the
    words of a name without its numbers, the name without its part or camera. A guess is taken if it
    leaves at least four groups and none holds over a third of the videos: names that tell less
    tell kinds of videos. Otherwise every video is a group of its own.
    """
    paths = [PurePosixPath(name) for name in names]
    guesses = {
        "the source in their file names": [
            _source_of(path.stem) or name for path, name in zip(paths, names, strict=True)
        ],
        "their folders": [path.parent.as_posix() for path in paths],
        "the words in their file names": [_words(path) for path in paths],
        "their file names without part or camera": [
            PART.sub("", path.with_suffix("").as_posix()) for path in paths
        ],
    }
    for reason, groups in guesses.items():
        sizes = Counter(groups)
        few = len(sizes) < LEAST_GROUPS or max(sizes.values()) > len(names) / 3
        if len(sizes) < len(names) and not few:
            return groups, reason
    told = [len(set(groups)) for groups in guesses.values() if 1 < len(set(groups)) < len(names)]
    few_told = (
        f"tell only {counted(max(told), 'group')}, too few for a split, so the same scene may be "
        "on both sides: correct the column group of the manifest if it is"
        if told
        else "do not say which belong together"
    )
    return list(names), f"video: their names {few_told}"


def find_groups(names: Sequence[str], expression: str | None = None) -> tuple[list[str], list[str]]:
    """The group of each clip, and what the user should know of it.

    names: path of each clip below the data set, with its class folder
    expression: a regular expression that is searched in the path without its suffix; its group in
        brackets, or the whole match, is the group. By default YouTube ids and `_g07_` are found. A
        clip without a match is a group of its own.
    Raises PlayheadError if the expression is not valid or matches no clip.
    """
    stems = [str(PurePosixPath(name).with_suffix("")).removesuffix(".keypoints") for name in names]
    if expression is None:
        groups = [_source_of(PurePosixPath(stem).name) for stem in stems]
    else:
        try:
            brackets = re.compile(expression).groups
        except re.error as error:
            raise PlayheadError(
                f"--group {expression!r}: is not a regular expression: {error}"
            ) from error
        if brackets > 1:
            raise PlayheadError(
                f"--group {expression!r}: has {brackets} groups in brackets; needs one, or none; "
                "(?:...) does not count"
            )
        groups = [group_of(stem, expression) for stem in stems]
        if names and not any(groups):
            raise PlayheadError(
                f"--group {expression!r}: matches no clip; their names are as {stems[0]}"
            )
    files = set(names)
    alone = len({name for name, group in zip(names, groups, strict=True) if group is None})
    notes = []
    if alone:
        which = "every file is a group of its own, since its name does"
        if alone < len(files):
            which = f"{alone} of {counted(len(files), 'file')} are groups of their own: names do"
        notes.append(
            f"{which} not tell the source, so one person may stand on both sides of a split; "
            "--group REGEX tells it"
        )
    return [group or name for group, name in zip(groups, names, strict=True)], notes


def _source_of(stem: str) -> str | None:
    clip = KINETICS.fullmatch(stem)
    if clip is not None:
        return clip[1]
    of_ucf = UCF.search(stem)
    return None if of_ucf is None else of_ucf[1]


def _words(path: PurePosixPath) -> str:
    """The folder and the words of a file name; the whole name if it has no word."""
    words = NUMBERS.sub(" ", path.stem).strip().lower()
    return (path.parent / (words or path.stem)).as_posix()
