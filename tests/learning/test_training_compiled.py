"""training.compile: the same files and names, and the same weights after a stop."""

from pathlib import Path
from typing import Any

import pytest
import tiny_training
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from playhead.errors import ConfigError, PlayheadError
from playhead.learning import training
from playhead.learning.learner import Learner
from playhead.learning.log import read_rows

SHORT: dict[str, Any] = {"epochs": 2, "compile": True, "checkpoint_seconds": 0, "keep_epochs": [1]}
SAMPLES = tiny_training.Drawn(count=21)  # the last batch is smaller


def fit(folder: Path, loss: training.Loss = tiny_training.loss, **more: Any) -> nn.Module:
    model = tiny_training.tiny_model()
    settings = tiny_training.settings(**SHORT | more.pop("changes", {}))
    training.fit(
        model, SAMPLES, settings, folder, loss=loss, validate=tiny_training.measure, **more
    )
    return model


def tensors(folder: Path) -> dict[str, bytes]:
    names = ("best", "epoch_1", "checkpoint/state")
    files = {name: load_file(folder / f"{name}.safetensors") for name in names}
    return {f"{name}:{key}": v.tobytes() for name, file in files.items() for key, v in file.items()}


@pytest.mark.slow
def test_a_compiled_run_is_named_as_the_others_and_resumes_to_the_same_weights(
    tmp_path: Path,
) -> None:
    called = []

    def stopped(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        called.append(type(model).__name__)
        if len(called) == 9:  # the second step of the second epoch
            raise KeyboardInterrupt
        return tiny_training.loss(model, batch)

    fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", stopped)
    model = fit(tmp_path / "stopped", resume=True)
    assert set(called) == {"OptimizedModule"}
    whole = tensors(tmp_path / "whole")
    assert tensors(tmp_path / "stopped") == whole
    assert not any("_orig_mod" in name for name in whole)

    fit(tmp_path / "plain", changes={"compile": False})
    assert tensors(tmp_path / "plain").keys() == whole.keys()
    losses = [
        [row["loss"] for row in read_rows(tmp_path / run / "log.jsonl") if row["kind"] == "epoch"]
        for run in ("whole", "plain")
    ]
    # Not the same: compiled dropout draws other masks.
    assert losses[0] == pytest.approx(losses[1], abs=0.05)
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def test_a_run_cannot_be_resumed_with_another_setting_of_compile(tmp_path: Path) -> None:
    fit(tmp_path, changes={"compile": False})
    with pytest.raises(ConfigError, match=r"training\.compile was False, is now True"):
        fit(tmp_path, resume=True)


def test_without_a_compiler_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(PlayheadError, match=r"training\.compile: .* C\+\+ compiler"):
        Learner(tiny_training.tiny_model(), tiny_training.settings(**SHORT), torch.device("cpu"))


def test_channels_last_is_the_layout_of_2d_and_3d_weights() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(4, 8, 3), nn.Linear(2, 2))
    learner = Learner(model, tiny_training.settings(channels_last=True), torch.device("cpu"))
    flat, deep = learner.model[0].weight, learner.model[1].weight  # type: ignore[index]
    assert flat.is_contiguous(memory_format=torch.channels_last)
    assert deep.is_contiguous(memory_format=torch.channels_last_3d)
    assert not deep.is_contiguous()
