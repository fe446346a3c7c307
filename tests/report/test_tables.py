"""Tables and tiles: numbers are formatted, text is escaped, NaN is refused."""

import re

import pytest

from playhead.report.tables import table, tiles


def test_numbers_are_formatted_and_aligned_and_text_is_escaped() -> None:
    text = table(["class", "boxes", "AP"], [("<a>", 1200, 0.5), ("b", 3, None)])
    assert re.findall(r"<td( class=\"number\")?>([^<]*)</td>", text) == [
        ("", "&lt;a&gt;"),
        (' class="number"', "1,200"),
        (' class="number"', "0.500"),
        ("", "b"),
        (' class="number"', "3"),
        (' class="number"', "–"),
    ]
    assert '<th>class</th><th class="number">boxes</th>' in text


def test_a_row_can_be_bold() -> None:
    text = table(["class"], [("a",), ("all",)], bold={1})
    assert '<tr><td>a</td></tr><tr class="bold"><td>all</td></tr>' in text


def test_a_table_without_rows_says_none() -> None:
    assert table(["class"], []) == '<p class="note">None.</p>'


def test_a_tile_shows_a_value_above_its_name() -> None:
    text = tiles({"mAP": 0.5, "a < b": 12, "state": "ok", "unknown": None}, digits=2)
    assert re.findall(r"<b>(.*?)</b><span>(.*?)</span>", text) == [
        ("0.50", "mAP"),
        ("12", "a &lt; b"),
        ("ok", "state"),
        ("–", "unknown"),
    ]


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="mAP is"):
        tiles({"mAP": value})
    with pytest.raises(ValueError, match="mAP is"):
        table(["mAP"], [(value,)])
