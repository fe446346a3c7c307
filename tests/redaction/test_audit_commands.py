"""Audits from the command line: classes that no other network checks never pass for audited."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.decisions.boxes import Boxes
from playhead.redaction.resolved import ResolvedRedaction
from tests.command import playhead, playhead_json, run
from tests.redaction.conftest import FRAMES, FakeDetector, SquareDetector, use_detector, write
from tests.redaction.test_audit import OtherNetwork


class Hiders(FakeDetector):
    """The networks that hide: faces and heads are detected, plates never."""

    def __init__(self, redaction: ResolvedRedaction, *, threads: int | None) -> None:
        self._labels = redaction.config.hide

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        square = [detected["face"] for detected in SquareDetector().detect(images)]
        return [
            {label: Boxes.empty() if label == "plate" else boxes for label in self._labels}
            for boxes in square
        ]


class Again:
    """The same networks in the audit: now they detect plates, with `score`."""

    score = 0.25
    opened: ResolvedRedaction

    def __init__(self, redaction: ResolvedRedaction) -> None:
        type(self).opened = redaction

    def detect_still(self, image: NDArray[np.uint8]) -> dict[str, Boxes]:
        [square] = SquareDetector().detect([image])
        scores = np.full(len(square["face"]), self.score, np.float32)
        return dict.fromkeys(self.opened.config.hide, Boxes(square["face"].boxes, scores))


@pytest.fixture(autouse=True)
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "playhead.redaction.audit_networks"
    monkeypatch.setattr("playhead.redaction.resolved.is_fetched", lambda name: True)
    monkeypatch.setattr(f"{where}.require_weights", lambda names, command: None)
    monkeypatch.setattr(f"{where}.open_detector", lambda name, threads: OtherNetwork())
    monkeypatch.setattr(f"{where}.RedactionDetector", Again)
    monkeypatch.setattr("playhead.redaction.run.require_weights", lambda names, group: None)
    monkeypatch.setattr("playhead.redaction.run.RedactionDetector", Hiders)


def audited(*arguments: object, code: int) -> dict[str, Any]:
    """The one audit of a run that ends with `code`."""
    document = playhead_json("redaction", *arguments, code=code)
    [report] = document["audits"].values()
    assert report["passed"] is (code == 0)
    return dict(report)


def test_a_plate_that_the_network_finds_only_when_it_looks_again_fails_the_audit(
    tmp_path: Path,
) -> None:
    report = audited("run", write(tmp_path / "a.mp4"), "--hide", "plate", "--audit", code=4)
    plate = report["classes"]["plate"]
    frames = [one["frame"] for one in report["exposures"]]
    assert (plate["audited"], plate["network"]) == ("same network", "playhead-plates, plates")
    assert plate["exposed_track_frames"] == plate["frames_audited"] == len(frames)
    assert frames == [0, 6, 12, 18, 24, 30, 36, 39]  # every quarter of a second, and the last
    assert Again.opened.config.detection.tile == 480
    assert Again.opened.threshold("plate") == pytest.approx(0.2)


def test_in_an_image_the_same_network_looks_again_too(tmp_path: Path) -> None:
    image = np.full((96, 160, 3), 40, np.uint8)
    image[30:60, 50:80] = 235
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(np.full_like(image, 40)).save(tmp_path / "b.png")
    arguments = ("redaction", "audit", "--hide", "plate")
    playhead(*arguments, tmp_path / "b.png", tmp_path / "b.png")
    report = playhead_json(*arguments, tmp_path / "a.png", tmp_path / "a.png", code=4)
    assert report["classes"]["plate"]["exposed_track_frames"] == 1


def test_plates_that_are_found_nowhere_pass_and_the_words_say_who_looked(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", square=False)
    said = playhead("redaction", "run", source, "--audit")
    assert "but plates were checked only by the network that hid them" in said
    assert "0 exposed track-frames of faces in 40 frames, checked by another network" in said
    page = (tmp_path / "a_redacted.audit.html").read_text(encoding="utf-8")
    assert '<h2 class="unsure">' in page
    report = playhead_json("redaction", "audit", source, tmp_path / "a_redacted.mp4")
    assert (report["passed"], report["independent"]) == (True, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "options", "code"),
    [
        ((0.3, 0.21), (), 4),
        ((0.3, 0.19), (), 0),
        ((0.15, 0.11), (), 4),
        ((0.3, 0.19), ("--threshold", "0.18"), 4),
        ((0.3, 0.21), ("--threshold", "0.5"), 0),
    ],
)
def test_the_score_of_a_second_look_is_two_thirds_of_that_of_hiding_unless_one_is_given(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scores: tuple[float, float],
    options: tuple[str, ...],
    code: int,
) -> None:
    """scores: at which plates were hidden, and with which one is found in the copy."""
    hidden_at, found = scores
    monkeypatch.setattr(Again, "score", found)
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "plate", "--threshold", hidden_at)
    copy = tmp_path / "a_redacted.mp4"
    assert run("redaction", "audit", source, copy, *options).code == code


def test_every_says_how_often_the_same_network_looks_too(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "plate,face")
    arguments = ("redaction", "audit", source, tmp_path / "a_redacted.mp4")
    assert looked(playhead_json(*arguments)) == {"plate": 8, "face": FRAMES}
    assert looked(playhead_json(*arguments, "--every", 0)) == {"plate": FRAMES, "face": FRAMES}
    assert looked(playhead_json(*arguments, "--every", 1)) == {"plate": 3, "face": 3}


def looked(report: dict[str, Any]) -> dict[str, int]:
    return {label: one["frames_audited"] for label, one in report["classes"].items()}


@pytest.mark.slow
def test_a_class_that_nothing_audits_ends_with_4_unless_it_is_accepted(tmp_path: Path) -> None:
    source, copy = write(tmp_path / "a.mp4"), tmp_path / "a_redacted.mp4"
    commands = [
        ("run", source, "--hide", "head", "--audit", "--overwrite"),
        ("apply", source, "--audit", "--overwrite"),
        ("audit", source, copy),
    ]
    for command in commands:
        finished = run("redaction", *command)
        assert finished.code == 4, command
        assert "NOT AUDITED: no network checked heads" in finished.out
        page = copy.with_suffix(".audit.html").read_text(encoding="utf-8")
        assert '<h2 class="bad">' in page
        accepted = run("redaction", *command, "--accept-unaudited", "head")
        assert accepted.code == 0, command
        assert "but heads were not checked" in accepted.out
        page = copy.with_suffix(".audit.html").read_text(encoding="utf-8")
        assert '<h2 class="unsure">' in page
    assert not audited(*commands[0], code=4)["passed"]
    assert audited(*commands[0], "--accept-unaudited", "head", code=0)["passed"]


def test_a_class_that_is_accepted_and_was_not_hidden_is_refused_before_any_work(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "a.mp4")
    finished = run("redaction", "run", source, "--audit", "--accept-unaudited", "car")
    assert finished.code == 2
    assert (
        "--accept-unaudited car: this class is not hidden; choose from face, plate" in finished.err
    )
    unasked = run("redaction", "run", source, "--accept-unaudited", "plate")
    assert (unasked.code, "add --audit" in unasked.err) == (2, True)
    assert not (tmp_path / "a_redacted.mp4").exists()


def test_a_hidden_class_that_an_audit_leaves_out_is_not_audited(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source)
    arguments = ("redaction", "audit", source, tmp_path / "a_redacted.mp4", "--hide", "face")
    finished = run(*arguments)
    assert finished.code == 4
    assert "plates: not audited (left out by --hide)" in finished.out
    playhead(*arguments, "--accept-unaudited", "plate")


def test_going_on_with_a_batch_audits_what_an_earlier_run_made(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "plate")  # hides nothing: plates are missed
    report = audited("run", source, "--hide", "plate", "--skip-existing", "--audit", code=4)
    assert report["classes"]["plate"]["exposed_track_frames"] > 0


def test_a_copy_that_an_earlier_run_made_otherwise_is_not_passed_by_this_audit(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "plate")
    again = ("redaction", "run", source, "--hide", "face", "--skip-existing", "--audit")
    document = playhead_json(*again, code=3)
    assert document["audits"] == {}
    [reason] = document["not_audited"].values()
    assert "an earlier run redacted it with other settings" in reason


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_tags_that_every_tiff_has_are_no_metadata_but_a_description_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    use_detector(monkeypatch, SquareDetector)
    source = tmp_path / "a.tiff"
    Image.new(mode, (64, 48), 90).save(source)
    report = audited("run", source, "--hide", "face", "--audit", code=0)
    assert {check["name"]: check["ok"] for check in report["checks"]} == {"metadata": True}
    copy = tmp_path / "a_redacted.tiff"
    with Image.open(copy) as opened:
        opened.load()
        opened.save(copy, description="who and where")
    [report] = [playhead_json("redaction", "audit", source, copy, "--hide", "face", code=4)]
    assert {check["name"]: check["ok"] for check in report["checks"]} == {"metadata": False}
