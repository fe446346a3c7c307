"""Shared by the detectors: batching by image size, padding, non-maximum suppression."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, nms
from playhead.errors import WeightsError

__all__ = ["by_size", "padded", "rounded_up", "select", "sigmoid"]

CANDIDATES = 4000
"""The most candidates of a label, by score, that non-maximum suppression compares."""

Heads = tuple[NDArray[np.float32], ...]


def by_size(
    images: Sequence[NDArray[np.uint8]],
    run: Callable[[Sequence[NDArray[np.uint8]]], list[Heads]],
) -> list[Heads]:
    """Call `run` once per image size; return the results in the order of the images."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for k, image in enumerate(images):
        groups.setdefault(image.shape, []).append(k)
    results: dict[int, Heads] = {}
    for members in groups.values():
        results.update(zip(members, run([images[k] for k in members]), strict=True))
    return [results[k] for k in range(len(images))]


def padded(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image (H, W, 3) with black to its right and below, up to (width, height)."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    out = np.zeros((size[1], size[0], 3), np.uint8)
    out[:height, :width] = image
    return out


def rounded_up(shape: tuple[int, ...], multiple: int) -> tuple[int, int]:
    """(width, height) of an image of shape (H, W, ...), each up to the next multiple."""
    height, width = shape[:2]
    return width + -width % multiple, height + -height % multiple


def select(name: str, candidates: Boxes, shape: tuple[int, ...], overlap: float) -> Boxes:
    """Non-maximum suppression of the candidates that are at least partly inside the image.

    name: of the weights; shape: (H, W, ...) of the image; overlap: the largest IoU of two kept
    boxes. Raises WeightsError if a box is not finite.
    """
    if not np.isfinite(candidates.boxes).all():
        raise WeightsError(
            f"weights {name}: returned a box that is not finite; "
            f"fetch them again with `playhead weights get {name}`"
        )
    height, width = shape[:2]
    x1, y1, x2, y2 = candidates.boxes.T
    inside = candidates.chosen((x2 > 0) & (y2 > 0) & (x1 < width) & (y1 < height)).valid()
    best = np.argsort(-inside.scores, kind="stable")[:CANDIDATES]
    return nms(inside.chosen(best), overlap)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)); beyond ±80 it is 0 or 1 in any case."""
    clipped = np.clip(logits, -80.0, 80.0)
    return (1 / (1 + np.exp(-clipped))).astype(np.float32)
