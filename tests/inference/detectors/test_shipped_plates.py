"""The plate detector inside the package: its files, its card, and what it detects."""

from pathlib import Path

import numpy as np
import pytest

from playhead.decisions.boxes import iou
from playhead.errors import WeightsError
from playhead.inference import weights
from playhead.inference.bundle import verify_bundle
from playhead.inference.detectors import open_detector
from playhead.inference.detectors.custom import open_bundle
from playhead.inference.weights import find_weight, get_weights, list_weights, shipped_bundle
from playhead.worlds.street import StreetConfig, draw_scene, render
from tests.command import playhead_json

NAME = "playhead-plates"


def test_it_is_there_without_fetching_and_is_at_most_five_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    folder = shipped_bundle(NAME)
    assert "model.onnx" in verify_bundle(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5_000_000
    assert get_weights(NAME) == [folder / "SHA256SUMS"]
    assert open_bundle(folder).manifest.classes == ("plate",)


def test_the_list_shows_it_as_ours() -> None:
    [row] = [row for row in playhead_json("weights", "list") if row["name"] == NAME]
    assert row["package"].startswith("playhead ")
    assert row["path"] is not None
    assert row["megabytes"] >= 1


def test_its_card_names_sources_licences_attributions_and_figures() -> None:
    card = (shipped_bundle(NAME) / "README.md").read_text(encoding="utf-8")
    for words in ("Copyright (c) 2020", "MIT", "CC BY 4.0", "Open Images", "| ap50 | 0."):
        assert words in card


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "SHA256SUMS"
    changed.write_text("changed")
    monkeypatch.setattr(weights, "_kept", lambda weight: changed)
    with pytest.raises(WeightsError, match="install Playhead again"):
        shipped_bundle(NAME)
    monkeypatch.setattr(weights, "_kept", lambda weight: tmp_path / "missing")
    with pytest.raises(WeightsError, match="missing; install Playhead again"):
        shipped_bundle(NAME)
    weight = find_weight(NAME)
    assert weight in [status.weight for status in list_weights() if status.path is None]


@pytest.mark.slow
def test_plates_of_generated_streets_are_detected() -> None:
    detector = open_detector(NAME, threads=1, plate_size=1280)
    config = StreetConfig(kind="images", width=1280, height=720, people=2, plates="worldwide")
    hits = total = 0
    for number in range(20):
        for image, boxes in render(draw_scene(901, number, config)):
            truth = np.array([box.box for box in boxes if box.label == "plate"], float)
            truth = truth.reshape(-1, 4)
            truth = truth[truth[:, 2] - truth[:, 0] >= 24]
            [found] = detector.detect([image], threshold=0.3)
            hits += int((iou(truth, found["plate"].boxes).max(axis=1, initial=0) >= 0.5).sum())
            total += len(truth)
    assert total >= 10
    assert hits / total >= 0.7
