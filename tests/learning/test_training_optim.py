"""Rates, parameter groups, frozen parts, the average of weights: each against its closed form."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.learning.ema import AveragedModel, decay_at
from playhead.learning.optim import build_optimiser, param_groups, rate_at, training_mode
from playhead.learning.settings import TrainingConfig


def config(**values: Any) -> TrainingConfig:
    return validate(TrainingConfig, values, source="test")


def encoder_and_head() -> nn.Sequential:
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    return nn.Sequential(encoder, nn.Flatten(), nn.Linear(2, 2), nn.BatchNorm1d(2))


def test_the_rate_rises_to_its_peak_then_falls_along_half_a_cosine() -> None:
    chosen = config(epochs=5, warmup_epochs=1, rate=1.0, final_rate=0.1)
    rates = [rate_at(step, 10, chosen) for step in range(50)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[29] == pytest.approx(0.55)  # half of the 40 steps after the warm-up
    assert rates[19] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert rates[49] == pytest.approx(0.1)


def test_the_warm_up_may_start_from_a_tenth_of_the_rate() -> None:
    chosen = config(epochs=5, warmup_epochs=1, warmup_start=0.1, rate=1.0, final_rate=0.1)
    rates = [rate_at(step, 9, chosen) for step in range(9)]
    assert rates == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


@pytest.mark.parametrize("epochs", [(2, 4), (1.5,), (0.1, 2.6, 4.9)])
def test_the_rate_of_steps_is_that_of_torch(epochs: tuple[float, ...]) -> None:
    chosen = config(epochs=5, schedule="steps", step_epochs=epochs, rate=0.5, step_factor=0.3)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    milestones = [round(epoch * 10) for epoch in epochs]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.3)
    for step in range(50):
        assert rate_at(step, 10, chosen) == pytest.approx(schedule.get_last_lr()[0], rel=1e-12)
        optimiser.step()
        schedule.step()


def test_steps_follow_the_warm_up_and_grow_with_the_samples_of_a_step() -> None:
    values: dict[str, Any] = {"epochs": 4, "warmup_epochs": 1, "rate": 1.0, "final_rate": 2.0}
    steps = {"schedule": "steps", "step_epochs": [1, 3], "batch_size": 8}
    chosen = config(**values, **steps, scale_rate_with_batch=True)
    rates = [rate_at(step, 2, chosen) for step in range(8)]
    assert rates == pytest.approx([1.0, 2.0, 0.2, 0.2, 0.2, 0.2, 0.02, 0.02])


@given(st.integers(1, 5), st.floats(0, 1), st.integers(1, 7))
def test_the_rate_never_leaves_its_range_and_ends_at_the_last(
    epochs: int, share: float, steps: int
) -> None:
    chosen = config(epochs=epochs, warmup_epochs=epochs * share, rate=0.5, final_rate=0.01)
    rates = [rate_at(step, steps, chosen) for step in range(epochs * steps)]
    assert all(0 < rate <= 0.5 * (1 + 1e-12) for rate in rates)
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    if round(epochs * share * steps) < epochs * steps:
        assert rates[-1] == pytest.approx(0.01)


def test_rates_grow_linearly_with_the_samples_of_a_step_where_asked() -> None:
    values: dict[str, Any] = {"epochs": 2, "rate": 1e-3, "batch_size": 8, "accumulate": 3}
    plain = rate_at(1, 4, config(**values))
    assert rate_at(1, 4, config(**values, scale_rate_with_batch=True)) == pytest.approx(6 * plain)
    one_at_base = config(**values | {"batch_size": 4, "accumulate": 1}, scale_rate_with_batch=True)
    assert rate_at(1, 4, one_at_base) == plain


def test_norms_and_biases_are_not_decayed() -> None:
    model = encoder_and_head()
    decayed, plain = param_groups(model, 0.05)
    assert decayed["weight_decay"] == 0.05
    assert plain["weight_decay"] == 0
    names = {parameter: name for name, parameter in model.named_parameters()}
    assert [names[parameter] for parameter in decayed["params"]] == ["0.0.weight", "2.weight"]
    assert len(plain["params"]) == 6


def test_frozen_parameters_are_in_no_group() -> None:
    model = encoder_and_head()
    model[0].requires_grad_(False)
    updated = [parameter for group in param_groups(model, 0.05) for parameter in group["params"]]
    assert {id(p) for p in updated} == {
        id(p) for p in (*model[2].parameters(), *model[3].parameters())
    }


def test_a_model_that_is_frozen_throughout_is_refused() -> None:
    with pytest.raises(ConfigError, match="every parameter of the model is frozen"):
        build_optimiser(encoder_and_head().requires_grad_(False), config())


def test_a_frozen_encoder_keeps_its_norms_and_has_no_drop_out() -> None:
    model = encoder_and_head()
    model[0].requires_grad_(False)
    training_mode(model)
    before = {name: value.clone() for name, value in model[0].state_dict().items()}
    images = torch.rand(8, 1, 3, 3) + 5
    assert torch.equal(model[0](images), model[0](images))
    model(images)
    assert all(torch.equal(before[name], value) for name, value in model[0].state_dict().items())
    assert int(model[3].num_batches_tracked) == 1


def test_a_partly_frozen_encoder_trains_the_rest() -> None:
    model = encoder_and_head()
    model[0][0].requires_grad_(False)
    training_mode(model)
    assert not model[0][0].training
    assert model[0][1].training
    assert model[0][2].training


def test_sgd_is_nesterov_with_momentum_and_the_rates_of_the_config() -> None:
    optimiser = build_optimiser(encoder_and_head(), config(optimiser="sgd", rate=1e-3))
    assert optimiser.defaults["nesterov"] is True
    assert optimiser.defaults["momentum"] == 0.9


def test_the_average_is_the_recursion_it_claims_to_be() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = AveragedModel(model, 0.6)
    expected = model.weight.item()
    for step in range(30):
        with torch.no_grad():
            model.weight.fill_(math.sin(step))
        average.update(step)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * math.sin(step)
        assert average.model.weight.item() == pytest.approx(expected, abs=1e-6)
    assert decay_at(10**6, 0.999) == 0.999


def test_frozen_weights_do_not_drift_in_the_average() -> None:
    torch.manual_seed(0)
    model = encoder_and_head()
    average = AveragedModel(model, 0.999)
    for step in range(200):
        average.update(step)
    for name, value in model.state_dict().items():
        assert torch.equal(average.model.state_dict()[name], value), name


def test_the_average_follows_statistics_and_copies_counters() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedModel(model, 0.9)
    model(torch.rand(8, 2) + 3)
    average.update(0)
    assert int(average.model.num_batches_tracked) == 1
    expected = 0.9 * model.running_mean  # the first decay is .1 and the mean began at 0
    torch.testing.assert_close(average.model.running_mean, expected)


def test_tied_weights_are_averaged_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(1, 1, bias=False)
            self.two = nn.Linear(1, 1, bias=False)
            self.two.weight = self.one.weight

    model = Tied()
    model.one.weight.data.fill_(0.0)
    average = AveragedModel(model, 0.9)
    model.one.weight.data.fill_(1.0)
    average.update(0)
    assert average.model.two.weight.item() == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 2, "warmup_epochs": 3}, "warmup_epochs .3. must not exceed epochs .2."),
        ({"rate": 1e-4, "final_rate": 1e-3}, "final_rate .0.001. must not exceed rate .0.0001."),
        ({"epochs": 2, "keep_epochs": [1, 5]}, r"keep_epochs \[5\] are past the last epoch .2."),
        ({"schedule": "steps"}, r"step_epochs \(\) must rise"),
        ({"schedule": "steps", "step_epochs": [3, 2]}, "step_epochs .3, 2. must rise"),
        ({"schedule": "steps", "step_epochs": [9, 36]}, "to below epochs .36."),
        ({"schedule": "steps", "step_epochs": [1], "warmup_epochs": 2}, "from warmup_epochs .2."),
        ({"batch_sise": 4}, "did you mean batch_size"),
        ({"precision": "fp64"}, "precision"),
        ({"ema": 1.0}, "ema"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**values)
