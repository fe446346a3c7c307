"""Side data of decoded frames, copied because changing a frame invalidates it."""

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
    """The side data of a frame by FFmpeg's name of its kind.

    PyAV raises for all of it if it does not know one kind (such as EXIF in motion JPEG); then only
    the display matrix is returned, from the frame's rotation.
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
