"""Export: from a torch model to a bundle that runs without torch.

A model defines its parts by `export_parts(plan)`; each becomes one ONNX graph. The outputs of the
graphs are compared with the model's before the bundle is written.
"""

import copy
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import BundleError
from playhead.inference.bundle import (
    WEIGHTS,
    ArraySpec,
    Bundle,
    BundleManifest,
    InputPlan,
    Part,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.parts import ExportPart
from playhead.learning.state import save_weights

__all__ = ["TOLERANCE", "export_bundle"]

TOLERANCE = 1e-4
"""The largest difference of a graph's outputs from the model's, in fp32."""


def export_bundle(
    model: nn.Module,
    folder: Path,
    *,
    job: str,
    classes: tuple[str, ...],
    plan: InputPlan,
    post_processing: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write `model` as a bundle, atomically.

    model: has `export_parts(plan) -> list[ExportPart]`; it is not modified
    Raises BundleError if a graph's outputs differ from the model's by more than TOLERANCE, or do
    not match the number of classes.
    """
    frozen: Any = copy.deepcopy(model).cpu().float().eval()
    parts: list[ExportPart] = frozen.export_parts(plan)
    with new_bundle_folder(folder) as temporary:
        manifest = BundleManifest.of(
            plan,
            job=job,
            classes=classes,
            parts={part.name: _write_graph(part, temporary) for part in parts},
            post_processing=dict(post_processing or {}),
            metrics=dict(metrics or {}),
            training=dict(training or {}),
            versions=_versions(),
        )
        save_weights(frozen, temporary / WEIGHTS)
        backend = OpenVinoBackend(
            write_bundle_files(temporary, manifest), threads=torch.get_num_threads()
        )
        for part in parts:
            _check_graph(part, backend)
    return Bundle(folder, manifest)


def _write_graph(part: ExportPart, folder: Path) -> Part:
    with torch.inference_mode():
        output = part.module(part.example)
        # The dynamic axes of the output: those that change with the size of the input.
        other = part.module(_of_other_size(part))
    changed = [a != b for a, b in zip(output.shape, other.shape, strict=True)]
    _write_onnx(part, folder / f"{part.name}.onnx")
    return Part(
        file=f"{part.name}.onnx",
        input=_spec(part.example, set(part.dynamic_axes)),
        output=_spec(output, {axis for axis, differs in enumerate(changed) if differs}),
    )


def _of_other_size(part: ExportPart) -> Tensor:
    """An input with the next larger size on every dynamic axis, with values of the example."""
    sizes = list(part.example.shape)
    for axis, multiple in part.dynamic_axes.items():
        sizes[axis] += multiple
    values = part.example.flatten().numpy()
    drawn = np.random.default_rng(1).integers(0, len(values), sizes)
    return torch.from_numpy(values[drawn])


def _write_onnx(part: ExportPart, path: Path) -> None:
    """Write a graph to one file, without the exporter's metadata (local paths)."""
    dynamic: dict[int, Any] = {}
    for axis, multiple in part.dynamic_axes.items():
        size = torch.export.Dim(f"axis{axis}", min=1)
        dynamic[axis] = size if multiple == 1 else multiple * size
    program = torch.onnx.export(
        part.module,
        (part.example.clone(),),
        dynamo=True,
        dynamic_shapes=(dynamic,),
        input_names=["input"],
        output_names=["output"],
        verbose=False,
    )
    assert program is not None
    graph = program.model.graph
    for node in graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
    for value in [*graph.inputs, *graph.outputs, *graph.initializers.values()]:
        value.metadata_props.clear()
    graph.metadata_props.clear()
    program.model.metadata_props.clear()
    program.save(path, external_data=False)


def _spec(array: Tensor, dynamic: set[int]) -> ArraySpec:
    shape = tuple(None if axis in dynamic else size for axis, size in enumerate(array.shape))
    return ArraySpec(shape=shape, dtype="uint8" if array.dtype == torch.uint8 else "float32")


def _check_graph(part: ExportPart, backend: OpenVinoBackend) -> None:
    """Compare torch with OpenVINO on an input of another size than the graph was traced with.

    The difference is absolute for values up to 1, else relative to the largest value of the channel
    (last axis), so that distances in pixels do not hide an error of probabilities.
    """
    inputs = _of_other_size(part)
    with torch.inference_mode():
        expected: NDArray[np.float32] = part.module(inputs).numpy()
    returned = backend.run(part.name, inputs.numpy())
    others = tuple(range(expected.ndim - 1))
    scale = np.maximum(1.0, np.abs(expected).max(axis=others))
    difference = float((np.abs(expected - returned).max(axis=others) / scale).max())
    if not difference <= TOLERANCE:
        raise BundleError(
            f"the exported graph of {part.name} differs from the model by {difference:.1e}, more "
            f"than {TOLERANCE:.0e}; no bundle was written"
        )


def _versions() -> dict[str, str]:
    names = ("playhead", "torch", "onnx", "openvino", "numpy")
    return {name: importlib.metadata.version(name) for name in names}
