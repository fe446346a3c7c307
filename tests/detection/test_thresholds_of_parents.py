"""Thresholds where classes lie in others: chosen under the doubt that they are then used with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.decisions.detection_config import DetectionDecisions
from playhead.detection.evaluate import measure_images
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images, write_set
from playhead.detection.predict import PredictOptions, apply_hierarchy, predict_set
from playhead.detection.thresholds import (
    Choice,
    Goal,
    choose_thresholds,
    reached_thresholds,
    search_thresholds,
)
from playhead.errors import ConfigError
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.bundle import load_bundle
from playhead.inference.detectors.custom import decisions_of
from tests.command import playhead_json
from tests.detector_bundle import paint, write_detector_bundle

CAR, PLATE = [0, 0, 80, 60], [30, 40, 50, 50]
DECISIONS = DetectionDecisions(
    thresholds={"car": 0.6, "plate": 0.3}, parents={"plate": "car"}, orphan=0.5
)


def images(
    classes: tuple[str, ...], rows: Sequence[Sequence[tuple[Sequence[float], int, float]]]
) -> ImageSet:
    """An image for each list of boxes, labels and scores."""
    made = []
    for number, boxes in enumerate(rows):
        made.append(
            LabelledImage(
                Path(f"{number}.jpg"),
                (160, 96),
                np.array([box for box, _, _ in boxes], np.float64).reshape(-1, 4),
                np.array([label for _, label, _ in boxes], np.int32),
                np.array([score for _, _, score in boxes], np.float32),
            )
        )
    return ImageSet(classes, tuple(made))


def with_thresholds(
    decisions: DetectionDecisions, choices: dict[str, Choice]
) -> DetectionDecisions:
    thresholds = {**decisions.thresholds, **reached_thresholds(choices)}
    return decisions.model_copy(update={"thresholds": thresholds})


def test_a_child_is_chosen_under_the_threshold_that_its_parent_gets() -> None:
    classes = ("plate", "car")  # the child is named first
    truth = images(classes, [[(CAR, 1, 1), (PLATE, 0, 1)], []])
    found = images(classes, [[(CAR, 1, 0.5), (PLATE, 0, 0.8)], [(PLATE, 0, 0.7)]])
    choices = choose_thresholds(truth, found, decisions=DECISIONS)
    assert list(choices) == ["plate", "car"]
    assert choices["car"].chosen.threshold == 0.5
    # The plate in the car of .5 keeps its .8, the other is lowered to .35.
    assert choices["plate"].chosen.threshold == 0.8
    # The bundle as it is believes no car of .5, and finds both plates: .4 and .35 are above .3.
    before = choices["plate"].before
    assert before is not None
    assert (before.threshold, before.precision, before.recall) == (0.3, 0.5, 1)


def test_a_parent_whose_goal_is_out_of_reach_or_that_is_kept_doubts_as_it_did() -> None:
    classes = ("car", "plate")
    truth = images(classes, [[(CAR, 0, 1), (PLATE, 1, 1)], [(CAR, 0, 1)]])
    found = images(classes, [[(CAR, 0, 0.5), (PLATE, 1, 0.8)], []])
    choices = choose_thresholds(truth, found, Goal(recall=1.0), decisions=DECISIONS)
    assert not choices["car"].reached
    assert choices["plate"].chosen.threshold == 0.4
    assert reached_thresholds(choices) == {"plate": 0.4}
    choices = choose_thresholds(truth, found, decisions=DECISIONS, keep=["car"])
    assert list(choices) == ["plate"]
    assert choices["plate"].chosen.threshold == 0.4


def test_a_parent_that_nobody_labelled_still_holds_its_children() -> None:
    truth = images(("plate",), [[(PLATE, 0, 1)]])
    found = images(("car", "plate"), [[(CAR, 0, 0.65), (PLATE, 1, 0.8)]])
    choices = choose_thresholds(truth, found, decisions=DECISIONS)
    assert list(choices) == ["plate"]
    assert choices["plate"].chosen.threshold == 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_figures_are_those_that_the_chosen_thresholds_have_in_use(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = ("face", "person", "head")
    decisions = DetectionDecisions(
        thresholds=dict(zip(classes, rng.uniform(0.1, 0.9, 3).tolist(), strict=True)),
        parents={"face": "head", "head": "person"},
        inside=0.5,
    )

    def box() -> list[float]:
        x, y, width, height = rng.integers(0, 40, 2).tolist() + rng.integers(10, 90, 2).tolist()
        return [x, y, x + width, y + height]

    true, seen = [], []
    for _ in range(12):
        rows = [(box(), int(rng.integers(3)), 1.0) for _ in range(3)]
        true.append(rows)
        near = [(one, label, float(rng.random())) for one, label, _ in rows if rng.random() < 0.8]
        seen.append(near + [(box(), int(rng.integers(3)), float(rng.random())) for _ in range(3)])
    truth, found = images(classes, true), images(classes, seen)
    choices = choose_thresholds(truth, found, decisions=decisions)
    used = with_thresholds(decisions, choices)
    told = measure_images(truth, apply_hierarchy(found, used), thresholds=used.thresholds).classes
    assert {label: one.chosen for label, one in choices.items()} == {
        label: told[label].chosen for label in choices
    }


def street(folder: Path) -> Path:
    """Cars that score .5 with a plate of .8 each, and one plate of .7 alone that is no plate."""
    (folder / "images").mkdir(parents=True)
    made = []
    for number in range(3):
        pixels = np.zeros((96, 160, 3), np.uint8)
        rows = []
        if number < 2:
            rows.append((paint(pixels, 3, 3, (128, 0, 20)), 0, 1.0))
            rows.append((paint(pixels, 4, 4, (0, 204, 5)), 1, 1.0))
        else:
            paint(pixels, 3, 15, (0, 179, 5))
        path = folder / "images" / f"{number}.png"
        Image.fromarray(pixels).save(path)
        [one] = images(("car", "plate"), [rows]).images
        made.append(replace(one, path=path, split="valid"))
    write_set(ImageSet(("car", "plate"), tuple(made)), folder)
    return folder


def test_what_the_command_writes_is_had_when_the_bundle_is_run_again(tmp_path: Path) -> None:
    folder = street(tmp_path / "set")
    settings = DECISIONS.model_dump()
    bundle = write_detector_bundle(tmp_path / "bundle", post_processing=settings).folder
    args = ("--truth", folder, "--threads", 1, "--write")
    told = playhead_json("detection", "thresholds", bundle, *args)["per_class"]
    assert told["plate"]["threshold"] == 0.8
    thresholds = decisions_of(load_bundle(bundle)).thresholds
    assert thresholds == {label: one["threshold"] for label, one in told.items()}
    truth = read_image_set(folder)
    found = predict_set([bundle], truth, PredictOptions(threads=1))
    used = measure_images(truth, found, thresholds=thresholds).classes
    assert {label: round(one.chosen.f1, 4) for label, one in used.items()} == {
        label: one["f1"] for label, one in told.items()
    }


def test_raw_predictions_doubted_afterwards_are_those_that_the_bundle_doubts(
    tmp_path: Path,
) -> None:
    truth = read_image_set(street(tmp_path / "set"))
    bundle = write_detector_bundle(tmp_path / "bundle", post_processing=DECISIONS.model_dump())
    raw = predict_set([bundle], truth, PredictOptions(threads=1, hierarchy=False))
    expected = predict_set([bundle], truth, PredictOptions(threads=1))
    assert raw.images[2].scores.max() == pytest.approx(179 / 255, abs=1e-5)
    for one, other in zip(apply_hierarchy(raw, DECISIONS).images, expected.images, strict=True):
        assert other.path == one.path
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


def test_saved_predictions_are_refused_where_they_were_doubted_already(tmp_path: Path) -> None:
    folder = street(tmp_path / "set")
    bundle = write_detector_bundle(tmp_path / "bundle", post_processing=DECISIONS.model_dump())
    write_images(read_image_set(folder), tmp_path / "found", ["csv"], predictions=True)
    with pytest.raises(ConfigError, match=r"plate .* car.*omit --predictions"):
        search_thresholds(bundle.folder, folder, Goal(), predictions=tmp_path / "found")
