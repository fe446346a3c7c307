"""Detectors: packaged networks for faces, plates, people and cars, and custom detectors.

Boxes are in pixels of the input image. They may extend past its edges if the object does: an
ellipse in a box clipped at the edge would leave the corners of a face visible.
"""

from playhead.errors import PlayheadError
from playhead.inference.detectors.ensemble import CustomDetector, open_custom
from playhead.inference.detectors.protocol import Detector
from playhead.inference.detectors.tiling import detect_tiled
from playhead.inference.precision import Precision

__all__ = [
    "DETECTORS",
    "CustomDetector",
    "Detector",
    "detect_tiled",
    "open_custom",
    "open_detector",
]

DETECTORS = ("centerface", "blazeface", "plates", "people", "objectron")


def open_detector(
    name: str, *, threads: int | None = None, precision: Precision = "fp32"
) -> Detector:
    """Open a packaged detector by name; threads: None uses every core.

    Raises WeightsError if its file has not been fetched, PlayheadError for an unknown name.
    """
    match name:
        case "centerface":
            from playhead.inference.detectors.centerface import CenterFace

            return CenterFace(threads=threads, precision=precision)
        case "blazeface":
            from playhead.inference.detectors.blazeface import BlazeFace

            return BlazeFace(threads=threads, precision=precision)
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
