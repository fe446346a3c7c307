"""Labels of annotation tools, in files written by hand after what the tools document."""

import json
from pathlib import Path

import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events
from playhead.events.formats.detect import detect
from playhead.events.names import media_name


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, **options):
    """The events by video as (label, start, end, note), and the notes."""
    notes: list[str] = []
    videos = read_events(path, notes=notes, **options)
    return {
        video.video: [(e.label, e.start, e.end, e.note) for e in video.events] for video in videos
    }, notes


def refused(path: Path, match: str, **options) -> None:
    with pytest.raises(LabelError, match=match) as caught:
        read_events(path, **options)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("match.mp4", "match.mp4"),
        ("C:\\Videos\\match 1.mp4", "match 1.mp4"),
        ("file:///C:/Videos/match%201.mp4", "match 1.mp4"),
        ("./../a/match 100%.mp4", "match 100%.mp4"),
        ("/data/upload/3/0a1b2c3d-match.mp4", "match.mp4"),
        ("/data/local-files/?d=games/match.mp4", "match.mp4"),
        ("https://host/a/match.mp4?token=1", "match.mp4"),
        ("deadbeef-match.mp4", "deadbeef-match.mp4"),
    ],
)
def test_the_name_of_a_video_is_told_from_where_a_tool_keeps_it(place, name):
    assert media_name(place) == name


class TestBoris:
    def project(self, *events, files=("C:\\videos\\jump.mp4",), **observation):
        return {
            "project_format_version": "7.0",
            "behaviors_conf": {
                "0": {"type": "Point event", "code": "jump", "key": "j"},
                "1": {"type": "State event", "code": "rest", "key": "r"},
            },
            "subjects_conf": {},
            "observations": {
                "first": {
                    "type": "MEDIA",
                    "file": {"1": list(files), "2": []},
                    "time offset": 0.0,
                    "media_info": {"length": {"a.mp4": 10.0, "b.mp4": 20.0}},
                    "events": [list(event) for event in events],
                }
                | observation
            },
        }

    def test_point_events_are_instants_and_state_events_spans(self, tmp_path):
        project = self.project(
            (4.0, "Ann", "rest", "None", ""),
            (1.5, "Ann", "jump", "high|left", "nice"),
            (4.5, "Bob", "rest", "None", "tired"),
            (6.25, "Ann", "rest", "None", ""),
            (7.0, "Bob", "rest", "None", "", 175),
        )
        path = write(tmp_path, "project.boris", project)
        assert read(path)[0] == {
            "jump.mp4": [
                ("jump", 1.5, None, "Ann; high|left; nice"),
                ("rest", 4.0, 6.25, "Ann"),
                ("rest", 4.5, 7.0, "Bob; tired"),
            ]
        }
        assert detect(write(tmp_path, "project.json", project)) == "boris"

    def test_a_state_that_does_not_stop_is_named(self, tmp_path):
        project = self.project((1, "", "rest", "", ""), (2, "Bob", "rest", "", ""))
        path = write(tmp_path, "a.boris", project)
        refused(path, "2 mistakes: .*'first', event 1: rest starts at 1.000 s and does not stop")

    def test_events_of_files_played_one_after_another_are_of_the_file_they_are_in(self, tmp_path):
        project = self.project(
            (9.0, "", "jump", "", ""), (10.5, "", "jump", "", ""), files=("x/a.mp4", "b.mp4")
        )
        project["observations"]["first"]["media_info"]["length"] = {"x/a.mp4": 10.0, "b.mp4": 20.0}
        events, _ = read(write(tmp_path, "a.boris", project))
        assert events == {
            "a.mp4": [("jump", 9.0, None, None)],
            "b.mp4": [("jump", 0.5, None, None)],
        }

    def test_a_time_offset_is_subtracted_and_noted(self, tmp_path):
        project = self.project((61.0, "", "jump", "", ""), **{"time offset": 60.0})
        events, notes = read(write(tmp_path, "a.boris", project))
        assert events == {"jump.mp4": [("jump", 1.0, None, None)]}
        assert "60 s" in notes[0]

    def test_two_observations_of_a_video_are_refused_and_live_ones_left_out(self, tmp_path):
        project = self.project((1.0, "", "jump", "", ""))
        live = project["observations"]["first"] | {"type": "LIVE", "file": []}
        project["observations"]["live"] = live
        events, notes = read(write(tmp_path, "a.boris", project))
        assert list(events) == ["jump.mp4"]
        assert "'live' has no video" in notes[0]
        project["observations"]["second"] = project["observations"]["first"]
        refused(write(tmp_path, "a.boris", project), "'second' is of jump.mp4, and so is 'first'")

    def test_tabular_events_below_the_lines_about_the_observation(self, tmp_path):
        head = [
            "Observation id\tfirst\t\t\t",
            "\t\t\t\t",
            "Media file(s)\t\t\t\t",
            "Player #1\tjump.mp4\t\t\t",
            "Time offset (s)\t1.0\t\t\t",
            "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tComment\tStatus",
        ]
        rows = [
            "2.500\tv/jump.mp4\t60\t25\tNo focal subject\tjump\t\tPOINT",
            "4.000\tv/jump.mp4\t60\t25\tAnn\trest\t\tSTART",
            "6.250\tv/jump.mp4\t60\t25\tAnn\trest\tend\tSTOP",
        ]
        path = write(tmp_path, "a.tsv", "\n".join([*head, *rows, ""]))
        assert detect(path) == "boris"
        assert read(path)[0] == {
            "jump.mp4": [("jump", 1.5, None, None), ("rest", 3.0, 5.25, "Ann; end")]
        }
        path = write(tmp_path, "a.tsv", "\n".join([*head, *rows[:2], ""]))
        refused(path, "line 8: rest starts .* does not stop")

    def test_tabular_events_of_several_observations(self, tmp_path):
        text = (
            "Observation id,Observation date,Subject,Behavior,Behavioral category,Modifier #1,"
            "Behavior type,Time,Media file name,Image index,Comment\n"
            "one,2024-05-01,Ann,jump,,high,POINT,1.5,a.mp4,37,\n"
            "two,2024-05-01,Ann,rest,,,START,00:00:01.5,b.mp4,37,\n"
            "two,2024-05-01,Ann,rest,,,STOP,00:00:02.5,b.mp4,62,\n"
        )
        assert read(write(tmp_path, "all.csv", text))[0] == {
            "a.mp4": [("jump", 1.5, None, "Ann; high")],
            "b.mp4": [("rest", 1.5, 2.5, "Ann")],
        }

    def test_aggregated_events(self, tmp_path):
        head = (
            "Observation id,Media file,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),"
            "Stop (s),Duration (s),Comment start,Comment stop\n"
        )
        row = "one,a.mp4,25.0,Ann,rest,,STATE,1.800,8.125,6.325,,\n"
        point = "one,a.mp4,25.0,No focal subject,jump,,POINT,32.825,32.825,NA,,\n"
        assert read(write(tmp_path, "a.csv", head + point + row))[0] == {
            "a.mp4": [("rest", 1.8, 8.125, "Ann"), ("jump", 32.825, None, None)]
        }
        other = point.replace("a.mp4", "b.mp4")
        refused(write(tmp_path, "a.csv", head + row + other), "'one' is of several files")


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/v/talk.wav" MIME_TYPE="audio/x-wav"/>
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/v/talk%201.mp4" MIME_TYPE="video/mp4"
      RELATIVE_MEDIA_URL="./talk 1.mp4"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="480"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1280"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="2000"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="gesture">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>wave
        &amp; smile</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>nod</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="ref" PARENT_REF="gesture" TIER_ID="hand">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1">
      <ANNOTATION_VALUE>left</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


class TestElan:
    def test_values_are_labels_and_tiers_notes(self, tmp_path):
        events, notes = read(write(tmp_path, "talk.eaf", EAF))
        assert events == {
            "talk 1.mp4": [
                ("wave & smile", 0.48, 1.28, "gesture"),
                ("gesture", 1.28, 2.0, "gesture"),
            ]
        }
        assert len(notes) == 1
        assert notes[0].endswith("without times of their own: 2")

    def test_tiers_are_labels_if_told(self, tmp_path):
        events, _ = read(write(tmp_path, "talk.eaf", EAF), columns={"label": "tier"})
        assert [event[0] for event in events["talk 1.mp4"]] == ["gesture", "gesture"]
        assert events["talk 1.mp4"][0][3] == "wave & smile"
        refused(write(tmp_path, "a.eaf", EAF), "label=tier", columns={"label": "gesture"})

    def test_the_origin_of_the_video_is_added(self, tmp_path):
        text = EAF.replace('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="1500"')
        events, notes = read(write(tmp_path, "talk.eaf", text))
        assert events["talk 1.mp4"][0][1:3] == (1.98, 2.78)
        assert "1.5 s" in notes[0]

    def test_without_a_video_it_is_called_as_the_file(self, tmp_path):
        text = EAF.replace("video/mp4", "audio/mp4")
        assert list(read(write(tmp_path, "talk 7.eaf", text))[0]) == ["talk 7"]

    def test_what_cannot_be_read_is_named(self, tmp_path):
        for old, new, match in (
            ("milliseconds", "PAL-frames", "'PAL-frames' are not read"),
            ('VALUE="480"', 'VALUE="-480"', "ts1: needs milliseconds, got '-480'"),
            ('REF1="ts1"', 'REF1="ts9"', "annotation a1: refers to the time slot 'ts9'"),
            ('VALUE="1280"', 'VALUE="80"', "annotation a1: .*must end after it starts"),
            ("</TIME_ORDER>", "", "line 27: not valid XML"),
            ("<ANNOTATION_DOC", "<!DOCTYPE x><ANNOTATION_DOC", "document type"),
        ):
            refused(write(tmp_path, "talk.eaf", EAF.replace(old, new)), match)


class TestSportscode:
    def test_instances_are_spans_with_their_labels_as_note(self, tmp_path):
        text = """<file><SORT_INFO><sort_type>sort order</sort_type></SORT_INFO><ALL_INSTANCES>
          <instance><ID>1</ID><start>62.04</start><end>68.0</end><code>Pass</code>
            <label><group>Player</group><text>N. K.</text></label><label><text>long</text></label>
          </instance>
          <instance><ID>2</ID><start>2</start><end>2</end><code> Kick off </code></instance>
        </ALL_INSTANCES><ROWS><row><code>Pass</code><R>65535</R><G>0</G><B>0</B></row></ROWS></file>"""
        path = write(tmp_path, "match 1.xml", text)
        assert detect(path) == "sportscode"
        assert read(path)[0] == {
            "match 1": [
                ("Pass", 62.04, 68.0, "Player: N. K.; long"),
                ("Kick off", 2.0, None, None),
            ]
        }

    def test_all_mistakes_are_named(self, tmp_path):
        text = """<file><ALL_INSTANCES>
          <instance><ID>1</ID><start>soon</start><end>68.0</end><code>Pass</code></instance>
          <instance><ID>2</ID><start>2</start><end>1</end><code>Pass</code></instance>
          <instance><ID>3</ID><start>2</start><end>3</end></instance></ALL_INSTANCES></file>"""
        refused(
            write(tmp_path, "a.xml", text),
            "3 mistakes: instance 1: start needs a number.*instance 2: .*ends? after.*instance 3: "
            "has no code",
        )


class TestLabelStudio:
    def task(self, *results, video="/data/upload/1/0a1b2c3d-match.mp4", **annotation):
        return {
            "id": 1,
            "data": {"video": video},
            "annotations": [
                {"id": 5, "was_cancelled": False, "result": list(results)} | annotation
            ],
        }

    def timeline(self, label, start, end, **value):
        value |= {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
        return {"type": "timelinelabels", "value": value}

    def test_timeline_labels_are_spans_of_frames_counted_from_one(self, tmp_path):
        document = [self.task(self.timeline("jump", 26, 50), self.timeline("land", 51, 51))]
        path = write(tmp_path, "export.json", document)
        assert detect(path) == "labelstudio"
        refused(path, "rate is unknown")
        assert read(path, rate=25)[0] == {
            "match.mp4": [("jump", 1.0, 2.0, None), ("land", 2.0, None, None)]
        }
        [video] = read_events(path, rate=25)
        assert [event.frame for event in video.events] == [25, 50]

    def test_the_rate_that_the_export_states_makes_seconds(self, tmp_path):
        sequence = [
            {"frame": 11, "enabled": True, "x": 1, "y": 1, "width": 9, "height": 9},
            {"frame": 20, "enabled": False, "x": 1, "y": 1, "width": 9, "height": 9},
            {"frame": 91, "enabled": True, "x": 1, "y": 1, "width": 9, "height": 9},
        ]
        value = {"framesCount": 100, "duration": 10.0, "sequence": sequence, "labels": ["player"]}
        box = {"type": "videorectangle", "value": value}
        path = write(tmp_path, "a.json", [self.task(box, self.timeline("jump", 1, 5))])
        assert read(path)[0] == {
            "match.mp4": [
                ("jump", 0.0, 0.5, None),
                ("player", 1.0, 2.0, None),
                ("player", 9.0, 10.0, None),
            ]
        }

    def test_regions_in_seconds_are_spans(self, tmp_path):
        region = {"type": "labels", "value": {"start": 1.25, "end": 2.5, "labels": ["shout"]}}
        choice = {"type": "choices", "value": {"choices": ["good"]}}
        events, notes = read(write(tmp_path, "a.json", [self.task(region, choice)]))
        assert events == {"match.mp4": [("shout", 1.25, 2.5, None)]}
        assert notes[0].endswith("ignored results: 1 of type choices")

    def test_the_ground_truth_of_several_annotators_is_read(self, tmp_path):
        task = self.task(self.timeline("jump", 1, 5))
        second = {"result": [self.timeline("rest", 1, 5)], "ground_truth": True}
        task["annotations"] += [second, {"was_cancelled": True, "result": []}]
        events, notes = read(write(tmp_path, "a.json", [task]), rate=25)
        assert [event[0] for event in events["match.mp4"]] == ["rest"]
        assert "has 2 annotations" in notes[0]

    def test_what_cannot_be_read_is_named(self, tmp_path):
        for tasks, match in (
            ([self.task(), self.task()], "task 2: is of match.mp4, as an earlier task"),
            ([self.task(self.timeline("jump", 0, 5))], "task 1, annotation 1, result 1: jump: "),
            ([self.task(self.timeline("jump", 5, 4))], "frames from 1 that rise, got 5 to 4"),
            ([self.task() | {"data": {"text": "x"}}], "names no video; its keys are text"),
        ):
            refused(write(tmp_path, "a.json", tasks), match, rate=25)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>t</name><size>300</size>
<frame_filter></frame_filter><source>match 1.mp4</source></task></meta>
<track id="0" label="player" source="manual">
  <box frame="10" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="11" keyframe="0" outside="0" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="12" keyframe="1" outside="1" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="20" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
  <box frame="21" keyframe="0" outside="0" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/>
</track>
<track id="1" label="hit" source="manual">
  <box frame="15" keyframe="1" outside="0" occluded="0" xtl="10.5" ytl="20" xbr="30" ybr="40"/>
  <box frame="16" keyframe="1" outside="1" occluded="0" xtl="10.5" ytl="20" xbr="30" ybr="40"/>
</track></annotations>
"""


class TestCvat:
    def test_a_track_is_a_span_for_each_time_it_is_visible(self, tmp_path):
        path = write(tmp_path, "annotations.xml", CVAT)
        assert detect(path) == "cvat"
        [video] = read_events(path, rate=10)
        assert video.video == "match 1.mp4"
        assert [(e.label, e.frame, e.start, e.end, e.box) for e in video.events] == [
            ("player", 10, 1.0, 1.2, None),
            ("hit", 15, 1.5, None, (10.5, 20.0, 30.0, 40.0)),
            ("player", 20, 2.0, 2.2, None),
        ]
        refused(path, "rate is unknown")

    def test_tags_on_consecutive_frames_are_one_span(self, tmp_path):
        text = """<annotations><version>1.1</version><meta><task>
        <frame_filter>step=2</frame_filter><source>a.mp4</source></task></meta>
        <image id="4" name="frame_000004" width="9" height="9"><tag label="jump"/></image>
        <image id="6" name="frame_000006" width="9" height="9"><tag label="jump"/>
        <tag label="rest"/></image>
        <image id="12" name="frame_000012" width="9" height="9"><tag label="jump"/></image>
        </annotations>"""
        path = write(tmp_path, "a.xml", text)
        assert read(path, rate=2)[0] == {
            "a.mp4": [
                ("jump", 2.0, 4.0, None),
                ("rest", 3.0, 4.0, None),
                ("jump", 6.0, 7.0, None),
            ]
        }

    def test_the_json_of_a_backup(self, tmp_path):
        shape = {"type": "rectangle", "outside": False, "points": [1, 2, 3, 4]}
        gone = shape | {"outside": True}
        job = {
            "version": 0,
            "tags": [{"frame": 3, "label": "start"}],
            "shapes": [{"type": "rectangle", "frame": 5, "label": "ball", "points": [1, 2, 3, 4]}],
            "tracks": [
                {"label": "run", "shapes": [shape | {"frame": 7}, gone | {"frame": 9}]},
                {"label": "end", "shapes": [shape | {"frame": 11}, shape | {"frame": 13}]},
            ],
        }
        path = write(tmp_path, "match.json", [job])
        assert detect(path) == "cvat"
        notes: list[str] = []
        [video] = read_events(path, rate=1, notes=notes)
        assert video.video == "match"
        assert [(e.label, e.start, e.end, e.box) for e in video.events] == [
            ("start", 3.0, None, None),
            ("ball", 5.0, None, (1.0, 2.0, 3.0, 4.0)),
            ("run", 7.0, 9.0, None),
            ("end", 11.0, 14.0, None),
        ]
        assert "1 tracks do not leave" in notes[0]
        job["tags"] = [{"frame": 3, "label_id": 7}]
        refused(write(tmp_path, "match.json", job), "tag 1: has a label by number")

    def test_what_cannot_be_read_is_named(self, tmp_path):
        for old, new, match in (
            ('frame="10"', 'frame="ten"', "track 0: needs a frame from 0, got 'ten'"),
            ('xtl="10.5"', 'xtl=""', "track 1, frame 15: a box needs xtl"),
            ('label="hit"', 'label=""', "track 1: has no label"),
            ("<source>", "<source>a</source><source>", "project of 2 tasks"),
            ("annotations", "annotation", "XML is read of ELAN"),
        ):
            refused(write(tmp_path, "a.xml", CVAT.replace(old, new)), match, rate=10)


def test_a_row_of_a_manifest_finds_its_labels_by_name_or_by_file(tmp_path):
    for name in ("talk 1.mp4", "match 9.mp4", "talk 9.mp4"):
        (tmp_path / name).touch()
    write(tmp_path, "talk.eaf", EAF)
    instance = "<instance><start>1</start><end>2</end><code>x</code></instance>"
    write(tmp_path, "game.xml", f"<file>{instance}</file>")
    manifest = write(
        tmp_path, "manifest.csv", "video,labels\ntalk 1.mp4,talk.eaf\nmatch 9.mp4,game.xml\n"
    )
    assert [len(video.events) for video in read_events(manifest)] == [2, 1]
    manifest = write(tmp_path, "manifest.csv", "video,labels\ntalk 9.mp4,talk.eaf\n")
    with pytest.raises(LabelError, match="needs 'talk 9.mp4' exactly once, but has talk 1.mp4"):
        read_events(manifest)


def test_a_folder_of_one_tool_is_read_and_of_several_refused(tmp_path):
    write(tmp_path, "talk.eaf", EAF)
    assert list(read(tmp_path)[0]) == ["talk 1.mp4"]
    write(tmp_path, "annotations.xml", CVAT)
    refused(tmp_path, "several formats: .*cvat.*elan|several formats: .*elan.*cvat")
    assert list(read(tmp_path, format="cvat", rate=10)[0]) == ["match 1.mp4"]
