"""Pairing of videos by their names.

Videos are paired by the end of their paths, since predictions mirror the inputs' folders while a
manifest may list other absolute paths: the longest common end of two paths wins.
"""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from playhead.errors import LabelError
from playhead.events.names import is_sized_half, is_whole_game

__all__ = ["pair_videos"]


def pair_videos(
    wanted: Sequence[str], offered: Sequence[str], *, folders: bool = False
) -> list[int | None]:
    """For each wanted video, the index of the offered one with the longest common end, or None.

    At least the file names must agree; one of them may lack its suffix. Of names that tell nothing
    (`720p.mp4`, `1_720p.mkv`), or with `folders`, their folders must agree too if both have one.
    Raises LabelError if two match equally well.
    """
    tails = [_tail(name) for name in offered]
    return [_closest(name, tails, offered, folders) for name in wanted]


def _closest(
    name: str, tails: Sequence[tuple[str, ...]], offered: Sequence[str], folders: bool
) -> int | None:
    own = _tail(name)
    folders = bool(own) and (folders or is_whole_game(own[0]) or is_sized_half(own[0]))
    common = [
        0 if count == 1 and folders and len(own) > 1 and len(tail) > 1 else count
        for tail in tails
        for count in [_common(own, tail)]
    ]
    best = max(common, default=0)
    if best == 0:
        return None
    matches = [index for index, length in enumerate(common) if length == best]
    if len(matches) > 1:
        raise LabelError(
            f"{name}: matches both {offered[matches[0]]} and {offered[matches[1]]}; keep the "
            "folders of the videos in the predictions"
        )
    return matches[0]


def _tail(name: str) -> tuple[str, ...]:
    """The parts of a path, the file name first."""
    return PurePosixPath(name.replace("\\", "/")).parts[::-1]


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """The number of parts, from the end, that agree."""
    if not (a and b and _same_name(a[0], b[0])):
        return 0
    pairs = zip(a[1:], b[1:], strict=False)
    return 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _same_name(a: str, b: str) -> bool:
    """Whether two names are equal, or would be if one of them lacked its suffix.

    Not if both did: `match.1` and `match.2` are two videos.
    """
    return a == b or PurePosixPath(a).stem == b or a == PurePosixPath(b).stem
