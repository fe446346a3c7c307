"""Torch backends, for modules that must be importable without torch."""

import importlib.util
from collections.abc import Callable
from typing import Any

from playhead.inference.bundle import Bundle, BundleManifest, InputPlan
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import Backend, CudaFactory

__all__ = ["cuda_detector", "cuda_factory"]


def cuda_factory(
    build: Callable[[BundleManifest], tuple[Any, InputPlan]], *, compile_parts: bool = False
) -> CudaFactory:
    """A factory of CUDA backends; it gives None if torch or a CUDA device is missing.

    build: the network of a bundle, with random weights, and its input plan; it is called only if
        torch is installed, and imports torch itself
    compile_parts: by torch.compile
    """

    def open_backend(bundle: Bundle, precision: PrecisionChoice) -> Backend | None:
        if importlib.util.find_spec("torch") is None:
            return None
        from playhead.learning.cuda import open_cuda

        return open_cuda(bundle, precision, build, compile_parts=compile_parts)

    return open_backend


def _detector(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.learning.nn.detector import build_from_manifest

    return build_from_manifest(manifest)


cuda_detector = cuda_factory(_detector)
"""The factory of the CUDA backends of detectors."""
