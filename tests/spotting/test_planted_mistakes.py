"""Mistakes that people make in labels, splits and settings, each named with what mends it."""

import csv
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from playhead.config import override, validate
from playhead.errors import LabelError
from playhead.media.write import VideoWriter
from playhead.spotting.check import check, refuse
from playhead.spotting.config import SpottingConfig
from playhead.spotting.findings import Finding
from tests.command import playhead_json, run

SECONDS, RATE = 30, 25
SETTINGS = (
    "data.classes=[serve, bounce]",
    "data.size=[64, 36]",
    "target_seconds=.2",
    "model.kind=slow_fusion",
    "decisions.smoothing_seconds=.1",
)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
    frame = np.full((36, 64), 90, np.uint8)
    with VideoWriter(path, 64, 36, RATE, preset="ultrafast", gop=RATE) as writer:
        for _ in range(SECONDS * RATE):
            writer.write(frame)
    return path


@dataclass
class LabelledSet:
    """Six videos for training and two for validation, each a group, with 7 serves and 7 bounces."""

    folder: Path
    video: Path
    names: list[str] = field(default_factory=lambda: [f"{number}.mp4" for number in range(8)])
    settings: list[str] = field(default_factory=lambda: list(SETTINGS))
    groups: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)  # the same file under two names

    def __post_init__(self) -> None:
        self.splits = {
            name: "valid" if name in {"6.mp4", "7.mp4"} else "train" for name in self.names
        }
        self.events: dict[str, list[tuple[str, float]]] = {
            name: [
                event
                for number in range(7)
                for start in [1 + 4 * number + 0.04 * index]
                for event in [("serve", start), ("bounce", start + 1.3)]
            ]
            for index, name in enumerate(self.names)
        }

    def config(self) -> SpottingConfig:
        for name in self.names:
            path = self.folder / name
            shutil.copy(self.video, path)
            box = self.copies.get(name, name).encode()
            with path.open("ab") as file:  # another file with the same frames
                file.write(struct.pack(">I", 8 + len(box)) + b"free" + box)
        with (self.folder / "labels.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["video", "label", "time"])
            for name, events in self.events.items():
                writer.writerows([name, label, f"{time:.3f}"] for label, time in events)
                if not events:
                    writer.writerow([name, "", ""])
        with (self.folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["video", "labels", "group", "split"])
            for name in self.names:
                group = self.groups.get(name, name)
                writer.writerow([name, "labels.csv", group, self.splits[name]])
        return self.validated()

    def validated(self, *settings: str) -> SpottingConfig:
        values: dict[str, object] = {}
        for setting in (f"data.manifest={self.folder / 'manifest.csv'}", *self.settings, *settings):
            override(values, setting)
        return validate(SpottingConfig, values, source="test")

    def rename(self, old: str, new: Callable[[str, int], str]) -> None:
        for name, events in self.events.items():
            self.events[name] = [
                (new(name, number) if label == old else label, time)
                for number, (label, time) in enumerate(events)
            ]

    def drop(self, label: str, *names: str) -> None:
        for name in names:
            self.events[name] = [event for event in self.events[name] if event[0] != label]

    def spread(self, gap: float, label: str = "serve") -> None:
        for name in self.names:
            self.events[name] = [
                *(event for event in self.events[name] if event[0] != label),
                *((label, 1 + gap * number) for number in range(15)),
            ]


@pytest.fixture
def labelled(video: Path, tmp_path: Path) -> LabelledSet:
    return LabelledSet(tmp_path, video)


Plant = Callable[[LabelledSet], None]


def cut_short(labelled: LabelledSet) -> None:
    labelled.events["2.mp4"].append(("serve", SECONDS + 9.5))


def misspell(labelled: LabelledSet) -> None:
    labelled.events["3.mp4"][0] = ("servce", 1.0)


def validate_on_nothing(labelled: LabelledSet) -> None:
    labelled.splits = dict.fromkeys(labelled.names, "train")


def forget_validation_labels(labelled: LabelledSet) -> None:
    labelled.events["6.mp4"] = labelled.events["7.mp4"] = []


def forget_most_labels(labelled: LabelledSet) -> None:
    for name in ("0.mp4", "1.mp4", "2.mp4", "3.mp4"):
        labelled.events[name] = []


def leak(labelled: LabelledSet) -> None:
    labelled.groups = {"5.mp4": "final", "6.mp4": "final"}


def copy_a_video(labelled: LabelledSet) -> None:
    labelled.copies = {"0.mp4": "same", "6.mp4": "same"}


def bounce_only_trains(labelled: LabelledSet) -> None:
    labelled.drop("bounce", "6.mp4", "7.mp4")


def bounce_never_trains(labelled: LabelledSet) -> None:
    labelled.drop("bounce", *labelled.names[:6])


def few_bounces(labelled: LabelledSet) -> None:
    labelled.drop("bounce", *labelled.names[1:6])


def bounces_of_one_group(labelled: LabelledSet) -> None:
    labelled.drop("bounce", *labelled.names[2:6])
    labelled.groups = {"0.mp4": "court 1", "1.mp4": "court 1"}


def few_validation_bounces(labelled: LabelledSet) -> None:
    labelled.drop("bounce", "6.mp4", "7.mp4")
    labelled.events["6.mp4"].append(("bounce", 9.0))


def steps_with_a_wide_target(labelled: LabelledSet) -> None:
    labelled.spread(0.4)
    labelled.spread(0.36, "bounce")
    labelled.settings += ["target_seconds=.28", "decisions.distance_seconds=.2"]
    labelled.settings += ["decisions.smoothing_seconds=.04"]


def one_dense_class(labelled: LabelledSet) -> None:
    labelled.spread(0.5)
    labelled.settings += ["target_seconds=.28", "decisions.distance_seconds=.2"]


def far_peaks(labelled: LabelledSet) -> None:
    labelled.settings.append("decisions.distance_seconds=5")


def far_peaks_of_one_class(labelled: LabelledSet) -> None:
    labelled.spread(0.5)
    labelled.settings += ["target_seconds=.1", "decisions.distance_seconds=.6"]


def heavy_smoothing(labelled: LabelledSet) -> None:
    labelled.settings += ["decisions.smoothing_seconds=2.5"]


def smoothing_over_the_target(labelled: LabelledSet) -> None:
    labelled.settings += ["decisions.smoothing_seconds=.5"]


def coarse_grid(labelled: LabelledSet) -> None:
    labelled.spread(0.5)
    labelled.settings += ["data.rate=3", "target_seconds=.2", "decisions.distance_seconds=.3"]


def target_below_the_grid(labelled: LabelledSet) -> None:
    labelled.settings += ["data.rate=5", "target_seconds=.05", "decisions.smoothing_seconds=.1"]


def grid_above_the_videos(labelled: LabelledSet) -> None:
    labelled.settings += ["data.rate=60"]


def blink_of_a_window(labelled: LabelledSet) -> None:
    labelled.settings += ["window={frames: 3, step: 1, stack: 3}"]


def endless_window(labelled: LabelledSet) -> None:
    labelled.settings += ["window.step=60"]


def squeeze(labelled: LabelledSet) -> None:
    labelled.settings += ["data.size=[64, 64]"]


def mirror_the_sides(labelled: LabelledSet) -> None:
    labelled.settings[0] = "data.classes=[left hand, right hand]"
    labelled.rename("serve", lambda *_: "left hand")
    labelled.rename("bounce", lambda *_: "right hand")


def minutes(labelled: LabelledSet) -> None:
    for name, events in labelled.events.items():
        labelled.events[name] = [(label, time / 60) for label, time in events]
    labelled.settings += ["target_seconds=.02", "decisions.smoothing_seconds=0"]
    labelled.settings += ["decisions.distance_seconds=0"]


def two_annotators(labelled: LabelledSet) -> None:
    for events in labelled.events.values():
        events += [(label, time + 0.004) for label, time in events if label == "serve"]


def two_spellings(labelled: LabelledSet) -> None:
    labelled.settings[0] = "data.classes=[serve, Serve, bounce]"
    labelled.rename("serve", lambda name, number: "Serve" if number % 4 else "serve")


def decisions_of_no_class(labelled: LabelledSet) -> None:
    labelled.settings.append("decisions.per_class.bouncing.min_height=.3")


def forgotten_weight(labelled: LabelledSet) -> None:
    labelled.settings.append("sampling.class_weights={serve: 2}")


def a_moment_of_training(labelled: LabelledSet) -> None:
    labelled.settings += ["samples_per_epoch=32", "training.epochs=2"]


PLANTED: list[tuple[Plant, str, str, str]] = [
    (cut_short, "refuse", "bad-video", "--skip-bad"),
    (misspell, "refuse", "bad-video", "--skip-bad"),
    (validate_on_nothing, "refuse", "split", "data.folds"),
    (forget_validation_labels, "refuse", "no-events", "column split"),
    (forget_most_labels, "warn", "no-events", "label it"),
    (leak, "refuse", "split", "correct the column group or split"),
    (copy_a_video, "refuse", "same-file", "remove one of the two"),
    (bounce_only_trains, "warn", "class-not-validated", "data.folds"),
    (bounce_never_trains, "warn", "class-not-trained", "remove the class from data.classes"),
    (few_bounces, "warn", "few-events", "label more"),
    (bounces_of_one_group, "warn", "one-group", "label bounce in other groups"),
    (few_validation_bounces, "warn", "few-validation-events", "split valid"),
    (steps_with_a_wide_target, "refuse", "target-spacing", "--set target_seconds="),
    (one_dense_class, "warn", "target-spacing", "--set target_seconds="),
    (far_peaks, "warn", "distance-spacing", "--set decisions.distance_seconds="),
    (
        far_peaks_of_one_class,
        "warn",
        "distance-spacing",
        "--set decisions.per_class.serve.distance_seconds=",
    ),
    (heavy_smoothing, "warn", "smoothing-spacing", "--set decisions.smoothing_seconds="),
    (smoothing_over_the_target, "warn", "smoothing-target", "--set decisions.smoothing_seconds="),
    (coarse_grid, "warn", "coarse-grid", "--set data.rate="),
    (target_below_the_grid, "warn", "target-grid", "--set data.rate="),
    (grid_above_the_videos, "warn", "fine-grid", "--set data.rate=25"),
    (blink_of_a_window, "warn", "short-window", "--set window.step="),
    (endless_window, "warn", "long-window", "--set window.step="),
    (squeeze, "warn", "squeezed", "--set data.size="),
    (mirror_the_sides, "warn", "flipped-sides", "--set augmentation.flip=0"),
    (minutes, "warn", "early-events", "give seconds in the column time"),
    (two_annotators, "warn", "labelled-twice", "remove one of each pair"),
    (two_spellings, "warn", "class-spelling", "write them alike"),
    (decisions_of_no_class, "refuse", "unknown-class", "correct the name"),
    (forgotten_weight, "refuse", "class-weight", "--set sampling.class_weights.bounce=1"),
    (a_moment_of_training, "warn", "short-training", "--set training.epochs="),
]


def test_a_set_without_mistakes_gives_no_finding(labelled: LabelledSet) -> None:
    assert check(labelled.config()) == []


@pytest.mark.parametrize(
    ("plant", "severity", "name", "remedy"), PLANTED, ids=[plant.__name__ for plant, *_ in PLANTED]
)
def test_a_planted_mistake_is_named_with_its_remedy(
    labelled: LabelledSet, plant: Plant, severity: str, name: str, remedy: str
) -> None:
    plant(labelled)
    findings = check(labelled.config())
    [found] = [finding for finding in findings if finding.name == name]
    assert found.severity == severity
    assert remedy in found.describe()
    if severity == "refuse":
        with pytest.raises(LabelError, match=re.escape(found.describe())):
            refuse(findings)
    else:
        refuse(findings)
    # A setting that is advised does mend it.
    settings = re.findall(r"--set (\S+[^\s,;)])", found.remedy.split(" or ")[0])
    if settings:
        assert name not in {other.name for other in check(labelled.validated(*settings))}


def test_every_bad_video_is_named_at_once_and_skip_bad_leaves_them_out(
    labelled: LabelledSet,
) -> None:
    cut_short(labelled)
    misspell(labelled)
    config = labelled.config()
    (labelled.folder / "4.mp4").write_text("no video", encoding="utf-8")
    [found] = check(config)
    assert found.found.startswith("3 videos cannot be used: ")
    for words in ("2.mp4", "39.500 s is past the last frame", "'servce'", "4.mp4"):
        assert words in found.found
    assert found.remedy == "correct them, or leave them out with --skip-bad"
    [left] = check(config, skip_bad=True)
    assert (left.severity, left.found) == ("warn", found.found)


def test_a_group_on_both_sides_does_not_hide_bad_videos(labelled: LabelledSet) -> None:
    leak(labelled)
    misspell(labelled)
    split, bad = check(labelled.config())
    assert "both sides" in split.found
    assert "'servce'" in bad.found


def test_a_mistake_of_a_whole_labels_file_is_told_once(labelled: LabelledSet) -> None:
    config = labelled.config()
    (labelled.folder / "labels.csv").write_text("video,label,time\n0.mp4,serve,noon\n")
    first: Finding = check(config)[0]
    assert first.name == "bad-video"
    assert first.found.count("noon") == 1
    assert first.found.startswith("8 videos cannot be used: 0.mp4, 1.mp4")


def test_the_command_prints_findings_and_ends_with_two_if_training_is_refused(
    labelled: LabelledSet,
) -> None:
    config = labelled.config()
    path = labelled.folder / "config.yaml"
    path.write_text(config.model_dump_json(), encoding="utf-8")  # JSON is YAML
    assert playhead_json("spotting", "check", path) == {"ok": True, "findings": []}
    (labelled.folder / "4.mp4").write_text("no video", encoding="utf-8")
    squeezed = ("--set", "data.size=[64, 64]")
    finished = run("spotting", "check", path, *squeezed)
    assert finished.code == 2
    first, second = finished.out.splitlines()
    assert first.startswith("refused: 1 video cannot be used: ")
    assert second.startswith("warning: frames of 64x36")
    result = playhead_json("spotting", "check", path, *squeezed, "--skip-bad")
    assert [finding["name"] for finding in result["findings"]] == ["bad-video", "squeezed"]
