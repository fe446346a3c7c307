"""Checkpoints: all state needed to resume a run, in one file that is replaced atomically.

`checkpoint/state.safetensors` has the weights, their average, the best weights, the optimiser's
state and the choice of the epoch's samples as tensors, and the position, tallies and configuration
as JSON in its header. A crash at any moment leaves either the old or the new state. No random state
is stored, since the loop seeds torch before every step from (seed, step).
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from playhead.errors import ConfigError, PlayheadError
from playhead.learning.settings import TrainingConfig
from playhead.learning.state import read_tensors, write_tensors

__all__ = [
    "Best",
    "Checkpoint",
    "Position",
    "Tally",
    "checkpoint_path",
    "conditions",
    "prepare_folder",
    "read_checkpoint",
    "refuse_differences",
    "write_checkpoint",
]

SCHEMA = 1
# Settings that may differ on resuming, because the weights do not depend on them.
_FREE_SETTINGS = frozenset({"workers", "checkpoint_seconds", "tensorboard"})
_DATA = "data_checksums"


@dataclass
class Tally:
    """Sums over some steps; the loss is weighted by samples."""

    loss: float = 0.0
    samples: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def add(self, loss: float, samples: int, seconds: float, waited: float) -> None:
        """Add one step: its mean loss, samples, time, and time spent waiting for data."""
        self.loss += loss * samples
        self.samples += samples
        self.seconds += seconds
        self.waited += waited

    def figures(self) -> dict[str, float]:
        """Mean loss, speed, and the share of time spent waiting for data."""
        return {
            "loss": self.loss / max(self.samples, 1),
            "samples_per_second": round(self.samples / max(self.seconds, 1e-9), 2),
            "data_wait": round(self.waited / max(self.seconds, 1e-9), 4),
        }


@dataclass
class Best:
    """The best epoch, whose weights are kept, and its validation metrics."""

    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class Position:
    """Epoch (from 1) and completed steps of it; past the last epoch the run is finished."""

    epoch: int = 1
    step: int = 0
    log_bytes: int = 0
    skipped: int = 0
    best: Best = field(default_factory=Best)
    interval: Tally = field(default_factory=Tally)
    whole_epoch: Tally = field(default_factory=Tally)
    whole_run: Tally = field(default_factory=Tally)


@dataclass
class Checkpoint:
    """The complete state of a run; `tensors` are named `group/name`."""

    position: Position
    tensors: dict[str, Tensor]
    conditions: dict[str, Any]
    scaler: dict[str, Any]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of one group, without the prefix."""
        prefix = f"{name}/"
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }


def checkpoint_path(folder: Path) -> Path:
    """The checkpoint file of a run folder."""
    return folder / "checkpoint" / "state.safetensors"


def prepare_folder(folder: Path, *, resume: bool) -> None:
    """Check that a folder can be begun or resumed, and remove temporary files.

    Raises PlayheadError if it has a run and `resume` is False, or has a log without a checkpoint.
    """
    log, begun = folder / "log.jsonl", checkpoint_path(folder).exists()
    logged = log.exists() and log.stat().st_size > 0
    if (begun or logged) and not resume:
        raise PlayheadError(
            f"{folder}: has a training run already; resume it with --resume, "
            "or give another folder with --out"
        )
    if logged and not begun:
        raise PlayheadError(
            f"{folder}: has the log of a training run but not its checkpoint "
            f"({checkpoint_path(folder).relative_to(folder)}), so it cannot be resumed; "
            "give another folder with --out"
        )
    for part in (folder, folder / "checkpoint"):
        # The second is the name under which safetensors itself begins a file.
        for pattern in (".*.partial.safetensors", ".tmp??????"):
            for leftover in part.glob(pattern):
                leftover.unlink(missing_ok=True)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint of `folder`. On StorageError the old one is kept."""
    header = {
        "schema": SCHEMA,
        "position": dataclasses.asdict(checkpoint.position),
        "conditions": checkpoint.conditions,
        "scaler": checkpoint.scaler,
    }
    write_tensors(checkpoint_path(folder), checkpoint.tensors, header)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint of `folder`, or None if there is none yet."""
    path = checkpoint_path(folder)
    if not path.exists():
        return None
    tensors, header = read_tensors(path)
    schema = header.get("schema") if isinstance(header, dict) else None
    if schema != SCHEMA:
        raise PlayheadError(
            f"{path}: has schema {schema}, but this version reads {SCHEMA}; "
            "resume with the version that began the run"
        )
    try:
        position = _position(header["position"])
        return Checkpoint(position, tensors, header["conditions"], header["scaler"])
    except (KeyError, TypeError) as error:
        raise PlayheadError(
            f"{path}: its header is damaged ({error}); start anew with another --out"
        ) from error


def conditions(
    config: TrainingConfig,
    samples: int,
    identity: Mapping[str, Any] | None,
    data: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Any]:
    """All that must be the same on resuming, as plain JSON data.

    identity: further configuration; its section `training` is replaced by that of `config`
    data: for each side (train, valid) a line per file and its labels, stored as a checksum
    """
    values = config.model_dump(mode="json", exclude=set(_FREE_SETTINGS))
    others: dict[str, Any] = _plain(dict(identity or {}))
    sums = {side: _checksum(lines) for side, lines in (data or {}).items()}
    return others | {"training": values, "samples_per_epoch": samples, _DATA: sums}


def refuse_differences(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise ConfigError naming every setting and side of the data that has changed."""
    before, now = dict(_flat(old)), dict(_flat(new))
    names = [name for name in {**before, **now} if before.get(name, ...) != now.get(name, ...)]
    if not names:
        return
    sides = [name.partition(".")[2] for name in names if name.startswith(f"{_DATA}.")]
    changes = [
        f"{name} was {before.get(name, 'not set')}, is now {now.get(name, 'not set')}"
        for name in names
        if not name.startswith(f"{_DATA}.")
    ]
    other = "another configuration" if changes else "other data"
    if sides:
        changes.append(
            f"the files or labels of {' and '.join(sides)} have changed since the run began"
        )
    raise ConfigError(
        f"{folder}: cannot resume with {other}: {'; '.join(changes)}; "
        "resume with the old ones, or start anew with another --out"
    )


def _position(values: dict[str, Any]) -> Position:
    parts = {
        "best": Best(**values["best"]),
        **{name: Tally(**values[name]) for name in ("interval", "whole_epoch", "whole_run")},
    }
    return Position(**{**values, **parts})


def _checksum(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode(errors="surrogateescape"))  # a name of any bytes
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
