"""Film strips: a few frames of a video in a row, read from the file and shown as HTML."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from playhead.errors import DamagedError
from playhead.media import open_video
from playhead.report.images import RGB, image_tag
from playhead.report.markup import clock, element

__all__ = ["film_strip", "read_frames"]


def read_frames(path: Path, times: Sequence[float], *, width: int = 448) -> list[tuple[float, RGB]]:
    """The frames nearest to `times`, each once: (seconds, RGB (H, W, 3)) in time order.

    times: seconds; width: of the images, in pixels; a smaller video is not enlarged
    A missing file gives no frames, and damaged frames are left out: a report shows what is there.
    """
    if not path.is_file():
        return []
    shown: list[tuple[float, RGB]] = []
    with open_video(path) as video:
        width = min(width, video.width)
        size = (width, max(1, round(video.height * width / video.width)))
        for frame in sorted(set(video.nearest(np.asarray(times)).tolist())):
            try:
                [image] = video.read([frame], size=size)
            except DamagedError:
                continue
            shown.append((float(video.times[frame]), image))
    return shown


def film_strip(frames: Sequence[tuple[float, RGB]], *, name: str, time: float | None = None) -> str:
    """Frames in a row that scrolls sideways, each above its time; a note where there are none.

    frames: (seconds, RGB (H, W, 3)) in time order; name: of the video, for the alternative text
    time: seconds; the nearest frame is outlined, and captions are offsets from this time
    """
    if not frames:
        return '<p class="note">No image.</p>'
    distances = [abs(seconds - time) if time is not None else 1.0 for seconds, _ in frames]
    nearest = None if time is None else distances.index(min(distances))
    figures = ""
    for index, (seconds, image) in enumerate(frames):
        caption = clock(seconds)
        if time is not None:
            caption = f"{'+' if seconds >= time else '−'}{abs(seconds - time):.2f} s"
        figure = image_tag(image, f"{name} at {clock(seconds)}") + element("figcaption", caption)
        figures += element("figure", figure, "nearest" if index == nearest else "")
    return element("div", figures, "frames")
