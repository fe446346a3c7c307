"""The loss of a network of clips: of the first answer, the second look, the moments, the presence.

Clips without a boundary teach only the presence.
"""

import torch
from torch import Tensor
from torch.nn import functional

from playhead.episodes.network.model import Answer
from playhead.episodes.network.settings import BoundaryLossConfig

__all__ = ["boundary_loss", "moment_targets"]


def boundary_loss(
    answer: Answer, boundary: Tensor, present: Tensor, config: BoundaryLossConfig
) -> Tensor:
    """The scalar loss.

    boundary: (B,) seconds, anything where there is none; present: (B,), 1 where there is a boundary
    The second look is trained only with the clips whose boundary lies in it; without any, the loss
    is that of the first answer alone.
    """
    present, boundary = present.float(), boundary.float()
    boundary = torch.where(present > 0, boundary, answer.first.detach())
    match config.kind:
        case "smooth-l1":
            errors = functional.smooth_l1_loss(answer.first, boundary, reduction="none")
        case "l1":
            errors = functional.l1_loss(answer.first, boundary, reduction="none")
    loss = config.first_weight * _mean(errors, present)
    if answer.moments is not None:
        targets = moment_targets(boundary, answer.moments.shape[1])
        entropy = functional.cross_entropy(answer.moments, targets, reduction="none")
        loss = loss + config.moments_weight * _mean(entropy, present)
    if answer.start is not None and answer.within is not None:
        inside = (answer.start <= boundary) & (boundary <= answer.start + answer.length)
        errors = (answer.length * answer.within - (boundary - answer.start)).abs()
        loss = loss + config.second_weight * _mean(errors, inside * present)
    if answer.presence is not None:
        entropy = functional.binary_cross_entropy_with_logits(answer.presence, present)
        loss = loss + config.presence_weight * entropy
    return loss


def moment_targets(boundary: Tensor, moments: int) -> Tensor:
    """boundary: (B,) seconds → (B, T): shares of the two moments whose mean is the boundary.

    Moment i has its middle at i + .5 s. Before the first middle and after the last, that moment has
    it all.
    """
    place = (boundary - 0.5).clamp(0, moments - 1)[:, None]
    distances = (torch.arange(moments, device=boundary.device) - place).abs()
    return (1 - distances).clamp_min(0)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1)
