"""SoccerNet's folders as a data set without a manifest: a folder for each game, with its labels.

    england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley/1_720p.mkv, 2_720p.mkv
    england_efl/2019-2020/2019-10-01 - Leeds United - West Bromwich/720p.mp4

A game is two halves or one video, perhaps in several resolutions. Both halves are one group. Its
split is the name of a folder above it (train, valid, test, challenge), or that of the list which
has it: SoccerNet's `BallTrain.json` or `SoccerNetGamesTrain.json`, copied to the top folder. The
untrimmed `1_HQ.mkv` is left out, since positions in labels count from the start of a trimmed half.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playhead.errors import LabelError
from playhead.events.formats import soccernet
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.names import half_of
from playhead.events.source import read_json
from playhead.files import is_temporary
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = [
    "LABEL_FILES",
    "GameFiles",
    "game_videos",
    "is_games",
    "read_games",
    "read_set",
]

LABEL_FILES = ("Labels-ball.json", "Labels-v2.json")

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "challenge": "challenge",
}
"""The split of a game by the name of a folder above it."""

VIDEO = re.compile(r"(?:([12])(?:_(\d+)p)?|(\d+)p)")
"""The stem of a video: half and height, or the height of a whole game."""
LIST = re.compile(r"\w*(Train|Valid|Test|Challenge)\.json")
UNTRIMMED = re.compile(r"[12]_HQ")
WHOLE = 0
"""A whole game, among the numbers of halves."""


@dataclass(frozen=True, slots=True)
class GameFiles:
    """Which files of a game are used, where it has several.

    resolution: of the videos, as in `720p`; by default the best that a half has
    label_file: the name of the labels; by default `Labels-ball.json` or `Labels-v2.json`
    """

    resolution: str | None = None
    label_file: str | None = None


@dataclass(frozen=True, slots=True)
class _Game:
    """A folder with the videos of a game.

    name: `league/season/game`, as far as there are such folders; where: the path in the data set
    videos: file names by half (or WHOLE) and height, 0 for a name without one
    untrimmed: file names of videos that are never used
    """

    name: str
    where: PurePosixPath
    folder: Path
    split: str | None
    videos: Mapping[int, Mapping[int, str]]
    untrimmed: tuple[str, ...]
    labels: tuple[str, ...]


def is_games(folder: Path) -> bool:
    """Whether a folder is, or holds, games of SoccerNet with videos."""
    return folder.is_dir() and next(_games(folder), None) is not None


def read_set(
    path: Path, *, videos: Path | None = None, games: GameFiles | None = None
) -> tuple[ManifestRow, ...]:
    """The videos of a data set: a manifest, or a folder of games.

    videos: of a manifest, see `read_manifest`; games: of a folder
    Raises LabelError as `read_manifest` and `read_games` do, and for options of the other.
    """
    if path.is_dir():
        if videos is not None:
            raise LabelError(
                f"{path}: is a folder of games with their videos; leave out data.videos ({videos})"
            )
        return read_games(path, games or GameFiles())
    if games not in (None, GameFiles()):
        raise LabelError(
            f"{path}: data.resolution and data.label_file are for a folder of SoccerNet games, "
            "not for a manifest; leave them out"
        )
    return read_manifest(path, videos=videos)


def read_games(folder: Path, files: GameFiles) -> tuple[ManifestRow, ...]:
    """The videos of all games in a folder, by their paths; a game in `train` needs labels.

    A half without its video, and labels that are missing, are rows with a file that is not there,
    so that they are told with all else that cannot be read. A game without labels that is not for
    training has the split `challenge` unless it has another.
    Raises LabelError if there are no games, and for a game with two label files, or halves and a
    whole game, unless `files` chooses among them.
    """
    rows: list[ManifestRow] = []
    for game in _all_games(folder):
        labels = _labels_of(game, files)
        split = game.split if game.split or labels else "challenge"
        rows += (
            ManifestRow(video, labels, game.name, split=split, name=str(game.where / video.name))
            for video in _videos_of(game, files)
        )
    return tuple(rows)


def game_videos(folder: Path, resolution: str | None = None) -> list[Path]:
    """One video of each half of all games in a folder, as `read_games`, and all other videos.

    Paths are resolved, but for links to files, and sorted.
    """
    games = _all_games(folder)
    versions = {
        game.folder / name
        for game in games
        for names in (*(part.values() for part in game.videos.values()), game.untrimmed)
        for name in names
    }
    every = {
        place / name
        for place, names in _walk(folder.resolve(), set())
        for name in names
        if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES and not is_temporary(Path(name))
    }
    used = [video for game in games for video in _videos_of(game, GameFiles(resolution))]
    return sorted({*used, *every.difference(versions)})


def _all_games(folder: Path) -> list[_Game]:
    games = list(_games(folder))
    if not games:
        raise LabelError(
            f"{folder}: has no games of SoccerNet, folders with 1_720p.mkv and 2_720p.mkv or with "
            "720p.mp4; give the folder above them, or a manifest"
        )
    return games


def _games(folder: Path) -> Iterator[_Game]:
    root = folder.resolve()
    listed = None
    for place, names in _walk(root, set()):
        heights: dict[int, dict[int, str]] = {}
        told = False
        videos = [name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES]
        for name in videos:
            match = VIDEO.fullmatch(PurePosixPath(name).stem)
            if match is None:
                continue
            half, height, whole = (int(group or 0) for group in match.groups())
            told = told or height > 0 or whole > 0
            same = heights.setdefault(half, {})
            if (height or whole) in same:
                raise LabelError(
                    f"{place}: has {same[height or whole]} and {name}; keep one of them"
                )
            same[height or whole] = name
        labels = tuple(name for name in names if name.startswith("Labels") and name[-5:] == ".json")
        if not heights or not (told or labels):
            continue
        where = PurePosixPath(place.relative_to(root).as_posix())
        listed = _listed(root) if listed is None else listed
        game = "/".join(where.parts[-3:]) or root.name
        named = (SPLITS.get(part.lower()) for part in where.parts[:-1])
        split = listed.get(game) or next((split for split in named if split), None)
        untrimmed = tuple(n for n in videos if UNTRIMMED.fullmatch(PurePosixPath(n).stem))
        yield _Game(game, where, place, split, heights, untrimmed, labels)


def _walk(folder: Path, seen: set[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Every folder below `folder` with its sorted file names; linked folders too, each once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise LabelError(f"{folder}: cannot be listed ({error.strerror})") from error
    yield folder, [entry.name for entry in entries if entry.is_file()]
    for entry in entries:
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)


def _listed(root: Path) -> dict[str, str]:
    """The split of each game in SoccerNet's lists at the top of the folders."""
    splits: dict[str, str] = {}
    for path in sorted(root.glob("*.json")):
        match = LIST.fullmatch(path.name)
        if match is None:
            continue
        for game in _games_in(path):
            split = splits.setdefault(game, match[1].lower())
            if split != match[1].lower():
                raise LabelError(f"{path}: {game} is also in the list for {split}; remove one")
    return splits


def _games_in(path: Path) -> Iterator[str]:
    leagues = read_json(path)
    try:
        for league, seasons in leagues.items():
            for season, games in seasons.items():
                yield from (f"{league}/{season}/{game}" for game in games)
    except (AttributeError, TypeError) as error:
        raise LabelError(
            f"{path}: needs a list of games by league and season, as SoccerNet has it; correct it "
            "or give it another name"
        ) from error


def _labels_of(game: _Game, files: GameFiles) -> Path | None:
    """The labels of a game; None if it has none and is not for training."""
    known = LABEL_FILES if files.label_file is None else (files.label_file,)
    there = [name for name in known if name in game.labels]
    if len(there) > 1:
        raise LabelError(
            f"{game.folder}: has {' and '.join(there)}; choose one, for example with "
            f"--set data.label_file={there[0]}"
        )
    if not there and game.split not in ("train", "valid"):
        return None
    return game.folder / (there[0] if there else known[0])


def _videos_of(game: _Game, files: GameFiles) -> list[Path]:
    """One video of each half, in their order; that of a missing half is not there."""
    height = None if files.resolution is None else int(files.resolution.removesuffix("p"))
    parts = {part for part, names in game.videos.items() if height is None or height in names}
    parts = parts or set(game.videos)
    if WHOLE in parts and len(parts) > 1:
        if 2 not in _halves_in(game):
            raise LabelError(
                f"{game.folder}: has halves and a whole game in one file; choose a resolution that "
                "only one of them has with --set data.resolution, or move one away"
            )
        parts.remove(WHOLE)
    if len(parts) == 1 and parts != {WHOLE}:  # of one half: is there another?
        halves = _halves_in(game)
        parts |= halves or {1, 2}
    example = next(iter(next(iter(game.videos.values())).values()))
    best = max(max(names) for names in game.videos.values())
    return [
        game.folder / _file_of(game.videos.get(part, {}), part, height, best, Path(example).suffix)
        for part in sorted(parts)
    ]


def _file_of(
    names: Mapping[int, str], part: int, height: int | None, best: int, suffix: str
) -> str:
    """The file of a half in a resolution; the name that it would have if there is none.

    names: by height; height: None for the best; best: of the game
    """
    if names and height is None:
        return names[max(names)]
    height = best if height is None else height
    half = "" if part == WHOLE else f"{part}_" if height else f"{part}"
    return names.get(height, f"{half}{height}p{suffix}" if height else f"{half}{suffix}")


def _halves_in(game: _Game) -> set[int]:
    """The halves that the labels name; none if they cannot be read, which reading them tells."""
    halves: set[int] = set()
    for name in LABEL_FILES:
        if name in game.labels:
            with suppress(LabelError):
                videos = soccernet.parse(game.folder / name)
                halves |= {half_of(video.video) or 1 for video in videos if video.events}
    return halves
