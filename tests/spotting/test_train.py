"""What a training of spotting says and refuses before it starts."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from playhead.config import validate, without_folders
from playhead.errors import ConfigError
from playhead.learning.log import read_rows
from playhead.learning.state import read_tensors
from playhead.runs.folders import list_runs
from playhead.spotting.config import SpottingConfig
from tests.command import Finished, run
from tests.spotting.conftest import Tiny

ONE_EPOCH = ("--set", "training.epochs=1", "--set", "training.keep_epochs=[]")


def train_from(tiny: Tiny, out: Path, *settings: str, weights: Path | None = None) -> Finished:
    """One epoch from the best weights of the tiny run, with settings changed."""
    chosen = [word for setting in settings for word in ("--set", setting)]
    start = f"start.weights={json.dumps(str(weights or tiny.run / 'best.safetensors'))}"
    arguments = (*ONE_EPOCH, "--set", start, *chosen)
    return run("spotting", "train", tiny.config, *arguments, "--out", out)


@dataclass(frozen=True)
class Started:
    """A finished run of one epoch that began with the weights of another."""

    folder: Path
    weights: Path
    command: Finished


@pytest.fixture(scope="module")
def started(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Started:
    folder = tmp_path_factory.mktemp("started")
    weights = folder / "start.safetensors"
    weights.write_bytes((tiny.run / "best.safetensors").read_bytes())
    finished = train_from(tiny, folder / "run", "model.head_channels=16", weights=weights)
    return Started(folder / "run", weights, finished)


@pytest.mark.slow
def test_loaded_start_weights_are_reported_and_logged(tiny: Tiny, started: Started) -> None:
    assert started.command.code == 0, started.command.err
    tensors, _ = read_tensors(tiny.run / "best.safetensors")
    # mix: convolution, scale, shift, mean, variance; classify: weight. Its bias fits, one a class.
    loaded = len(tensors) - 6
    line = f"loaded {loaded} of {len(tensors)} tensors from {started.weights}"
    assert f"{line}; left as initialised: mix (5), classify (1)" in started.command.err
    first = read_rows(started.folder / "log.jsonl")[0]
    assert (first["kind"], first["loaded"], first["tensors"]) == ("start", loaded, len(tensors))
    assert first["left"] == {"mix": 5, "classify": 1}
    assert list_runs(started.folder.parent)[0].epoch == 1


@pytest.mark.slow
def test_a_resumed_run_does_not_need_its_start_weights(tiny: Tiny, started: Started) -> None:
    started.weights.unlink()
    start = f"start.weights={json.dumps(str(started.weights))}"
    settings = ("--set", start, "--set", "model.head_channels=16", "--out", started.folder)
    resumed = run("spotting", "train", tiny.config, *ONE_EPOCH, *settings, "--resume")
    assert resumed.code == 0, resumed.err
    kinds = [row["kind"] for row in read_rows(started.folder / "log.jsonl")]
    assert kinds.count("start") == 1


def test_a_frozen_encoder_that_the_start_weights_do_not_fit_is_refused(
    tiny: Tiny, tmp_path: Path
) -> None:
    other = ("model.freeze_encoder=true", "model.encoder_channels=16")
    finished = train_from(tiny, tmp_path / "run", *other)
    assert finished.code == 2
    assert "has only 0 of 20 tensors of encoder, which is frozen" in finished.err
    assert "give weights of a model with the same frozen part, or do not freeze it" in finished.err
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.slow
def test_a_frozen_encoder_keeps_the_start_weights_to_the_bit(tiny: Tiny, tmp_path: Path) -> None:
    longer = ("model.freeze_encoder=true", "window={frames: 21, step: 2, stack: 3}")
    finished = train_from(tiny, tmp_path / "run", *longer)
    assert finished.code == 0, finished.err
    old, _ = read_tensors(tiny.run / "best.safetensors")
    new, _ = read_tensors(tmp_path / "run" / "best.safetensors")
    encoder = [name for name in old if name.startswith("encoder.")]
    assert len(encoder) > 20
    assert all(new[name].equal(old[name]) for name in encoder)


def test_a_frozen_encoder_without_any_start_is_refused() -> None:
    values = {
        "data": {"manifest": "manifest.csv", "classes": ["serve"], "size": [112, 64]},
        "model": {"freeze_encoder": True},
    }
    with pytest.raises(ConfigError, match="freeze_encoder would keep random weights"):
        validate(SpottingConfig, values, source="test")
    pretrained = {"freeze_encoder": True, "encoder": "mobilenetv2_100", "weights": "mobilenet-v2"}
    validate(SpottingConfig, values | {"model": pretrained}, source="test")
    validate(SpottingConfig, values | {"start": {"weights": "best.safetensors"}}, source="test")


@dataclass(frozen=True)
class OneEpoch:
    """A finished run of one epoch on a copy of the tiny world, and the command that trained it."""

    world: Path
    folder: Path
    command: tuple[object, ...]


@pytest.fixture(scope="module")
def one_epoch(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> OneEpoch:
    folder = tmp_path_factory.mktemp("one epoch")
    world = shutil.copytree(tiny.manifest.parent, folder / "world")
    manifest = f"data.manifest={json.dumps(str(world / 'manifest.csv'))}"
    settings = (*ONE_EPOCH, "--set", manifest, "--out", folder / "run")
    command = ("spotting", "train", tiny.config, *settings)
    assert run(*command).code == 0
    return OneEpoch(world, folder / "run", command)


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """A file with other content, until the block ends."""
    original = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(original)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "side"), [(0, "train"), (2, "valid"), (3, None)], ids=["train", "valid", "test"]
)
def test_only_changed_labels_of_the_test_split_leave_a_run_resumable(
    one_epoch: OneEpoch, number: int, side: str | None
) -> None:
    labels = one_epoch.world / f"match-{number:03d}.events.json"
    document = json.loads(labels.read_text())
    del document["events"][0]
    with changed(labels, json.dumps(document).encode()):
        finished = run(*one_epoch.command, "--resume")
    if side is None:
        assert finished.code == 0, finished.err
    else:
        assert finished.code == 2
        reason = f"the files or labels of {side} have changed since the run began"
        message = f"{one_epoch.folder}: cannot resume with other data: {reason}"
        assert message in finished.err


@pytest.mark.slow
def test_a_run_whose_video_changed_cannot_be_resumed(one_epoch: OneEpoch) -> None:
    video = one_epoch.world / "match-000.mp4"
    empty_box = b"\0\0\0\x08free"  # the frames stay the same
    with changed(video, video.read_bytes() + empty_box):
        finished = run(*one_epoch.command, "--resume")
    assert "the files or labels of train have changed" in finished.err


def test_a_bundle_names_files_of_the_configuration_without_their_folders(tiny: Tiny) -> None:
    values = {
        "data": {"manifest": "/home/me/matches.csv", "classes": ["serve"], "size": [112, 64]},
        "model": {"encoder": "mobilenetv2_100", "weights": "/home/me/imagenet"},
        "start": {"weights": "/home/me/best.safetensors"},
        "hard_scores": "/home/me/out-of-fold",
    }
    published = without_folders(validate(SpottingConfig, values, source="test"))
    assert "/home" not in json.dumps(published)
    assert published["data"]["manifest"] == "matches.csv"
    assert published["model"]["weights"] == "imagenet"
    document = json.loads((tiny.bundle / "bundle.json").read_text())
    assert document["training"]["data"]["manifest"] == "manifest.csv"
    assert str(tiny.manifest.parent) not in (tiny.bundle / "bundle.json").read_text()


@pytest.mark.slow
def test_one_bad_video_stops_a_training_unless_it_is_skipped(tiny: Tiny, tmp_path: Path) -> None:
    world = shutil.copytree(tiny.manifest.parent, tmp_path / "world")
    (world / "match-001.mp4").write_text("no video", encoding="utf-8")
    manifest = f"data.manifest={json.dumps(str(world / 'manifest.csv'))}"
    command = ("spotting", "train", tiny.config, *ONE_EPOCH, "--set", manifest)
    refused = run(*command, "--out", tmp_path / "run")
    assert refused.code == 2
    assert "1 video cannot be used" in refused.err
    assert "match-001.mp4" in refused.err
    assert "leave it out with --skip-bad" in refused.err
    finished = run(*command, "--out", tmp_path / "run", "--skip-bad", "--json")
    assert finished.code == 0, finished.err
    result = json.loads(finished.out)
    [left_out] = result["left_out"]
    assert Path(left_out["path"]).name == "match-001.mp4"
    assert "bad-video" in {finding["name"] for finding in result["findings"]}
    assert "warning: 1 video cannot be used" in finished.err
    assert isinstance(result["advice"], list)
    bundle = json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())
    assert bundle["post_processing"] == result["tuned"]["decisions"]
