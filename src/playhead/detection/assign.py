"""Assignment: which cells learn which true box, and how sure of it each shall be.

Task-aligned, after "TOOD: Task-aligned One-stage Object Detection" (2021): of the cells inside a
true box those that already answer best, in class and in place, learn it; the better their box, the
surer they shall be. So a cell that is sure is one whose box is good, and the best survive.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Assigned", "assign", "pairwise_iou"]

CLASS_POWER, PLACE_POWER = 0.5, 6.0
TINY = 1e-9


@dataclass(frozen=True)
class Assigned:
    """What each cell is to learn.

    boxes: (B, N, 4) the true box of each cell, meaningless where it has none
    targets: (B, N, C) how sure of each class it shall be, all 0 where it has none
    weights: (B, N) how much the box of each cell counts, 1 for the best of each true box: by
    how good it is alone, small objects, which are hard to place, would hardly be learnt
    """

    boxes: Tensor
    targets: Tensor
    weights: Tensor


@torch.no_grad()
def assign(
    boxes: Tensor,
    probabilities: Tensor,
    cells: tuple[Tensor, Tensor],
    true_boxes: Tensor,
    true_labels: Tensor,
    *,
    most: int = 10,
) -> Assigned:
    """Share the true boxes of a batch among its cells.

    boxes: (B, N, 4) what the cells answer, x1 y1 x2 y2; probabilities: (B, N, C)
    cells: middles (N, 2) and strides (N,)
    true_boxes: (B, M, 4); true_labels: (B, M), -1 where there is none
    most: cells that learn one true box at most
    """
    b, n, classes = probabilities.shape
    m = true_labels.shape[1]
    if m == 0:
        return Assigned(
            boxes.new_zeros(b, n, 4), probabilities.new_zeros(b, n, classes), boxes.new_zeros(b, n)
        )
    there = true_labels >= 0
    named = true_labels.clamp(min=0).long()
    overlap = pairwise_iou(true_boxes, boxes)  # B, M, N
    sure = probabilities.transpose(1, 2).gather(1, named[..., None].expand(-1, -1, n))
    may = _candidates(true_boxes, *cells) & there[..., None]
    alignment = sure.pow(CLASS_POWER) * overlap.pow(PLACE_POWER)
    chosen = _best(torch.where(may, alignment + TINY, 0.0), most)
    chosen = _one_each(chosen, overlap)
    # Of each true box the best cell shall be as sure as its box is good, the others less.
    aligned = torch.where(chosen, alignment, 0.0)
    best_alignment = aligned.amax(2, keepdim=True)
    best_overlap = torch.where(chosen, overlap, 0.0).amax(2, keepdim=True)
    shares = aligned / (best_alignment + TINY)
    sureness = (shares * best_overlap).amax(1)  # B, N
    owner = chosen.float().argmax(1)  # B, N
    own_boxes = true_boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    own_labels = named.gather(1, owner)
    targets = probabilities.new_zeros(b, n, classes)
    targets.scatter_(2, own_labels[..., None], sureness[..., None].to(targets.dtype))
    return Assigned(own_boxes, targets, shares.amax(1))


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union: (B, M, 4) and (B, N, 4) → (B, M, N)."""
    low = torch.maximum(a[:, :, None, :2], b[:, None, :, :2])
    high = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return shared / (area_a[:, :, None] + area_b[:, None] - shared + TINY)


def _candidates(true_boxes: Tensor, middles: Tensor, strides: Tensor) -> Tensor:
    """(B, M, N): cells whose middle lies in the box, of the finest map also those around its own.

    A box smaller than a cell may have no cell's middle in it, and would never be learnt.
    """
    centre = (true_boxes[..., :2] + true_boxes[..., 2:]) / 2
    half = (true_boxes[..., 2:] - true_boxes[..., :2]) / 2
    finest = torch.where(strides == strides.min(), strides, 0.0)  # N
    reach = torch.maximum(half[:, :, None], finest[None, None, :, None])  # B, M, N, 2
    away = (middles[None, None] - centre[:, :, None]).abs()
    return (away < reach).all(-1)


def _best(alignment: Tensor, most: int) -> Tensor:
    """(B, M, N): whether a cell is among the `most` best of a true box; 0 is no candidate."""
    values, places = alignment.topk(min(most, alignment.shape[2]), dim=2)
    chosen = torch.zeros_like(alignment, dtype=torch.bool)
    return chosen.scatter_(2, places, values > 0)


def _one_each(chosen: Tensor, overlap: Tensor) -> Tensor:
    """A cell that several true boxes chose learns the one that it overlaps most."""
    best = torch.where(chosen, overlap, -1.0).argmax(1, keepdim=True)  # B, 1, N
    only = torch.zeros_like(chosen).scatter_(1, best, True)
    return chosen & only
