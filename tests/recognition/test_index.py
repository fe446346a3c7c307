"""The index: counts, what is missing, rare classes, groups and footage on both sides of a split."""

import numpy as np
import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.media import VideoWriter, open_video
from playhead.recognition.clips import read_clips
from playhead.recognition.prepare.duplicates import are_alike, hash_clip
from playhead.recognition.prepare.index import build_index, parse_shares


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def scene(seed, moving=None):
    """40 frames (H, W) of a textured place in which a disc moves as its own seed says."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(30, 220, (8, 12))
    place = np.kron(coarse, np.ones((12, 12)))
    path = np.random.default_rng(seed if moving is None else moving)
    x0, y0, dx, dy = path.uniform(20, 70), path.uniform(20, 70), *path.uniform(-1.6, 1.6, 2)
    y, x = np.mgrid[0:96, 0:144]
    frames = []
    for k in range(40):
        disc = (x - x0 - dx * k - 20) ** 2 + (y - y0 - dy * k) ** 2 < 400
        frames.append(np.where(disc, 250, place).astype(np.uint8))
    return frames


def write(path, frames, crf=20, scale=1):
    with VideoWriter(path, 144 // scale, 96 // scale, 20, crf=crf) as writer:
        for image in frames:
            writer.write(np.ascontiguousarray(image[::scale, ::scale]))
    return path


def test_groups_stay_whole_and_each_class_has_its_share(tmp_path):
    names = [f"{label}/v_{label}_g{g:02d}_c{c:02d}.mp4" for label in ("a", "b") for g in range(20)
             for c in range(3)]  # fmt: skip
    touch(tmp_path, *names)
    result = build_index(tmp_path, tmp_path / "index.csv", duplicates=False)
    assert result.rows() == [
        {"class": "a", "train": 42, "valid": 9, "test": 9, "clips": 60},
        {"class": "b", "train": 42, "valid": 9, "test": 9, "clips": 60},
        {"class": "all", "train": 84, "valid": 18, "test": 18, "clips": 120},
    ]
    assert result.is_clean
    again = build_index(tmp_path, tmp_path / "other.csv", duplicates=False)
    assert (tmp_path / "other.csv").read_text() == (tmp_path / "index.csv").read_text()
    assert again.clips == result.clips
    anew = build_index(tmp_path, tmp_path / "x.csv", duplicates=False, shares=parse_shares("1,1,0"))
    assert {clip.split for clip in anew.clips} == {"train", "valid"}


def test_splits_that_there_are_stay_and_groups_in_several_are_told(tmp_path):
    touch(tmp_path, "train/a/v_a_g01_c01.mp4", "train/b/1.mp4", "test/a/v_a_g01_c02.mp4")
    result = build_index(tmp_path, tmp_path / "index.csv", duplicates=False)
    assert result.shared == {"g01": ("train", "test")}
    assert not result.is_clean
    assert "test has no clip of b" in result.notes
    assert [row["train"] for row in result.rows()] == [1, 1, 2]


def test_rare_classes_are_dropped(tmp_path):
    touch(tmp_path, *(f"a/{k}.mp4" for k in range(5)), "b/1.mp4", "c/1.mp4", "c/2.mp4")
    result = build_index(tmp_path, tmp_path / "index.csv", min_clips=2, duplicates=False)
    assert result.dropped == {"b": 1}
    assert read_clips(tmp_path).classes == ("a", "c")
    with pytest.raises(LabelError, match="no class has 9 clips; the largest has 5"):
        build_index(tmp_path, tmp_path / "index.csv", min_clips=9, duplicates=False)
    # The folder itself is read again, and what the index told stays.
    again = build_index(tmp_path, tmp_path / "index.csv", duplicates=False)
    assert len(again.clips) == 8
    kept = {clip.path: clip.split for clip in result.clips}
    assert all(kept.get(clip.path) == clip.split for clip in again.clips)
    assert any(note.startswith("1 clip without a split stay so") for note in again.notes)


def test_what_is_missing_of_a_list_is_told_with_its_reason(tmp_path):
    (tmp_path / "list.csv").write_text(
        "label,youtube_id,time_start,time_end,split\n"
        "high jump,abcdefghijk,0,10,train\nhigh jump,lmnopqrstuv,0,10,test\n"
        "high jump,zzzzzzzzzzz,0,10.5,val\n"
    )
    clips = tmp_path / "clips"
    touch(clips, "high_jump/abcdefghijk_000000_000010.mp4")
    (clips / "missing.csv").write_text(
        "name,label,kind,reason\nhigh jump/lmnopqrstuv_000000_000010,high jump,no video,gone: 404\n"
    )
    with pytest.raises(PlayheadError, match="--clips"):
        build_index(tmp_path / "list.csv", tmp_path / "index.csv")
    result = build_index(
        tmp_path / "list.csv", tmp_path / "index.csv", clips=clips, duplicates=False
    )
    [clip] = result.clips
    assert (clip.label, clip.group, clip.split) == ("high jump", "abcdefghijk", "train")
    assert [(row.name, row.kind, row.reason) for row in result.missing] == [
        ("high jump/lmnopqrstuv_000000_000010", "no video", "gone: 404"),
        ("high jump/zzzzzzzzzzz_000000_000010.500", "missing", f"is not in {clips}"),
    ]
    assert read_clips(tmp_path / "index.csv").clips[0].path == clip.path
    (tmp_path / "none").mkdir()
    with pytest.raises(LabelError, match="none of its 3 clips is in"):
        build_index(tmp_path / "list.csv", tmp_path / "index.csv", clips=tmp_path / "none")


def test_a_copy_across_a_split_is_found_and_other_clips_of_the_place_are_not(tmp_path):
    write(tmp_path / "train/a/one.mp4", scene(1))
    write(tmp_path / "train/b/two.mp4", scene(1, moving=7))
    write(tmp_path / "train/b/three.mp4", scene(3))
    write(tmp_path / "train/b/copy.mp4", scene(3), crf=30)
    write(tmp_path / "test/a/copy.mp4", scene(1)[4:], crf=36, scale=2)
    write(tmp_path / "test/b/other.mp4", scene(1, moving=8))
    result = build_index(tmp_path, tmp_path / "index.csv")
    assert [(pair.first.name, pair.second.name) for pair in result.duplicates or ()] == [
        ("test/a/copy.mp4", "train/a/one.mp4")
    ]
    assert not result.is_clean
    assert result.to_json()["duplicates"][0]["splits"] == ["test", "train"]


def test_flat_images_are_not_taken_for_copies(tmp_path):
    for name, level in (("train/a/1.mp4", 0), ("train/b/2.mp4", 90), ("test/a/3.mp4", 0)):
        write(tmp_path / name, [np.full((96, 144), level, np.uint8)] * 5)
    assert build_index(tmp_path, tmp_path / "index.csv").duplicates == ()


def test_what_does_not_move_is_told_by_its_image_alone(tmp_path):
    still = [scene(5)[0]] * 9
    first = hash_clip(write(tmp_path / "a.mp4", still))
    assert are_alike(first, hash_clip(write(tmp_path / "b.mp4", still, crf=35))) is not None
    assert are_alike(first, hash_clip(write(tmp_path / "c.mp4", [scene(6)[0]]))) is None


def test_a_span_is_hashed_and_not_its_video(tmp_path):
    long = write(tmp_path / "long.mp4", [*scene(1), *scene(2)])
    part = hash_clip(write(tmp_path / "part.mp4", scene(2)))
    assert are_alike(hash_clip(long, 2.0, 4.0), part) is not None
    assert are_alike(hash_clip(long, 0.0, 2.0), part) is None
    with open_video(long) as video:
        assert video.frames == 80


def test_a_file_that_cannot_be_read_is_told_and_left_out(tmp_path):
    write(tmp_path / "a/1.mp4", scene(1))
    write(tmp_path / "b/1.mp4", scene(2))
    (tmp_path / "b" / "2.mp4").write_bytes(b"no video")
    touch(tmp_path, "b/3.keypoints.npz")
    result = build_index(tmp_path, tmp_path / "index.csv")
    assert [clip.name for clip in result.clips] == ["a/1.mp4", "b/1.mp4", "b/3.keypoints.npz"]
    [broken] = result.unreadable
    assert (broken.name, broken.kind) == ("b/2.mp4", "failed")
    assert "is not a media file" in broken.reason


@pytest.mark.parametrize("text", ["70,30", "a,b,c", "0,1,1", "-1,1,1", "nan,1,1", ""])
def test_shares_that_are_none_are_refused(text):
    with pytest.raises(PlayheadError, match="--shares"):
        parse_shares(text)


def test_shares_may_be_percentages_and_leave_a_split_out():
    assert parse_shares("80,0,20") == {"train": 0.8, "test": 0.2}
