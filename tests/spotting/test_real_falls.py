"""The recordings behind docs/results/real_falls.md are what the benchmark says they are.

Reads them through the benchmark's own preparation; no model is trained.
"""

import csv
import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import playhead
from playhead.events.manifest import read_manifest
from playhead.samples.folds import Fold, refuse_leaks
from playhead.spotting.truth import read_truth

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """The script, imported as Python runs it: its folder comes first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("real_falls")


@pytest.fixture
def clips(benchmark: ModuleType, real_data: Path) -> Any:
    return benchmark.draw_clips(real_data / "urfd", benchmark.SPLIT_SEED)


def test_twenty_falls_and_thirty_activities_train_and_ten_of_each_are_held_out(clips: Any) -> None:
    counts = Counter((clip.kind, clip.split == "test") for clip in clips)
    assert counts == {
        ("fall", False): 20,
        ("hard", False): 12,
        ("plain", False): 18,
        ("fall", True): 10,
        ("hard", True): 4,
        ("plain", True): 6,
    }


def test_another_seed_holds_out_other_recordings(
    benchmark: ModuleType, real_data: Path, clips: Any
) -> None:
    other = benchmark.draw_clips(real_data / "urfd", benchmark.SPLIT_SEED + 1)
    assert benchmark.names(other, "test") != benchmark.names(clips, "test")
    assert benchmark.names(other, "train") != benchmark.names(clips, "train")


def test_lying_begins_thirty_frames_after_a_fall_and_where_the_frame_labels_say(
    real_data: Path, clips: Any
) -> None:
    folder = real_data / "urfd"
    with (folder / "events.csv").open(newline="", encoding="utf-8") as file:
        starts = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    with (folder / "urfall-cam0-falls.csv").open(newline="", encoding="utf-8") as file:
        labels = [
            (row["name"], int(row["frame"])) for row in csv.DictReader(file) if row["label"] == "1"
        ]
    falls = [clip for clip in clips if clip.kind == "fall"]
    assert len(falls) == len(starts) == 30
    for clip in falls:
        assert clip.lying == int(starts[clip.file.name]["fall_start_frame"]) + 30
        assert clip.lying == min(frame for name, frame in labels if name == clip.name) - 1


@pytest.mark.slow
def test_every_recording_decodes_to_the_promised_frames_at_thirty_a_second(clips: Any) -> None:
    for clip in clips:
        with playhead.open_video(clip.file) as video:
            shown = sum(1 for _ in video.stream(pixels="luma"))
            assert (clip.name, video.frames, shown) == (clip.name, clip.frames, clip.frames)
            assert (video.rate, video.width, video.height) == (30, 320, 240)


@pytest.mark.slow
def test_labels_written_for_training_land_on_their_frames(
    benchmark: ModuleType, clips: Any, tmp_path: Path
) -> None:
    manifest = benchmark.prepare(clips, tmp_path)
    onsets = {clip.name: clip.lying for clip in clips}
    truth = read_truth(manifest)
    assert len(truth) == 70
    for events in truth:
        onset = onsets[Path(events.video).stem]
        assert [event.frame for event in events.events] == ([] if onset is None else [onset])
        for event in events.events:
            with playhead.open_video(events.video) as video:
                assert event.start == video.times[onset]


def test_no_recording_lies_on_two_sides_of_the_split(
    benchmark: ModuleType, clips: Any, tmp_path: Path
) -> None:
    rows = read_manifest(benchmark.prepare(clips, tmp_path))
    split = {
        name: tuple(i for i, row in enumerate(rows) if row.split == name)
        for name in ("train", "valid", "test")
    }
    groups = [row.group for row in rows]
    assert len(set(groups)) == len(groups) == 70
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        refuse_leaks(groups, Fold(train=split[one], validation=split[other]))
    assert sum(len(places) for places in split.values()) == 70
