"""Chance, and the metric to judge by."""

from collections.abc import Sequence

import pytest

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.headline import choose_headline, median_spacing
from playhead.metrics.references import Length, chance, chance_map
from playhead.metrics.spotting import evaluate_spotting


def every(frames: int, count: int, video: str = "a", rate: int = 30) -> VideoEvents:
    """`count` events of one class, so many frames apart."""
    events = tuple(
        Event(label="step", start=k * frames / rate, frame=k * frames) for k in range(count)
    )
    return VideoEvents(video=video, classes=("step",), events=events)


def test_chance_guesses_as_many_events_as_are_true_one_in_each_equal_part() -> None:
    truth = [every(30, 10), every(10, 4, video="b")]
    lengths = {"a": Length(10.0, 300), "b": Length(40.0, 1000)}
    drawn: list[Sequence[VideoEvents]] = []

    def keep(guesses: Sequence[VideoEvents]) -> dict[str, float]:
        drawn.append(guesses)
        return {"count": float(sum(len(video.events) for video in guesses))}

    assert chance(truth, lengths, keep, repeats=2) == {"count": 14.0}
    first, second = drawn
    assert [int(event.start) for event in first[0].events] == list(range(10))
    assert [(event.frame or 0) // 250 for event in first[1].events] == list(range(4))
    assert [int(event.start // 10) for event in first[1].events] == list(range(4))
    assert first != second
    again = chance(truth, lengths, keep, repeats=1)
    assert again == {"count": 14.0}
    assert drawn[2] == first  # the same seed


def test_chance_draws_more_often_where_there_are_few_events() -> None:
    draws = []

    def count(guesses: Sequence[VideoEvents]) -> dict[str, float]:
        draws.append(len(guesses))
        return {}

    chance([every(30, 1)], {"a": Length(10.0, 300)}, count)
    assert len(draws) == 20
    chance([every(30, 4000)], {"a": Length(4000.0, 120000)}, count)
    assert len(draws) == 23


def test_chance_needs_the_length_of_every_video() -> None:
    with pytest.raises(LabelError, match="a: the duration"):
        chance([every(30, 2)], {}, lambda guesses: {})
    with pytest.raises(LabelError, match="above 0"):
        Length(0.0, 10)


def test_on_dense_events_chance_is_high_at_one_second_and_low_at_the_headline() -> None:
    truth = [every(5, 300)]
    lengths = {"a": Length(50.0, 1500)}
    found = chance(
        truth, lengths, lambda guesses: evaluate_spotting(truth, guesses, rate=30).metrics
    )
    headline = choose_headline(truth)
    assert found["map@1"] > 0.85
    assert headline.metric == "frame_map@1"
    assert found["frame_map@0"] < found[headline.metric] < found["map@1"]


def test_of_sparse_events_the_headline_is_map_at_one_second() -> None:
    headline = choose_headline([every(30, 8)])  # exactly 1 s apart
    assert (headline.metric, headline.width, headline.dense) == ("map@1", 1.0, False)
    assert choose_headline([every(29, 8)]).dense
    assert "1.00 s apart" in headline.reason()


@pytest.mark.parametrize(
    ("frames", "metric"), [(1, 0), (4, 0), (5, 1), (7, 1), (8, 2), (13, 2), (14, 4), (29, 4)]
)
def test_the_windows_of_the_headline_fill_at_most_two_thirds_of_the_time(
    frames: int, metric: int
) -> None:
    headline = choose_headline([every(frames, 8)])
    assert headline.metric == f"frame_map@{metric}"
    assert headline.width == pytest.approx((2 * metric + 1) / 30)
    assert "count error" in headline.reason()


def test_spacing_is_within_a_class_and_a_video() -> None:
    events = [Event(label=label, start=start) for label, start in (("a", 0), ("b", 1), ("a", 4))]
    first = VideoEvents(video="1", classes=("a", "b"), events=tuple(events))
    second = VideoEvents(video="2", classes=("a", "b"), events=(Event(label="a", start=5),))
    spacing = median_spacing([first, second], 10)
    assert spacing is not None
    assert (spacing.seconds, spacing.frames) == (4.0, 40.0)
    assert median_spacing([second]) is None
    assert choose_headline([second]).metric == "map@1"


def test_labels_of_one_frame_do_not_divide_by_zero() -> None:
    headline = choose_headline([every(0, 3)])
    assert headline.metric == "frame_map@0"
    assert headline.width == pytest.approx(1 / 25)


def test_chance_of_one_event_in_a_video_is_the_share_of_the_window() -> None:
    truth = [every(30, 1, video=str(n)) for n in range(40)]
    truth = [
        VideoEvents(video=v.video, classes=v.classes, events=(Event(label="step", start=5.0),))
        for v in truth
    ]
    durations = {video.video: 10.0 for video in truth}
    reached = chance_map(truth, durations, tolerance=2.0, repeats=10)
    # Of 10 s, 2 s are hits; precision and recall are both about .2 with random scores.
    assert 0.02 < reached < 0.2
