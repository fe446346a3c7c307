"""Which track an impact happens to, and which other helmet it can have met."""

import numpy as np
import pytest

from playhead.impact import decide
from playhead.impact.candidates import Candidates
from playhead.impact.decide import decide_play, find_helmets, strongest_impacts, to_events
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.meetings import track_ids
from tests.impact.helmets import Row, of
from tests.impact.tiny_plays import FRAMES, HEIGHT, RATE, WIDTH, boxes_of

ALONE = ImpactDecisions(two_views=False)


def met(*rows: Row) -> list[tuple[int | None, int | None]]:
    [video] = decide_play([of(rows)], ALONE)
    return [(event.track, event.other) for event in video.events]


@pytest.mark.parametrize("play", range(4))
def test_track_and_other_of_a_drawn_play_are_those_of_the_ground_truth(play: int) -> None:
    boxes, meeting = boxes_of(play)
    candidates = Candidates(
        video="play.mp4",
        label="impact",
        size=(WIDTH, HEIGHT),
        times=np.arange(FRAMES) / RATE,
        frames=np.repeat(np.arange(FRAMES, dtype=np.int32), 2),
        boxes=boxes.swapaxes(0, 1).reshape(-1, 4),
        helmet=np.full(2 * FRAMES, 0.9, np.float32),
        impact=np.repeat(np.arange(FRAMES) == meeting, 2).astype(np.float32),
    )
    ids = track_ids(candidates.times, candidates.frames, candidates.boxes)
    assert ids.tolist() == [0, 1] * FRAMES
    [video] = decide_play([candidates], ALONE)
    assert [(event.frame, event.track, event.other) for event in video.events] == [
        (meeting, 0, 1),
        (meeting, 1, 0),
    ]


def test_the_nearest_helmet_within_three_sizes_was_met() -> None:
    still = [(frame, x, 0.9, 0.1) for frame in range(9) for x in (100, 159, 222)]
    assert met(*still, (9, 100, 0.9, 0.8), (9, 159, 0.9, 0.1), (9, 222, 0.9, 0.1)) == [(0, 1)]
    assert met(*still, (9, 100, 0.9, 0.1), (9, 159, 0.9, 0.1), (9, 222, 0.9, 0.8)) == [(2, None)]
    assert met(*still, (9, 100, 0.9, 0.8)) == [(0, None)]


def test_tracks_are_numbered_by_their_start_and_end_with_a_long_gap() -> None:
    rows = [(frame, 300.0 - 3 * frame, 0.9, 0.1) for frame in range(10)]
    rows += [(frame, 20.0, 0.9, 0.1) for frame in range(5, 10)]
    rows += [(58, 20.0, 0.9, 0.1)]
    held = of(rows)
    ids = track_ids(held.times, held.frames, held.boxes)
    assert [ids[held.boxes[:, 0] > 200].max(), *ids[held.boxes[:, 0] < 200]] == [0] + [1] * 5 + [2]
    weak = np.where(held.boxes[:, 0] < 200, 0.2, 0.9).astype(np.float32)
    ids = track_ids(held.times, held.frames, held.boxes, weak, start_score=0.3)
    assert set(ids[held.boxes[:, 0] < 200].tolist()) == {-1}


def test_tuning_does_not_associate(monkeypatch: pytest.MonkeyPatch) -> None:
    helmets = find_helmets(of([(3, 0, 0.9, 0.8)]), 0.4, 0.25)
    impacts = strongest_impacts(helmets, helmets.impact.astype(np.float64), ALONE)
    monkeypatch.setattr(decide, "track_ids", None)
    [event] = to_events(impacts).events
    assert (event.track, event.other) == (None, None)
