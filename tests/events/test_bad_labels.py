"""Every bad input has its answer: a LabelError that names the file, the row and the remedy."""

import gzip
import json
import re
import shutil

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events, write_events
from playhead.events.formats.detect import READ
from playhead.events.model import Event, VideoEvents

TIMES = np.arange(1200) / 25


def refused(path, *needed, **options):
    """The one-line message with which `path` is refused, which must hold all that is `needed`."""
    with pytest.raises(LabelError) as caught:
        read_events(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message or path.is_dir()
    for part in needed:
        assert re.search(part, message), f"{part!r} is not in {message!r}"
    return message


def table(folder, *rows, header="video,label,time"):
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def clips(folder, *events, **clip):
    path = folder / "labels.json"
    document = [{"video": "a", "num_frames": 100, "fps": 25, "events": list(events)} | clip]
    path.write_text(json.dumps(document))
    return path


def native(folder, *events, **document):
    path = folder / "a.events.json"
    base = {"schema": 1, "video": "a.mp4", "classes": ["hit"], "events": list(events)}
    path.write_text(json.dumps(base | document))
    return path


def game(folder, *annotations, **document):
    path = folder / "Labels-v2.json"
    path.write_text(json.dumps({"UrlLocal": "g", "annotations": list(annotations)} | document))
    return path


class TestTables:
    def test_a_time_that_is_no_number_is_named_with_its_line(self, tmp_path):
        refused(table(tmp_path, "a.mp4,hit,1.0", "a.mp4,hit,soon"), "line 3", "'soon'", "number")

    def test_a_time_that_is_nan_negative_or_infinite_is_refused(self, tmp_path):
        for cell in ("nan", "-1", "inf"):
            refused(table(tmp_path, f"a.mp4,hit,{cell}"), "line 2", cell, "0 s or later")

    def test_a_score_that_is_nan_is_refused(self, tmp_path):
        path = table(tmp_path, "a.mp4,hit,1,nan", header="video,label,time,score")
        refused(path, "line 2", "score is nan")

    def test_a_span_that_ends_before_it_starts_is_refused(self, tmp_path):
        path = table(tmp_path, "a.mp4,hit,2,1", header="video,label,time,end")
        refused(path, "line 2", "must end after it starts")

    def test_a_row_that_differs_only_in_its_score_names_both_lines(self, tmp_path):
        rows = ["a.mp4,hit,1,.5", "a.mp4,miss,1,.5", "a.mp4,hit,1.0,.6"]
        path = table(tmp_path, *rows, header="video,label,time,score")
        refused(path, "line 4", "line 2", "twice", "0.5 and 0.6", "remove")

    def test_the_same_row_of_another_video_is_no_duplicate(self, tmp_path):
        assert len(read_events(table(tmp_path, "a.mp4,hit,1", "b.mp4,hit,1"))) == 2

    def test_a_missing_column_is_named(self, tmp_path):
        refused(table(tmp_path, "a.mp4,hit", header="video,label"), "'time' is missing")

    def test_a_needed_column_that_is_misspelt_is_shown(self, tmp_path):
        path = table(tmp_path, "a.mp4,hit,1", header="video,label,tiem")
        refused(path, "'time' is missing", "--columns time=tiem")
        path = table(tmp_path, "a.mp4,hit,1", header="vidoe,label,time")
        refused(path, "'video' is missing", "--columns video=vidoe")

    def test_a_column_that_stands_twice_is_refused(self, tmp_path):
        refused(table(tmp_path, "a,b,1,2", header="video,label,time,time"), "'time' appears twice")

    def test_time_and_frame_together_are_refused(self, tmp_path):
        path = table(tmp_path, "a.mp4,hit,1,25", header="video,label,time,frame")
        refused(path, "both a time and a frame")

    def test_a_row_of_another_length_is_refused(self, tmp_path):
        refused(table(tmp_path, "a.mp4,hit,1,0.5"), "line 2", "4 cells", "3")

    def test_a_row_without_label_time_or_video_is_refused(self, tmp_path):
        refused(table(tmp_path, "a.mp4,,1"), "line 2", "no label")
        refused(table(tmp_path, "a.mp4,hit,"), "line 2", "no time")
        refused(table(tmp_path, ",hit,1"), "line 2", "no video")

    def test_a_broken_quote_is_refused(self, tmp_path):
        refused(table(tmp_path, 'a.mp4,"hit"x,1'), "line 2", "not valid CSV")

    def test_a_header_alone_is_refused(self, tmp_path):
        refused(table(tmp_path), "only a header")

    def test_frames_without_rate_or_media_ask_for_a_rate(self, tmp_path):
        path = table(tmp_path, "a.mp4,hit,12", header="video,label,frame")
        refused(path, "line 2", "--rate 25")

    def test_a_frame_that_is_no_whole_number_is_refused(self, tmp_path):
        for cell in ("1.5", "-3", "x", "99999999999"):
            path = table(tmp_path, f"a.mp4,hit,{cell}", header="video,label,frame")
            refused(path, "line 2", re.escape(cell), "whole number", rate=25)

    def test_bom_crlf_spaces_and_other_alphabets_are_fine(self, tmp_path):
        path = tmp_path / "Übung 1.csv"
        path.write_bytes("\ufeffvideo, label ,time\r\nspiel één.mp4, Schuß ,1.5\r\n\r\n".encode())
        (video,) = read_events(path)
        assert (video.video, video.events[0].label) == ("spiel één.mp4", "Schuß")


class TestPastTheEnd:
    def test_a_frame_past_the_last_one_is_refused_as_a_label_of_another_cut(self, tmp_path):
        path = table(tmp_path, "match.mkv,hit,1204", header="video,label,frame")
        message = refused(path, times={"match.mkv": TIMES})
        assert message.endswith(
            "frame 1204 is past the last frame (1199). "
            "The labels may belong to another cut: see `playhead info`."
        )

    def test_the_last_frame_is_no_frame_past_the_end(self, tmp_path):
        path = table(tmp_path, "match.mkv,hit,1199", header="video,label,frame")
        assert read_events(path, times={"match.mkv": TIMES})[0].events[0].start == TIMES[-1]

    def test_a_time_is_past_the_end_from_where_the_last_frame_ends(self, tmp_path):
        inside = read_events(table(tmp_path, "m,hit,47.999"), times={"m": TIMES})
        assert inside[0].events[0].frame == 1199
        refused(table(tmp_path, "m,hit,48.0"), "line 2", r"1199, at 47.960 s", times={"m": TIMES})

    def test_a_clip_that_declares_its_length_holds_its_labels(self, tmp_path):
        refused(clips(tmp_path, {"label": "hit", "frame": 100}), r"event 1: frame 100 .*\(99\)")

    def test_a_time_past_the_declared_length_is_refused_at_a_rate(self, tmp_path):
        path = native(tmp_path, {"label": "hit", "start": 4.0}, frames=100)
        refused(path, "event 1", r"past the last frame \(99 at 25", rate=25)

    def test_a_video_without_frames_cannot_be_labelled(self, tmp_path):
        with pytest.raises(LabelError, match="no frames"):
            read_events(table(tmp_path, "m,hit,0"), times={"m": np.empty(0)})


class TestClasses:
    @pytest.mark.parametrize(
        "write",
        [
            lambda folder: table(folder, "a.mp4,dribble,1"),
            lambda folder: clips(folder, {"label": "dribble", "frame": 3}),
            lambda folder: game(folder, {"gameTime": "1 - 00:01", "label": "dribble"}),
            lambda folder: native(folder, {"label": "dribble", "start": 1}, classes=["dribble"]),
        ],
    )
    def test_an_unknown_class_is_named_with_its_row_and_the_known_ones(self, tmp_path, write):
        refused(
            write(tmp_path),
            r"(line|event|annotation) \d",
            "'dribble'",
            "pass, drive",
            classes=("pass", "drive"),
        )

    def test_a_class_that_class_txt_lacks_is_refused(self, tmp_path):
        (tmp_path / "class.txt").write_text("pass\ndrive\n")
        refused(clips(tmp_path, {"label": "dribble", "frame": 3}), "'dribble'", "pass, drive")

    def test_a_file_that_contradicts_its_own_classes_is_refused(self, tmp_path):
        refused(native(tmp_path, {"label": "miss", "start": 1}), "event 1", "'miss'", "hit")

    def test_a_class_named_twice_is_refused(self, tmp_path):
        refused(native(tmp_path, classes=["hit", "hit"]), "twice")
        (tmp_path / "class.txt").write_text("hit\nhit\n")
        with pytest.raises(LabelError, match=r"class\.txt.*twice"):
            read_events(clips(tmp_path))


class TestJson:
    @pytest.mark.parametrize("name", ["a.events.json", "labels.json", "Labels-v2.json"])
    def test_json_that_breaks_off_is_named_with_its_line(self, tmp_path, name):
        path = tmp_path / name
        path.write_text('{\n"annotations": [{"label":')
        refused(path, "line 2, column", "not valid JSON")

    @pytest.mark.parametrize("name", ["a.events.json", "a.json", "a.csv", "a.srt"])
    def test_an_empty_file_is_refused(self, tmp_path, name):
        path = tmp_path / name
        path.touch()
        refused(path, "empty")

    @pytest.mark.parametrize("name", ["a.events.json", "a.json", "a.csv", "a.srt"])
    def test_a_file_that_is_not_utf_8_is_refused(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes("\x81\n".encode("latin-1"))
        refused(path, "not UTF-8", "save it as UTF-8")

    @pytest.mark.parametrize("document", ["3", '"x"', "null", "[3]", '[{"video": 3}]', "[]", "{}"])
    def test_json_of_another_shape_is_refused(self, tmp_path, document):
        path = tmp_path / "a.json"
        path.write_text(document)
        refused(path, "needs")

    def test_json_nested_without_end_is_refused(self, tmp_path):
        path = tmp_path / "a.json"
        path.write_text("[" * 100_000)
        refused(path)

    def test_a_number_of_a_million_digits_is_refused(self, tmp_path):
        path = tmp_path / "a.json"
        path.write_text(
            '[{"video": "a", "events": [{"label": "x", "frame": ' + "9" * 10**6 + "}]}]"
        )
        refused(path, "JSON")

    def test_half_a_character_is_refused(self, tmp_path):
        path = native(tmp_path, {"label": "hit", "start": 1, "note": "\ud800"})
        refused(path, "event 1", "'note' needs text")

    def test_a_packed_file_that_is_none_is_refused(self, tmp_path):
        path = tmp_path / "pred.json.gz"
        path.write_bytes(b"[]")
        refused(path, "cannot be read")
        path.write_bytes(gzip.compress(b"[" + b" " * 10_000)[:-12])
        refused(path, "cannot be read")

    def test_a_missing_file_is_named(self, tmp_path):
        refused(tmp_path / "none.events.json", "cannot be read", "No such file")
        refused(tmp_path / "none", "cannot be read", "No such file")


class TestNative:
    def test_a_newer_schema_is_refused(self, tmp_path):
        refused(native(tmp_path, schema=2), "schema 2", "up to 1", "update playhead")

    def test_a_file_without_schema_is_refused(self, tmp_path):
        path = tmp_path / "a.events.json"
        path.write_text('{"video": "a.mp4", "classes": [], "events": []}')
        refused(path, "needs 'schema'")

    def test_an_unknown_key_is_refused_since_it_would_be_lost(self, tmp_path):
        refused(native(tmp_path, {"label": "hit", "start": 1, "scroe": 0.5}), "event 1", "'scroe'")
        refused(native(tmp_path, comment="x"), "'comment'", "the known keys are schema")

    @pytest.mark.parametrize(
        ("event", "problem"),
        [
            ({"start": 1}, "needs 'label'"),
            ({"label": "hit"}, "needs 'start'"),
            ({"label": "", "start": 1}, "'label' needs text"),
            ({"label": "hit", "start": None}, "'start' needs a number"),
            ({"label": "hit", "start": True}, "'start' needs a number"),
            ({"label": "hit", "start": float("nan")}, "time is nan"),
            ({"label": "hit", "start": -1}, "0 s or later"),
            ({"label": "hit", "start": 1, "score": float("inf")}, "score is inf"),
            ({"label": "hit", "start": 1, "frame": 1.5}, "'frame' needs a whole number"),
            ({"label": "hit", "start": 1, "frame": -1}, "'frame' needs a whole number"),
            ({"label": "hit", "start": 1, "frame": 2**31}, "'frame' needs a whole number"),
            ({"label": "hit", "start": 1, "box": [1, 2, 3]}, "four numbers"),
            ({"label": "hit", "start": 1, "box": [1, 2, 1, 4]}, "no area"),
            ({"label": "hit", "start": 1, "box": [1, 2, float("nan"), 4]}, "no area"),
            ({"label": "hit", "start": 1, "end": 1}, "must end after it starts"),
            (3, "needs a JSON object"),
        ],
    )
    def test_a_bad_event_is_named_with_its_number(self, tmp_path, event, problem):
        refused(native(tmp_path, {"label": "hit", "start": 0}, event), "event 2", problem)

    def test_a_bad_rate_is_refused(self, tmp_path):
        for rate in ("0", "-25", "1/0", "fast", "nan", "1e999999999"):
            refused(native(tmp_path, rate=rate), f"rate {rate}", "30000/1001")


class TestGames:
    @pytest.mark.parametrize(
        ("annotation", "problem"),
        [
            ({"label": "x"}, "'gameTime' or 'half'"),
            ({"label": "x", "gameTime": "12:34"}, "'1 - 12:34'"),
            ({"label": "x", "gameTime": "3 - 12:34"}, "'1 - 12:34'"),
            ({"label": "x", "gameTime": "1 - 12:34", "half": 2}, "disagree"),
            ({"label": "x", "half": 1}, "needs 'gameTime'"),
            ({"label": "x", "gameTime": "1 - 12:34", "position": "-5"}, "milliseconds from 0"),
            ({"label": "x", "gameTime": "1 - 12:34", "position": "nan"}, "milliseconds from 0"),
            ({"label": "x", "gameTime": "1 - 12:34", "position": "soon"}, "needs a number"),
            ({"gameTime": "1 - 12:34"}, "needs 'label'"),
            ("x", "needs a JSON object"),
        ],
    )
    def test_a_bad_annotation_is_named_with_its_number(self, tmp_path, annotation, problem):
        good = {"gameTime": "1 - 00:00", "label": "x", "position": "1"}
        refused(game(tmp_path, good, annotation), "annotation 2", problem)

    def test_annotations_and_predictions_in_one_file_are_refused(self, tmp_path):
        refused(game(tmp_path, predictions=[]), "either 'annotations' or 'predictions'")

    def test_equal_annotations_are_merged(self, tmp_path):
        one = {"gameTime": "1 - 00:00", "label": "x", "position": "1", "team": "home"}
        notes = []
        assert len(read_events(game(tmp_path, one, one), notes=notes)[0].events) == 1
        assert re.search("annotation 2.*merged", *notes)
        assert len(read_events(game(tmp_path, one, one | {"team": "away"}))[0].events) == 2


class TestClips:
    def test_a_clip_of_unknown_rate_asks_for_one(self, tmp_path):
        path = clips(tmp_path, {"label": "hit", "frame": 3}, fps=-1)
        refused(path, r"clip 1 \(a\), event 1", "--rate 25")
        assert read_events(path, rate=25)[0].events[0].start == 0.12

    def test_a_clip_that_stands_twice_is_refused(self, tmp_path):
        path = tmp_path / "labels.json"
        path.write_text(json.dumps([{"video": "a", "events": []}] * 2))
        refused(path, "clip 2", "twice")

    def test_an_event_of_two_scores_is_refused(self, tmp_path):
        event = {"label": "hit", "frame": 3}
        refused(clips(tmp_path, event, event | {"score": 0.5}), "event 2", "twice")


class TestSubtitles:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("1\n00:00:01 --> 00:00:02\nhit\n", "line 2.*00:01:02,500"),
            ("1\n00:00:01,000 --> 00:00:02,000\n\n", "line 2.*no text"),
            ("hello\n", "line 1"),
            ("1\n00:00:02,000 --> 00:00:01,000\nhit\n", "line 2.*must end after"),
            ("1\n00:00:01,000 --> 00:00:02,000\nhit\ninstant x\n", "line 2.*'x'"),
        ],
    )
    def test_a_bad_cue_is_named_with_its_line(self, tmp_path, text, problem):
        path = tmp_path / "a.srt"
        path.write_text(text)
        refused(path, problem)


class TestFormats:
    def test_a_file_of_no_known_kind_lists_the_formats(self, tmp_path):
        path = tmp_path / "labels.yaml"
        path.write_text("x")
        refused(path, "'.yaml'", ", ".join(READ))

    def test_a_format_of_no_known_name_lists_the_formats(self, tmp_path):
        refused(table(tmp_path, "a,b,1"), "'anvil'", "native, csv", format="anvil")
        with pytest.raises(LabelError, match="native, csv"):
            write_events(VideoEvents(video="a", classes=()), tmp_path / "a.json")
        with pytest.raises(LabelError, match="native, csv"):
            write_events(VideoEvents(video="a", classes=()), tmp_path / "a", format="manifest")

    def test_a_folder_without_labels_is_refused(self, tmp_path):
        refused(tmp_path, "no label files", r"\*\.events\.json")

    def test_a_folder_that_holds_a_video_twice_is_refused(self, tmp_path):
        path = native(tmp_path)
        shutil.copyfile(path, tmp_path / "b.events.json")
        refused(tmp_path, "2 files have the events of 'a.mp4'")

    def test_files_of_one_name_in_two_folders_are_two_videos(self, tmp_path):
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            native(tmp_path / name)
        assert [video.video for video in read_events(tmp_path)] == ["one/a.mp4", "two/a.mp4"]

    @pytest.mark.parametrize("rate", ["0", "fast", "-25", "25/0", 0, float("nan"), float("inf")])
    def test_a_rate_that_is_none_is_refused(self, tmp_path, rate):
        with pytest.raises(LabelError, match="30000/1001"):
            read_events(table(tmp_path, "a,b,1"), rate=rate)


class TestWriting:
    def hits(self, *starts, **fields):
        events = tuple(Event(label="hit", start=start, **fields) for start in starts)
        return VideoEvents(video="a/1", classes=("hit",), events=events)

    @pytest.mark.parametrize("name", ["Labels-v2.json", "a.srt"])
    def test_events_that_share_a_millisecond_are_not_written_as_one(self, tmp_path, name):
        with pytest.raises(LabelError, match="identical"):
            write_events(self.hits(1.0001, 1.0002), tmp_path / name)
        assert not (tmp_path / name).exists()

    def test_events_that_share_a_frame_are_not_written_as_one(self, tmp_path):
        with pytest.raises(LabelError, match="identical"):
            write_events(self.hits(1.0, 1.01), tmp_path / "a.json", format="e2espot", rate=25)

    def test_events_that_differ_in_score_alone_are_not_written(self, tmp_path):
        for name in ("a.csv", "a.events.json"):
            with pytest.raises(LabelError, match="identical"):
                write_events(self.hits(1.0, 1.0), tmp_path / name)

    @pytest.mark.parametrize("name", ["Labels-v2.json", "a.json"])
    def test_a_span_is_not_written_as_an_instant(self, tmp_path, name):
        format_ = "e2espot" if name == "a.json" else None
        with pytest.raises(LabelError, match="span"):
            write_events(self.hits(1.0, end=2.0), tmp_path / name, format=format_, rate=25)

    def test_seconds_are_not_written_as_frames_without_a_rate(self, tmp_path):
        with pytest.raises(LabelError, match="--rate 25"):
            write_events(self.hits(1.0), tmp_path / "a.json", format="e2espot")

    def test_a_video_that_leads_out_of_the_folder_is_not_written(self, tmp_path):
        for name in ("../../a.mp4", "/a.mp4"):
            video = VideoEvents(video=name, classes=())
            with pytest.raises(LabelError, match="is outside of"):
                write_events([video], tmp_path / "out")

    def test_two_videos_are_not_written_to_one_file(self, tmp_path):
        pair = [VideoEvents(video=name, classes=()) for name in ("a.mp4", "a.mkv")]
        with pytest.raises(LabelError, match="would share"):
            write_events(pair, tmp_path / "out")
        (tmp_path / "a.srt").touch()
        with pytest.raises(LabelError, match="name a folder"):
            write_events(pair, tmp_path / "a.srt")

    def test_two_games_are_not_written_to_one_file(self, tmp_path):
        pair = [VideoEvents(video=name, classes=()) for name in ("g/1", "h/2")]
        with pytest.raises(LabelError, match="one game"):
            write_events(pair, tmp_path / "Labels-v2.json")

    def test_a_label_of_two_lines_is_no_cue(self, tmp_path):
        video = VideoEvents(video="a", classes=("x\ny",), events=(Event(label="x\ny", start=1.0),))
        with pytest.raises(LabelError, match="one line"):
            write_events(video, tmp_path / "a.srt")

    def test_nothing_is_no_set_of_labels(self, tmp_path):
        with pytest.raises(LabelError, match="no videos"):
            write_events([], tmp_path / "a.csv")
