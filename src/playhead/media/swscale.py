"""Conversion to RGB directly into the caller's array, by the libswscale in PyAV's wheel.

PyAV converts into a new frame, which then has to be copied: at 720p that costs as much as the
conversion. This calls the same library with the caller's buffer as its target. Where that is not
possible, `direct_scaler` returns None and the copy is made.
"""

import ctypes
import re
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

__all__ = ["DirectScaler", "direct_scaler"]

# Planar YUV, whose planes are all there is to an image.
_SIMPLE = re.compile(r"yuvj?4(20|22|44)p(10le)?|nv12")
# The scaler's vector code may write a whole vector at the end of a row.
_ALIGNED = 16
_POINTERS, _STRIDES = ctypes.c_void_p * 4, ctypes.c_int * 4


def direct_scaler(
    frame: VideoFrame, width: int, height: int, *, kernel: int, full: bool
) -> "DirectScaler | None":
    """A scaler from images like `frame` to RGB of this size; None if it is not possible.

    kernel: the interpolation, as PyAV numbers it; full: whether the frame's range is full
    """
    if width % _ALIGNED or not _SIMPLE.fullmatch(frame.format.name) or _libraries() is None:
        return None
    if any(plane.line_size <= 0 for plane in frame.planes):
        return None
    return DirectScaler(frame, width, height, kernel, full)


class DirectScaler:
    """One scaling context; made by `direct_scaler`."""

    def __init__(self, frame: VideoFrame, width: int, height: int, kernel: int, full: bool) -> None:
        libraries = _libraries()
        assert libraries is not None
        scale, util = libraries
        self._scale = scale
        self._rows = frame.height
        self._context = scale.sws_getContext(
            *(frame.width, frame.height, util.av_get_pix_fmt(frame.format.name.encode())),
            *(width, height, util.av_get_pix_fmt(b"rgb24")),
            *(kernel, None, None, None),
        )
        if not self._context:
            raise MemoryError("libswscale could not create a scaling context")
        weakref.finalize(self, scale.sws_freeContext, self._context)
        # libswscale uses FFmpeg's matrix numbers; it takes unspecified as BT.601.
        matrix = scale.sws_getCoefficients(frame.colorspace)
        unit = 1 << 16
        scale.sws_setColorspaceDetails(self._context, matrix, int(full), matrix, 1, 0, unit, unit)

    def write(self, frame: VideoFrame, out: NDArray[np.uint8]) -> None:
        """Convert into `out`, uint8 (H, W, 3) with contiguous rows."""
        planes = frame.planes
        self._scale.sws_scale(
            self._context,
            _POINTERS(*(plane.buffer_ptr for plane in planes)),
            _STRIDES(*(plane.line_size for plane in planes)),
            0,
            self._rows,
            _POINTERS(out.ctypes.data),
            _STRIDES(out.strides[0]),
        )


@cache
def _libraries() -> tuple[Any, Any] | None:
    """The libswscale and libavutil that PyAV has loaded; None if they are not found."""
    scale, util = _library("swscale"), _library("avutil")
    if scale is None or util is None:
        return None
    number, pointer = ctypes.c_int, ctypes.c_void_p
    util.av_get_pix_fmt.argtypes, util.av_get_pix_fmt.restype = [ctypes.c_char_p], number
    scale.sws_getContext.argtypes, scale.sws_getContext.restype = (
        [number] * 7 + [pointer] * 3,
        pointer,
    )
    scale.sws_freeContext.argtypes, scale.sws_freeContext.restype = [pointer], None
    scale.sws_getCoefficients.argtypes = [number]
    scale.sws_getCoefficients.restype = pointer
    scale.sws_setColorspaceDetails.argtypes = [pointer, pointer, number, pointer, *[number] * 4]
    scale.sws_scale.argtypes = [pointer, pointer, pointer, number, number, pointer, pointer]
    return scale, util


def _library(name: str) -> ctypes.CDLL | None:
    package = Path(av.__file__).parent
    major = av.library_versions[f"lib{name}"][0]
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        for path in sorted(folder.glob(f"lib{name}[-.]*")):
            if f".{major}." in path.name:
                try:
                    return ctypes.CDLL(str(path))
                except OSError:
                    # Another build of PyAV; images are copied instead.
                    return None
    return None
