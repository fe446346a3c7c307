"""The decoder of a video for prediction: PyAV, or torchcodec on the device that runs the model.

torchcodec decodes on the GPU (NVDEC) and hands out the stored Y plane, so luma is exact; from RGB
it could not be. It is used only for a file whose frame count and times are those of the frame
table, and whose first frames are PyAV's to the last bit; a later frame that does not fit the table
ends it, and PyAV goes on from there. It does not report damage within a frame, which PyAV does.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.inference.dense import VideoStream, WindowPlan
from playhead.inference.ring import RingBackend
from playhead.inference.runtime import Backend
from playhead.learning.settings import Decoder
from playhead.media.pixels import Converter, Fit, Pixels
from playhead.media.video import Video

if TYPE_CHECKING:
    import torch

__all__ = ["Decoding", "TorchcodecVideo", "choose_decoder"]

COMPARED = 16
"""The first frames of a file, which must be PyAV's to the last bit."""

TIME_TOLERANCE = 1e-4
"""Seconds between the time of a frame and that of the table; rounding only."""

# The 8-bit formats whose first plane is Y: those of CPUs, and the surfaces of NVDEC.
_Y_FIRST = ("yuv420p", "yuv422p", "yuv444p", "yuvj", "nv12", "gray")


@dataclass(frozen=True)
class Decoding:
    """What decodes a video, and why."""

    video: VideoStream
    decoder: Literal["pyav", "torchcodec"]
    reason: str

    def describe(self) -> str:
        """As a note on the file: `decoded by pyav: the model runs on the CPU`."""
        left = self.video.left_at if isinstance(self.video, TorchcodecVideo) else None
        since = "" if left is None else f"; by pyav from frame {left} on, which did not fit"
        return f"decoded by {self.decoder}: {self.reason}{since}"


def choose_decoder(
    video: Video, plans: Sequence[WindowPlan], backend: Backend, decoder: Decoder = "auto"
) -> Decoding:
    """The decoder of an open video: torchcodec if that is wanted and gives the same frames.

    plans: the pixels and size that each model needs; backend: of the first one
    decoder: `auto` takes torchcodec only if the backend runs on CUDA, `torchcodec` on any device
    Raises MediaError if `torchcodec` is asked for and cannot be used.
    """
    device = str(backend.device) if isinstance(backend, RingBackend) else "cpu"
    if decoder == "pyav":
        return Decoding(video, "pyav", "as asked for")
    if decoder == "auto" and not device.startswith("cuda"):
        return Decoding(video, "pyav", "the model runs on the CPU")
    candidate = _checked(video, plans, device)
    if isinstance(candidate, TorchcodecVideo):
        same = f"{video.frames} frames at the times of the table, the first ones equal to pyav's"
        return Decoding(candidate, "torchcodec", f"on {device}, {same}")
    if decoder == "torchcodec":
        raise MediaError(
            f"{video.path}: torchcodec cannot decode it: {candidate}; use --decoder auto or pyav"
        )
    return Decoding(video, "pyav", f"torchcodec cannot: {candidate}")


class TorchcodecVideo:
    """A video whose luma is decoded by torchcodec, frame by frame as the table has them."""

    def __init__(self, video: Video, device: str, begin: float) -> None:
        """begin: what torchcodec says is the time of the first frame, in seconds."""
        self._video, self._device, self._begin = video, device, begin
        self.left_at: int | None = None
        """The frame from which on PyAV decoded instead, None if there is none."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._video.path

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each frame in seconds from the first, float64 (frames,)."""
        return self._video.times

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one."""
        return self._video.duration

    def stream(
        self,
        *,
        pixels: Pixels = "luma",
        size: tuple[int, int],
        fit: Fit = "stretch",
        wanted: NDArray[np.integer],
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (k, luma) for the `wanted` frames in order, see `Video.stream`."""
        converter = Converter(self._video.table.layout, pixels, size, fit)
        chosen = set(wanted.tolist())
        decoding = _Pass(self.path, self._device)
        for k, time in enumerate(self.times[: max(chosen, default=-1) + 1].tolist()):
            frame = decoding.next_frame()
            if frame is None or abs(frame.pts_seconds - self._begin - time) > TIME_TOLERANCE:
                self.left_at = k
                rest = wanted[wanted >= k]
                yield from self._video.stream(pixels=pixels, size=size, fit=fit, wanted=rest)
                return
            if k in chosen:
                out = np.empty(converter.shape, np.uint8)
                converter.write(decoding.grey(frame), out)
                yield k, out


class _Pass:
    """One pass of torchcodec over a file, from its first frame on."""

    def __init__(self, path: Path, device: str) -> None:
        """Raises RuntimeError, ValueError or OSError if torchcodec cannot read the file."""
        import torch
        from torchcodec.decoders import Demuxer  # type: ignore[attr-defined]

        self._demuxer = Demuxer(str(path))
        self._video = cast(Any, self._demuxer.streams[0])
        self._decoder = self._video.make_decoder(device)
        self._frames = self._decode()
        # Of its own, so that a copy to the CPU does not wait for the model.
        cuda: Any = torch.cuda
        self._cuda = cuda.Stream(device) if device.startswith("cuda") else None

    def next_frame(self) -> Any:
        """The next frame as torchcodec's RawFrame; None at the end, or if it cannot be decoded."""
        try:
            return next(self._frames, None)
        except RuntimeError:
            return None

    def times(self) -> NDArray[np.float64]:
        """The time of every frame in seconds, from the packets; before the first frame only."""
        times: NDArray[np.float64] = self._video.scan().pts_seconds.numpy()
        return times

    def grey(self, frame: Any) -> VideoFrame:
        """The Y plane of a frame as a grey frame of PyAV, in its range."""
        with self._stream():
            plane: torch.Tensor = frame.planes[0].contiguous().cpu()
        grey = VideoFrame.from_numpy_buffer(plane.numpy(), "gray", width=plane.shape[1])
        grey.color_range = ColorRange.JPEG if frame.color_range == "pc" else ColorRange.MPEG
        return grey

    def _decode(self) -> Iterator[Any]:
        for packet in self._demuxer:
            with self._stream():
                frames = self._decoder.decode(packet)
            yield from frames
        with self._stream():
            frames = self._decoder.drain()
        yield from frames

    def _stream(self) -> AbstractContextManager[Any]:
        import torch

        return nullcontext() if self._cuda is None else torch.cuda.stream(self._cuda)


def _checked(video: Video, plans: Sequence[WindowPlan], device: str) -> TorchcodecVideo | str:
    """A video as torchcodec decodes it, or why it may not."""
    if any(plan.pixels != "luma" for plan in plans):
        return "it gives exact luma only, and the model sees colour"
    if video.timestamps == "synthesised":
        return "the file has no presentation times that its frames could be checked by"
    if video.damage:
        return "the file is damaged, and only pyav tells damaged frames apart"
    try:
        trial = _Pass(video.path, device)
        times, first = trial.times(), trial.next_frame()
    except ImportError:
        return "it is not installed (pip install 'torchcodec>=0.17', which needs torch)"
    except (RuntimeError, ValueError, OSError) as error:
        return f"it cannot read the file ({str(error).strip().splitlines()[0]})"
    if len(times) != video.frames:
        return f"it counts {len(times)} frames, the table {video.frames}"
    apart = float(np.abs(times - times[0] - video.times).max())
    if apart > TIME_TOLERANCE:
        return f"its times are up to {apart:.4f} s from those of the table"
    if first is None:
        return "it cannot decode the first frame"
    if first.bit_depth != 8 or not first.pixel_format.startswith(_Y_FIRST):
        return f"its frames are {first.pixel_format}, not 8-bit YUV"
    candidate = TorchcodecVideo(video, device, float(times[0]))
    return _first_difference(candidate, video, plans[0]) or candidate


def _first_difference(candidate: TorchcodecVideo, video: Video, plan: WindowPlan) -> str | None:
    """The first frame that is not PyAV's, among the first of a file; None if all are."""
    wanted = np.arange(min(COMPARED, video.frames))
    ways = [
        decoder.stream(pixels="luma", size=plan.size, fit=plan.fit, wanted=wanted)
        for decoder in (candidate, video)
    ]
    for (k, ours), (_, theirs) in zip(*ways, strict=False):
        if candidate.left_at is not None:
            return f"its frame {candidate.left_at} is not the one of the table"
        if not np.array_equal(ours, theirs):
            apart = int(np.abs(ours.astype(np.int16) - theirs).max())
            return f"its frame {k} differs from pyav's by up to {apart} levels"
    return "a frame at the start is damaged" if video.damage else None
