"""Candidate files: what is written is read again, and a bad file is one clear error."""

import io
import pickle
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import PlayheadError
from playhead.impact.candidates import (
    CANDIDATES,
    Candidates,
    frame_ranges,
    read_candidates,
    read_folder,
    write_candidates,
)
from tests.impact.helmets import of

SOME = of(
    [(0, 10, 0.9, 0.25), (0, 50, 0.5, 0.5), (3, 12, 0.75, 0)],
    offset=0.5,
    unseen=np.array([[4, 6]], np.int32),
    settings={"mode": "exact", "decisions": {"overlap": 0.3}},
    video="ölfeld 1.mp4",
)


def written(folder: Path, candidates: Candidates = SOME) -> Path:
    path = folder / f"a{CANDIDATES}"
    write_candidates(candidates, path)
    return path


def repacked(path: Path, name: str, data: bytes) -> Path:
    """The file with one member replaced."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = data
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def as_npy(array: np.ndarray, *, pickles: bool = False) -> bytes:
    data = io.BytesIO()
    np.save(data, array, allow_pickle=pickles)
    return data.getvalue()


def test_candidates_are_read_as_they_were_written(tmp_path: Path) -> None:
    again = read_candidates(written(tmp_path))
    for name in ("video", "label", "size", "play", "view", "offset", "settings"):
        assert getattr(again, name) == getattr(SOME, name)
    for name in ("times", "frames", "boxes", "helmet", "impact", "unseen"):
        np.testing.assert_array_equal(getattr(again, name), getattr(SOME, name))
        assert getattr(again, name).dtype == getattr(SOME, name).dtype


def test_a_video_without_candidates_and_without_a_play_is_written_and_read(tmp_path: Path) -> None:
    again = read_candidates(written(tmp_path, of([], play=None, view=None)))
    assert (len(again), again.play, again.view) == (0, None, None)
    assert list(read_folder(tmp_path)) == ["a"]


@pytest.mark.parametrize(
    ("name", "array", "complaint"),
    [
        ("boxes", np.zeros((3, 3), np.float32), "shape"),
        ("boxes", np.zeros((3, 4), np.float64), "type"),
        ("boxes", np.zeros((3, 4), np.float32), "no area"),
        ("helmet", np.array([1, np.nan, 0], np.float32), "helmet"),
        ("impact", np.array([0, 0, 1.5], np.float32), "impact"),
        ("frames", np.array([3, 2, 1], np.int32), "fall"),
        ("frames", np.array([0, 1, 60], np.int32), "60 frames"),
        ("frames", np.array([-1, 1, 2], np.int32), "60 frames"),
        ("times", np.array([0, 1, 0.5]), "fall"),
        ("unseen", np.array([[5, 5]], np.int32), "unseen"),
    ],
)
def test_contradicting_columns_are_refused(
    tmp_path: Path, name: str, array: np.ndarray, complaint: str
) -> None:
    path = repacked(written(tmp_path), f"{name}.npy", as_npy(array))
    with pytest.raises(PlayheadError, match=complaint) as caught:
        read_candidates(path)
    assert str(path) in str(caught.value)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    pickled = as_npy(np.array([Trap()], object), pickles=True)
    assert pickle.dumps(Trap()) in pickled or b"touch" in pickled
    with pytest.raises(PlayheadError, match="type"):
        read_candidates(repacked(written(tmp_path), "helmet.npy", pickled))
    assert not (tmp_path / "ran").exists()


def test_a_newer_schema_an_unknown_member_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with zipfile.ZipFile(path) as archive:
        meta = archive.read("meta.npy")
    with pytest.raises(PlayheadError, match="update"):
        read_candidates(repacked(path, "meta.npy", meta.replace(b'"schema": 1', b'"schema": 2')))
    with pytest.raises(PlayheadError, match="extra"):
        read_candidates(repacked(written(tmp_path), "extra.npy", as_npy(np.zeros(1))))
    whole = written(tmp_path).read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(PlayheadError, match="candidates file"):
            read_candidates(path)


def test_settings_that_are_not_json_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="JSON"):
        written(tmp_path, replace(SOME, settings={"a": float("nan")}))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_candidates_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="playhead impact predict"):
        read_folder(tmp_path)


@pytest.mark.parametrize("frames", [[], [0], [3, 4, 5], [0, 2], [0, 1, 4, 7, 8], [9]])
def test_ranges_hold_exactly_their_frames(frames: list[int]) -> None:
    ranges = frame_ranges(frames)
    assert ranges.shape[1:] == (2,)
    assert [k for start, stop in ranges.tolist() for k in range(start, stop)] == frames
    assert all(stop < start for (_, stop), (start, _) in pairwise(ranges.tolist()))
