"""What is written is what is read, for generated labels and every format."""

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_strategies import boxed_events, framed_clips, instants, names, paths, videos

from playhead.events.formats import read_events, write_events
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest


def again(events, name, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_events(events, path)
        return read_events(path, **options)


def by_millisecond(event):
    return event.label, round(event.start * 1000)


@pytest.mark.slow
@given(videos(boxed_events))
def test_native_json_keeps_everything(events):
    assert again(events, "x.events.json") == (events,)


@given(framed_clips())
def test_native_json_keeps_frames_and_rate(events):
    assert again(events, "x.events.json") == (events,)


@given(st.lists(videos(), min_size=1, max_size=4, unique_by=lambda events: events.video))
def test_a_table_keeps_videos_labels_times_ends_and_scores(sets):
    classes = tuple(sorted({event.label for events in sets for event in events.events}))
    assert again(sets, "labels.csv") == tuple(replace(events, classes=classes) for events in sets)


@given(videos(), names)
def test_declared_classes_stay_in_their_order_though_nothing_of_them_happens(events, other):
    classes = tuple(dict.fromkeys([other, *reversed(events.classes)]))
    assert again(events, "labels.csv", classes=classes)[0].classes == classes


@given(st.lists(framed_clips(), min_size=1, max_size=3, unique_by=lambda clip: clip.video))
def test_e2e_spot_json_keeps_frames_scores_comments_lengths_and_rates(clips):
    classes = tuple(sorted({event.label for clip in clips for event in clip.events}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        write_events(clips, path, format="e2espot")
        assert read_events(path) == tuple(replace(clip, classes=classes) for clip in clips)


@given(framed_clips())
def test_frames_found_from_seconds_are_the_frames_that_the_seconds_came_from(clip):
    blind = tuple(replace(event, frame=None) for event in clip.events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        write_events(replace(clip, events=blind), path, format="e2espot")
        found = read_events(path)[0]
    assert [event.frame for event in found.events] == [event.frame for event in clip.events]


@pytest.mark.slow
@given(st.data(), st.sampled_from(["home; visible", "away; not shown", "home", "a word", None]))
def test_soccernet_labels_keep_halves_labels_milliseconds_and_notes(data, note):
    game = data.draw(names.filter(lambda name: not set(name) & set("/\\") and name[0] != "."))
    halves = [
        data.draw(videos(instants, name=st.just(f"{game} x/{half}"), unique=by_millisecond))
        for half in (1, 2)
    ]
    halves = [
        replace(half, events=tuple(replace(event, note=note, score=1.0) for event in half.events))
        for half in halves
    ]
    found = {half.video: half.events for half in again(halves, "Labels-v2.json")}
    for half in halves:
        expected = [replace(e, start=round(e.start * 1000) / 1000) for e in half.events]
        assert list(found.get(half.video, ())) == expected


@given(videos(instants, name=st.just("a game/2"), unique=by_millisecond))
def test_soccernet_results_keep_confidences(events):
    found = again(events, "results_spotting.json")[0]
    expected = [replace(e, start=round(e.start * 1000) / 1000) for e in events.events]
    assert list(found.events) == expected
    assert not events.events or found.video == events.video


@given(videos(unique=by_millisecond))
def test_subtitles_keep_label_kind_millisecond_and_four_decimals_of_the_score(events):
    found = again(events, "match.srt")[0]
    assert found.video == "match"
    expected = sorted(events.events, key=lambda event: event.start)
    assert [event.label for event in found.events] == [event.label for event in expected]
    for one, other in zip(found.events, expected, strict=True):
        assert abs(one.start - other.start) <= 0.0005 + 1e-9
        assert (one.end is None) == (other.end is None)
        assert one.end is None or abs(one.end - other.end) <= 0.001 + 1e-9
        assert abs(one.score - other.score) <= 0.00005 + 1e-12


@given(framed_clips().filter(lambda clip: clip.rate <= 60))
def test_subtitles_of_a_clip_lie_on_its_frames_again_when_its_rate_is_given(clip):
    found = again(clip, "match.srt", rate=clip.rate)[0]
    expected = sorted((event.frame, event.label) for event in clip.events)
    assert sorted((event.frame, event.label) for event in found.events) == expected


@given(
    st.lists(
        st.tuples(
            paths,
            st.booleans(),
            names | st.just(""),
            st.none() | names,
            st.none() | names,
            st.floats(-1e6, 1e6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_manifest_keeps_its_rows(drawn):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        rows = []
        for number, (name, labelled, group, view, split, offset) in enumerate(drawn):
            stem = name.encode()[:60].decode(errors="ignore").strip("/ ")
            video = root / f"d{number}" / f"{stem}.mp4"
            video.parent.mkdir(parents=True)
            video.touch()
            labels = video.with_suffix(".csv") if labelled else None
            if labels:
                labels.touch()
            written = video.relative_to(root).as_posix()
            rows.append(
                ManifestRow(video, labels, group or written, view, split, offset, name=written)
            )
        write_manifest(rows, root / "manifest.csv")
        assert read_manifest(root / "manifest.csv") == tuple(rows)


def test_seconds_become_the_same_frames_at_a_rate_written_as_a_fraction_or_as_a_float(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label,time\na.mp4,hit,12.345\n")
    by_fraction = read_events(path, rate="30000/1001")
    assert by_fraction == read_events(path, rate=30000 / 1001)
    assert by_fraction[0].rate == Fraction(30000, 1001)
    assert by_fraction[0].events[0].frame == 370  # 12.345 s * 29.97 is 369.98
