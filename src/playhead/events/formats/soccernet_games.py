"""Results of many games, as SoccerNet's evaluator and its servers take them: a ZIP, or folders.

Both hold `league/season/game/results_spotting.json` for each game. The bytes of a ZIP depend only
on the events.
"""

import logging
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import soccernet
from playhead.events.formats.raw import RawVideo
from playhead.events.model import VideoEvents
from playhead.events.names import half_of, is_whole_game, video_stem
from playhead.events.source import MAX_BYTES, Mistakes, parse_json
from playhead.files import atomic_path, inside, write_text

__all__ = ["RESULTS", "parse_zip", "write_games"]

RESULTS = "results_spotting.json"
LEVELS = 3
"""Folders in the name of a game: league, season, game."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The date of files in a ZIP, the earliest that it can hold."""

_log = logging.getLogger(__name__)


def write_games(videos: Sequence[VideoEvents], target: Path) -> None:
    """Write the predictions of many games, into a ZIP or below a folder.

    videos: named by their paths, as `league/season/game/1_720p.mkv` or `league/season/game/720p`;
        of longer paths the last folders count. A video of another name is a game of its own
    target: ending in `.zip`, or a folder
    Raises LabelError for two videos of one half, spans, and equal events.
    """
    games: dict[str, dict[int, VideoEvents]] = defaultdict(dict)
    for video in videos:
        game, half = _game_of(video.video)
        first = games[game].setdefault(half, video)
        if first is not video:
            raise LabelError(
                f"{video.video} and {first.video} are both half {half} of {game}; keep the "
                "predictions of one of them"
            )
    texts = {
        game: soccernet.text_of(game, sorted(halves.items()), predictions=True)
        for game, halves in sorted(games.items())
    }
    short = [game for game in texts if len(PurePosixPath(game).parts) < LEVELS]
    if short:
        _log.warning(
            "%s: SoccerNet's evaluator looks for league/season/game/%s, but there is %s/%s; "
            "predict the folder above the leagues for its names",
            target,
            RESULTS,
            short[0],
            RESULTS,
        )
    if target.suffix.lower() != ".zip":
        for game, text in texts.items():
            write_text(_inside(target, f"{game}/{RESULTS}"), text)
        return
    with (
        atomic_path(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for game, text in texts.items():
            member = zipfile.ZipInfo(f"{game}/{RESULTS}", EARLIEST)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, on every system
            member.external_attr = 0o644 << 16
            archive.writestr(member, text.encode())


def parse_zip(path: Path) -> tuple[RawVideo, ...]:
    """Parse the games of a ZIP, their results or, if it has none, their labels.

    A game is named by its folder in the ZIP. Raises LabelError if the file is not a ZIP of games.
    """
    videos: list[RawVideo] = []
    mistakes = Mistakes()
    folders: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in _members(path, archive):
                where = f"{path}: {name}"
                folder = str(PurePosixPath(name).parent)
                first = folders.setdefault(folder, name)
                if first != name:
                    raise LabelError(f"{where}: {first} is of the same game; keep one of them")
                if archive.getinfo(name).file_size > MAX_BYTES:
                    raise LabelError(f"{where}: is larger than any file of labels")
                text = archive.read(name).decode("utf-8-sig")
                with mistakes.collect():
                    game = None if folder == "." else folder
                    videos += soccernet.parse_game(parse_json(text, where), where, name=game)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise LabelError(f"{path}: cannot be read as a ZIP: {error}") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown compression
        raise LabelError(f"{path}: {error}; unpack it and give the folder") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: {name} is not UTF-8; save it as UTF-8 text") from error
    mistakes.raise_any()
    return tuple(videos)


def _members(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """The files of results in a ZIP; of labels if there are none."""
    names = sorted(
        info.filename
        for info in archive.infolist()
        if not info.is_dir() and "__MACOSX" not in PurePosixPath(info.filename).parts
    )
    for start in ("results_", "Labels-"):
        found = [
            name
            for name in names
            if PurePosixPath(name).name.startswith(start) and name.endswith(".json")
        ]
        if found:
            return found
    raise LabelError(
        f"{path}: has no {RESULTS} of a game, but {', '.join(names[:4]) or 'nothing'}; a ZIP is "
        "read as SoccerNet's results of many games"
    )


def _game_of(video: str) -> tuple[str, int]:
    """The name of a video's game, and its half."""
    path = PurePosixPath(video.replace("\\", "/"))
    half = half_of(path.name)
    if half is None and not is_whole_game(path.name):
        return "/".join(PurePosixPath(video_stem(str(path))).parts[-LEVELS:]), 1
    game = "/".join(path.parts[:-1][-LEVELS:])
    if not game:
        raise LabelError(
            f"{video}: has no folder, so its game has no name; give the folder above the game, or "
            f"write one game as {RESULTS}"
        )
    return game, half or 1


def _inside(folder: Path, relative: str) -> Path:
    try:
        return inside(folder, relative)
    except PlayheadError as error:
        raise LabelError(f"{relative!r} is outside of {folder}; rename the video") from error
