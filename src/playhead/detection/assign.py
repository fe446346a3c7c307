"""Assignment: which cells are trained on which true box, and with what target score.

Task-aligned, after "TOOD: Task-aligned One-stage Object Detection" (2021): the cells inside a true
box whose current class score and box fit it best are assigned to it, and a cell's target score
rises with the IoU of its box. A high score therefore means a well-placed box.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from playhead.detection.samples import IGNORED

__all__ = ["Assigned", "assign", "pairwise_iou"]

CLASS_POWER, IOU_POWER = 0.5, 6.0
TINY = 1e-9


@dataclass(frozen=True)
class Assigned:
    """The training targets of each cell.

    boxes: (B, N, 4) the true box of each cell, meaningless for unassigned cells
    targets: (B, N, C) target score of each class, all 0 for unassigned cells
    weights: (B, N) weight of each cell's box loss, relative to the best cell of the same true box
    (weighting by IoU alone would neglect small objects, whose boxes overlap less)
    ignored: bool (B, N), unassigned cells inside an ignored region, whose class is unknown
    """

    boxes: Tensor
    targets: Tensor
    weights: Tensor
    ignored: Tensor


@torch.no_grad()
def assign(
    boxes: Tensor,
    probabilities: Tensor,
    cells: tuple[Tensor, Tensor],
    true_boxes: Tensor,
    true_labels: Tensor,
    *,
    max_cells: int = 10,
) -> Assigned:
    """Assign the true boxes of a batch to its cells.

    boxes: (B, N, 4) predicted by the cells, x1 y1 x2 y2; probabilities: (B, N, C)
    cells: centres (N, 2) and strides (N,)
    true_boxes: (B, M, 4); true_labels: (B, M), -1 for padding, `IGNORED` for an ignored region
    max_cells: most cells assigned to one true box
    """
    b, n, classes = probabilities.shape
    m = true_labels.shape[1]
    if m == 0:
        return Assigned(
            boxes.new_zeros(b, n, 4),
            probabilities.new_zeros(b, n, classes),
            boxes.new_zeros(b, n),
            torch.zeros(b, n, dtype=torch.bool, device=boxes.device),
        )
    valid = true_labels >= 0
    labels = true_labels.clamp(min=0).long()
    overlap = pairwise_iou(true_boxes, boxes)  # B, M, N
    scores = probabilities.transpose(1, 2).gather(1, labels[..., None].expand(-1, -1, n))
    inside = _candidates(true_boxes, *cells)
    candidates = inside & valid[..., None]
    alignment = scores.pow(CLASS_POWER) * overlap.pow(IOU_POWER)
    # The candidates that fit each true box best; a cell chosen by several boxes goes to the one
    # that it overlaps most.
    values, indices = torch.where(candidates, alignment + TINY, 0.0).topk(min(max_cells, n), dim=2)
    chosen = torch.zeros_like(candidates).scatter_(2, indices, values > 0)
    owner = torch.where(chosen, overlap, -1.0).argmax(1, keepdim=True)  # B, 1, N
    chosen &= torch.zeros_like(chosen).scatter_(1, owner, True)
    # The best cell of each true box gets its IoU as target score, the others less.
    aligned = torch.where(chosen, alignment, 0.0)
    best_alignment = aligned.amax(2, keepdim=True)
    best_overlap = torch.where(chosen, overlap, 0.0).amax(2, keepdim=True)
    shares = aligned / (best_alignment + TINY)
    target_scores = (shares * best_overlap).amax(1)  # B, N
    assigned = chosen.float().argmax(1)  # B, N
    cell_boxes = true_boxes.gather(1, assigned[..., None].expand(-1, -1, 4))
    cell_labels = labels.gather(1, assigned)
    targets = probabilities.new_zeros(b, n, classes)
    targets.scatter_(2, cell_labels[..., None], target_scores[..., None].to(targets.dtype))
    ignored = (inside & (true_labels == IGNORED)[..., None]).any(1) & ~chosen.any(1)
    return Assigned(cell_boxes, targets, shares.amax(1), ignored)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union: (B, M, 4) and (B, N, 4) → (B, M, N)."""
    low = torch.maximum(a[:, :, None, :2], b[:, None, :, :2])
    high = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return shared / (area_a[:, :, None] + area_b[:, None] - shared + TINY)


def _candidates(true_boxes: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """(B, M, N): cells whose centre lies in the box; on the finest map, also within one stride.

    A box smaller than a cell may contain no cell centre, and would otherwise never be trained on.
    """
    centre = (true_boxes[..., :2] + true_boxes[..., 2:]) / 2
    half = (true_boxes[..., 2:] - true_boxes[..., :2]) / 2
    finest = torch.where(strides == strides.min(), strides, 0.0)  # N
    reach = torch.maximum(half[:, :, None], finest[None, None, :, None])  # B, M, N, 2
    distance = (centres[None, None] - centre[:, :, None]).abs()
    return (distance < reach).all(-1)
