"""Which prediction belongs to which video, and which labels a video takes."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from playhead.errors import LabelError
from playhead.events.manifest import ManifestRow
from playhead.media import open_video
from playhead.spotting.truth import labels_of, pair_videos, read_truth
from tests.media.encode import encode


def test_a_dot_in_a_name_is_no_suffix_of_the_prediction() -> None:
    truth = ["set/2015.02.21 - 18.00 A.mp4", "set/2015.02.21 - 20.00 B.mp4"]
    assert pair_videos(["2015.02.21 - 20.00 B", "2015.02.21 - 18.00 A"], truth) == [1, 0]


def test_names_without_suffixes_that_differ_after_a_dot_are_two_videos() -> None:
    assert pair_videos(["match.2", "match.1"], ["match.1", "match.2"]) == [1, 0]
    assert pair_videos(["match.3"], ["match.1", "match.2"]) == [None]


def test_of_equal_names_the_folders_decide() -> None:
    truth = ["/data/a/720p.mp4", "/data/b/720p.mp4"]
    assert pair_videos(["b/720p", "a/720p"], truth) == [1, 0]


def test_a_name_that_two_videos_share_is_refused() -> None:
    with pytest.raises(LabelError, match="both a/720p.mp4 and b/720p.mp4"):
        pair_videos(["720p"], ["a/720p.mp4", "b/720p.mp4"])


def test_any_suffix_may_be_missing_on_one_side() -> None:
    assert pair_videos(["clip", "x/clip.raw"], ["y/clip.raw"]) == [0, 0]


def test_labels_are_accepted_until_the_last_frame_is_no_longer_displayed(tmp_path: Path) -> None:
    """A video of variable rate whose last frame is displayed for two seconds."""
    times = [Fraction(k * (k + 20), 1000) for k in range(40)]
    source = encode(tmp_path / "short.mp4", 40, times=times)
    path = tmp_path / "a.mp4"
    with av.open(str(source)) as given, av.open(str(path), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.size:
                if packet.pts == max(round(time / packet.time_base) for time in times):
                    packet.duration = round(2 / packet.time_base)
                packet.stream = copy
                output.mux(packet)
    with open_video(path) as video:
        last, end = float(video.times[-1]), video.duration
        assert end == pytest.approx(last + 2, abs=0.01)
        labels = tmp_path / "labels.csv"
        row = ManifestRow(video=path, labels=labels, name="a.mp4")
        labels.write_text(f"video,label,time\na.mp4,hit,{end - 0.02}\n")
        (event,) = labels_of(row, video, classes=["hit"], rate=None).events
        assert (event.frame, event.start) == (39, last)
        labels.write_text(f"video,label,time\na.mp4,hit,{end + 0.02:.3f}\n")
        with pytest.raises(LabelError, match="past the last frame"):
            labels_of(row, video, classes=["hit"], rate=None)


def test_an_unknown_split_is_answered_with_those_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("video,labels,split\na.mp4,,valid\n")
    with pytest.raises(LabelError, match="'tst'; its splits are valid$"):
        read_truth(manifest, split="tst")
