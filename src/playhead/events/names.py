"""Names of videos in label files, and how to find their files."""

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import parse_qs, unquote, urlsplit

from playhead.errors import LabelError, PlayheadError
from playhead.files import inside
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = [
    "find_media",
    "half_of",
    "is_sized_half",
    "is_whole_game",
    "media_name",
    "video_stem",
]

HALF = re.compile(r"([12])(?:_\w+)?(?:\.\w+)?")  # 1, 2_720p, 1_224p.mkv
UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an upload
SIZED = re.compile(r"[12]_\d+p(?:\.\w+)?")  # 2_720p.mkv
WHOLE = re.compile(r"\d+p(?:\.\w+)?")  # 720p.mp4: a game in one file


def video_stem(video: str) -> str:
    """`video` without the suffix of a media file: `a/b.mp4` is `a/b`, `a/b.1` stays."""
    path = PurePosixPath(video)
    return str(path.with_suffix("")) if path.suffix.lower() in VIDEO_SUFFIXES else video


def media_name(place: str) -> str:
    """The file name in a path of any system, or in an address, as annotation tools store it.

    `file:///C:/Videos/match%201.mp4` is `match 1.mp4`, `/data/upload/1/0a1b2c3d-a.mp4` is `a.mp4`.
    """
    try:
        parts = urlsplit(place)
        inner = parse_qs(parts.query).get("d", [""])[0]  # of Label Studio: a local file
    except ValueError:
        return PureWindowsPath(place).name
    if inner:
        return PureWindowsPath(inner).name
    if len(parts.scheme) > 1 and "://" in place:
        place = unquote(parts.path)
    name = PureWindowsPath(place).name
    return UPLOADED.sub("", name, count=1) if "/upload/" in place else name


def half_of(video: str) -> int | None:
    """The half of a game in a video's name (`…/2_720p.mkv` is 2), or None."""
    match = HALF.fullmatch(PurePosixPath(video).name)
    return int(match[1]) if match else None


def is_sized_half(video: str) -> bool:
    """Whether the name means a half of a game in a resolution (`1_720p.mkv`)."""
    return SIZED.fullmatch(PurePosixPath(video).name) is not None


def is_whole_game(video: str) -> bool:
    """Whether the name means a whole game in one file (`720p.mp4`)."""
    return WHOLE.fullmatch(PurePosixPath(video).name) is not None


def find_media(folder: Path, video: str) -> Path:
    """The file of `video` inside `folder`: by its name, its name and a suffix, or its half.

    Of several sizes of a half, 720p is preferred. Raises LabelError if there is no such file, if
    several match, or if the name leads out of the folder.
    """
    try:
        exact = inside(folder, video)
    except (PlayheadError, ValueError) as error:
        raise LabelError(f"{video!r} is outside of {folder}; a video must be inside it") from error
    if exact.is_file():
        return exact
    for parent in dict.fromkeys((exact.parent, folder.resolve())):
        candidates = _candidates(parent, exact.name)
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            raise LabelError(f"{video!r}: {names} in {parent} match; keep one of them")
        if candidates:
            return candidates[0]
    raise LabelError(
        f"{video!r}: no video of this name in {folder}; name the folder that contains it"
    )


def _candidates(folder: Path, name: str) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in VIDEO_SUFFIXES]
    same = [path for path in files if path.stem == name]
    if same or name not in ("1", "2"):
        return same
    halves = [path for path in files if half_of(path.name) == int(name)]
    if not halves and name == "1":
        halves = [path for path in files if is_whole_game(path.name)]
    best = [path for path in halves if "720p" in path.stem]
    return best or halves
