"""Frozen graphs: a TensorFlow.js graph model written as a TensorFlow GraphDef with its weights.

TensorFlow.js keeps the graph as JSON and the values of its constants in a file of their own. Here
both become one protocol buffer, written in its wire format, which OpenVINO reads. TensorFlow is not
needed. Weights that are stored as float16 become float32, and the fused convolutions of
TensorFlow.js become a convolution, a bias and an activation.
"""

import base64
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import WeightsError

__all__ = ["frozen_graph"]

Json = Mapping[str, Any]

DTYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "|u1", "bool": "|b1"}
TYPES = {
    "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5, "DT_INT8": 6,
    "DT_STRING": 7, "DT_INT64": 9, "DT_BOOL": 10, "DT_HALF": 19,
}  # fmt: skip
"""Numbers of tensorflow.DataType."""

UNFUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}

# Wire types of protocol buffers.
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def frozen_graph(model: bytes, values: bytes) -> bytes:
    """The GraphDef of a TensorFlow.js graph model.

    model: its JSON with the graph and the manifest of weights; values: the file of weights
    Raises WeightsError if they do not fit together, or use what is not known here.
    """
    try:
        document = json.loads(model)
        constants = _constants(document["weightsManifest"], values)
        graph = document["modelTopology"]
        nodes = [
            _field(1, _node(part, constants)) for node in graph["node"] for part in _unfused(node)
        ]
        producer = _number(1, int(graph["versions"]["producer"]))
        return b"".join(nodes) + _field(4, producer)
    except (KeyError, ValueError, TypeError, struct.error) as error:
        raise WeightsError(
            f"the graph of TensorFlow.js cannot be converted: {type(error).__name__} {error}"
        ) from error


def _constants(manifest: Iterable[Json], values: bytes) -> dict[str, NDArray[Any]]:
    """The weights by the name of their node, in the order of the manifest."""
    constants, position = {}, 0
    for weight in (weight for group in manifest for weight in group["weights"]):
        stored = np.dtype(DTYPES[weight.get("quantization", weight)["dtype"]])
        count = int(np.prod(weight["shape"], dtype=np.int64))
        array = np.frombuffer(values, stored, count, position).reshape(weight["shape"])
        constants[weight["name"]] = array.astype(DTYPES[weight["dtype"]])
        position += count * stored.itemsize
    if position != len(values):
        raise ValueError(f"{len(values)} bytes of weights where {position} are listed")
    return constants


def _unfused(node: Json) -> Iterable[Json]:
    """A fused convolution as its parts, of which the last one has its name; other nodes as is."""
    if node["op"] not in UNFUSED:
        return [node]
    attributes = dict(node["attr"])
    names = attributes.pop("fused_ops")["list"]["s"]
    for key in ("num_args", "epsilon"):
        attributes.pop(key, None)
    operations = [base64.b64decode(name).decode() for name in names]
    if operations[0] != "BiasAdd" or len(node["input"]) != 3:
        raise ValueError(f"a convolution is fused with {operations}")
    image, kernel, bias = node["input"]
    own = {key: attributes[key] for key in ("T", "data_format")}
    nodes = [
        {"op": UNFUSED[node["op"]], "input": [image, kernel], "attr": attributes},
        {"op": "BiasAdd", "input": [bias], "attr": own},
        *({"op": name, "input": [], "attr": {"T": own["T"]}} for name in operations[1:]),
    ]
    for position, part in enumerate(nodes):
        last = position == len(nodes) - 1
        part["name"] = node["name"] if last else f"{node['name']}/part_{position}"
        if position:
            part["input"] = [nodes[position - 1]["name"], *part["input"]]
    return nodes


def _node(node: Json, constants: Mapping[str, NDArray[Any]]) -> bytes:
    """A NodeDef: name 1, op 2, inputs 3, attributes 5."""
    message = _text(1, node["name"]) + _text(2, node["op"])
    message += b"".join(_text(3, name) for name in node.get("input", ()))
    for key, attribute in sorted(node.get("attr", {}).items()):
        if node["op"] == "Const" and key == "value":
            content = _field(8, _tensor(attribute["tensor"], constants[node["name"]]))
        else:
            content = _attribute(attribute)
        message += _field(5, _text(1, key) + _field(2, content))
    return message


def _tensor(declared: Json, value: NDArray[Any]) -> bytes:
    """A TensorProto: type 1, shape 2, content 4."""
    sizes = b"".join(_field(2, _number(1, size)) for size in value.shape)
    return _number(1, TYPES[declared["dtype"]]) + _field(2, sizes) + _field(4, value.tobytes())


def _attribute(attribute: Json) -> bytes:
    """An AttrValue: list 1, bytes 2, integer 3, float 4, boolean 5, type 6, shape 7."""
    [(kind, value)] = attribute.items()
    match kind:
        case "s":
            return _field(2, base64.b64decode(value))
        case "i":
            return _number(3, int(value))
        case "f":
            return _key(4, _FIXED32) + struct.pack("<f", value)
        case "b":
            return _number(5, int(value))
        case "type":
            return _number(6, TYPES[value])
        case "shape":
            sizes = (_number(1, int(dim["size"])) for dim in value.get("dim", ()))
            return _field(7, b"".join(_field(2, size) for size in sizes))
        case "list":
            # A list has the fields of a single value; only its own lists could be longer.
            parts = (_attribute({key: item}) for key, items in value.items() for item in items)
            return _field(1, b"".join(parts))
        case _:
            raise ValueError(f"unknown kind of attribute {kind!r}")


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
