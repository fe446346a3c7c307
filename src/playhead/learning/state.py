"""Weights on disk: safetensors, written atomically; foreign checkpoints are read without code."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from playhead.errors import ConfigError, StorageError, WeightsError
from playhead.files import atomic_path

__all__ = [
    "LoadedWeights",
    "load_tensors",
    "load_weights",
    "read_foreign",
    "read_state_dict",
    "read_tensors",
    "rename_tensors",
    "save_weights",
    "state_dict_of",
    "write_tensors",
]

# One header entry holds all other data: safetensors allows only text.
_HEADER = "playhead"

# Of batch norms; some files lack these counters, and they are not used.
_COUNTER = ".num_batches_tracked"


@dataclass(frozen=True)
class LoadedWeights:
    """The names of tensors: loaded, missing in the file, unexpected, or of another shape."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    def to_json(self, path: Path) -> dict[str, Any]:
        """As a plain mapping, with the counts of each part of the model."""
        return {
            "weights": str(path),
            "loaded": len(self.loaded),
            "tensors": len(self.loaded) + len(self.missing) + len(self.reshaped),
            "left": _counts((*self.missing, *self.reshaped)),
            "unused": _counts(self.unexpected),
        }

    def describe(self, path: Path) -> str:
        """One line of text: what was loaded, and what was left as initialised."""
        counts = self.to_json(path)
        line = f"loaded {counts['loaded']} of {counts['tensors']} tensors from {path}"
        for key, text in (("left", "left as initialised"), ("unused", "not used from the file")):
            parts = ", ".join(f"{part} ({count})" for part, count in counts[key].items())
            line += f"; {text}: {parts}" if parts else ""
        return line


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and buffers of `model`. On StorageError the old file is kept."""
    write_tensors(path, model.state_dict())


def load_weights(model: nn.Module, path: Path, *, strict: bool = True) -> LoadedWeights:
    """Read weights into `model`, matched by name and shape.

    Raises WeightsError if the file cannot be read, nothing matches, or anything differs and
    `strict` is True; ConfigError if a frozen tensor of the model is not loaded, since training
    would never change it.
    """
    tensors, _ = read_tensors(path)
    return load_tensors(model, tensors, path, strict=strict)


def load_tensors(
    model: nn.Module, tensors: Mapping[str, Tensor], path: Path, *, strict: bool = True
) -> LoadedWeights:
    """`load_weights` with the tensors of `path`, which may have been changed after reading."""
    own = model.state_dict()
    same = [name for name in own if name in tensors and tensors[name].shape == own[name].shape]
    report = LoadedWeights(
        loaded=tuple(same),
        missing=tuple(name for name in own if name not in tensors),
        unexpected=tuple(name for name in tensors if name not in own),
        reshaped=tuple(name for name in own if name in tensors and name not in set(same)),
    )
    if not same or (strict and (report.missing or report.unexpected or report.reshaped)):
        raise WeightsError(f"{path}: {_mismatch(report)}; the weights are of another model")
    _refuse_frozen_left(model, report, path)
    with torch.no_grad():
        for name in same:
            own[name].copy_(tensors[name])
    return report


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Any = None) -> None:
    """Write tensors and a `header` as JSON into one file, atomically."""
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().to("cpu").contiguous()
        # Tied weights share memory, which safetensors refuses.
        plain[name] = value.clone() if value.numel() and value.data_ptr() in seen else value
        seen.add(plain[name].data_ptr())
    metadata = None if header is None else {_HEADER: json.dumps(header)}
    with atomic_path(path) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            raise StorageError(f"{path}: writing failed: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Any]:
    """The tensors of a safetensors file, and the header from `write_tensors` (or None)."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = (file.metadata() or {}).get(_HEADER)
        return tensors, None if text is None else json.loads(text)
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors weights: {error}") from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a checkpoint of torch, without running its code.

    Raises WeightsError if the file cannot be read, or is not a state dict of plain tensors.
    """
    return state_dict_of(read_foreign(path), path)


def read_foreign(path: Path) -> Any:
    """What a .safetensors file or a checkpoint of torch holds, without running its code.

    Raises WeightsError if the file cannot be read, or holds more than tensors and plain values.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _require_checkpoint(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # its text advises to load the file unsafely
        raise WeightsError(
            f"{path}: not a file of plain tensors (it holds other things, or is damaged); save a "
            "state dict as .safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        raise WeightsError(
            f"{path}: not a file of plain tensors ({reason}); save a state dict as .safetensors"
        ) from error


def state_dict_of(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in the content of `path`: all of it, or one of its entries.

    The entry is `state_dict`, `model`, `model_state` or `nn_state_dict`.
    Raises WeightsError if there is none, or it holds more than tensors.
    """
    for inner in ("state_dict", "model", "model_state", "nn_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(inner), dict):
            content = content[inner]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path}: has no state dict; save one as .safetensors")
    return content


def rename_tensors(
    state: Mapping[str, Tensor],
    model: nn.Module,
    name_in_file: Callable[[str], str],
    *,
    unused: Collection[str] = (),
) -> dict[str, Tensor]:
    """The tensors of another network under the names, and in the types, of `model`.

    model: for names and shapes, may be on the meta device
    name_in_file: the name of a tensor of `model` in `state`
    unused: names of `state` that `model` does not need
    Raises WeightsError if a tensor is missing, unexpected or of another shape.
    """
    own = model.state_dict()
    foreign = {name: name_in_file(name) for name in own}
    missing = [
        other for other in foreign.values() if other not in state and not other.endswith(_COUNTER)
    ]
    unexpected = sorted(set(state) - set(foreign.values()) - set(unused))
    reshaped = [
        f"{other} is {tuple(state[other].shape)} instead of {tuple(own[name].shape)}"
        for name, other in foreign.items()
        if other in state and state[other].shape != own[name].shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    problems = [f"{len(names)} {kind} ({names[0]})" for kind, names in kinds.items() if names]
    if problems:
        raise WeightsError(f"the tensors do not fit: {', '.join(problems)}")
    zero = torch.zeros((), dtype=torch.int64)
    return {
        name: state.get(other, zero).to(own[name].dtype)  # fp16 checkpoints become float32
        for name, other in foreign.items()
    }


def _require_checkpoint(path: Path) -> None:
    """Raise WeightsError unless a file begins as torch writes them: a ZIP archive, or a pickle."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise EOFError
    if not (start.startswith(b"PK\x03\x04") or (start[0] == 0x80 and start[1:2] <= b"\x05")):
        raise WeightsError(
            f"{path}: not a file of plain tensors, as torch or .safetensors store them"
        )


def _refuse_frozen_left(model: nn.Module, report: LoadedWeights, path: Path) -> None:
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    for prefix, module in model.named_modules():
        flags = [parameter.requires_grad for parameter in module.parameters()]
        if flags and not any(flags):
            frozen |= {name for name, _ in module.named_buffers(prefix)}
    # Batch norm counters are only in some files and are not used.
    frozen = {name for name in frozen if not name.endswith("num_batches_tracked")}
    left = [name for name in (*report.missing, *report.reshaped) if name in frozen]
    if not left:
        return
    whole, lost = _counts(frozen), _counts(left)
    parts = [f"{whole[part] - lost[part]} of {whole[part]} tensors of {part}" for part in lost]
    raise ConfigError(
        f"{path}: has only {', '.join(parts)}, which is frozen: the others ({left[0]}, …) would "
        "stay as initialised and never train; give weights of a model with the same frozen part, "
        "or do not freeze it"
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    """The number of tensors per part of a model: the first word of a tensor's name."""
    return dict(Counter(name.partition(".")[0] for name in names))


def _mismatch(report: LoadedWeights) -> str:
    kinds = {
        "missing": report.missing,
        "unexpected": report.unexpected,
        "of another shape": report.reshaped,
    }
    parts = [f"{len(names)} {kind} ({names[0]})" for kind, names in kinds.items() if names]
    return f"{len(report.loaded)} tensors match, " + ", ".join(parts)
