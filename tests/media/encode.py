"""Real encoded files whose every frame carries its own number as a barcode.

The top 32 rows hold twenty cells of 16x16: ten bits of the frame's number, then the same bits
inverted, so an image that is not exactly one frame does not read as a number at all.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from playhead.media import open_video

WIDTH, HEIGHT = 160, 96
CELL = 16
BITS = 10


@lru_cache(maxsize=512)
def image(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A luma image (H, W), read-only: a moving texture under the barcode of `number`."""
    y, x = np.mgrid[0:height, 0:width]
    luma = (110 + 50 * np.sin((x + 3 * number) / 9) * np.cos((y - 2 * number) / 7)).astype(np.uint8)
    for bit in range(BITS):
        for row in range(2):
            lit = bool(number >> bit & 1) != bool(row)
            cell = np.s_[row * CELL : (row + 1) * CELL, bit * CELL : (bit + 1) * CELL]
            luma[cell] = 210 if lit else 40
    luma.flags.writeable = False
    return luma


def number_of(luma: NDArray[Any]) -> int:
    """The number that an image carries, or -1 where the barcode is not whole."""
    cells = luma[: 2 * CELL, : BITS * CELL].reshape(2, CELL, BITS, CELL)
    levels = cells[:, 4:12, :, 4:12].mean(axis=(1, 3))
    bits, inverted = levels > 125
    if np.any(bits == inverted) or np.any(np.abs(levels - 125) < 30):
        return -1
    return int((bits * 2 ** np.arange(BITS)).sum())


def numbers(path: Path) -> list[int]:
    """The numbers that the frames of a file carry, turned back if it is turned."""
    with open_video(path) as video:
        luma = [frame for _, frame in video.stream(pixels="luma")]
    return [
        number_of(frame if frame.shape[1] > frame.shape[0] else np.rot90(frame)) for frame in luma
    ]


def yuv_frame(luma: NDArray[Any], pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A frame whose Y plane is `luma` (its depth is the format's) and whose chroma is neutral."""
    height, width = luma.shape
    frame = av.VideoFrame(width, height, pixel_format)
    depth = frame.format.components[0].bits
    kind = np.uint8 if depth == 8 else np.uint16
    for index, plane in enumerate(frame.planes):
        values = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
        if index == 0:
            values[:height, :width] = luma
        else:
            values[:] = 1 << (depth - 1)
    return frame


def encode(
    path: Path,
    frames: int | Sequence[int] = 120,
    *,
    codec: str = "libx264",
    rate: Fraction | int = 25,
    gop: int = 12,
    bframes: int = 0,
    times: Sequence[Fraction] | None = None,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    format: str | None = None,
    first: Fraction = Fraction(0),
    rotation: int = 0,
    full_range: bool = False,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Path:
    """Encode numbered images; `frames` is how many, or the numbers themselves."""
    numbers = range(frames) if isinstance(frames, int) else frames
    with av.open(str(path), "w", format=format, container_options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        time_base = Fraction(1, 90000) if times or first else 1 / Fraction(rate)
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        stream.gop_size, stream.max_b_frames = gop, bframes
        stream.options = _options(codec, bframes) | (options or {})
        if full_range:
            stream.codec_context.color_range = 2
        if rotation:
            stream.set_display_rotation(rotation)
        for index, number in enumerate(numbers):
            luma = image(number, width, height).astype(np.uint16)
            scale = 1 << (av.VideoFormat(pixel_format).components[0].bits - 8)
            frame = yuv_frame(luma * scale, pixel_format)
            time = times[index] if times else index / Fraction(rate)
            frame.pts, frame.time_base = int((time + first) / time_base), time_base
            if full_range:
                frame.color_range = 2
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def _options(codec: str, bframes: int) -> dict[str, str]:
    match codec:
        case "libx264":
            return {"preset": "ultrafast", "crf": "18", "bf": str(bframes), "sc_threshold": "0"}
        case "libx265":
            return {
                "preset": "ultrafast",
                "x265-params": f"log-level=none:pools=1:bframes={bframes}",
            }
        case "libvpx-vp9":
            return {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"}
        case "mpeg4" | "mpeg2video":
            return {"qscale": "3", "b": "4000000", "bf": str(bframes)}
        case _:
            return {}


def remux(source: Path, target: Path, *, drop: int = 0, shift: int = 0, **container: str) -> Path:
    """Copy packets into another container: less the first `drop`, moved by `shift` ticks."""
    with (
        av.open(str(source)) as given,
        av.open(str(target), "w", container_options=container) as output,
    ):
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for index, packet in enumerate(given.demux(stream)):
            if packet.dts is None or index < drop:
                continue
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = copy
            output.mux(packet)
    return target


def reference(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The Y planes that the decoder gives out, read without any of our code."""
    with av.open(str(path)) as given:
        given.streams.video[0].thread_type = "NONE"
        for frame in given.decode(video=0):
            yield frame.to_ndarray(format="gray" if "10" not in frame.format.name else "gray10le")


def late_sound(
    path: Path,
    codec: str,
    sound: str,
    *,
    format: str,
    silent: int,
    frames: int,
    stop: int | None = None,
    first: int = 0,
    noise: bool = True,
) -> Path:
    """A video whose sound lasts from frame `silent` to `stop`, in a format that streams.

    noise: large images, so that megabytes come before the sound; else images with their number
    """
    width, height = (640, 368) if noise else (WIDTH, HEIGHT)
    stop = frames if stop is None else stop
    random = np.random.default_rng(0)
    with av.open(str(path), "w", format=format) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size, stream.max_b_frames = 12, 0
        stream.codec_context.bit_rate = 40_000_000
        coder = {"preset": "ultrafast", "qp": "12", "sc_threshold": "0"}
        stream.options = coder if codec == "libx264" else {"qscale": "2"}
        track = output.add_stream(sound, rate=48000) if silent < stop else None
        if track is not None:
            track.codec_context.layout = "stereo"
        for k in range(first, first + frames):
            luma = image(k, width, height)
            if noise:
                luma = luma.copy()
                luma[2 * CELL :] = random.integers(0, 255, (height - 2 * CELL, width), np.uint8)
            frame = yuv_frame(luma)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            output.mux(stream.encode(frame))
            if track is not None and silent <= k - first < stop:
                tone = 0.3 * np.sin(np.arange(1920) * 0.06)
                if sound == "mp2":
                    samples = np.repeat((tone * 32767).astype(np.int16), 2)[None]
                    block = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
                else:
                    samples = np.stack([tone, tone]).astype(np.float32)
                    block = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
                block.sample_rate, block.time_base = 48000, Fraction(1, 48000)
                block.pts = k * 1920
                output.mux(track.encode(block))
        output.mux(stream.encode())
        if track is not None:
            output.mux(track.encode())
    return path


def sound_in_the_middle(path: Path) -> Path:
    """Three recordings of 300 frames joined: the second one lists a track that the others lack."""
    parts = []
    for number, silent in enumerate((300, 0, 300)):
        part = path.with_name(f"part {number}{path.suffix}")
        late_sound(
            part,
            "libx264",
            "aac",
            format="mpegts",
            silent=silent,
            frames=300,
            first=300 * number,
            noise=False,
        )
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))
    return path
