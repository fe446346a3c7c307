"""Detection for a redaction: how often the presets sample, and which networks are needed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.inference.detectors.video import sampled_frames
from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.resolved import resolve
from tests.command import run


def test_at_any_rate_the_presets_sample_a_frame_in_eight_or_more() -> None:
    for preset in ("balanced", "fast", "thorough"):
        detection = load_redaction_config(preset).detection
        for rate in (5, 25, 60, 240, 1000, 10_000):
            times = np.arange(100) / rate
            sampled = sampled_frames(times, detection.every_seconds, detection.every_frames)
            assert np.diff(sampled).max() <= 8


def test_only_the_networks_that_are_needed_are_opened() -> None:
    def weights(**values: object) -> list[str]:
        return resolve(RedactionConfig.model_validate(values)).weights()

    assert weights(hide=["face"]) == ["centerface"]
    assert weights(hide=["car", "head"]) == ["objectron", "centerface", "people"]
    assert weights(detection={"faces": "blazeface", "plates": "plates"}) == ["blazeface", "plates"]
    assert weights(hide=["plate"], detection={"plates": "both"}) == ["playhead-plates", "plates"]


def test_plates_need_nothing_fetched_and_use_the_packaged_network_too_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    config = RedactionConfig(hide=("plate",))
    alone = resolve(config)
    assert alone.weights() == ["playhead-plates"]
    assert alone.config.detection.plates == "playhead-plates"
    file = tmp_path / "weights" / "plates" / "clp_det.onnx"
    file.parent.mkdir(parents=True)
    file.touch()
    assert resolve(config).detectors("plate") == ("playhead-plates", "plates")


def test_a_run_says_when_plates_have_one_network_only_because_the_other_was_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path / "empty"))
    image = tmp_path / "a.png"
    Image.fromarray(np.full((96, 160, 3), 90, np.uint8)).save(image)
    finished = run("redaction", "run", image, "--hide", "plate", "--threads", 1)
    assert finished.code == 0
    assert "`playhead weights get plates` adds a second network" in finished.err
    again = run("redaction", "run", image, "--hide", "plate", "--preset", "fast", "--overwrite")
    assert (again.code, "second network" in again.err) == (0, False)


def test_plates_are_detected_from_the_threshold_of_their_networks_unless_one_is_given() -> None:
    def threshold(**detection: object) -> float:
        config = RedactionConfig.model_validate({"hide": ["plate"], "detection": detection})
        return resolve(config).threshold("plate")

    assert threshold(plates="playhead-plates") == 0.4
    assert threshold(plates="plates") == threshold(plates="both") == 0.3
    assert threshold(plates="both", thresholds={"plate": 0.2}) == 0.2
