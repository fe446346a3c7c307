"""Pixel formats for the encoder: the supported format nearest to the source's, and marked images.

A supported format is not converted. Luma keeps its bits in all conversions except from RGB and from
more than 10 bits; chroma is upsampled by repetition.
"""

import re
from dataclasses import dataclass

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from playhead.media.planes import Planes
from playhead.media.table import Layout

__all__ = ["Fitter", "marked_frame"]

_BT709 = 1
_MARK = (128, 128, 128), (235, 235, 235)
"""RGB of a marked image and of its cross."""


@dataclass(frozen=True)
class _Choice:
    """The conversion of images of one format.

    planar: the format after conversion, before chroma is upsampled
    final: the format for the encoder
    matrix: whether RGB is converted to YUV
    """

    planar: str
    final: str
    matrix: bool
    notes: tuple[str, ...]


class Fitter:
    """Converts every frame to the encoder's format and the size of the first frame."""

    def __init__(self, first: VideoFrame) -> None:
        self._choice = _chosen(first.format.name, first.width, first.height)
        self._source = first.format.name
        self._size = first.width, first.height
        self._scaler = VideoReformatter()
        self.format = self._choice.final
        self._notes = dict.fromkeys(self._choice.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """The conversions made, in words."""
        return tuple(self._notes)

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The frame itself if nothing has to be converted, else a new one."""
        if (frame.width, frame.height) != self._size:
            self._notes["images of another size are scaled to that of the first"] = None
        elif frame.format.name != self._source:
            self._notes["images of another format are converted to that of the first"] = None
        planar, final = self._choice.planar, self._choice.final
        if (frame.width, frame.height, frame.format.name) != (*self._size, planar):
            frame = self._converted(frame)
        return frame if planar == final else _with_repeated_chroma(frame, final)

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        same_size = (frame.width, frame.height) == self._size
        kernel = Interpolation.POINT if same_size else Interpolation.BICUBIC
        source_range = frame.color_range
        matrix = _chosen(frame.format.name, *self._size).matrix
        result = self._scaler.reformat(
            frame,
            *self._size,
            self._choice.planar,
            interpolation=kernel,
            # Source and target range declared equal: the range of YUV is not changed.
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG if matrix else ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709 if matrix else None,
            threads=1,
        )
        result.color_range = ColorRange.MPEG if matrix else source_range
        if matrix:
            result.colorspace = _BT709
        return result


def _chosen(name: str, width: int, height: int) -> _Choice:
    """The supported format nearest to this format and size."""
    form = VideoFormat(name, 64, 64)
    colours = [part for part in form.components if not part.is_alpha]
    bits = max(part.bits for part in colours)
    rgb = form.is_rgb or form.has_palette or name.startswith("xyz")
    grey = len(colours) == 1 and not rgb
    notes = []
    if any(part.is_alpha for part in form.components):
        notes.append("transparency is dropped")
    if rgb:
        notes.append("RGB is written as 4:4:4 YUV (BT.709)")
    if grey:
        notes.append("grey is written as 4:2:0 without colour")
    if bits > 10:
        notes.append(f"{bits} bits a sample are rounded to 10")
    chroma = "444" if rgb else "420" if grey else _chroma(form)
    kind = "yuvj" if name.startswith("yuvj") else "yuv"
    depth = "10le" if bits > 8 else ""
    odd = (width % 2 and chroma != "444") or (height % 2 and chroma == "420")
    if odd:
        notes.append(f"{width}x{height} is odd: written as 4:4:4 with repeated chroma")
    elif len(colours) > 1 and not rgb and chroma not in name and re.search(r"4[14][01]", name):
        notes.append(f"{name} is written as 4:{chroma[1]}:{chroma[2]} with repeated chroma")
    final = f"{kind}{'444' if odd else chroma}p{depth}"
    plain = re.fullmatch(r"yuvj?4\d\dp(10le)?", name)
    planar = name if plain else f"{kind}{chroma}p{depth}"
    return _Choice(planar, final, rgb, tuple(notes))


def _chroma(form: VideoFormat) -> str:
    """The coarsest sampling that loses nothing of the format's: 420, 422 or 444."""
    part = form.components[1]
    match 64 // part.width, 64 // part.height:
        case (1, _):
            return "444"
        case (_, 1):
            return "422"
        case _:
            return "420"


def _with_repeated_chroma(frame: VideoFrame, name: str) -> VideoFrame:
    """The frame in format `name`, its chroma upsampled by repetition."""
    result = VideoFrame(frame.width, frame.height, name)
    result.color_range, result.colorspace = frame.color_range, frame.colorspace
    result.color_primaries, result.color_trc = frame.color_primaries, frame.color_trc
    size = Layout(frame.width, frame.height)
    source, target = Planes.of_frame(frame, size), Planes.of_frame(result, size)
    for samples, coarse, plane, fine in zip(
        source.planes, source.steps, target.planes, target.steps, strict=True
    ):
        rows, columns = (np.arange(count) for count in plane.shape)
        plane[...] = samples[np.ix_(rows * fine[1] // coarse[1], columns * fine[0] // coarse[0])]
    return result


def marked_frame(like: VideoFrame, layout: Layout) -> VideoFrame:
    """A grey image with a diagonal cross, in the format of `like` and with its properties.

    It replaces an image that cannot be read and is not mistaken for a real one.
    """
    # Going through another format is the only copy that keeps how the frame is interlaced.
    scaler = VideoReformatter()
    other = scaler.reformat(like, format="gray", threads=1)
    frame = VideoReformatter().reformat(other, format=like.format.name, threads=1)
    frame.color_range, frame.colorspace = like.color_range, like.colorspace
    image = Planes.of_frame(frame, layout)
    cross = _cross(frame.height, frame.width)
    ground, lines = (image.values(colour) for colour in _MARK)
    for plane, (step_x, step_y), dark, light in zip(
        image.planes, image.steps, ground, lines, strict=True
    ):
        plane[...] = np.where(cross[::step_y, ::step_x], light, dark)
    return frame


def _cross(height: int, width: int) -> NDArray[np.bool_]:
    """Both diagonals, a twelfth of the shorter side wide."""
    y, x = np.mgrid[0:height, 0:width]
    down, across = (y + 0.5) / height, (x + 0.5) / width
    near = min(height, width) / 24 * (1 / height + 1 / width) / 2 + 0.5 / min(height, width)
    crossed: NDArray[np.bool_] = np.minimum(abs(down - across), abs(down + across - 1)) <= near
    return crossed
