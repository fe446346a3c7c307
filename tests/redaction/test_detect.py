"""Detection for a redaction: how often the presets sample, and which networks are needed."""

from pathlib import Path

import numpy as np
import pytest

from playhead.inference.detectors.video import sampled_frames
from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.resolved import resolve


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
