"""Audit page and report: they show the findings, load nothing, and keep text as text."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.redaction.audit_page import write_audit_page
from playhead.redaction.audit_report import AuditReport, Check, ClassAudit, ExposedObject
from playhead.redaction.report import write_redaction_report
from playhead.redaction.report_data import Moment, RedactedVideo, RedactionReport

FACE = ClassAudit(
    audited="independent", hidden_by="centerface", network="blazeface", frames_audited=1200
)
PLATE = ClassAudit(
    audited="same network",
    hidden_by="plates",
    network="plates",
    reason="no other network finds plates",
    frames_audited=100,
)
HEAD = ClassAudit(audited="none", hidden_by="centerface, people", reason="no network finds heads")

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \"'é{{data}}"


class Page(HTMLParser):
    """The elements of a page, the attributes of each, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((48, 64, 3), level, np.uint8)


def level_of(image: dict[str, str]) -> float:
    data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
    return float(np.asarray(Image.open(io.BytesIO(data))).mean())


def exposure(track: int, frame: int, score: float = 0.6, label: str = "face") -> ExposedObject:
    return ExposedObject(
        track=track,
        frame=frame,
        time=frame / 25,
        label=label,
        box=(10, 20, 30, 40),
        score=score,
        kind="seen by blazeface",
    )


def audit(**changes: object) -> AuditReport:
    clean = AuditReport(
        original="street.mp4",
        redacted="street_redacted.mp4",
        frames=1200,
        classes={"face": FACE, "plate": PLATE},
        checks=[Check(name="as many frames", ok=True, detail="1,200")],
    )
    return replace(clean, **changes)  # type: ignore[arg-type]


def report(**changes: object) -> RedactionReport:
    video = RedactedVideo(
        name="street.mp4",
        tiles={"tracks": 12, "frames a second": 31.25, "exposed by truth": None, "state": "ok"},
        moments=[Moment(time=1.5, before=flat(200), after=flat(20))],
        files={"the redacted video": "out/a b#1.mp4"},
    )
    return replace(
        RedactionReport(title="Redaction", summary="", videos=[video]),
        **changes,  # type: ignore[arg-type]
    )


WRITERS: list[Callable[[Path, str], Path]] = [
    lambda path, text: write_audit_page(
        audit(classes={text: ClassAudit(audited="none", reason=text)}), path
    ),
    lambda path, text: write_audit_page(
        audit(
            original=text,
            redacted=text,
            classes={
                text: ClassAudit(
                    audited="independent",
                    hidden_by=text,
                    network=text,
                    reason=text,
                    frames_audited=3,
                )
            },
            checks=[Check(name=text, ok=False, detail=text)],
            exposures=[replace(exposure(0, 3, label=text), kind=text)],
            crops={0: (flat(9), flat(8))},
        ),
        path,
    ),
    lambda path, text: write_redaction_report(
        RedactionReport(
            title=text,
            summary=text,
            config=text,
            versions={text: text},
            videos=[
                RedactedVideo(
                    name=text,
                    note=text,
                    tiles={text: text},
                    moments=[Moment(time=0, before=flat(9), after=flat(8))],
                    files={text: text},
                )
            ],
        ),
        path,
    ),
]


@pytest.mark.parametrize("write", WRITERS)
def test_text_is_never_interpreted_as_html(
    tmp_path: Path, write: Callable[[Path, str], Path]
) -> None:
    hostile, plain = (
        Page(write(tmp_path / f"{number}.html", text))
        for number, text in enumerate((HOSTILE, "plain"))
    )
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert [list(given) for _, given in hostile.tags] == [list(given) for _, given in plain.tags]
    assert HOSTILE in hostile.text


@pytest.mark.parametrize("write", WRITERS)
def test_the_pages_load_nothing(tmp_path: Path, write: Callable[[Path, str], Path]) -> None:
    path = write(tmp_path / "p.html", "plain")
    page, text = Page(path), path.read_text(encoding="utf-8")
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not page.all("link") + page.all("iframe")
    assert not any("src" in script for script in page.all("script"))
    assert not re.search(r"https?:|@import|url\(|fetch\(", text)
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))
    assert "keep it as safe as the source" in text


@pytest.mark.parametrize("name", ["javascript:alert(1)", "//host/x.mp4", "/etc/x", "data:,x"])
def test_a_link_leads_below_the_folder_of_the_report(tmp_path: Path, name: str) -> None:
    video = RedactedVideo(name="v", files={"open": name})
    page = Page(write_redaction_report(report(videos=[video]), tmp_path / "r.html"))
    [link] = page.all("a")
    assert re.fullmatch(r"\./[^:]*", link["href"])


def test_a_link_names_a_file_with_spaces_and_signs(tmp_path: Path) -> None:
    [link] = Page(write_redaction_report(report(), tmp_path / "r.html")).all("a")
    assert link["href"] == "./out/a%20b%231.mp4"


@pytest.mark.parametrize(
    ("changes", "heading", "kind"),
    [
        ({"classes": {"face": FACE}}, "Nothing exposed was found", "good"),
        (
            {},
            "Nothing exposed was found, but plates were checked only by the network that hid them",
            "unsure",
        ),
        (
            {"classes": {"face": replace(FACE, frames_audited=1199)}},
            "Nothing exposed was found, but not every frame was checked",
            "unsure",
        ),
        (
            {"classes": {"face": FACE, "head": replace(HEAD, accepted=True)}},
            "Nothing exposed was found, but heads were not checked",
            "unsure",
        ),
        ({"classes": {"face": FACE, "head": HEAD}}, "NOT AUDITED: no network checked heads", "bad"),
        (
            {"classes": {"face": replace(FACE, frames_audited=0)}},
            "NOT AUDITED: no network checked faces",
            "bad",
        ),
        ({"exposures": [exposure(0, 1)]}, "EXPOSED", "bad"),
    ],
)
def test_a_page_is_green_only_if_other_networks_checked_every_class_in_every_frame(
    tmp_path: Path, changes: dict[str, object], heading: str, kind: str
) -> None:
    page = Page(write_audit_page(audit(**changes), tmp_path / "a.html"))
    assert page.text.count(heading) == 1
    assert [given["class"] for given in page.all("h2") if "class" in given] == [kind]


def test_a_failed_check_alone_fails_the_audit(tmp_path: Path) -> None:
    broken = audit(checks=[Check(name="as many frames", ok=False, detail="1,199 of 1,200")])
    assert not broken.passed
    assert broken.verdict()[-1] == "failed: as many frames: 1,199 of 1,200"
    assert broken.describe().startswith("street_redacted.mp4: NOT SAFE: a check failed\n")
    page = Page(write_audit_page(broken, tmp_path / "a.html"))
    assert "NOT SAFE: a check failed" in page.text
    assert "FAILED" in page.text


def test_an_exposure_in_an_image_has_no_time(tmp_path: Path) -> None:
    found = audit(still=True, frames=1, exposures=[exposure(1, 0, 0.71)])
    assert "score 0.71" in Page(write_audit_page(found, tmp_path / "a.html")).text


def test_detections_that_a_person_kept_visible_are_reported_and_fail_nothing(
    tmp_path: Path,
) -> None:
    assert not any("chose" in line for line in audit().verdict())
    left = audit(kept=40)
    assert left.passed
    assert left.to_json()["kept"] == 40
    sentence = "40 track-frames that a person chose to leave visible"
    assert sentence in left.verdict()
    assert sentence in Page(write_audit_page(left, tmp_path / "a.html")).text


def test_every_exposed_frame_is_listed_with_the_worst_track_first(tmp_path: Path) -> None:
    found = [exposure(3, 50), *(exposure(1, k, 0.5 + k / 100) for k in (9, 7, 8))]
    page = Page(write_audit_page(audit(exposures=found), tmp_path / "a.html"))
    heads = [text for text in page.text if "exposed track " in text]
    assert heads == ["face, exposed track 1", "face, exposed track 3"]
    listed = [text for text in page.text if re.fullmatch(r"\d+", text)]
    assert listed == ["7", "8", "9", "50"]
    assert any("3 frames between 0:00.28 and 0:00.36" in text for text in page.text)


def test_crops_of_the_output_and_of_the_original_lie_side_by_side(tmp_path: Path) -> None:
    found = [exposure(0, 1), exposure(0, 2), exposure(0, 3)]
    crops = {1: (flat(200), flat(40))}
    page = Page(write_audit_page(audit(exposures=found, crops=crops), tmp_path / "a.html"))
    output, original = page.all("img")
    assert (output["alt"], original["alt"]) == ("In the output", "In the original")
    assert level_of(output) == pytest.approx(40, abs=3)
    assert level_of(original) == pytest.approx(200, abs=3)


def test_an_audit_lists_for_each_class_what_hid_and_what_checked_it(tmp_path: Path) -> None:
    classes = {"face": FACE, "plate": PLATE, "head": HEAD}
    text = Page(write_audit_page(audit(classes=classes), tmp_path / "a.html")).text
    rows = {label: text[text.index(label) :][:5] for label in classes}
    assert rows == {
        "face": ["face", "centerface", "independent", "blazeface", "1,200 of 1,200"],
        "plate": ["plate", "plates", "same network", "plates", "100 of 1,200"],
        "head": ["head", "centerface, people", "none", "nothing", "0 of 1,200"],
    }


def test_before_and_after_are_where_the_slider_expects_them(tmp_path: Path) -> None:
    page = Page(write_redaction_report(report(), tmp_path / "r.html"))
    after, before = page.all("img")
    assert before["class"] == "before"
    assert level_of(before) == pytest.approx(200, abs=3)
    assert level_of(after) == pytest.approx(20, abs=3)


def test_a_figure_without_a_value_is_shown_as_not_known(tmp_path: Path) -> None:
    text = Page(write_redaction_report(report(), tmp_path / "r.html")).text
    for value, name in (("12", "tracks"), ("31.25", "frames a second"), ("ok", "state")):
        assert text[text.index(name) - 1] == value
    assert text[text.index("exposed by truth") - 1] == "not known"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    video = RedactedVideo(name="v", tiles={"fps": value})
    with pytest.raises(ValueError, match="fps is"):
        write_redaction_report(report(videos=[video]), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_large_frame_is_reduced(tmp_path: Path) -> None:
    large = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    video = RedactedVideo(name="v", moments=[Moment(time=0, before=large, after=large)])
    path = write_redaction_report(report(videos=[video]), tmp_path / "r.html")
    assert path.stat().st_size < 600_000
