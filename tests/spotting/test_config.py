"""Configurations of spotting as people write them."""

from fractions import Fraction
from typing import Any

import pytest

from playhead.config import override, validate
from playhead.errors import ConfigError
from playhead.spotting.config import SpottingConfig

OWN: dict[str, Any] = {"manifest": "manifest.csv", "classes": ["serve"], "size": [112, 64]}


def config(*settings: str) -> SpottingConfig:
    values: dict[str, Any] = {"data": dict(OWN), "model": {}}
    for setting in settings:
        override(values, setting)
    return validate(SpottingConfig, values, source="test")


@pytest.mark.parametrize(
    ("written", "rate"),
    [("50", Fraction(50)), ('"50"', Fraction(50)), ("30000/1001", Fraction(30000, 1001))],
)
def test_a_rate_may_be_a_number_or_text(written, rate):
    assert config(f"data.rate={written}").data.grid_rate == rate


@pytest.mark.parametrize("written", ["[0, 0]", "[112, -64]", "[112]", "112"])
def test_a_size_without_pixels_is_refused(written):
    with pytest.raises(ConfigError, match=r"data\.size"):
        config(f"data.size={written}")


def test_a_rate_of_labels_may_be_a_number():
    assert config("data.label_rate=25").data.label_rate == "25"


@pytest.mark.parametrize("written", ["0", "-25", "true", "fast", "[25]"])
def test_a_rate_that_is_no_positive_number_is_refused(written):
    with pytest.raises(ConfigError, match=r"data\.rate"):
        config(f"data.rate={written}")
