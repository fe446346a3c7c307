"""Published weights of the slow-fusion recipe: from a checkpoint to a bundle that predicts.

The checkpoints are those of the ball-action-spotting repository, whose `MultiDimStacker` has the
layers of `SlowFusion` in the same order, with channels and stacks in the same order, under other
names. Its file holds the averaged weights as `nn_state_dict`, beside its parameters.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playhead.decisions.peaks import PeakConfig
from playhead.errors import WeightsError
from playhead.inference.bundle import Bundle
from playhead.inference.dense import WindowPlan
from playhead.learning.export import export_bundle
from playhead.learning.state import load_tensors, read_foreign, rename_tensors, state_dict_of
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import PredictionConfig, full_size
from playhead.spotting.model import SpottingModel, build_model

__all__ = ["convert_ball_2023", "read_ball_2023"]

CLASSES = {
    2: ("PASS", "DRIVE"),
    15: (
        *("Penalty", "Kick-off", "Goal", "Substitution", "Offside", "Shots on target"),
        *("Shots off target", "Clearance", "Ball out of play", "Throw-in", "Foul"),
        *("Indirect free-kick", "Direct free-kick", "Corner", "Card"),
    ),
}
"""The classes of the published stages by their number: ball actions, and actions of SoccerNet."""

RATE, SIZE, PADDED = "25", (1280, 720), (1280, 736)
STEP, STACK = 2, 3
MODEL = full_size("none")

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that torch adds to the names of parallel and of compiled networks."""

LAYERS = {
    "encoder.network": "conv2d_encoder",
    "project": "conv2d_projection",
    "mix": "conv3d_projection",
    "pool": "global_pool",
    "classify": "classifier",
}
BLOCK_LAYERS = {
    "0.0": "conv_pw",
    "0.1": "bn1.bn3d",
    "1.0": "conv_dw",
    "1.1": "bn2.bn3d",
    "2.squeeze": "se.conv_reduce",
    "2.excite": "se.conv_expand",
    "3.0": "conv_pwl",
    "3.1": "bn3.bn3d",
}
"""Of the branch of a 3D block."""


def convert_ball_2023(source: Path, out: Path) -> Bundle:
    """Write the bundle of a published checkpoint, with the recipe's input, flip and decisions.

    Raises WeightsError if the file cannot be read, or is of another network.
    """
    model, window, classes = read_ball_2023(source)
    return export_bundle(
        model,
        out,
        job="spotting",
        classes=classes,
        plan=WindowPlan(window=window, rate=RATE, size=SIZE),
        post_processing=PeakConfig().model_dump(),
        training={
            "model": MODEL.model_dump(mode="json"),
            "prediction": PredictionConfig(flip=True).model_dump(mode="json"),
        },
    )


def read_ball_2023(source: Path) -> tuple[SpottingModel, WindowSpec, tuple[str, ...]]:
    """The network of a checkpoint, its windows and its classes.

    Raises WeightsError if the file cannot be read, or is of another network or input.
    """
    content = read_foreign(source)
    state = {_unwrapped(name): value for name, value in state_dict_of(content, source).items()}
    try:
        window, classes = _input_of(state, content.get("params"))
        with torch.device("meta"):
            model = build_model(MODEL, len(classes), window)
        tensors = rename_tensors(_in_three_dimensions(state), model, _published_name)
    except WeightsError as error:
        raise WeightsError(
            f"{source}: {error}; ball-2023 is a checkpoint of the ball-action-spotting repository"
        ) from error
    model = build_model(MODEL, len(classes), window)
    load_tensors(model, tensors, source)
    return model.eval(), window, classes


def _input_of(state: Mapping[str, Tensor], params: Any) -> tuple[WindowSpec, tuple[str, ...]]:
    """Windows and classes, from the shape of the last layer and the checkpoint's parameters."""
    last = state.get("classifier.weight")
    if last is None or last.ndim != 2:
        raise WeightsError("has no classifier of two dimensions")
    count, columns = last.shape
    if count not in CLASSES:
        known = " or ".join(map(str, CLASSES))
        raise WeightsError(f"has {count} classes; the published weights have {known}")
    stacks, rest = divmod(columns, MODEL.head_channels)
    if rest or stacks % 2 == 0:
        raise WeightsError(
            f"its classifier has {columns} inputs; windows of an odd number of stacks give an odd "
            f"multiple of {MODEL.head_channels}"
        )
    params = params if isinstance(params, dict) else {}
    step = params.get("frame_stack_step", STEP)
    if not isinstance(step, int) or step < 1:
        raise WeightsError(f"its frame_stack_step is {step!r}; needs a number of frames")
    size = params.get("image_size", PADDED)
    if not isinstance(size, list | tuple) or tuple(size) != PADDED:
        raise WeightsError(f"is for images of {size}; needs {PADDED}")
    return WindowSpec(frames=stacks * STACK, step=step, stack=STACK), CLASSES[count]


def _in_three_dimensions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The 1x1 of the head is 2D there, for one stack at a time, and 3D here."""
    head = "conv3d_projection.0.weight"
    return {
        name: value.unsqueeze(2) if name == head and value.ndim == 4 else value
        for name, value in state.items()
    }


def _published_name(name: str) -> str:
    """As `conv3d_encoder.0.bn1.bn3d.weight` of `fusion.0.branch.0.1.weight`."""
    layer, _, tensor = name.rpartition(".")
    match layer.split("."):
        case ["fusion", block, "branch", *inner]:
            return f"conv3d_encoder.{block}.{BLOCK_LAYERS['.'.join(inner)]}.{tensor}"
    own = next(own for own in LAYERS if name.startswith(f"{own}."))
    return LAYERS[own] + name.removeprefix(own)


def _unwrapped(name: str) -> str:
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name
