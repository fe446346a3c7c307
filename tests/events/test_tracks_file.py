"""Track files: what is written comes back; whatever else a file holds is one LabelError."""

import io
import json
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_strategies import names

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile, by_frame, read_tracks, write_tracks
from playhead.events.model import Origin, Track

FRAMES = 60
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tracks(draw: st.DrawFn, number: int, classes: tuple[str, ...]) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=9)))
    n = len(frames)
    corner = arrays.arrays(np.float32, (n, 2), elements=st.floats(-500, 5000, width=32))
    side = arrays.arrays(np.float32, (n, 2), elements=st.floats(1, 500, width=32))
    low = draw(corner)
    return Track(
        number,
        draw(st.sampled_from(classes)),
        np.array(frames, np.int32),
        np.concatenate((low, low + draw(side)), axis=1),
        draw(arrays.arrays(np.float32, n, elements=st.floats(0, 1, width=32))),
        draw(arrays.arrays(np.uint8, n, elements=st.sampled_from([int(one) for one in Origin]))),
    )


def ranges(draw: st.DrawFn, value: st.SearchStrategy[Any], dtype: type) -> np.ndarray:
    pairs = draw(st.lists(st.lists(value, min_size=2, max_size=2, unique=True), max_size=3))
    return np.array([sorted(pair) for pair in pairs], dtype).reshape(-1, 2)


@st.composite
def track_files(draw: st.DrawFn) -> TrackFile:
    classes = tuple(draw(st.lists(names, min_size=1, max_size=3, unique=True)))
    ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5, unique=True))
    return TrackFile(
        video=draw(names),
        frames=FRAMES,
        width=draw(st.integers(1, 10_000)),
        height=draw(st.integers(1, 10_000)),
        classes=classes,
        tracks=tuple(draw(tracks(number, classes)) for number in ids),
        unseen=ranges(draw, st.integers(0, FRAMES), np.int32),
        shown=frozenset(draw(st.sets(st.sampled_from(ids)))) if ids else frozenset(),
        spans=ranges(draw, st.floats(0, 1e6), np.float64),
        settings=draw(st.dictionaries(names, JSON, max_size=3)),
    )


def a_track(number: int = 7, first: int = 10, n: int = 3, label: str = "face") -> Track:
    boxes = np.tile(np.array([10, 20, 30, 50], np.float32), (n, 1))
    frames = np.arange(first, first + n, dtype=np.int32)
    return Track(number, label, frames, boxes, np.ones(n, np.float32), np.zeros(n, np.uint8))


def a_file(**changes: Any) -> TrackFile:
    values: dict[str, Any] = {
        "video": "street.mp4",
        "frames": FRAMES,
        "width": 1280,
        "height": 720,
        "classes": ("face", "plate"),
        "tracks": (a_track(), a_track(8, 40, label="plate")),
        "unseen": np.array([[3, 5]], np.int32),
        "shown": frozenset({8}),
        "spans": np.array([[0.5, 1.5]]),
        "settings": {"threshold": 0.5},
    }
    return TrackFile(**(values | changes))


def same(a: TrackFile, b: TrackFile) -> bool:
    plain = ("video", "frames", "width", "height", "classes", "shown", "settings")
    columns = ("frames", "boxes", "scores", "origin")
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and np.array_equal(a.unseen, b.unseen)
        and np.array_equal(a.spans, b.spans)
        and [(one.id, one.label) for one in a.tracks] == [(one.id, one.label) for one in b.tracks]
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            and getattr(one, name).dtype == getattr(other, name).dtype
            for one, other in zip(a.tracks, b.tracks, strict=True)
            for name in columns
        )
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(track_files())
def test_a_track_file_comes_back_as_it_was_written(file: TrackFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tracks.npz"
        write_tracks(path, file)
        assert same(read_tracks(path), file)


@pytest.mark.slow
@settings(max_examples=60)
@given(track_files())
def test_the_boxes_of_a_frame_are_those_that_a_loop_over_all_tracks_finds(file: TrackFile) -> None:
    boxes_of = by_frame(file)
    for frame in range(-1, FRAMES + 1):
        expected = [
            (index, tuple(box))
            for index, track in enumerate(file.tracks)
            for own, box in zip(track.frames.tolist(), track.boxes.tolist(), strict=True)
            if own == frame
        ]
        assert boxes_of(frame) == expected


def test_the_same_tracks_give_the_same_bytes(tmp_path: Path) -> None:
    write_tracks(tmp_path / "a.tracks.npz", a_file())
    write_tracks(tmp_path / "b.tracks.npz", a_file())
    assert (tmp_path / "a.tracks.npz").read_bytes() == (tmp_path / "b.tracks.npz").read_bytes()


def _with(track: Track, **changes: Any) -> dict[str, Any]:
    return {"tracks": (replace(track, **changes),), "shown": frozenset()}


CONTRADICTIONS = {
    "a frame beyond the video": (_with(a_track(first=58)), "frame 58 to 60"),
    "a frame before the video": (_with(a_track(first=-1)), "frame -1 to 1"),
    "a box that is NaN": (
        _with(a_track(), boxes=np.full((3, 4), np.nan, np.float32)),
        "has no area",
    ),
    "a box without area": (_with(a_track(), boxes=np.ones((3, 4), np.float32)), "has no area"),
    "a box from infinity": (
        _with(a_track(), boxes=np.tile(np.array([0, 0, np.inf, 9], np.float32), (3, 1))),
        "has no area",
    ),
    "a score that is NaN": (
        _with(a_track(), scores=np.full(3, np.nan, np.float32)),
        "a score that is not finite",
    ),
    "an unknown origin": (
        _with(a_track(), origin=np.array([0, 5, 0], np.uint8)),
        "unknown origin 5",
    ),
    "a track without a box": (_with(a_track(n=0)), "has no box"),
    "an id twice": ({"tracks": (a_track(), a_track(7, 40))}, "the same id"),
    "a label that is no class": (_with(a_track(), label="cat"), "unknown class 'cat'"),
    "a class twice": ({"classes": ("face", "face")}, "listed twice"),
    "no track of that id to show": ({"shown": frozenset({9})}, "track 9 is to stay visible"),
    "a span that ends before it starts": ({"spans": np.array([[2.0, 1.0]])}, "must end after"),
    "an empty span": ({"spans": np.array([[2.0, 2.0]])}, "must end after"),
    "a span of NaN": ({"spans": np.array([[0.0, np.nan]])}, "must end after"),
    "a span before the video": ({"spans": np.array([[-1.0, 2.0]])}, "must end after"),
    "an unseen range beyond the video": ({"unseen": np.array([[50, 61]])}, "inside the video"),
    "an unseen range backwards": ({"unseen": np.array([[9, 8]])}, "must end after"),
    "spans of another shape": ({"spans": np.zeros((2, 3))}, r"needs \(N, 2\)"),
    "no frames": ({"frames": 0}, "1 or more"),
    "no name": ({"video": ""}, "need the name"),
}


@pytest.mark.parametrize("fault", CONTRADICTIONS)
def test_tracks_that_contradict_themselves_are_refused(fault: str) -> None:
    changes, words = CONTRADICTIONS[fault]
    with pytest.raises(LabelError, match=words):
        a_file(**changes)


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def _rewritten(folder: Path, changes: dict[str, bytes | None]) -> Path:
    path = folder / "a.tracks.npz"
    write_tracks(path, a_file())
    members = _members(path) | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def _meta(**changes: Any) -> dict[str, bytes | None]:
    meta: dict[str, Any] = {
        "schema": 1,
        "video": "v",
        "frames": FRAMES,
        "width": 9,
        "height": 9,
        "classes": ["face", "plate"],
        "settings": {},
    }
    return {"meta.npy": _npy(np.frombuffer(json.dumps(meta | changes).encode(), np.uint8))}


def _huge(shape: str) -> dict[str, bytes | None]:
    text = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({shape}), }}\n".encode()
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    return {"track_frames.npy": header + bytes(24)}


# What only a file can hold, since `TrackFile` refuses it before it is written.
FAULTS: dict[str, tuple[dict[str, bytes | None], str]] = {
    "a newer schema": (_meta(schema=2), "schema 2, but this version reads up to 1"),
    "a column missing": ({"spans.npy": None}, "it has meta"),
    "a column too many": ({"more.npy": _npy(np.zeros(1))}, "it has meta"),
    "no description": ({"meta.npy": None}, "'meta' is missing"),
    "a description that is no JSON": ({"meta.npy": _npy(np.zeros(3, np.uint8))}, "cannot be read"),
    "a description nested deep": (
        {"meta.npy": _npy(np.frombuffer(b"[" * 200_000, np.uint8))},
        "nested too deep",
    ),
    "a key unknown": (_meta(more=1), "has the keys"),
    "a NaN in the settings": (_meta(settings={"a": np.nan}), "NaN is not a JSON number"),
    "settings that are a list": (_meta(settings=[]), "settings: needs a JSON object"),
    "classes that are numbers": (_meta(classes=[1, 2]), "a list of names"),
    "a class number of none": ({"labels.npy": _npy(np.array([0, 2], np.int32))}, "class index 2"),
    "a frame beyond the video": (
        {"track_frames.npy": _npy(np.array([10, 11, 12, 40, 41, 60], np.int32))},
        "frame 40 to 60",
    ),
    "frames that do not rise": (
        {"track_frames.npy": _npy(np.array([10, 10, 12, 40, 41, 42], np.int32))},
        "do not rise",
    ),
    "counts of other boxes": ({"counts.npy": _npy(np.array([3, 4]))}, "declare 7 boxes"),
    "counts below zero": ({"counts.npy": _npy(np.array([-3, 9]))}, "counts differ"),
    "counts that overflow": ({"counts.npy": _npy(np.array([2**62] * 2))}, "declare 92233"),
    "more ids than tracks": ({"ids.npy": _npy(np.array([7, 8, 9]))}, "3 ids"),
    "an id twice": ({"ids.npy": _npy(np.array([8, 8]))}, "the same id"),
    "another type": ({"counts.npy": _npy(np.array([3.0, 3.0]))}, "not an array of type <i8"),
    "a pickle": (
        {"ids.npy": _npy(np.array([b"cos\nsystem\n(S'true'\ntR."], dtype=object))},
        "not an array of type",
    ),
    "a header of two billion numbers": (_huge("2000000000,"), "which does not match its bytes"),
    "a header that overflows": (_huge("99999999999999999999,"), "which does not match its bytes"),
    "a header of many axes": (_huge("1, 2, 3"), "which does not match its bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_fault_is_one_error_that_names_it(tmp_path: Path, fault: str) -> None:
    changes, words = FAULTS[fault]
    path = _rewritten(tmp_path, changes)
    with pytest.raises(LabelError, match=words) as caught:
        read_tracks(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.tracks.npz"
    write_tracks(path, a_file())
    members = _members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if name != "track_frames.npy":
                archive.writestr(name, data)
        with archive.open("track_frames.npy", "w", force_zip64=True) as member:
            member.write(members["track_frames.npy"])
    bomb = bytearray(path.read_bytes())
    # The sizes of the last member in the central directory: 2 GB, as a bomb would declare.
    place = bomb.rindex(b"PK\x01\x02") + 24
    bomb[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(bomb)
    with pytest.raises(LabelError, match="unpacks to 2147"):
        read_tracks(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_track_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tracks.npz"
    path.write_bytes(content)
    with pytest.raises(LabelError, match="cannot be read as a track file"):
        read_tracks(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tracks.npz", tmp_path):
        with pytest.raises(LabelError, match="cannot be read"):
            read_tracks(path)


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tracks.npz"
    write_tracks(path, a_file())
    whole = path.read_bytes()
    for length in range(0, len(whole), 23):
        path.write_bytes(whole[:length])
        with pytest.raises(LabelError):
            read_tracks(path)


@pytest.mark.slow
@settings(max_examples=150)
@given(data=st.data())
def test_bytes_exchanged_are_refused_or_change_nothing_that_is_checked(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tracks.npz"
        write_tracks(path, a_file())
        damaged = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        with suppress(LabelError):
            assert same(read_tracks(path), a_file())


def test_settings_that_json_cannot_hold_leave_no_file(tmp_path: Path) -> None:
    for value in (float("nan"), object()):
        with pytest.raises(LabelError, match="the settings are not JSON"):
            write_tracks(tmp_path / "a.tracks.npz", a_file(settings={"a": value}))
    assert not list(tmp_path.iterdir())
