"""Bundles of a detector whose answer is known: a cell's mean colour is what it finds.

At every cell red and green are the probabilities of the first and the second class, as shares of
255, and blue is how many pixels each edge of the box lies from the middle of the cell.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from playhead.inference.bundle import (
    ArraySpec,
    Bundle,
    BundleManifest,
    Part,
    load_bundle,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.detectors.plan import DetectorPlan

__all__ = ["STRIDES", "colour_graph", "paint", "write_detector_bundle"]

STRIDES = (8, 16)


def write_detector_bundle(
    folder: Path,
    classes: tuple[str, ...] = ("car", "plate"),
    *,
    longest: int = 160,
    enlarge: bool = False,
    strides: Sequence[int] = STRIDES,
    post_processing: Mapping[str, Any] | None = None,
    kind: str = "detector",
) -> Bundle:
    """A bundle of one or two classes, read back with its checksums."""
    manifest = BundleManifest.of(
        DetectorPlan(longest=longest, enlarge=enlarge, strides=tuple(strides)),
        job="detection" if kind == "detector" else "spotting",
        classes=classes,
        parts={
            "model": Part(
                file="model.onnx",
                input=ArraySpec(shape=(None, None, None, 3), dtype="uint8"),
                output=ArraySpec(shape=(None, None, 4 + len(classes)), dtype="float32"),
            )
        },
        post_processing=dict(post_processing or {}),
    )
    manifest = manifest.model_copy(update={"kind": kind})
    with new_bundle_folder(folder) as made:
        onnx.save(colour_graph(len(classes), strides), made / "model.onnx")
        write_bundle_files(made, manifest)
    return load_bundle(folder)


def colour_graph(classes: int, strides: Sequence[int]) -> onnx.ModelProto:
    """uint8 (B, H, W, 3) → (B, N, 4 + classes), N the cells of all strides."""
    mixing = np.zeros((3, 4 + classes), np.float32)
    mixing[2, :4] = 1
    for place in range(classes):
        mixing[place, 4 + place] = 1 / 255
    nodes = [
        helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    for s in strides:
        nodes += [
            helper.make_node(
                "AveragePool", ["planes"], [f"map{s}"], kernel_shape=[s, s], strides=[s, s]
            ),
            helper.make_node("Reshape", [f"map{s}", "flat"], [f"row{s}"]),
            helper.make_node("Transpose", [f"row{s}"], [f"cells{s}"], perm=[0, 2, 1]),
        ]
    nodes += [
        helper.make_node("Concat", [f"cells{s}" for s in strides], ["colours"], axis=1),
        helper.make_node("MatMul", ["colours", "mixing"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["b", "h", "w", 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["b", "n", 4 + classes])],
        [
            numpy_helper.from_array(np.array([0, 3, -1], np.int64), "flat"),
            numpy_helper.from_array(mixing, "mixing"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def paint(
    image: NDArray[np.uint8], row: int, column: int, colour: tuple[int, int, int], side: int = 8
) -> tuple[float, float, float, float]:
    """Colour one cell of a stride in place; the box that its blue says."""
    image[row * side : (row + 1) * side, column * side : (column + 1) * side] = colour
    x, y = (column + 0.5) * side, (row + 0.5) * side
    return x - colour[2], y - colour[2], x + colour[2], y + colour[2]
