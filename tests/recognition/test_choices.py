"""What `train` chooses for clips, and what it refuses."""

import pytest

from playhead.errors import ConfigError, LabelError
from playhead.recognition.choices import MODELS, choose_configs
from playhead.recognition.clips import Clip
from playhead.recognition.config import RecognitionDataConfig, find_config
from playhead.recognition.data import keypoints_of, load_clips


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


def filmed(folder, **classes):
    for label, count in classes.items():
        for k in range(count):
            path = folder / label / f"{k}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


@pytest.mark.parametrize("as_file", [False, True])
def test_missing_keypoints_are_counted_with_the_command_that_makes_them(tmp_path, as_file):
    videos = filmed(tmp_path / "clips", jump=3, run=3)
    (videos / "jump" / "0.keypoints.npz").touch()
    source, models = str(videos), ["tcn"]
    if as_file:
        path = tmp_path / "my.yaml"
        path.write_text(f"job: recognition\ndata: {{clips: '{videos}'}}\nnetwork: {{kind: tcn}}\n")
        source, models = str(path), None
    with pytest.raises(LabelError, match=r"no keypoints of 5 of 6 clips .*prepare keypoints"):
        choose_configs(source, models=models)


def test_keypoints_of_an_index_further_up_are_found_by_the_end_of_the_name(tmp_path):
    clip = Clip(path=tmp_path / "set/jump/a.mp4", label="jump", group="", name="set/jump/a.mp4")
    made = tmp_path / "keypoints" / "jump" / "a.keypoints.npz"
    assert (
        keypoints_of(clip, tmp_path / "keypoints").parent.parent.name == "set"
    )  # if none is there
    made.parent.mkdir(parents=True)
    made.touch()
    assert keypoints_of(clip, tmp_path / "keypoints") == made
    assert keypoints_of(clip, None) == tmp_path / "set" / "jump" / "a.keypoints.npz"


def test_clips_of_a_misspelt_split_are_noted(tmp_path):
    videos = filmed(tmp_path, jump=3, run=3)
    rows = [f"{label}/{k}.mp4,{label},{label}{k},{split}" for label in ("jump", "run")
            for k, split in enumerate(("train", "valid", "vaild"))]  # fmt: skip
    (videos / "index.csv").write_text("video,label,group,split\n" + "\n".join(rows) + "\n")
    notes = load_clips(RecognitionDataConfig(clips=videos)).notes
    assert any("not train or valid: vaild (2 clips)" in note for note in notes)
