"""Groups of clips: which clips come from the same source, told by their file names.

A model that has seen a person or a place in training does better on them in testing, so folds and
splits keep all clips of a group on one side.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from playhead.errors import PlayheadError
from playhead.output import counted
from playhead.samples.splits import group_of

__all__ = ["find_groups"]

KINETICS = re.compile(r"([\w-]{11})_\d{6}(?:\.\d+)?_\d{6}(?:\.\d+)?")
"""A whole stem: YouTube id, start and end in seconds."""

UCF = re.compile(r"_(g\d+)(?=_|$)")
"""The group of UCF names: `v_Basketball_g07_c01`. Group 7 of every class is one group here, as in
the official splits."""


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
