"""Clips are cut exactly: every frame carries its number, in both ways of cutting."""

import errno
import sys
from fractions import Fraction

import numpy as np
import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.media import open_video
from playhead.progress import progress
from playhead.recognition.clips import read_clips
from playhead.recognition.prepare import cut, stream_copy
from playhead.recognition.prepare.cut import CutWork, clip_pool, cut_clips, encode_frames
from playhead.recognition.prepare.stream_copy import copy_frames
from tests.media.encode import encode, number_of

VARIABLE = [Fraction(i * 40 + 11 * (i * i % 7), 1000) for i in range(60)]
KINDS = {
    "plain.mp4": {},
    "bframes.mp4": {"bframes": 3, "options": {"x264-params": "open-gop=0"}},
    "open.mp4": {"bframes": 3, "options": {"x264-params": "open-gop=1"}},
    "bframes.mkv": {"bframes": 2},
    "late.mp4": {"bframes": 2, "first": Fraction(7)},
    "ntsc.mp4": {"rate": Fraction(30000, 1001), "bframes": 2},
    "variable.mp4": {"times": VARIABLE, "bframes": 2},
    "hevc.mp4": {"codec": "libx265", "bframes": 3},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "turned.mp4": {"rotation": -90, "bframes": 2},
    "stream.ts": {"bframes": 2},
    "old.avi": {"codec": "mpeg4", "bframes": 2},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")

    def get(name):
        path = folder / name
        return path if path.exists() else encode(path, 60, **KINDS[name])

    return get


def numbers(path):
    """The numbers that the frames of a file carry, turned back if it is turned."""
    with open_video(path) as video:
        luma = [image for _, image in video.stream(pixels="luma")]
    return [
        number_of(image if image.shape[1] > image.shape[0] else np.rot90(image)) for image in luma
    ]


def silent():
    return progress("cutting", 1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("frames", [range(12, 36), range(12, 31), range(17, 40), range(59, 60)])
def test_whichever_way_a_clip_is_cut_its_frames_are_those_of_the_span(
    videos, tmp_path, name, frames
):
    copied, encoded = tmp_path / "copied.mp4", tmp_path / "encoded.mp4"
    with open_video(videos(name)) as video, silent() as live:
        by_copy = copy_frames(video, frames, copied)
        assert encode_frames(video, frames, encoded, 1, live) == 0
        times = video.times[frames.start : frames.stop] - video.times[frames.start]
        key = frames.start in video.table.key_frames
    assert by_copy <= key
    for path in (copied, encoded) if by_copy else (encoded,):
        assert numbers(path) == list(frames)
        with open_video(path) as clip:
            assert np.abs(clip.times - times).max() < 0.001
    assert copied.exists() == by_copy


@pytest.mark.parametrize(
    ("name", "frames", "is_copied"),
    [
        ("plain.mp4", range(12, 36), True),
        ("plain.mp4", range(12, 31), True),  # without B-frames it may end anywhere
        ("plain.mp4", range(13, 36), False),
        ("bframes.mp4", range(12, 36), True),
        ("bframes.mp4", range(12, 15), False),  # its last B-frame needs a frame after it
        ("open.mp4", range(12, 36), False),  # frames before the key frame are decoded after it
        ("hevc.mp4", range(0, 60), True),
        ("vp9.webm", range(12, 36), True),
        ("stream.ts", range(12, 36), False),
        ("old.avi", range(12, 36), False),
    ],
)
def test_packets_are_copied_where_the_frames_need_no_others(
    videos, tmp_path, name, frames, is_copied
):
    with open_video(videos(name)) as video:
        assert copy_frames(video, frames, tmp_path / "clip.mp4") == is_copied


def test_a_copy_that_is_off_by_a_frame_does_not_count(videos, tmp_path, monkeypatch):
    """Where the rule for copying is wrong about a file, the comparison refuses the copy."""
    monkeypatch.setattr(stream_copy, "is_closed", lambda table, frames: True)
    with open_video(videos("bframes.mp4")) as video:
        assert not copy_frames(video, range(12, 15), tmp_path / "clip.mp4")
        assert not copy_frames(video, range(14, 36), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_frame_before_stands_in_for_one_that_cannot_be_decoded(videos, tmp_path):
    with open_video(videos("plain.mp4")) as video:
        read = video.stream
        video.stream = lambda *span: (pair for pair in read(*span) if pair[0] not in (17, 20, 24))
        assert encode_frames(video, range(17, 25), tmp_path / "clip.mp4", 1) == 3
        video.stream = lambda *span: iter(())
        with pytest.raises(PlayheadError, match="no frame of the clip can be decoded"):
            encode_frames(video, range(17, 25), tmp_path / "none.mp4", 1)
    assert numbers(tmp_path / "clip.mp4") == [18, 18, 19, 19, 21, 22, 23, 23]
    assert not (tmp_path / "none.mp4").exists()


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
