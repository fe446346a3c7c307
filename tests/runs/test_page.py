"""The page of a comparison, read back."""

import json
import re
from pathlib import Path
from typing import Any

from playhead.runs.compare import compare_runs
from playhead.runs.page import write_comparison

from .run_folders import epoch_row, make_run, step_row


def page_of(tmp_path: Path, *runs: Path, out: str = "pages/compare.html") -> str:
    return write_comparison(compare_runs(runs), tmp_path / out).read_text(encoding="utf-8")


def charts(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])["charts"]


def test_each_chart_has_the_curve_of_every_run_that_has_one(tmp_path: Path) -> None:
    rows = [step_row(5, loss=0.9), epoch_row(1, metrics={"top5": 0.8, "window_map": 0.1})]
    long = make_run(tmp_path / "long", [*rows, epoch_row(2, metrics={"top5": 1, "window_map": 2})])
    short = make_run(tmp_path / "short", rows)
    failed = make_run(tmp_path / "failed")
    loss, first, second = charts(page_of(tmp_path, failed, long, short))
    assert [(line["name"], line["run"]) for line in loss["lines"]] == [("long", 1), ("short", 2)]
    assert [line["y"] for line in loss["lines"]] == [[0.9], [0.9]]
    assert (loss["x"], first["x"]) == ("step", "epoch")
    assert (first["title"], second["title"]) == ("window_map", "top5")
    assert [line["x"] for line in first["lines"]] == [[1, 2], [1]]


def test_reports_are_linked_from_where_the_page_is(tmp_path: Path) -> None:
    odd = make_run(tmp_path / "runs" / 'a #1 "ä"')
    plain = make_run(tmp_path / "runs" / "b")
    (odd / "report.html").write_text("report")
    page = page_of(tmp_path, odd, plain)
    assert 'href="../runs/a%20%231%20%22%C3%A4%22/report.html"' in page
    assert page.count("href=") == 1


def test_the_bars_are_shares_of_one_or_of_the_largest(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", final={"map@1": 0.25, "count_error": 8})
    b = make_run(tmp_path / "b", final={"map@1": 0.5, "count_error": 2, "lift": -1})
    c = make_run(tmp_path / "c")
    shares = re.findall(r"--share:([\d.]+)", page_of(tmp_path, a, b, c))
    assert shares == ["0.250", "0.500", "0.000", "1.000", "0.250", "0.000", *["0.000"] * 3]


def test_a_page_of_runs_that_have_nothing_yet_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert charts(page) == []
    assert "no run has a bundle yet" in page
    assert "the configurations are the same" in page


def test_names_and_settings_are_shown_as_text(tmp_path: Path) -> None:
    a = make_run(tmp_path / "<b>a", note="<script>alert(1)</script>")
    b = make_run(tmp_path / "b", [epoch_row(1, metrics={"</script><i>": 0.5})])
    page = page_of(tmp_path, a, b)
    assert "<b>a" not in page
    assert "<script>alert" not in page
    assert "</script><i>" not in page
