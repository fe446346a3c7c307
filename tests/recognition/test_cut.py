"""Clips are cut exactly, and what cannot be cut is told."""

import errno
import sys

import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.media import stream_copy
from playhead.progress import progress
from playhead.recognition.clips import read_clips
from playhead.recognition.prepare import cut
from playhead.recognition.prepare.cut import CutWork, clip_pool, cut_clips
from tests.media.encode import encode, numbers


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")

    def get(name):
        path = folder / name
        return path if path.exists() else encode(path, 60)

    return get


def silent():
    return progress("cutting", 1)


@pytest.fixture
def listed(videos, tmp_path):
    """A list of five clips of two videos, one of which is not there, and the folder of videos."""
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "abcdefghijk.mp4").symlink_to(videos("plain.mp4"))
    (folder / "missing.csv").write_text(
        "name,label,kind,reason\nlmnopqrstuv,run,gone,HTTP 404 Not Found\n"
    )
    path = tmp_path / "list.csv"
    path.write_text(
        "label,youtube_id,time_start,time_end,split\n"
        "high jump,abcdefghijk,0.48,1.44,train\n"
        "run/walk,abcdefghijk,0.61,1,validate\n"
        "run/walk,abcdefghijk,2,4,test\n"
        "run/walk,abcdefghijk,9,12,test\n"
        "run/walk,lmnopqrstuv,0,1,test\n"
    )
    return path, folder


def test_the_clips_of_a_list_are_cut_and_what_is_missing_is_told(listed, tmp_path):
    path, folder = listed
    out = tmp_path / "clips"
    result = cut_clips(path, out, videos=folder, executor=clip_pool("serial"))
    by_name = {str(file.path.relative_to(out)): file for file in result.clips.files}
    copied = by_name["high jump/abcdefghijk_000000.480_000001.440.mp4"]
    assert copied.notes == ("stream copy",)
    assert numbers(copied.path) == list(range(12, 36))
    encoded = by_name["run_walk/abcdefghijk_000000.610_000001.mp4"]
    assert encoded.notes == ("re-encoded",)
    assert numbers(encoded.path) == list(range(15, 25))  # frame 15 is displayed at 0.61 s
    short = by_name["run_walk/abcdefghijk_000002_000004.mp4"]
    assert (short.status, short.reason) == (
        "partial",
        "the clip ends at 4 s, but the video at 2.40 s",
    )
    assert numbers(short.path) == list(range(50, 60))
    assert [(row.name, row.kind) for row in result.missing] == [
        ("run_walk/lmnopqrstuv_000000_000001", "no video"),
        ("run_walk/abcdefghijk_000002_000004", "partial"),
        ("run_walk/abcdefghijk_000009_000012", "failed"),
    ]
    assert result.missing[0].reason == "gone: HTTP 404 Not Found"
    assert "starts at 9 s, but the video ends at 2.40 s" in result.missing[2].reason
    assert [(clip.label, clip.group, clip.split) for clip in read_clips(out).clips] == [
        ("high jump", "abcdefghijk", "train"),
        ("run/walk", "abcdefghijk", "valid"),
        ("run/walk", "abcdefghijk", "test"),
    ]
    assert result.counts() == {
        "stream_copy": 1, "re_encoded": 2, "kept": 0, "partial": 1, "missing": 2,
    }  # fmt: skip


def test_a_second_run_keeps_what_is_there_and_still_tells_what_is_not_complete(listed, tmp_path):
    path, folder = listed
    out = tmp_path / "clips"
    cut_clips(path, out, videos=folder, executor=clip_pool("serial"))
    first = out / "high jump" / "abcdefghijk_000000.480_000001.440.mp4"
    written = first.stat().st_mtime_ns
    (out / "run_walk" / "abcdefghijk_000000.610_000001.mp4").unlink()
    second = cut_clips(path, out, videos=folder, executor=clip_pool("serial"))
    assert second.counts() == {
        "stream_copy": 0, "re_encoded": 1, "kept": 2, "partial": 1, "missing": 2,
    }  # fmt: skip
    assert first.stat().st_mtime_ns == written
    assert len(read_clips(out).clips) == 3


def test_the_clips_of_two_lists_are_in_one_index(listed, tmp_path):
    path, folder = listed
    rows = path.read_text().splitlines()
    for name, row in (("a.csv", rows[1]), ("b.csv", rows[2])):
        (tmp_path / name).write_text(f"{rows[0]}\n{row}\n")
        cut_clips(tmp_path / name, tmp_path / "clips", videos=folder)
    assert read_clips(tmp_path / "clips").classes == ("high jump", "run/walk")


def test_the_spans_of_an_index_are_cut(videos, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "match.mp4").write_bytes(videos("plain.mp4").read_bytes())
    index = tmp_path / "spans.csv"
    index.write_text(
        "video,label,group,split,start,end\na/match.mp4,serve,p1,train,0,0.4\n"
        "b/match.mp4,..,p2,test,2,\n"
    )
    cut_clips(index, tmp_path / "out", executor=clip_pool("serial"))
    clips = read_clips(tmp_path / "out").clips
    assert [(clip.name, clip.group, clip.split) for clip in clips] == [
        ("_./b_match_000002_end.mp4", "p2", "test"),
        ("serve/a_match_000000_000000.400.mp4", "p1", "train"),
    ]
    assert [numbers(clip.path) for clip in clips] == [list(range(50, 60)), list(range(10))]


def test_a_list_needs_its_videos_and_clips_without_times_cannot_be_cut(listed, videos, tmp_path):
    with pytest.raises(PlayheadError, match="--videos"):
        cut_clips(listed[0], tmp_path / "out")
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "1.mp4").write_bytes(videos("plain.mp4").read_bytes())
    with pytest.raises(LabelError, match="have no times, so there is nothing to cut"):
        cut_clips(tmp_path / "set", tmp_path / "out")


def test_a_full_disk_leaves_no_half_written_clip(videos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stream_copy, "_verify", full)
    target = tmp_path / "out" / "a" / "x_0_1"
    work = CutWork({target: planned(videos, target)}, 1).open()
    with pytest.raises(PlayheadError, match="No space left on device"), silent() as live:
        work(videos("plain.mp4"), target, live)
    assert list(target.parent.iterdir()) == []


def planned(videos, target):
    clip = cut.Clip(path=target.with_name(target.name + ".mp4"), label="a", group="x")
    return cut.PlannedCut(videos("plain.mp4"), clip, 0.0, 0.96)


@pytest.mark.parametrize(
    ("cores", "workers", "count"), [(8, None, 8), (8, 3, 3), (2, 16, 2), (1, 4, 1)]
)
def test_workers_times_threads_are_at_most_the_cores(monkeypatch, cores, workers, count):
    monkeypatch.setattr(cut, "available_cores", lambda: cores)
    executor = clip_pool("processes", workers)
    assert executor.worker_count(100) == count
    assert executor.worker_count(100) * max(1, cores // count) <= cores


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs processes of POSIX")
def test_worker_processes_cut_the_same_clips(listed, tmp_path, monkeypatch):
    path, folder = listed
    monkeypatch.setattr(cut, "available_cores", lambda: 2)
    one = cut_clips(path, tmp_path / "one", videos=folder, executor=clip_pool("serial"))
    two = cut_clips(path, tmp_path / "two", videos=folder)
    assert one.counts() == two.counts()
    for file in one.clips.files:
        other = tmp_path / "two" / file.path.relative_to(tmp_path / "one")
        assert file.path.exists() == other.exists()
        assert not other.exists() or other.read_bytes() == file.path.read_bytes()
