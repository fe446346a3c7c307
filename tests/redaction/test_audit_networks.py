"""Which network audits which class: another one, the one that hid, or none, and why."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.inference.weights import find_weight
from playhead.redaction.audit import AuditConfig
from playhead.redaction.audit_networks import audit_plan, other_networks
from playhead.redaction.config import RedactionConfig
from playhead.redaction.resolved import CustomBundle, ResolvedRedaction


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playhead.redaction.audit_networks.is_fetched", lambda name: True)


def redaction_of(*classes: str, **values: Any) -> ResolvedRedaction:
    """A redaction as a track file records it; classes: those of its custom detector, if any."""
    values["detection"] = {"plates": "both", **values.get("detection", {})}
    config = validate(RedactionConfig, values, source="the test")
    street = CustomBundle(name="street", sha256="0" * 64, classes=classes)
    return ResolvedRedaction(config=config, bundles=(street,) if classes else (), thresholds={})


def planned(
    redaction: ResolvedRedaction, *, skip: Collection[str] = (), accept: Collection[str] = ()
) -> dict[str, tuple[str, str]]:
    plan = audit_plan(redaction, skip=skip, accept=accept)
    return {label: (one.audited, one.network) for label, one in plan.items()}


def test_faces_and_people_are_audited_by_other_networks_plates_and_cars_by_the_same() -> None:
    config = redaction_of(hide=["face", "plate", "person", "car"])
    assert planned(config) == {
        "face": ("independent", "blazeface"),
        "plate": ("same network", "playhead-plates, plates"),
        "person": ("independent", "objectron"),
        "car": ("same network", "objectron"),
    }
    fast = redaction_of(hide=["face"], detection={"faces": "blazeface"})
    assert planned(fast) == {"face": ("independent", "centerface")}


@pytest.mark.parametrize(
    ("hides", "audits"), [("playhead-plates", "plates"), ("plates", "playhead-plates")]
)
def test_plates_that_one_network_hid_are_audited_by_the_other(hides: str, audits: str) -> None:
    redaction = redaction_of(hide=["plate"], detection={"plates": hides})
    assert planned(redaction) == {"plate": ("independent", audits)}


def test_without_the_other_plate_network_the_same_one_audits_and_the_reason_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "playhead.redaction.audit_networks.is_fetched", lambda name: name != "plates"
    )
    redaction = redaction_of(hide=["plate"], detection={"plates": "playhead-plates"})
    plan = audit_plan(redaction)["plate"]
    assert (plan.audited, plan.network) == ("same network", "playhead-plates")
    assert "`playhead weights get plates`" in plan.reason


def test_each_plate_network_exposes_plates_from_its_own_score() -> None:
    config = AuditConfig()
    assert config.threshold("plate", "playhead-plates") == 0.5
    assert config.threshold("plate", "plates") == config.threshold("car", "objectron") == 0.65
    assert AuditConfig(plate=0.3).threshold("plate", "playhead-plates") == 0.3


def test_a_copy_of_the_own_plate_network_does_not_audit_itself() -> None:
    weight = find_weight("playhead-plates")
    assert weight is not None
    copy = CustomBundle(name="mine", sha256=weight.sha256, classes=("plate",))
    config = validate(RedactionConfig, {"hide": ["plate"]}, source="the test")
    redaction = ResolvedRedaction(config=config, bundles=(copy,), thresholds={})
    assert planned(redaction) == {"plate": ("independent", "plates")}


def test_heads_are_not_audited_although_faces_are_looked_for() -> None:
    plan = audit_plan(redaction_of(hide=["head"]))
    assert {label: one.audited for label, one in plan.items()} == {
        "head": "none",
        "face": "independent",
    }
    assert plan["head"].hidden_by == "centerface, people"
    assert "seen from behind" in plan["head"].reason
    assert (plan["face"].network, plan["face"].hidden_by) == ("blazeface", "")


def test_what_a_custom_detector_hid_is_audited_by_the_packaged_network_that_knows_it() -> None:
    hidden = ("face", "car", "plate", "person")
    assert planned(redaction_of(*hidden, hide=hidden)) == {
        "face": ("independent", "centerface"),
        "car": ("independent", "objectron"),
        "plate": ("independent", "playhead-plates"),
        "person": ("independent", "objectron"),
    }


def test_a_class_that_only_a_custom_detector_knows_is_audited_by_it_where_it_is_at_hand() -> None:
    away = redaction_of("dog", "head", hide=["dog", "head"])
    assert {one for one, _ in planned(away).values()} == {"none", "independent"}
    assert "give it with --bundle" in audit_plan(away)["dog"].reason
    here = away.located([Path("runs/street")])
    assert planned(here) == {
        "dog": ("same network", "street"),
        "head": ("same network", "street"),
        "face": ("independent", "centerface"),
    }


def test_a_hidden_class_that_is_left_out_stays_in_the_plan_as_unaudited() -> None:
    plan = audit_plan(redaction_of(hide=["face", "plate"]), skip=["plate"])
    assert (plan["plate"].audited, plan["plate"].reason) == ("none", "left out by --hide")
    assert plan["face"].audited == "independent"


def test_only_a_hidden_class_can_be_accepted() -> None:
    plan = audit_plan(redaction_of(hide=["head", "plate"]), accept=["head"])
    assert [label for label, one in plan.items() if one.accepted] == ["head"]
    with pytest.raises(
        ConfigError, match="--accept-unaudited car: this class is not hidden; choose from face"
    ):
        audit_plan(redaction_of(hide=["face"]), accept=["car"])


def test_no_network_audits_a_class_independently_that_it_hid() -> None:
    for faces in ("centerface", "blazeface"):
        for hide in (["face"], ["head"], ["face", "head", "person", "plate", "car"]):
            config = redaction_of(hide=hide, detection={"faces": faces})
            for label, network in other_networks(config).items():
                assert (label, network) not in {("face", faces), ("person", "people")}
