"""Choice of the network that audits each class of a redacted copy.

`independent`: another network than the redaction used. `same network`: no other network detects the
class, so the redacting network runs again, in tiles and at a lower threshold; objects that it
cannot detect are missed twice. `none`: no network can detect it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from playhead.errors import ConfigError
from playhead.inference.detectors import PLATE_PAIR, Detector, open_detector, weights_of
from playhead.inference.offer import require_weights
from playhead.inference.weights import find_weight, is_fetched
from playhead.redaction.audit_people import CONFIRMING
from playhead.redaction.audit_report import Audited, ClassAudit, plural
from playhead.redaction.detect import RedactionDetector
from playhead.redaction.resolved import ResolvedRedaction

__all__ = ["audit_plan", "open_independent", "open_same", "other_networks"]


def audit_plan(
    redaction: ResolvedRedaction, *, accept: Collection[str] = (), skip: Collection[str] = ()
) -> dict[str, ClassAudit]:
    """How each hidden class is audited, and faces if heads were hidden.

    accept: classes that may stay unaudited; skip: classes to leave unaudited
    Raises ConfigError if `accept` names a class that was not hidden.
    """
    unknown = [label for label in accept if label not in redaction.config.hide]
    if unknown:
        raise ConfigError(
            f"--accept-unaudited {unknown[0]}: this class is not hidden; choose from "
            f"{', '.join(redaction.config.hide)}"
        )
    others = other_networks(redaction)
    plan = {}
    for label in redaction.config.hide:
        hidden_by = ", ".join(redaction.detectors(label))
        audited: Audited
        if label in skip:
            audited, network, reason = "none", "", "left out by --hide"
        elif label in others:
            audited, network, reason = "independent", others[label], ""
        elif obstacle := _obstacle(label, redaction):
            audited, network, reason = "none", "", obstacle
        else:
            audited, network = "same network", hidden_by
            reason = f"no other network detects {plural(label)}"
            if label == "plate" and (missing := _free_plate_networks(redaction)):
                reason = (
                    f"the other network, {missing[0]}, has not been fetched: use "
                    f"`playhead weights get {missing[0]}`"
                )
        plan[label] = ClassAudit(
            audited=audited,
            hidden_by=hidden_by,
            network=network,
            reason=reason,
            accepted=label in accept,
        )
    if "head" in plan and "head" not in skip and "face" not in plan:
        plan["face"] = ClassAudit(audited="independent", network=others["face"])
    return plan


def other_networks(redaction: ResolvedRedaction) -> dict[str, str]:
    """For each class that can be audited independently, a network that the redaction did not use.

    Hidden heads are audited by detecting faces, since no packaged network detects heads. People are
    always audited by `objectron`. Plates that one of the two plate networks hid are audited by the
    other, if it is there. Faces, plates and cars that custom detectors hid are audited by the
    packaged network of the class.
    """
    used = redaction.weights()
    names = {}
    if {"face", "head"} & set(redaction.config.hide):
        faces = redaction.config.detection.faces
        names["face"] = {"centerface": "blazeface", "blazeface": "centerface"}[faces]
        if faces not in used:
            names["face"] = faces
    if "person" in redaction.config.hide:
        names["person"] = "objectron"
    if "plate" in redaction.config.hide:
        free = [name for name in _free_plate_networks(redaction) if is_fetched(name)]
        if free:
            names["plate"] = free[0]
    if "car" in redaction.config.hide and redaction.custom("car"):
        names["car"] = redaction.packaged()["car"]
    return names


def open_independent(
    plan: Mapping[str, ClassAudit], *, threads: int | None = None
) -> dict[str, Detector]:
    """Open the independent network of each class; WeightsError if one is not downloaded."""
    names = {
        label: audit.network for label, audit in plan.items() if audit.audited == "independent"
    }
    confirming = CONFIRMING if "person" in names else ()
    require_weights([*names.values(), *confirming], "redaction")
    return {label: open_detector(name, threads=threads) for label, name in names.items()}


def open_same(
    redaction: ResolvedRedaction, scores: Mapping[str, float], *, tile: int, overlap: int
) -> RedactionDetector | None:
    """The redacting networks, to detect again, in tiles, the classes that only they detect.

    scores: the minimum score for each of these classes; returns None if there are none
    Raises WeightsError if one is not downloaded, BundleError if a custom detector is not the one of
    the redaction.
    """
    if not scores:
        return None
    config = redaction.config.model_copy(update={"hide": tuple(scores)})
    again = replace(redaction, config=config, thresholds={**redaction.thresholds, **scores})
    again = again.changed(tile=tile, overlap=overlap)
    require_weights(again.weights(), "redaction")
    return RedactionDetector(again)


def _free_plate_networks(redaction: ResolvedRedaction) -> list[str]:
    """The plate networks that did not hide, fetched or not.

    A custom detector that is a copy of Playhead's own network counts as that.
    """
    own = find_weight("playhead-plates")
    copied = {bundle.sha256 for bundle in redaction.custom("plate")}
    used = set(redaction.weights())
    if own is not None and own.sha256 in copied:
        used.add(own.name)
    return [name for name in weights_of(PLATE_PAIR) if name not in used]


def _obstacle(label: str, redaction: ResolvedRedaction) -> str:
    """Why the redacting networks cannot detect a class in a copy; empty if they can."""
    if redaction.is_derived(label):
        return (
            f"no network detects {label}s; faces are detected instead, but a {label} seen from "
            "behind has none"
        )
    custom = redaction.custom(label)
    if custom and not redaction.config.detection.bundles:
        names = ", ".join(bundle.name for bundle in custom)
        return f"the folder of its custom detector, {names}, is unknown; give it with --bundle"
    return ""
