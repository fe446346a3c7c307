"""What `train` chooses for clips, and what it refuses."""

import pytest

from playhead.errors import ConfigError, LabelError
from playhead.recognition.choices import MODELS, choose_configs
from playhead.recognition.config import RecognitionDataConfig, find_config
from playhead.recognition.data import load_clips


def clips(folder, **classes):
    for label, count in classes.items():
        for k in range(count):
            path = folder / label / f"{label}_g{k:02d}.keypoints.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


def test_a_folder_that_is_not_there_is_not_called_a_configuration(tmp_path):
    with pytest.raises(ConfigError, match="no such folder of clips, index or configuration"):
        choose_configs(str(tmp_path / "clps"))


def test_a_misspelt_model_is_told_the_names(tmp_path):
    with pytest.raises(ConfigError, match="--model tnc: choose from frames, clip, tcn, lstm"):
        choose_configs(str(clips(tmp_path, jump=2, run=2)), models=["tnc"])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_packaged_configuration(name):
    assert find_config(name).is_file()


def test_one_class_needs_another_and_rare_ones_a_lower_limit(tmp_path):
    one = clips(tmp_path / "one", jump=3)
    with pytest.raises(LabelError, match="add a folder of another class"):
        load_clips(RecognitionDataConfig(clips=one))
    rare = clips(tmp_path / "rare", jump=3, run=1)
    with pytest.raises(LabelError, match=r"or lower data\.min_clips"):
        load_clips(RecognitionDataConfig(clips=rare))


def test_all_clips_of_a_folder_can_train(tmp_path):
    settings = ["data.train_on_all=true", "training.select=null"]
    chosen = choose_configs(str(clips(tmp_path, jump=2, run=2)), models=["tcn"], settings=settings)
    assert chosen.configs["tcn"].data.train_on_all


def test_keypoints_are_used_only_if_every_clip_has_some(tmp_path, monkeypatch):
    monkeypatch.setattr("playhead.recognition.choices.is_fetched", lambda name: False)
    for label in ("jump", "run"):
        for k in range(10):
            path = tmp_path / label / f"{label}_g{k:02d}.mp4"
            path.parent.mkdir(exist_ok=True)
            path.touch()
            path.with_name(f"{path.stem}.keypoints.npz").touch()
    assert list(choose_configs(str(tmp_path)).configs) == ["tcn"]
    (tmp_path / "run" / "run_g03.keypoints.npz").unlink()
    chosen = choose_configs(str(tmp_path))
    assert list(chosen.configs) == ["clip"]
    assert any(note.startswith("only 19 of 20 clips have keypoints") for note in chosen.notes)
