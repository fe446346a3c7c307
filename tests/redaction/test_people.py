"""People: implausible detections while hiding, and doubtful ones in an audit."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.execution.outcomes import FileOutcome
from playhead.media import open_video
from playhead.progress import progress
from playhead.redaction.audit import AuditConfig, Auditor
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import RedactionConfig
from playhead.redaction.resolved import resolve
from playhead.redaction.run import redact_files, render
from playhead.worlds.street import StreetConfig, generate_street
from tests.redaction.conftest import (
    FRAMES,
    HEIGHT,
    WIDTH,
    FakeDetector,
    brightest,
    use_detector,
    write,
)

PEOPLE = RedactionConfig(hide=("person",))
WHOLE = (1.0, 1.0, WIDTH - 1.0, HEIGHT - 1.0)
WALKER = (60.0, 20.0, 84.0, 90.0)

Image = NDArray[np.uint8]
Rows = Sequence[tuple[tuple[float, float, float, float], float]]


def as_boxes(rows: Rows) -> Boxes:
    corners = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Boxes(corners, np.array([score for _, score in rows], np.float32))


class Scripted(FakeDetector):
    """Detects in each sampled frame, in their order, what a script says."""

    def __init__(self, script: Callable[[int], Rows]) -> None:
        self.script, self.sampled = script, 0

    def detect(self, images: Sequence[Image]) -> list[dict[str, Boxes]]:
        rows = [self.script(self.sampled + k) for k in range(len(images))]
        self.sampled += len(images)
        return [{"person": as_boxes(one)} for one in rows]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FileOutcome]:
    def hidden(script: Callable[[int], Rows]) -> FileOutcome:
        use_detector(monkeypatch, lambda: Scripted(script))
        source = write(tmp_path / "a.mp4")
        return redact_files([source], PEOPLE, out=tmp_path / "out", overwrite=True).files[0]

    return hidden


def test_a_box_around_the_frame_in_one_sampled_frame_hides_nothing_and_is_said(
    hide: Callable[..., FileOutcome],
) -> None:
    """Sampled are frames 0, 4, 8, ...: the third is frame 8."""
    outcome = hide(lambda look: [(WHOLE, 0.45)] if look == 2 else [])
    assert min(brightest(outcome.outputs[0])) > 200
    assert "hidden: 0 person" in outcome.notes
    [note] = [one for one in outcome.notes if "implausible" in one]
    assert note.startswith("1 implausible detection")
    assert note.endswith("frames 8")


def test_a_person_close_to_the_camera_is_hidden_and_the_covered_frames_are_said(
    hide: Callable[..., FileOutcome],
) -> None:
    outcome = hide(lambda look: [(WHOLE, 0.45)] if look in (2, 3) else [])
    shown = brightest(outcome.outputs[0])
    assert max(shown[8:13]) < 30
    assert not any("implausible" in one for one in outcome.notes)
    [note] = [one for one in outcome.notes if "wholly covered" in one]
    start, end = (int(number) for number in note.split(": ")[1].split("-"))
    assert start <= 8
    assert end >= 12
    assert all(level < 30 for level in shown[start : end + 1])


def test_a_weak_box_around_the_frame_does_not_prolong_the_track_of_somebody_smaller(
    hide: Callable[..., FileOutcome],
) -> None:
    body = (40.0, 2.0, 110.0, 94.0)
    outcome = hide(lambda look: [(body, 0.9)] if look < 3 else [(WHOLE, 0.15)] * (look < 6))
    tracks = read_tracks(outcome.outputs[1])
    assert [track.scores.min().item() for track in tracks.tracks] == [pytest.approx(0.9)]


def test_where_nobody_saw_them_people_grow_by_a_quarter_at_most_and_faces_by_a_half() -> None:
    redaction = resolve(RedactionConfig(hide=("person", "face")))
    assert redaction.extension("person").growth_limit == 0.25
    assert redaction.extension("face").growth_limit == 0.5
    less = RedactionConfig.model_validate({"extension": {"growth_limit": 0.1}})
    assert resolve(less).extension("person").growth_limit == 0.1


class Scene:
    """The networks of an audit, by name, each with what it finds in every frame."""

    def __init__(self, **found: Rows) -> None:
        self.found = found
        self.ran: list[str] = []

    def open(self, name: str, threads: int | None = None) -> "SceneDetector":
        return SceneDetector(name, self)


class SceneDetector:
    def __init__(self, name: str, scene: Scene) -> None:
        self.name, self.scene = name, scene
        self.labels = ("face",) if name == "centerface" else ("person",)

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[dict[str, Boxes]]:
        self.scene.ran.append(self.name)
        boxes = as_boxes(self.scene.found.get(self.name, ())).above(threshold)
        return [dict.fromkeys(self.labels, boxes) for _ in images]


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., AuditReport]:
    """Audit a copy of which a mask covers `masked`, with the networks of a scene."""

    def audited(scene: Scene, masked: Rows = (), config: RedactionConfig = PEOPLE) -> AuditReport:
        for module in ("audit_networks", "audit_people"):
            monkeypatch.setattr(f"playhead.redaction.{module}.open_detector", scene.open)
        monkeypatch.setattr(
            "playhead.redaction.audit_networks.require_weights", lambda names, group: None
        )
        use_detector(monkeypatch, lambda: Scripted(lambda sampled: masked))
        source = write(tmp_path / "a.mp4")
        copy = redact_files([source], config, out=tmp_path, overwrite=True).files[0].outputs[0]
        with progress("auditing", 1) as live:
            return Auditor(resolve(config), AuditConfig(tile=200)).video(source, copy, None, live)

    return audited


def test_a_box_around_the_frame_that_no_second_network_confirms_is_counted_apart(
    audit: Callable[..., AuditReport],
) -> None:
    report = audit(Scene(objectron=[(WHOLE, 0.46)]))
    assert report.passed
    assert report.to_json()["unconfirmed"] == FRAMES
    assert report.to_json()["unconfirmed_frames"] == list(range(FRAMES))
    assert f"{FRAMES} detections of people in {FRAMES} frames not counted" in report.describe()


@pytest.mark.slow
@pytest.mark.parametrize(
    "second",
    [
        {"people": [((4.0, 4.0, WIDTH - 8.0, HEIGHT - 1.0), 0.6)]},
        {"centerface": [((60.0, 8.0, 76.0, 26.0), 0.6)]},
    ],
)
def test_a_box_around_the_frame_that_a_second_network_confirms_is_exposed(
    audit: Callable[..., AuditReport], second: dict[str, Rows]
) -> None:
    report = audit(Scene(objectron=[(WHOLE, 0.46)], **second))
    assert len(report.exposures) == FRAMES
    assert report.to_json()["unconfirmed"] == 0


@pytest.mark.slow
def test_a_box_drawn_around_a_mask_counts_only_where_a_second_network_confirms_it(
    audit: Callable[..., AuditReport],
) -> None:
    around = (40.0, 10.0, 110.0, 96.0)
    masked = [(WALKER, 0.9)]
    white = RedactionConfig.model_validate({"hide": ["person"], "style": {"colour": "white"}})
    assert audit(Scene(objectron=[(around, 0.46)]), masked, white).passed
    confirmed = Scene(objectron=[(around, 0.46)], people=[(around, 0.5)])
    assert len(audit(confirmed, masked, white).exposures) == FRAMES


@pytest.mark.slow
def test_a_person_who_is_in_no_mask_needs_no_second_network(
    audit: Callable[..., AuditReport],
) -> None:
    scene = Scene(objectron=[(WALKER, 0.4)])
    assert len(audit(scene).exposures) == FRAMES
    assert "people" not in scene.ran
    assert audit(Scene(objectron=[(WALKER, 0.39)])).passed


def test_under_a_weak_style_a_person_who_is_found_again_needs_no_second_network(
    audit: Callable[..., AuditReport],
) -> None:
    mosaic = RedactionConfig.model_validate({"hide": ["person"], "style": {"style": "mosaic"}})
    report = audit(Scene(objectron=[(WALKER, 0.46)]), [(WALKER, 0.9)], mosaic)
    assert len(report.exposures) == FRAMES


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street with people, 1 s; its true tracks lie beside it."""
    folder = tmp_path_factory.mktemp("street")
    config = StreetConfig(seconds=1, width=640, height=360, people=4, cars=2)
    generate_street(folder, count=1, seed=41, config=config, processes=1)
    return folder / "street-000.mp4"


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("covered", [True, False])
def test_people_who_are_covered_pass_the_audit_and_visible_ones_do_not(
    street: Path, tmp_path: Path, packaged_weights: Callable[[str], Path], covered: bool
) -> None:
    for name in ("objectron", "people", "centerface"):
        packaged_weights(name)
    truth = read_tracks(street.with_suffix("").with_suffix(SUFFIX))
    people = tuple(one for one in truth.tracks if one.label == "person") if covered else ()
    config = PEOPLE.model_copy(update={"threads": 1})
    file = TrackFile(
        video=street.name,
        frames=truth.frames,
        width=truth.width,
        height=truth.height,
        classes=("person",),
        tracks=people,
        settings=resolve(config).settings(),
    )
    copy = tmp_path / "copy.mp4"
    with open_video(street) as video, progress("hiding", 1) as live:
        render(video, file, config, copy, live)
    with progress("auditing", 1) as live:
        report = Auditor(resolve(config), AuditConfig(every_seconds=0.2)).video(
            street, copy, file, live
        )
    exposed = {one.frame for one in report.exposures}
    assert len(exposed) == (0 if covered else report.classes["person"].frames_audited)
