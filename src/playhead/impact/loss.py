"""The losses of the impact networks, on logits and in fp32."""

import torch
import torch.nn.functional as F
from torch import Tensor

from playhead.impact.network_config import CollisionLossConfig
from playhead.learning.losses import classification_loss

__all__ = ["collision_loss", "helmet_loss"]


def collision_loss(logits: Tensor, target: Tensor, config: CollisionLossConfig) -> Tensor:
    """The weighted sum of the losses of the centres, the boxes and the impacts.

    logits: (B, 6, h, w); target: as many, from `grid_target` → scalar
    Centres are learnt in every cell. The box is learnt by a Huber or L1 loss on sigmoids in the
    cells that hold a centre, the impact in these or in all cells. Without any centre the loss of
    what is only learnt in such cells is 0.
    """
    logits, target = logits.float(), target.float()
    centre, box, impact = logits[:, :1], logits[:, 1:5], logits[:, 5:]
    true_centre, true_box, true_impact = target[:, :1], target[:, 1:5], target[:, 5:]
    held = true_centre > 0  # (B, 1, h, w)
    count = held.sum().clamp(min=1)

    if config.centre.kind == "bce":
        positive = torch.tensor(config.centre_positive_weight, device=logits.device)
        centre_loss = F.binary_cross_entropy_with_logits(centre, true_centre, pos_weight=positive)
    else:
        centre_loss = classification_loss(centre, true_centre, config.centre)

    distance = F.huber_loss if config.box == "huber" else F.l1_loss
    differences = distance(box.sigmoid(), true_box, reduction="none")
    box_loss = (differences * held).sum() / (4 * count)

    if config.impact_over == "cells":
        # A mean over no cells is not a number; a sum of nothing has a gradient of 0.
        cells = impact[held], true_impact[held]
        impact_loss = (
            classification_loss(*cells, config.impact) if len(cells[0]) else impact.sum() * 0
        )
    else:
        impact_loss = classification_loss(impact, true_impact, config.impact)

    return (
        config.centre_weight * centre_loss
        + config.box_weight * box_loss
        + config.impact_weight * impact_loss
    )


def helmet_loss(logits: Tensor, target: Tensor, *, positive_weight: float = 1.0) -> Tensor:
    """Binary cross-entropy of a heat map in [0, 1]; logits, target: (B, H, W) → scalar."""
    positive = torch.tensor(positive_weight, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits.float(), target.float(), pos_weight=positive)
