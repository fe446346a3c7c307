"""What a training of spotting says and refuses before it starts."""

import json
import shutil
from pathlib import Path

import pytest

from playhead.config import validate, without_folders
from playhead.errors import ConfigError
from playhead.learning.log import read_rows
from playhead.learning.state import read_tensors
from playhead.runs import list_runs
from playhead.spotting.config import SpottingConfig
from tests.command import Finished, run
from tests.spotting.conftest import Tiny

ONE_EPOCH = ("--set", "training.epochs=1", "--set", "training.keep_epochs=[]")


def train_from(tiny: Tiny, out: Path, *settings: str) -> Finished:
    """One epoch from the best weights of the tiny run, with settings changed."""
    chosen = [word for setting in settings for word in ("--set", setting)]
    weights = f"start.weights={json.dumps(str(tiny.run / 'best.safetensors'))}"
    arguments = (*ONE_EPOCH, "--set", weights, *chosen)
    return run("spotting", "train", tiny.config, *arguments, "--out", out)


def test_what_is_loaded_from_start_weights_is_said_and_logged(tiny: Tiny, tmp_path: Path) -> None:
    finished = train_from(tiny, tmp_path / "run", "model.head_channels=16")
    assert finished.code == 0, finished.err
    tensors, _ = read_tensors(tiny.run / "best.safetensors")
    # mix: convolution, scale, shift, mean, variance; classify: weight. Its bias fits, one a class.
    loaded = len(tensors) - 6
    line = f"loaded {loaded} of {len(tensors)} tensors from {tiny.run / 'best.safetensors'}"
    assert f"{line}; left as initialised: mix (5), classify (1)" in finished.err
    first = read_rows(tmp_path / "run" / "log.jsonl")[0]
    assert (first["kind"], first["loaded"], first["tensors"]) == ("start", loaded, len(tensors))
    assert first["left"] == {"mix": 5, "classify": 1}
    assert list_runs(tmp_path)[0].epoch == 1


def test_a_run_that_goes_on_needs_its_start_weights_no_more(tiny: Tiny, tmp_path: Path) -> None:
    weights = tmp_path / "start.safetensors"
    weights.write_bytes((tiny.run / "best.safetensors").read_bytes())
    setting = f"start.weights={json.dumps(str(weights))}"
    command = ("spotting", "train", tiny.config, *ONE_EPOCH, "--set", setting)
    assert run(*command, "--out", tmp_path / "run").code == 0
    weights.unlink()
    assert run(*command, "--out", tmp_path / "run", "--resume").code == 0
    kinds = [row["kind"] for row in read_rows(tmp_path / "run" / "log.jsonl")]
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


@pytest.mark.parametrize(
    ("number", "side"), [(0, "train"), (2, "valid"), (3, None)], ids=["train", "valid", "test"]
)
def test_labels_that_changed_since_stop_a_resume(
    tiny: Tiny, tmp_path: Path, number: int, side: str | None
) -> None:
    shutil.copytree(tiny.manifest.parent, tmp_path / "world")
    manifest = f"data.manifest={json.dumps(str(tmp_path / 'world' / 'manifest.csv'))}"
    command = ("spotting", "train", tiny.config, *ONE_EPOCH, "--set", manifest)
    run_folder = tmp_path / "run"
    assert run(*command, "--out", run_folder).code == 0
    labels = tmp_path / "world" / f"match-{number:03d}.events.json"
    document = json.loads(labels.read_text())
    del document["events"][0]
    labels.write_text(json.dumps(document))
    finished = run(*command, "--out", run_folder, "--resume")
    if side is None:
        assert finished.code == 0, finished.err
    else:
        assert finished.code == 2
        said = f"the files or labels of {side} are not those that the run began with"
        assert f"{run_folder}: cannot resume with other data: {said}" in finished.err


def test_a_video_that_changed_since_stops_a_resume(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.manifest.parent, tmp_path / "world")
    manifest = f"data.manifest={json.dumps(str(tmp_path / 'world' / 'manifest.csv'))}"
    command = ("spotting", "train", tiny.config, *ONE_EPOCH, "--set", manifest)
    assert run(*command, "--out", tmp_path / "run").code == 0
    with (tmp_path / "world" / "match-000.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")  # an empty box: the same frames
    finished = run(*command, "--out", tmp_path / "run", "--resume")
    assert "the files or labels of train are not those" in finished.err


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
