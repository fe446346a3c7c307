"""Real files at 25, 29.97, 50, 60 fps and mixed: events, windows and frames agree on every span."""

from fractions import Fraction

import numpy as np
import pytest

from playhead.events.model import Event
from playhead.media.video import open_video
from playhead.media.write import VideoWriter
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec, targets

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]
SECONDS = 12


def shade(seconds):
    """The grey of a moment: it tells the time to within .02 s."""
    return 30 + seconds / SECONDS * 190


def write(path, times):
    """A film of the clock: each frame's grey is that of its time."""
    with VideoWriter(path, 32, 32, crf=4, times=times, preset="ultrafast") as writer:
        for time in times:
            writer.write(np.full((32, 32), round(shade(float(time))), np.uint8))
    return path


def even(rate):
    return [k / rate for k in range(int(rate * SECONDS))]


def mixed():
    """Half at 25 fps, half at 60, with a gap of .3 s between."""
    slow = [Fraction(k, 25) for k in range(6 * 25)]
    return slow + [Fraction(63, 10) + Fraction(k, 60) for k in range(5 * 60)]


@pytest.mark.slow
@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", RATES)
def test_a_real_file_on_a_grid_of_its_own_rate_shows_frame_i_at_point_i(tmp_path, rate, container):
    times = even(rate)
    path = tmp_path / f"video.{container}"
    with VideoWriter(path, 32, 32, rate, preset="ultrafast") as writer:
        for _ in times:
            writer.write(np.full((32, 32), 100, np.uint8))
    with open_video(path) as video:
        grid = make_grid(video.times, video.duration, rate)
        np.testing.assert_array_equal(grid.frames, np.arange(len(times)))
        assert [grid.index(time) for time in video.times] == list(range(len(times)))


@pytest.mark.slow
@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("times", [*map(even, RATES), mixed()], ids=["25", "29", "50", "60", "vfr"])
def test_a_window_shows_the_same_moments_whatever_the_frame_rate(tmp_path, times, container):
    path = write(tmp_path / f"clock.{container}", times)
    spec = WindowSpec()
    with open_video(path) as video:
        grid = make_grid(video.times, video.duration, Fraction(25))
        for centre in (50, 100, 210):
            points = spec.window_points(centre, len(grid))
            images = video.read(grid.frames[points].tolist(), pixels="luma")
            moments = (images.mean(axis=(1, 2)) - 30) / 190 * SECONDS
            expected = (centre + np.arange(-14, 15, 2)) / 25
            np.testing.assert_allclose(moments, expected, atol=0.02 + 0.06)
        event = Event(label="pass", start=float(video.times[video.nearest(np.array([4.0]))[0]]))
        positive = grid.times[targets(grid, [event], ("pass",))[:, 0] == 1]
        assert np.abs(positive - event.start).max() <= 0.2811
        assert len(positive) in (14, 15)
