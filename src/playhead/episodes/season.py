"""Seasons: the video files of a folder tree, grouped and ordered as a person means them.

Each folder with videos is a season: `Show/Season 01/S01E02.mkv` is read as it is, and so is one
flat folder. Specials do not share the openings of their season, so they are a season of their own:
those of a folder `Specials` or `Season 00`, and files named `S00E..` beside other episodes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playhead.execution.items import Item, find_items, is_video

__all__ = ["Season", "episode_order", "find_seasons"]

EPISODE = re.compile(r"(?<![a-z0-9])s(\d{1,4})[ ._-]*e(\d{1,4})", re.IGNORECASE)
"""`S01E02`, also `s1.e2`; of a double episode `S01E02E03` the first counts."""
CROSSED = re.compile(r"(?<![a-z0-9])(\d{1,2})x(\d{2,3})(?!\d)", re.IGNORECASE)
"""`1x02`; not `1920x1080`."""
SPECIALS = re.compile(r"(specials?|extras?|season[ ._-]*0+|s0+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Season:
    """The episodes of one folder, in order.

    folder: the folder of the files
    name: path of the folder below the common folder of all seasons, POSIX; "." if it is that
    specials: whether these are specials
    apart: whether the folder has other episodes too, which are another season
    episodes: `stem` is the path of the outputs below the common folder
    """

    folder: Path
    name: str
    specials: bool
    apart: bool
    episodes: tuple[Item, ...]

    @property
    def title(self) -> str:
        """What a person calls it: the names of the show and of the season."""
        named = self.folder.resolve()
        parts = named.parts[-2:] if re.match(r"(?i)(season|s\d)|specials", named.name) else ()
        title = " · ".join(parts or (named.name,))
        return f"{title} (specials)" if self.apart else title


def find_seasons(paths: Sequence[Path]) -> list[Season]:
    """The seasons in folders, searched with all folders below, and of files named one by one.

    Raises PlayheadError if a folder has no videos, or if two files would write to the same outputs,
    as `S01E02.mkv` and `S01E02.mp4` of one folder.
    """
    items = find_items(paths, accept=_is_episode)
    groups: dict[tuple[PurePosixPath, bool], list[Item]] = {}
    for item in items:
        folder = PurePosixPath(item.stem.parent.as_posix())
        groups.setdefault((folder, _is_special(item)), []).append(item)
    seasons = []
    for (name, specials), episodes in groups.items():
        seasons.append(
            Season(
                folder=episodes[0].path.parent,
                name=name.as_posix(),
                specials=specials,
                apart=specials and (name, False) in groups,
                episodes=tuple(sorted(episodes, key=lambda item: episode_order(item.path.name))),
            )
        )
    return sorted(seasons, key=lambda season: (_natural(season.name), season.specials))


def episode_order(name: str) -> tuple[object, ...]:
    """A key that sorts file names as a person numbers them.

    By season and episode where the name has both (`S01E02`, `1x02`), which come first, else by the
    numbers in the name: `2.mkv` before `10.mkv`.
    """
    code = EPISODE.search(name) or CROSSED.search(name)
    numbers = (0, int(code[1]), int(code[2])) if code else (1, 0, 0)
    return (*numbers, _natural(name))


def _is_episode(file: Path) -> bool:
    # macOS stores metadata of `a.mkv` as `._a.mkv`, which is no video.
    return is_video(file) and not file.name.startswith(".")


def _is_special(item: Item) -> bool:
    code = EPISODE.search(item.path.name) or CROSSED.search(item.path.name)
    if SPECIALS.fullmatch(item.path.resolve().parent.name):
        return True
    return code is not None and int(code[1]) == 0


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Parts of a text, in which numbers sort by value, before letters."""
    parts = re.split(r"(\d+)", text.casefold())
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part
    )
