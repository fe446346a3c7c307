"""Occlusion: the visible part of a box under rectangles that were pasted over it.

Exact: the plane is divided at every edge, so each cell is wholly covered or wholly free.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["visible_part"]

Floats = NDArray[np.float64]


def visible_part(box: Floats, covers: Floats) -> tuple[float, Floats]:
    """The share of `box` (4,) that none of `covers` (M, 4) covers, and the bounds of that part.

    If a whole side is covered, the bounds are smaller than the box; else they are the box. A box
    that is wholly covered or has no area gives the share 0 and bounds without area.
    """
    shown = np.clip(covers, np.tile(box[:2], 2), np.tile(box[2:], 2))
    across = np.unique(np.concatenate([box[[0, 2]], shown[:, 0], shown[:, 2]]))
    down = np.unique(np.concatenate([box[[1, 3]], shown[:, 1], shown[:, 3]]))
    free = np.ones((len(down) - 1, len(across) - 1), bool)
    for x1, y1, x2, y2 in shown:
        top, low = np.searchsorted(down, (y1, y2))
        left, right = np.searchsorted(across, (x1, x2))
        free[top:low, left:right] = False
    whole = (box[2] - box[0]) * (box[3] - box[1])
    if not free.any() or whole <= 0:
        return 0.0, np.tile(box[:2], 2)
    share = float(np.diff(down) @ free @ np.diff(across)) / float(whole)
    rows, columns = np.flatnonzero(free.any(axis=1)), np.flatnonzero(free.any(axis=0))
    bounds = (across[columns[0]], down[rows[0]], across[columns[-1] + 1], down[rows[-1] + 1])
    return share, np.array(bounds)
