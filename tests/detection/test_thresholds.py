"""The commands evaluate and thresholds on labelled images, and what they write."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.detection.evaluate import measure_images
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images, write_set
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.thresholds import (
    Goal,
    ThresholdSearch,
    choose_thresholds,
    search_thresholds,
)
from playhead.errors import BundleError, ConfigError, LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.bundle import load_bundle, note_in_bundle, verify_bundle
from playhead.inference.detectors.custom import decisions_of
from playhead.metrics.confusion import confusion_matrix
from tests.command import playhead, playhead_json, run
from tests.detector_bundle import paint, write_detector_bundle
from tests.spotting.test_torch_free import WITHOUT_TORCH

CLASSES = ("car", "plate")
SIZE = (160, 96)


def labelled(path: Path, rows: list[tuple[Any, int, float]], split: str | None) -> LabelledImage:
    boxes, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return LabelledImage(
        path=path,
        size=SIZE,
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        labels=np.array(labels, np.int32),
        scores=np.array(scores, np.float32),
        split=split,
    )


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A set whose images hold objects of known scores, of which some are labelled.

    Cars score .8, .6 and .4; the one of .6 is false. One plate scores .2.
    """
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    images = []
    for number, (red, true) in enumerate(((204, True), (153, False), (102, True))):
        pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        rows: list[tuple[Any, int, float]] = []
        car = paint(pixels, 2, 3, (red, 0, 12))
        if true:
            rows.append((car, 0, 1.0))
        if number == 0:
            rows.append((paint(pixels, 8, 12, (0, 51, 8)), 1, 1.0))
        path = folder / "images" / f"{number}.png"
        Image.fromarray(pixels).save(path)
        images.append(labelled(path, rows, "valid"))
    write_set(ImageSet(CLASSES, tuple(images)), folder)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    settings = {"thresholds": {"plate": 0.7}, "overlap": 0.4}
    return write_detector_bundle(tmp_path / "bundle", CLASSES, post_processing=settings).folder


@pytest.mark.slow
def test_the_bundle_is_run_and_each_class_gets_the_threshold_of_its_best_f1(
    street: Path, bundle: Path
) -> None:
    found = playhead_json("detection", "thresholds", bundle, "--truth", street, "--split", "valid")
    car, plate = found["per_class"]["car"], found["per_class"]["plate"]
    assert (car["threshold"], car["f1"], car["reached"]) == (0.4, 0.8, True)
    assert (car["before"], car["boxes"]) == (0.3, 2)
    assert (plate["threshold"], plate["recall"], plate["f1 before"]) == (0.2, 1.0, 0.0)
    assert found["written"] is None
    assert decisions_of(load_bundle(bundle)).thresholds == {"plate": 0.7}


def test_what_is_written_into_the_bundle_is_whole_and_keeps_all_else(
    street: Path, bundle: Path
) -> None:
    args = ("--truth", street, "--precision", 0.9, "--write", "--threads", 1)
    assert playhead("detection", "thresholds", bundle, *args).endswith(f"saved to {bundle}\n")
    verify_bundle(bundle)
    decisions = decisions_of(load_bundle(bundle))
    assert decisions.thresholds == {"car": 0.8, "plate": 0.2}
    assert decisions.overlap == 0.4


def test_a_goal_out_of_reach_is_said_with_what_comes_nearest_and_is_not_written(
    street: Path, bundle: Path, tmp_path: Path
) -> None:
    images = [labelled(street / "images" / "0.png", [([0, 0, 9, 9], 0, 0.5)], "valid")]
    write_images(ImageSet(CLASSES, tuple(images)), tmp_path / "found", ["csv"], predictions=True)
    result = search_thresholds(
        bundle, street, Goal(recall=0.9), predictions=tmp_path / "found", write=True
    )
    assert not result.choices["car"].reached
    assert result.choices["car"].chosen.recall == 0
    assert result.notes()[0] == (
        "car: a recall of 0.9 cannot be reached, no detection is correct at any score; its "
        "threshold is unchanged (0.3). Train longer, or on more images of it"
    )
    assert result.notes()[-1].startswith("nothing was saved to")
    assert result.to_json()["written"] is None
    assert decisions_of(load_bundle(bundle)).thresholds == {"plate": 0.7}


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (
            Goal(recall=0.9),
            "a recall of 0.9 cannot be reached, the highest is 0.5 at a threshold of 0.1, with a "
            "precision of 0.5",
        ),
        (
            Goal(precision=0.9),
            "a precision of 0.9 cannot be reached, the highest is 0.5 at a threshold of 0.1, with "
            "a recall of 0.5",
        ),
    ],
)
def test_a_goal_out_of_reach_is_answered_with_what_there_is_and_what_to_do(
    street: Path, goal: Goal, said: str
) -> None:
    real = read_image_set(street)
    truth = ImageSet(CLASSES, tuple(one for one in real.images if 0 in one.labels.tolist()))
    first = truth.images[0]
    hit, total = first.boxes[first.labels == 0][0].tolist(), truth.count()["car"]
    assert total == 2
    rows = [(hit, 0, 0.1), ([0, 0, 3, 3], 0, 0.8)]
    found = [labelled(one.path, rows if one is first else [], None) for one in truth.images]
    choices = choose_thresholds(truth, ImageSet(CLASSES, tuple(found)), goal, keep=["plate"])
    search = ThresholdSearch(images=2, choices=choices, left=(), folder=None)
    [note] = search.notes()
    assert note == (
        f"car: {said}; its threshold is unchanged. The best F1 is 0.5 at 0.1: omit the goal to use "
        "it, lower the goal, or train longer or on more images of it"
    )


def test_classes_without_true_boxes_are_said_and_stay_as_they_are(
    street: Path, tmp_path: Path
) -> None:
    bundle = write_detector_bundle(tmp_path / "other", ("car", "dog")).folder
    args = ("--truth", street, "--threads", 1, "--write")
    told = playhead("detection", "thresholds", bundle, *args)
    assert "no true boxes of dog" in told
    assert told.endswith(f"saved to {bundle}, except for dog\n")
    assert list(decisions_of(load_bundle(bundle)).thresholds) == ["car"]
    found = playhead_json("detection", "thresholds", bundle, *args)
    assert found["without_boxes"] == ["dog"]


def test_goals_that_contradict_or_cannot_be_are_refused(street: Path, bundle: Path) -> None:
    for goal in ({"recall": 0.9, "precision": 0.9}, {"recall": 1.2}, {"precision": 0.0}):
        with pytest.raises(ConfigError):
            Goal(**goal)
    finished = run("detection", "thresholds", "--truth", street)
    assert finished.code == 2
    assert "bundle" in finished.err
    none = ImageSet(CLASSES, ())
    with pytest.raises(LabelError, match="car, plate"):
        choose_thresholds(none, none, Goal())


def predictions(street: Path, out: Path, kind: str) -> ImageSet:
    rows = [
        [([16, 8, 40, 32], 0, 0.9), ([90, 50, 120, 80], 1, 0.3)],
        [([0, 0, 50, 50], 0, 0.8)],
        [],
    ]
    images = [
        labelled(street / "images" / f"{number}.png", row, "valid")
        for number, row in enumerate(rows)
    ]
    found = ImageSet(CLASSES, tuple(images))
    write_images(found, out, [kind], root=street / "images", predictions=True)
    return found


@pytest.mark.parametrize("kind", ["yolo", "coco", "csv"])
def test_saved_predictions_of_every_format_are_measured_alike(
    street: Path, tmp_path: Path, kind: str
) -> None:
    found = predictions(street, tmp_path / "found", kind)
    expected = measure_images(read_image_set(street), found).to_json()
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    result = playhead_json("detection", "evaluate", *paths, "--split", "valid")
    assert result["metrics"] == expected["metrics"]
    assert result["per_class"] == expected["per_class"]
    assert result["confusion"]["classes"] == list(CLASSES)
    assert np.sum(result["confusion"]["counts"]) >= 3
    assert "car" in playhead("detection", "evaluate", *paths)


@pytest.mark.slow
def test_classes_threshold_intervals_and_page_are_asked_for_by_options(
    street: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    page = tmp_path / "page.html"
    result = playhead_json(
        "detection", "evaluate", "--truth", street, "--predictions", tmp_path / "found",
        "--classes", "plate", "--threshold", 0.25, "--intervals", "--report", page,
        "--beside", tmp_path / "found",
    )  # fmt: skip
    assert result["beside"]["plate"]["ap50"] == {"difference": 0, "in": [0, 0]}
    assert list(result["per_class"]) == ["plate"]
    assert result["per_class"]["plate"]["threshold"] == 0.25
    assert set(result["intervals"]) == {"plate", "all"}
    assert result["report"] == str(page)
    assert "found evaluated on set" in page.read_text()


def test_a_run_is_shown_in_a_report_alone_and_must_be_one(street: Path, tmp_path: Path) -> None:
    predictions(street, tmp_path / "found", "csv")
    asked = ("detection", "evaluate", "--truth", street, "--predictions", tmp_path / "found")
    alone = run(*asked, "--run", tmp_path)
    assert (alone.code, "add --report PAGE" in alone.err) == (2, True), alone.err
    none = run(*asked, "--run", tmp_path, "--report", tmp_path / "page.html")
    assert (none.code, "is not a run folder" in none.err) == (2, True), none.err


def test_a_bundle_of_another_job_is_refused_as_such(street: Path, tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "spotting", kind="windows").folder
    with pytest.raises(BundleError, match=r"a bundle of spotting \(kind windows\)"):
        search_thresholds(bundle, street, Goal())


def test_the_help_of_detect_does_not_ask_for_images() -> None:
    assert "ictures" not in playhead("redaction", "detect", "--help").split("--out")[0]


def test_training_without_a_set_names_the_setting(tmp_path: Path) -> None:
    finished = run("detection", "train", "small", "--out", tmp_path / "run")
    assert finished.code == 2
    assert "data.manifest: manifest.csv does not exist" in finished.err
    assert "--set data.manifest=" in finished.err


def test_narrow_boxes_are_ignored_in_the_figures_the_confusion_and_the_thresholds(
    street: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    whole = playhead_json("detection", "evaluate", *paths)
    truth = read_image_set(street)
    widths = {
        label: [
            float(width)
            for image in truth.images
            for width in (image.boxes[:, 2] - image.boxes[:, 0])[image.labels == number]
        ]
        for number, label in enumerate(CLASSES)
    }
    assert max(widths["plate"]) < min(widths["car"])
    below = ("--ignore-below", min(widths["car"]))
    page = tmp_path / "page.html"
    result = playhead_json("detection", "evaluate", *paths, *below, "--report", page)
    assert result["per_class"]["car"] == whole["per_class"]["car"]
    assert (result["per_class"]["plate"]["boxes"], result["ignore_below"]) == (0, below[1])
    assert whole["per_class"]["plate"]["boxes"] == 1
    assert sum(whole["confusion"]["counts"][1]) == 1
    assert result["confusion"]["counts"][1] == [0, 0, 0]
    assert result["confusion"]["counts"][0] == whole["confusion"]["counts"][0]
    for text in (playhead("detection", "evaluate", *paths, *below), page.read_text()):
        assert f"Boxes narrower than {below[1]:g} pixels are ignored." in text
    chosen = playhead_json("detection", "thresholds", *paths, *below)
    assert (list(chosen["per_class"]), chosen["without_boxes"]) == (["car"], ["plate"])
    both = playhead_json(
        "detection", "evaluate", *paths, *below, "--intervals", "--beside", paths[-1]
    )
    assert both["per_class"]["plate"]["boxes"] == 0
    assert both["intervals"]["plate"]["ap50"] == [None, None]
    assert both["intervals"]["car"]["ap50"][1] >= both["per_class"]["car"]["ap50"]


def test_labelled_images_are_not_evaluated_as_tracks_and_unknown_classes_are_named(
    street: Path, tmp_path: Path
) -> None:
    finished = run("redaction", "evaluate", "--truth", street, "--predictions", tmp_path)
    assert finished.code == 2
    assert "for labelled images use `playhead detection evaluate`" in finished.err
    predictions(street, tmp_path / "found", "csv")
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    finished = run("detection", "evaluate", *paths, "--classes", "dog")
    assert finished.code == 2
    assert "dog" in finished.err
    assert "car, plate" in finished.err


def test_predictions_of_an_unknown_image_or_no_labels_at_all_are_one_plain_line(
    street: Path, tmp_path: Path
) -> None:
    (tmp_path / "f.csv").write_text("image,label,score,x1,y1,x2,y2\nz.png,car,0.5,0,0,9,9\n")
    finished = run("detection", "evaluate", "--truth", street, "--predictions", tmp_path / "f.csv")
    assert finished.code == 2
    assert "z.png" in finished.err
    finished = run("detection", "evaluate", "--truth", tmp_path / "no", "--predictions", tmp_path)
    assert finished.code == 2
    assert json.dumps(finished.err).count("\\n") == 1


def test_what_predict_saves_is_measured_and_thresholded_like_the_bundle_itself(
    street: Path, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "saved"
    playhead_json("detection", "predict", bundle, street / "images", "--out", out, "--threads", 1)
    paths = ("--truth", street, "--predictions", out)
    result = playhead_json("detection", "evaluate", *paths)
    assert result["per_class"]["car"]["ap50"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-4)
    assert result["per_class"]["plate"]["ap50"] == 1.0
    saved = playhead_json("detection", "thresholds", *paths)
    ran = playhead_json("detection", "thresholds", bundle, "--truth", street, "--threads", 1)
    for label, one in saved["per_class"].items():
        assert one["threshold"] == ran["per_class"][label]["threshold"]
        assert one["f1"] == ran["per_class"][label]["f1"]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [".", "labels", "submission.csv", "predictions.coco.json"])
def test_saved_predictions_are_measured_at_the_thresholds_of_the_bundle_that_made_them(
    street: Path, bundle: Path, tmp_path: Path, asked: str
) -> None:
    note_in_bundle(bundle, post_processing={"thresholds": {"car": 0.7}})
    out, page = tmp_path / "saved", tmp_path / "page.html"
    playhead_json("detection", "predict", bundle, street / "images", "--out", out, "--threads", 1)
    paths = ("--truth", street, "--predictions", out / asked)
    result = playhead_json("detection", "evaluate", *paths, "--report", page)
    used = {
        label: (one["threshold"], one["threshold_source"])
        for label, one in result["per_class"].items()
    }
    assert used == {"car": (0.7, "bundle"), "plate": (0.3, "bundle")}
    known, thresholds = read_image_set(street), {"car": 0.7, "plate": 0.3}
    found = predict_set([bundle], known, PredictOptions(threads=1))
    expected = measure_images(known, found, thresholds=thresholds).classes["car"].chosen.recall
    assert result["per_class"]["car"]["recall"] == expected == 0.5  # the best F1 would have 1
    counts = confusion_matrix(known, found, thresholds=thresholds).to_json()["counts"]
    assert result["confusion"]["counts"] == counts
    assert "confusion: those of the bundle." in playhead("detection", "evaluate", *paths)
    assert "confusion: those of the bundle." in page.read_text(encoding="utf-8")
    given = playhead_json("detection", "evaluate", *paths, "--threshold", 0.2)
    car = given["per_class"]["car"]
    assert (car["threshold"], car["threshold_source"]) == (0.2, "given")


def test_predictions_without_recorded_thresholds_are_said_to_be_measured_at_flattering_ones(
    street: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    told = playhead("detection", "evaluate", *paths)
    assert "chosen on these same images for the best F1" in told
    result = playhead_json("detection", "evaluate", *paths)
    assert result["per_class"]["car"]["threshold_source"] == "evaluated images"


def test_recorded_thresholds_that_cannot_be_read_are_one_plain_line(
    street: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    record = tmp_path / "found" / "thresholds.yaml"
    record.write_text("bundles: []\nthresholds: {car: 7}\n")
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    finished = run("detection", "evaluate", *paths)
    assert finished.code == 2
    assert f"{record}: a mistake in the configuration: thresholds.car" in finished.err


def test_predictions_that_a_threshold_cut_are_evaluated_with_a_warning(
    street: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    record = tmp_path / "found" / "thresholds.yaml"
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    record.write_text("bundles: []\nthresholds: {car: 0.3}\nminimum_score: 0.3\n")
    finished = run("detection", "evaluate", *paths)
    assert (finished.code, "no detection below a score of 0.3" in finished.err) == (0, True)
    record.write_text("bundles: []\nthresholds: {car: 0.3}\n")
    assert "no detection below" not in run("detection", "evaluate", *paths).err


@pytest.mark.slow
def test_measuring_choosing_and_the_page_work_without_torch(
    street: Path, bundle: Path, tmp_path: Path
) -> None:
    predictions(street, tmp_path / "found", "csv")
    paths = ("--truth", street, "--predictions", tmp_path / "found")
    for command in (
        ("evaluate", *paths, "--report", tmp_path / "page.html"),
        ("thresholds", bundle, "--truth", street, "--threads", 1),
    ):
        arguments = [sys.executable, "-c", WITHOUT_TORCH, "detection", *map(str, command)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").stat().st_size > 50_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yolo", "coco", "csv"])
def test_predictions_of_another_split_are_refused_and_missing_ones_are_counted(
    street: Path, tmp_path: Path, kind: str
) -> None:
    known = read_image_set(street)
    splits = ("test", "valid", "valid")
    parts = (replace(one, split=name) for one, name in zip(known.images, splits, strict=True))
    write_set(ImageSet(CLASSES, tuple(parts)), street)
    rows = [([16, 8, 40, 32], 0, 0.9)], [([16, 8, 40, 32], 0, 0.9)]
    for number, name in ((0, "test"), (1, "valid")):
        one = labelled(street / "images" / f"{number}.png", rows[number], name)
        found = ImageSet(CLASSES, (one,))
        write_images(found, tmp_path / name, [kind], root=street / "images", predictions=True)
    for classes in ((), ("--classes", "car")):
        paths = ("--truth", street, "--split", "valid", *classes, "--predictions")
        refused = run("detection", "evaluate", *paths, tmp_path / "test")
        assert refused.code == 2
        assert "for any of the 2 images" in refused.err
        told = playhead_json("detection", "evaluate", *paths, tmp_path / "valid")
        assert (told["images"], told["without_prediction"]) == (2, 1)
        assert "1 of 2 images has no prediction" in playhead(
            "detection", "evaluate", *paths, tmp_path / "valid"
        )
