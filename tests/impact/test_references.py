"""The reference that guesses impacts from exact boxes."""

from pathlib import Path

import numpy as np
import pytest

from playhead.events.manifest import read_manifest
from playhead.events.model import Track
from playhead.impact.references import guessed_contacts, measured_contacts
from tests.impact.tiny_plays import boxes_of, write_labels, write_plays

FRAMES = np.arange(30, dtype=np.int32)
TIMES = FRAMES / 30


def moving(number: int, x: np.ndarray) -> Track:
    boxes = np.stack([x, np.zeros(30), x + 10, np.full(30, 10)], 1).astype(np.float32)
    return Track(number, "helmet", FRAMES, boxes, np.ones(30, np.float32), np.zeros(30, np.uint8))


def test_two_helmets_that_pass_are_guessed_once_each_where_they_overlap_most() -> None:
    tracks = [moving(3, np.zeros(30)), moving(5, np.linspace(-29, 29, 30))]
    guessed = guessed_contacts("a", tracks, TIMES, label="hit", view="left")
    assert [(event.track, event.other) for event in guessed.events] == [(3, 5), (5, 3)]
    for event in guessed.events:
        assert event.frame in (14, 15)
        assert event.start == pytest.approx(event.frame / 30)
        assert event.score == pytest.approx(9 / 11)
        assert event.view == "left"


def test_helmets_that_never_overlap_or_share_no_frame_are_not_guessed() -> None:
    apart = [moving(1, np.zeros(30)), moving(2, np.full(30, 40.0))]
    assert guessed_contacts("a", apart, TIMES, label="hit").events == ()
    early = Track(
        9, "helmet", FRAMES[:2], np.array([[0, 0, 10, 10]] * 2, np.float32),
        np.ones(2, np.float32), np.zeros(2, np.uint8),
    )  # fmt: skip
    late = Track(
        8, "helmet", FRAMES[5:7], np.array([[0, 0, 10, 10]] * 2, np.float32),
        np.ones(2, np.float32), np.zeros(2, np.uint8),
    )  # fmt: skip
    assert guessed_contacts("a", [early, late], TIMES, label="hit").events == ()


def test_of_two_guesses_of_a_helmet_close_in_time_the_larger_overlap_stays() -> None:
    wobble = 8 + 3 * np.cos(FRAMES * 2 * np.pi / 6)
    guessed = guessed_contacts("a", [moving(1, np.zeros(30)), moving(2, wobble)], TIMES, label="x")
    frames = [event.frame for event in guessed.events if event.track == 1]
    assert np.diff(frames).min() >= 10


def test_contacts_are_measured_from_the_overlap_that_is_best_on_validation(tmp_path: Path) -> None:
    """Two helmets overlap once, where the impact is; without any overlap nothing is guessed."""
    rows = read_manifest(write_plays(tmp_path))
    assert measured_contacts(rows[:1], rows[1:], label="impact").tp == 0  # they only touch
    for play, row in enumerate(rows):
        boxes, meeting = boxes_of(play)
        larger = boxes + np.array([-1, -1, 1, 1], np.float32)
        write_labels(row.video, larger, [(meeting, 0, None), (meeting, 1, None)])
    counts = measured_contacts(rows[:1], rows[1:], label="impact")
    assert (counts.tp, counts.fp, counts.fn) == (2, 0, 0)
