"""Hard negatives: patches without an impact in which the current network sees one.

The network runs on whole frames, which costs less than their overlapping patches, and a patch is as
hard as the most impact-like of its helmets.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from playhead.impact.model import as_input
from playhead.impact.samples import TrainingPatches
from playhead.impact.targets import GRID_STRIDE
from playhead.progress import progress

__all__ = ["mine_hard_negatives"]


@torch.no_grad()
def mine_hard_negatives(
    model: nn.Module, epoch: int, samples: TrainingPatches
) -> NDArray[np.int64]:
    """The rows of `samples.negatives` with an impact score above `mining.min_score`.

    model: in evaluation mode, on the device of its parameters
    The hardest come first; of equal ones, the earlier. A share of the frames is searched, another
    one in each epoch. If the loss teaches the impact only in cells with a helmet
    (`loss.impact_over: cells`), scores elsewhere mean nothing and are left out.
    """
    config = samples.config
    negatives, side = samples.negatives, config.patches.side
    device = next(model.parameters()).device
    colours = 1 if config.data.pixels == "luma" else 3
    everywhere = config.loss.impact_over == "map"
    # Rows are ordered by video and point, so the patches of a frame are neighbours.
    keys = negatives.video.astype(np.int64) << 32 | negatives.point
    frames, firsts = np.unique(keys, return_index=True)
    pasts = np.append(firsts[1:], len(keys))
    rng = np.random.default_rng([config.training.seed, epoch, len(frames)])
    count = max(1, round(config.mining.share * len(frames)))
    chosen = np.sort(rng.choice(len(frames), count, replace=False))
    scores = np.zeros(len(negatives), np.float32)
    with progress(f"epoch {epoch}: hard negatives", total=count) as bar:
        for frame in chosen.tolist():
            rows = slice(int(firsts[frame]), int(pasts[frame]))
            video, point = int(frames[frame] >> 32), int(frames[frame] & 0xFFFFFFFF)
            sample = samples.clip(video, point, None, None)
            clips = as_input(torch.from_numpy(sample["clip"])[None].to(device), colours)
            impact = torch.sigmoid(model(clips)[0, 5].float()).cpu().numpy()
            if not everywhere:
                grids = sample["target"].reshape(-1, 6, *impact.shape)
                impact = impact * (grids[0, 0] > 0)
            lefts, tops = negatives.left[rows], negatives.top[rows]
            for row, (left, top) in enumerate(zip(lefts.tolist(), tops.tolist(), strict=True)):
                # Cells whose corner is in the patch; only the outermost can lie partly outside.
                x, y = -(-left // GRID_STRIDE), -(-top // GRID_STRIDE)
                ends = (top + side) // GRID_STRIDE, (left + side) // GRID_STRIDE
                scores[rows.start + row] = impact[y : ends[0], x : ends[1]].max(initial=0)
            bar.advance(1)
    order = np.argsort(-scores, kind="stable")
    return order[: int((scores > config.mining.min_score).sum())].astype(np.int64)
