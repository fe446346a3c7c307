"""Device and precision of training."""

import torch

from playhead.errors import PlayheadError
from playhead.inference.precision import Precision, PrecisionChoice, native_bf16

__all__ = ["torch_precision", "training_device"]


def training_device(name: str) -> torch.device:
    """The device auto, cpu or cuda. Raises PlayheadError if it is unknown or missing."""
    match name:
        case "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        case "cpu":
            return torch.device("cpu")
        case "cuda" if torch.cuda.is_available():
            return torch.device("cuda")
        case "cuda":
            raise PlayheadError("device cuda: torch sees no CUDA device; use --device cpu")
        case _:
            raise PlayheadError(f"device {name!r} is unknown; choose from auto, cpu, cuda")


def torch_precision(choice: PrecisionChoice, device: torch.device) -> Precision:
    """The precision of torch: `auto` is bf16 if the device supports it natively, else fp32."""
    if choice != "auto":
        return choice
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = native_bf16()
    return "bf16" if native else "fp32"
