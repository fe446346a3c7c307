"""Where a model trains."""

import torch

from playhead.errors import PlayheadError

__all__ = ["training_device"]


def training_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda; PlayheadError for one that torch does not see."""
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
            raise PlayheadError(f"device {name!r}: is none of auto, cpu, cuda")
