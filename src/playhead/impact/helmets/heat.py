"""Prediction of heat maps of helmets: several networks, several scales, one mean per frame.

The mean, reduced to the grid of the collision networks, replaces their centres; see
`grids.run_clips`. Nothing here imports torch on a CPU.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.impact.grids import Member
from playhead.impact.helmets.peaks import to_grid
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.networks import PredictOptions, open_network
from playhead.impact.plan import ClipGridPlan
from playhead.inference.bundle import BundleManifest, InputPlan, load_bundle

__all__ = ["HelmetCentres", "open_helmets", "parse_scales", "resized", "scale_weights"]

SCALE_WEIGHTS = {0.75: 0.3, 1.0: 1.0, 1.25: 0.3, 1.5: 0.15}
"""Those of the recipe, before they are divided by their sum; another scale weighs 1."""

MOST_SCALE = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class HelmetCentres:
    """A `CentreMap`: the mean of helmet networks over scales, reduced to the grid of `plan`.

    members: helmet networks, all for the pixels and the size of `plan`
    scales: of the frames; probabilities are averaged, with `scale_weights`
    Raises BundleError if a network is of another kind, for other frames, or has unknown parts.
    """

    members: Sequence[Member]
    plan: ClipGridPlan
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for member in self.members:
            plan = member.manifest.plan(HeatMapPlan)
            if (plan.pixels, plan.size) != (self.plan.pixels, self.plan.size):
                raise BundleError(
                    f"the helmet network sees {_words(plan.pixels, plan.size)}, the collision "
                    f"network {_words(self.plan.pixels, self.plan.size)}; train both with the same "
                    "data.size, data.pixels and network.pixels"
                )

    @property
    def settings(self) -> dict[str, Any]:
        """How centres are computed, for the settings of candidates, as JSON values."""
        return {
            "networks": len(self.members),
            "scales": list(self.scales),
            "weights": scale_weights(self.scales),
        }

    def heat(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """image: (H, W) or (H, W, 3), as the plan has it → mean probabilities (H, W)."""
        height, width = image.shape[:2]
        total = np.zeros((height, width), np.float32)
        for scale, weight in zip(self.scales, scale_weights(self.scales), strict=True):
            size = max(1, round(height * scale)), max(1, round(width * scale))
            scaled = np.rint(resized(image, *size)).astype(np.uint8)
            for member in self.members:
                multiple = member.manifest.plan(HeatMapPlan).multiple
                pads = [(0, -side % multiple) for side in size] + [(0, 0)] * (image.ndim - 2)
                heat = member.backend.run("model", np.pad(scaled, pads)[None])[0]
                heat = resized(heat[: size[0], : size[1]], height, width)
                total += np.float32(weight / len(self.members)) * heat
        return total

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """image: as the plan has it → centres (rows, columns) in [0, 1]."""
        return to_grid(self.heat(image), self.plan.stride)


def open_helmets(
    bundles: Sequence[Path],
    plan: ClipGridPlan,
    options: PredictOptions,
) -> HelmetCentres:
    """Open bundles of helmet networks, for frames of the plan of a collision network.

    Raises BundleError if one is of another kind, or for other frames.
    """
    loaded = [load_bundle(path) for path in bundles]
    for bundle in loaded:
        if bundle.manifest.kind != HeatMapPlan.kind:
            raise BundleError(
                f"{bundle.folder}: is not a bundle of a helmet network; train one with `playhead "
                "impact train helmets-demo`"
            )
    members = [open_network(bundle, _network, options) for bundle in loaded]
    return HelmetCentres(members, plan, options.scales)


def scale_weights(scales: Sequence[float]) -> list[float]:
    """The weight of each scale; their sum is 1."""
    weights = [SCALE_WEIGHTS.get(scale, 1.0) for scale in scales]
    return [weight / sum(weights) for weight in weights]


def parse_scales(text: str) -> tuple[float, ...]:
    """The scales of a list such as `.75,1,1.25`.

    Raises PlayheadError unless they are distinct numbers above 0, at most 4.
    """
    try:
        scales = tuple(float(part) for part in text.split(","))
    except ValueError:
        scales = ()
    valid = all(math.isfinite(scale) and 0 < scale <= MOST_SCALE for scale in scales)
    if not scales or not valid or len(set(scales)) < len(scales):
        raise PlayheadError(
            f"--scales {text}: needs distinct numbers above 0, at most {MOST_SCALE:g}, as in "
            ".75,1,1.25,1.5"
        )
    return scales


def resized(values: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear, as torch's `interpolate` does it: (H, W, ...) → float32 (height, width, ...).

    Pixels are aligned at the corners of the image, and none is smoothed when shrinking.
    """
    scaled = values.astype(np.float32)
    for axis, length in enumerate((height, width)):
        side = scaled.shape[axis]
        if side == length:
            continue
        at = ((np.arange(length) + 0.5) * (side / length) - 0.5).clip(0, side - 1)
        low = at.astype(np.intp)
        shape = [1] * scaled.ndim
        shape[axis] = length
        share = (at - low).astype(np.float32).reshape(shape)
        lower = scaled.take(low, axis)
        scaled = lower + share * (scaled.take((low + 1).clip(max=side - 1), axis) - lower)
    return scaled


def _words(pixels: str, size: tuple[int, int]) -> str:
    return f"{pixels} of {size[0]}x{size[1]}"


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.impact.helmets.model import build_from_manifest

    return build_from_manifest(manifest)
