"""The loss of a detector: binary cross-entropy of every cell, GIoU of the assigned cells' boxes."""

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
    """The weighted sum of the classification and the box loss of a batch.

    Cells inside an ignored region that no true box is assigned to have no classification loss.
    batch: `image` uint8 (B, 3, H, W); `boxes` (B, M, 4) in pixels; `labels` (B, M), -1 for padding,
    `IGNORED` for an ignored region
    """
    assert isinstance(model, DetectorNetwork)
    images, labels = batch["image"], batch["labels"]
    outputs = model(images.float() / 255).float()
    distances, logits = outputs[..., :4], outputs[..., 4:]
    height, width = images.shape[-2:]
    centres, strides = cells_of(height, width, model.strides, images.device)
    boxes = torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
    most = int((labels != -1).sum(1).max())  # beyond it, every image of the batch has padding
    assigned = assign(
        boxes.detach(),
        logits.detach().sigmoid(),
        (centres, strides),
        batch["boxes"][:, :most].float(),
        labels[:, :most],
        max_cells=config.cells,
    )
    known = (~assigned.ignored)[..., None].to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(
        logits, assigned.targets, weight=known, reduction="sum"
    )
    giou_loss = (1 - generalised_iou(boxes, assigned.boxes)) * assigned.weights
    class_loss = entropy / assigned.targets.sum().clamp(min=1.0)
    box_loss = giou_loss.sum() / assigned.weights.sum().clamp(min=1.0)
    return config.class_weight * class_loss + config.box_weight * box_loss


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU of pairs of boxes: (..., 4) twice → (...) in [-1, 1].

    IoU minus the share of the enclosing box that neither covers, so boxes that do not overlap still
    have a gradient. From "Generalized Intersection over Union" (2019).
    """
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    hull_low, hull_high = (
        torch.minimum(a[..., :2], b[..., :2]),
        torch.maximum(a[..., 2:], b[..., 2:]),
    )
    hull = (hull_high - hull_low).clamp(min=0).prod(-1)
    tiny = torch.finfo(union.dtype).eps
    return shared / (union + tiny) - (hull - union) / (hull + tiny)
