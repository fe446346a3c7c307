"""How the networks of a prediction are run, and opened. Nothing here imports torch on a CPU."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from playhead.impact.grids import Member
from playhead.inference.bundle import Bundle, BundleManifest, InputPlan
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import open_backend
from playhead.learning.backends import cuda_factory

__all__ = ["PredictOptions", "open_network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How bundles are run.

    mode: `exact` computes the clip of every frame; `fast` approximates them by chunks of frames if
        all bundles have the part `chunk`, else skips those in which helmets are not near each other
    min_score: least helmet score of a candidate
    scales: of the frames for helmet networks
    tracks_weight: of a network of tracked helmets, against the collision networks, from 0 to 1
    """

    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice = "auto"
    mode: Literal["exact", "fast"] = "exact"
    min_score: float = 0.05
    scales: tuple[float, ...] = (1.0,)
    tracks_weight: float = 0.5


def open_network(
    bundle: Bundle,
    build: Callable[[BundleManifest], tuple[Any, InputPlan]],
    options: PredictOptions,
    *,
    parts: Collection[str] | None = None,
) -> Member:
    """The network of a bundle on the device of the options.

    build: see `cuda_factory`; parts: those that are used, all by default
    Raises PlayheadError for an unknown device or precision, or a missing device.
    """
    backend = open_backend(
        bundle,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
        cuda_factory=cuda_factory(build),
        parts=parts,
    )
    return Member(bundle.manifest, backend)
