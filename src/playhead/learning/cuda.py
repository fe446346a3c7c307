"""The CUDA backend: the parts of a bundle in torch, rebuilt from its safetensors.

The ONNX graphs in a bundle are for OpenVINO; here the same parts run as torch modules. Only the job
knows the network of a bundle, so it passes a function that builds it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import BundleError
from playhead.inference.bundle import Bundle, BundleManifest, InputPlan
from playhead.inference.precision import Precision, PrecisionChoice
from playhead.learning.device import torch_precision
from playhead.learning.parts import ExportPart

__all__ = ["Build", "CudaBackend", "open_cuda"]

Build = Callable[[BundleManifest], tuple[nn.Module, InputPlan]]
"""Manifest → (network with random weights, input plan)."""


def open_cuda(bundle: Bundle, precision: PrecisionChoice, build: Build) -> "CudaBackend | None":
    """The CUDA backend, or None if torch has no CUDA device."""
    return CudaBackend(bundle, build, precision=precision) if torch.cuda.is_available() else None


class CudaBackend:
    """Runs the parts of a bundle in torch, by default on the first CUDA device.

    bf16 and fp16 use torch's autocast; fp32 is without TF32. Results are float32.
    Raises BundleError if the weights do not match the network of `build`.
    """

    def __init__(
        self,
        bundle: Bundle,
        build: Build,
        *,
        precision: PrecisionChoice = "fp32",
        device: str = "cuda",
    ) -> None:
        self._device = torch.device(device)
        self.precision: Precision = torch_precision(precision, self._device)
        self._half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        model, plan = build(bundle.manifest)
        _load(model, bundle)
        for parameter in model.parameters():
            parameter.data = _channels_last(parameter.data)
        exportable: Any = model.eval()
        parts: list[ExportPart] = exportable.export_parts(plan)
        model.to(self._device)
        self._parts = {part.name: part.module for part in parts}

    @torch.inference_mode()
    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one part on a batch: arrays in, float32 arrays out."""
        if part not in self._parts:
            raise BundleError(f"has no part {part!r}; its parts are {', '.join(self._parts)}")
        batch = torch.from_numpy(np.ascontiguousarray(inputs)).to(self._device)
        half = torch.autocast(self._device.type, self._half, enabled=self._half is not None)
        with half, torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            outputs: NDArray[np.float32] = (
                self._parts[part](_channels_last(batch)).float().cpu().numpy()
            )
        return outputs


def _channels_last(tensor: Tensor) -> Tensor:
    """Channels-last layout of images and 2D kernels, as tensor cores need it."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _load(model: nn.Module, bundle: Bundle) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(bundle.weights))
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{bundle.weights}: cannot be read: {error}") from error
    except RuntimeError as error:
        raise BundleError(
            f"{bundle.weights}: the weights do not match the network that the bundle names: {error}"
        ) from error
