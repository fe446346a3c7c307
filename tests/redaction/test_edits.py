"""Edits: what a person decides is what the tracks say afterwards, and no mistake passes unsaid."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile, read_tracks, write_tracks
from playhead.events.model import Origin, Track
from playhead.redaction.edits import (
    BOX_KEYS,
    FILE_KEYS,
    apply_edits,
    drawn_box,
    is_drawn,
    read_edits,
    tracks_identity,
)

WIDTH, HEIGHT = 640, 360
TIMES = np.arange(300) / 25
DURATION = 12.0
HOSTILE = 'face é "x" </script>'

# Saved by the review page in a browser: two tracks toggled, two boxes drawn, one span typed.
SAVED_BY_THE_PAGE = r"""{
 "schema": 1,
 "video": "street.mp4",
 "tracks": "7e5d928731061c8a",
 "keep": [
  7
 ],
 "hide": [
  2
 ],
 "boxes": [
  {
   "label": "face é \"x\" </script>",
   "start": 3.44,
   "end": 5.16,
   "box": [
    160,
    90,
    320,
    180
   ],
   "end_box": [
    384,
    180,
    640,
    270
   ]
  },
  {
   "label": "plate",
   "start": 6.84,
   "end": 9.5,
   "box": [
    64,
    36,
    128,
    108
   ]
  }
 ],
 "spans": [
  [
   1.5,
   8.25
  ]
 ]
}
"""


def found(number: int, label: str = "face") -> Track:
    frames = np.arange(10, 40, dtype=np.int32)
    boxes = np.tile(np.array([8.0, 8.0, 40.0, 40.0], np.float32), (30, 1))
    return Track(number, label, frames, boxes, np.full(30, 0.5, np.float32), np.zeros(30, np.uint8))


def street(**changes: object) -> TrackFile:
    given_file = TrackFile(
        video="street.mp4",
        frames=len(TIMES),
        width=WIDTH,
        height=HEIGHT,
        classes=("face", "plate", HOSTILE),
        tracks=tuple(found(number) for number in range(9)),
        shown=frozenset({2}),
        settings={"preset": "balanced"},
    )
    return replace(given_file, **changes)  # type: ignore[arg-type]


def saved(folder: Path, **entries: object) -> Path:
    document = {"schema": 1, "video": "street.mp4"} | entries
    path = folder / "street.edits.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def edited(folder: Path, **entries: object) -> TrackFile:
    return apply_edits(street(), read_edits(saved(folder, **entries)), TIMES, DURATION)


def drawn_of(file: TrackFile) -> list[Track]:
    return [track for track in file.tracks if is_drawn(track)]


def contents(file: TrackFile) -> list[object]:
    columns = [
        (track.id, track.label, track.frames.tolist(), track.boxes.tolist(), track.origin.tolist())
        for track in file.tracks
    ]
    return [columns, file.classes, file.shown, file.spans.tolist(), file.settings]


def test_what_the_page_saves_is_what_the_tracks_say_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "street.edits.json"
    path.write_text(SAVED_BY_THE_PAGE, encoding="utf-8")
    file = apply_edits(street(), read_edits(path), TIMES, DURATION)
    assert file.shown == {7}
    assert file.spans.tolist() == [[1.5, 8.25]]
    moving, standing = drawn_of(file)
    assert moving.label == HOSTILE
    assert moving.label in file.classes
    assert moving.frames.tolist() == list(range(86, 129))
    assert moving.boxes[0].tolist() == [160, 90, 320, 180]
    assert standing.frames.tolist() == list(range(171, 238))
    assert np.all(standing.boxes == [64, 36, 128, 108])
    write_tracks(tmp_path / "street.tracks.npz", file)
    assert read_tracks(tmp_path / "street.tracks.npz").shown == {7}


def test_a_moving_box_is_halfway_at_half_its_time(tmp_path: Path) -> None:
    box = {
        "label": "face",
        "start": 2,
        "end": 4,
        "box": [0, 0, 20, 10],
        "end_box": [60, 40, 80, 90],
    }
    [track] = drawn_of(edited(tmp_path, boxes=[box]))
    assert track.boxes[track.frames == 75].tolist() == [[30, 20, 50, 50]]


def test_a_box_between_two_frames_is_drawn_on_the_one_that_is_displayed_then(
    tmp_path: Path,
) -> None:
    box = {"label": "face", "start": 2.03, "end": 2.031, "box": [0, 0, 20, 10]}
    [track] = drawn_of(edited(tmp_path, boxes=[box]))
    assert track.frames.tolist() == [50]


def test_a_box_is_on_the_frame_that_was_displayed_before_it_began_to_stand(tmp_path: Path) -> None:
    """The frame at 3 s is displayed until 8 s, at a variable rate."""
    times = np.array([0.0, 1, 2, 3, 8, 9])
    box = {"label": "face", "start": 6, "end": 7, "box": [0, 0, 20, 10]}
    edits = read_edits(saved(tmp_path, boxes=[box], spans=[[4, 5]]))
    few = street(frames=6, tracks=(), shown=frozenset())
    file = apply_edits(few, edits, times, 10.0)
    [track] = drawn_of(file)
    assert track.frames.tolist() == [3]
    assert file.spans.tolist() == [[4, 5]]
    box_again = drawn_box(track, times, 10.0)
    assert (box_again.start, box_again.end) == (3, 8)


def test_what_the_edits_leave_out_stays(tmp_path: Path) -> None:
    before = edited(
        tmp_path,
        boxes=[{"label": "face", "start": 0, "end": 1, "box": [0, 0, 20, 10]}],
        spans=[[0, 1]],
    )
    after = apply_edits(before, read_edits(saved(tmp_path, keep=[5])), TIMES, DURATION)
    assert after.shown == {2, 5}
    assert len(drawn_of(after)) == 1
    assert after.spans.tolist() == [[0, 1]]
    assert after.settings == {"preset": "balanced"}


def test_empty_lists_take_drawn_boxes_and_spans_away(tmp_path: Path) -> None:
    before = edited(
        tmp_path,
        boxes=[{"label": "face", "start": 0, "end": 1, "box": [0, 0, 20, 10]}],
        spans=[[0, 1]],
    )
    after = apply_edits(before, read_edits(saved(tmp_path, boxes=[], spans=[])), TIMES, DURATION)
    assert drawn_of(after) == []
    assert after.spans.shape == (0, 2)


def test_spans_that_meet_are_one(tmp_path: Path) -> None:
    file = edited(tmp_path, spans=[[8, 9], [1, 2], [1.5, 3], [3, 4]])
    assert file.spans.tolist() == [[1, 4], [8, 9]]


seconds = st.integers(0, 11_900).map(lambda value: value / 1000)
corner = st.tuples(st.integers(0, WIDTH - 2), st.integers(0, HEIGHT - 2))
side = st.integers(1, 300)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    def rectangle() -> list[int]:
        x, y = draw(corner)
        return [x, y, x + draw(side), y + draw(side)]

    def box() -> dict[str, object]:
        start = draw(seconds)
        entry = {
            "label": draw(st.sampled_from(["face", "plate", "car", HOSTILE])),
            "start": start,
            "end": start + draw(st.floats(0.001, 5)),
            "box": rectangle(),
        }
        return entry | ({"end_box": rectangle()} if draw(st.booleans()) else {})

    chosen = draw(st.lists(st.integers(0, 8), unique=True))
    middle = draw(st.integers(0, len(chosen)))
    spans = [[start, start + 0.05] for start in draw(st.lists(seconds, max_size=4))]
    return {
        "schema": 1,
        "video": "street.mp4",
        "keep": chosen[:middle],
        "hide": chosen[middle:],
        "boxes": [box() for _ in range(draw(st.integers(0, 4)))],
        "spans": spans,
    }


@pytest.mark.slow
@given(document=documents())
def test_the_same_edits_applied_twice_are_applied_once(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    edits = read_edits(saved(tmp_path_factory.getbasetemp(), **document))
    once = apply_edits(street(), edits, TIMES, DURATION)
    twice = apply_edits(once, edits, TIMES, DURATION)
    assert contents(once) == contents(twice)


@pytest.mark.slow
@given(document=documents())
def test_every_frame_displayed_while_a_box_stands_has_it_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    edits = read_edits(saved(tmp_path_factory.getbasetemp(), **document))
    tracks = drawn_of(apply_edits(street(), edits, TIMES, DURATION))
    assert len(tracks) == len(edits.boxes or ())
    for track, box in zip(tracks, edits.boxes or (), strict=True):
        displayed = [
            k
            for k, time in enumerate(TIMES)
            if time + 0.04 > box.start + 1e-6 and time < box.end - 1e-6
        ]
        assert track.frames.tolist() == displayed
        assert set(track.origin.tolist()) == {Origin.DRAWN}


LEAVING = {
    "label": "face",
    "start": 1,
    "end": 1.05,
    "box": [0, 0, 90, 90],
    "end_box": [639, 359, 641, 361],
}


@pytest.mark.slow
@given(document=documents())
@example(document={"boxes": [LEAVING]})
def test_drawn_boxes_taken_back_from_their_tracks_make_the_same_tracks(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    edits = read_edits(saved(tmp_path_factory.getbasetemp(), **document))
    once = apply_edits(street(), edits, TIMES, DURATION)
    boxes = tuple(drawn_box(track, TIMES, DURATION) for track in drawn_of(once))
    again = apply_edits(once, replace(edits, boxes=boxes), TIMES, DURATION)
    for track, other in zip(drawn_of(once), drawn_of(again), strict=True):
        assert track.frames.tolist() == other.frames.tolist()
        np.testing.assert_allclose(track.boxes, other.boxes, atol=0.1)


def test_a_drawn_track_that_no_line_makes_is_taken_back_as_all_that_it_covers() -> None:
    frames = np.array([10, 11, 12], np.int32)
    boxes = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [0, 0, 10, 30]], np.float32)
    origin = np.full(3, Origin.DRAWN, np.uint8)
    added = drawn_box(
        Track(1, "face", frames, boxes, np.ones(3, np.float32), origin), TIMES, DURATION
    )
    assert (added.box, added.end_box) == ((0, 0, 110, 30), None)


BOX = {"label": "face", "start": 1, "end": 2, "box": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"schema": 2}, "schema 2"),
        ({"video": "other.mp4"}, "the edits are of other.mp4"),
        ({"video": "../street.mp4"}, "without a path"),
        ({"video": "..\\street.mp4"}, "without a path"),
        ({"video": ""}, "'video'"),
        ({"kept": [1]}, "unknown key 'kept'"),
        ({"keep": 3}, "'keep' needs a list"),
        ({"keep": [99]}, "'keep' lists track 99"),
        ({"hide": [99]}, "'hide' lists track 99"),
        ({"keep": ["1"]}, "'keep' must list ids"),
        ({"keep": [True]}, "'keep' must list ids"),
        ({"keep": [1.5]}, "'keep' must list ids"),
        ({"keep": [1], "hide": [1]}, "track 1 is in both 'keep' and 'hide'"),
        ({"boxes": [BOX, 3]}, "box 2: needs a JSON object"),
        ({"boxes": [BOX | {"label": ""}]}, "box 1: 'label'"),
        ({"boxes": [BOX | {"label": "dog"}]}, "box 1: unknown label 'dog'; known are face, plate"),
        ({"tracks": "0123456789abcdef"}, "of the tracks 0123456789abcdef, but these are"),
        ({"tracks": None}, "'tracks'"),
        ({"boxes": [BOX | {"start": -1}]}, "box 1: from -1 s to 2 s"),
        ({"boxes": [BOX | {"end": 1}]}, "box 1: from 1 s to 1 s"),
        ({"boxes": [BOX | {"end": float("nan")}]}, "box 1: needs a start and an end"),
        ({"boxes": [BOX | {"end": float("inf")}]}, "box 1: needs a start and an end"),
        ({"boxes": [BOX | {"end": None}]}, "box 1: needs a start and an end"),
        ({"boxes": [BOX | {"start": 12, "end": 13}]}, "box 1: starts at 12 s"),
        ({"boxes": [BOX | {"box": [0, 0, 9]}]}, "box 1: 'box' needs four numbers"),
        ({"boxes": [BOX | {"box": [0, 0, 9, float("nan")]}]}, "box 1: 'box' needs four numbers"),
        ({"boxes": [BOX | {"box": [0, 0, 9, 10**400]}]}, "box 1: 'box' needs four numbers"),
        ({"boxes": [BOX | {"box": [9, 9, 9, 20]}]}, "box 1: 'box' (9, 9, 9, 20) has no area"),
        ({"boxes": [BOX | {"box": [9, 9, 0, 0]}]}, "has no area"),
        ({"boxes": [BOX | {"box": [640, 0, 700, 9]}]}, "box 1: (640, 0, 700, 9) is outside"),
        ({"boxes": [BOX | {"end_box": [0, -9, 9, 0]}]}, "box 1: (0, -9, 9, 0) is outside"),
        ({"boxes": [BOX | {"score": 1}]}, "box 1: unknown key 'score'"),
        ({"spans": [[0, 1], [2, 2]]}, "span 2: from 2 s to 2 s"),
        ({"spans": [[-1, 1]]}, "span 1: from -1 s"),
        ({"spans": [[0, 1, 2]]}, "span 1: needs a start and an end"),
        ({"spans": [[12, 20]]}, "span 1 from 12 s to 20 s has no frame"),
        ({"spans": {}}, "'spans' needs a list"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_entry(
    tmp_path: Path, entries: dict[str, object], said: str
) -> None:
    with pytest.raises(LabelError) as caught:
        edited(tmp_path, **entries)
    assert said in str(caught.value)
    assert str(tmp_path / "street.edits.json") in str(caught.value)


def test_a_box_may_be_of_any_class_that_can_be_hidden_though_nobody_looked_for_it(
    tmp_path: Path,
) -> None:
    file = edited(tmp_path, boxes=[BOX | {"label": "person"}])
    assert [track.label for track in drawn_of(file)] == ["person"]
    assert "person" in file.classes


@pytest.mark.slow
@given(document=documents())
def test_edits_leave_the_identity_of_the_tracks_and_are_taken_for_it(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    own = tracks_identity(street())
    path = saved(tmp_path_factory.getbasetemp(), **(document | {"tracks": own}))
    once = apply_edits(street(), read_edits(path), TIMES, DURATION)
    assert tracks_identity(once) == own
    assert contents(apply_edits(once, read_edits(path), TIMES, DURATION)) == contents(once)


def test_the_identity_is_the_same_when_the_tracks_are_read_again(tmp_path: Path) -> None:
    write_tracks(tmp_path / "street.tracks.npz", street())
    assert tracks_identity(read_tracks(tmp_path / "street.tracks.npz")) == tracks_identity(street())


@pytest.mark.parametrize(
    "change",
    [
        lambda track: replace(track, id=90),
        lambda track: replace(track, label="plate"),
        lambda track: replace(track, frames=track.frames + 1),
        lambda track: replace(track, boxes=track.boxes + 0.5),
    ],
)
def test_edits_of_tracks_that_differ_in_one_are_refused(
    tmp_path: Path, change: Callable[[Track], Track]
) -> None:
    file = street()
    *same, last = file.tracks
    other = replace(file, tracks=(*same, change(last)))
    edits = read_edits(saved(tmp_path, tracks=tracks_identity(file)))
    assert apply_edits(file, edits, TIMES, DURATION).shown == {2}
    with pytest.raises(LabelError, match="review these tracks again"):
        apply_edits(other, edits, TIMES, DURATION)


def test_the_example_in_the_reference_is_applied_and_has_every_key(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
    found = re.search(
        r"```json street\.edits\.json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    document = json.loads(found[1])
    assert tuple(document) == FILE_KEYS
    assert set().union(*document["boxes"]) == set(BOX_KEYS)
    file = edited(tmp_path, **document)
    assert file.shown == {3, 7}
    assert [track.label for track in drawn_of(file)] == ["face", "plate"]
    assert file.spans.tolist() == [[1.5, 8.25], [10, 11]]


def test_a_drawn_track_is_not_kept_by_its_number(tmp_path: Path) -> None:
    before = edited(tmp_path, boxes=[BOX])
    [track] = drawn_of(before)
    with pytest.raises(LabelError, match="which a person drew"):
        apply_edits(before, read_edits(saved(tmp_path, keep=[track.id])), TIMES, DURATION)


def test_times_of_another_cut_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="300 frames, but the video has 299"):
        apply_edits(street(), read_edits(saved(tmp_path)), TIMES[:-1], DURATION)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 1}', '{"video": "street.mp4"}']
)
def test_a_file_that_is_no_edits_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "street.edits.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match="street.edits.json"):
        read_edits(path)
