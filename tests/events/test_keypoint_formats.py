"""Keypoints made elsewhere: each format is read as it is defined, the rest is one LabelError."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.convert import convert, counted_as
from playhead.events.formats.keypoint_formats.skeletons import OPENPOSE_18, named_skeleton
from playhead.events.formats.keypoints import read_keypoints
from playhead.events.keypoints import BLAZEPOSE, BODY_25, COCO_17
from playhead.media import VideoWriter

RANDOM = np.random.default_rng(0)


def body(joints, x=100.0, y=100.0):
    """Joints (J, 3) of a person near (x, y), 80 pixels tall, all seen."""
    places = np.random.default_rng(joints).uniform(-40, 40, (joints, 2))
    return np.column_stack([places + np.array((x, y)), np.full(joints, 0.9)])


def openpose(folder, frames, joints=25, name="clip"):
    """A file for each frame (number, people (J, 3))."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, people in frames:
        document = {
            "version": 1.3,
            "people": [
                {"person_id": [-1], "pose_keypoints_2d": points.ravel().tolist()}
                for points in people
            ],
        }
        path = folder / f"{name}_{number:012d}_keypoints.json"
        path.write_text(json.dumps(document))
    return folder


def only(path):
    [file] = path.rglob("*.keypoints.npz")
    return read_keypoints(file)


@pytest.mark.parametrize(("joints", "skeleton"), [(25, BODY_25), (18, OPENPOSE_18)])
def test_a_folder_of_openpose_follows_people_that_change_their_order(tmp_path, joints, skeleton):
    left = [body(joints, 100 + 3 * k) for k in range(6)]
    right = [body(joints, 300 - 3 * k) for k in range(6)]
    right[2][4] = 0.0
    frames = [(k, [left[k], right[k]] if k % 2 else [right[k], left[k]]) for k in range(6)]
    frames[3] = (3, [])
    folder = openpose(tmp_path / "json", frames)
    assert counted_as(folder, tmp_path / "out", None, None) == "people"
    assert convert(folder, tmp_path / "out", rate=25).count == 2
    file = only(tmp_path / "out")
    assert file.skeleton == skeleton
    assert file.times.tolist() == pytest.approx((np.arange(6) / 25).tolist())
    for person, truth in zip(file.people, (right, left), strict=True):
        assert person.frames.tolist() == [0, 1, 2, 4, 5]
        assert np.allclose(person.points, np.array(truth)[person.frames], atol=1e-4)


def test_a_person_far_away_is_another_one(tmp_path):
    frames = [(0, [body(25)]), (1, [body(25, 900)]), (30, [body(25)])]
    assert convert(openpose(tmp_path / "json", frames), tmp_path / "out", rate=25).count == 3


def test_the_media_give_times_and_size_and_refuse_another_cut(tmp_path):
    (tmp_path / "media").mkdir()
    times = [0.0, 0.04, 0.5, 0.54, 0.58]
    with VideoWriter(tmp_path / "media" / "clip.mp4", 64, 48, times=times) as writer:
        for level in range(5):
            writer.write(np.full((48, 64), 40 * level, np.uint8))
    folder = openpose(tmp_path / "json", [(k, [body(25)]) for k in range(3)])
    target = tmp_path / "clip.keypoints.npz"
    convert(folder, target, media=tmp_path / "media")
    file = read_keypoints(target)
    assert (file.video, file.size) == ("clip.mp4", (64, 48))
    assert file.times.tolist() == pytest.approx(times, abs=1e-4)
    openpose(folder, [(7, [body(25)])])
    with pytest.raises(LabelError, match="has 5 frames, but keypoints up to frame 7"):
        convert(folder, target, media=tmp_path / "media")
    with pytest.raises(LabelError, match="tells no times; name the folder of the videos"):
        convert(folder, target)


def coco(tmp_path, document):
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(document))
    return path


def annotation(image, points, **more):
    return {
        "id": 1,
        "image_id": image,
        "category_id": 1,
        "keypoints": points.ravel().tolist(),
        **more,
    }


def test_a_document_of_coco_has_videos_frames_tracks_and_visibility(tmp_path):
    points = body(17)
    points[:, 2] = [0, 1, *[2] * 15]
    document = {
        "videos": [{"id": 5, "name": "street.mp4"}],
        "images": [
            {"id": 70, "video_id": 5, "frame_id": 2, "width": 64, "height": 48},
            {"id": 71, "file_name": "walk/000009.jpg"},
        ],
        "annotations": [annotation(70, points, track_id=8), annotation(71, points, track_id=3),
                        {"image_id": 70, "category_id": 2, "bbox": [0, 0, 1, 1]}],
        "categories": [{"id": 1, "keypoints": list(COCO_17.joints), "skeleton": []}],
    }  # fmt: skip
    assert convert(coco(tmp_path, document), tmp_path / "out", rate="30000/1001").count == 2
    street = read_keypoints(tmp_path / "out" / "street.keypoints.npz")
    assert (street.skeleton, street.size, len(street.times)) == (COCO_17, (64, 48), 3)
    assert (street.people[0].track, street.people[0].frames.tolist()) == (8, [2])
    assert street.people[0].points[0, :3, 2].tolist() == [0, 0.5, 1]
    walk = read_keypoints(tmp_path / "out" / "walk.keypoints.npz")
    assert walk.people[0].frames.tolist() == [9]
    with pytest.raises(LabelError, match="one file holds one video, but there are 2"):
        convert(tmp_path / "poses.json", tmp_path / "a.keypoints.npz", rate=25)


def test_results_of_coco_have_frames_as_images_and_confidences(tmp_path):
    points = body(17)
    points[:, 2] = np.linspace(0, 1, 17)
    results = [
        annotation(f"{k:06d}.jpg", points + np.array((2 * k, 0, 0)), score=0.5) for k in (0, 1, 3)
    ]
    assert convert(coco(tmp_path, results), tmp_path / "out", rate=10).count == 1
    file = only(tmp_path / "out")
    assert (file.video, file.people[0].frames.tolist()) == ("poses", [0, 1, 3])
    assert np.allclose(file.people[0].points[1], points + np.array((2, 0, 0)), atol=1e-4)


def test_what_is_written_as_coco_is_read_back(tmp_path):
    folder = openpose(tmp_path / "json", [(k, [body(25), body(25, 400)]) for k in (0, 2)])
    convert(folder, tmp_path / "clip.keypoints.npz", rate=25)
    assert convert(tmp_path / "clip.keypoints.npz", tmp_path / "clip.json").count == 2
    convert(tmp_path / "clip.json", tmp_path / "again.keypoints.npz", rate=25)
    first, again = (
        read_keypoints(tmp_path / f"{name}.keypoints.npz") for name in ("clip", "again")
    )
    assert again.skeleton.joints == first.skeleton.joints
    assert np.array_equal(again.times, first.times)
    for before, after in zip(first.people, again.people, strict=True):
        assert (before.track, before.frames.tolist()) == (after.track, after.frames.tolist())
        assert np.allclose(before.points, after.points, atol=1e-3)


def arrays(tmp_path, **held):
    np.savez(tmp_path / "walk.npz", **held)
    return tmp_path / "walk.npz"


@pytest.mark.parametrize(
    ("shape", "held", "people", "coordinates"),
    [
        ((6, 17, 2), {}, 1, 2),
        ((2, 6, 33, 3), {}, 2, 2),
        ((6, 17, 4), {}, 1, 3),
        ((6, 8, 3), {"confidence": np.ones((6, 8))}, 1, 3),
        ((6, 8, 2), {"confidence": np.ones((6, 8)), "names": np.array([*"abcdefgh"])}, 1, 2),
    ],
)
def test_an_array_is_people_frames_joints_and_coordinates(
    tmp_path, shape, held, people, coordinates
):
    points = RANDOM.uniform(0.0, 1.0, shape).astype(np.float32)
    assert (
        convert(arrays(tmp_path, points=points, fps=20, **held), tmp_path / "out").count == people
    )
    file = only(tmp_path / "out")
    assert (file.coordinates, len(file.times), file.times[1]) == (coordinates, 6, 0.05)
    assert np.allclose(
        file.people[-1].points[..., :2], points.reshape(-1, *shape[-3:])[-1][..., :2]
    )
    expected = {17: COCO_17.joints, 33: BLAZEPOSE.joints}.get(shape[-2])
    assert expected is None or file.skeleton.joints == expected


def test_a_third_column_beyond_1_is_a_coordinate_and_nan_is_not_seen(tmp_path):
    points = np.full((4, 5, 3), 7.0)
    points[1] = np.nan
    points[2, 3, 1] = np.nan
    convert(arrays(tmp_path, points=points), tmp_path / "out", rate=10)
    [person] = only(tmp_path / "out").people
    assert person.frames.tolist() == [0, 2, 3]
    assert person.points[1, :, 3].tolist() == [1, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"points": np.zeros((4, 5, 2)), "extra": np.zeros(1)}, "has extra, which are not known"),
        ({"names": np.array(["a"])}, "needs an array points, but has names"),
        ({"points": np.zeros((4, 5))}, r"points are float64 \(4, 5\); needs numbers of the shape"),
        ({"points": np.zeros((0, 5, 2))}, "without any joint"),
        ({"points": np.zeros((4, 5, 2)), "names": np.array(["a"])}, "needs 5 texts"),
        ({"points": np.zeros((4, 2, 2)), "names": np.array(["a", "a"])}, "listed twice"),
        ({"points": np.zeros((4, 5, 2)), "fps": 0}, "fps needs one number above 0"),
        ({"points": np.zeros((4, 5, 2)), "confidence": np.zeros(3)}, "confidence is float64"),
        ({"points": np.array([{}], object)}, "cannot be read as NPZ"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_by_name(tmp_path, held, reason):
    with pytest.raises(LabelError, match=reason):
        convert(arrays(tmp_path, **held), tmp_path / "out", rate=25)


SERIES = """#Author with a Latin-1 name: M\xfcller
#1. Hand left, X coordinate
#2. Hand left, Y coordinate
#3. Hand left, Z coordinate
#4. Hand right, X coordinate
#5. Hand right, Z coordinate
#6. Hand right, Y coordinate
#1: wave
#2: a/b
@problemName TEST
@timeStamps false
@univariate false
@classLabel true 1.0 2.0
@data
1,2,3:4,5,6:7,8,9:10,11,?:13,14,15:16,17,18:1.0
1,2:4,5:7,8:10,11:13,14:16,17:2.0
"""


def series(tmp_path, text=SERIES):
    path = tmp_path / "TEST.ts"
    path.write_bytes(text.encode("latin-1"))
    return path


def test_each_series_of_sensors_is_a_recording_in_the_folder_of_its_class(tmp_path):
    assert convert(series(tmp_path), tmp_path / "out", rate=20).count == 2
    names = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.npz")
    )
    assert names == ["a_b/TEST_0002.keypoints.npz", "wave/TEST_0001.keypoints.npz"]
    file = read_keypoints(tmp_path / "out" / names[1])
    assert (file.coordinates, file.size, file.skeleton.joints) == (
        3,
        None,
        ("left_hand", "right_hand"),
    )
    assert file.skeleton.mirrored == (("left_hand", "right_hand"),)
    assert file.people[0].points[1].tolist() == [[2, 5, 8, 1], [11, 17, 14, 1]]
    assert file.people[0].points[2, 1].tolist() == [0, 0, 0, 0]  # one value is missing


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("@data", "@date", "has no line @data"),
        ("@timeStamps false", "@timeStamps true", "has @timeStamps"),
        ("@classLabel true 1.0 2.0", "@classLabel false", "has no @classLabel"),
        (":16,17,18:1.0", ":1.0", "line 15: has 5 channels; three for each sensor"),
        ("16,17,18", "16,x,18", "line 15: has a value that is not a number"),
        ("16,17,18", "16,17", "line 15: its channels differ in length"),
        (
            "#6. Hand right, Y",
            "#6. Hand right, Z",
            "header lists 6 channels that are not X, Y and Z",
        ),
        (":10,11:13,14:16,17:2.0", ":2.0", "line 16: has 3 channels, but the|header lists 6"),
    ],
)
def test_a_mistake_of_a_series_is_told_with_its_line(tmp_path, old, new, reason):
    assert old in SERIES
    with pytest.raises(LabelError, match=reason):
        convert(series(tmp_path, SERIES.replace(old, new)), tmp_path / "out", rate=20)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (annotation(1.5, body(17)), "image_id needs the number of a frame"),
        (annotation("last.jpg", body(17)), "image_id needs the number of a frame"),
        (annotation(1, body(17)[:, :2]), "needs? x, y and visibility"),
        ({"image_id": 1, "keypoints": ["a"] * 51}, "keypoints need numbers"),
        ({"image_id": 1, "keypoints": 3}, "'keypoints' needs a list"),
        (annotation(1, body(25)), "has 25 joints, but there are 17"),
        (annotation(10**12, body(17)), "is not the number of a frame"),
    ],
)
def test_a_wrong_entry_of_coco_is_named(tmp_path, entry, reason):
    path = coco(tmp_path, [annotation(0, body(17)), entry])
    with pytest.raises(LabelError, match=reason):
        convert(path, tmp_path / "out", source_format="coco-keypoints", rate=25)


def test_a_person_who_is_twice_in_a_frame_is_refused(tmp_path):
    twice = [annotation(3, body(17), track_id=1), annotation(3, body(17), track_id=1)]
    with pytest.raises(LabelError, match="person 1 is twice in frame 3"):
        convert(coco(tmp_path, twice), tmp_path / "out", rate=25)


@pytest.mark.parametrize(
    ("target", "options", "reason"),
    [
        ("out.srt", {"target_format": "srt"}, "keypoints are written as X.keypoints.npz"),
        ("out.npz", {}, "keypoint files are named out.keypoints.npz"),
        ("out", {"classes": ["a"]}, "are not for keypoints"),
        ("out", {"source_format": "ts"}, "has no line @data"),
    ],
)
def test_what_keypoints_cannot_become_is_refused(tmp_path, target, options, reason):
    path = coco(tmp_path, [annotation(0, body(17))])
    with pytest.raises(LabelError, match=reason):
        convert(path, tmp_path / target, rate=25, **options)


def test_labels_of_events_are_not_taken_for_keypoints(tmp_path):
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"UrlLocal": "g", "annotations": []}))
    assert counted_as(labels, tmp_path / "a.csv", None, None) == "events"
    assert counted_as(tmp_path / "a.tracks.npz", tmp_path / "a.txt", None, None) == "tracks"


def test_sides_root_and_torso_are_told_from_names():
    sensors = named_skeleton("s", ["left_elbow", "right_elbow", "left_thumb", "right_thumb"])
    assert sensors.torso == (("left_elbow",), ("right_elbow",))
    assert sensors.root == sensors.joints
    human = named_skeleton("h", ["pelvis", "neck", "head"])
    assert (human.root, human.torso) == (("pelvis",), (("neck",), ("pelvis",)))
    with pytest.raises(LabelError):
        named_skeleton("s", [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 60) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["image_id", "keypoints", "images", "annotations", "categories", "id",
                         "file_name", "people", "pose_keypoints_2d", "track_id", "skeleton"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(value=json_values)
def test_any_json_is_read_or_refused(value):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (folder / "a.json", folder / "json" / "a_000001_keypoints.json"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(value))
        for path, kind in ((folder / "a.json", "coco-keypoints"), (folder / "json", "openpose")):
            with suppress(LabelError):
                convert(path, folder / "out", source_format=kind, rate=25)


@given(data=st.binary(max_size=200), name=st.sampled_from(["a.npz", "a.ts", "a.json"]))
def test_any_bytes_are_read_or_refused(data, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        kind = {"a.npz": "npz", "a.ts": "ts", "a.json": "coco-keypoints"}[name]
        with pytest.raises(LabelError):
            convert(path, Path(folder) / "out", source_format=kind, rate=25)
