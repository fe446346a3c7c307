"""Weights of an I3D ResNet-50: from a checkpoint of pytorchvideo to the backbone of a network.

The names and shapes are those of pytorchvideo's `models.resnet.create_resnet` as its `i3d_r50`
calls it: block 0 is the stem, 1 and 3 to 5 the four stages, 2 the temporal pool without weights,
and 6 the classifier. Converted files have the names of `I3D` and keep three input channels.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from playhead.errors import WeightsError
from playhead.learning.nn.i3d import I3D
from playhead.learning.state import (
    LoadedWeights,
    load_tensors,
    read_state_dict,
    read_tensors,
    rename_tensors,
    write_tensors,
)

__all__ = ["convert_i3d", "load_i3d", "rename_i3d"]

STEM = "stem.0.weight"
STAGE_BLOCKS = (1, 3, 4, 5)
CLASSIFIER = ("blocks.6.proj.weight", "blocks.6.proj.bias")


def convert_i3d(source: Path, out: Path) -> int:
    """Write the backbone of pytorchvideo's `I3D_8x8_R50` checkpoint; returns the number of tensors.

    source: a state dict, or a checkpoint with one as `model_state`; see `read_state_dict`
    out: a .safetensors file, for `network.weights`
    Raises WeightsError if the file cannot be read or is of another network.
    """
    if out.suffix != ".safetensors":
        raise WeightsError(f"{out}: converted weights need a name that ends in .safetensors")
    state = read_state_dict(source)
    with torch.device("meta"):
        model = I3D()
    try:
        tensors = rename_i3d(state, model)
    except WeightsError as error:
        raise WeightsError(
            f"{source}: {error}; i3d-r50 is the checkpoint I3D_8x8_R50 of pytorchvideo"
        ) from error
    write_tensors(out, tensors)
    return len(tensors)


def rename_i3d(state: Mapping[str, Tensor], model: I3D) -> dict[str, Tensor]:
    """The tensors of pytorchvideo's network under the names of `model`, without the classifier.

    model: for names and shapes, may be on the meta device
    Raises WeightsError if a tensor is missing, unexpected or of another shape.
    """
    return rename_tensors(state, model, _pytorchvideo_name, unused=CLASSIFIER)


def load_i3d(backbone: I3D, path: Path, *, colours: int) -> LoadedWeights:
    """Load the file of `convert_i3d` into `backbone`.

    colours: the input channels that are colours: 3, or 1 (grey), whose stem is the sum over the
        three; other channels follow them, and their weights are zeros
    A stem with another temporal kernel than that of the file is left as initialised.
    Raises WeightsError if the file cannot be read or another tensor differs; ConfigError if the
    stem would be left and is frozen.
    """
    tensors, _ = read_tensors(path)
    own, stem = backbone.state_dict()[STEM], tensors.get(STEM)
    fits = True
    if stem is not None and stem.ndim == own.ndim and stem.shape[1] == 3:
        if colours == 1:
            stem = stem.sum(1, keepdim=True)
        zeros = stem.new_zeros(len(stem), own.shape[1] - colours, *stem.shape[2:])
        tensors[STEM] = torch.cat([stem, zeros], 1)
        fits = stem.shape[2] == own.shape[2]
    if not fits:  # everything else must agree
        load_tensors(backbone, {**tensors, STEM: own}, path)
    return load_tensors(backbone, tensors, path, strict=fits)


def _pytorchvideo_name(name: str) -> str:
    """As `blocks.3.res_blocks.0.branch2.conv_b.weight` of `stages.1.0.branch.2.0.weight`."""
    match name.split("."):
        case ["stem", layer, tensor]:
            return f"blocks.0.{_layer(layer)}.{tensor}"
        case ["stages", stage, block, "shortcut", layer, tensor]:
            part = f"branch1_{_layer(layer)}"
        case ["stages", stage, block, "branch", at, layer, tensor]:
            part = f"branch2.{_layer(layer)}_{'abc'[int(at) // 2]}"
        case _:
            raise ValueError(f"{name}: is not a tensor of an I3D")
    return f"blocks.{STAGE_BLOCKS[int(stage)]}.res_blocks.{block}.{part}.{tensor}"


def _layer(number: str) -> str:
    return {"0": "conv", "1": "norm"}[number]
