"""Backends run the parts of a bundle; this one is OpenVINO on the CPU, without torch.

The CUDA backend needs torch and is in `learning`; a job passes it as a factory. An explicit
precision that the CPU does not support is refused; `auto` selects the fastest supported one.
"""

import ctypes
import math
import os
import sys
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.inference.bundle import Bundle
from playhead.inference.precision import (
    Precision,
    PrecisionChoice,
    native_bf16,
    parse_precision,
)

__all__ = [
    "MAX_STREAMS",
    "THREADS_PER_IMAGE",
    "Backend",
    "CudaFactory",
    "Device",
    "OpenVinoBackend",
    "available_cores",
    "cpu_options",
    "cpu_precision",
    "open_backend",
    "openvino_core",
]

Device = Literal["auto", "cpu", "cuda"]

MAX_STREAMS = 4
"""More streams take more memory than they save time."""

THREADS_PER_IMAGE = 4
"""The most threads per image; more threads are divided among images."""

LARGE = 4_000_000
"""Values in a row of a batch that are enough work for all threads."""


class Backend(Protocol):
    """Runs the parts of one bundle; arrays go in and out, the first axis is the batch."""

    @property
    def precision(self) -> Precision:
        """The numeric precision it computes with."""

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one part on a batch: `inputs` as the manifest specifies → float32."""


CudaFactory = Callable[[Bundle, PrecisionChoice], Backend | None]
"""Creates the CUDA backend, or returns None if torch or a CUDA device is missing."""


def open_backend(
    bundle: Bundle,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    cuda_factory: CudaFactory | None = None,
    parts: Collection[str] | None = None,
) -> Backend:
    """The backend for a device: `auto` is CUDA if a driver and torch are present, else the CPU.

    A compact bundle has no weights for CUDA.

    threads: of the CPU backend; by default every core this process may use
    parts: those that will run, by default all; the CPU backend compiles no other
    Raises PlayheadError for an unknown device or precision, or a missing device.
    """
    checked = parse_precision(precision)
    match device:
        case "cpu":
            return OpenVinoBackend(bundle, threads=threads, precision=checked, parts=parts)
        case "cuda":
            backend = cuda_factory(bundle, checked) if cuda_factory else None
            if backend is None:
                raise PlayheadError(
                    "device cuda: needs torch with CUDA (the extra [train]) and an NVIDIA GPU; "
                    "use --device cpu"
                )
            return backend
        case "auto":
            usable = cuda_factory if bundle.has_weights and _has_driver() else None
            backend = usable(bundle, checked) if usable else None
            return backend or OpenVinoBackend(
                bundle, threads=threads, precision=checked, parts=parts
            )
        case _:
            raise PlayheadError(f"device {device!r} is unknown; choose from auto, cpu, cuda")


class OpenVinoBackend:
    """Runs a bundle's ONNX graphs on the CPU.

    A batch is divided among streams of few threads each, which synchronise only at the end of the
    batch, while the threads of one stream synchronise after every layer. Inputs with further
    dynamic axes, such as images of any size, run one by one: each is enough work for several
    threads, and batching would only need memory. A part with a batch of a fixed size, or with large
    rows such as clips of whole frames, gets all threads.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int | None = None,
        precision: PrecisionChoice = "fp32",
        parts: Collection[str] | None = None,
    ) -> None:
        self._bundle = bundle
        self._threads = threads or available_cores()
        self.precision: Precision = cpu_precision(precision)
        known = bundle.manifest.parts
        self._one_by_one = {name: part.input.shape.count(None) > 1 for name, part in known.items()}
        self._requests = {name: self._compile(name) for name in parts or known}

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one part on a batch; the result is a new array."""
        if part not in self._requests:
            self._bundle.graph(part)  # raises BundleError, naming the parts
        streams = len(self._requests[part])
        count = len(inputs) if self._one_by_one[part] else min(streams, len(inputs))
        shares = np.array_split(np.ascontiguousarray(inputs), count)
        outputs: list[NDArray[np.float32]] = []
        for start in range(0, count, streams):
            outputs += self._run_together(part, shares[start : start + streams])
        return np.concatenate(outputs)

    def _run_together(self, part: str, shares: list[NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Run one share per stream; results are copied, because the next run overwrites them."""
        running = list(zip(self._requests[part], shares, strict=False))
        try:
            for request, share in running:
                request.start_async([share], share_inputs=True)
            for request, _ in running:
                request.wait()
        except RuntimeError as error:
            raise BundleError(
                f"{self._bundle.graph(part)}: OpenVINO cannot run this graph on {shares[0].dtype} "
                f"{shares[0].shape}: {error}"
            ) from error
        return [np.array(request.get_output_tensor(0).data, np.float32) for request, _ in running]

    def _compile(self, part: str) -> list[Any]:
        """The inference requests of a part, one per stream."""
        path = self._bundle.graph(part)
        wanted = self._threads // THREADS_PER_IMAGE if self._one_by_one[part] else self._threads
        batch, *row = self._bundle.manifest.parts[part].input.shape
        if batch is not None or math.prod(side or 1 for side in row) >= LARGE:
            wanted = 1
        streams = min(max(wanted, 1), MAX_STREAMS)
        options = cpu_options(self._threads, streams, self.precision)
        try:
            compiled = openvino_core().compile_model(path, "CPU", options)
        except RuntimeError as error:
            raise BundleError(f"{path}: OpenVINO cannot run this graph: {error}") from error
        return [compiled.create_infer_request() for _ in range(streams)]


@cache
def openvino_core() -> Any:
    """The only OpenVINO core of this process, kept until it ends.

    A core installs a signal stack in the thread that creates it, and unmaps it when destroyed. If
    two cores are not destroyed in reverse order of creation, the thread is left with an unmapped
    stack, and the next signal, such as Ctrl-C, crashes the process.
    """
    import openvino

    return openvino.Core()


def cpu_precision(choice: PrecisionChoice) -> Precision:
    """What OpenVINO computes with on this processor, see `inference.precision`.

    Raises PlayheadError for a precision that the processor lacks.
    """
    able = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if choice == "auto":
        return "bf16" if native_bf16() and "BF16" in able else "fp32"
    if choice.upper() not in able:
        raise PlayheadError(
            f"precision {choice}: this processor does not compute in it; use auto or fp32"
        )
    return choice


def cpu_options(threads: int, streams: int, precision: Precision) -> dict[str, Any]:
    """OpenVINO options, all explicit, so that results and speed do not depend on heuristics."""
    types = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
    return {
        "INFERENCE_PRECISION_HINT": types[precision],
        "EXECUTION_MODE_HINT": "PERFORMANCE",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,  # pinned threads of two processes share one core
        "CACHE_DIR": "",
    }


def available_cores() -> int:
    """The number of cores this process may use, which taskset or a scheduler may limit."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _has_driver() -> bool:
    """Whether an NVIDIA driver is installed, without importing torch."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
