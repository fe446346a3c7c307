"""From seconds to frames: the nearest frame, by the table of times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.align import end_of_video, snap_event
from playhead.events.model import Event
from playhead.times import nearest

TIMES = np.arange(1200) / 25
gaps = st.lists(st.floats(0.001, 3), min_size=1, max_size=50)


def hit(start, **fields):
    return Event(label="hit", start=start, **fields)


def snap(event, times, duration=None):
    end = end_of_video(times) if duration is None else duration
    return snap_event(event, times, end, where="match.mkv")


@given(gaps, st.floats(0, 200))
def test_no_frame_is_nearer_than_the_nearest(steps, seconds):
    times = np.cumsum(steps) - steps[0]
    frame = int(nearest(times, seconds))
    distances = np.abs(times - seconds)
    assert distances[frame] <= distances.min() + 1e-6
    assert np.all(distances[:frame] > distances[frame] - 1e-6)


def test_half_way_between_two_frames_is_the_earlier():
    for frame in range(0, 1199, 7):
        assert int(nearest(TIMES, (TIMES[frame] + TIMES[frame + 1]) / 2)) == frame


@given(gaps, st.data())
def test_an_event_takes_the_time_of_its_frame_and_stays_there(steps, data):
    times = np.cumsum(steps) - steps[0]
    event = snap(hit(data.draw(st.floats(0, float(times[-1])))), times)
    assert event.start == times[event.frame]
    assert snap(event, times) == event


@given(gaps, st.data())
def test_a_span_keeps_a_frame_and_ends_where_a_frame_begins_or_the_video_ends(steps, data):
    times = np.cumsum(steps) - steps[0]
    duration = float(times[-1]) + 0.5
    start = data.draw(st.floats(0, float(times[-1])))
    end = data.draw(st.floats(start, duration + 1).filter(lambda value: value > start))
    event = snap(hit(start, end=end), times, duration)
    assert event.end in {*times[event.frame + 1 :], duration}


def test_an_event_that_knows_its_frame_stays_on_it():
    event = snap(hit(3.0, frame=10), TIMES)
    assert (event.frame, event.start) == (10, TIMES[10])


def test_a_frame_past_the_last_one_is_refused_with_the_remedy():
    with pytest.raises(LabelError) as caught:
        snap(hit(0.0, frame=1204), TIMES)
    assert str(caught.value) == (
        "match.mkv: frame 1204 is past the last frame (1199). "
        "The labels may belong to another cut: see `playhead info`."
    )


def test_a_time_is_past_the_end_once_the_last_frame_is_over():
    assert snap(hit(48.4), TIMES, 48.5).frame == 1199
    with pytest.raises(LabelError, match=r"past the last frame \(1199, at 47.960 s\)"):
        snap(hit(48.5), TIMES, 48.5)
    with pytest.raises(LabelError, match="past the last frame"):
        snap(hit(48.0), TIMES)


def test_a_last_frame_that_is_displayed_for_long_takes_labels_until_its_end():
    """A variable rate: frames at 0, .04 and .08 s, the last one displayed until 3 s."""
    times = np.array([0, 0.04, 0.08])
    end = end_of_video(times, 3.0)
    assert end == 3.0
    assert snap(hit(2.99), times, end).frame == 2
    assert snap(hit(2.99), times, end).start == 0.08
    with pytest.raises(LabelError, match="past the last frame"):
        snap(hit(3.0), times, end)


def test_a_last_frame_lasts_at_least_as_long_as_the_one_before():
    assert end_of_video(np.array([0, 0.5]), 0.6) == 1.0


def test_a_video_of_one_frame_holds_what_happens_at_its_start():
    assert snap(hit(0.0), np.zeros(1)).frame == 0
    with pytest.raises(LabelError, match="past the last frame"):
        snap(hit(0.1), np.zeros(1))
