"""Configurations: every mistake at once, with its path, and settings over the file."""

from pathlib import Path

import pytest

from playhead.config import Settings, load_config, override, validate
from playhead.errors import ConfigError


class Inner(Settings):
    epochs: int = 3
    rate: float = 0.1


class Outer(Settings):
    name: str
    training: Inner = Inner()
    start: Inner | None = None


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_three_mistakes_are_reported_at_once_with_their_paths(tmp_path: Path) -> None:
    path = written(tmp_path, "training:\n  epochs: many\n  rat: 1\n  rate: fast\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Outer, path)
    message = str(caught.value)
    assert "4 mistakes" in message
    assert "training.epochs" in message
    assert "training.rate:" in message
    assert "training.rat is not a setting (did you mean rate?)" in message
    assert "name is missing" in message


def test_a_misspelt_key_of_a_section_that_may_be_null_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"start\.rat is not a setting \(did you mean rate"):
        validate(Outer, {"name": "a", "start": {"rat": 1}}, source="test")
    with pytest.raises(ConfigError, match=r"known are epochs, rate"):
        validate(Outer, {"name": "a", "start": {"zzz": 1}}, source="test")


def test_settings_are_applied_over_the_file_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "name: a\ntraining: {epochs: 5}\n")
    config = load_config(Outer, path, ["training.epochs=7", "training.rate=.5", "name=b"])
    assert config == Outer(name="b", training=Inner(epochs=7, rate=0.5))


def test_a_setting_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="name is a value, not a section"):
        override({"name": "a"}, "name.inner=3")


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="key=value"):
        override({}, "training.epochs")


@pytest.mark.parametrize("text", ["- a\n- b\n", "{", "\0"])
def test_a_file_that_is_no_mapping_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="config.yaml"):
        load_config(Outer, written(tmp_path, text))


def test_a_nan_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training.rate"):
        load_config(Outer, written(tmp_path, "name: a\ntraining: {rate: .nan}\n"))


def test_a_tag_that_would_build_an_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(Outer, written(tmp_path, "name: !!python/object/apply:os.getcwd []\n"))
