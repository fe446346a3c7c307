"""The packaged full-size configurations train as the published recipe does."""

from dataclasses import dataclass

import pytest
import torch

from playhead.learning.optim import build_optimiser, rate_at
from playhead.spotting.config import find_config, load_spotting_config
from playhead.spotting.model import build_model


@dataclass(frozen=True)
class Stage:
    """A row of the recipe; rates are for 4 samples a step."""

    kind: type[torch.optim.Optimizer]
    rates: tuple[float, float]
    epochs: tuple[int, int]  # of the warm-up, after it
    samples: int
    focal: tuple[float, float | None]  # gamma, alpha
    ema: float
    frames: int = 15
    decay: float = 0.01  # AdamW as torch has it; the recipe's SGD has none


ADAMW = torch.optim.AdamW
RECIPE = {
    "football-slow-fusion": Stage(ADAMW, (3e-4, 3e-6), (6, 30), 6_000, (1.2, None), 0.999),
    "football-slow-fusion-other": Stage(ADAMW, (3e-4, 3e-6), (4, 20), 36_000, (1.2, None), 0.9995),
    "football-slow-fusion-transfer": Stage(ADAMW, (3e-4, 3e-6), (7, 35), 6_000, (1.2, 0.4), 0.999),
    "football-slow-fusion-long": Stage(
        torch.optim.SGD, (1e-3, 5e-5), (2, 7), 6_000, (1.2, 0.4), 0.999, frames=33, decay=0.0
    ),
}
STAGE = pytest.mark.parametrize(("name", "stage"), RECIPE.items(), ids=RECIPE)


@pytest.mark.slow
@STAGE
def test_the_optimiser_of_a_stage_is_that_of_the_recipe(name: str, stage: Stage) -> None:
    config = load_spotting_config(find_config(name))
    model = build_model(config.model.without_start(), len(config.data.classes), config.window)
    optimiser = build_optimiser(model, config.training)
    assert type(optimiser) is stage.kind
    decayed, plain = optimiser.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (stage.decay, 0.0)
    for group in optimiser.param_groups:
        if stage.kind is torch.optim.SGD:
            chosen = (group["momentum"], group["nesterov"], group["dampening"])
            assert chosen == (0.9, True, 0)
        else:
            assert (group["betas"], group["eps"], group["amsgrad"]) == ((0.9, 0.999), 1e-8, False)
    updated = {id(one) for group in optimiser.param_groups for one in group["params"]}
    encoder = {id(one) for one in model.encoder.parameters()}
    assert updated >= {id(one) for one in model.parameters()} - encoder
    assert bool(updated & encoder) == (name != "football-slow-fusion-long")
    assert config.training.clip_norm is None


@STAGE
@pytest.mark.parametrize("batch_size", [4, 8])
def test_the_rates_of_a_stage_are_those_of_the_recipe(
    name: str, stage: Stage, batch_size: int
) -> None:
    settings = [f"training.batch_size={batch_size}"]
    config = load_spotting_config(find_config(name), settings).training
    steps = stage.samples // batch_size
    warmup, total = stage.epochs[0] * steps, sum(stage.epochs) * steps
    highest, lowest = (rate * batch_size / 4 for rate in stage.rates)
    assert config.epochs == sum(stage.epochs)
    assert rate_at(0, steps, config) == pytest.approx(highest / warmup)
    assert rate_at(warmup - 1, steps, config) == pytest.approx(highest)
    assert rate_at((warmup + total) // 2 - 1, steps, config) == pytest.approx(
        (highest + lowest) / 2
    )
    assert rate_at(total - 1, steps, config) == pytest.approx(lowest)


@STAGE
def test_loss_average_and_samples_of_a_stage_are_those_of_the_recipe(
    name: str, stage: Stage
) -> None:
    config = load_spotting_config(find_config(name))
    assert (config.loss.kind, config.loss.gamma, config.loss.alpha) == ("focal", *stage.focal)
    assert (config.training.ema, config.samples_per_epoch) == (stage.ema, stage.samples)
    assert (config.window.frames, config.training.batch_size) == (stage.frames, 4)
    assert config.training.accumulate == 1
