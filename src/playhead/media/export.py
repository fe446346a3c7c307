"""Frames as PNG files."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from playhead.errors import MediaError
from playhead.files import atomic_path
from playhead.media.video import Pixels, open_video

__all__ = ["frame_numbers", "write_frames"]

_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_MOST = 10_000


def frame_numbers(texts: Sequence[str]) -> list[int]:
    """The frames of `["7", "264-268"]`: 7, 264, 265, 266, 267, 268.

    Raises MediaError for other text, a range that falls, or more than 10,000 frames.
    """
    numbers: list[int] = []
    for text in texts:
        found = _RANGE.fullmatch(text)
        if found is None:
            raise MediaError(f"{text!r}: needs a frame from 0, or a range as 264-268")
        first = int(found[1])
        last = first if found[2] is None else int(found[2])
        if last < first:
            raise MediaError(f"{text}: the range falls; write {last}-{first}")
        if len(numbers) + last - first >= _MOST:
            raise MediaError(f"{text}: more than {_MOST:,} frames at once; ask for fewer")
        numbers += range(first, last + 1)
    return numbers


def write_frames(
    video: str | Path, frames: Sequence[int], folder: str | Path, *, pixels: Pixels = "rgb"
) -> list[Path]:
    """Write these frames as `<stem>_<k, 6 digits>.png` and return the paths.

    pixels: "rgb" writes colour, "luma" the stored Y plane as grey
    """
    written = []
    with open_video(video) as opened:
        for k in frames:
            image = opened.read([k], pixels=pixels)[0]
            path = Path(folder) / f"{Path(video).stem}_{k:06d}.png"
            with atomic_path(path) as temporary:
                Image.fromarray(image).save(temporary, format="PNG")
            written.append(path)
    return written
