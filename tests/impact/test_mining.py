"""Hard negatives: where the current network sees an impact that is not there."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from playhead.impact.mining import mine_hard_negatives
from playhead.impact.samples import TrainingPatches
from tests.impact.tiny_plays import SIDE, config, plays


class Bright(nn.Module):
    """Sees an impact where the marked frame is bright: in both helmets, always."""

    def __init__(self, below: float = 1.0) -> None:
        super().__init__()
        self.below = nn.Parameter(torch.tensor(below))

    def forward(self, clips: Tensor) -> Tensor:
        marked = clips[:, :1, 2]
        bright = nn.functional.avg_pool2d(marked, 4, ceil_mode=True)
        score = ((bright > 0.5) & (bright < self.below)).float() * 0.6 + 0.05
        return torch.logit(score).expand(-1, 6, -1, -1)


def mined(model: nn.Module, epoch: int = 2, **changes: Any) -> tuple[TrainingPatches, set[int]]:
    samples = TrainingPatches(plays(2), config(**changes))
    with torch.no_grad():
        rows = mine_hard_negatives(model.eval(), epoch, samples).tolist()
    assert len(set(rows)) == len(rows)
    return samples, set(rows)


def has_helmet(samples: TrainingPatches, row: int) -> bool:
    """Whether the centre of a helmet lies in a negative patch, away from its edges."""
    video, point, left, top = samples.negatives[row]
    boxes = samples.videos.videos[video].boxes_at(point)
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
    inside = (x > left + 4) & (x < left + SIDE - 4) & (y > top + 4) & (y < top + SIDE - 4)
    return bool(inside.any())


def test_patches_with_a_helmet_that_looks_like_an_impact_are_hard() -> None:
    samples, rows = mined(Bright(), mining={"share": 1.0})
    with_helmets = {row for row in range(len(samples.negatives)) if has_helmet(samples, row)}
    assert len(with_helmets) > 50
    assert with_helmets <= rows
    # None is a patch of an impact, since only patches without one can be drawn.
    assert len(rows) < len(samples.negatives) / 2


def test_a_network_that_sees_no_impact_gives_no_hard_negative() -> None:
    assert not mined(Bright(below=0.0), mining={"share": 1.0})[1]
    assert not mined(Bright(), mining={"share": 1.0, "min_score": 0.7})[1]


def test_away_from_helmets_a_score_counts_only_if_the_loss_teaches_it_there() -> None:
    class Everywhere(Bright):
        def forward(self, clips: Tensor) -> Tensor:
            return torch.ones_like(super().forward(clips))

    _, cells = mined(Everywhere(), mining={"share": 1.0})
    samples, rows = mined(Everywhere(), mining={"share": 1.0}, loss={"impact_over": "map"})
    assert len(rows) == len(samples.negatives) > len(cells)


def test_another_epoch_searches_another_share_of_the_frames() -> None:
    first, second, again = (mined(Bright(), epoch, mining={"share": 0.5})[1] for epoch in (2, 3, 2))
    every = mined(Bright(), mining={"share": 1.0})[1]
    assert first == again != second
    assert first < every
    assert 0.3 < len(first) / len(every) < 0.7


def test_the_hardest_come_first() -> None:
    class Brighter(Bright):
        def forward(self, clips: Tensor) -> Tensor:
            return torch.logit(
                nn.functional.avg_pool2d(clips[:, :1, 2], 4, ceil_mode=True) * 0.9
            ).expand(-1, 6, -1, -1)

    samples = TrainingPatches(plays(2), config(mining={"share": 1.0, "min_score": 0.3}))
    rows = mine_hard_negatives(Brighter().eval(), 2, samples)
    brightness = []
    for row in rows.tolist():
        video, point, left, top = samples.negatives[row]
        sample = samples.clip(video, point, (left, top, left + SIDE, top + SIDE), None)
        cells = sample["clip"][2].reshape(8, 4, 8, 4).mean((1, 3))
        brightness.append(float(cells[sample["target"][0] > 0].max(initial=0)))
    assert len(brightness) > 50
    assert np.allclose(brightness, sorted(brightness, reverse=True), atol=1)
