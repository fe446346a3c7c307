"""Tracks near the edges of the image: covered while something moves in or out over them.

In closed form: boxes of 40 x 50 pixels at constant speed, detected exactly or cut at the edge.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.track_config import TrackConfig
from playhead.events.model import Origin, Track
from playhead.redaction.config import ExtensionConfig
from playhead.redaction.track_extension import covering_tracks

RATE = 25
SIZE = (1280, 720)
SIDES = np.array([40.0, 50.0])
UNIT = float(np.sqrt(SIDES.prod()))
INWARDS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # from the left, upper, right, lower edge
TIMES = np.arange(100) / RATE
FIRST = 51  # the frame of the first detection, sampled every 1st and every 3rd
Box = NDArray[np.float32]


def across(edge: int, speed: float, inside: float, *, along: float = 0) -> list[Box]:
    """The boxes of all frames: at FIRST a share is inside; speeds in sizes a second."""
    way = INWARDS[edge]
    low = np.where(way > 0, (inside - 1) * SIDES, np.array(SIZE) - inside * SIDES)
    low = np.where(way == 0, (600, 300), low)
    steps = (speed * way + along * way[::-1]) * UNIT
    return [
        np.concatenate((low + steps * dt, low + steps * dt + SIDES)).astype(np.float32)
        for dt in TIMES - TIMES[FIRST]
    ]


def visible(box: Box) -> Box:
    return np.clip(box, 0, np.array([*SIZE, *SIZE], np.float32))


def is_visible(box: Box) -> bool:
    return bool(np.all(visible(box)[:2] < visible(box)[2:]))


def tracked(
    boxes: list[Box], every: int, seen: Callable[[int], bool], **changes: float
) -> list[Track]:
    sampled = np.arange(0, len(boxes), every, dtype=np.int32)
    found = []
    for frame in sampled.tolist():
        there = boxes[frame][None][: int(seen(frame))]
        found.append(Boxes(there, np.full(len(there), 0.9, np.float32)))
    return covering_tracks(
        TIMES,
        sampled,
        found,
        label="face",
        tracking=TrackConfig(),
        extension=ExtensionConfig.model_validate(changes),
        start_score=0.3,
        size=SIZE,
    )


def tracked_back(
    boxes: list[Box], every: int, seen: Callable[[int], bool], **changes: float
) -> list[Track]:
    """The same of the film that runs backwards, with the frames of the one that runs forwards."""
    last = len(boxes) - 1
    assert last % every == 0
    tracks = tracked(boxes[::-1], every, lambda frame: seen(last - frame), **changes)
    return [
        Track(t.id, t.label, last - t.frames[::-1], t.boxes[::-1], t.scores[::-1], t.origin[::-1])
        for t in tracks
    ]


def share(track: Track, frame: int, box: Box) -> float:
    return float(cover(box[None], track.boxes[track.frames == frame]).max(initial=0))


@pytest.mark.slow
@pytest.mark.parametrize("follow", [tracked, tracked_back])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("speed", [0.5, 1, 2, 8])
@pytest.mark.parametrize("edge", range(4))
def test_what_is_first_seen_when_half_inside_is_covered_since_it_came_in(
    edge: int, speed: float, every: int, cut: bool, follow: Callable[..., list[Track]]
) -> None:
    truth = across(edge, speed, 0.6)
    boxes = [visible(box) for box in truth] if cut else truth
    (track,) = follow(boxes, every, lambda frame: frame >= FIRST)
    outside = [frame for frame in range(FIRST) if not is_visible(truth[frame])]
    for frame in range(outside[-1] + 1, FIRST):
        assert share(track, frame, visible(truth[frame])) > 0.999
    # Where it was outside, half of its size more is doubted, and .25 s are always covered.
    assert track.frames[0] >= min(outside[-1] - 0.7 / speed * RATE, FIRST - 0.25 * RATE) - 1


@pytest.mark.parametrize("follow", [tracked, tracked_back])
@pytest.mark.parametrize("edge", range(4))
def test_what_came_in_a_little_more_slowly_than_it_went_on_is_covered(
    edge: int, follow: Callable[..., list[Track]]
) -> None:
    slowly, fast = across(edge, 0.85, 0.8), across(edge, 1, 0.8)
    boxes = slowly[:FIRST] + fast[FIRST:]
    (track,) = follow(boxes, 1, lambda frame: frame >= FIRST)
    for frame in range(FIRST):
        if is_visible(boxes[frame]):
            assert share(track, frame, visible(boxes[frame])) > 0.999


@pytest.mark.parametrize("edge", range(4))
def test_without_seconds_for_edges_what_came_in_slowly_is_exposed(edge: int) -> None:
    (track,) = tracked(across(edge, 0.5, 0.6), 1, lambda frame: frame >= FIRST, edge_seconds=0)
    assert track.frames[0] > FIRST - 0.3 * RATE
    (track,) = tracked(across(edge, 0.5, 0.6), 1, lambda frame: frame >= FIRST, edge_seconds=0.8)
    assert track.frames[0] == FIRST - 0.8 * RATE


# In mid-image; too slow to have come in; going out, as if after a cut; along the edge.
@pytest.mark.slow
@pytest.mark.parametrize("follow", [tracked, tracked_back])
@pytest.mark.parametrize(
    ("speed", "inside", "along"),
    [(1, 5, 0), (0, 5, 0), (0.2, 1.85, 0), (-1, 1.5, 0), (-0.5, 0.8, 0), (0, 1.2, 4)],
)
@pytest.mark.parametrize("edge", range(4))
def test_what_does_not_come_from_an_edge_is_extended_no_longer(
    edge: int, speed: float, inside: float, along: float, follow: Callable[..., list[Track]]
) -> None:
    boxes = across(edge, speed, inside, along=along)

    def seen(frame: int) -> bool:
        return frame >= FIRST and is_visible(boxes[frame])

    (one,) = follow(boxes, 1, seen)
    (without,) = follow(boxes, 1, seen, edge_seconds=0)
    assert one.frames[0] == without.frames[0]
    start = one.frames < FIRST
    assert np.array_equal(one.boxes[start], without.boxes[start])


@pytest.mark.slow
@pytest.mark.parametrize("follow", [tracked, tracked_back])
@pytest.mark.parametrize(("inside", "extended"), [(0.6, True), (1.3, True), (1.8, False)])
@pytest.mark.parametrize("edge", range(4))
def test_what_stands_at_an_edge_is_held_for_half_the_time(
    edge: int, inside: float, extended: bool, follow: Callable[..., list[Track]]
) -> None:
    boxes = across(edge, 0, inside)
    (track,) = follow(boxes, 1, lambda frame: frame >= FIRST, edge_seconds=1.6)
    assert track.frames[0] == FIRST - (20 if extended else 6)
    for frame in track.frames[track.origin == Origin.EXTENDED].tolist():
        assert share(track, frame, visible(boxes[frame])) == pytest.approx(1)


def test_an_end_at_an_edge_does_not_grow_into_the_image() -> None:
    (track,) = tracked(across(0, 0, 0.6), 1, lambda frame: frame >= FIRST)
    far = track.frames < FIRST - 0.25 * RATE - 1
    assert np.any(far)
    assert np.all(track.boxes[far, 2] <= 0.6 * SIDES[0] + 0.01)
    assert np.all(track.boxes[far, 0] < -0.4 * SIDES[0])
