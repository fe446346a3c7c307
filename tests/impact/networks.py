"""Tiny collision networks for prediction, run by torch or from a bundle."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from playhead.impact.grids import Member
from playhead.impact.model import CollisionNetwork, build_collision_network
from playhead.impact.network_config import CollisionNetworkConfig
from playhead.impact.plan import ClipGridPlan
from playhead.inference.bundle import ArraySpec, Bundle, BundleManifest, InputPlan, Part
from playhead.inference.precision import Precision
from playhead.learning.export import export_bundle
from playhead.learning.parts import ExportPart

SIZE = (64, 48)
ROWS, COLUMNS = 12, 16
# Group norms, so that random weights give outputs of some size.
FACTORED = CollisionNetworkConfig(
    stem_channels=4, widths=(4, 6, 6), pyramid_channels=8, norm="group"
)
I3D = CollisionNetworkConfig(kind="i3d", pixels="rgb", depths=(1, 1, 1, 1), width=4, norm="group")
CHUNKED = I3D.model_copy(update={"marker": False, "chunk_frames": 13})


def plan_of(config: CollisionNetworkConfig, rate: str = "native") -> ClipGridPlan:
    return ClipGridPlan(
        size=SIZE,
        pixels=config.pixels,
        rate=rate,
        frames=config.frames,
        before=config.before,
        marker=config.marker,
        box_unit=32,
    )


def network_of(config: CollisionNetworkConfig, seed: int = 0) -> CollisionNetwork:
    """A network whose outputs differ from cell to cell and from frame to frame."""
    torch.manual_seed(seed)
    network = build_collision_network(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    with torch.no_grad():
        assert network.head.bias is not None
        network.head.bias[[0, 5]] = 0
        network.head.weight *= 4
    return network.eval()


def ignore_neighbours(network: nn.Module) -> None:
    """Keep only the middle tap of every convolution along time, so that no padding is seen."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:
            middle = module.kernel_size[0] // 2
            with torch.no_grad():
                module.weight[:, :, :middle] = 0
                module.weight[:, :, middle + 1 :] = 0


class TorchBackend:
    """Runs the parts that would be exported; counts the rows of each part."""

    precision: Precision = "fp32"

    def __init__(self, parts: list[ExportPart]) -> None:
        self.parts = {part.name: part.module for part in parts}
        self.rows = dict.fromkeys(self.parts, 0)

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        self.rows[part] += len(inputs)
        with torch.inference_mode():
            outputs = self.parts[part](torch.from_numpy(np.ascontiguousarray(inputs)))
        return np.asarray(outputs.numpy(), np.float32)


def manifest_of(
    plan: InputPlan,
    parts: tuple[str, ...],
    classes: tuple[str, ...] = ("impact",),
    *,
    chunk_frames: int | None = None,
) -> BundleManifest:
    inputs = ArraySpec(shape=(None, chunk_frames), dtype="uint8")
    outputs = ArraySpec(shape=plan.output_shape(1), dtype="float32")
    named = {name: Part(file=f"{name}.onnx", input=inputs, output=outputs) for name in parts}
    return BundleManifest.of(plan, job="impact", classes=classes, parts=named)


def member_of(
    config: CollisionNetworkConfig, seed: int = 0, rate: str = "native", *, padded: bool = True
) -> Member:
    """padded: False for a network whose time steps do not see the padding, nor each other"""
    network, plan = network_of(config, seed), plan_of(config, rate)
    if not padded:
        ignore_neighbours(network)
    backend = TorchBackend(network.export_parts(plan))
    parts = tuple(backend.parts)
    return Member(manifest_of(plan, parts, chunk_frames=config.chunk_frames), backend)


def write_bundle(folder: Path, config: CollisionNetworkConfig = FACTORED, **more: Any) -> Bundle:
    return export_bundle(
        network_of(config),
        folder,
        job="impact",
        classes=("impact",),
        plan=plan_of(config),
        training={"network": config.model_dump(mode="json")},
        **more,
    )


@dataclass
class Frames:
    """A video of noise, with the interface of `playhead.media.Video` that is needed."""

    count: int
    rate: float = 60.0
    unreadable: tuple[int, ...] = ()
    path: Path = Path("frames.mp4")
    held: list[int] = field(default_factory=list)

    @property
    def times(self) -> NDArray[np.float64]:
        return np.arange(self.count) / self.rate

    @property
    def duration(self) -> float:
        return self.count / self.rate

    def image(self, k: int, pixels: str = "luma") -> NDArray[np.uint8]:
        shape = (*SIZE[::-1], 3) if pixels == "rgb" else SIZE[::-1]
        return np.random.default_rng(k).integers(0, 256, shape, dtype=np.uint8)

    def stream(
        self, *, pixels: str, size: tuple[int, int], wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for k in wanted.tolist():
            if k not in self.unreadable:
                yield k, self.image(k, pixels)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
