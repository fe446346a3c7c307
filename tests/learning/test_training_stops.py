"""How a run stops, goes on, and refuses to: Ctrl-C, resuming, losses that are not finite."""

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny_training
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tiny_training import (
    STEPS,
    Drawn,
    Numbers,
    line,
    measure,
    run,
    settings,
    square_error,
    tiny_model,
)
from torch import Tensor, nn

from playhead.errors import ConfigError, PlayheadError
from playhead.learning.checkpoint import read_checkpoint
from playhead.learning.training import fit


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [4, 5])
def test_channels_last_resumes_to_the_bit_too(tmp_path: Path, sizes: int) -> None:
    convolution = nn.Conv2d if sizes == 4 else nn.Conv3d

    def model() -> nn.Module:
        torch.manual_seed(0)
        layers = convolution(4, 8, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Dropout(0.5)
        return nn.Sequential(*layers, nn.Linear(8 * 64, 2))

    def loss(net: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        luma = batch["frames"].float() / 255
        return (net(luma if sizes == 4 else luma.unsqueeze(2)) - batch["target"]).square().mean()

    def train(folder: Path, resume: bool) -> None:
        chosen = settings(channels_last=True, select=None, epochs=2)
        fit(model(), Drawn(), chosen, folder, loss=loss, resume=resume)

    train(tmp_path / "whole", False)
    stop_after(5, tmp_path / "parts", train)
    train(tmp_path / "parts", True)
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def stop_after(step: int, folder: Path, train: Any) -> None:
    """Ctrl-C in the middle of a step, once `step` rows could have been logged."""
    forward, calls = nn.SiLU.forward, 0

    def interrupt(self: nn.SiLU, value: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == step:
            signal.raise_signal(signal.SIGINT)
        return forward(self, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.SiLU, "forward", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(folder, False)


def test_ctrl_c_in_a_step_waits_for_its_end_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    # Four activations a step: two layers, two batches. The seventh lies inside the second step.
    stop_after(7, tmp_path, lambda folder, resume: run(folder, resume=resume))
    assert signal.getsignal(signal.SIGINT) is before
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert (saved.position.epoch, saved.position.step) == (1, 2)
    message = capsys.readouterr().err
    assert "--resume goes on at epoch 1, after step 2 of 11" in message
    assert str(tmp_path) in message


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    calls = 0

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        value = tiny_training.loss(model, batch)
        if calls == 7:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return value

    with pytest.raises(KeyboardInterrupt):
        fit(tiny_model(), Drawn(), settings(checkpoint_seconds=0), tmp_path, loss=loss)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert saved.position.step == 3
    run(tmp_path, resume=True)
    run(tmp_path.with_name("whole"))
    one, two = (load_file(f / "best.safetensors") for f in (tmp_path, tmp_path.with_name("whole")))
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_ctrl_c_while_validating_takes_effect_at_once(tmp_path: Path) -> None:
    def interrupted(model: nn.Module, epoch: int) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("validation went on")

    with pytest.raises(KeyboardInterrupt):
        fit(
            tiny_model(), Drawn(), settings(), tmp_path,
            loss=tiny_training.loss, validate=interrupted,
        )  # fmt: skip
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert (saved.position.epoch, saved.position.step) == (1, STEPS)


@pytest.mark.slow
def test_resuming_a_finished_run_changes_no_file(tmp_path: Path) -> None:
    first = run(tmp_path)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.rglob("*")}
    model = tiny_model(seed=11)
    again = fit(
        model, Drawn(), settings(workers=1, checkpoint_seconds=5), tmp_path,
        loss=tiny_training.loss, validate=measure, resume=True,
    )  # fmt: skip
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.rglob("*")} == before
    assert again == first
    assert torch.equal(model[0].weight, load_file(first.best)["0.weight"])


@pytest.mark.slow
def test_best_weights_that_were_lost_come_back_on_resuming(tmp_path: Path) -> None:
    result = run(tmp_path)
    content = result.best.read_bytes()
    result.best.unlink()
    run(tmp_path, resume=True)
    assert result.best.read_bytes() == content


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    run(tmp_path, epochs=2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(PlayheadError, match="has a training run already; resume it with"):
        run(tmp_path, epochs=2)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
def test_resuming_with_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ConfigError, match="training.rate was 0.01, is now 0.02"):
        run(tmp_path, resume=True, rate=0.02)
    chosen: dict[str, Any] = {"loss": tiny_training.loss, "validate": measure, "resume": True}
    with pytest.raises(ConfigError, match="samples_per_epoch was 83, is now 84"):
        fit(tiny_model(), Drawn(84), settings(), tmp_path, **chosen)
    with pytest.raises(ConfigError, match="model.width was not set, is now 4"):
        fit(
            tiny_model(), Drawn(), settings(), tmp_path,
            identity={"model": {"width": 4}}, **chosen,
        )  # fmt: skip


def test_workers_and_the_times_of_checkpoints_may_differ_on_resuming(tmp_path: Path) -> None:
    for resume, workers in ((False, 0), (True, 2)):
        chosen = settings(workers=workers, checkpoint_seconds=workers, epochs=2)
        whole_config = {"model": {"width": 4}, "training": chosen.model_dump(mode="json")}
        result = fit(
            tiny_model(), Drawn(), chosen, tmp_path, loss=tiny_training.loss, validate=measure,
            resume=resume, identity=whole_config,
        )  # fmt: skip
        assert result.steps == 2 * STEPS


def test_resuming_with_another_model_is_refused(tmp_path: Path) -> None:
    run(tmp_path, epochs=2)
    model = nn.Sequential(*tiny_model()[:-1], nn.Linear(8, 3))
    with pytest.raises(ConfigError, match=r"of another model: 10\.(weight|bias) and 1 more"):
        fit(model, Drawn(), settings(epochs=2), tmp_path, loss=tiny_training.loss, resume=True)


@pytest.mark.slow
def test_resuming_where_nothing_was_begun_starts_from_the_beginning(tmp_path: Path) -> None:
    one, two = run(tmp_path / "a", resume=True, epochs=2), run(tmp_path / "b", epochs=2)
    left, right = load_file(one.best), load_file(two.best)
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_training_by_name(tmp_path: Path, value: float) -> None:
    calls = 0

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        return tiny_training.loss(model, batch) * (value if calls == 9 else 1)

    with pytest.raises(PlayheadError, match=r"epoch 1, step 5.*lower training\.rate"):
        fit(tiny_model(), Drawn(), settings(checkpoint_seconds=0), tmp_path, loss=loss)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert saved.position.step == 4
    assert all(value.isfinite().all() for value in saved.group("model").values())


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(tmp_path: Path) -> None:
    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        # The root's derivative at 0 is infinite, times 0: the loss stays finite.
        return (model(batch["x"]) * 0).square().sum().sqrt()

    with pytest.raises(PlayheadError, match="norm of the gradient is nan at epoch 1, step 1"):
        fit(line(1.0), Numbers(4), settings(select=None), tmp_path, loss=loss)


def test_samples_that_fail_stop_training_with_their_own_error(tmp_path: Path) -> None:
    class Broken(Numbers):
        def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
            if index == 13:
                raise PlayheadError("match.mkv: frame 7 cannot be decoded")
            return super().sample(epoch, index)

    chosen = settings(select=None, accumulate=1, checkpoint_seconds=0)
    with pytest.raises(PlayheadError, match="frame 7 cannot be decoded"):
        fit(line(), Broken(20), chosen, tmp_path, loss=square_error)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert saved.position.step == 3


def test_no_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="there are no samples to train on"):
        fit(line(), Numbers(0), settings(select=None), tmp_path, loss=square_error)
