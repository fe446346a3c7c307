"""Run folders as training leaves them, without a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def epoch_row(epoch: int, **changes: Any) -> dict[str, Any]:
    row = {"kind": "epoch", "epoch": epoch, "step": 10 * epoch, "loss": 1 / (1 + epoch)}
    row |= {"samples_per_second": 20.0, "data_wait": 0.1, "seconds": 5.0 * epoch, "rate": 1e-3}
    return row | {"validation_seconds": 0.5, "best": True, "metrics": {}} | changes


def step_row(step: int, **changes: Any) -> dict[str, Any]:
    row = {**epoch_row(1), "kind": "step", "step": step, "gradient": 1.0, "seconds": step / 2}
    return {k: v for k, v in row.items() if k not in {"best", "metrics"}} | changes


def make_run(
    folder: Path,
    rows: Sequence[Mapping[str, Any]] = (),
    *,
    job: str = "spotting",
    final: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    **sections: Any,
) -> Path:
    """A run with these rows in its log, and a bundle with these final metrics."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "state.safetensors").write_bytes(b"state")
    chosen = {"select": "window_map", "direction": "max", "epochs": 9} | dict(training or {})
    document = {"job": job, **sections, "training": chosen}
    (folder / "config.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    if rows:
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if final is not None:
        make_bundle(folder / "bundle", job, final)
    return folder


def make_bundle(folder: Path, job: str, metrics: Mapping[str, Any]) -> None:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"graph")
    side = {"shape": [None, 1], "dtype": "float32"}
    manifest = {
        "schema": 2,
        "kind": "windows",
        "job": job,
        "classes": ["pass"],
        "input": {},
        "sees": "luma",
        "parts": {"model": {"file": "model.onnx", "input": side, "output": side}},
        "metrics": metrics,
    }
    (folder / "bundle.json").write_text(json.dumps(manifest))
