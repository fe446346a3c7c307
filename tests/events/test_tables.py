"""Tables as people have them: separators, encodings, headers, clock times, and all mistakes."""

import logging
import re
from pathlib import Path

import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events
from playhead.events.formats.headers import as_columns
from playhead.events.formats.table import as_seconds
from playhead.events.manifest import read_manifest


def table(folder: Path, text: str, encoding: str = "utf-8", name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path, **options):
    """The events of one video as (label, start, end), and the notes."""
    notes: list[str] = []
    [video] = read_events(path, notes=notes, **options)
    return [(event.label, event.start, event.end) for event in video.events], notes


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings_are_recognised(tmp_path, separator, encoding):
    rows = [["video", "label", "time"], ["spiel één.mp4", "Schuß", "1.5"]]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    path = table(tmp_path, text, encoding)
    assert read(path) == ([("Schuß", 1.5, None)], [])
    assert read_events(path)[0].video == "spiel één.mp4"


def test_excels_unicode_text_is_read_though_tracks_have_its_suffix(tmp_path):
    path = table(tmp_path, "video\tlabel\ttime\na.mp4\thit\t1,5\n", "utf-16", "labels.txt")
    assert read(path) == ([("hit", 1.5, None)], [])


def test_windows_1252_is_read_with_a_note(tmp_path):
    events, notes = read(table(tmp_path, "video;label;time\na.mp4;Schuß;1,5\n", "cp1252"))
    assert events == [("Schuß", 1.5, None)]
    assert len(notes) == 1
    assert "Windows-1252" in notes[0]


def test_a_line_that_names_the_separator_is_skipped(tmp_path):
    path = table(tmp_path, "sep=;\nvideo;label;time\n\na.mp4;a,b;soon\n")
    with pytest.raises(LabelError, match="line 4.*'soon'"):
        read_events(path)


def test_header_names_may_have_any_case_and_order_and_common_synonyms(tmp_path):
    text = "Remark,Start (s),CLASS,File name,End_Time\nfine,1.5,hit,a.mp4,2\n"
    events, notes = read(table(tmp_path, text))
    assert events == [("hit", 1.5, 2.0)]
    assert len(notes) == 1
    assert notes[0].endswith("ignored columns: Remark")


def test_an_exact_name_goes_before_a_synonym(tmp_path):
    text = "video,event,label,time,timestamp\na.mp4,x,hit,1,2024-05-01\n"
    events, notes = read(table(tmp_path, text))
    assert events == [("hit", 1.0, None)]
    assert "ignored columns: event, timestamp" in notes[-1]


def test_two_synonyms_of_a_column_are_refused(tmp_path):
    path = table(tmp_path, "video,label,start,seconds\na.mp4,hit,1,2\n")
    with pytest.raises(LabelError, match="'start' and 'seconds' could both be the time.*--columns"):
        read_events(path)
    assert read(path, columns={"time": "seconds"})[0] == [("hit", 2.0, None)]


def test_a_misspelt_column_is_not_dropped_silently(tmp_path):
    _, notes = read(table(tmp_path, "video,label,time,scroe\na.mp4,hit,1,0.5\n"))
    assert any("'scroe'" in note and "--columns score=scroe" in note for note in notes)


def test_named_columns_are_taken(tmp_path):
    path = table(tmp_path, "Datei;Zeit;Aktion;time\na.mp4;1,5;Schuß;x\n")
    columns = as_columns("time=Zeit, label=aktion,video=Datei")
    assert read(path, columns=columns)[0] == [("Schuß", 1.5, None)]
    with pytest.raises(LabelError, match=r"time=Zeitt: no column.*Datei, Zeit"):
        read_events(path, columns={"time": "Zeitt"})


def test_a_column_named_as_time_or_frame_decides_between_both(tmp_path):
    path = table(tmp_path, "video,label,time,frame\na.mp4,hit,1,25\n")
    assert read(path, columns={"time": "time"})[0] == [("hit", 1.0, None)]
    assert read(path, columns={"frame": "frame"}, rate=50)[0] == [("hit", 0.5, None)]


@pytest.mark.parametrize("text", ["", "time", "time=", "when=Zeit", "time=a,time=b"])
def test_columns_that_say_nothing_are_refused(text):
    with pytest.raises(LabelError, match="columns"):
        as_columns(text)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("12.48", 12.48),
        ("12,48", 12.48),
        ("1:02:03.4", 3723.4),
        ("0:12,3", 12.3),
        ("12:05", 725.0),
        ("75:00", 4500.0),
        ("00:00:00", 0.0),
        ("1e2", 100.0),
    ],
)
def test_a_time_may_be_a_clock_time_or_have_a_decimal_comma(cell, seconds):
    assert as_seconds(cell) == seconds


@pytest.mark.parametrize("cell", ["", "1:60", "1:75:00", "12:", "1,2,3", "1.234,5", "00:01:02:13"])
def test_other_times_are_refused(cell):
    with pytest.raises(ValueError, match=r"clock time|could not convert"):
        as_seconds(cell)


def test_a_timecode_with_frames_is_explained(tmp_path):
    path = table(tmp_path, "video,label,time\na.mp4,hit,00:01:02:13\n")
    with pytest.raises(LabelError, match="line 2.*frames of a timecode are not read"):
        read_events(path)


def test_a_quoted_cell_may_have_a_decimal_comma(tmp_path):
    path = table(tmp_path, 'video,label,time,end\na.mp4,hit,"1,5","2,25"\n')
    assert read(path)[0] == [("hit", 1.5, 2.25)]


def test_decimal_commas_beside_points_are_refused(tmp_path):
    path = table(tmp_path, 'video,label,time\na.mp4,hit,987.5\na.mp4,hit,"1,234"\n')
    with pytest.raises(LabelError, match=r"line 3: '1,234' has a comma, but '987.5' in line 2"):
        read_events(path)


def test_all_mistakes_are_named_with_their_lines(tmp_path):
    rows = ["a,hit,x", "a,,1", "a,hit,1", "a,hit,-1", ",hit,2", "a,hit", "a,hit,3,0.5"]
    path = table(tmp_path, "\n".join(["video,label,time", *rows]))
    with pytest.raises(LabelError) as caught:
        read_events(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: 6 mistakes: line 2: ")
    assert re.findall(r"line (\d)", message) == ["2", "3", "5", "6", "7", "8"]
    assert message.count(str(path)) == 1


def test_more_than_twenty_mistakes_are_counted(tmp_path):
    path = table(tmp_path, "\n".join(["video,label,time", *["a,hit,x"] * 33]))
    with pytest.raises(LabelError, match=r"33 mistakes: .*line 21: [^;]*; and 13 more$"):
        read_events(path)


def test_all_unknown_classes_are_named(tmp_path):
    path = table(tmp_path, "video,label,time\na,hit,1\na,mis,2\nb,his,3\n")
    with pytest.raises(LabelError, match=r"2 mistakes: line 3: .*'mis'.*line 4: .*'his'"):
        read_events(path, classes=["hit"])


def test_equal_rows_are_merged_with_a_note(tmp_path, caplog):
    path = table(tmp_path, "video,label,time\na,hit,1\na,miss,1\na,hit,1.0\na,hit,0:01\nb,hit,1\n")
    notes: list[str] = []
    first, second = read_events(path, notes=notes)
    assert [event.label for event in first.events] == ["hit", "miss"]
    assert len(second.events) == 1
    assert notes == [f"{path}: 2 labels were merged with equal ones: line 4, line 5"]
    with caplog.at_level(logging.WARNING):
        read_events(path)
    assert [record.getMessage() for record in caplog.records] == notes


def test_a_table_without_videos_is_of_the_video_it_is_called_after(tmp_path):
    path = table(tmp_path, "time,label\n1.5,hit\n", name="match 3.csv")
    [video] = read_events(path)
    assert video.video == "match 3"
    path = table(tmp_path, "clip,time,label\na.MP4,1.5,hit\nb.mp4,1,hit\n")
    with pytest.raises(
        LabelError, match=r"line 2: 'a.MP4' looks like a video.*--columns video=clip"
    ):
        read_events(path)
    assert len(read_events(path, columns={"video": "clip"})) == 2


def test_a_folder_of_tables_is_read_together(tmp_path):
    (tmp_path / "day 1").mkdir()
    table(tmp_path / "day 1", "time;label\n1,5;hit\n", name="a.csv")
    table(tmp_path, "time\tlabel\n2.5\tmiss\n", name="b.tsv")
    videos = read_events(tmp_path)
    assert [(video.video, video.classes) for video in videos] == [
        ("b", ("hit", "miss")),
        ("day 1/a", ("hit", "miss")),
    ]


def test_blank_rows_and_cells_past_the_header_are_ignored(tmp_path):
    path = table(tmp_path, "video;label;time;;\na.mp4;hit;1;;\n;;;;\n\n")
    assert read(path) == ([("hit", 1.0, None)], [])


def test_a_spreadsheet_is_explained(tmp_path):
    path = table(tmp_path, "PK", name="labels.xlsx")
    with pytest.raises(LabelError, match="save it as CSV"):
        read_events(path)


def test_a_manifest_may_have_semicolons_too(tmp_path):
    for name in ("a.mp4", "a.csv"):
        (tmp_path / name).touch()
    path = table(tmp_path, "video;labels\na.mp4;a.csv\n", "utf-16", "manifest.csv")
    assert [row.name for row in read_manifest(path)] == ["a.mp4"]


def test_a_range_of_frames_is_a_span_of_both_and_those_between(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label,frame\na.mp4,hit,264-268\na.mp4,hit,300\n", encoding="utf-8")
    first, second = read_events(path, rate=10)[0].events
    assert (first.start, first.end) == (26.4, 26.9)
    assert (second.start, second.end) == (30.0, None)


def test_a_range_of_frames_that_falls_is_refused(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label,frame\na.mp4,hit,268-264\n", encoding="utf-8")
    with pytest.raises(LabelError, match="line 2"):
        read_events(path, rate=10)


def test_a_missing_rate_is_told_once_and_not_for_every_row(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label,frame\n" + "a.mp4,hit,5\na.mp4,hit,9\n", encoding="utf-8")
    with pytest.raises(LabelError) as caught:
        read_events(path)
    assert str(caught.value).count("the rate is unknown") == 1
