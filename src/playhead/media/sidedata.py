"""What comes with a decoded frame beside its pixels; copied, as a change of the frame moves it."""

from collections.abc import Iterable
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame

__all__ = ["DISPLAY_MATRIX", "side_data"]

DISPLAY_MATRIX = "DISPLAYMATRIX"
_ONE = 1 << 16
_TURNS = {90: (0, -1, 1, 0), -90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), -180: (-1, 0, 0, -1)}


def side_data(frame: VideoFrame) -> dict[str, bytes]:
    """The data of each kind, under the name that FFmpeg gives it.

    Where one kind is unknown to PyAV it gives out none (EXIF in motion JPEG is such a kind), and
    only by how much the image is turned is known.
    """
    try:
        return {data.type.name: bytes(data) for data in cast(Iterable[SideData], frame.side_data)}
    except ValueError:
        turn = _TURNS.get(frame.rotation)
    if turn is None:
        return {}
    a, b, c, d = (_ONE * part for part in turn)
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32)
    return {DISPLAY_MATRIX: matrix.tobytes()}
