"""What the training loop promises a job, seen from outside."""

import json
import math
import signal
from pathlib import Path
from typing import Any

import numpy as np
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

from playhead.errors import ConfigError
from playhead.learning.checkpoint import read_checkpoint
from playhead.learning.learner import Learner
from playhead.learning.log import read_rows
from playhead.learning.training import fit

STEP_KEYS = {
    "kind", "epoch", "step", "loss", "rate", "gradient", "seconds", "samples_per_second",
    "data_wait",
}  # fmt: skip


def test_plain_sgd_takes_the_steps_of_the_closed_form(tmp_path: Path) -> None:
    chosen = settings(
        optimiser="sgd", ema=None, clip_norm=None, select=None, keep_epochs=[], weight_decay=0,
        epochs=3, batch_size=5, accumulate=1, rate=0.1, final_rate=0.1, warmup_epochs=0,
    )  # fmt: skip
    samples = Numbers(5)
    model = line()
    fit(model, samples, chosen, tmp_path, loss=square_error)
    weight, momentum, curve = 0.0, 0.0, float(np.mean(samples.values**2))
    for _ in range(3):
        gradient = 2 * (weight - 3) * curve
        momentum = 0.9 * momentum + gradient
        weight -= 0.1 * (gradient + 0.9 * momentum)
    assert model.weight.item() == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("count", [24, 23, 17, 13])
def test_accumulated_batches_give_the_gradient_of_one_large_batch(
    tmp_path: Path, count: int
) -> None:
    """Also where the last group has fewer batches and its last batch fewer samples.

    Plain SGD without clipping: AdamW and a clipped gradient hide a factor, of a sum for a mean say.
    """
    weights, gradients = [], []
    for batch_size, accumulate in ((12, 1), (4, 3), (1, 12)):
        chosen = settings(
            batch_size=batch_size, accumulate=accumulate, select=None, keep_epochs=[], epochs=2,
            optimiser="sgd", clip_norm=None, ema=None, log_steps=1,
        )  # fmt: skip
        model = line()
        folder = tmp_path / str(batch_size)
        result = fit(model, Numbers(count), chosen, folder, loss=square_error)
        assert result.steps == 2 * math.ceil(count / 12)
        weights.append(model.weight.item())
        steps = [row for row in read_rows(folder / "log.jsonl") if row["kind"] == "step"]
        gradients.append([row["gradient"] for row in steps])
    assert weights[0] > 0.01  # it moved, from 0
    assert weights[1:] == pytest.approx(weights[:1] * 2, rel=1e-6)
    for parts in gradients[1:]:
        assert parts == pytest.approx(gradients[0], rel=1e-5)


def test_every_sample_of_every_epoch_is_seen_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(Numbers):
        def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
            seen.append((epoch, index))
            return super().sample(epoch, index)

    chosen = settings(select=None, keep_epochs=[], epochs=2)
    fit(line(), Watched(19), chosen, tmp_path, loss=square_error)
    assert sorted(seen) == [(epoch, index) for epoch in (1, 2) for index in range(19)]


def test_it_learns_and_leaves_the_model_with_its_best_weights(tmp_path: Path) -> None:
    model = tiny_model()
    result = fit(model, Drawn(), settings(), tmp_path, loss=tiny_training.loss, validate=measure)
    assert result.metrics["error"] <= 0.1
    assert not model.training
    assert measure(model, 0)["error"] == result.metrics["error"]
    for name, value in load_file(result.best).items():
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("direction", "scores", "best"),
    [
        ("max", [0.1, 0.7, 0.3, 0.7], 2),
        ("min", [0.5, 0.2, 0.2, 0.4], 2),
        ("max", [math.nan, 0.1, math.nan, 0.0], 2),
        ("max", [math.nan] * 4, 4),
        ("min", [0.5, 0.4, 0.3, 0.2], 4),
    ],
)
def test_the_best_epoch_by_validation_is_kept_not_the_last(
    tmp_path: Path, direction: str, scores: list[float], best: int
) -> None:
    result = fit(
        tiny_model(),
        Drawn(),
        settings(select="score", direction=direction, keep_epochs=[1, 2, 3, 4]),
        tmp_path,
        loss=tiny_training.loss,
        validate=lambda _, epoch: {"score": scores[epoch - 1]},
    )
    assert result.best_epoch == best
    kept = [load_file(tmp_path / f"epoch_{epoch}.safetensors") for epoch in (1, 2, 3, 4)]
    assert all(torch.equal(load_file(result.best)[name], kept[best - 1][name]) for name in kept[0])
    assert not torch.equal(kept[0]["0.weight"], kept[1]["0.weight"])
    flags = [row["best"] for row in read_rows(tmp_path / "log.jsonl") if row["kind"] == "epoch"]
    assert flags[best - 1]
    assert not any(flags[best:])


def test_the_validated_and_kept_weights_are_the_averaged_ones(tmp_path: Path) -> None:
    validated: list[dict[str, Tensor]] = []

    def watch(model: nn.Module, epoch: int) -> dict[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        validated.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"error": 1.0 / epoch}

    chosen = settings(epochs=2)
    fit(tiny_model(), Drawn(), chosen, tmp_path, loss=tiny_training.loss, validate=watch)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    best = load_file(tmp_path / "best.safetensors")
    for name, value in saved.group("ema").items():
        assert torch.equal(value, validated[-1][name])
        assert torch.equal(value, best[name])
    assert not torch.equal(saved.group("model")["0.weight"], best["0.weight"])


def test_without_an_average_the_plain_weights_are_kept(tmp_path: Path) -> None:
    run(tmp_path, ema=None, epochs=2, select=None)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    assert saved.group("ema") == {}
    best = load_file(tmp_path / "best.safetensors")
    assert all(torch.equal(value, best[name]) for name, value in saved.group("model").items())


@pytest.mark.slow
def test_only_due_epochs_and_the_last_are_validated(tmp_path: Path) -> None:
    validated: list[int] = []

    def watch(model: nn.Module, epoch: int) -> dict[str, float]:
        validated.append(epoch)
        return {"error": 1.0}

    chosen = settings(epochs=5, validate_every=2)
    result = fit(tiny_model(), Drawn(), chosen, tmp_path, loss=tiny_training.loss, validate=watch)
    assert validated == [2, 4, 5]
    assert result.best_epoch == 2


def test_a_selected_metric_that_nothing_measures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="select is map, .* choose one of epoch, error"):
        run(tmp_path, select="map")


@pytest.mark.slow
def test_the_log_tells_steps_and_epochs(tmp_path: Path) -> None:
    result = run(tmp_path, log_steps=4)
    rows = read_rows(tmp_path / "log.jsonl")
    steps = [row for row in rows if row["kind"] == "step"]
    epochs = [row for row in rows if row["kind"] == "epoch"]
    assert [row["step"] for row in steps] == [4, 8, 15, 19, 26, 30, 37, 41]
    assert [row["step"] for row in epochs] == [STEPS, 2 * STEPS, 3 * STEPS, 4 * STEPS]
    assert all(row.keys() == STEP_KEYS for row in steps)
    assert all(row["metrics"].keys() == {"error", "epoch"} for row in epochs)
    assert epochs[-1]["rate"] == pytest.approx(settings().final_rate)
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert all(0 <= row["data_wait"] <= 1 for row in rows)
    assert result.seconds == pytest.approx(rows[-1]["seconds"], abs=1e-3)


def test_the_logged_loss_of_an_epoch_is_the_mean_over_its_samples(tmp_path: Path) -> None:
    chosen = settings(
        select=None, keep_epochs=[], epochs=1, batch_size=4, accumulate=1, rate=1e-9,
        final_rate=1e-9, optimiser="sgd",
    )  # fmt: skip
    samples = Numbers(10)
    fit(line(1.0), samples, chosen, tmp_path, loss=square_error)
    row = read_rows(tmp_path / "log.jsonl")[-1]
    assert row["loss"] == pytest.approx(float(np.mean((2 * samples.values) ** 2)), rel=1e-4)


@pytest.mark.slow
def test_the_same_run_twice_gives_the_same_bits_whatever_the_workers(tmp_path: Path) -> None:
    for workers in (0, 2):
        run(tmp_path / str(workers), workers=workers, epochs=2)
        torch.rand(5)  # whatever else draws from the global generator does not matter
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("0", "2"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_schedule_of_steps_goes_on_where_a_stopped_run_was(tmp_path: Path) -> None:
    class Stopped(Numbers):
        calls = 0

        def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
            self.calls += 1
            if self.calls == 18:  # in the fourth epoch
                raise RuntimeError("stopped")
            return super().sample(epoch, index)

    chosen = settings(
        schedule="steps", step_epochs=[2, 3.5], select=None, keep_epochs=[], epochs=5, batch_size=1,
        accumulate=1, rate=0.1, warmup_epochs=0, checkpoint_seconds=0, log_steps=1,
    )  # fmt: skip
    samples = Stopped(5)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(line(), samples, chosen, tmp_path / "stopped", loss=square_error)
    fit(line(), samples, chosen, tmp_path / "stopped", loss=square_error, resume=True)
    fit(line(), Numbers(5), chosen, tmp_path / "whole", loss=square_error)
    stopped, whole = (
        [row["rate"] for row in read_rows(tmp_path / name / "log.jsonl") if row["kind"] == "step"]
        for name in ("stopped", "whole")
    )
    assert stopped == whole == pytest.approx([0.1] * 10 + [0.01] * 8 + [0.001] * 7)
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("stopped", "whole"))
    assert torch.equal(one["weight"], two["weight"])


@pytest.mark.slow
def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    for seed in (7, 8):
        run(tmp_path / str(seed), seed=seed, epochs=2)
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("7", "8"))
    assert not torch.equal(one["0.weight"], two["0.weight"])


def test_a_frozen_part_does_not_change_in_any_bit(tmp_path: Path) -> None:
    model = tiny_model()
    frozen = [module.requires_grad_(False) for module in list(model)[:3]]
    before = [{k: v.clone() for k, v in part.state_dict().items()} for part in frozen]
    weight = model[4].weight.clone()
    fit(
        model, Drawn(), settings(weight_decay=0.1), tmp_path,
        loss=tiny_training.loss, validate=measure,
    )  # fmt: skip
    for part, old in zip(frozen, before, strict=True):
        assert all(torch.equal(part.state_dict()[name], old[name]) for name in old)
    assert not torch.equal(model[4].weight, weight)


def test_the_gradient_is_clipped_and_its_norm_before_that_is_logged(tmp_path: Path) -> None:
    chosen = settings(
        optimiser="sgd", ema=None, clip_norm=0.5, select=None, keep_epochs=[], weight_decay=0,
        epochs=1, batch_size=5, accumulate=1, rate=0.1, final_rate=0.1, warmup_epochs=0,
        log_steps=1,
    )  # fmt: skip
    samples, model = Numbers(5), line(100.0)
    fit(model, samples, chosen, tmp_path, loss=square_error)
    gradient = 2 * 97 * float(np.mean(samples.values**2))
    assert read_rows(tmp_path / "log.jsonl")[0]["gradient"] == pytest.approx(gradient, rel=1e-5)
    assert model.weight.item() == pytest.approx(100 - 0.1 * 0.5 * 1.9, rel=1e-6)


def test_bf16_learns_and_keeps_fp32_weights(tmp_path: Path) -> None:
    result = run(tmp_path, precision="bf16")
    assert result.metrics["error"] <= 0.2
    assert {value.dtype for value in load_file(result.best).values()} == {
        torch.float32,
        torch.int64,
    }


def test_fp16_without_cuda_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs CUDA"):
        run(tmp_path, precision="fp16")


def test_an_overflow_in_fp16_skips_the_step_and_halves_the_scale() -> None:
    """The scaler's part of the loop, on a CPU: what a run does with CUDA."""
    model = line(1.0)
    learner = Learner(model, settings(precision="fp16"), torch.device("cpu"))
    batch = {"x": torch.ones(1, 1), "y": torch.zeros(1, 1)}
    before = learner.scaler.get_scale()

    def overflowing(net: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        return square_error(net, inputs) * 1e34

    loss, gradient = learner.gradients([batch], overflowing)
    assert math.isfinite(loss)
    assert not math.isfinite(gradient)
    learner.apply(0, 0.1)
    assert model.weight.item() == 1.0
    assert learner.scaler.get_scale() == before / 2
    other = Learner(line(), settings(precision="fp16"), torch.device("cpu"))
    other.restore(learner.tensors(), json.loads(json.dumps(learner.scaler.state_dict())))
    assert other.scaler.get_scale() == before / 2
    learner.gradients([batch], lambda net, inputs: square_error(net, inputs) * 0.1)
    learner.apply(1, 0.1)
    assert model.weight.item() < 1.0


@pytest.mark.parametrize(("clip_norm", "kept"), [(0.0625, 0.0625), (100, 0.25), (None, 0.25)])
def test_in_fp16_the_gradient_is_unscaled_then_clipped_then_applied(
    clip_norm: float | None, kept: float
) -> None:
    """Clipped while it is still scaled, it would be the scale times too small afterwards."""
    model = line(2.0)
    chosen = settings(
        precision="fp16", optimiser="sgd", weight_decay=0, ema=None, clip_norm=clip_norm
    )
    learner = Learner(model, chosen, torch.device("cpu"))
    assert learner.scaler.get_scale() > 1000
    batch = {"x": torch.full((4, 1), 2.0), "y": torch.zeros(4, 1)}
    _, norm = learner.gradients([batch], lambda net, inputs: net(inputs["x"]).float().mean() / 8)
    assert norm == pytest.approx(0.25, rel=1e-3)  # an eighth of the mean of x, before the clipping
    assert model.weight.grad is not None
    assert model.weight.grad.item() == pytest.approx(kept, rel=1e-3)
    learner.apply(0, 0.1)
    assert 2.0 - model.weight.item() == pytest.approx(0.1 * 1.9 * kept, rel=1e-3)


def test_torch_settings_are_given_back(tmp_path: Path) -> None:
    def state() -> tuple[Any, ...]:
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            signal.getsignal(signal.SIGINT),
        )

    before, inside = state(), []

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        inside.append(torch.get_num_threads())
        return square_error(model, batch)

    fit(line(), Numbers(4), settings(select=None, threads=2), tmp_path, loss=loss)
    assert set(inside) == {2}
    assert state() == before
