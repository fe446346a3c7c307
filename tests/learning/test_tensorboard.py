"""TensorBoard's event files say what log.jsonl says, also after a stop."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from playhead.errors import MissingExtraError, StorageError
from playhead.learning import training
from playhead.learning.log import read_rows
from playhead.learning.run import TrainingRun
from playhead.learning.tensorboard import EventFile

from .test_run import ToyConfig
from .tiny_training import STEPS, Drawn, loss, measure, run, settings, tiny_model

Points = dict[str, list[tuple[int, float]]]


def shown(folder: Path) -> Points:
    """The points of each tag as TensorBoard reads them."""
    reader = EventAccumulator(str(folder / "tensorboard"))
    reader.Reload()
    return points(reader)


def points(reader: EventAccumulator) -> Points:
    tags = reader.Tags()["scalars"]
    return {tag: [(e.step, pytest.approx(e.value)) for e in reader.Scalars(tag)] for tag in tags}


def logged(folder: Path) -> Points:
    """The same from the log, where every number of a row but its position is a point."""
    found: Points = {}
    for row in read_rows(folder / "log.jsonl"):
        for name, value in row.items():
            if name not in {"kind", "epoch", "step", "seconds", "best", "metrics"}:
                found.setdefault(f"{row['kind']}/{name}", []).append((row[row["kind"]], value))
        for name, value in row.get("metrics", {}).items():
            found.setdefault(f"validation/{name}", []).append((row["epoch"], value))
    return found


def stopped_at(step: int) -> Any:
    """The loss, and Ctrl-C before the step of that number."""
    calls = 0

    def counted(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 2 * (step - 1):  # two batches each
            raise RuntimeError("the power went off")
        return loss(model, batch)

    return counted


def stop(folder: Path, step: int, **changes: Any) -> None:
    with pytest.raises(RuntimeError, match="power"):
        training.fit(
            tiny_model(),
            Drawn(),
            settings(**changes),
            folder,
            loss=stopped_at(step),
            validate=measure,
        )


def test_the_event_file_holds_every_figure_of_the_log(tmp_path: Path) -> None:
    run(tmp_path, tensorboard=True, epochs=2)
    found = shown(tmp_path)
    assert found == logged(tmp_path)
    assert {"step/loss", "step/gradient", "step/rate", "epoch/loss", "validation/error"} <= {*found}
    assert [step for step, _ in found["step/loss"]][-1] == 2 * STEPS - 1
    assert [epoch for epoch, _ in found["validation/error"]] == [1, 2]


def test_without_the_setting_there_is_no_event_file(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, keep_epochs=[])
    assert not (tmp_path / "tensorboard").exists()


def test_a_resumed_run_shows_no_point_twice_and_none_that_the_log_lost(tmp_path: Path) -> None:
    stop(tmp_path, STEPS + 8, tensorboard=True, epochs=2)
    lost = shown(tmp_path)
    assert lost["step/loss"][-1][0] == STEPS + 6  # the checkpoint is that of the end of epoch 1
    run(tmp_path, tensorboard=True, epochs=2, resume=True)
    found = shown(tmp_path)
    assert found == logged(tmp_path)
    steps = [step for step, _ in found["step/loss"]]
    assert steps == sorted(set(steps))


def test_an_open_tensorboard_follows_a_run_over_its_resumption(tmp_path: Path) -> None:
    stop(tmp_path, STEPS + 8, tensorboard=True, epochs=2)
    reader = EventAccumulator(str(tmp_path / "tensorboard"))
    reader.Reload()
    run(tmp_path, tensorboard=True, epochs=2, resume=True)
    reader.Reload()
    assert points(reader) == logged(tmp_path)


def test_a_finished_run_is_written_for_tensorboard_by_resuming_it(tmp_path: Path) -> None:
    run(tmp_path, epochs=2)
    run(tmp_path, tensorboard=True, epochs=2, resume=True)
    assert shown(tmp_path) == logged(tmp_path)


def test_resuming_without_the_setting_leaves_no_points_that_the_log_lost(tmp_path: Path) -> None:
    stop(tmp_path, STEPS + 8, tensorboard=True, epochs=2)
    run(tmp_path, epochs=2, resume=True)
    assert shown(tmp_path) == {}


def test_the_time_of_a_point_is_the_time_of_training(tmp_path: Path) -> None:
    run(tmp_path, tensorboard=True, epochs=2)
    reader = EventAccumulator(str(tmp_path / "tensorboard"))
    reader.Reload()
    times = [event.wall_time for event in reader.Scalars("epoch/loss")]
    seconds = [r["seconds"] for r in read_rows(tmp_path / "log.jsonl") if r["kind"] == "epoch"]
    assert times[1] - times[0] == pytest.approx(seconds[1] - seconds[0], abs=1e-5)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_value_that_is_not_finite_is_left_out(tmp_path: Path, value: float | None) -> None:
    row = {"kind": "epoch", "epoch": 1, "step": 9, "seconds": 2.0, "loss": 0.5}
    file = EventFile(tmp_path / "tensorboard", [{"kind": "start", "loaded": 3}])
    file.write({**row, "metrics": {"error": value, "top1": 0.25}})
    file.close()
    assert shown(tmp_path) == {"epoch/loss": [(1, 0.5)], "validation/top1": [(1, 0.25)]}


def test_without_the_package_there_is_one_line_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    config = settings(tensorboard=True)
    line = r"training.tensorboard needs .* `pip install 'playhead\[tensorboard\]'`"
    with pytest.raises(MissingExtraError, match=line):
        TrainingRun(tmp_path / "run", ToyConfig(training=config))
    with pytest.raises(MissingExtraError, match=line):
        training.fit(tiny_model(), Drawn(), config, tmp_path / "run", loss=loss)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(StorageError, match="tensorboard.*writing failed"):
        run(tmp_path, tensorboard=True)
