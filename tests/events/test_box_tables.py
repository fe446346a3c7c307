"""Tables with boxes: NFL labels and submissions, MOTChallenge, and one's own table with boxes."""

import gzip
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from playhead.cli import app
from playhead.errors import LabelError
from playhead.events.convert import convert
from playhead.events.formats import nfl, read_events, write_events
from playhead.events.formats.box_rows import BATCH, track_file
from playhead.events.formats.detect import detect
from playhead.events.formats.mot import LABEL, read_mot, video_of, write_mot
from playhead.events.formats.tracks import read_tracks, write_tracks
from playhead.events.model import Event, Track, VideoEvents
from playhead.media import VideoWriter

RATE = Fraction(60000, 1001)
END, SIDE = "57583_000082_Endzone.mp4", "57583_000082_Sideline.mp4"
SUBMISSION = "gameKey,playID,view,video,frame,left,width,top,height"


def labels(folder: Path, *rows: str, header: str = nfl.HEADER, end: str = "\n") -> Path:
    path = folder / "train_labels.csv"
    path.write_bytes("".join(row + end for row in (header, *rows)).encode())
    return path


def row(
    frame: object = 1, label: str = "H12", *, box: str = "100,20,50,25", marks: str = "0,,0,0",
    view: str = "Endzone", play: str = "57583,82", video: str | None = None,
) -> str:  # fmt: skip
    return f"{play},{view},{video or f'57583_000082_{view}.mp4'},{frame},{label},{box},{marks}"


def refused(path: Path, *needed: str, read: Any = nfl.read_labels) -> None:
    with pytest.raises(LabelError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *needed):
        assert part in message


class TestNflLabels:
    def test_exchanged_columns_are_noticed_by_the_shape_of_the_boxes(self, tmp_path: Path) -> None:
        def rows(box: str, count: int) -> list[str]:
            return [row(k, box=box) for k in range(1, count + 1)]

        refused(labels(tmp_path, *rows("12,190,20,11", 20)), "17 times as wide as high")
        refused(labels(tmp_path, *rows("12,11,20,190", 20)), "0.058 times as wide")
        for fine in (rows("12,190,20,11", 19), rows("12,190,20,40", 20)):
            assert len(nfl.read_labels(labels(tmp_path, *fine))) == 1

    def test_scored_impacts_become_events_with_frame_box_view_and_track(
        self, tmp_path: Path
    ) -> None:
        path = labels(
            tmp_path,
            row(1, "V3"),
            row(5, "V3", marks="1,Helmet,3,2"),
            row(5, "H12", marks="1,Body,1,2"),  # too uncertain
            row(6, "H12", marks="1,Body,2,0"),  # not visible
            row(7, "H12", marks="1,,2,1"),
            row(1, "H2", view="Sideline"),
        )
        endzone, sideline = read_events(path, rate=RATE)
        assert (endzone.video, sideline.video) == (END, SIDE)
        assert [(e.frame, e.track, e.view, e.note) for e in endzone.events] == [
            (4, 2, "Endzone", "Helmet"),
            (6, 1, "Endzone", None),
        ]
        first = endzone.events[0]
        assert (first.box, first.label) == ((100, 50, 120, 75), "impact")
        assert first.start == pytest.approx(4 * 1001 / 60000)
        assert (sideline.events, sideline.classes) == ((), ("impact",))

    def test_impacts_that_are_not_scored_are_kept_on_request_with_their_note(
        self, tmp_path: Path
    ) -> None:
        path = labels(tmp_path, row(1, marks="1,Helmet,1,2"), row(2, marks="1,Helmet,2,2"))
        raws = nfl.read_labels(path, label="hit", unscored=True)[0].impacts
        assert [(raw.label, raw.note) for raw in raws] == [
            ("hit", nfl.NOT_SCORED),
            ("hit", "Helmet"),
        ]
        events = [Event(label="hit", start=0, note=raw.note) for raw in raws]
        assert [nfl.is_scored(event) for event in events] == [False, True]

    def test_helmets_become_tracks_in_sorted_order_whatever_the_order_of_rows(
        self, tmp_path: Path
    ) -> None:
        rows = [row(3, "V1"), row(1, "H9"), row(1, "V1", box="10,20.5,30,40"), row(2, "V1")]
        [video] = nfl.read_labels(labels(tmp_path, *rows))
        assert (video.play, video.view) == ("57583_000082", "Endzone")
        assert [(track.id, track.label) for track in video.tracks] == [(1, "H9"), (2, "V1")]
        track = video.tracks[1]
        assert track.frames.tolist() == [0, 1, 2]
        assert track.boxes[0].tolist() == [10, 30, 30.5, 70]
        assert [str(track.frames.dtype), str(track.boxes.dtype)] == ["int32", "float32"]

    def test_columns_may_be_in_any_order(self, tmp_path: Path) -> None:
        straight = labels(tmp_path, row(5, marks="1,Helmet,3,2"))
        names = nfl.HEADER.split(",")
        order = np.random.default_rng(1).permutation(len(names))
        cells = row(5, marks="1,Helmet,3,2").split(",")
        expected = nfl.read_labels(straight)[0].impacts[0]
        shuffled = labels(
            tmp_path, ",".join(cells[n] for n in order), header=",".join(names[n] for n in order)
        )
        assert detect(shuffled) == "nfl"
        assert nfl.read_labels(shuffled)[0].impacts[0] == expected

    def test_windows_line_ends_a_byte_order_mark_blank_lines_and_gzip_change_nothing(
        self, tmp_path: Path
    ) -> None:
        rows = [row(5, marks="1,Helmet,3,2"), row(6, marks=",,,"), row(7, marks="1.0,,2,1")]
        expected = read_events(labels(tmp_path, *rows), rate=RATE)
        assert len(expected[0].events) == 2
        path = labels(tmp_path, *rows, "", end="\r\n")
        assert read_events(path, rate=RATE) == expected
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert detect(path) == "nfl"
        assert read_events(path, rate=RATE) == expected
        packed = tmp_path / "train_labels.csv.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert read_events(packed, rate=RATE) == expected

    def test_a_cell_that_is_no_number_or_not_finite_is_named_with_its_line(
        self, tmp_path: Path
    ) -> None:
        for bad in ("nan", "inf", "x", ""):
            path = labels(tmp_path, row(), row(2, box=f"{bad},20,50,25"))
            refused(path, "line 3", "left needs a finite number", repr(bad))
        for bad in ("0", "-1", "1.5", "nan", "99999999999"):
            refused(labels(tmp_path, row(bad)), "line 2", "frame needs a whole number from 1")
        refused(labels(tmp_path, row(marks="2,,0,0")), "line 2", "impact needs 0 or 1, got '2'")
        refused(labels(tmp_path, row(marks="1,,x,0")), "line 2", "confidence needs a finite number")

    def test_a_line_is_right_after_blank_lines_and_quoted_line_breaks(self, tmp_path: Path) -> None:
        path = labels(tmp_path, row(), "", row(2, marks='0,"a\nb",0,0'), row("x"))
        refused(path, "line 6", "frame")

    def test_a_line_is_right_in_a_later_batch(self, tmp_path: Path) -> None:
        rows = [row(frame) for frame in range(1, BATCH + 10)]
        refused(labels(tmp_path, *rows, row(1)), f"line {BATCH + 11}", "first: line 2")
        refused(labels(tmp_path, *rows, row("x")), f"line {BATCH + 11}", "frame needs")

    def test_swapped_columns_that_give_no_area_are_refused(self, tmp_path: Path) -> None:
        for box in ("100,-20,50,25", "100,20,50,0", "1e39,20,50,25", "1e9,1,50,25"):
            refused(labels(tmp_path, row(box=box)), "line 2", "check the order of the columns")

    def test_a_second_box_of_a_helmet_in_a_frame_names_both_lines(self, tmp_path: Path) -> None:
        path = labels(tmp_path, row(2), row(1), row(2, "V1"), row(2, box="1,20,1,25"))
        refused(path, "line 5", "(H12) has a second box in frame 2", "first: line 2")

    def test_a_view_that_is_neither_or_another_than_the_videos_is_refused(
        self, tmp_path: Path
    ) -> None:
        refused(labels(tmp_path, row(view="Skycam")), "line 2", "Endzone or Sideline", "'Skycam'")
        refused(labels(tmp_path, row(video=SIDE)), "line 2", "view Endzone are not those of", SIDE)
        refused(labels(tmp_path, row(play="57583,83")), "line 2", "playID 83")
        refused(labels(tmp_path, row(video="a.mp4")), "line 2", "'a.mp4'", "GAME_PLAY_VIEW.mp4")
        [video] = nfl.read_labels(labels(tmp_path, row(view="ENDZONE", video=END)))
        assert video.view == "Endzone"

    def test_missing_and_unknown_columns_empty_files_and_short_rows_are_refused(
        self, tmp_path: Path
    ) -> None:
        path = labels(tmp_path, row(), header=nfl.HEADER.replace("visibility", "visible"))
        refused(path, "'visibility' is missing")
        refused(labels(tmp_path, row() + ",1", header=nfl.HEADER + ",x"), "unknown column 'x'")
        refused(labels(tmp_path), "only a header")
        refused(labels(tmp_path, row()[:-2]), "line 2", "has 13 cells", "14")
        refused(labels(tmp_path, row(label=" ")), "line 2", "label needs a helmet")
        path.write_bytes(b"")
        refused(path, "empty")
        path.write_bytes(nfl.HEADER.encode() + b"\n\xff")
        refused(path, "not UTF-8")

    def test_a_frame_past_the_end_of_the_video_is_refused(self, tmp_path: Path) -> None:
        path = labels(tmp_path, row(11, marks="1,,2,1"))
        times = {END: np.arange(10) / 60}
        refused(path, "line 2", "frame 10 is past the last frame (9)",
                read=lambda path: read_events(path, times=times))  # fmt: skip

    def test_a_hundred_thousand_rows_of_one_play_are_read_in_seconds(self, tmp_path: Path) -> None:
        rows = [
            row(frame, f"{team}{number}")
            for frame in range(1, 2274)
            for team in "HV"
            for number in range(22)
        ]
        path = labels(tmp_path, *rows)
        start = time.process_time()
        [video] = nfl.read_labels(path)
        assert time.process_time() - start < 8
        assert sum(len(track.frames) for track in video.tracks) == len(rows) == 100_012


class TestSubmission:
    def test_a_submission_comes_back(self, tmp_path: Path) -> None:
        events = tuple(
            Event(label="impact", start=k / 50, frame=k, box=box, view="Sideline")
            for k, box in ((0, (1.0, 2.0, 11.0, 22.0)), (7, (-3.5, 2.0, 11.0, 22.25)))
        )
        videos = [
            VideoEvents(video=SIDE, classes=("impact",), events=events),
            VideoEvents(video=END, classes=("impact",)),
        ]
        path = tmp_path / "submission.csv"
        write_events(videos, path, format="nfl")
        assert path.read_text().splitlines() == [
            SUBMISSION,
            f"57583,82,Sideline,{SIDE},1,1,10,2,20",
            f"57583,82,Sideline,{SIDE},8,-3.5,14.5,2,20.25",
        ]
        [again] = read_events(path, rate=50)
        assert (again.video, again.events) == (SIDE, events)

    def test_a_submission_without_events_is_a_header_and_no_videos(self, tmp_path: Path) -> None:
        path = tmp_path / "submission.csv"
        write_events(VideoEvents(video=END, classes=("impact",)), path, format="nfl")
        assert path.read_text() == SUBMISSION + "\n"
        assert read_events(path) == ()

    def test_events_that_a_submission_cannot_hold_are_refused(self, tmp_path: Path) -> None:
        good = Event(label="hit", start=0.5, frame=1, box=(0, 0, 1, 1))
        for video, event, match in (
            ("a.mp4", good, "GAME_PLAY_VIEW"),
            (END, replace(good, frame=None), "with a frame and a box"),
            (END, replace(good, box=None), "with a frame and a box"),
            (END, replace(good, end=1.0), "needs instants"),
            (END, replace(good, view="Sideline"), "says Endzone"),
        ):
            events = VideoEvents(video=video, classes=("hit",), events=(event,))
            with pytest.raises(LabelError, match=match):
                write_events(events, tmp_path / "x.csv", format="nfl")
            assert not (tmp_path / "x.csv").exists()

    def test_equal_rows_are_merged(self, tmp_path: Path) -> None:
        line = f"57583,82,Endzone,{END},5,1,10,2,20"
        path = labels(tmp_path, line, line, header=SUBMISSION)
        notes: list[str] = []
        [video] = read_events(path, rate=60, notes=notes)
        assert len(video.events) == 1
        assert "line 3: was merged" in notes[0]

    def test_play_and_view_of_a_name(self) -> None:
        assert nfl.play_and_view(f"x/{SIDE}") == ("57583_000082", "Sideline")
        assert nfl.play_and_view("57583_000082_endzone") == ("57583_000082", "Endzone")
        for name in ("57583_000082_Skycam.mp4", "57583_Endzone.mp4", "Endzone.mp4", ""):
            with pytest.raises(LabelError, match="GAME_PLAY_VIEW"):
                nfl.play_and_view(name)


@st.composite
def tracks(draw: st.DrawFn, labels: Sequence[str] = (LABEL,)) -> tuple[Track, ...]:
    made = []
    for number in sorted(draw(st.sets(st.integers(0, 99), min_size=1, max_size=4))):
        frames = sorted(draw(st.sets(st.integers(0, 500), min_size=1, max_size=6)))
        side = st.floats(-500, 2000, width=32)
        low = np.array([[draw(side), draw(side)] for _ in frames], np.float32)
        size = np.array([[draw(st.integers(1, 99)) / 4 for _ in range(2)] for _ in frames])
        boxes = np.concatenate([low, low + size], axis=1).astype(np.float32)
        scores = np.array([draw(st.floats(0, 1, width=32)) for _ in frames], np.float32)
        label = draw(st.sampled_from(labels))
        origin = np.zeros(len(frames), np.uint8)
        made.append(Track(number, label, np.array(frames, np.int32), boxes, scores, origin))
    return tuple(made)


def assert_same(first: Sequence[Track], second: Sequence[Track]) -> None:
    assert [(t.id, t.label) for t in first] == [(t.id, t.label) for t in second]
    for a, b in zip(first, second, strict=True):
        assert a.frames.tolist() == b.frames.tolist()
        assert a.scores.tolist() == b.scores.tolist()
        np.testing.assert_allclose(a.boxes, b.boxes, rtol=0, atol=2e-4)


class TestMot:
    def write(self, folder: Path, *rows: str) -> Path:
        path = folder / "street.txt"
        path.write_text("\n".join(rows), encoding="utf-8")
        return path

    @given(tracks(("car", "bus")), st.sampled_from([0, 1]))
    def test_tracks_come_back(self, made: tuple[Track, ...], first_pixel: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.txt"
            write_mot(made, path, classes=("car", "bus"), first_pixel=first_pixel)
            again = read_mot(path, classes=("car", "bus"), first_pixel=first_pixel)
        assert_same(made, again)

    def test_frames_pixels_and_ids_count_from_one(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "1,3,1,11,20,30,0.5,-1,-1,-1", "2,3,2,11,20,30,1,-1,-1,-1\r")
        [track] = read_mot(path)
        assert (track.id, track.label, track.frames.tolist()) == (3, LABEL, [0, 1])
        assert track.boxes[0].tolist() == [0, 10, 20, 40]
        assert track.scores.tolist() == [0.5, 1]
        assert read_mot(path, first_pixel=0)[0].boxes[0].tolist() == [1, 11, 21, 41]
        write_mot([track], tmp_path / "b.txt")
        assert (tmp_path / "b.txt").read_text() == (
            "1,3,1,11,20,30,0.5,-1,-1,-1\n2,3,2,11,20,30,1.0,-1,-1,-1\n"
        )

    def test_detections_without_an_id_become_tracks_of_their_own(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "1,-1,1,1,5,5,1", "1,-1,9,1,5,5,1", "2,7,1,1,5,5,1")
        assert [track.id for track in read_mot(path)] == [7, 8, 9]

    def test_bad_rows_are_named_with_their_line(self, tmp_path: Path) -> None:
        good = "1,1,5,5,5,5,1,2,1"
        for bad, *needed in (
            ("0,1,5,5,5,5,1,1,1", "frame needs a whole number from 1"),
            ("2,-2,5,5,5,5,1,1,1", "id needs a whole number from -1"),
            ("2,1,nan,5,5,5,1,1,1", "left needs a finite number"),
            ("2,1,5,5,-5,5,1,1,1", "needs an area"),
            ("2,1,5,5,5,5,1,1", "has 8 cells"),
            ("2,1,5,5,5,5,x,1,1", "conf needs"),
            ("1,1,6,5,5,5,1,1,1", "second box in frame 1 (first: line 1)"),
            ("frame,id,left,top,w,h,conf,a,b", "frame needs", "'frame'"),
        ):
            refused(self.write(tmp_path, good, bad), "line 2", *needed, read=read_mot)
        refused(self.write(tmp_path, "1,1,5"), "line 1", "has 3 cells", read=read_mot)
        refused(self.write(tmp_path, "1 1 5 5 5 5"), "separated by commas", read=read_mot)
        refused(self.write(tmp_path, ""), "empty", read=read_mot)

    def test_a_file_past_the_limit_is_refused_before_it_is_unpacked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("playhead.events.formats.box_rows.MAX_BYTES", 100_000)
        path = tmp_path / "a.txt.gz"
        path.write_bytes(gzip.compress(b"1,-1,5,5,5,5,1\n" * 20_000))
        refused(path, "is longer than 100000 bytes", read=read_mot)
        path.write_bytes(gzip.compress(b"1" * 10_000_000))
        refused(path, read=read_mot)

    def test_classes_have_names_if_they_are_given(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "1,1,5,5,5,5,1,2,1", "1,2,5,5,5,5,1,1,1")
        assert [track.label for track in read_mot(path, classes=("a", "b"))] == ["b", "a"]
        with pytest.raises(LabelError, match="line 1: has class 2, but there are 1 classes"):
            read_mot(path, classes=("a",))
        path = self.write(tmp_path, "1,1,5,5,5,5,1,2,1", "2,1,5,5,5,5,1,1,1")
        with pytest.raises(LabelError, match="line 2: track 1 is b and a"):
            read_mot(path, classes=("a", "b"))
        with pytest.raises(LabelError, match="one of the classes x"):
            write_mot(read_mot(path), tmp_path / "b.txt", classes=("x",))

    def test_a_video_is_the_sequence_or_the_name_of_the_file(self) -> None:
        assert video_of(Path("a/MOT17-02/det/det.txt")) == "MOT17-02"
        assert video_of(Path("a/gt.txt")) == "gt"

    def test_a_box_outside_of_the_image_or_a_frame_past_the_end_is_refused(
        self, tmp_path: Path
    ) -> None:
        size = {"frames": 5, "width": 64, "height": 48}
        edge = read_mot(self.write(tmp_path, "5,1,-3,-3,5,5,1", "1,2,64,48,50,50,1"))
        assert track_file("a.mp4", edge, **size).classes == (LABEL,)  # type: ignore[arg-type]
        for bad in ("1,1,65,1,5,5,1", "1,1,1,49,5,5,1", "1,1,-4,1,5,5,1", "1,1,1,-4,5,5,1"):
            outside = read_mot(self.write(tmp_path, bad))
            with pytest.raises(LabelError, match=r"track 1 .*outside of the image of 64x48"):
                track_file("a.mp4", outside, **size)  # type: ignore[arg-type]
        late = read_mot(self.write(tmp_path, "6,1,1,1,5,5,1"))
        with pytest.raises(LabelError, match="another cut"):
            track_file("a.mp4", late, **size)  # type: ignore[arg-type]


class TestOwnTable:
    def read(self, folder: Path, *rows: str) -> tuple[VideoEvents, ...]:
        path = folder / "own.csv"
        path.write_text("\n".join(rows))
        return read_events(path, rate=25)

    def test_boxes_views_and_tracks_are_read_and_a_label_may_be_missing(
        self, tmp_path: Path
    ) -> None:
        [video] = self.read(tmp_path, "video,frame,track", "a.mp4,5,3", "a.mp4,5,4")
        assert [(e.frame, e.track, e.label) for e in video.events] == [
            (5, 3, "event"),
            (5, 4, "event"),
        ]
        [video] = self.read(
            tmp_path, "video,frame,x1,y1,x2,y2,score,view,label", "a.mp4,5,1,2,3.5,4,.5,left,hit"
        )
        assert video.events == (
            Event(label="hit", start=0.2, frame=5, box=(1, 2, 3.5, 4), score=0.5, view="left"),
        )
        [video] = self.read(tmp_path, "video,frame,x1,y1,x2,y2", "a.mp4,,,,,")
        assert video.events == ()

    def test_bad_boxes_and_tracks_are_named_with_their_line(self, tmp_path: Path) -> None:
        head = "video,frame,x1,y1,x2,y2"
        for bad, match in (
            ("a,1,1,2,3,", "a part of a box"),
            ("a,1,1,2,x,4", "x2 needs a number"),
            ("a,1,1,2,nan,4", "has no area"),
            ("a,1,3,2,1,4", "has no area"),
        ):
            with pytest.raises(LabelError, match=f"line 2.*{match}"):
                self.read(tmp_path, head, bad)
        with pytest.raises(LabelError, match="'y2' is missing"):
            self.read(tmp_path, "video,frame,x1,y1,x2", "a,1,1,2,3")
        with pytest.raises(LabelError, match="'label' is missing"):
            self.read(tmp_path, "video,frame,view", "a,1,left")
        with pytest.raises(LabelError, match="line 2: track needs a whole number from 0"):
            self.read(tmp_path, "video,frame,track", "a,1,-3")
        with pytest.raises(LabelError, match=r"line 3.*twice.*\(first.*line 2"):
            self.read(tmp_path, f"{head},score", "a,1,1,2,3,4,.5", "a,1,1,2,3,4,.6")

    def test_two_boxes_in_a_frame_are_two_events(self, tmp_path: Path) -> None:
        events = tuple(
            Event(label="hit", start=0.2, frame=5, box=(x, 0.0, x + 9, 9.0)) for x in (0.0, 20.0)
        )
        path = tmp_path / "a.csv"
        write_events(VideoEvents(video="a", classes=("hit",), events=events), path)
        assert read_events(path, rate=25)[0].events == events
        with pytest.raises(LabelError, match="would be identical in CSV"):
            write_events(VideoEvents(video="a", classes=("hit",), events=events[:1] * 2), path)

    @given(st.data())
    def test_events_with_boxes_come_back(self, data: st.DataObject) -> None:
        box = st.just((1.5, 2.0, 3.25, 9.0)) | st.just((-1.0, 2.0, 3.25, 9.0)) | st.none()
        drawn = data.draw(
            st.lists(
                st.tuples(
                    st.integers(0, 500), box, st.none() | st.just("left"), st.none() | st.just(4)
                ),
                min_size=1,
                unique=True,
            )
        )
        events = tuple(
            Event(label="hit", start=k / 25, frame=k, box=b, view=v, track=t, score=0.5)
            for k, b, v, t in drawn
        )
        videos = VideoEvents(video="a", classes=("hit",), events=events, rate=Fraction(25))
        with tempfile.TemporaryDirectory() as folder:
            write_events(videos, Path(folder) / "a.csv")
            [again] = read_events(Path(folder) / "a.csv", rate=25)
        assert again == videos


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    for name in (END, SIDE, "street.mp4"):
        with VideoWriter(folder / name, 64, 48, RATE) as writer:
            for level in range(10):
                writer.write(np.full((48, 64), 20 * level, np.uint8))
    return folder


class TestConvert:
    def test_labels_become_a_submission_and_native_json(self, tmp_path: Path) -> None:
        path = labels(tmp_path, row(5, marks="1,Helmet,3,2"), row(5, view="Sideline"))
        assert convert(path, tmp_path / "out", rate=RATE).count == 1
        assert {file.name for file in (tmp_path / "out").iterdir()} == {
            END.replace("mp4", "events.json"), SIDE.replace("mp4", "events.json")
        }  # fmt: skip
        assert convert(path, tmp_path / "sub.csv", target_format="nfl", rate=RATE).count == 1
        assert convert(tmp_path / "out", tmp_path / "2.csv", target_format="nfl").count == 1
        assert (tmp_path / "sub.csv").read_text() == (tmp_path / "2.csv").read_text()

    def test_helmets_become_track_files_of_their_videos(self, tmp_path: Path, media: Path) -> None:
        box = "10,20,5,25"
        path = labels(tmp_path, row(10, box=box), row(1, "V1", box=box, view="Sideline"))
        assert convert(path, tmp_path / "out", target_format="tracks", media=media).count == 2
        file = read_tracks(tmp_path / "out" / END.replace("mp4", "tracks.npz"))
        assert (file.video, file.frames, file.width, file.height) == (END, 10, 64, 48)
        assert [(track.label, track.frames.tolist()) for track in file.tracks] == [("H12", [9])]
        with pytest.raises(LabelError, match="holds one video, but there are 2"):
            convert(path, tmp_path / "a.tracks.npz", media=media)
        with pytest.raises(LabelError, match="another cut"):
            convert(
                labels(tmp_path, row(11, box=box)),
                tmp_path / "o",
                target_format="tracks",
                media=media,
            )
        with pytest.raises(LabelError, match="outside of the image of 64x48"):
            convert(labels(tmp_path, row(1)), tmp_path / "o", target_format="tracks", media=media)
        assert not (tmp_path / "o").exists()

    def test_mot_becomes_a_track_file_and_back(self, tmp_path: Path, media: Path) -> None:
        source, target, back = (
            tmp_path / "street.txt",
            tmp_path / "a.tracks.npz",
            tmp_path / "b.txt",
        )
        source.write_text("1,3,1,11,20,30,0.5,-1,-1,-1\n2,3,2,11,20,30,1.0,-1,-1,-1\n")
        command = ["convert", str(source), str(target), "--media", str(media)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert re.search(r"a\.tracks\.npz: 1 track in 1 video", result.output)
        assert convert(target, back).count == 1
        assert back.read_text() == source.read_text()

    def test_options_of_mot_give_its_first_pixel_and_names_of_classes(
        self, tmp_path: Path, media: Path
    ) -> None:
        source, target = tmp_path / "street.txt", tmp_path / "a.tracks.npz"
        source.write_text("1,3,1,11,20,30,0.5,2,1\n")
        options = ["--first-pixel", "0", "--classes", "car,person"]

        def converted(*arguments: Path | str) -> str:
            result = CliRunner().invoke(app, ["convert", *map(str, arguments), *options])
            assert result.exit_code == 0, result.output
            return result.output

        converted(source, target, "--media", media)
        [track] = read_tracks(target).tracks
        assert (track.label, track.boxes[0].tolist()) == ("person", [1, 11, 21, 41])
        converted(target, tmp_path / "back.txt")
        assert (tmp_path / "back.txt").read_text() == "1,3,1,11,20,30,0.5,2,1\n"
        convert(target, tmp_path / "from-one.txt", classes=("person",))
        assert (tmp_path / "from-one.txt").read_text() == "1,3,2,12,20,30,0.5,1,1\n"
        with pytest.raises(LabelError, match="one of the classes dog"):
            convert(target, tmp_path / "c.txt", classes=("dog",))
        with pytest.raises(LabelError, match="--first-pixel and --classes are for MOTChallenge"):
            convert(target, tmp_path / "b.tracks.npz", first_pixel=0)

    def test_conversions_between_tracks_and_events_are_refused(self, tmp_path: Path) -> None:
        mot, own = tmp_path / "street.txt", tmp_path / "own.csv"
        mot.write_text("1,3,1,11,20,30,0.5\n")
        own.write_text("video,label,time\na,b,1\n")
        with pytest.raises(LabelError, match="--media"):
            convert(mot, tmp_path / "a.tracks.npz")
        with pytest.raises(LabelError, match="holds events"):
            convert(own, tmp_path / "a.tracks.npz")
        tracks = tmp_path / "b.tracks.npz"
        write_tracks(tracks, track_file("street", read_mot(mot), frames=1, width=64, height=48))
        with pytest.raises(LabelError, match="not events"):
            convert(tracks, tmp_path / "a.csv")
