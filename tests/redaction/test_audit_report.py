"""The verdict of an audit: how it counts, what it claims of each class, and when it passes."""

import json
from dataclasses import replace

import pytest

from playhead.redaction.audit_report import AuditReport, Check, ClassAudit, ExposedObject

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
AGAIN = (
    "checked by the network that hid them (plates), in tiles and at a lower threshold; objects "
    "that it cannot detect are missed again"
)


def exposure(track: int, frame: int, label: str = "face") -> ExposedObject:
    return ExposedObject(
        track=track,
        frame=frame,
        time=frame / 25,
        label=label,
        box=(10, 20, 30, 40),
        score=0.6,
        kind="not hidden",
    )


def report(**changes: object) -> AuditReport:
    clean = AuditReport(
        original="street.mp4",
        redacted="street_redacted.mp4",
        frames=1200,
        classes={"face": FACE, "plate": PLATE},
        checks=[Check(name="frame times", ok=True)],
    )
    return replace(clean, **changes)  # type: ignore[arg-type]


def test_each_class_has_a_sentence_that_says_which_network_checked_it_in_how_many_frames() -> None:
    assert report(classes={"face": FACE, "plate": PLATE, "head": HEAD}).verdict() == (
        "0 exposed track-frames of faces in 1,200 frames, checked by another network (blazeface)",
        f"0 exposed track-frames of plates in 100 of 1,200 frames, {AGAIN}",
        "heads: not audited (no network finds heads)",
    )


@pytest.mark.parametrize(
    ("classes", "headline", "passed", "independent"),
    [
        ({"face": FACE}, "nothing exposed was found", True, True),
        (
            {"face": FACE, "plate": PLATE},
            "nothing exposed was found, but plates were checked only by the network that hid them",
            True,
            False,
        ),
        (
            {"plate": PLATE, "car": PLATE, "head": replace(HEAD, accepted=True)},
            "nothing exposed was found, but heads were not checked, and plates and cars were "
            "checked only by the network that hid them",
            True,
            False,
        ),
        (
            {"face": replace(FACE, frames_audited=600)},
            "nothing exposed was found, but not every frame was checked",
            True,
            False,
        ),
        (
            {"face": FACE, "head": HEAD, "dog": HEAD},
            "NOT AUDITED: no network checked heads and dogs",
            False,
            False,
        ),
        (
            {"plate": replace(PLATE, frames_audited=0)},
            "NOT AUDITED: no network checked plates",
            False,
            False,
        ),
    ],
)
def test_an_audit_passes_and_is_independent_only_as_far_as_every_class_was_checked(
    classes: dict[str, ClassAudit], headline: str, passed: bool, independent: bool
) -> None:
    found = report(classes=classes)
    assert (found.headline(), found.passed, found.independent) == (headline, passed, independent)
    document = found.to_json()
    assert (document["passed"], document["independent"]) == (passed, independent)


@pytest.mark.parametrize("classes", [{"face": FACE}, {"face": FACE, "head": HEAD}])
def test_an_exposure_comes_before_everything_else_and_fails_the_audit(
    classes: dict[str, ClassAudit],
) -> None:
    found = report(classes=classes, exposures=[exposure(0, 1)])
    assert (found.headline(), found.passed) == ("EXPOSED", False)


def test_accepting_a_class_excuses_no_exposure_and_no_failed_check() -> None:
    accepted = {"head": replace(HEAD, accepted=True), "face": replace(FACE, accepted=True)}
    assert report(classes=accepted).passed
    assert not report(classes=accepted, exposures=[exposure(0, 1)]).passed
    assert not report(classes=accepted, checks=[Check(name="sound tracks", ok=False)]).passed
    assert "heads: not audited, which was accepted (no network finds heads)" in (
        report(classes=accepted).verdict()
    )


def test_exposures_are_counted_by_class_and_track() -> None:
    found = [exposure(0, k) for k in range(10)] + [exposure(1, 5), exposure(1, 6)]
    found.append(exposure(2, 7, label="person"))
    person = replace(FACE, network="objectron", frames_audited=600)
    both = report(exposures=found, classes={"face": FACE, "person": person})
    assert not both.passed
    assert both.verdict() == (
        "12 exposed track-frames of faces (2 tracks) in 1,200 frames, checked by another network "
        "(blazeface)",
        "1 exposed track-frame of people (1 track) in 600 of 1,200 frames, checked by another "
        "network (objectron)",
    )
    counts = {
        label: one["exposed_track_frames"] for label, one in both.to_json()["classes"].items()
    }
    assert counts == {"face": 12, "person": 1}


def test_the_document_of_an_audit_is_json_that_names_every_class_and_every_exposed_frame() -> None:
    found = report(exposures=[exposure(0, 7), exposure(0, 8)])
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["exposed_track_frames"] == 2
    assert [one["frame"] for one in document["exposures"]] == [7, 8]
    assert document["exposures"][0]["box"] == [10, 20, 30, 40]
    assert document["passed"] is False
    assert document["classes"]["plate"] == {
        "audited": "same network",
        "hidden_by": "plates",
        "network": "plates",
        "reason": "no other network finds plates",
        "accepted": False,
        "frames_audited": 100,
        "exposed_track_frames": 0,
    }


def test_an_audit_in_words_begins_with_the_headline() -> None:
    for found in (report(), report(exposures=[exposure(0, 1)])):
        first, *rest = found.describe().splitlines()
        assert first == f"street_redacted.mp4: {found.headline()}"
        assert [line.strip() for line in rest] == list(found.verdict())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frames": 1}, "0 exposed track-frames of faces in 1 frame, "),
        ({"frames": 5}, "0 exposed track-frames of faces in 1 of 5 frames, "),
        (
            {"frames": 1, "exposures": [exposure(0, 1)]},
            "1 exposed track-frame of faces (1 track) in 1 frame, ",
        ),
        ({"still": True, "frames": 1}, "0 exposed faces in the image, "),
        (
            {"still": True, "frames": 1, "exposures": [exposure(0, 0)]},
            "1 exposed face in the image, ",
        ),
    ],
)
def test_a_verdict_counts_one_as_one_and_an_image_as_an_image(
    changes: dict[str, object], said: str
) -> None:
    once = {"face": replace(FACE, frames_audited=1)}
    assert report(classes=once, **changes).verdict()[0].startswith(said)
