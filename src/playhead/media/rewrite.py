"""Rewriting a video frame for frame: each image changed in place, everything else kept.

Unchanged pixels reach the encoder as they were decoded. Times are kept in the source's own ticks;
sound is copied. A frame that cannot be read is replaced by a marked image at its time. On any error
no output is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from playhead.errors import MediaError, StorageError
from playhead.files import atomic_path
from playhead.media.damage import Damage
from playhead.media.planes import Planes
from playhead.media.rewrite_clock import Schedule
from playhead.media.rewrite_encoder import ImageProperties, add_video, without_settings
from playhead.media.rewrite_frames import Frames
from playhead.media.rewrite_pixels import Fitter, marked_frame
from playhead.media.rewrite_tracks import Tracks, kept_metadata
from playhead.media.sidedata import side_data
from playhead.media.source import Source, require_file
from playhead.media.video import Video, open_video
from playhead.progress import Progress

__all__ = ["Change", "RewriteOptions", "Rewritten", "output_suffix", "rewrite"]

Change = Callable[[int, Planes], None]

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_MILLISECOND = Fraction(1, 1000)
_COARSEST, _FINEST = 10_000, 10_000_000
"""Ticks a second of an MP4 file: fewer would round sound, more overflow its fields."""
_HELD_BACK = 2
_WORST = 51
_MOST_THREADS = 16
"""More threads gain little speed, and each needs memory for its own images."""
_SLOWEST = Fraction(1, 1000)
_BITEXACT = {"fflags": "+bitexact"}
"""Keeps the muxer from writing its version into the file."""


@dataclass(frozen=True, kw_only=True)
class RewriteOptions:
    """How a rewritten video is encoded and what is kept.

    codec: h264, which plays everywhere, or hevc
    crf: quality, lower is better and larger; 19 is hard to tell from the source, 0 is
        lossless
    preset: the encoder's speed, as x264 names them
    audio: keep or remove every sound track
    keep_metadata: title, dates, location, languages, chapters; removed otherwise
    keep_subtitles: subtitle tracks, and captions inside the images; removed otherwise
    threads: of the decoder and of the encoder, 0 for one per core but 16 at most
    Raises MediaError for an invalid value.
    """

    codec: Literal["h264", "hevc"] = "h264"
    crf: int = 19
    preset: str = "veryfast"
    audio: Literal["keep", "remove"] = "keep"
    keep_metadata: bool = False
    keep_subtitles: bool = False
    threads: int = 0

    def __post_init__(self) -> None:
        if self.codec not in {"h264", "hevc"}:
            raise MediaError(f'codec is "{self.codec}"; choose h264 or hevc')
        if self.audio not in {"keep", "remove"}:
            raise MediaError(f'audio is "{self.audio}"; choose keep or remove')
        if not 0 <= self.crf <= _WORST:
            raise MediaError(f"crf is {self.crf}; choose from 0 (lossless) to {_WORST}")


@dataclass(frozen=True)
class Rewritten:
    """The result of `rewrite`: frames written, those marked as unreadable, differences as notes."""

    frames: int
    marked: tuple[Damage, ...]
    notes: tuple[str, ...]


def output_suffix(source: Path) -> str:
    """The suffix of a rewritten `source`: its own if such files can be written, else `.mp4`."""
    suffix = source.suffix.lower()
    return suffix if suffix in _CONTAINERS else ".mp4"


def rewrite(
    source: Path,
    target: Path,
    change: Change,
    options: RewriteOptions,
    progress: Progress | None = None,
    *,
    opened: Video | None = None,
) -> Rewritten:
    """Write `source` to `target` frame for frame, each image modified by `change` in place.

    change: called with (k, Planes) for every readable frame k in order; for an unreadable frame a
        grey image with a cross is written instead
    opened: the same file opened earlier, if `change` depends on its frames
    Attached images, attachments and data tracks (locations, time codes) are never copied.
    Raises MediaError if the source is not a video file or changes while it is read, or if the
    target is the source or not .mp4, .m4v, .mov or .mkv; StorageError if writing fails; and what
    `change` raises. On any error an existing `target` stays as it was.
    """
    source, target = require_file(source), Path(target)
    _check_target(source, target)
    try:
        return _rewritten(source, target, change, options, progress, opened=opened)
    except _ChangeError as carried:
        raise carried.error from None


class _ChangeError(Exception):
    """Carries an OSError of the caller's `change`, which is not an error of writing."""

    def __init__(self, error: OSError) -> None:
        self.error = error


def _rewritten(
    source: Path,
    target: Path,
    change: Change,
    options: RewriteOptions,
    progress: Progress | None,
    *,
    opened: Video | None,
) -> Rewritten:
    with open_video(source, threads=_threads(options)) as video, ExitStack() as stack:
        opened = opened or video
        opened.require_unchanged()
        frames = Frames(video)
        first = frames.first()
        temporary = stack.enter_context(atomic_path(target))
        sides = Source(source, video.table.identity, every_stream=True)
        stack.callback(sides.close)
        writing = _Writing(temporary, target, sides, video, first=first, options=options)
        with writing.closing():
            for k, frame in frames:
                writing.write(k, frame, change)
                if progress is not None:
                    progress.advance()
        opened.require_unchanged()
        return Rewritten(video.frames, frames.marked(), tuple(writing.notes()))


def _check_target(source: Path, target: Path) -> None:
    if target.suffix.lower() not in _CONTAINERS:
        raise MediaError(
            f"{target}: videos are written as {', '.join(_CONTAINERS)}; give it one of these names"
        )
    if target.is_dir():
        raise MediaError(f"{target}: is a folder; name a file inside it")
    if target.exists() and target.samefile(source):
        raise MediaError(f"{target}: is the source itself; write to another file")


class _Writing:
    """The output file while it is being written."""

    def __init__(
        self,
        temporary: Path,
        target: Path,
        sides: Source,
        video: Video,
        *,
        first: VideoFrame,
        options: RewriteOptions,
    ) -> None:
        self._target, self._sides, self._table = target, sides, video.table
        beside = side_data(first)
        self._fitter = Fitter(first)
        fitted = self._fitter.fit(first)
        aspect, order = sides.stream.sample_aspect_ratio, sides.stream.codec_context.field_order
        self._properties = ImageProperties(options.codec, fitted, beside, aspect, order)
        kind = _CONTAINERS[target.suffix.lower()]
        self._schedule = Schedule.of(
            video.table,
            Fraction(sides.stream.time_base or 1),
            _earliest(sides, video, kind, options),
        )
        self._rate = max(video.rate, _SLOWEST)
        self._container = av.open(
            f"file:{temporary}",
            "w",
            format=kind,
            container_options=_BITEXACT | _clock_options(kind, self._schedule.tick),
        )
        with self._refusing():
            self._add_streams(options)
        # x265 does not report how many images it holds back.
        held = _HELD_BACK if options.codec == "hevc" else self._stream.codec_context.reorder_depth
        self._decoded = self._schedule.decoded(held)
        self._lengths = self._schedule.lengths()
        self._written = 0
        self._mark: VideoFrame | None = None

    def notes(self) -> Iterator[str]:
        """Differences from the source, in words."""
        yield from self._fitter.notes
        yield from self._properties.lost()
        yield from self._tracks.notes
        videos = [
            stream for stream in self._sides.container.streams.video if not _is_attached(stream)
        ]
        if len(videos) > 1:
            yield f"{len(videos) - 1} further video track(s) are left out"
        if self._table.missing:
            yield (
                f"the source ends early: {self._table.missing} frames that its header promises are "
                "missing"
            )
        matroska = self._container.format.name == "matroska"
        if matroska and not self._schedule.in_whole(_MILLISECOND):
            yield "Matroska stores milliseconds: times are rounded by up to half a millisecond"

    def write(self, k: int, frame: VideoFrame | None, change: Change) -> None:
        """Add frame k after `change`, or the marked image if `frame` is None."""
        layout = self._table.layout
        if frame is not None:
            frame = self._fitter.fit(frame)
            try:
                change(k, Planes.of_frame(frame, layout))
            except OSError as error:
                raise _ChangeError(error) from error
        else:
            self._mark = self._mark or marked_frame(self._properties.frame, layout)
            frame = self._mark
        frame.pts, frame.time_base = k, 1 / self._rate
        # Do not let the decoder's picture types through to the encoder. Without B-frames at the
        # end, the last packet is the last image and can carry its duration.
        ends = 0 < k >= len(self._table) - 2
        frame.pict_type = PictureType.P if ends else PictureType.NONE
        with self._refusing():
            self._mux(self._stream.encode(frame))

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Finish the file if the block succeeds, else only release it."""
        with ExitStack() as always, ExitStack() as failed:
            always.callback(self._tracks.close)
            failed.callback(self._release)
            yield
            with self._refusing():
                self._mux(self._stream.encode(None))
                self._tracks.write(until=None)
                self._container.close()
            failed.pop_all()
        if self._written != len(self._table):
            raise MediaError(
                f"{self._target}: the encoder returned {self._written} of {len(self._table)} "
                "frames; try another codec"
            )

    def _add_streams(self, options: RewriteOptions) -> None:
        self._stream = add_video(
            self._container,
            self._properties,
            crf=options.crf,
            preset=options.preset,
            rate=self._rate,
            tick=self._schedule.tick,
            threads=_threads(options),
            captions=options.keep_subtitles,
        )
        self._tracks = Tracks(
            self._sides,
            self._container,
            self._schedule.moved,
            sound=options.audio == "keep",
            subtitles=options.keep_subtitles,
            metadata=options.keep_metadata,
        )
        if options.keep_metadata:
            self._keep_metadata()

    def _keep_metadata(self) -> None:
        source, container = self._sides.container, self._container
        self._stream.metadata.update(kept_metadata(self._sides.stream))
        container.metadata.update(kept_metadata(source))
        chapters = source.chapters()
        for chapter in chapters:
            move = round(self._schedule.moved / Fraction(chapter["time_base"] or 1))
            chapter["start"], chapter["end"] = chapter["start"] + move, chapter["end"] + move
        container.set_chapters(chapters)

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            k, turn = packet.pts, self._written
            if k is None or turn >= len(self._table):
                raise MediaError(
                    f"{self._target}: the encoder returned more frames than it was given"
                )
            ready = without_settings(packet) if turn == 0 else packet
            ready.time_base = self._schedule.tick
            ready.pts, ready.dts = int(self._schedule.shown[k]), int(self._decoded[turn])
            ready.duration = int(self._lengths[k])
            self._tracks.write(until=float(ready.dts * self._schedule.tick))
            self._container.mux(ready)
            self._written += 1

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn errors of encoder and muxer into StorageError or MediaError."""
        try:
            yield
        except av.error.FFmpegError as error:
            words = error.strerror or str(error)
            if isinstance(error, OSError):
                raise StorageError(
                    f"{self._target}: writing failed ({words}); free space or choose another "
                    "folder; an existing file there is unchanged"
                ) from error
            raise MediaError(
                f"{self._target}: writing failed ({words}); try another codec or container"
            ) from error

    def _release(self) -> None:
        try:
            self._container.close()
        except av.error.FFmpegError:
            # The file is about to be removed, and the first error is being raised.
            return


def _threads(options: RewriteOptions) -> int:
    return options.threads or min(os.cpu_count() or 1, _MOST_THREADS)


def _is_attached(stream: VideoStream) -> bool:
    """Whether a video stream is an attached image, as cover art."""
    return bool(Disposition(stream.disposition) & Disposition.attached_pic)


def _earliest(sides: Source, video: Video, kind: str, options: RewriteOptions) -> float | None:
    """The earliest time of the kept streams in seconds of the source; None for no shift."""
    starts = [video.table.start]
    if options.audio == "keep":
        starts += [
            float(stream.start_time * stream.time_base)
            for stream in sides.container.streams.audio
            if stream.start_time is not None and stream.time_base is not None
        ]
    # An edit list can hide a little before 0: the priming samples of a sound codec.
    return None if kind != "matroska" and -1 < min(starts) <= 0 else min(starts)


def _clock_options(kind: str, tick: Fraction) -> dict[str, str]:
    """Options that make the whole file count in the images' ticks, for an exact edit list."""
    scale = tick.denominator
    while scale < _COARSEST:
        scale *= 2
    if kind == "matroska" or scale > _FINEST:
        return {}
    return {"video_track_timescale": str(scale), "movie_timescale": str(scale)}
