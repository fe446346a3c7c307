"""Graphs: packaged networks, compiled by OpenVINO for each image size.

The input is uint8 RGB; preprocessing (layout, channel order, mean, scale) is compiled into the
graph.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError, WeightsError
from playhead.inference.precision import Precision
from playhead.inference.runtime import (
    MAX_STREAMS,
    THREADS_PER_IMAGE,
    available_cores,
    cpu_options,
    cpu_precision,
    openvino_core,
)
from playhead.inference.weights import weight_path

__all__ = ["Graph", "Preparation", "check_images"]

SIZES_KEPT = 4
"""The most compiled sizes that are kept: an image, its tiles, and another size."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """The preprocessing of uint8 RGB pixels: (pixel - mean) / scale, in the network's layout."""

    axes: Literal["NCHW", "NHWC"]
    outputs: tuple[str, ...]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    bgr: bool = False
    pixels: Literal["f32", "u8"] = "f32"


class Graph:
    """A packaged network, compiled for each image size on first use.

    threads: by default every core this process may use
    Raises WeightsError if the file is missing, changed, or cannot be run.
    """

    def __init__(
        self,
        name: str,
        preparation: Preparation,
        *,
        threads: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        self._name = name
        self._path = weight_path(name)
        self._preparation = preparation
        self._threads = threads or available_cores()
        self._precision: Precision = cpu_precision(precision)
        self._requests: OrderedDict[tuple[int, int, int], list[Any]] = OrderedDict()

    def run(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], ...]]:
        """Images (H, W, 3) of the same size → the outputs of each, without the batch axis.

        Raises WeightsError if an output is not finite.
        """
        if not images:
            return []
        height, width = images[0].shape[:2]
        streams = min(max(self._threads // THREADS_PER_IMAGE, 1), MAX_STREAMS, len(images))
        requests = self._requests_of(height, width, streams)
        results = []
        for start in range(0, len(images), streams):
            part = [np.ascontiguousarray(image[None]) for image in images[start : start + streams]]
            running = list(zip(requests, part, strict=False))
            for request, image in running:
                request.start_async([image], share_inputs=True)
            for request, _ in running:
                request.wait()
            results += [self._outputs(request, height, width) for request, _ in running]
        return results

    def _outputs(self, request: Any, height: int, width: int) -> tuple[NDArray[np.float32], ...]:
        """Copies of the outputs of a request, checked to be finite."""
        count = len(self._preparation.outputs)
        outputs = [np.array(request.get_output_tensor(k).data[0], np.float32) for k in range(count)]
        if not all(np.isfinite(output).all() for output in outputs):
            raise WeightsError(
                f"weights {self._name}: the output is not finite for an image of "
                f"{width}x{height}; fetch them again with `playhead weights get {self._name}`"
            )
        return tuple(outputs)

    def _requests_of(self, height: int, width: int, streams: int) -> list[Any]:
        """The requests for one size, one per stream, from an LRU cache of sizes."""
        key = (height, width, streams)
        if key not in self._requests:
            while len(self._requests) >= SIZES_KEPT:
                self._requests.popitem(last=False)
            self._requests[key] = self._compile(height, width, streams)
        self._requests.move_to_end(key)
        return self._requests[key]

    def _compile(self, height: int, width: int, streams: int) -> list[Any]:
        options = cpu_options(self._threads, streams, self._precision)
        try:
            model = _prepared(
                openvino_core().read_model(self._path), self._preparation, height, width
            )
            compiled = openvino_core().compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise WeightsError(
                f"weights {self._name}: OpenVINO cannot run them on {width}x{height}: {error}"
            ) from error
        return [compiled.create_infer_request() for _ in range(streams)]


def check_images(images: Sequence[NDArray[np.uint8]]) -> None:
    """Raise PlayheadError unless every image is uint8 (H, W, 3) and not empty."""
    for image in images:
        rgb = image.ndim == 3 and image.shape[2] == 3
        if image.dtype != np.uint8 or not rgb or not image.size:
            raise PlayheadError(
                f"the image is {image.dtype} {image.shape}; "
                "detection needs uint8 (height, width, 3), RGB, not empty"
            )


def _prepared(model: Any, preparation: Preparation, height: int, width: int) -> Any:
    """The model up to the wanted outputs, with input uint8 RGB (1, H, W, 3)."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    nchw = preparation.axes == "NCHW"
    model.reshape([1, 3, height, width] if nchw else [1, height, width, 3])
    wanted = [model.output(name).node.input_value(0) for name in preparation.outputs]
    model = openvino.Model(wanted, model.get_parameters())
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(preparation.axes))
    if preparation.pixels == "f32":
        steps.input().preprocess().convert_element_type(openvino.Type.f32)
    if preparation.bgr:
        steps.input().preprocess().reverse_channels()
    if preparation.scale != 1 or any(preparation.mean):
        steps.input().preprocess().mean(list(preparation.mean)).scale(preparation.scale)
    return steps.build()
