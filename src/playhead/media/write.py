"""Writing video from images and sound, atomically: a complete file or none.

Frames have a constant rate, or each its own time. Luma is written unchanged as the Y plane; RGB is
converted by BT.709 in limited range, and tagged so.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from playhead.errors import MediaError, StorageError
from playhead.files import atomic_path

__all__ = ["VideoWriter"]

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "mpeg4": "mpeg4"}
_SOUND = {".webm": "libopus", ".avi": "libmp3lame", ".ogg": "libvorbis"}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_BT709 = 1
_FINE = Fraction(1, 90000)
_SOUND_BLOCK = 1024
_SMALL = 320 * 240


class VideoWriter:
    """Encodes frames into `path`, which appears only when the block succeeds.

        with VideoWriter(path, 448, 256, rate=25) as writer:
            writer.write(image)

    rate: frames per second; None if every frame is written with its own time
    times: the presentation times in seconds, one per frame, instead of a rate
    codec: h264, hevc, vp9 or mpeg4; crf: quality, lower is better and larger
    preset: the encoder's speed, as in x264; gop: frames between key frames
    audio: (float32 (channels, N), samples per second), starting with the first frame; `add_sound`
        continues it
    Raises MediaError for a frame of the wrong shape or time, StorageError if writing fails.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        rate: Fraction | float | None = None,
        *,
        times: Sequence[Fraction | float] | None = None,
        codec: str = "h264",
        crf: int = 20,
        preset: str = "veryfast",
        gop: int | None = None,
        audio: tuple[NDArray[np.float32], int] | None = None,
        options: dict[str, str] | None = None,
    ) -> None:
        self._path = Path(path)
        self._width, self._height = width, height
        self._rate = None if rate is None else Fraction(rate).limit_denominator(100_000)
        self._times = times
        self._check_arguments(codec, audio)
        self._settings = (codec, {"crf": str(crf), "preset": preset} | (options or {}), gop)
        self._sound = audio
        self._sound_at, self._sound_gone = 0, 0  # the next of these samples, and those before them
        self._count = 0
        self._last: Fraction | None = None
        self._scaler = VideoReformatter()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._temporary = stack.enter_context(atomic_path(self._path))
            self._container = self._open()
            stack.push(self._close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, frame: NDArray[np.uint8], time: Fraction | float | None = None) -> None:
        """Add a frame: uint8 (H, W, 3) RGB or (H, W) luma; `time` in seconds if without a rate."""
        image = self._image(frame)
        moment = self._moment(time)
        image.pts, image.time_base = round(moment / self._tick), self._tick
        self._mux(self._video, image)
        self._write_sound(until=moment)
        self._count += 1
        self._last = moment

    def add_sound(self, samples: NDArray[np.float32]) -> None:
        """Continue `audio`, which may be empty, with samples, float32 (channels, N).

        Give them before the frames that they belong to.
        """
        if self._sound is None or len(samples) != len(self._sound[0]):
            channels = 0 if self._sound is None else len(self._sound[0])
            raise MediaError(
                f"{self._path}: sound of {len(samples)} channels was added, but the file has "
                f"{channels}"
            )
        waiting, rate = self._sound
        self._sound = np.concatenate([waiting[:, self._sound_at :], samples], axis=1), rate
        self._sound_gone += self._sound_at
        self._sound_at = 0

    def _check_arguments(self, codec: str, audio: tuple[NDArray[np.float32], int] | None) -> None:
        if codec not in _ENCODERS:
            raise MediaError(
                f'{self._path}: codec is "{codec}"; choose from {", ".join(_ENCODERS)}'
            )
        if self._rate is not None and self._times is not None:
            raise MediaError(f"{self._path}: has a rate and times; give one of them")
        if self._rate is not None and self._rate <= 0:
            raise MediaError(f"{self._path}: the rate is {self._rate}; it must be above 0")
        if min(self._width, self._height) < 2:
            raise MediaError(
                f"{self._path}: is {self._width}x{self._height}; at least 2x2 pixels are needed"
            )
        if audio is not None and (audio[0].ndim != 2 or len(audio[0]) not in _LAYOUTS):
            raise MediaError(
                f"{self._path}: sound is {audio[0].shape}; (channels, samples) with "
                f"{', '.join(map(str, _LAYOUTS))} channels is needed"
            )

    def _open(self) -> OutputContainer:
        try:
            container = av.open(str(self._temporary), "w")
        except ValueError as error:
            raise MediaError(
                f"{self._path}: no video format ends in {self._path.suffix!r}; use .mp4 or .mkv"
            ) from error
        codec, options, gop = self._settings
        self._tick = _FINE if self._rate is None else 1 / self._rate
        nominal = self._rate or Fraction(25)
        video = cast(VideoStream, container.add_stream(_ENCODERS[codec], rate=nominal))
        video.width, video.height = self._width, self._height
        # 4:2:0 needs even sizes.
        odd = self._width % 2 or self._height % 2
        self._format = "yuv444p" if odd else "yuv420p"
        video.pix_fmt = self._format
        context = video.codec_context
        context.time_base = self._tick
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        if self._width * self._height <= _SMALL:
            context.thread_count = 1
        if gop is not None:
            video.gop_size = gop
        context.options = _encoder_options(codec, options)
        self._video = video
        self._audio = self._add_sound(container)
        return container

    def _add_sound(self, container: OutputContainer) -> AudioStream | None:
        if self._sound is None:
            return None
        samples, rate = self._sound
        name = _SOUND.get(self._path.suffix.lower(), "aac")
        stream = cast(AudioStream, container.add_stream(name, rate=rate))
        stream.codec_context.layout = _LAYOUTS[len(samples)]
        return stream

    def _moment(self, time: Fraction | float | None) -> Fraction:
        if self._rate is not None:
            if time is not None:
                raise MediaError(f"{self._path}: frames have a constant rate; leave `time` out")
            return self._count / self._rate
        if time is None and self._times is not None:
            if self._count >= len(self._times):
                raise MediaError(f"{self._path}: more frames than the {len(self._times)} times")
            time = self._times[self._count]
        if time is None:
            raise MediaError(f"{self._path}: has no rate; write each frame with its time")
        moment = Fraction(time)
        if self._last is not None and round(moment / _FINE) <= round(self._last / _FINE):
            raise MediaError(
                f"{self._path}: frame {self._count} at {float(moment):g} s is not after the one "
                f"before at {float(self._last):g} s; times must rise"
            )
        return moment

    def _image(self, frame: NDArray[np.uint8]) -> VideoFrame:
        if frame.dtype != np.uint8 or frame.shape not in (
            (self._height, self._width),
            (self._height, self._width, 3),
        ):
            raise MediaError(
                f"{self._path}: frame {self._count} is {frame.dtype} {frame.shape}; uint8 "
                f"({self._height}, {self._width}, 3) or ({self._height}, {self._width}) is needed"
            )
        if frame.ndim == 2:
            return _grey(frame, self._format)
        rgb = VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), "rgb24")
        return self._scaler.reformat(
            rgb,
            format=self._format,
            interpolation=Interpolation.BILINEAR,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    def _write_sound(self, until: Fraction | None) -> None:
        """Encode sound up to a time, or all that is left if it is None."""
        if self._sound is None or self._audio is None:
            return
        samples, rate = self._sound
        end = samples.shape[1]
        if until is not None:
            end = min(end, int(until * rate) - self._sound_gone)
        while self._sound_at < end and (until is None or end - self._sound_at >= _SOUND_BLOCK):
            block = samples[:, self._sound_at : min(end, self._sound_at + _SOUND_BLOCK)]
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(block, np.float32), "fltp", _LAYOUTS[len(samples)]
            )
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = self._sound_gone + self._sound_at
            self._mux(self._audio, frame)
            self._sound_at += block.shape[1]

    def _mux(self, stream: Any, frame: VideoFrame | AudioFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except av.error.FFmpegError as error:
            raise self._refused(error) from error

    def _close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or only release it after an error."""
        if kind is None and self._count == 0:
            self._release()
            raise MediaError(f"{self._path}: not a single frame was written")
        if kind is not None:
            self._release()
            return
        try:
            self._mux(self._video, None)
            self._write_sound(until=None)
            if self._audio is not None:
                self._mux(self._audio, None)
            self._container.close()
        except av.error.FFmpegError as failure:
            raise self._refused(failure) from failure

    def _release(self) -> None:
        try:
            self._container.close()
        except av.error.FFmpegError:
            # The file is about to be removed, and the first error is being raised.
            return

    def _refused(self, error: av.error.FFmpegError) -> Exception:
        words = error.strerror or str(error)
        if isinstance(error, OSError):
            return StorageError(
                f"{self._path}: writing failed ({words}); free space or choose another folder; "
                "an existing file there is unchanged"
            )
        return MediaError(f"{self._path}: the encoder refused frame {self._count}: {words}")


def _encoder_options(codec: str, options: dict[str, str]) -> dict[str, str]:
    match codec:
        case "h264":
            # With its macroblock tree x264 is not deterministic.
            return {"x264-params": "mbtree=0"} | options
        case "hevc":
            return {"x265-params": "log-level=none"} | options
        case "vp9":
            rest = {name: value for name, value in options.items() if name != "preset"}
            return {"deadline": "realtime", "cpu-used": "8", "b": "0"} | rest
        case _:
            rest = {name: value for name, value in options.items() if name not in {"crf", "preset"}}
            return {"qscale": "3", "b": "8M"} | rest


def _grey(luma: NDArray[np.uint8], pixel_format: str) -> VideoFrame:
    """A frame with this Y plane and neutral chroma."""
    height, width = luma.shape
    frame = VideoFrame(width, height, pixel_format)
    for index, plane in enumerate(frame.planes):
        values = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        if index:
            values[:] = 128
        else:
            values[:height, :width] = luma
    return frame
