"""The CUDA backend: the parts of a bundle in torch, rebuilt from its safetensors.

The ONNX graphs in a bundle are for OpenVINO; here the same parts run as torch modules. Only the job
knows the network of a bundle, so it passes a function that builds it. Work is only queued on the
device: frames go there through pinned memory, the maps of stacks stay there, and the CPU waits for
the results of a batch when the next one is under way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import BundleError, PlayheadError
from playhead.inference.bundle import Bundle, BundleManifest, InputPlan
from playhead.inference.precision import Precision, PrecisionChoice
from playhead.inference.ring import StackBatch, Values
from playhead.learning.compiling import compiled
from playhead.learning.device import torch_precision
from playhead.learning.layout import channels_last
from playhead.learning.parts import ExportPart

__all__ = ["Build", "CudaBackend", "open_cuda"]

Build = Callable[[BundleManifest], tuple[nn.Module, InputPlan]]
"""Manifest → (network with random weights, input plan)."""

PIXELS_PER_BATCH = 32_000_000
"""Pixels of the frames of a batch: 32 windows at 1280x720. Halved where memory is short."""

LARGEST_BATCH = 256


def open_cuda(
    bundle: Bundle, precision: PrecisionChoice, build: Build, *, compile_parts: bool = False
) -> "CudaBackend | None":
    """The CUDA backend, or None if torch has no CUDA device."""
    if not torch.cuda.is_available():
        return None
    return CudaBackend(bundle, build, precision=precision, compile_parts=compile_parts)


class CudaBackend:
    """Runs the parts of a bundle in torch, by default on the first CUDA device.

    bf16 and fp16 use torch's autocast; fp32 is without TF32. Results are float32.
    compile_parts: by torch.compile; the first batches of each size then take a minute
    pad: batches to a power of two, so that kernels are chosen and compiled for few sizes; by
        default on CUDA, and if parts are compiled
    A batch for which memory is too small is divided, and so are later ones of that size.
    Raises BundleError if the weights do not match the network of `build`.
    """

    def __init__(
        self,
        bundle: Bundle,
        build: Build,
        *,
        precision: PrecisionChoice = "fp32",
        device: str = "cuda",
        compile_parts: bool = False,
        pad: bool | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.precision: Precision = torch_precision(precision, self.device)
        self._half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        model, plan = build(bundle.manifest)
        _load(model, bundle)
        channels_last(model)
        exportable: Any = model.eval()
        parts: list[ExportPart] = exportable.export_parts(plan)
        model.to(self.device)
        self._parts = {part.name: part.module for part in parts}
        if compile_parts:
            self._parts = {
                name: compiled(module, self.device, "--compile")
                for name, module in self._parts.items()
            }
        pads = pad if pad is not None else compile_parts or self.device.type == "cuda"
        known = bundle.manifest.parts.items()
        self._padded = {name for name, part in known if pads and part.input.shape[0] is None}
        self._largest: dict[str, int] = {}  # batches so far
        self._limit: dict[str, int] = {}  # batches that fit into memory

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one part on a batch: arrays in, float32 arrays out."""
        return self.begin(part, self.send(inputs))()

    def ring(self, slots: int) -> "_DeviceRing":
        """A ring of that many slots, in the memory of the device."""
        return _DeviceRing(self, slots)

    def batch_size(self, size: tuple[int, int]) -> int:
        """The stacks and windows per batch for frames of (width, height)."""
        fitting = max(PIXELS_PER_BATCH // (size[0] * size[1]), 1)
        return min(1 << (fitting.bit_length() - 1), LARGEST_BATCH)

    def send(self, arrays: NDArray[Any] | Sequence[NDArray[Any]]) -> Tensor:
        """Send an array, or arrays of one shape stacked to one, to the device.

        The CPU goes on at once: torch keeps the pinned memory until it is copied.
        """
        first = arrays if isinstance(arrays, np.ndarray) else arrays[0]
        shape = first.shape if isinstance(arrays, np.ndarray) else (len(arrays), *first.shape)
        kind = torch.from_numpy(np.empty(0, first.dtype)).dtype
        host = torch.empty(shape, dtype=kind, pin_memory=self.device.type == "cuda")
        if isinstance(arrays, np.ndarray):
            np.copyto(host.numpy(), arrays)
        else:
            np.stack(arrays, out=host.numpy())
        return host.to(self.device, non_blocking=True)

    @torch.inference_mode()
    def compute(self, part: str, batch: Tensor) -> Tensor:
        """Run one part on a batch on the device; the result is there, in the part's precision."""
        if part not in self._parts:
            raise BundleError(f"has no part {part!r}; its parts are {', '.join(self._parts)}")
        limit = self._limit.get(part, len(batch))
        if len(batch) <= limit:
            try:
                return self._forward(part, batch)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    shape = " x ".join(map(str, batch.shape[1:]))
                    raise PlayheadError(
                        f"{part}: one input of {shape} does not fit into the memory of "
                        f"{self.device}; end other programs there, or use --device cpu"
                    ) from error
                limit = self._limit[part] = len(batch) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        shares = torch.split(batch, limit)
        return torch.cat([self.compute(part, share) for share in shares])

    @torch.inference_mode()
    def begin(self, part: str | None, batch: Tensor) -> Values:
        """Begin to run one part on a batch on the device; call the result for a float32 array.

        part: None returns the batch itself
        """
        outputs = (self.compute(part, batch) if part else batch).float()
        if self.device.type != "cuda":
            return outputs.numpy
        # Copied by the device right after this part: waiting for it later does not wait for what
        # was queued since.
        arrived = torch.empty(outputs.shape, pin_memory=True)
        arrived.copy_(outputs, non_blocking=True)
        cuda: Any = torch.cuda
        done = cuda.Event()
        done.record()

        def values() -> NDArray[np.float32]:
            done.synchronize()
            return arrived.numpy()

        return values

    def _forward(self, part: str, batch: Tensor) -> Tensor:
        count = len(batch)
        if part in self._padded:
            largest = self._largest[part] = max(self._largest.get(part, 0), count)
            missing = min(1 << (count - 1).bit_length(), largest) - count
            if missing:
                batch = torch.cat([batch, batch.new_zeros(missing, *batch.shape[1:])])
        half = torch.autocast(self.device.type, self._half, enabled=self._half is not None)
        with half, torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            outputs: Tensor = self._parts[part](_images_channels_last(batch))
        return outputs[:count]


class _DeviceRing:
    """The maps of the last stacks on the device, channels last, in the precision of the part.

    Each frame is sent once a batch and gathered into stacks there.
    """

    def __init__(self, backend: CudaBackend, slots: int) -> None:
        self._backend, self._slots = backend, slots
        self._maps: Tensor | None = None

    @torch.inference_mode()
    def encode(self, part: str, stacks: StackBatch, *, mirrored: bool = False) -> None:
        """Run the first part on stacks, and keep its maps in place of the oldest."""
        frames = {id(image): image for images in stacks.frames for image in images}
        position = {key: index for index, key in enumerate(frames)}
        chosen = np.array([[position[id(image)] for image in images] for images in stacks.frames])
        sent = self._backend.send(list(frames.values()))
        images = sent[self._backend.send(chosen)]  # (N, S, H, W), or (N, S, H, W, 3) of colour
        maps = self._backend.compute(part, images.flip(3) if mirrored else images)
        kept = maps.movedim(1, -1)
        if self._maps is None:
            self._maps = kept.new_empty((self._slots, *kept.shape[1:]))
        self._maps[self._backend.send(np.array(stacks.rows) % self._slots)] = kept

    @torch.inference_mode()
    def fuse(self, part: str | None, windows: NDArray[np.int32]) -> Values:
        """Begin to run the last part on windows (B, n) of rows; call the result for (B, ...)."""
        assert self._maps is not None
        slots = self._backend.send(windows % self._slots)
        maps = self._maps[slots].movedim(-1, 2)  # (B, n, C, h, w), channels last in memory
        return self._backend.begin(part, maps if part else maps[:, 0])


def _images_channels_last(batch: Tensor) -> Tensor:
    """Images in channels-last layout, as tensor cores need it; other batches as they are."""
    return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch


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
