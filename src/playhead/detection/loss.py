"""The loss of a detector: how sure every cell is, and where the boxes of those that see one are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.detection.assign import assign
from playhead.detection.config import DetectionLossConfig
from playhead.learning.nn.detector import DetectorNetwork, cells_of

__all__ = ["detection_loss", "generalised_iou"]


def detection_loss(
    model: nn.Module, batch: dict[str, Tensor], config: DetectionLossConfig
) -> Tensor:
    """Binary cross-entropy of all cells, and generalised IoU of those that learn a box.

    batch: `image` uint8 (B, 3, H, W); `boxes` (B, M, 4) in pixels; `labels` (B, M), -1 for none
    """
    assert isinstance(model, DetectorNetwork)
    images, labels = batch["image"], batch["labels"]
    answers = model(images.float() / 255).float()
    distances, logits = answers[..., :4], answers[..., 4:]
    height, width = images.shape[-2:]
    middles, strides = cells_of(height, width, model.strides, images.device)
    boxes = torch.cat([middles - distances[..., :2], middles + distances[..., 2:]], -1)
    most = int((labels >= 0).sum(1).max())  # places that no image of the batch fills
    assigned = assign(
        boxes.detach(),
        logits.detach().sigmoid(),
        (middles, strides),
        batch["boxes"][:, :most].float(),
        labels[:, :most],
        most=config.cells,
    )
    entropy = F.binary_cross_entropy_with_logits(logits, assigned.targets, reduction="sum")
    misplaced = (1 - generalised_iou(boxes, assigned.boxes)) * assigned.weights
    classes = entropy / assigned.targets.sum().clamp(min=1.0)
    places = misplaced.sum() / assigned.weights.sum().clamp(min=1.0)
    return config.class_weight * classes + config.box_weight * places


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the share of the common hull that neither fills: (..., 4) twice → (...) in [-1, 1].

    From "Generalized Intersection over Union" (2019); boxes without overlap still pull together.
    """
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(one[..., 2:] - one[..., :2]).clamp(min=0).prod(-1) for one in (a, b)]
    union = areas[0] + areas[1] - shared
    hull_low, hull_high = (
        torch.minimum(a[..., :2], b[..., :2]),
        torch.maximum(a[..., 2:], b[..., 2:]),
    )
    hull = (hull_high - hull_low).clamp(min=0).prod(-1)
    tiny = torch.finfo(union.dtype).eps
    return shared / (union + tiny) - (hull - union) / (hull + tiny)
