"""SoccerNet's JSON: a game of one or two halves, positions in milliseconds from a half's start.

Reads `Labels-v2.json` and `Labels-ball.json` (annotations), `results_spotting.json` (predictions).
Each half is a separate video, named `<UrlLocal>/1` and `<UrlLocal>/2`. Team and visibility are
kept in the note, as in `home; visible`. A ZIP of many games is in `soccernet_games`.
"""

import json
import re
from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Event, VideoEvents
from playhead.events.names import half_of, is_whole_game, video_stem
from playhead.events.source import JsonEntry, read_json
from playhead.files import write_text

__all__ = ["parse", "parse_game", "read", "text_of", "write"]

GAME_TIME = re.compile(r"\s*([12])\s*-\s*(\d{1,4}):(\d{1,2}(?:\.\d+)?)\s*")
VISIBILITIES = ("visible", "not shown")
TEAMS = ("home", "away", "left", "right", "not applicable")


def read(path: Path, reading: Reading | None = None) -> tuple[VideoEvents, ...]:
    """Read a game: one `VideoEvents` per half in the file."""
    return resolve(parse(path), reading or Reading())


def write(videos: Sequence[VideoEvents], path: Path, *, predictions: bool = False) -> None:
    """Write one game, its videos named by half (`1`, `2_720p.mkv`) or one video as the first half.

    predictions: as `results_spotting.json` with a confidence, instead of annotations.
    """
    game, halves = _halves(videos, path)
    write_text(path, text_of(game, halves, predictions=predictions))


def text_of(
    game: str, halves: Sequence[tuple[int, VideoEvents]], *, predictions: bool = False
) -> str:
    """The JSON text of a game, the events of its halves in order; see `write`."""
    key = "predictions" if predictions else "annotations"
    entries = [
        _entry(half, video.video, event, predictions)
        for half, video in halves
        for event in video.events
    ]
    for half, video in halves:
        rows = [(event.label, round(event.start * 1000), event.note) for event in video.events]
        refuse_equal_rows(video.video, rows, f"half {half} of SoccerNet's JSON, in milliseconds")
    document = {"UrlLocal": game, key: entries}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=4) + "\n"


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the file, one `RawVideo` per half; a game without labels has only its first half."""
    return parse_game(read_json(path), str(path))


def parse_game(value: Any, where: str, *, name: str | None = None) -> tuple[RawVideo, ...]:
    """As `parse`, of the document of a file.

    where: the file, for error messages; name: of the game, by default its `UrlLocal`
    """
    document = JsonEntry.of(value, where)
    keys = [key for key in ("annotations", "predictions") if key in document.values]
    if len(keys) != 1:
        raise LabelError(
            f"{where}: a SoccerNet game needs either 'annotations' or 'predictions', but has "
            f"{', '.join(list(document.values)[:8]) or 'nothing'}"
        )
    halves: dict[int, list[RawEvent]] = {}
    for number, label in document.items(keys[0]):
        entry = JsonEntry.of(label, f"{where}: {keys[0][:-1]} {number}")
        halves.setdefault(_half(entry), []).append(_parse_event(entry))
    url = str(name or document.values.get("UrlLocal") or "").replace("\\", "/").strip("/")
    return tuple(
        RawVideo(video=_name(url, half, halves), events=halves.get(half, ()))
        for half in sorted(halves) or [1]
    )


def _name(url: str, half: int, halves: Collection[int]) -> str:
    """`<game>/<half>`; a game in one file keeps the name of that file."""
    if half_of(url) or is_whole_game(url):
        url = url.rpartition("/")[0]
    elif 2 not in halves and video_stem(url) != url:
        return url
    return f"{url}/{half}" if url else str(half)


def _half(entry: JsonEntry) -> int:
    time_half = _game_time(entry)[0] if "gameTime" in entry.values else None
    if "half" not in entry.values:
        if time_half is None:
            raise LabelError(f"{entry.where}: needs 'gameTime' or 'half', has neither")
        return time_half
    half = entry.whole("half")
    if half not in (1, 2) or (time_half is not None and time_half != half):
        got = entry.values.get("gameTime", "none")
        raise LabelError(f"{entry.where}: half {half} and gameTime {got!r} disagree; needs 1 or 2")
    return half


def _game_time(entry: JsonEntry) -> tuple[int, Fraction]:
    text = entry.text("gameTime")
    match = GAME_TIME.fullmatch(text)
    if match is None:
        raise LabelError(
            f"{entry.where}: gameTime {text!r} needs half, minutes and seconds, as in '1 - 12:34'"
        )
    return int(match[1]), 60 * int(match[2]) + Fraction(match[3])


def _parse_event(entry: JsonEntry) -> RawEvent:
    seconds = entry.milliseconds("position") if "position" in entry.values else _game_time(entry)[1]
    parts = [entry.values.get("team"), entry.values.get("visibility")]
    note = "; ".join(str(part) for part in parts if part) or entry.values.get("note")
    return RawEvent(
        where=entry.where,
        label=entry.text("label"),
        seconds=seconds,
        score=entry.number("confidence", 1.0),
        note=str(note) if note else None,
    )


def _halves(videos: Sequence[VideoEvents], path: Path) -> tuple[str, list[tuple[int, VideoEvents]]]:
    if len(videos) == 1 and half_of(videos[0].video) is None:
        return videos[0].video, [(1, videos[0])]
    halves = [(half_of(video.video), video) for video in videos]
    named = [(half, video) for half, video in halves if half is not None]
    games = {video.video.replace("\\", "/").rpartition("/")[0] for video in videos}
    numbers = {half for half, _ in named}
    if len(games) != 1 or len(named) != len(videos) or len(numbers) != len(videos):
        raise LabelError(
            f"{path}: a SoccerNet file holds one game, its videos named by half (1_720p.mkv, "
            f"2_720p.mkv); got {', '.join(video.video for video in videos[:4])}"
        )
    return games.pop(), sorted(named, key=lambda pair: pair[0])


def _entry(half: int, video: str, event: Event, predictions: bool) -> dict[str, Any]:
    if event.end is not None:
        raise LabelError(
            f"{video}: {event.label} at {event.start:.3f} s is a span, but SoccerNet's JSON holds "
            "only instants; convert to native or csv"
        )
    position = round(event.start * 1000)
    minutes, seconds = divmod(position // 1000, 60)
    entry: dict[str, Any] = {
        "gameTime": f"{half} - {minutes:02d}:{seconds:02d}",
        "label": event.label,
        "position": str(position),
    }
    if predictions:
        entry |= {"half": str(half), "confidence": repr(float(event.score))}
    return entry | _note(event.note)


def _note(note: str | None) -> dict[str, str]:
    """Team and visibility from a note such as `home; visible`; any other note stays a note."""
    match (note or "").rsplit("; ", 1):
        case [team, visibility] if visibility in VISIBILITIES:
            return {"team": team, "visibility": visibility}
        case [only] if only in VISIBILITIES:
            return {"visibility": only}
        case [only] if only in TEAMS:
            return {"team": only}
    return {"note": note} if note else {}
