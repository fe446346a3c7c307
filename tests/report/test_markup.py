"""Pages are one file that loads nothing, and text in them stays text."""

import json
import re
from pathlib import Path

import pytest

from playhead.report.markup import clock, escape, write_page
from playhead.report.provenance import provenance

HOSTILE = "</script><script>alert(1)</script> \"'é {{name}}"


def test_a_page_holds_its_parts_and_its_data_as_they_are(tmp_path: Path) -> None:
    path = write_page(
        "<main>{{name}}</main>",
        tmp_path / "p.html",
        title=HOSTILE,
        parts={"name": f"<b>{escape(HOSTILE)}</b>"},
        data={"text": HOSTILE},
        scripts=["draw();"],
        charts=True,
    )
    text = path.read_text(encoding="utf-8")
    assert f"<main><b>{escape(HOSTILE)}</b></main>" in text
    assert "<script>alert" not in text
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    assert json.loads(found[1]) == {"text": HOSTILE}
    order = [text.index(part) for part in ('id="data"', "uPlot=", "const data", "function lines")]
    assert order == sorted(order)
    assert text.index("draw();") > order[-1]
    assert not re.search(r'(src|href)\s*=\s*["\'](?!data:)|@import|fetch\(', text)


def test_a_page_without_scripts_has_none(tmp_path: Path) -> None:
    text = write_page("<p>a</p>", tmp_path / "p.html", title="t", parts={}).read_text()
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_a_nan_in_the_data_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_page("", tmp_path / "p.html", title="", parts={}, data={"ap": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_undecodable_bytes_is_shown_with_marks(tmp_path: Path) -> None:
    name = b"caf\xe9.mp4".decode(errors="surrogateescape")
    path = write_page("<p>", tmp_path / "p.html", title=name, parts={}, data={"video": name})
    assert path.read_text(encoding="utf-8").count("caf?.mp4") == 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.00"), (59.999, "1:00.00"), (61.5, "1:01.50"), (3723.004, "1:02:03.00")],
)
def test_a_clock_carries_what_it_rounds(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_report_tells_versions_and_folds_the_configuration_away() -> None:
    text = provenance({"playhead": "0.1.0"}, "job: <spotting>")
    assert "<td>playhead</td><td>0.1.0</td>" in text
    assert "<pre>job: &lt;spotting&gt;</pre>" in text
    assert "<details>" not in provenance({"playhead": "0.1.0"})
