"""Write an episode with the sound codec, container and start of sound of its source."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.files import atomic_path

__all__ = ["CODECS", "CONTAINERS", "Source", "write_video"]

CONTAINERS = (".mkv", ".mp4")
CODECS: dict[str, tuple[str, dict[str, str], tuple[int, ...]]] = {
    "aac": (
        "aac",
        {"aac_coder": "fast", "aac_tns": "0", "aac_pns": "0"},
        (22_050, 44_100, 32_000, 48_000),
    ),
    "opus": ("libopus", {"compression_level": "0"}, (24_000, 48_000)),
    "mp3": ("libmp3lame", {"compression_level": "9"}, (22_050, 44_100, 32_000, 48_000)),
    "vorbis": ("vorbis", {"strict": "-2"}, (22_050, 44_100)),
    "ac3": ("ac3", {}, (48_000, 32_000, 44_100)),
}
"""Of each codec its encoder, the encoder's options, and sample rates."""
_STEREO_ONLY = ("vorbis",)
_BIT_RATE = 64_000  # of a channel
_BT709 = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file comes from, so to speak: how its sound is stored.

    codec: a key of CODECS; rate: samples a second; gain: factor of the sound;
    start: seconds from the first frame to the first sample that is stored; sound before it is left
        out, so that the rest lies where it belongs
    """

    codec: str = "aac"
    container: str = ".mkv"
    rate: int = 44_100
    stereo: bool = False
    gain: float = 1.0
    start: float = 0.0


def write_video(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    sound: Iterable[NDArray[np.float32]],
    source: Source,
    *,
    size: tuple[int, int],
    rate: Fraction,
    crf: int,
) -> None:
    """Encode RGB images (H, W, 3) and blocks of mono sound at `source.rate`, atomically.

    Sound is written before the images that it goes with, so neither lies in memory as a whole.
    Raises MediaError if the encoder or the container refuses.
    """
    with atomic_path(path) as temporary:
        try:
            _write(temporary, images, sound, source, size=size, rate=rate, crf=crf)
        except av.error.FFmpegError as error:
            raise MediaError(f"{path}: cannot be encoded as {source}: {error.strerror}") from error


def _write(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    sound: Iterable[NDArray[np.float32]],
    source: Source,
    *,
    size: tuple[int, int],
    rate: Fraction,
    crf: int,
) -> None:
    encoder, options, _ = CODECS[source.codec]
    # By default MP4 rounds the start of the sound to a millisecond.
    scale = {"movie_timescale": str(source.rate)} if source.container == ".mp4" else {}
    with av.open(str(path), "w", options=scale) as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.gop_size = max(round(5 * rate), 1)
        context = video.codec_context
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        context.thread_count = 1
        # With its macroblock tree x264 is not deterministic.
        context.options = {"crf": str(crf), "preset": "ultrafast", "x264-params": "mbtree=0"}
        audio = cast(AudioStream, container.add_stream(encoder, rate=source.rate))
        audio.codec_context.layout = _layout(source)
        audio.codec_context.options = options
        audio.codec_context.bit_rate = _BIT_RATE * (2 if _layout(source) == "stereo" else 1)
        audio.codec_context.thread_count = 1
        blocks = iter(_audio_frames(sound, source, encoder))
        written = 0.0  # seconds of sound
        scaler = VideoReformatter()
        last: NDArray[np.uint8] | None = None
        frame: Any = None
        seconds = float(1 / rate)
        for index, image in enumerate(images):
            while written <= index * seconds:
                block = next(blocks, None)
                if block is None:
                    break
                assert block.pts is not None
                written = (block.pts + block.samples) / source.rate
                container.mux(audio.encode(block))
            if image is not last:
                rgb = VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), "rgb24")
                frame = scaler.reformat(
                    rgb,
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    src_color_range=ColorRange.JPEG,
                    dst_color_range=ColorRange.MPEG,
                    threads=1,
                )
                last = image
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for block in blocks:
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))


def _layout(source: Source) -> str:
    return "stereo" if source.stereo or source.codec in _STEREO_ONLY else "mono"


def _audio_frames(
    sound: Iterable[NDArray[np.float32]], source: Source, encoder: str
) -> Iterable[AudioFrame]:
    """Frames in the format of the encoder, from `source.start` on."""
    layout = _layout(source)
    wanted = [form.name for form in cast(Any, av.Codec(encoder, "w")).audio_formats]
    convert = None
    if "fltp" not in wanted:
        convert = AudioResampler(wanted[0], layout, source.rate)
    skipped = round(source.start * source.rate)
    if skipped and source.codec == "opus" and source.container == ".mkv":
        # Matroska holds whole milliseconds. The encoder's delay is 6.5 of them: a moment earlier
        # the time of the first packet is rounded down, as its delay is rounded up by decoders.
        skipped -= 2
    at = 0
    for block in sound:
        first = min(max(skipped - at, 0), len(block))
        samples = np.clip(block[first:] * np.float32(source.gain), -1, 1)
        if len(samples):
            planes = np.stack([samples, samples * np.float32(0.8)][: 1 + (layout == "stereo")])
            frame = AudioFrame.from_ndarray(planes, "fltp", layout)
            frame.sample_rate = source.rate
            frame.pts, frame.time_base = at + first, Fraction(1, source.rate)
            yield from [frame] if convert is None else convert.resample(frame)
        at += len(block)
