"""The segmentation pyramid: published parameter counts, and sizes."""

from typing import Literal

import pytest
import torch

from playhead.learning.nn.fpn import SegmentationPyramid


def test_the_pyramid_has_the_parameters_of_the_published_one() -> None:
    with torch.device("meta"):
        pyramid = SegmentationPyramid((256, 512, 1024, 2048))
    assert sum(p.numel() for p in pyramid.parameters()) == 2_607_872


def test_all_levels_meet_at_the_resolution_of_the_finest() -> None:
    """A change in any level changes the output."""
    torch.manual_seed(0)
    pyramid = SegmentationPyramid((8, 12, 20), channels=8, branch=12).eval()
    maps = [torch.rand(2, c, 16 // d, 24 // d) for c, d in ((8, 1), (12, 2), (20, 4))]
    plain = pyramid(maps)
    assert plain.shape == (2, 12, 16, 24)
    for index in range(3):
        changed = [level + 1 if level is maps[index] else level for level in maps]
        assert not torch.allclose(pyramid(changed), plain, atol=1e-3)


def test_coarse_levels_reach_the_branch_of_the_finest() -> None:
    torch.manual_seed(0)
    pyramid = SegmentationPyramid((4, 4, 4), channels=8, branch=8).eval()
    for parameter in pyramid.branches[1:].parameters():
        torch.nn.init.zeros_(parameter)
    maps = [torch.rand(1, 4, 16 // d, 24 // d) for d in (1, 2, 4)]
    plain = pyramid(maps)
    for index in (1, 2):
        changed = [level.flip(-1) if level is maps[index] else level for level in maps]
        assert not torch.allclose(pyramid(changed), plain, atol=1e-3)


def test_whole_channels_are_dropped_in_training_only() -> None:
    torch.manual_seed(0)
    pyramid = SegmentationPyramid((8,), channels=8, branch=32, dropout=0.5)
    maps = [torch.rand(1, 8, 8, 8)]
    empty = sum(int((~pyramid(maps)[0].flatten(1).any(1)).sum()) for _ in range(20))
    assert 0.4 < empty / (20 * 32) < 0.6
    assert pyramid.eval()(maps)[0].flatten(1).any(1).all()


@pytest.mark.parametrize(("norm", "same"), [("batch", True), ("group", False)])
def test_only_with_batch_norms_a_cell_is_independent_of_what_lies_far_away(
    norm: Literal["batch", "group"], same: bool
) -> None:
    torch.manual_seed(0)
    pyramid = SegmentationPyramid((4, 4), channels=8, branch=8, dropout=0, norm=norm).eval()
    maps = [torch.rand(1, 4, 32, 32), torch.rand(1, 4, 16, 16)]
    changed = [level.clone() for level in maps]
    changed[0][..., -4:, -4:] += 5
    first, second = (pyramid(levels)[..., :8, :8] for levels in (maps, changed))
    assert torch.allclose(first, second, atol=1e-6) is same
