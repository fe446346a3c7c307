"""Weights, checkpoints and logs on disk: exact, whole, and refused where they do not fit."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_training
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from playhead.errors import ConfigError, PlayheadError, StorageError, WeightsError
from playhead.learning.checkpoint import (
    Best,
    Checkpoint,
    Position,
    Tally,
    checkpoint_path,
    prepare_folder,
    read_checkpoint,
    refuse_differences,
    write_checkpoint,
)
from playhead.learning.log import append_row, cut_back, read_rows
from playhead.learning.state import load_weights, save_weights


def some_checkpoint(value: float = 1.0) -> Checkpoint:
    position = Position(3, 17, log_bytes=12, best=Best(2, {"map": 0.1 + 0.2}))
    position.interval = Tally(1 / 3, 12, 0.1, 0.01)
    tensors = {"model/a": torch.full((3,), value), "best/a": torch.zeros(3, dtype=torch.bfloat16)}
    return Checkpoint(position, tensors, {"training": {"rate": 1e-3}}, {"scale": 2.0})


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    before = some_checkpoint()
    write_checkpoint(tmp_path, before)
    after = read_checkpoint(tmp_path)
    assert after is not None
    assert after.position == before.position
    assert (after.conditions, after.scaler) == (before.conditions, before.scaler)
    assert after.tensors.keys() == before.tensors.keys()
    assert all(torch.equal(after.tensors[name], before.tensors[name]) for name in before.tensors)
    assert list(after.group("best")) == ["a"]


def test_no_pickle_is_in_a_run_folder(tmp_path: Path) -> None:
    tiny_training.run(tmp_path, epochs=2)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".jsonl"}
    for path in files:
        if path.suffix == ".safetensors":
            load_file(path)


@pytest.mark.parametrize("phase", ["serialize", "flush"])
def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    write_checkpoint(tmp_path, some_checkpoint(1.0))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = "playhead.learning.state.save_file" if phase == "serialize" else "os.fsync"
    with monkeypatch.context() as patch:
        patch.setattr(target, full)
        with pytest.raises(StorageError, match="No space left"):
            write_checkpoint(tmp_path, some_checkpoint(2.0))
    after = read_checkpoint(tmp_path)
    assert after is not None
    assert after.tensors["model/a"].tolist() == [1.0] * 3
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["state.safetensors"]


@pytest.mark.slow
def test_a_disk_that_takes_no_more_bytes_ends_training_resumably(tmp_path: Path) -> None:
    """The limit on the size of a file stands in for a full disk: the write itself fails."""
    script = Path(tiny_training.__file__)
    code = (
        "import resource, signal, sys, runpy; from pathlib import Path\n"
        f"sys.path.insert(0, {str(script.parent)!r}); import tiny_training as t\n"
        "from playhead.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "def measure(model, epoch):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "    return t.measure_as_ever(model, epoch)\n"
        "t.measure_as_ever, t.measure = t.measure, measure\n"
        "try: t.run(Path(sys.argv[1]), checkpoint_seconds=0)\n"
        "except StorageError as error: print('refused:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert "refused:" in done.stdout
    assert "checkpoint" in done.stdout
    saved = read_checkpoint(tmp_path / "run")
    assert saved is not None
    assert (saved.position.epoch, saved.position.step) == (1, tiny_training.STEPS)
    tiny_training.run(tmp_path / "run", resume=True)
    tiny_training.run(tmp_path / "whole")
    ended = [load_file(tmp_path / name / "best.safetensors") for name in ("run", "whole")]
    assert all(torch.equal(ended[0][name], ended[1][name]) for name in ended[1])


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some_checkpoint())
    path = checkpoint_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(WeightsError, match=r"state\.safetensors: cannot be read"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "schema None, but this version reads 1"),
        ({"schema": 2}, "schema 2, but this version reads 1"),
        ({"schema": 1, "position": {"epoch": 1}}, "header is damaged"),
    ],
)
def test_a_foreign_header_is_refused(
    tmp_path: Path, header: dict[str, Any] | None, words: str
) -> None:
    path = checkpoint_path(tmp_path)
    path.parent.mkdir()
    metadata = None if header is None else {"playhead": json.dumps(header)}
    save_file({"a": torch.zeros(1)}, path, metadata)
    with pytest.raises(PlayheadError, match=words):
        read_checkpoint(tmp_path)


def test_differences_are_named_one_by_one(tmp_path: Path) -> None:
    old = {"training": {"rate": 1e-3, "seed": 1}, "samples_per_epoch": 10, "model": {"width": 8}}
    new = {"training": {"rate": 2e-3, "seed": 1}, "samples_per_epoch": 12, "model": {}}
    refuse_differences(tmp_path, old, old)
    with pytest.raises(ConfigError) as caught:
        refuse_differences(tmp_path, old, new)
    for change in (
        "training.rate was 0.001, is now 0.002",
        "samples_per_epoch was 10, is now 12",
        "model.width was 8, is now not set",
    ):
        assert change in str(caught.value)
    assert "seed" not in str(caught.value)


def test_a_folder_with_a_run_is_refused_unless_it_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1\n")
    prepare_folder(tmp_path, resume=False)
    prepare_folder(tmp_path, resume=True)
    write_checkpoint(tmp_path, some_checkpoint())
    with pytest.raises(PlayheadError, match="--resume"):
        prepare_folder(tmp_path, resume=False)
    prepare_folder(tmp_path, resume=True)


def test_a_log_without_its_checkpoint_is_neither_resumed_nor_overwritten(tmp_path: Path) -> None:
    append_row(tmp_path / "log.jsonl", {"loss": 1.0})
    for resume in (True, False):
        with pytest.raises(PlayheadError, match="another folder"):
            prepare_folder(tmp_path, resume=resume)
    assert read_rows(tmp_path / "log.jsonl") == [{"loss": 1.0}]


def test_what_a_crash_left_half_written_is_cleared(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some_checkpoint())
    leftovers = [
        tmp_path / ".abc.partial.safetensors",
        tmp_path / "checkpoint" / ".tmpA1b2C3",
        tmp_path / "checkpoint" / ".abc.partial.safetensors",
    ]
    other = tmp_path / ".tmp"
    for path in (*leftovers, other):
        path.write_bytes(b"half")
    prepare_folder(tmp_path, resume=True)
    assert not any(path.exists() for path in leftovers)
    assert other.exists()
    assert read_checkpoint(tmp_path) is not None


def test_a_log_is_cut_back_to_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    first = append_row(path, {"step": 1})
    second = append_row(path, {"step": 2})
    assert second == path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"step": 3')
    assert read_rows(path) == [{"step": 1}, {"step": 2}]
    cut_back(path, 10**6)
    assert path.stat().st_size == second
    cut_back(path, first)
    assert read_rows(path) == [{"step": 1}]
    cut_back(path, 0)
    assert read_rows(path) == []
    cut_back(tmp_path / "none.jsonl", 5)


def test_numbers_that_are_not_finite_are_null_in_the_log(tmp_path: Path) -> None:
    row = {"loss": float("nan"), "metrics": {"map": float("inf"), "f1": 0.5}}
    append_row(tmp_path / "log.jsonl", row)
    assert read_rows(tmp_path / "log.jsonl") == [
        {"loss": None, "metrics": {"map": None, "f1": 0.5}}
    ]


def test_a_full_disk_while_logging_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="No space left"):
        append_row(Path("/dev/full"), {"loss": 1.0})


def test_weights_come_back_to_the_bit_in_any_layout(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(
        memory_format=torch.channels_last
    )
    save_weights(model, tmp_path / "w.safetensors")
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    report = load_weights(other, tmp_path / "w.safetensors")
    assert len(report.loaded) == 7
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


def test_tied_weights_are_saved_under_both_names(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    save_weights(model, tmp_path / "w.safetensors")
    assert len(load_file(tmp_path / "w.safetensors")) == 4


def test_weights_of_another_head_load_only_where_that_is_allowed(tmp_path: Path) -> None:
    save_weights(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 15)), tmp_path / "w.safetensors")
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.BatchNorm1d(2))
    head = model[1].weight.clone()
    with pytest.raises(WeightsError, match=r"2 tensors match, 5 missing .2\.weight., 2 of another"):
        load_weights(model, tmp_path / "w.safetensors")
    assert torch.equal(model[1].weight, head)
    report = load_weights(model, tmp_path / "w.safetensors", strict=False)
    assert report.loaded == ("0.weight", "0.bias")
    assert report.reshaped == ("1.weight", "1.bias")
    assert torch.equal(model[1].weight, head)


@pytest.mark.parametrize("lost", ["0.weight", "1.bias", "1.running_mean"])
def test_a_frozen_tensor_that_the_file_lacks_is_refused_and_one_that_trains_is_not(
    tmp_path: Path, lost: str
) -> None:
    path = tmp_path / "w.safetensors"
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    state = {name: tensor + 1 for name, tensor in model.state_dict().items() if name != lost}
    save_file(state, path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model[0].requires_grad_(False)
    model[1].requires_grad_(False)
    with pytest.raises(ConfigError, match=rf"tensors of {lost[0]}, which is frozen.*{lost}"):
        load_weights(model, path, strict=False)
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    model.requires_grad_(True)
    report = load_weights(model, path, strict=False)
    assert report.missing == (lost,)
    assert report.describe(path) == (
        f"loaded 8 of 9 tensors from {path}; left as initialised: {lost[0]} (1)"
    )


def test_a_frozen_batch_norm_does_without_its_counter(tmp_path: Path) -> None:
    model = nn.Sequential(nn.BatchNorm1d(4).requires_grad_(False), nn.Linear(4, 2))
    state = {k: v for k, v in model.state_dict().items() if not k.endswith("tracked")}
    save_file(state, tmp_path / "w.safetensors")
    report = load_weights(model, tmp_path / "w.safetensors", strict=False)
    assert report.missing == ("0.num_batches_tracked",)


def test_weights_of_which_nothing_fits_are_refused_even_loosely(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="0 tensors match"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.safetensors", strict=False)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04 a pickle")
    for name in ("w.safetensors", "missing.safetensors"):
        with pytest.raises(WeightsError, match=name):
            load_weights(nn.Linear(2, 2), tmp_path / name)
