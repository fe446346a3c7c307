"""The planes of an image as writable arrays, in the stored (not the displayed) orientation.

Nothing is converted, so samples that are not written to keep their bits. `stored_box` converts a
box from displayed to stored coordinates, `values` a colour to one value per plane.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.table import Layout

__all__ = ["Kind", "Planes"]

Kind = Literal["yuv", "rgb", "grey"]

# Weights of red and blue in luma, by the matrix's number in ITU-T H.273; others count as BT.601,
# as an unspecified matrix does everywhere in this package.
_LUMA_SHARES = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087)}
_LUMA_SHARES |= {9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_BT601 = (0.299, 0.114)


@dataclass(eq=False)
class Planes:
    """The planes of one image in the stored orientation; writing to them changes the image.

    planes: uint8 or uint16 (rows, columns), writable: Y, U, V or R, G, B, or only Y
    steps: for each plane (x, y): pixels per sample; (2, 2) for the chroma of 4:2:0
    depth: bits of a sample
    full_range: whether black and white are 0 and 255, not 16 and 235 (at 8 bits)
    matrix: number of the matrix between RGB and YUV in ITU-T H.273; 2 if it is unknown
    layout: how the stored image becomes the displayed one
    """

    planes: tuple[NDArray[Any], ...]
    steps: tuple[tuple[int, int], ...]
    depth: int
    kind: Kind
    full_range: bool
    matrix: int
    layout: Layout

    @classmethod
    def of_rgb(cls, array: NDArray[np.uint8]) -> Self:
        """Planes as views into an RGB array, uint8 (H, W, 3)."""
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise MediaError(f"the image is {array.dtype} {array.shape}; RGB needs uint8 (H, W, 3)")
        height, width, _ = array.shape
        planes = tuple(array[:, :, channel] for channel in range(3))
        return cls(planes, ((1, 1),) * 3, 8, "rgb", True, 0, Layout(width, height))

    @classmethod
    def of_frame(cls, frame: VideoFrame, layout: Layout) -> Self:
        """Planes of a planar YUV or grey frame, which is copied if the decoder still needs it."""
        frame.make_writable()
        depth = frame.format.components[0].bits
        planes = tuple(_plane(frame, index, depth) for index in range(len(frame.planes)))
        steps = tuple(
            (-(-frame.width // plane.shape[1]), -(-frame.height // plane.shape[0]))
            for plane in planes
        )
        kind: Kind = "yuv" if len(planes) == 3 else "grey"
        full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
        return cls(planes, steps, depth, kind, full, int(frame.colorspace), layout)

    def values(self, rgb: Sequence[int]) -> tuple[int, ...]:
        """The value in each plane of a colour (red, green, blue) in 0..255."""
        red, green, blue = (channel / 255 for channel in rgb)
        scale = (1 << self.depth) - 1
        if self.kind == "rgb":
            return tuple(round(channel * scale) for channel in (red, green, blue))
        share_red, share_blue = _LUMA_SHARES.get(self.matrix, _BT601)
        luma = share_red * red + (1 - share_red - share_blue) * green + share_blue * blue
        chroma = ((blue - luma) / (2 - 2 * share_blue), (red - luma) / (2 - 2 * share_red))
        middle, unit = 1 << (self.depth - 1), 1 << (self.depth - 8)
        if self.full_range:
            levels = [luma * scale, *(middle + part * scale for part in chroma)]
        else:
            levels = [(16 + 219 * luma) * unit, *(middle + 224 * unit * part for part in chroma)]
        return tuple(min(scale, max(0, round(level))) for level in levels[: len(self.planes)])

    def stored_box(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """A box (x1, y1, x2, y2) in pixels of the displayed image → pixels of the stored image."""
        x1, y1, x2, y2 = box
        width, height = self.layout.displayed
        if self.layout.flip_x:
            x1, x2 = width - x2, width - x1
        if self.layout.flip_y:
            y1, y2 = height - y2, height - y1
        return (y1, x1, y2, x2) if self.layout.transpose else (x1, y1, x2, y2)


def _plane(frame: VideoFrame, index: int, depth: int) -> NDArray[Any]:
    """A view of one plane without its padding."""
    plane = frame.planes[index]
    kind = np.dtype(np.uint8 if depth == 8 else np.uint16)
    values = np.frombuffer(memoryview(plane), kind)
    row = abs(plane.line_size) // kind.itemsize
    whole = values.reshape(plane.height, row)[:, : plane.width]
    return whole if plane.line_size > 0 else whole[::-1]
