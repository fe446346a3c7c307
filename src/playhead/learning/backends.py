"""Torch backends, for modules that must be importable without torch."""

import importlib.util

from playhead.inference.bundle import Bundle
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import Backend

__all__ = ["cuda_detector"]


def cuda_detector(bundle: Bundle, precision: PrecisionChoice) -> Backend | None:
    """The CUDA backend of a detector; None if torch or a CUDA device is missing."""
    if importlib.util.find_spec("torch") is None:
        return None
    from playhead.learning.cuda import open_cuda
    from playhead.learning.nn.detector import build_from_manifest

    return open_cuda(bundle, precision, build_from_manifest)
