"""The packaged recipe `ball-2023` trains as the published one does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from playhead.learning.optim import build_optimiser, rate_at
from playhead.spotting.config import SpottingConfig, find_config
from playhead.spotting.model import build_model
from playhead.spotting.stages.plan import load_plan


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
    "basic": Stage(ADAMW, (3e-4, 3e-6), (6, 30), 6_000, (1.2, None), 0.999),
    "other": Stage(ADAMW, (3e-4, 3e-6), (4, 20), 36_000, (1.2, None), 0.9995),
    "transfer": Stage(ADAMW, (3e-4, 3e-6), (7, 35), 6_000, (1.2, 0.4), 0.999),
    "long": Stage(
        torch.optim.SGD, (1e-3, 5e-5), (2, 7), 6_000, (1.2, 0.4), 0.999, frames=33, decay=0.0
    ),
}
CLASS_WEIGHTS = {
    "Penalty": 0.244,
    "Kick-off": 0.197,
    "Goal": 0.08,
    "Direct free-kick": 0.077,
    "Card": 0.07,
    "Offside": 0.069,
    "Substitution": 0.06,
    "Clearance": 0.041,
    "Corner": 0.035,
    "Shots off target": 0.03,
    "Shots on target": 0.028,
    "Indirect free-kick": 0.028,
    "Foul": 0.017,
    "Throw-in": 0.015,
    "Ball out of play": 0.011,
}
STAGE = pytest.mark.parametrize(("name", "stage"), RECIPE.items(), ids=RECIPE)


def stage_config(name: str, settings: Sequence[str] = ()) -> SpottingConfig:
    plan = load_plan(find_config("ball-2023"), settings)
    return plan.base(plan.stage(name))


@pytest.mark.slow
@STAGE
def test_the_optimiser_of_a_stage_is_that_of_the_recipe(name: str, stage: Stage) -> None:
    config = stage_config(name)
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
    assert bool(updated & encoder) == (name != "long")
    assert config.training.clip_norm is None


@STAGE
@pytest.mark.parametrize("batch_size", [4, 8])
def test_the_rates_of_a_stage_are_those_of_the_recipe(
    name: str, stage: Stage, batch_size: int
) -> None:
    config = stage_config(name, [f"training.batch_size={batch_size}"]).training
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
    config = stage_config(name)
    assert (config.loss.kind, config.loss.gamma, config.loss.alpha) == ("focal", *stage.focal)
    assert (config.training.ema, config.samples_per_epoch) == (stage.ema, stage.samples)
    assert (config.window.frames, config.training.batch_size) == (stage.frames, 4)
    assert config.training.accumulate == 1


def test_the_stages_start_from_each_other_as_in_the_recipe() -> None:
    plan = load_plan(find_config("ball-2023"))
    links = {
        stage.name: (stage.links.start_from, stage.links.hard_scores_from) for stage in plan.stages
    }
    assert links == {
        "basic": (None, None),
        "other": (None, None),
        "transfer": ("other", "basic"),
        "long": ("transfer", "basic"),
    }
    starts = {name: stage_config(name).model.weights for name in links}
    assert starts == {"basic": "hub", "other": "hub", "transfer": "none", "long": "none"}
    frozen = [name for name in links if stage_config(name).model.freeze_encoder]
    assert frozen == ["long"]
    runs = plan.trainings(plan.stage("long"), Path("out"), "3")
    assert [run.config.start and run.config.start.weights for run in runs] == [
        Path("out/transfer/fold-3/best.safetensors")
    ]


def test_the_other_data_set_has_the_class_weights_of_the_recipe_and_one_class_of_cards() -> None:
    config = stage_config("other")
    assert config.sampling.class_weights == CLASS_WEIGHTS
    assert config.data.classes == tuple(CLASS_WEIGHTS)
    cards = ("Yellow card", "Red card", "Yellow->red card")
    assert config.data.class_map == dict.fromkeys(cards, "Card")


def test_the_sampling_of_a_stage_is_that_of_the_recipe() -> None:
    for name in RECIPE:
        sampling = stage_config(name).sampling
        assert (sampling.near_seconds, sampling.clear_seconds) == (9 / 25, 27 / 25)
        assert sampling.action_share == 0.5
