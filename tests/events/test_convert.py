"""Converting labels: by declared rate, by real encoded media, and through the command line."""

import json
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

from playhead.cli import app
from playhead.errors import LabelError
from playhead.events.convert import convert
from playhead.events.formats import read_events
from playhead.media import VideoWriter, open_video

# Variable rate: frame 3 is shown for half a second.
TIMES = [Fraction(k, 25) + (Fraction(1, 2) if k > 3 else 0) for k in range(12)]


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "spiel één"
    for name, times in (("1_720p.mkv", None), ("clip a.mp4", TIMES)):
        rate = 25 if times is None else None
        with VideoWriter(folder / name, 64, 48, rate, times=times) as writer:
            for number in range(12):
                writer.write(np.full((48, 64), 20 * number, np.uint8))
    return folder


def game(folder, *positions):
    path = folder / "Labels-v2.json"
    entries = [
        {"gameTime": "1 - 00:00", "label": "PASS", "position": str(position)}
        for position in positions
    ]
    path.write_text(json.dumps({"UrlLocal": "g", "annotations": entries}))
    return path


def test_frames_of_real_media_give_the_times_that_its_table_has(media, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,frame,end\nclip a.mp4,hit,4,6\nclip a.mp4,miss,11,12\n")
    assert convert(labels, tmp_path / "out", media=media).count == 2
    with open_video(media / "clip a.mp4") as video:
        hit, miss = (
            event
            for one in read_events(labels, times=lambda _: video.times)
            for event in one.events
        )
        assert (hit.start, hit.end) == (video.times[4], video.times[6])
        assert hit.start == pytest.approx(0.66, abs=0.002)
        assert (miss.start, miss.end) == (video.times[11], pytest.approx(video.duration))
    again = json.loads((tmp_path / "out" / "clip a.events.json").read_text())
    assert again["frames"] == 12


def test_milliseconds_become_the_nearest_frames_of_real_media(media, tmp_path):
    target = tmp_path / "frames.json"
    convert(game(tmp_path, 0, 90, 439), target, target_format="e2espot", media=media)
    (clip,) = json.loads(target.read_text())
    assert [event["frame"] for event in clip["events"]] == [0, 2, 11]
    assert (clip["num_frames"], clip["video"]) == (12, "g/1")


def test_milliseconds_past_the_end_of_real_media_are_refused(media, tmp_path):
    with pytest.raises(LabelError, match=r"annotation 1.*past the last frame \(11"):
        convert(game(tmp_path, 500), tmp_path / "a.csv", media=media)


def test_a_video_that_is_not_in_the_named_folder_is_refused(media, tmp_path):
    labels = tmp_path / "labels.csv"
    for name, match in (("other.mp4", "no video of this name"), ("../x.mp4", "is outside of")):
        labels.write_text(f"video,label,frame\n{name},hit,4\n")
        with pytest.raises(LabelError, match=match):
            convert(labels, tmp_path / "out", media=media)
        assert not (tmp_path / "out").exists()


def test_a_command_converts_by_rate_and_counts_the_events(tmp_path):
    source, target = game(tmp_path, 0, 90, 439), tmp_path / "labels.csv"
    result = CliRunner().invoke(app, ["convert", str(source), str(target), "--rate", "25"])
    assert result.exit_code == 0, result.output
    assert "3 events" in result.output
    assert target.read_text() == ("video,label,time\ng/1,PASS,0.0\ng/1,PASS,0.08\ng/1,PASS,0.44\n")


def test_every_format_leads_to_every_other_and_back(tmp_path):
    start = game(tmp_path, 0, 80, 440)
    expected = [(event.label, event.frame) for event in read_events(start, rate=25)[0].events]
    names = {
        "native": "g.events.json",
        "csv": "g.csv",
        "soccernet": "Labels-ball.json",
        "e2espot": "g.json",
        "srt": "g.srt",
        "sportscode": "g.xml",
    }
    for first, first_name in names.items():
        one = tmp_path / "one" / first_name
        convert(start, one, target_format=first, rate=25)
        for second, second_name in names.items():
            two = tmp_path / "two" / first / second_name
            assert convert(one, two, target_format=second, rate=25).count == 3
            (video,) = read_events(two, format=second, rate=25)
            assert [(event.label, event.frame) for event in video.events] == expected
