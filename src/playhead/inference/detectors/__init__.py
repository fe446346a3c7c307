"""Detectors: packaged networks for faces, plates, people and cars, and custom detectors.

Boxes are in pixels of the input image. They may extend past its edges if the object does: an
ellipse in a box clipped at the edge would leave the corners of a face visible.
"""

from playhead.errors import PlayheadError
from playhead.inference.detectors.custom import BundleDetector
from playhead.inference.detectors.ensemble import CustomDetector, open_custom
from playhead.inference.detectors.protocol import Detector
from playhead.inference.detectors.tiling import detect_tiled
from playhead.inference.precision import Precision
from playhead.inference.weights import shipped_bundle

__all__ = [
    "DETECTORS",
    "PLATE_PAIR",
    "CustomDetector",
    "Detector",
    "detect_tiled",
    "open_custom",
    "open_detector",
    "weights_of",
]

PLATE_PAIR = "plate-pair"
"""The name of the detector that is both plate networks together."""

DETECTORS = (
    "centerface",
    "blazeface",
    "playhead-plates",
    "plates",
    PLATE_PAIR,
    "people",
    "objectron",
)


def weights_of(name: str) -> tuple[str, ...]:
    """The names of the weights that a detector needs."""
    return ("playhead-plates", "plates") if name == PLATE_PAIR else (name,)


def open_detector(
    name: str,
    *,
    threads: int | None = None,
    precision: Precision = "fp32",
    plate_size: int | None = None,
) -> Detector:
    """Open a packaged detector by name.

    threads: None uses every core
    plate_size: longer side of an image for `playhead-plates`, pixels; None: as in training
    Raises WeightsError if its file has not been fetched, PlayheadError for an unknown name.
    """
    match name:
        case "centerface":
            from playhead.inference.detectors.centerface import CenterFace

            return CenterFace(threads=threads, precision=precision)
        case "blazeface":
            from playhead.inference.detectors.blazeface import BlazeFace

            return BlazeFace(threads=threads, precision=precision)
        case "playhead-plates":
            return BundleDetector(
                shipped_bundle(name),
                longest=plate_size,
                device="cpu",
                threads=threads,
                precision=precision,
            )
        case "plate-pair":
            from playhead.inference.detectors.plate_pair import PlatePair

            first, second = (
                open_detector(part, threads=threads, precision=precision, plate_size=plate_size)
                for part in weights_of(name)
            )
            return PlatePair(first, second)
        case "plates":
            from playhead.inference.detectors.plates import Plates

            return Plates(threads=threads, precision=precision)
        case "people":
            from playhead.inference.detectors.ssd import People

            return People(threads=threads, precision=precision)
        case "objectron":
            from playhead.inference.detectors.ssd import Objectron

            return Objectron(threads=threads, precision=precision)
        case _:
            raise PlayheadError(f"detector {name!r} is unknown; choose from {', '.join(DETECTORS)}")
