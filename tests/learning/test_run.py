"""A training run's folder: what it remembers of how it was begun."""

from pathlib import Path

import pytest
import yaml

from playhead.config import Settings
from playhead.errors import PlayheadError
from playhead.learning import device
from playhead.learning.run import TrainingRun
from playhead.learning.settings import TrainingConfig

from .tiny_training import Drawn, loss, measure, settings, tiny_model


class Decisions(Settings):
    min_height: float = 0.5


class ToyConfig(Settings):
    job: str = "toys"
    training: TrainingConfig
    decisions: Decisions = Decisions()


def fit(run: TrainingRun[ToyConfig]) -> None:
    run.fit(tiny_model(), Drawn(16), loss=loss, validate=measure, data={"train": ["a"]})


def written_precision(folder: Path) -> str:
    document = yaml.safe_load((folder / "config.yaml").read_text())
    return str(document["training"]["precision"])


def test_a_resumed_run_keeps_the_precision_that_auto_stood_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ToyConfig(training=settings(precision="auto", epochs=1, keep_epochs=[]))
    monkeypatch.setattr(device, "native_bf16", lambda: False)
    fit(TrainingRun(tmp_path / "run", config, device="cpu"))
    assert written_precision(tmp_path / "run") == "fp32"
    monkeypatch.setattr(device, "native_bf16", lambda: True)  # as on another machine
    resumed = TrainingRun(tmp_path / "run", config, resume=True, device="cpu")
    assert resumed.config.training.precision == "fp32"
    fit(resumed)  # not refused as a run of other settings
    fresh = TrainingRun(tmp_path / "other", config, device="cpu")
    assert fresh.config.training.precision == "bf16"


def test_a_run_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="there is no run to resume"):
        TrainingRun(tmp_path / "run", ToyConfig(training=settings()), resume=True)
