"""The loss of a network of clips."""

from typing import Any

import pytest
import torch
from torch import Tensor

from playhead.episodes.network.loss import boundary_loss, moment_targets
from playhead.episodes.network.model import Answer
from playhead.episodes.network.settings import BoundaryLossConfig


def answer_of(first: list[float], **more: Any) -> Answer:
    values: dict[str, Any] = {
        "moments": None, "start": None, "length": 0, "within": None, "presence": None, **more
    }  # fmt: skip
    return Answer(first=torch.tensor(first), **values)


def loss_of(answer: Answer, boundary: list[float], present: list[float], **config: Any) -> Tensor:
    return boundary_loss(
        answer, torch.tensor(boundary), torch.tensor(present), BoundaryLossConfig(**config)
    )


def test_smooth_l1_is_square_only_below_a_second() -> None:
    loss = loss_of(answer_of([10.0, 10.0]), [10.5, 13.0], [1, 1])
    assert loss.item() == pytest.approx((0.5 * 0.5**2 + (3 - 0.5)) / 2)


def test_the_second_loss_is_of_clips_whose_cell_is_right() -> None:
    # The cells start at 10 and 30: the first holds its boundary, the second does not.
    starts = torch.tensor([10.0, 30.0])
    within = torch.tensor([0.5, 0.9])
    answer = answer_of([12.0, 30.0], start=starts, length=10, within=within)
    loss = loss_of(answer, [13.0, 25.0], [1, 1], kind="l1")
    assert loss.item() == pytest.approx((1 + 5) / 2 + abs(5.0 - 3.0))
    none_right = loss_of(answer, [25.0, 25.0], [1, 1], kind="l1")
    assert none_right.item() == pytest.approx((13 + 5) / 2)


def test_a_boundary_at_the_very_end_is_in_the_last_cell() -> None:
    answer = answer_of([200.0], start=torch.tensor([190.0]), length=10, within=torch.tensor([0.8]))
    assert loss_of(answer, [200.0], [1], kind="l1").item() == pytest.approx(2.0)


def test_moments_share_a_boundary_so_that_their_mean_is_it() -> None:
    boundary = torch.tensor([0.5, 3.0, 3.2, 9.5])
    targets = moment_targets(boundary, 10)
    middles = torch.arange(10) + 0.5
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    torch.testing.assert_close(targets @ middles, boundary)
    assert (moment_targets(torch.tensor([0.1, 10.0]), 10).argmax(1)).tolist() == [0, 9]


def test_clips_without_a_boundary_teach_only_the_presence() -> None:
    first = torch.tensor([10.0, 90.0], requires_grad=True)
    moments = torch.zeros(2, 200, requires_grad=True)
    presence = torch.zeros(2, requires_grad=True)
    answer = Answer(first, moments, None, 0, None, presence)
    loss = boundary_loss(
        answer, torch.tensor([12.0, 0.0]), torch.tensor([1.0, 0.0]), BoundaryLossConfig()
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert first.grad is not None
    assert moments.grad is not None
    assert presence.grad is not None
    assert first.grad.tolist()[1] == 0
    assert first.grad.tolist()[0] != 0
    assert not moments.grad[1].any()
    assert presence.grad[0] < 0 < presence.grad[1]
