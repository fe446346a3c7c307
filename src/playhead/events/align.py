"""Aligning events with frames, only by the video's table of times.

The time of an event is the time of its frame. If an event has a frame index, that decides.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.model import Event
from playhead.times import nearest

__all__ = ["end_of_video", "snap_event"]


def end_of_video(times: NDArray[np.float64], duration: float | None = None) -> float:
    """The end of the last frame in seconds.

    times: float64 (N,), seconds, rising, N at least 1
    duration: until which the video displays its last frame, if that is known; at a variable rate it
        may be displayed far longer than the one before
    The last frame is taken to last at least as long as the one before it.
    """
    end = float(times[-1]) if len(times) < 2 else float(2 * times[-1] - times[-2])
    return end if duration is None else max(end, duration)


def snap_event(event: Event, times: NDArray[np.float64], duration: float, *, where: str) -> Event:
    """Move an event to the nearest frame and set its frame index.

    times: float64 (N,), seconds, rising, N at least 1: the video's table
    duration: end of the last frame in seconds
    where: the file and row, for the error message
    The end of a span moves to the nearest frame boundary; a span keeps at least one frame.
    Raises LabelError if the event is past the last frame.
    """
    frame = _frame_of(event, times, duration, where)
    end = None if event.end is None else _end_of(event.end, frame, times, duration)
    return replace(event, frame=frame, start=float(times[frame]), end=end)


def _frame_of(event: Event, times: NDArray[np.float64], duration: float, where: str) -> int:
    last = len(times) - 1
    if event.frame is not None:
        if event.frame > last:
            raise LabelError(
                f"{where}: frame {event.frame} is past the last frame ({last}). "
                "The labels may belong to another cut: see `playhead info`."
            )
        return event.frame
    if event.start > times[last] and event.start >= duration:
        raise LabelError(
            f"{where}: {event.label} at {event.start:.3f} s is past the last frame "
            f"({last}, at {times[last]:.3f} s). "
            "The labels may belong to another cut: see `playhead info`."
        )
    return int(nearest(times, event.start))


def _end_of(end: float, frame: int, times: NDArray[np.float64], duration: float) -> float:
    boundaries = np.append(times, max(duration, float(np.nextafter(times[-1], np.inf))))
    return float(boundaries[max(int(nearest(boundaries, end)), frame + 1)])
