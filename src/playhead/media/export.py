"""Frames as PNG files."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from playhead.files import atomic_path
from playhead.media.video import Pixels, open_video

__all__ = ["write_frames"]


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
