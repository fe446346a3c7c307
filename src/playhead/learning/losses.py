"""Losses for multi-label classification on logits, as means over samples and classes.

Both compute in fp32 for any precision of the logits, and accept targets in [0, 1].
"""

import torch
from torch import Tensor
from torch.nn import functional

from playhead.learning.settings import LossConfig

__all__ = ["bce", "classification_loss", "focal"]


def classification_loss(logits: Tensor, targets: Tensor, config: LossConfig) -> Tensor:
    """logits, targets: (B, C) → the scalar loss selected by `config`."""
    match config.kind:
        case "bce":
            return bce(logits, targets)
        case "focal":
            return focal(logits, targets, gamma=config.gamma, alpha=config.alpha)


def bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy; logits, targets: (..., C) → scalar."""
    return functional.binary_cross_entropy_with_logits(logits.float(), targets.float())


def focal(
    logits: Tensor, targets: Tensor, *, gamma: float = 1.2, alpha: float | None = None
) -> Tensor:
    """Focal loss: cross-entropy times (1 - p_t) ** gamma; gamma 0 is `bce`.

    From "Focal Loss for Dense Object Detection" (2017).
    logits, targets: (..., C) → scalar. alpha weights positives and 1 - alpha negatives; None
    weights neither.
    """
    logits, targets = logits.float(), targets.float()
    negatives = 1 - targets
    # Without 1 - p, which would round to 0 for confident predictions.
    entropy = targets * functional.softplus(-logits) + negatives * functional.softplus(logits)
    missed = targets * torch.sigmoid(-logits) + negatives * torch.sigmoid(logits)
    # Below the smallest normal number the power's derivative is infinite for gamma < 1.
    losses = missed.clamp_min(torch.finfo(missed.dtype).tiny) ** gamma * entropy
    if alpha is not None:
        losses = (alpha * targets + (1 - alpha) * negatives) * losses
    return losses.mean()
