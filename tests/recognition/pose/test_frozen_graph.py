"""TensorFlow.js graphs as GraphDefs: a tiny one, converted, read and run by OpenVINO."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import WeightsError
from playhead.inference.runtime import openvino_core
from playhead.recognition.pose.frozen_graph import frozen_graph


def text(value: str) -> dict:
    return {"s": base64.b64encode(value.encode()).decode()}


def graph(kernel: np.ndarray, bias: np.ndarray) -> tuple[dict, bytes]:
    """relu6(conv(x) + bias) of a float16 kernel, and the weights of it."""
    floats = {"type": "DT_FLOAT"}
    constants = [
        {
            "name": name,
            "op": "Const",
            "attr": {"value": {"tensor": {"dtype": "DT_FLOAT"}}, "dtype": floats},
        }
        for name in ("kernel", "bias")
    ]
    convolution = {
        "name": "out",
        "op": "_FusedConv2D",
        "input": ["x", "kernel", "bias"],
        "attr": {
            "T": floats,
            "strides": {"list": {"i": ["1", "1", "1", "1"]}},
            "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
            "padding": text("VALID"),
            "data_format": text("NHWC"),
            "explicit_paddings": {"list": {}},
            "fused_ops": {"list": {"s": [text("BiasAdd")["s"], text("Relu6")["s"]]}},
            "num_args": {"i": "1"},
            "epsilon": {"f": 0},
        },
    }
    sizes = [{"size": str(size)} for size in (1, -1, 5, 2)]
    x = {
        "name": "x",
        "op": "Placeholder",
        "attr": {"dtype": floats, "shape": {"shape": {"dim": sizes}}},
    }
    half = {"dtype": "float16", "original_dtype": "float32"}
    weights = [
        {"name": "kernel", "shape": list(kernel.shape), "dtype": "float32", "quantization": half},
        {"name": "bias", "shape": list(bias.shape), "dtype": "float32"},
    ]
    document = {
        "modelTopology": {"node": [x, *constants, convolution], "versions": {"producer": "808"}},
        "weightsManifest": [{"paths": ["x.bin"], "weights": weights}],
    }
    return document, kernel.astype("<f2").tobytes() + bias.astype("<f4").tobytes()


def test_a_converted_graph_computes_what_the_original_does(tmp_path: Path):
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 2, (1, 1, 2, 3)).astype(np.float16).astype(np.float32)
    bias = rng.normal(0, 2, 3).astype(np.float32)
    document, values = graph(kernel, bias)
    path = tmp_path / "graph.pb"
    path.write_bytes(frozen_graph(json.dumps(document).encode(), values))
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # by itself OpenVINO takes bf16 where it can
    compiled = openvino_core().compile_model(openvino_core().read_model(path), "CPU", exact)
    image = rng.normal(0, 2, (1, 4, 5, 2)).astype(np.float32)
    expected = np.clip(image @ kernel[0, 0] + bias, 0, 6)
    assert 0 < (expected == 0).mean() < 1
    assert compiled(image)[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("damage", ["short", "unknown operation", "not JSON", "unknown type"])
def test_a_graph_that_does_not_fit_is_refused(damage):
    document, values = graph(np.ones((1, 1, 2, 3), np.float32), np.ones(3, np.float32))
    model = json.dumps(document)
    match damage:
        case "short":
            values = values[:-4]
        case "unknown operation":
            fused = text("BiasAdd")["s"]
            model = model.replace(fused, text("FusedBatchNorm")["s"])
        case "not JSON":
            model = model[:-5]
        case "unknown type":
            model = model.replace('"DT_FLOAT"', '"DT_QINT8"')
    with pytest.raises(WeightsError, match="cannot be converted"):
        frozen_graph(model.encode(), values)
