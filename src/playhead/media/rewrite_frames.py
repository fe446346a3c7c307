"""The frames of a video for rewriting: each once and in order, unreadable ones as None."""

import itertools
from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame

from playhead.errors import MediaError
from playhead.media.damage import Damage
from playhead.media.video import Video, open_video

__all__ = ["Frames"]


class Frames:
    """Iterates over (k, frame) in order, with None for unreadable frames, and lists those."""

    def __init__(self, video: Video) -> None:
        self._path = video.path
        self._reasons: dict[int, str] = {}
        self._frames = self._read(video)
        self._ahead: list[tuple[int, VideoFrame | None]] = []

    def first(self) -> VideoFrame:
        """The first frame that can be read."""
        for k, frame in self._frames:
            self._ahead.append((k, frame))
            if frame is not None:
                return frame
        raise MediaError(f"{self._path}: none of the frames can be read, so nothing can be written")

    def __iter__(self) -> Iterator[tuple[int, VideoFrame | None]]:
        while self._ahead:
            yield self._ahead.pop(0)
        yield from self._frames

    def marked(self) -> tuple[Damage, ...]:
        """The unreadable frames as ranges, each with its first frame's reason."""
        lost = np.array([*self._reasons, -1], np.int64)
        starts = np.flatnonzero(np.diff(lost, prepend=-2) != 1)
        return tuple(
            Damage(int(lost[i]), int(lost[j - 1]) + 1, self._reasons[int(lost[i])])
            for i, j in itertools.pairwise(starts)
        )

    def _read(self, video: Video) -> Iterator[tuple[int, VideoFrame | None]]:
        # With several threads the refused packet is not known exactly, so from the first damage
        # on a single thread decodes.
        for k, frame in video.decoded():
            if frame is None:
                break
            yield k, frame
        else:
            return
        with open_video(self._path) as careful:
            video.require_unchanged()  # or the frames of `careful` differ
            for index, frame in careful.decoded(k):
                if frame is None:
                    self._reasons[index] = _reason(careful, index)
                yield index, frame


def _reason(video: Video, k: int) -> str:
    return next((d.reason for d in video.damage if d.start <= k < d.stop), "it cannot be read")
