"""The losses of the impact networks, against closed forms."""

import math

import pytest
import torch
from torch import Tensor

from playhead.impact.loss import collision_loss, helmet_loss
from playhead.impact.network_config import CollisionLossConfig
from playhead.learning.losses import focal
from playhead.learning.settings import LossConfig

ALONE = {"centre_weight": 0.0, "box_weight": 0.0, "impact_weight": 0.0}


def alone(part: str, **values: object) -> CollisionLossConfig:
    return CollisionLossConfig.model_validate({**ALONE, f"{part}_weight": 1.0, **values})


def scene() -> tuple[Tensor, Tensor]:
    """Logits (1, 6, 2, 3), and a target with two centres, the second in an impact."""
    logits = torch.randn(1, 6, 2, 3, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(1, 6, 2, 3)
    target[0, :, 0, 1] = torch.tensor([1, 0.25, 0.5, 0.1, 0.2, 0])
    target[0, :, 1, 2] = torch.tensor([1, 0.75, 0.0, 0.3, 0.4, 1])
    return logits, target


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_centres_count_five_times_in_the_mean_over_all_cells() -> None:
    logits, target = scene()
    values = logits[0, 0].flatten().tolist()
    held = [1, 5]
    expected = sum(5 * softplus(-v) if i in held else softplus(v) for i, v in enumerate(values)) / 6
    assert collision_loss(logits, target, alone("centre")).item() == pytest.approx(expected)


def test_boxes_are_learnt_by_half_squares_or_by_distances_of_sigmoids_in_the_held_cells() -> None:
    logits, target = scene()
    squares, distances = 0.0, 0.0
    for row, column in ((0, 1), (1, 2)):
        for channel in range(1, 5):
            value = 1 / (1 + math.exp(-logits[0, channel, row, column].item()))
            difference = value - target[0, channel, row, column].item()
            squares, distances = squares + difference**2 / 2, distances + abs(difference)
    for kind, expected in (("huber", squares), ("l1", distances)):
        loss = collision_loss(logits, target, alone("box", box=kind)).item()
        assert loss == pytest.approx(expected / 8)


def test_impacts_are_learnt_in_held_cells_or_in_all() -> None:
    logits, target = scene()
    values = logits[0, 5].flatten().tolist()
    cells = (softplus(values[1]) + softplus(-values[5])) / 2
    every = sum(softplus(-v) if i == 5 else softplus(v) for i, v in enumerate(values)) / 6
    assert collision_loss(logits, target, alone("impact")).item() == pytest.approx(cells)
    over_map = alone("impact", impact_over="map")
    assert collision_loss(logits, target, over_map).item() == pytest.approx(every)


def test_both_may_be_focal() -> None:
    logits, target = scene()
    config = LossConfig(kind="focal", gamma=2.0, alpha=0.25)
    loss = collision_loss(logits, target, alone("centre", centre=config))
    torch.testing.assert_close(loss, focal(logits[:, 0], target[:, 0], gamma=2.0, alpha=0.25))
    loss = collision_loss(logits, target, alone("impact", impact=config, impact_over="map"))
    torch.testing.assert_close(loss, focal(logits[:, 5], target[:, 5], gamma=2.0, alpha=0.25))


def test_the_parts_are_weighted_10_to_10_to_1() -> None:
    logits, target = scene()
    centre, box, impact = (
        collision_loss(logits, target, alone(part)) for part in ("centre", "box", "impact")
    )
    whole = collision_loss(logits, target, CollisionLossConfig())
    torch.testing.assert_close(whole, 10 * centre + 10 * box + impact)


@pytest.mark.parametrize("kind", ["bce", "focal"])
def test_without_a_centre_the_loss_and_its_gradient_are_finite(kind: str) -> None:
    logits, target = torch.zeros(2, 6, 4, 4, requires_grad=True), torch.zeros(2, 6, 4, 4)
    config = CollisionLossConfig.model_validate({"impact": {"kind": kind}})
    loss = collision_loss(logits, target, config)
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(10 * math.log(2))
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert not logits.grad[:, 1:].any()


def test_a_heat_map_is_learnt_by_cross_entropy_with_its_discs() -> None:
    logits, target = torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[0.75, 0.0]]])
    positive, negative = 0.75 * softplus(-2.0), 0.25 * softplus(2.0)
    loss = helmet_loss(logits, target).item()
    assert loss == pytest.approx((positive + negative + softplus(-1.0)) / 2)
    weighted = helmet_loss(logits, target, positive_weight=3.0).item()
    assert weighted == pytest.approx((3 * positive + negative + softplus(-1.0)) / 2)
