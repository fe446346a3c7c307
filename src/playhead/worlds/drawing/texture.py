"""Ground textures: an area painted once as seen from above, then looked up for every frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Texture"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """Packed RGBA texels, `scale` of them a metre; row 0 is the far edge."""

    texels: NDArray[np.uint32]  # (rows, columns)
    scale: float
    left: float  # x of the left edge: metres
    far: float  # y of the far edge: metres

    def column(self, x: Floats) -> Floats:
        """Metres to the right → texel columns, not rounded."""
        return (x - np.float32(self.left)) * np.float32(self.scale)

    def row(self, y: Floats) -> Floats:
        """Metres away → texel rows, not rounded."""
        return (np.float32(self.far) - y) * np.float32(self.scale)

    def look_up(self, x: Floats, y: Floats) -> NDArray[np.uint8]:
        """RGBA (H, W, 4) of ground points x and y, which broadcast to (H, W); edges repeat."""
        rows, columns = self.texels.shape
        index = self.column(x).astype(np.int32)
        np.clip(index, 0, columns - 1, out=index)
        index = index + np.clip(self.row(y).astype(np.int32), 0, rows - 1) * columns
        packed: NDArray[np.uint32] = self.texels.reshape(-1).take(index)
        return packed[..., None].view(np.uint8)
