"""Scaling of RGB images in memory: to a size, or into a letterbox of a size.

Each channel is scaled as a grey image, because FFmpeg's scaler subsamples the colour of RGB images
first, an error of up to 40 levels. Shrinking averages areas, so that every pixel counts.
"""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from playhead.errors import MediaError

__all__ = ["GREY", "Letterbox", "letterbox", "resize"]

GREY = 114
"""Padding value of a detector's input, in training and in prediction."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Position of an image in its letterbox: x_letterbox = x_image * sx + dx, the same for y."""

    sx: float
    sy: float
    dx: int
    dy: int


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an image, uint8 (H, W, 3), to size (width, height) → (height, width, 3).

    Shrinking in both directions takes the mean over the area of each new pixel, to about one level;
    otherwise bilinear. Raises MediaError if the image is not uint8 RGB.
    """
    height, width = _checked(image, size)
    if (width, height) == size:
        return image
    shrinks = size[0] <= width and size[1] <= height
    kernel = Interpolation.AREA if shrinks else Interpolation.BILINEAR
    scaler = VideoReformatter()
    out = np.empty((size[1], size[0], 3), np.uint8)
    for channel in range(3):
        # Copy even a contiguous channel: the strides of a one-pixel image are arbitrary.
        grey = np.array(image[..., channel], order="C", copy=True)
        frame = VideoFrame.from_numpy_buffer(grey, "gray")
        plane = scaler.reformat(frame, *size, interpolation=kernel, threads=1).planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        out[..., channel] = rows[: size[1], : size[0]]
    return out


def letterbox(
    image: NDArray[np.uint8], size: tuple[int, int], *, fill: int = 0
) -> tuple[NDArray[np.uint8], Letterbox]:
    """Scale an image (H, W, 3) to fit into size (width, height), centred, aspect ratio kept.

    The rest is `fill`. Returns the letterboxed image and the position of the image in it.
    """
    height, width = _checked(image, size)
    scale = min(size[0] / width, size[1] / height)
    inner = max(round(width * scale), 1), max(round(height * scale), 1)
    box = Letterbox(
        inner[0] / width, inner[1] / height, (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    )
    out = np.full((size[1], size[0], 3), fill, np.uint8)
    out[box.dy : box.dy + inner[1], box.dx : box.dx + inner[0]] = resize(image, inner)
    return out, box


def _checked(image: NDArray[np.uint8], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of an image that can be scaled to `size`."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise MediaError(
            f"the image is {image.dtype} {image.shape}; scaling needs uint8 (height, width, 3)"
        )
    height, width = image.shape[:2]
    if min(width, height, *size) < 1:
        raise MediaError(
            f"cannot scale {width}x{height} to {size[0]}x{size[1]}; sides need at least 1 pixel"
        )
    return height, width
