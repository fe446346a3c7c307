"""The audit: what another network finds in a copy, and when that is an exposure."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from playhead.decisions.boxes import Boxes
from playhead.errors import MediaError
from playhead.events.formats.tracks import TrackFile, read_tracks
from playhead.events.model import Box, Origin, Track
from playhead.media import VideoWriter
from playhead.progress import progress
from playhead.redaction.audit import AuditConfig, Auditor
from playhead.redaction.audit_findings import kept_boxes
from playhead.redaction.audit_report import AuditReport, ClassAudit
from playhead.redaction.config import RedactionConfig
from playhead.redaction.resolved import resolve
from tests.command import playhead, playhead_json, run
from tests.redaction.conftest import FRAMES, SquareDetector, write

pytestmark = pytest.mark.usefixtures("networks", "auditor")

FACES = RedactionConfig(hide=("face",))


class OtherNetwork:
    """The other network: it finds the same square, and nothing where there is none."""

    name, labels = "other", ("face",)

    def detect(
        self, images: list[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, object]]:
        return list(SquareDetector().detect(images))


@pytest.fixture
def auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "playhead.redaction.audit_networks.require_weights", lambda names, command: None
    )
    monkeypatch.setattr(
        "playhead.redaction.audit_networks.open_detector", lambda name, threads: OtherNetwork()
    )


def finding(*boxes: Box) -> Callable[..., list[dict[str, Boxes]]]:
    """A `detect` that finds faces at these places in every image."""
    found = Boxes(np.array(boxes, np.float32), np.full(len(boxes), 0.9, np.float32))
    return lambda self, images, *, threshold: [{"face": found} for _ in images]


def encode(path: Path, image: NDArray[np.uint8], frames: int = 3) -> Path:
    """A video that shows one image all the time."""
    with VideoWriter(path, image.shape[1], image.shape[0], 25) as writer:
        for _ in range(frames):
            writer.write(image)
    return path


def audit(original: Path, redacted: Path, config: RedactionConfig = FACES) -> AuditReport:
    with progress("auditing", 1) as live:
        return Auditor(resolve(config), AuditConfig(tile=200)).video(original, redacted, None, live)


def test_a_copy_that_hides_nothing_is_exposed_in_every_frame(tmp_path: Path) -> None:
    original, same = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4")
    report = audit(original, same)
    assert [one.frame for one in report.exposures] == list(range(FRAMES))
    assert {(one.kind, one.track) for one in report.exposures} == {("not hidden", 1)}
    assert not report.passed
    assert report.classes == {
        "face": ClassAudit(
            audited="independent",
            hidden_by="centerface",
            network="blazeface",
            frames_audited=FRAMES,
        )
    }


@pytest.mark.slow
def test_a_redacted_copy_passes_with_code_0_and_an_unredacted_one_ends_with_4(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "a.mp4")
    result = playhead_json("redaction", "run", source, "--hide", "face", "--audit")
    assert result["exposed_track_frames"] == 0
    copy = tmp_path / "a_redacted.mp4"
    assert "0 exposed track-frames" in playhead("redaction", "audit", source, copy)
    same = write(tmp_path / "same.mp4")
    finished = run("redaction", "audit", source, same, "--tracks", tmp_path / "a.tracks.npz")
    assert finished.code == 4
    assert "40 exposed track-frames of faces (1 track)" in finished.out
    assert (tmp_path / "same.audit.html").is_file()


def test_one_exposed_frame_among_forty_is_found(tmp_path: Path) -> None:
    """One frame was left out of the track: a span of one frame in which nothing is hidden."""
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "detect", source, "--hide", "face")
    playhead("redaction", "apply", source, "--only", "0-0.79", "--only", "0.84-9")
    exposed = audit(source, tmp_path / "a_redacted.mp4").exposures
    assert [one.frame for one in exposed] == [20]


def test_what_a_person_chose_to_leave_is_not_exposed(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "detect", source, "--hide", "face")
    found = playhead_json("redaction", "apply", source, "--keep", "0", "--audit")
    assert found["exposed_track_frames"] == 0
    [report] = found["audits"].values()
    assert report["kept"] == FRAMES
    said = playhead("redaction", "audit", source, tmp_path / "a_redacted.mp4")
    assert f"{FRAMES} track-frames that a person chose to leave visible" in said


def test_outside_of_the_spans_everything_was_chosen_to_be_left(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "detect", source, "--hide", "face")
    playhead("redaction", "apply", source, "--only", "0-0.4")
    tracks = read_tracks(tmp_path / "a.tracks.npz")
    kept = kept_boxes(tracks, np.arange(FRAMES) / 25, FRAMES / 25)
    assert kept(9).shape == (0, 4)
    assert kept(10).tolist() == [[0, 0, tracks.width, tracks.height]]
    later = replace(tracks, spans=np.array([[0.41, 0.5]]))  # frame 10 is displayed until .44 s
    kept = kept_boxes(later, np.arange(FRAMES) / 25, FRAMES / 25)
    assert kept(9).tolist() == [[0, 0, tracks.width, tracks.height]]
    assert kept(10).shape == (0, 4)


@pytest.mark.slow
def test_under_a_weak_style_what_is_found_again_is_exposed(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    playhead("redaction", "run", source, "--hide", "face", "--set", "style.colour=white")
    copy = tmp_path / "a_redacted.mp4"  # a white ellipse, which the other network finds
    solid = RedactionConfig.model_validate({"hide": ["face"], "style": {"colour": "white"}})
    weak = RedactionConfig.model_validate({"hide": ["face"], "style": {"style": "mosaic"}})
    assert not audit(source, copy, solid).exposures
    assert [one.frame for one in audit(source, copy, weak).exposures] == list(range(FRAMES))


def test_a_copy_with_other_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has 39 frames"):
        audit(write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4", FRAMES - 1))


def test_sound_that_should_be_gone_and_metadata_fail_a_check(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", sound=True)
    playhead("redaction", "run", source, "--hide", "face")
    silent = RedactionConfig.model_validate({"hide": ["face"], "write": {"audio": "remove"}})
    report = audit(source, tmp_path / "a_redacted.mp4", silent)
    assert [one.name for one in report.checks if not one.ok] == ["sound tracks"]
    assert not report.passed


@pytest.mark.slow
def test_the_audit_asks_the_tracks_beside_the_copy_who_hid(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    options = (
        "--hide",
        "face",
        "--set",
        "detection.faces=blazeface",
        "--style",
        "mosaic",
        "--out",
        tmp_path / "safe",
    )
    playhead("redaction", "run", source, *options)
    copy = tmp_path / "safe" / "a_redacted.mp4"
    report = json.loads(run("redaction", "audit", source, copy, "--json").out)
    face = report["classes"]["face"]
    assert (face["hidden_by"], face["network"]) == ("blazeface", "centerface")


def test_without_tracks_nobody_knows_who_hid(tmp_path: Path) -> None:
    source, copy = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4")
    finished = run("redaction", "audit", source, copy)
    assert (finished.code, "--tracks" in finished.err) == (2, True)


@pytest.mark.slow
def test_an_exposure_comes_before_a_partial_file_and_one_broken_audit_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, networks: Callable[..., None]
) -> None:
    first, second = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4")
    whole = Auditor.video

    def broken(self: Auditor, original: Path, *others: object) -> AuditReport:
        if original == second:
            raise MediaError("the copy went away")
        return whole(self, original, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Auditor, "video", broken)
    arguments = ("redaction", "run", first, second, "--hide", "face", "--audit", "--overwrite")
    finished = run(*arguments)
    assert finished.code == 3
    assert "b.mp4: not audited: the copy went away" in finished.out
    monkeypatch.setattr("playhead.redaction.hide.Hider.hide", lambda *_: None)
    assert run(*arguments).code == 4


@pytest.mark.slow
def test_an_image_is_audited_too(tmp_path: Path) -> None:
    image = np.full((96, 160, 3), 40, np.uint8)
    image[30:60, 50:80] = 235
    Image.fromarray(image).save(tmp_path / "a.png")
    result = playhead_json("redaction", "run", tmp_path / "a.png", "--hide", "face", "--audit")
    assert result["exposed_track_frames"] == 0
    assert run("redaction", "audit", tmp_path / "a.png", tmp_path / "a.png").code == 4


def test_a_dark_face_that_nothing_hides_is_exposed_and_a_hidden_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pixel of the face is brighter than 24: by colour it cannot be told from black paint."""
    face = (40.0, 20.0, 100.0, 80.0)
    monkeypatch.setattr(OtherNetwork, "detect", finding(face))
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 1, (96, 160)), 3)
    levels = np.clip(12 + noise * 5 / noise.std(), 0, 24).astype(np.uint8)
    dark = np.repeat(levels[..., None], 3, axis=2)
    painted = dark.copy()
    painted[15:85, 35:105] = 0
    original, same = encode(tmp_path / "a.mp4", dark), encode(tmp_path / "same.mp4", dark)
    hidden = encode(tmp_path / "b.mp4", painted)
    assert {one.kind for one in audit(original, same).exposures} == {"not hidden"}
    assert not audit(original, hidden).exposures


@pytest.mark.parametrize(("side", "exposed"), [(30, True), (38, True), (44, False), (60, False)])
def test_a_detection_is_exposed_unless_the_middle_seven_tenths_of_its_sides_are_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, exposed: bool
) -> None:
    """Of a box of 60 pixels the middle has 42; its corners may be seen around a mask."""
    monkeypatch.setattr(OtherNetwork, "detect", finding((40.0, 20.0, 100.0, 80.0)))
    before = np.full((96, 160, 3), 160, np.uint8)
    after = before.copy()
    after[50 - side // 2 : 50 + side // 2, 70 - side // 2 : 70 + side // 2] = 0
    original, copy = encode(tmp_path / "a.mp4", before), encode(tmp_path / "b.mp4", after)
    assert bool(audit(original, copy).exposures) is exposed


@pytest.mark.slow
@pytest.mark.parametrize(("covered", "chosen"), [(10, False), (27, False), (33, True), (60, True)])
def test_a_kept_track_excuses_a_detection_only_where_it_covers_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, covered: int, chosen: bool
) -> None:
    """Someone who stands beside a person that was left visible is exposed all the same."""
    monkeypatch.setattr(OtherNetwork, "detect", finding((40.0, 20.0, 100.0, 80.0)))
    image = np.full((96, 160, 3), 160, np.uint8)
    original, copy = encode(tmp_path / "a.mp4", image), encode(tmp_path / "b.mp4", image)
    kept = Track(
        id=0,
        label="face",
        frames=np.arange(3, dtype=np.int32),
        boxes=np.tile(np.array([0, 0, 40 + covered, 96], np.float32), (3, 1)),
        scores=np.ones(3, np.float32),
        origin=np.full(3, Origin.DETECTED, np.uint8),
    )
    tracks = TrackFile(
        video="a.mp4", frames=3, width=160, height=96, classes=("face",), tracks=(kept,),
        shown=frozenset({0}),
    )  # fmt: skip
    with progress("auditing", 1) as live:
        report = Auditor(resolve(FACES), AuditConfig(tile=200)).video(original, copy, tracks, live)
    assert (len(report.exposures), report.kept) == ((0, 3) if chosen else (3, 0))
