"""Losses against closed forms and against an independent implementation in NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from playhead.config import validate
from playhead.learning.losses import bce, classification_loss, focal
from playhead.learning.settings import LossConfig

LOGITS = st.lists(st.floats(-12, 12), min_size=4, max_size=4)
TARGETS = st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=4, max_size=4)


def focal_by_definition(x: list[float], y: list[float], gamma: float, alpha: float | None) -> float:
    p = 1 / (1 + np.exp(-np.float64(x)))
    y64 = np.float64(y)
    entropy = -(y64 * np.log(p) + (1 - y64) * np.log(1 - p))
    p_t = y64 * p + (1 - y64) * (1 - p)
    weight = 1.0 if alpha is None else alpha * y64 + (1 - alpha) * (1 - y64)
    return float(np.mean(weight * (1 - p_t) ** gamma * entropy))


def test_undecided_logits_cost_log_two() -> None:
    logits, targets = torch.zeros(3, 2), torch.tensor([[0.0, 1.0]] * 3)
    assert bce(logits, targets).item() == pytest.approx(math.log(2))
    # There 1 - p_t is a half whatever the target.
    assert focal(logits, targets, gamma=2).item() == pytest.approx(math.log(2) / 4)
    assert focal(logits, targets, gamma=2, alpha=0.25).item() == pytest.approx(math.log(2) / 8)


@given(LOGITS, TARGETS)
def test_focal_without_gamma_is_cross_entropy(x: list[float], y: list[float]) -> None:
    logits, targets = torch.tensor([x]), torch.tensor([y])
    torch.testing.assert_close(focal(logits, targets, gamma=0), bce(logits, targets))


@given(LOGITS, TARGETS, st.sampled_from([0.5, 1.2, 2.0]), st.sampled_from([None, 0.4]))
def test_focal_is_its_definition(
    x: list[float], y: list[float], gamma: float, alpha: float | None
) -> None:
    loss = focal(torch.tensor([x]), torch.tensor([y]), gamma=gamma, alpha=alpha)
    assert loss.item() == pytest.approx(
        focal_by_definition(x, y, gamma, alpha), rel=1e-5, abs=1e-12
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.2, 2.0])
@pytest.mark.parametrize("logit", [-1000.0, -90.0, 90.0, 1000.0])
def test_extreme_logits_have_finite_losses_and_gradients(gamma: float, logit: float) -> None:
    logits = torch.full((1, 2), logit, requires_grad=True)
    loss = focal(logits, torch.tensor([[0.0, 1.0]]), gamma=gamma)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_gradients_of_focal_are_those_of_finite_differences() -> None:
    logits = torch.tensor([[-2.0, -0.1, 0.4, 3.0]])
    targets = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(focal(logits, targets, gamma=1.2, alpha=0.4), logits)
    x, y, step = logits[0].tolist(), targets[0].tolist(), 1e-5
    for index, expected in enumerate(gradient[0].tolist()):
        moved = [
            focal_by_definition([*x[:index], x[index] + sign * step, *x[index + 1 :]], y, 1.2, 0.4)
            for sign in (1, -1)
        ]
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(expected, rel=1e-3)


def test_half_precision_logits_are_computed_in_fp32() -> None:
    logits = torch.tensor([[-9.0, 9.0]], dtype=torch.bfloat16)
    loss = focal(logits, torch.tensor([[0.0, 1.0]]), gamma=0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log1p(math.exp(-9)), rel=1e-4)


def test_the_config_chooses_the_loss() -> None:
    logits, targets = torch.tensor([[0.5, -1.0]]), torch.tensor([[1.0, 0.0]])
    chosen = validate(LossConfig, {"kind": "focal", "gamma": 2, "alpha": 0.4}, source="test")
    assert classification_loss(logits, targets, chosen) == focal(
        logits, targets, gamma=2, alpha=0.4
    )
    chosen = validate(LossConfig, {"kind": "bce"}, source="test")
    assert classification_loss(logits, targets, chosen) == bce(logits, targets)
