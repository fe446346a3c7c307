"""Results: what is written is read again, and what a person changed is kept."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from playhead.episodes.outputs.edl import span_of, write_edl, write_srt
from playhead.episodes.results import (
    Corrections,
    EpisodeRecord,
    SeasonRecord,
    apply_corrections,
    find_season_files,
    read_corrections,
    read_season,
    segments_of,
    write_events,
    write_season,
    write_table,
)
from playhead.episodes.segments import KINDS, EpisodeResult, Evidence, Segment
from playhead.errors import LabelError
from playhead.events.formats import native, srt
from playhead.events.model import Event, VideoEvents

SOUND = Evidence(kind="sound", score=0.9, detail="same sound in S01E02")
OPENING = Segment(
    kind="opening", start=60.0, end=150.0, confidence=0.98, cluster=1, evidence=(SOUND,)
)
ENDING = Segment(kind="ending", start=1300.0, end=1390.0, confidence=0.9, cluster=2)
RECAP = Segment(kind="recap", start=1.0, end=31.5, confidence=0.7)


def record_of(folder: Path, segments: Sequence[Segment]) -> tuple[Path, EpisodeRecord]:
    """An episode's events as they are written, and its record."""
    events = folder / "E1.events.json"
    written = write_events("E1.mkv", segments, events)
    result = EpisodeResult(video="E1.mkv", duration=1440.0, segments=tuple(segments))
    return events, EpisodeRecord(result=result, written=written)


def edit(events: Path, *changed: Event) -> None:
    native.write(replace(native.read(events), events=changed), events)


def spans(segments: Sequence[Segment]) -> list[tuple[str, float, float]]:
    return [(segment.kind, segment.start, segment.end) for segment in segments]


def test_a_season_is_read_as_it_was_written(tmp_path: Path) -> None:
    _, record = record_of(tmp_path, [OPENING, ENDING])
    record = replace(record, deleted=(RECAP,), outputs=("E1.edl",), reason="x", status="partial")
    season = SeasonRecord(name="Season 01", title="Show", episodes=(record,), absent=(record,))
    write_season(season, tmp_path / "season.json")
    assert read_season(tmp_path / "season.json") == season
    assert find_season_files(tmp_path) == [tmp_path / "season.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1, "name": 3}', "\xff"])
def test_a_broken_season_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "season.json").write_text(text, encoding="latin-1")
    with pytest.raises(LabelError, match="not a season"):
        read_season(tmp_path / "season.json")


def test_a_newer_season_is_refused(tmp_path: Path) -> None:
    (tmp_path / "season.json").write_text('{"schema": 2}', encoding="utf-8")
    with pytest.raises(LabelError, match="update playhead"):
        read_season(tmp_path / "season.json")


def test_files_as_they_were_written_hold_no_correction(tmp_path: Path) -> None:
    odd = replace(OPENING, start=60.00049, end=150.33333333, snapped_start=60.0166666)
    events, record = record_of(tmp_path, [odd, ENDING])
    assert read_corrections(events, record) == Corrections()


def test_a_moved_segment_is_locked_with_its_evidence(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING, ENDING])
    first, second = native.read(events).events
    edit(events, replace(first, end=152.0), second)
    corrections = read_corrections(events, record)
    assert spans(corrections.locked) == [("opening", 60.0, 152.0)]
    assert corrections.locked[0].locked
    assert corrections.locked[0].evidence == (SOUND,)
    assert corrections.locked[0].cluster == 1
    assert corrections.deleted == ()
    kept, replaced = apply_corrections([OPENING, ENDING], corrections)
    assert spans(kept) == [("opening", 60.0, 152.0), ("ending", 1300.0, 1390.0)]
    assert replaced == (OPENING,)


def test_a_deleted_segment_is_not_found_again(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING, ENDING])
    edit(events, native.read(events).events[1])
    corrections = read_corrections(events, record)
    assert spans(corrections.deleted) == [("opening", 60.0, 150.0)]
    shifted = replace(OPENING, start=61.0, end=151.0)
    elsewhere = replace(OPENING, start=400.0, end=490.0)
    kept, replaced = apply_corrections([shifted, elsewhere, ENDING], corrections)
    assert spans(kept) == [("opening", 400.0, 490.0), ("ending", 1300.0, 1390.0)]
    assert replaced == (shifted,)


def test_another_kind_is_locked_and_replaces_the_first(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING])
    edit(events, replace(native.read(events).events[0], label="recap"))
    kept, _ = apply_corrections([OPENING], read_corrections(events, record))
    assert spans(kept) == [("recap", 60.0, 150.0)]


def test_an_added_segment_is_locked(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING])
    added = Event(label="ending", start=1200.0, end=1290.0)
    edit(events, *native.read(events).events, added)
    corrections = read_corrections(events, record)
    assert spans(corrections.locked) == [("ending", 1200.0, 1290.0)]
    assert corrections.locked[0].confidence == 1.0


def test_corrections_outlive_every_later_match(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING, ENDING])
    edit(events, replace(native.read(events).events[0], end=152.0))
    for _ in range(3):
        corrections = read_corrections(events, record)
        kept, _ = apply_corrections([OPENING, ENDING], corrections)
        events, record = record_of(tmp_path, kept)
        record = replace(record, deleted=corrections.deleted)
        assert spans(kept) == [("opening", 60.0, 152.0)]
        assert [segment.locked for segment in kept] == [True]


def test_a_segment_that_a_person_restores_is_no_longer_deleted(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [ENDING])
    record = replace(record, deleted=(OPENING,))
    edit(events, Event(label="opening", start=60.0, end=149.0), *native.read(events).events)
    corrections = read_corrections(events, record)
    assert corrections.deleted == ()
    assert spans(corrections.locked) == [("opening", 60.0, 149.0)]


def test_a_match_that_was_killed_makes_no_corrections(tmp_path: Path) -> None:
    # season.json is written first: the events of the match before still stand in their file.
    events, before = record_of(tmp_path, [OPENING, ENDING])
    record = EpisodeRecord(
        result=EpisodeResult(video="E1.mkv", duration=1440.0, segments=(RECAP,)),
        written=(("recap", 1.0, 31.5),),
        earlier=before.written,
    )
    assert read_corrections(events, record) == Corrections()


def test_without_a_record_every_segment_counts_as_corrected(tmp_path: Path) -> None:
    events, _ = record_of(tmp_path, [OPENING])
    assert spans(read_corrections(events, None).locked) == [("opening", 60.0, 150.0)]
    assert read_corrections(tmp_path / "none.events.json", None) == Corrections()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"label": "goal", "start": 1.0, "end": 2.0}, "no kind of segment"),
        ({"label": "opening", "start": 1.0}, "has no end"),
    ],
)
def test_what_is_no_segment_is_refused(
    tmp_path: Path, entry: dict[str, object], message: str
) -> None:
    document = {"schema": 1, "video": "E1.mkv", "classes": ["goal", "opening"], "events": [entry]}
    (tmp_path / "E1.events.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(LabelError, match=message):
        read_corrections(tmp_path / "E1.events.json", None)


def test_notes_of_a_person_are_kept(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING])
    edit(events, replace(native.read(events).events[0], note="seen"))
    assert read_corrections(events, record) == Corrections()
    write_events("E1.mkv", [OPENING], events)
    assert native.read(events).events[0].note == "seen"


def test_what_stood_in_events_of_ones_own_is_kept(tmp_path: Path) -> None:
    events = tmp_path / "E1.events.json"
    own = Event(label="opening", start=60.00042, end=150.0, note="checked")
    native.write(VideoEvents(video="E1.mkv", classes=KINDS, events=(own,), frames=900), events)
    write_events("E1.mkv", read_corrections(events, None).locked, events)
    read = native.read(events)
    assert (read.events[0].note, read.frames) == ("checked", 900)


def test_a_span_after_the_end_of_the_video_is_refused(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING])
    edit(events, Event(label="eyecatch", start=1439.0, end=1440.9))
    assert len(segments_of(events, record)) == 1
    edit(events, Event(label="eyecatch", start=1439.0, end=1441.1))
    with pytest.raises(LabelError, match=r"ends at 1441\.1 s, but the video after 1440\.00 s"):
        segments_of(events, record)
    with pytest.raises(LabelError, match="but the video"):
        read_corrections(events, record, duration=1440.0)


def test_the_segments_of_a_corrected_file_are_those_that_stand_there(tmp_path: Path) -> None:
    events, record = record_of(tmp_path, [OPENING, ENDING])
    first, second = native.read(events).events
    edit(events, replace(first, start=70.0), second)
    moved, kept = segments_of(events, record)
    assert (moved.start, moved.locked) == (70.0, True)
    assert kept == ENDING


def test_the_snapped_time_is_written_where_there_is_one() -> None:
    assert span_of(replace(OPENING, snapped_end=150.5)) == (60.0, 150.5)
    assert span_of(replace(OPENING, snapped_start=80.0, snapped_end=80.0)) == (60.0, 150.0)
    start, end = span_of(replace(OPENING, start=1.0001, end=1.0002))
    assert start < end


def test_the_table_has_every_segment_with_both_times(tmp_path: Path) -> None:
    _, record = record_of(tmp_path, [replace(OPENING, snapped_start=60.1)])
    result = replace(record.result, rejected=(RECAP,))
    write_table([replace(record, result=result, deleted=(ENDING,))], tmp_path / "segments.csv")
    with (tmp_path / "segments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["status"]) for row in rows] == [
        *(("opening", "written"), ("recap", "rejected"), ("ending", "deleted"))
    ]
    assert (rows[0]["start"], rows[0]["snapped_start"]) == ("60.000", "60.100")
    assert rows[0]["snapped_end"] == ""
    assert rows[0]["evidence"] == "sound 0.90: same sound in S01E02"


def test_an_edl_has_one_line_a_span_in_order_and_none_that_overlap(tmp_path: Path) -> None:
    inside = Segment(kind="recap", start=140.0, end=155.0, confidence=0.5)
    write_edl([ENDING, OPENING, inside], tmp_path / "a.edl")
    assert (tmp_path / "a.edl").read_text(encoding="utf-8") == (
        "60.000 155.000 3\n1300.000 1390.000 3\n"
    )
    write_edl([OPENING], tmp_path / "a.edl", action="cut")
    assert (tmp_path / "a.edl").read_text(encoding="utf-8") == "60.000 150.000 0\n"
    write_edl([], tmp_path / "a.edl")
    assert not (tmp_path / "a.edl").read_text(encoding="utf-8")


def test_subtitles_show_the_segments(tmp_path: Path) -> None:
    write_srt([ENDING, OPENING], "E1.mkv", tmp_path / "E1.segments.srt")
    events = srt.read(tmp_path / "E1.segments.srt").events
    assert [(e.label, e.start, e.end) for e in events] == spans([OPENING, ENDING])
