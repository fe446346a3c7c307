"""Export: from a torch model to a bundle that runs without torch.

A model with `encode` and `fuse` becomes two graphs, so that a stream computes each stack once; one
with `for_bundle` says itself what a bundle runs; any other becomes one graph. The division by 255
and the sigmoid are in the graphs. A bundle whose graphs do
not give the model's own scores is never written.
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
    PicturePlan,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.state import save_weights

__all__ = ["TOLERANCE", "export_bundle", "split_parts"]

TOLERANCE = 1e-4
"""How far the graphs' scores may lie from the model's, in fp32."""


def export_bundle(
    model: nn.Module,
    folder: Path,
    *,
    job: str,
    classes: tuple[str, ...],
    plan: InputPlan | PicturePlan,
    post_processing: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write `model` as a bundle; nothing is left behind where that fails.

    model: luma (B, T, H, W) in [0, 1] → logits (B, classes); or with `encode` of stacks
    (N, stack, H, W) → maps (N, ...), `fuse` of maps (B, stacks, ...) → logits, and `stack`, the
    frames of each. It is not changed.
    Raises BundleError where the graphs' scores differ from the model's by more than TOLERANCE.
    """
    frozen = copy.deepcopy(model).cpu().float().eval()
    with new_bundle_folder(folder) as made:
        parts = _write_graphs(frozen, plan, made)
        save_weights(frozen, made / WEIGHTS)
        manifest = BundleManifest(
            job=job,
            classes=classes,
            input=plan,
            parts=parts,
            post_processing=dict(post_processing or {}),
            metrics=dict(metrics or {}),
            training=dict(training or {}),
            versions=_versions(),
        )
        _check_classes(manifest)
        _check_scores(frozen, write_bundle_files(made, manifest))
    return Bundle(folder, manifest)


def split_parts(model: nn.Module) -> dict[str, nn.Module]:
    """The parts of a model in use, each a module from what a bundle feeds to what it gets back."""
    if hasattr(model, "for_bundle"):
        whole: Any = model.for_bundle
        return {"model": whole().eval()}
    if hasattr(model, "encode") and hasattr(model, "fuse"):
        return {"encode": _Encode(model).eval(), "fuse": _Fuse(model).eval()}
    return {"model": _Whole(model).eval()}


class _Encode(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, stacks: Tensor) -> Tensor:
        """stacks: uint8 (N, S, H, W) → maps (N, ...)."""
        maps: Tensor = self.model.encode(_unit(self.model, stacks))
        return maps


class _Fuse(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, stacks, ...) → probabilities (B, classes)."""
        return torch.sigmoid(self.model.fuse(maps))


class _Whole(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, luma: Tensor) -> Tensor:
        """luma: uint8 (B, T, H, W) → probabilities (B, classes)."""
        return torch.sigmoid(self.model(_unit(self.model, luma)))


def _unit(model: nn.Module, luma: Tensor) -> Tensor:
    """uint8 → [0, 1] in the type of the model's weights."""
    return luma.to(next(model.parameters()).dtype) / 255


def _write_graphs(model: Any, plan: InputPlan | PicturePlan, folder: Path) -> dict[str, Part]:
    modules = split_parts(model)
    example = _example(modules, model, plan)
    parts = {}
    for name, module in modules.items():
        with torch.inference_mode():
            output = module(example)
        sizes = _dynamic(plan)
        _write_onnx(module, example, folder / f"{name}.onnx", sizes)
        parts[name] = Part(
            file=f"{name}.onnx",
            input=_spec(example, set(sizes)),
            output=_spec(output, {0} if isinstance(plan, InputPlan) else {0, 1}),
        )
        if isinstance(plan, InputPlan):
            example = output[:, None].repeat_interleave(plan.window.frames // example.shape[1], 1)
    return parts


def _example(modules: Mapping[str, nn.Module], model: Any, plan: InputPlan | PicturePlan) -> Tensor:
    """Two samples of what the first graph is fed; of pictures no side is that of the other."""
    if isinstance(plan, PicturePlan):
        side = plan.strides[-1]
        return torch.zeros(2, 2 * side, 3 * side, 3, dtype=torch.uint8)
    width, height = plan.size
    frames = plan.window.frames if "model" in modules else int(model.stack)
    return torch.zeros(2, frames, height, width, dtype=torch.uint8)


def _dynamic(plan: InputPlan | PicturePlan) -> dict[int, Any]:
    """The axes of an input that may have any size: the batch, and the sides of pictures."""
    batch = torch.export.Dim("batch")
    if isinstance(plan, InputPlan):
        return {0: batch}
    side = plan.strides[-1]
    rows, columns = torch.export.Dim("rows", min=1), torch.export.Dim("columns", min=1)
    return {0: batch, 1: side * rows, 2: side * columns}


def _write_onnx(module: nn.Module, example: Tensor, path: Path, dynamic: Mapping[int, Any]) -> None:
    """One graph in one file, without the exporter's notes (they hold paths of this machine)."""
    program = torch.onnx.export(
        module,
        (example.clone(),),
        dynamo=True,
        dynamic_shapes=(dict(dynamic),),
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


def _check_classes(manifest: BundleManifest) -> None:
    last = list(manifest.parts.values())[-1]
    windows = isinstance(manifest.input, InputPlan)
    numbers = len(manifest.classes) + (0 if windows else 4)
    needed = (None, numbers) if windows else (None, None, numbers)
    if last.output.shape != needed:
        raise BundleError(
            f"a model whose output is {last.output.shape}: {len(manifest.classes)} classes need "
            f"{needed}"
        )


def _check_scores(model: nn.Module, bundle: Bundle) -> None:
    """Compare torch with OpenVINO, part by part on the same inputs and from end to end."""
    backend = OpenVinoBackend(bundle, threads=torch.get_num_threads())
    expected = got = _noise(bundle.manifest)
    for name, module in split_parts(model).items():
        with torch.inference_mode():
            reference = module(torch.from_numpy(expected)).numpy()
        made = backend.run(name, expected)
        if isinstance(bundle.manifest.input, PicturePlan):
            # Distances are pixels; they must not lend the probabilities their scale.
            _compare(f"{name}, distances", reference[..., :4], made[..., :4])
            reference, made = reference[..., 4:], made[..., 4:]
        _compare(name, reference, made)
        if len(bundle.manifest.parts) > 1:
            _compare(f"{name} after the parts before it", reference, backend.run(name, got))
            expected, got = reference[None], backend.run(name, got)[None]


def _noise(manifest: BundleManifest) -> NDArray[Any]:
    first, plan = next(iter(manifest.parts.values())), manifest.input
    if isinstance(plan, PicturePlan):
        side = plan.strides[-1]
        sizes = [2, 4 * side, 3 * side, 3]  # another than the graph was made with
    else:
        batch = plan.window.frames // int(first.input.shape[1] or 1)
        sizes = [batch, *(int(size or 1) for size in first.input.shape[1:])]
    return np.random.default_rng(0).integers(0, 256, sizes, dtype=np.uint8)


def _compare(name: str, expected: NDArray[np.float32], got: NDArray[np.float32]) -> None:
    """Absolute for scores; relative to the largest value for maps that pass 1."""
    scale = max(1.0, float(np.abs(expected).max()))
    apart = float(np.abs(expected - got).max()) / scale
    if not apart <= TOLERANCE:
        raise BundleError(
            f"the exported graph of {name} differs from the model by {apart:.1e}, more than "
            f"{TOLERANCE:.0e}; no bundle was written"
        )


def _versions() -> dict[str, str]:
    names = ("playhead", "torch", "onnx", "openvino", "numpy")
    return {name: importlib.metadata.version(name) for name in names}
