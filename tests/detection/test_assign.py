"""Which cells learn which box: against a slow independent count, and in cases known by hand."""

import numpy as np
import pytest
import torch

from playhead.detection.assign import assign, pairwise_iou
from playhead.learning.nn.detector import cells_of

STRIDES = (8, 16)
SIZE = (64, 48)  # width, height


def by_hand(
    boxes: np.ndarray,
    sure: np.ndarray,
    grid: tuple[np.ndarray, np.ndarray],
    truth: list,
    most: int,
) -> tuple[dict[int, int], dict[int, float], dict[int, float]]:
    """Owner, sureness and weight of each cell of one image, counted one by one."""
    cells, steps = grid
    overlap = np.zeros((len(truth), len(boxes)))
    metric = np.zeros_like(overlap)
    chosen: list[list[int]] = []
    for t, (label, box) in enumerate(truth):
        candidates = []
        for n, one in enumerate(boxes):
            width = max(0.0, min(one[2], box[2]) - max(one[0], box[0]))
            height = max(0.0, min(one[3], box[3]) - max(one[1], box[1]))
            union = (one[2] - one[0]) * (one[3] - one[1]) + (box[2] - box[0]) * (box[3] - box[1])
            overlap[t, n] = width * height / (union - width * height)
            metric[t, n] = sure[n, label] ** 0.5 * overlap[t, n] ** 6
            reach = [
                max((box[i + 2] - box[i]) / 2, steps[n] if steps[n] == steps.min() else 0.0)
                for i in (0, 1)
            ]
            middle = [(box[i] + box[i + 2]) / 2 for i in (0, 1)]
            if all(abs(cells[n][i] - middle[i]) < reach[i] for i in (0, 1)):
                candidates.append(n)
        chosen.append(sorted(candidates, key=lambda n: (-metric[t, n], n))[:most])
    owner: dict[int, int] = {}
    for t, places in enumerate(chosen):
        for n in places:
            if n not in owner or overlap[t, n] > overlap[owner[n], n]:
                owner[n] = t
    shares, weights = {}, {}
    for n, t in owner.items():
        mine = [k for k, other in owner.items() if other == t]
        best = max(metric[t, k] for k in mine)
        weights[n] = metric[t, n] / (best + 1e-9)
        shares[n] = weights[n] * max(overlap[t, k] for k in mine)
    return owner, shares, weights


@pytest.mark.parametrize("seed", range(6))
def test_cells_and_how_sure_they_shall_be_are_those_of_a_slow_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells, steps = cells_of(SIZE[1], SIZE[0], STRIDES)
    count = len(cells)
    truth = []
    for _ in range(rng.integers(1, 6)):
        low = rng.uniform(0, 30, 2)
        side = rng.uniform(3, 30, 2)
        truth.append((int(rng.integers(3)), [*low, *(low + side)]))
    spread = rng.uniform(4, 24, (count, 4))
    boxes = np.concatenate([cells.numpy() - spread[:, :2], cells.numpy() + spread[:, 2:]], 1)
    sure = rng.uniform(0.01, 0.99, (count, 3))
    labels = np.full((1, 7), -1)
    true = np.zeros((1, 7, 4))
    for place, (label, box) in enumerate(truth):
        labels[0, place], true[0, place] = label, box
    made = assign(
        torch.tensor(boxes)[None],
        torch.tensor(sure)[None],
        (cells.double(), steps.double()),
        torch.tensor(true),
        torch.tensor(labels),
        max_cells=4,
    )
    owner, shares, weights = by_hand(boxes, sure, (cells.numpy(), steps.numpy()), truth, 4)
    for cell in range(count):
        target = made.targets[0, cell].numpy()
        if cell not in owner:
            assert not target.any()
            continue
        label, box = truth[owner[cell]]
        assert target.argmax() == label or target.max() == 0
        assert target[label] == pytest.approx(shares[cell], abs=1e-6)
        assert float(made.weights[0, cell]) == pytest.approx(weights[cell], abs=1e-6)
        np.testing.assert_allclose(made.boxes[0, cell], box)


def test_a_box_smaller_than_a_cell_is_learnt_by_some_cell() -> None:
    cells, steps = cells_of(64, 64, STRIDES)
    boxes = torch.cat([cells - 4, cells + 4], 1)[None]
    tiny = torch.tensor([[[15.0, 15.0, 18.0, 17.0]]])  # between four middles of the finest map
    made = assign(
        boxes, torch.full((1, len(cells), 1), 0.5), (cells, steps), tiny, torch.tensor([[0]])
    )
    assert (made.weights > 0).any()


def test_images_without_boxes_teach_background_alone() -> None:
    cells, steps = cells_of(64, 64, STRIDES)
    boxes = torch.cat([cells - 4, cells + 4], 1)[None].expand(2, -1, -1)
    sure = torch.full((2, len(cells), 3), 0.5)
    none = assign(boxes, sure, (cells, steps), torch.zeros(2, 0, 4), torch.zeros(2, 0))
    padded = assign(boxes, sure, (cells, steps), torch.zeros(2, 4, 4), torch.full((2, 4), -1))
    assert none.targets.sum() == padded.targets.sum() == 0


def test_overlaps_are_those_of_torchvision() -> None:
    from torchvision.ops import box_iou

    rng = torch.Generator().manual_seed(1)
    low = torch.rand(2, 9, 2, generator=rng) * 50
    a = torch.cat([low, low + torch.rand(2, 9, 2, generator=rng) * 40], 2)
    expected = torch.stack([box_iou(a[k], a.flip(1)[k]) for k in range(2)])
    torch.testing.assert_close(pairwise_iou(a, a.flip(1)), expected, atol=1e-6, rtol=0)
