"""What analysts do with events: Sportscode XML, EDL, subtitles; and a constant shift of times."""

import itertools
import re
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from label_strategies import videos
from typer.testing import CliRunner

from playhead.cli import app
from playhead.errors import LabelError
from playhead.events.convert import convert
from playhead.events.formats import read_events, write_events
from playhead.events.formats.sportscode import NOT_XML
from playhead.events.model import Event, VideoEvents

CLOCK = r"(\d+):(\d\d):(\d\d),(\d{3})"


def of(*events: Event, video: str = "a.mp4", **options) -> VideoEvents:
    classes = tuple(sorted({event.label for event in events}))
    return VideoEvents(video=video, classes=classes, events=events, **options)


def cues(path: Path) -> list[tuple[int, int, list[str]]]:
    """Start and end in milliseconds, and the lines of each cue."""
    found = []
    for block in path.read_text(encoding="utf-8").strip("\n").split("\n\n"):
        number, timing, *lines = block.split("\n")
        match = re.fullmatch(f"{CLOCK} --> {CLOCK}", timing)
        assert match
        assert int(number) == len(found) + 1
        parts = [int(part) for part in match.groups()]
        start, end = (
            ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths
            for hours, minutes, seconds, thousandths in (parts[:4], parts[4:])
        )
        found.append((start, end, lines))
    return found


class TestSubtitles:
    def test_an_instant_is_shown_until_the_next_one_begins(self, tmp_path):
        path = tmp_path / "a.srt"
        events = [Event(label="step", start=start) for start in (1.0, 1.16, 1.32, 5.0)]
        write_events(of(*events), path)
        assert [(start, end) for start, end, _ in cues(path)] == [
            (1000, 1160),
            (1160, 1320),
            (1320, 2120),
            (5000, 5800),
        ]
        assert [event.start for event in read_events(path)[0].events] == [1.0, 1.16, 1.32, 5.0]

    def test_a_span_goes_on_while_something_else_is_shown(self, tmp_path):
        path = tmp_path / "a.srt"
        span = Event(label="rally", start=1, end=20, score=0.5)
        hit, miss = Event(label="hit", start=15), Event(label="miss", start=15)
        write_events(of(span, hit, miss), path)
        assert cues(path) == [
            (1000, 15000, ["rally", "span to 00:00:20,000 0.5000"]),
            (15000, 15800, ["rally", "continued", "hit", "instant", "miss", "instant"]),
            (15800, 20000, ["rally", "continued"]),
        ]
        assert read_events(path)[0].events == (span, hit, miss)

    @given(videos(unique=lambda event: (event.label, round(event.start * 1000))))
    def test_cues_never_overlap_and_are_read_as_what_was_written(self, events):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.srt"
            write_events(events, path)
            shown = cues(path) if events.events else []
            again = read_events(path)[0].events if events.events else ()
        assert all(start < end for start, end, _ in shown)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(shown))
        assert [event.label for event in again] == [
            event.label for event in sorted(events.events, key=lambda event: event.start)
        ]

    def test_cues_of_other_tools_are_spans(self, tmp_path):
        path = tmp_path / "a.srt"
        path.write_bytes("1\n00:00:01,000 --> 00:00:02,500\nSchuß\naufs Tor\n".encode("cp1252"))
        notes: list[str] = []
        [video] = read_events(path, notes=notes)
        assert [(e.label, e.start, e.end) for e in video.events] == [("Schuß", 1.0, 2.5)]
        assert "Windows-1252" in notes[0]


class TestSportscode:
    def test_instances_are_clips_with_a_row_for_each_class(self, tmp_path):
        path = tmp_path / "a.xml"
        events = [
            Event(label="Pass & go", start=12.48, score=0.87),
            Event(label="Rally", start=1.0, end=9.5, note="home; visible"),
        ]
        write_events(of(*events), path)
        root = ElementTree.fromstring(path.read_bytes())
        instances = root.findall("ALL_INSTANCES/instance")
        assert [
            tuple(instance.findtext(name) for name in ("ID", "start", "end", "code"))
            for instance in instances
        ] == [("1", "1.000000", "9.500000", "Rally"), ("2", "10.480000", "14.480000", "Pass & go")]
        assert [row.findtext("code") for row in root.findall("ROWS/row")] == ["Pass & go", "Rally"]
        again = read_events(path)[0]
        assert (again.video, again.events) == ("a", (events[1], events[0]))

    @given(videos(unique=lambda event: (event.label, round(event.start * 1e6))))
    def test_what_is_written_is_read(self, events):
        assume(not any(NOT_XML.search(label) for label in events.classes))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.xml"
            write_events(events, path)
            again = read_events(path)[0].events
        expected = sorted(events.events, key=lambda event: event.start)
        assert [(e.label, e.score, e.end is None) for e in again] == [
            (e.label, e.score, e.end is None) for e in expected
        ]
        for one, other in zip(again, expected, strict=True):
            assert one.start == pytest.approx(other.start, abs=1e-6)
            assert one.end == (None if other.end is None else pytest.approx(other.end, abs=2e-6))

    def test_several_videos_become_a_folder(self, tmp_path):
        event = Event(label="hit", start=1.0)
        write_events([of(event), of(event, video="b.mp4")], tmp_path / "out", format="sportscode")
        assert [video.video for video in read_events(tmp_path / "out")] == ["a", "b"]
        with pytest.raises(LabelError, match="holds one video"):
            (tmp_path / "x.xml").touch()
            write_events([of(event), of(event, video="b.mp4")], tmp_path / "x.xml")

    @pytest.mark.parametrize("label", ["a\x01", " a", "a\ufffe"])
    def test_a_label_that_xml_cannot_hold_is_refused(self, tmp_path, label):
        with pytest.raises(LabelError, match="XML cannot hold"):
            write_events(of(Event(label=label, start=1.0)), tmp_path / "a.xml")


class TestEdl:
    def test_edits_follow_one_another_with_a_locator_on_each_event(self, tmp_path):
        path = tmp_path / "best of.edl"
        first = of(
            Event(label="rally", start=61.0, end=62.0), Event(label="goal", start=10.0, frame=250)
        )
        second = of(Event(label="goal", start=0.4), video="b.mp4")
        write_events([first, second], path, rate=25)
        assert path.read_text() == (
            "TITLE: best of\nFCM: NON-DROP FRAME\n\n"
            "001  AX       V     C        00:00:08:00 00:00:12:00 00:00:00:00 00:00:04:00\n"
            "* FROM CLIP NAME: a.mp4\n* LOC: 00:00:02:00 RED     goal\n\n"
            "002  AX       V     C        00:01:01:00 00:01:02:00 00:00:04:00 00:00:05:00\n"
            "* FROM CLIP NAME: a.mp4\n* LOC: 00:00:04:00 RED     rally\n\n"
            "003  AX       V     C        00:00:00:00 00:00:02:10 00:00:05:00 00:00:07:10\n"
            "* FROM CLIP NAME: b.mp4\n* LOC: 00:00:05:10 RED     goal\n"
        )

    def test_timecodes_count_frames_at_fractional_rates(self, tmp_path):
        path = tmp_path / "a.edl"
        frame = 107_892  # an hour of 30000/1001 frames a second
        span = Event(label="x", start=frame * 1001 / 30000, end=(frame + 30) * 1001 / 30000)
        write_events(of(span, rate=Fraction(30000, 1001)), path)
        assert "00:59:56:12 00:59:57:12 00:00:00:00 00:00:01:00" in path.read_text()

    def test_a_rate_is_needed_and_only_one(self, tmp_path):
        event = Event(label="x", start=1.0)
        with pytest.raises(LabelError, match="rate is unknown.*--rate"):
            write_events(of(event), tmp_path / "a.edl")
        mixed = [of(event, rate=Fraction(25)), of(event, video="b", rate=Fraction(50))]
        with pytest.raises(LabelError, match=r"the videos have 25, 50"):
            write_events(mixed, tmp_path / "a.edl")
        with pytest.raises(LabelError, match="names of one line"):
            write_events(of(replace(event, label="a\nb")), tmp_path / "a.edl", rate=25)
        assert not (tmp_path / "a.edl").exists()

    def test_it_is_only_written(self, tmp_path):
        path = tmp_path / "a.edl"
        path.touch()
        with pytest.raises(LabelError, match="an EDL is only written"):
            read_events(path, format="edl")


class TestShift:
    def table(self, folder: Path, *rows: str, header: str = "video,label,time,end") -> Path:
        path = folder / "labels.csv"
        path.write_text("\n".join([header, *rows, ""]))
        return path

    def test_a_constant_time_is_added_to_all_events(self, tmp_path):
        source = self.table(tmp_path, "a,hit,1.5,", "a,rally,2,3.25", "b,,,")
        done = convert(source, tmp_path / "out.csv", shift=0.25)
        assert (done.count, done.videos, done.notes) == (2, 2, ())
        assert (tmp_path / "out.csv").read_text() == (
            "video,label,time,end\na,hit,1.75,\na,rally,2.25,3.5\nb,,,\n"
        )

    def test_events_before_the_start_are_left_out_with_a_note(self, tmp_path):
        source = self.table(tmp_path, "a,hit,0.1,", "a,hit,0.2,", "a,rally,0.1,3", "a,set,0.1,0.15")
        done = convert(source, tmp_path / "out.csv", shift=-0.2)
        assert (tmp_path / "out.csv").read_text() == (
            "video,label,time,end\na,hit,0.0,\na,rally,0.0,2.8\n"
        )
        assert "2 events would be before the start" in done.notes[0]

    def test_labels_by_frame_move_to_the_frames_there(self, tmp_path):
        source = self.table(tmp_path, "a,hit,10", header="video,label,frame")
        convert(source, tmp_path / "out.json", target_format="e2espot", rate=25, shift=0.1)
        [video] = read_events(tmp_path / "out.json")
        assert video.events[0].frame == 12  # 12.5, and of two equally near the earlier

    def test_tracks_have_no_shift_and_no_columns(self, tmp_path):
        for options in ({"shift": 1.0}, {"columns": {"time": "x"}}):
            with pytest.raises(LabelError, match="are for events"):
                convert(tmp_path / "a.tracks.npz", tmp_path / "b.txt", **options)


def test_the_command_says_what_it_did(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("Zeit;Aktion;Wer\n0:01,5;hit;x\n0:01,5;hit;y\n")
    (tmp_path / "in" / "b.csv").write_text("Zeit;Aktion\n3;hit\n")
    command = ["convert", str(tmp_path / "in"), str(tmp_path / "all.csv")]
    options = ["--columns", "time=Zeit,label=Aktion", "--shift", "-0.5"]
    result = CliRunner().invoke(app, command + options)
    assert result.exit_code == 0, result.output
    first, *notes = result.output.splitlines()
    assert first.endswith("all.csv: 2 events in 2 videos")
    assert re.search("ignored columns: Wer", notes[0])
    assert re.search("line 3: was merged", notes[1])
    assert (tmp_path / "all.csv").read_text() == "video,label,time\na,hit,1.0\nb,hit,2.5\n"
