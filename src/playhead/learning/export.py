"""Export: from a torch model to a bundle that runs without torch.

A model defines its parts by `export_parts(plan)`; each becomes one ONNX graph. The outputs of the
graphs are compared with the model's before the bundle is written.
"""

import copy
import importlib.metadata
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import BundleError
from playhead.files import atomic_path
from playhead.inference.bundle import (
    WEIGHTS,
    ArraySpec,
    Bundle,
    BundleManifest,
    DataSource,
    InputPlan,
    Part,
    load_bundle,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.parts import ExportPart
from playhead.learning.state import save_weights

__all__ = ["COMPACT_TOLERANCE", "TOLERANCE", "compact_bundle", "export_bundle"]

TOLERANCE = 1e-4
"""The largest difference of a graph's outputs from the model's, in fp32."""

COMPACT_TOLERANCE = 0.02
"""The same, of a graph with fp16 weights from the graph with fp32 weights."""


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
    sources: Sequence[DataSource] = (),
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
            sources=tuple(sources),
            versions=_versions(),
        )
        save_weights(frozen, temporary / WEIGHTS)
        backend = OpenVinoBackend(
            write_bundle_files(temporary, manifest), threads=torch.get_num_threads()
        )
        for part in parts:
            _check_graph(part, backend)
    return Bundle(folder, manifest)


def compact_bundle(folder: Path, out: Path) -> Bundle:
    """Copy a bundle with fp16 weights in its graphs and without those for torch.

    The copy has a quarter of the size. Computation stays in fp32. It runs on the CPU
    only, and no training can start from it.
    Raises BundleError if the outputs differ by more than COMPACT_TOLERANCE on noise.
    """
    source = load_bundle(folder)
    with new_bundle_folder(out) as temporary:
        shutil.copytree(source.folder, temporary, dirs_exist_ok=True)
        for part in source.manifest.parts.values():
            _halve_graph(temporary / part.file)
        (temporary / WEIGHTS).unlink(missing_ok=True)
        compact = write_bundle_files(temporary, source.manifest)
        threads = torch.get_num_threads()
        backends = [OpenVinoBackend(bundle, threads=threads) for bundle in (source, compact)]
        for name, part in source.manifest.parts.items():
            noise = _noise_of(part.input)
            expected, returned = (backend.run(name, noise) for backend in backends)
            _compare(name, expected, returned, COMPACT_TOLERANCE)
    return Bundle(out, source.manifest)


def _halve_graph(path: Path) -> None:
    """Store the fp32 weights of a graph as fp16, each with a cast to fp32 where it is used."""
    model = onnx.load(path)
    casts = []
    for weights in model.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT:
            continue
        name, values = weights.name, onnx.numpy_helper.to_array(weights)
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16")
        weights.CopyFrom(half)
        casts.append(onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with atomic_path(path) as temporary:
        onnx.save(model, temporary)


def _noise_of(spec: ArraySpec) -> NDArray[Any]:
    """Noise of an input; axes of any size get 64, a multiple of every stride in use."""
    shape = [1 if axis == 0 else size or 64 for axis, size in enumerate(spec.shape)]
    rng = np.random.default_rng(0)
    if spec.dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.random(shape, np.float32)


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
        size = torch.export.Dim(f"axis{axis}", min=part.least.get(axis, 1) // multiple or 1)
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
    """Compare torch with OpenVINO on an input of another size than the graph was traced with."""
    inputs = _of_other_size(part)
    with torch.inference_mode():
        expected: NDArray[np.float32] = part.module(inputs).numpy()
    returned = backend.run(part.name, inputs.numpy())
    _compare(part.name, expected, returned, TOLERANCE)


def _compare(
    part: str, expected: NDArray[np.float32], returned: NDArray[np.float32], tolerance: float
) -> None:
    """Raise BundleError if the outputs of a graph differ too much.

    The difference is absolute for values up to 1, else relative to the largest value of the channel
    (last axis), so that distances in pixels do not hide an error of probabilities.
    """
    others = tuple(range(expected.ndim - 1))
    scale = np.maximum(1.0, np.abs(expected).max(axis=others))
    difference = float((np.abs(expected - returned).max(axis=others) / scale).max())
    if not difference <= tolerance:
        raise BundleError(
            f"the exported graph of {part} differs from the model by {difference:.1e}, more "
            f"than {tolerance:.0e}; no bundle was written"
        )


def _versions() -> dict[str, str]:
    names = ("playhead", "torch", "onnx", "openvino", "numpy")
    return {name: importlib.metadata.version(name) for name in names}
