"""What `real_falls.py` counts, and how it deals and cuts the recordings; no model is trained."""

import csv
import importlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

import playhead
from playhead.events.manifest import read_manifest
from playhead.samples.folds import Fold, refuse_leaks
from playhead.spotting.truth import read_truth

FOLDER = Path(__file__).parents[2] / "benchmarks"
NUMBERS = count()


def script(name: str) -> Iterator[ModuleType]:
    """A script, imported as Python runs it: its folder comes first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module(name)


@pytest.fixture(scope="module")
def data() -> Iterator[ModuleType]:
    yield from script("falls_data")


@pytest.fixture(scope="module")
def figures(data: ModuleType) -> Iterator[ModuleType]:
    yield from script("falls_figures")


@pytest.fixture
def recordings(data: ModuleType, real_data: Path) -> Any:
    return data.read_recordings(real_data / "urfd")


def invented(data: ModuleType) -> list[Any]:
    """Seven falls in two views, and seven activities, three of them with lying down."""
    falls = [
        data.Recording(f"fall-{n:02}", camera, Path("x.mp4"), 100 + n, "fall", 9 * n, 9 * n + 30)
        for n in range(7)
        for camera in ("cam0", "cam1")
    ]
    return falls + [
        data.Recording(f"adl-{n:02}", "cam0", Path("x.mp4"), 200, "hard" if n < 3 else "plain")
        for n in range(7)
    ]


def seen(data: ModuleType, figures: ModuleType, lying: int | None, *found: Any) -> Any:
    """A clip of 100 frames with predictions (frame, score) and a threshold of .5."""
    name = f"s{next(NUMBERS)}"
    clip = data.Clip(name, f"side/{name}", 100, lying)
    events = tuple(data.at_frame(frame, score) for frame, score in found)
    return figures.Tested(clip, replace(clip.truth, events=events), 0.5)


def test_every_sequence_is_in_one_fold_and_kinds_are_spread_evenly(data: ModuleType) -> None:
    recordings = invented(data)
    folds = data.folds_of(recordings)
    assert set(folds) == {one.name for one in recordings}
    sizes = Counter(folds.values())
    assert sorted(sizes.values()) == [2, 2, 2, 2, 3, 3]
    falls = Counter(folds[f"fall-{n:02}"] for n in range(7))
    assert sorted(falls.values()) == [1, 1, 1, 1, 1, 2]
    assert data.folds_of(recordings, seed=1) != folds


def test_each_fold_is_held_out_once_and_validates_once(data: ModuleType) -> None:
    for fold in range(6):
        splits = Counter(data.split_of(fold, held_out) for held_out in range(6))
        assert splits == {"train": 4, "valid": 1, "test": 1}


def test_a_fall_soon_after_the_beginning_is_not_cut(data: ModuleType) -> None:
    early = data.Recording("fall-01", "cam0", Path("x.mp4"), 90, "fall", 23, 53)
    assert data.parts_of(early) == [("fall", 0, 90)]


def test_the_part_before_a_fall_ends_before_the_falling_and_the_rest_is_the_other(
    data: ModuleType,
) -> None:
    cuts = []
    for number in range(1, 31):
        fall = data.Recording(f"fall-{number:02}", "cam0", Path("x.mp4"), 200, "fall", 90, 120)
        (before, start, cut), (name, next_, stop) = data.parts_of(fall)
        assert (before, start, name, next_, stop) == ("before", 0, "fall", cut, 200)
        assert 24 <= cut <= 90
        cuts.append(cut)
    assert max(cuts) - min(cuts) > 40


def test_a_prediction_within_15_frames_is_a_hit_and_all_others_are_false(
    data: ModuleType, figures: ModuleType
) -> None:
    on_purpose = seen(data, figures, None, (10, 0.7), (90, 0.6))
    counted = figures.count(
        [
            seen(data, figures, 50, (65, 0.9), (47, 0.6), (66, 0.5), (50, 0.4)),
            seen(data, figures, 50, (34, 0.9)),
            seen(data, figures, 50, (65, 0.9)),
            seen(data, figures, 95, (95, 0.5)),
            seen(data, figures, None, (10, 0.7), (20, 0.4)),
            replace(on_purpose, clip=replace(on_purpose.clip, hard=True)),
        ]
    )
    assert (counted.falls, counted.hits) == (4, 3)
    assert counted.errors == (-3, 15, 0)
    assert (counted.without, counted.hard, counted.beside) == (3, 2, 3)
    assert counted.hours_without * 3600 == pytest.approx(200 / 30)
    assert counted.hours_beside * 3600 == pytest.approx((3 * 69 + 80) / 30)


def test_the_threshold_keeps_the_hits_and_not_the_next_prediction(
    data: ModuleType, figures: ModuleType
) -> None:
    clips = [
        seen(data, figures, 50, (52, 0.8)),
        seen(data, figures, None, (10, 0.3), (40, 0.1)),
    ]
    threshold, f1 = figures.threshold_of([c.clip.truth for c in clips], [c.found for c in clips])
    assert (threshold, f1) == (pytest.approx(0.55), 1.0)


def test_without_a_hit_nothing_reaches_the_threshold(data: ModuleType, figures: ModuleType) -> None:
    one = seen(data, figures, 50, (70, 0.8))
    assert figures.threshold_of([one.clip.truth], [one.found]) == (math.inf, 0.0)
    counted = figures.count([replace(one, threshold=math.inf)])
    assert (counted.hits, counted.beside) == (0, 0)


def test_the_precision_of_drawn_clips_is_that_of_the_metric_on_as_many_videos(
    data: ModuleType, figures: ModuleType
) -> None:
    rng = np.random.default_rng(3)
    clips = [
        seen(
            data,
            figures,
            50 if number < 6 else None,
            *zip(rng.integers(30, 70, 3).tolist(), rng.random(3).tolist(), strict=True),
        )
        for number in range(10)
    ]
    clips.append(seen(data, figures, 50))
    ranked = figures.Ranked.of(clips)
    for _ in range(20):
        times = rng.integers(0, 4, len(clips))
        copies = [
            (f"{copy} {one.clip.path}", one)
            for one, number in zip(clips, times, strict=True)
            for copy in range(number)
        ]
        truth = [replace(one.clip.truth, video=name) for name, one in copies]
        found = [replace(one.found, video=name) for name, one in copies]
        expected = figures.average_precision(truth, found)
        assert 0 < expected[1] < 1
        np.testing.assert_allclose(ranked.precision(times), expected)


def test_nothing_found_has_no_precision(data: ModuleType, figures: ModuleType) -> None:
    ranked = figures.Ranked.of([seen(data, figures, 50), seen(data, figures, None)])
    assert ranked.precision(np.array([1, 1])).tolist() == [0, 0, 0]


def test_the_bootstrap_draws_the_clips_of_a_sequence_together(
    data: ModuleType, figures: ModuleType
) -> None:
    """Each sequence has a hit and a false alarm of a higher score: AP is .5 in every sample."""
    clips = []
    for number in range(8):
        hit = seen(data, figures, 50, (50, 0.2))
        alarm = seen(data, figures, None, (50, 0.9))
        pair = [replace(one, clip=replace(one.clip, group=f"s{number}")) for one in (hit, alarm)]
        clips += [
            replace(one, clip=replace(one.clip, path=f"{number} {one.clip.lying}")) for one in pair
        ]
    assert np.unique(figures.bootstrap([clips], resamples=30)).tolist() == [0.5]


def test_a_guess_knows_the_falls_of_other_folds_only(data: ModuleType, figures: ModuleType) -> None:
    clips = [seen(data, figures, lying) for lying in (50, 70, 70, None)]
    folds = {one.clip.group: number for number, one in enumerate(clips)}
    frames = [one.found.events[0].frame for one in figures.guessed(clips, folds)]
    assert frames == [70, 60, 60, 70]


@pytest.mark.parametrize("events", [0, 1, 7])
def test_a_poisson_interval_leaves_two_and_a_half_percent_on_each_side(
    figures: ModuleType, events: int
) -> None:
    low, high = figures.poisson_interval(events)
    assert poisson.cdf(events, high) == pytest.approx(0.025)
    if events:
        assert poisson.sf(events - 1, low) == pytest.approx(0.025)
    else:
        assert low == 0


@pytest.mark.data
def test_lying_begins_thirty_frames_after_a_fall_and_where_the_frame_labels_say(
    real_data: Path, recordings: Any
) -> None:
    with (real_data / "urfd" / "urfall-cam0-falls.csv").open(newline="", encoding="utf-8") as file:
        labels = [
            (row["name"], int(row["frame"])) for row in csv.DictReader(file) if row["label"] == "1"
        ]
    falls = [one for one in recordings if one.kind == "fall"]
    assert Counter(one.camera for one in falls) == {"cam0": 30, "cam1": 30}
    for one in falls:
        assert one.lying == one.fall + 30
        assert one.lying == min(frame for name, frame in labels if name == one.name) - 1


@pytest.mark.data
@pytest.mark.slow
def test_every_recording_decodes_to_the_promised_frames_at_thirty_a_second(
    recordings: Any,
) -> None:
    assert len(recordings) == 100
    for one in recordings:
        with playhead.open_video(one.file) as video:
            shown = sum(1 for _ in video.stream(pixels="luma"))
            assert (one.name, video.frames, shown) == (one.name, one.frames, one.frames)
            assert (video.rate, video.width, video.height) == (30, 320, 240)


@pytest.mark.data
@pytest.mark.slow
def test_written_clips_have_their_labels_on_their_frames_and_no_sequence_on_two_sides(
    data: ModuleType, recordings: Any, tmp_path: Path
) -> None:
    chosen = [one for one in recordings if one.name in ("fall-01", "fall-04", "adl-10")]
    clips = data.write_clips(chosen, tmp_path / "clips")
    assert Counter(clip.path.split("/")[0] for clip in clips) == {
        "side": 2,
        "above": 2,
        "activities": 1,
        "room": 3,
    }
    folds = {"fall-01": 0, "fall-04": 1, "adl-10": 2}
    rows, groups = [], defaultdict(set)
    for arm, number in (("both", 5), ("room", 3)):
        data.write_split(
            data.of_arm(clips, arm), folds, 0, tmp_path / "clips", tmp_path / f"{arm}.csv"
        )
        rows = list(read_manifest(tmp_path / f"{arm}.csv"))
        assert len(rows) == number
        for row in rows:
            groups[row.split].add(row.group)
        names = [row.group for row in rows]
        split = {
            name: tuple(i for i, row in enumerate(rows) if row.split == name)
            for name in ("train", "valid", "test")
        }
        refuse_leaks(names, Fold(train=split["train"], validation=split["test"]))
        refuse_leaks(names, Fold(train=split["valid"], validation=split["test"]))
        truth = {Path(video.video).stem: video for video in read_truth(tmp_path / f"{arm}.csv")}
        for clip in data.of_arm(clips, arm):
            frames = [event.frame for event in truth[Path(clip.path).name].events]
            if not clip.path.startswith(("side", "above")):  # both have the same file name
                assert frames == ([] if clip.lying is None else [clip.lying])
            with playhead.open_video(tmp_path / "clips" / f"{clip.path}.mp4") as video:
                assert video.frames == clip.frames
    assert groups == {"test": {"fall-01"}, "valid": {"fall-04"}, "train": {"adl-10"}}
