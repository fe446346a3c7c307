"""Pixel conversion: from a decoded frame to luma or RGB in the caller's buffer.

Luma is the stored Y plane in limited range (black 16, white 235): full range is converted to
limited, unspecified is taken as limited, more than 8 bits are rounded to 8. RGB is full range, by
the frame's own matrix, or by BT.601 if it is unspecified, as in FFmpeg.
"""

import re
from functools import cache
from typing import Any, Literal

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from playhead.media.swscale import DirectScaler, direct_scaler
from playhead.media.table import Layout

__all__ = ["BLACK", "Converter", "Fit", "Pixels", "fitted"]

Pixels = Literal["rgb", "luma"]

Fit = Literal["stretch", "letterbox"]
"""How an image fills a size: scaled on each axis, or centred on black with its aspect ratio."""

BLACK = {"rgb": 0, "luma": 16}
"""The padding of a letterbox: black, which in limited range is 16."""

# Formats whose first plane is Y only, in little-endian byte order.
_Y_FIRST = re.compile(r"(yuvj?a?4\d\dp|gray|nv(12|16|21|24|20le))(\d+le)?")


def fitted(image: tuple[int, int], size: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """The (width, height) that an image of (width, height) is scaled to inside of `size`."""
    if fit == "stretch":
        return size
    scale = min(size[0] / image[0], size[1] / image[1])
    return max(round(image[0] * scale), 1), max(round(image[1] * scale), 1)


class Converter:
    """Converts frames of one video to `pixels` at one size; scaling contexts are reused."""

    def __init__(
        self,
        layout: Layout,
        pixels: Pixels,
        size: tuple[int, int] | None,
        fit: Fit = "stretch",
    ) -> None:
        self._layout = layout
        self._pixels = pixels
        self._scaler = VideoReformatter()
        self._fallback = VideoReformatter()
        self._directs: dict[tuple[int, int, str, int, bool], DirectScaler | None] = {}
        width, height = size or layout.displayed
        inner = fitted(layout.displayed, (width, height), fit)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        self._image = (slice(top, top + inner[1]), slice(left, left + inner[0]))
        self._padded = inner != (width, height)
        self._stored = inner[::-1] if layout.transpose else inner
        self._turned = layout.transpose or layout.flip_x or layout.flip_y
        self.shape = (height, width, 3) if pixels == "rgb" else (height, width)

    def write(self, frame: VideoFrame, out: NDArray[np.uint8]) -> None:
        """Write one frame into `out`, which has `shape`."""
        if self._padded:
            out[...] = BLACK[self._pixels]
            out = out[self._image]
        if self._pixels == "rgb":
            self._write_rgb(frame, out)
        elif _is_full(frame):
            plane, depth = self._luma(frame)
            out[...] = self._turn(_full_to_limited(depth)[plane])
        else:
            plane, depth = self._luma(frame)
            out[...] = self._turn(plane if depth == 8 else _rounded(plane, depth))

    def _write_rgb(self, frame: VideoFrame, out: NDArray[np.uint8]) -> None:
        direct = None if self._turned or out.strides[1:] != (3, 1) else self._direct(frame)
        if direct is None:
            out[...] = self._turn(self._rgb(frame))
        else:
            direct.write(frame, out)

    def _direct(self, frame: VideoFrame) -> DirectScaler | None:
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, _is_full(frame))
        if key not in self._directs:
            self._directs[key] = direct_scaler(
                frame, *self._stored, kernel=_kernel(frame, *self._stored), full=key[-1]
            )
        return self._directs[key]

    def _rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        width, height = self._stored
        rgb = self._scaler.reformat(
            frame,
            width,
            height,
            "rgb24",
            interpolation=_kernel(frame, width, height),
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        return _plane(rgb, np.uint8, 3).reshape(height, width, 3)

    def _luma(self, frame: VideoFrame) -> tuple[NDArray[Any], int]:
        """The Y plane in the stored orientation at the output size, and its depth in bits."""
        depth = _depth_of_first_plane(frame.format.name)
        if depth is None or frame.planes[0].line_size < 0:
            frame = self._fallback.reformat(
                frame, format="yuv444p", dst_color_range=ColorRange.MPEG, threads=1
            )
            depth = 8
        plane = _plane(frame, np.uint8 if depth == 8 else np.uint16, 1)
        if (frame.width, frame.height) != self._stored:
            plane = self._resized(plane, depth)
        return plane, depth

    def _resized(self, plane: NDArray[Any], depth: int) -> NDArray[Any]:
        """Scale only the Y plane: grey to grey keeps the range and needs no chroma."""
        width, height = self._stored
        grey = VideoFrame.from_numpy_buffer(
            plane, "gray" if depth == 8 else "gray16le", width=plane.shape[1]
        )
        small = self._scaler.reformat(
            grey, width, height, interpolation=_kernel(grey, width, height), threads=1
        )
        return _plane(small, plane.dtype.type, 1)

    def _turn(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not self._turned:
            return image
        if self._layout.transpose:
            image = image.swapaxes(0, 1)
        step_x = -1 if self._layout.flip_x else 1
        step_y = -1 if self._layout.flip_y else 1
        turned: NDArray[np.uint8] = image[::step_y, ::step_x]
        return turned


def _is_full(frame: VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def _kernel(frame: VideoFrame, width: int, height: int) -> Interpolation:
    """Area averaging to shrink, so that every source pixel counts; else bicubic."""
    if (frame.width, frame.height) == (width, height):
        return Interpolation.BILINEAR
    shrinks = width <= frame.width and height <= frame.height
    return Interpolation.AREA if shrinks else Interpolation.BICUBIC


def _plane(frame: VideoFrame, kind: type[np.generic], channels: int) -> NDArray[Any]:
    """A view of the first plane without its padding: (H, W * channels)."""
    plane = frame.planes[0]
    row = plane.line_size // np.dtype(kind).itemsize
    values = np.frombuffer(memoryview(plane), kind, count=row * frame.height)
    return values.reshape(frame.height, row)[:, : frame.width * channels]


@cache
def _depth_of_first_plane(name: str) -> int | None:
    """Bits of a sample if the first plane is Y only, else None."""
    return VideoFormat(name).components[0].bits if _Y_FIRST.fullmatch(name) else None


def _rounded(plane: NDArray[np.uint16], depth: int) -> NDArray[np.uint8]:
    # Half a level is added after the shift, where 16 bits cannot overflow.
    halves = plane >> (depth - 9)
    result: NDArray[np.uint8] = np.minimum((halves >> 1) + (halves & 1), 255).astype(np.uint8)
    return result


@cache
def _full_to_limited(depth: int) -> NDArray[np.uint8]:
    top = (1 << depth) - 1
    levels = np.arange(1 << (8 if depth == 8 else 16))
    return np.rint(16 + np.minimum(levels, top) * (219 / top)).astype(np.uint8)
