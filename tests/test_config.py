"""Configurations: every mistake at once, with its path, and settings over the file."""

from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, model_validator

from playhead.config import (
    LOCAL,
    Settings,
    find_config,
    load_config,
    override,
    validate,
    without_folders,
)
from playhead.errors import ConfigError


class Inner(Settings):
    epochs: int = 3
    rate: float = 0.1


class Listed(Settings):
    path: str
    class_: str | None = Field(default=None, alias="class")


class Checked(Settings):
    images: Path = Path("photos")
    kinds: tuple[Literal["soft", "hard"], ...] = Field(default=("soft",), min_length=1)
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.inner.epochs > 9:
            raise ValueError("inner.epochs is 9 at most")
        return self


class Whole(Settings):
    checked: Checked = Checked()


class Outer(Settings):
    name: str
    training: Inner = Inner()
    start: Inner | None = None
    sources: tuple[Listed, ...] = ()
    more: list[Listed] | None = None


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


@pytest.mark.parametrize("key", ["sources", "more"])
def test_a_wrong_key_in_a_list_of_sections_is_answered_with_the_known_ones(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}\.1\.pth is not a setting \(did you mean path"):
        validate(Outer, {"name": "a", key: [{"path": "a"}, {"path": "b", "pth": 1}]}, source="test")
    with pytest.raises(ConfigError, match=r"known are class, path\)"):
        validate(Outer, {"name": "a", key: [{"path": "a", "zzz": 1}]}, source="test")


class Round(Settings):
    kind: Literal["circle", "ball"] = "circle"
    radius: int = Field(default=1, ge=1)


class Angular(Settings):
    kind: Literal["square"] = "square"
    side: int = 1


class Shaped(Settings):
    shape: Annotated[Round | Angular, Field(discriminator="kind")] = Round()


def test_a_mistake_in_one_of_several_sections_is_named_as_in_the_file() -> None:
    for shape, message in {
        "ball": r"test: a mistake in the configuration: shape\.sides is not a setting \(known are "
        r"kind, radius\)",
        "square": r"shape\.sides is not a setting \(did you mean side\?\)",
        "cube": r"shape: kind needs one of 'circle', 'ball', 'square'",
    }.items():
        with pytest.raises(ConfigError, match=message):
            validate(Shaped, {"shape": {"kind": shape, "sides": 1}}, source="test")
    with pytest.raises(
        ConfigError, match=r"shape\.radius: .* at least 1|shape\.radius: .*equal to 1"
    ):
        validate(Shaped, {"shape": {"kind": "ball", "radius": 0}}, source="test")
    with pytest.raises(ConfigError, match="shape: needs kind"):
        validate(Shaped, {"shape": {"radius": 2}}, source="test")


def test_a_packaged_configuration_is_named_by_its_name() -> None:
    path = find_config("small", "playhead.detection")
    with pytest.raises(ConfigError) as caught:
        load_config(Outer, path, ["zzz=1"])
    assert str(caught.value).startswith("small: ")
    assert str(path.parent) not in str(caught.value)


@pytest.mark.slow
def test_a_configuration_nested_beyond_reading_or_with_a_date_of_no_calendar_is_an_error(
    tmp_path: Path,
) -> None:
    for text in ("[" * 5000, "name: 2021-99-99", "name: " + "9" * 5000):
        with pytest.raises(ConfigError, match=r"config\.yaml: not valid YAML"):
            load_config(Outer, written(tmp_path, text))
        with pytest.raises(ConfigError, match="not valid YAML"):
            override({}, "name=" + text.removeprefix("name: "))


def test_settings_are_applied_over_the_file_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "name: a\ntraining: {epochs: 5}\n")
    config = load_config(Outer, path, ["training.epochs=7", "training.rate=.5", "name=b"])
    assert config == Outer(name="b", training=Inner(epochs=7, rate=0.5))


def test_a_setting_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="name is a value, not a section"):
        override({"name": "a"}, "name.inner=3")


def test_a_setting_below_a_section_that_is_null_begins_it() -> None:
    values = {"start": None}
    override(values, "start.bundle=here")
    assert values == {"start": {"bundle": "here"}}


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


def mistake(model: type[Settings], values: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(model, values, source="test")
    return str(caught.value)


def test_a_mistake_of_a_whole_section_is_said_without_printing_the_section() -> None:
    values: dict[str, object] = {"images": Path("photos"), "inner": {"epochs": 10}}
    assert mistake(Checked, values) == (
        "test: a mistake in the configuration: inner.epochs is 9 at most"
    )
    assert mistake(Whole, {"checked": values}) == (
        "test: a mistake in the configuration: checked: inner.epochs is 9 at most"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kinds": "soft"}, "kinds: needs a list, as [soft], got 'soft'"),
        ({"kinds": {"a": 1}}, "kinds: needs a list, got a section"),
        ({"inner": 3}, "inner: needs a section of settings, got 3"),
        (
            {"inner": [{"a": Path("b")}]},
            "inner: needs a section of settings, got a list of sections",
        ),
        ({"inner": {"rate": Path("b")}}, "inner.rate: input should be a valid number, got 'b'"),
        (
            {"inner": {"rate": {"a": 1}}},
            "inner.rate: input should be a valid number, got a section",
        ),
    ],
)
def test_a_value_of_another_kind_is_answered_with_what_is_needed_in_the_words_of_a_file(
    values: dict[str, object], said: str
) -> None:
    assert mistake(Checked, values) == f"test: a mistake in the configuration: {said}"


def test_a_wrong_name_in_a_list_is_one_mistake_and_an_empty_list_is_another() -> None:
    said = mistake(Checked, {"kinds": ["fuzzy"]})
    assert said.endswith(
        "a mistake in the configuration: kinds.0: input should be 'soft' or 'hard', got 'fuzzy'"
    )
    assert "at least 1 item" in mistake(Checked, {"kinds": []})


class Places(Settings):
    one: Path = Path("/home/me/a.csv")
    several: tuple[Path, ...] = (Path("/home/me/b.csv"), Path("c.csv"))
    inner: tuple[Inner, ...] = (Inner(),)
    start: Annotated[str | None, LOCAL] = "/home/me/weights"
    rate: str = "30000/1001"


def test_settings_without_folders_keep_every_other_value() -> None:
    values = without_folders(Places())
    assert values == {
        "one": "a.csv",
        "several": ["b.csv", "c.csv"],
        "inner": [{"epochs": 3, "rate": 0.1}],
        "start": "weights",
        "rate": "30000/1001",
    }
    assert without_folders(Places(start=None))["start"] is None


class Rates(Settings):
    first: float = 0.1
    last: float = 0.01


class Optimiser(Settings):
    rates: Rates = Rates(first=1.0)
    steps: int = 10


class Long(Settings):
    optimiser: Optimiser = Optimiser(steps=1000)


def test_a_section_given_in_part_keeps_the_default_of_its_field() -> None:
    given = validate(Long, {"optimiser": {"rates": {"last": 0.5}}}, source="long.yaml")
    assert given.optimiser == Optimiser(rates=Rates(first=1.0, last=0.5), steps=1000)
    nothing = validate(Long, {"optimiser": {}}, source="long.yaml")
    assert nothing == Long()
    with pytest.raises(ConfigError, match=r"optimiser.stops"):
        validate(Long, {"optimiser": {"stops": 1}}, source="long.yaml")
