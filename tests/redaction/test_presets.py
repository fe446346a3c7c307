"""Presets: what they sample, where their networks believe a face, and what they hide of nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.resolved import resolve
from playhead.redaction.run import redact_files
from playhead.worlds.street import StreetConfig, generate_street

pytestmark = pytest.mark.slow


@pytest.mark.weights
def test_no_preset_hides_a_face_in_a_street_without_people(
    tmp_path: Path, packaged_weights: Callable[[str], Path]
) -> None:
    for name in ("centerface", "plates"):
        packaged_weights(name)
    config = StreetConfig(seconds=0.5, width=1280, height=720, people=0, cars=6)
    generate_street(tmp_path, count=1, seed=1, config=config, processes=1)
    for preset in ("fast", "balanced"):
        settings = ['hide=["face"]', "threads=1"]
        [file] = redact_files(
            [tmp_path / "street-000.mp4"],
            load_redaction_config(preset, settings),
            out=tmp_path / preset,
            only_tracks=True,
        ).files
        assert file.notes == ("detected: 0 face",)


def test_fast_samples_fewer_frames_at_fewer_pixels_than_balanced_which_thorough_exceeds() -> None:
    fast, balanced, thorough = (
        load_redaction_config(one).detection for one in ("fast", "balanced", "thorough")
    )
    assert fast.every_seconds > balanced.every_seconds > thorough.every_seconds == 0
    assert fast.size < balanced.size
    assert fast.tile is balanced.tile is None
    assert thorough.tile is not None


def test_faces_are_believed_from_the_threshold_of_their_network_unless_one_is_given() -> None:
    def threshold(**detection: object) -> float:
        config = RedactionConfig.model_validate({"detection": detection})
        return resolve(config).threshold("face")

    assert threshold() == 0.3
    assert threshold(faces="blazeface") == 0.65
    assert threshold(faces="blazeface", thresholds={"face": 0.4}) == 0.4
