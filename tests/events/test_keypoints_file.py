"""Keypoint files: what is written comes back; whatever else a file holds is one LabelError."""

import json
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_strategies import names

from playhead.errors import LabelError
from playhead.events.formats.columns import read_column
from playhead.events.formats.keypoints import (
    COLUMNS,
    KeypointFile,
    read_keypoints,
    write_keypoints,
)
from playhead.events.keypoints import BLAZEPOSE, BODY_25, COCO_17, SKELETONS, Keypoints, Skeleton

FRAMES = 40
SENSORS = Skeleton(name="sensors", joints=("a", "b", "c"), root=("a",), torso=(("a", "b"), ("c",)))


@st.composite
def keypoint_files(draw: st.DrawFn) -> KeypointFile:
    skeleton = draw(st.sampled_from((COCO_17, BLAZEPOSE, BODY_25, SENSORS)))
    coordinates = draw(st.sampled_from((2, 3)))
    ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4, unique=True))
    people = []
    for number in ids:
        frames = sorted(draw(st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=5)))
        shape = (len(frames), len(skeleton.joints), coordinates + 1)
        values = st.floats(-500, 5000, width=32)
        points = draw(arrays.arrays(np.float32, shape, elements=values, fill=values))
        people.append(Keypoints(number, skeleton, np.array(frames, np.int32), points))
    return KeypointFile(
        video=draw(names),
        times=np.sort(draw(arrays.arrays(np.float64, FRAMES, elements=st.floats(0, 1e6)))),
        size=draw(st.none() | st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
        skeleton=skeleton,
        people=tuple(people),
        chosen=tuple(draw(st.permutations(ids)))[:2],
        coordinates=coordinates,
        settings=draw(st.dictionaries(names, st.integers() | names, max_size=3)),
    )


def small() -> KeypointFile:
    points = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    person = Keypoints(7, SENSORS, np.array((1, 4), np.int32), points)
    return KeypointFile(
        video="a.mp4",
        times=np.arange(5) / 25,
        size=(640, 360),
        skeleton=SENSORS,
        people=(person,),
        chosen=(7,),
    )


@settings(max_examples=60)
@given(file=keypoint_files())
def test_what_is_written_comes_back(file):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.keypoints.npz"
        write_keypoints(path, file)
        back = read_keypoints(path)
    for name in ("video", "size", "skeleton", "chosen", "coordinates", "settings"):
        assert getattr(back, name) == getattr(file, name)
    assert np.array_equal(back.times, file.times)
    for person, other in zip(file.people, back.people, strict=True):
        assert person.track == other.track
        assert np.array_equal(person.frames, other.frames)
        assert np.array_equal(person.points, other.points)


def test_flipping_twice_is_the_same_order():
    for skeleton in SKELETONS.values():
        order = np.array(skeleton.flipped())
        assert np.array_equal(order[order], np.arange(len(order)))
        assert (order != np.arange(len(order))).sum() == 2 * len(skeleton.mirrored)


def test_every_joint_of_the_left_has_its_right_one():
    for skeleton in SKELETONS.values():
        left = {name for name in skeleton.joints if name.startswith("left_")}
        assert {pair[0] for pair in skeleton.mirrored} == left
    assert [len(s.joints) for s in (COCO_17, BLAZEPOSE, BODY_25)] == [17, 33, 25]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": (8,)}, "the chosen people are [8], but it has [7]"),
        ({"times": np.array([0.0, 0.2, 0.1, 0.3, 0.4])}, "are missing or fall"),
        ({"times": np.arange(4) / 25}, "is in frame 4, but there are 4 frames"),
        ({"size": (0, 360)}, "have the size (0, 360)"),
        ({"coordinates": 3}, "do not have 3 coordinates"),
        ({"skeleton": COCO_17}, "has the skeleton sensors, the file coco-17"),
        ({"people": small().people * 2}, "two of its 2 people have the same id"),
        ({"video": ""}, "need the name of their video"),
    ],
)
def test_contradictions_are_named(change, reason):
    with pytest.raises(LabelError) as error:
        replace(small(), **change)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("frames", "shape", "value", "reason"),
    [
        ((1, 1), (2, 3, 3), 0, "the frames do not rise"),
        ((-1, 1), (2, 3, 3), 0, "the frames do not rise"),
        ((0, 1), (2, 4, 3), 0, "2 frames of 3 joints need (2, 3, 3 or 4)"),
        ((0, 1), (2, 3, 2), 0, "2 frames of 3 joints need"),
        ((0, 1), (2, 3, 3), np.nan, "is not finite"),
    ],
)
def test_points_that_cannot_be_are_refused(frames, shape, value, reason):
    with pytest.raises(LabelError) as error:
        Keypoints(0, SENSORS, np.array(frames, np.int32), np.full(shape, value, np.float32))
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"joints": ("a", "a")}, "listed twice"),
        ({"root": ("x",)}, "has no joint 'x'"),
        ({"edges": (("a", "x"),)}, "has no joint 'x'"),
        ({"mirrored": (("a", "b"), ("b", "c"))}, "mirrored twice"),
        ({"torso": ((), ("a",))}, "need at least one joint"),
    ],
)
def test_skeletons_that_cannot_be_are_refused(change, reason):
    with pytest.raises(LabelError) as error:
        replace(SENSORS, **change)
    assert reason in str(error.value)


def rewritten(tmp_path, meta=None, **columns):
    path = tmp_path / "a.keypoints.npz"
    write_keypoints(path, small())
    with zipfile.ZipFile(path) as archive:
        held = {name: read_column(archive, name, kind) for name, kind in COLUMNS.items()}
    document = json.loads(held["meta"].tobytes()) | (meta or {})
    held["meta"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    held |= {name: np.asarray(value, COLUMNS[name][0]) for name, value in columns.items()}
    np.savez_compressed(path.open("wb"), **held)
    return path


@pytest.mark.parametrize(
    ("meta", "columns", "reason"),
    [
        ({"schema": 2}, {}, "has schema 2"),
        ({"more": 1}, {}, "has the keys"),
        ({"size": [1]}, {}, "needs a width and a height"),
        ({"chosen": "7"}, {}, "needs a list of ids"),
        ({"coordinates": 4}, {}, "needs 2 or 3"),
        ({"skeleton": {"name": "x"}}, {}, "'skeleton' has ['name']"),
        ({}, {"counts": [3]}, "declare 3 frames"),
        ({}, {"counts": [-1]}, "counts differ"),
        ({}, {"values": [1.0]}, "its columns have 2 and 1"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, meta, columns, reason):
    path = rewritten(tmp_path, meta, **columns)
    with pytest.raises(LabelError) as error:
        read_keypoints(path)
    assert reason in str(error.value)
    assert str(path) in str(error.value)


SKELETON = {"name": "s", "joints": ["a"], "edges": [], "mirrored": [], "root": ["a"],
            "torso": [["a"], ["a"]]}  # fmt: skip


@pytest.mark.parametrize("key", SKELETON)
@pytest.mark.parametrize("value", [None, 3, "a", ["b"], [["a"]], [["a", "b", "c"]], [3], [[3]], {}])
def test_any_skeleton_is_read_or_refused(tmp_path, key, value):
    path = rewritten(tmp_path, {"skeleton": SKELETON | {key: value}})
    with suppress(LabelError):
        read_keypoints(path)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.keypoints.npz"
        path.write_bytes(data)
        with pytest.raises(LabelError):
            read_keypoints(path)
