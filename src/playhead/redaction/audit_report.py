"""The result of an audit: exposures, checks of the file, the verdict as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Box
from playhead.output import counted

__all__ = ["AuditReport", "Audited", "Check", "ClassAudit", "ExposedObject", "plural"]

Audited = Literal["independent", "same network", "none"]

RGB = NDArray[np.uint8]
PLURALS = {"person": "people"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedObject:
    """An object that is visible in one frame of the output: a track-frame.

    track: its number among the exposed tracks; time: seconds; box: pixels of the displayed frame
    kind: the evidence, as the page shows it
    """

    track: int
    frame: int
    time: float
    label: str
    box: Box
    score: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A property that the output file must have; detail: the values found."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAudit:
    """How one class was audited.

    audited: by an independent network, by the redacting network, or not at all
    hidden_by, network: the networks that hid it and that checked the copy; empty without any
    reason: why no other network checked it; accepted: whether the user allowed it to stay unaudited
    frames_audited: number of frames that were checked
    """

    audited: Audited
    hidden_by: str = ""
    network: str = ""
    reason: str = ""
    accepted: bool = False
    frames_audited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The findings of an audit.

    frames: number of frames of the video; classes: how each hidden class was audited
    crops: by index in `exposures`, the same crop of the original and of the output, RGB (H, W, 3)
    kept: detections that a person chose to leave visible, which are not exposures
    unconfirmed: the frame of each detection of a person that encloses masks or most of the frame
        and that no second network confirms; these are not exposures
    still: whether an image was audited, which has no frames and no tracks
    """

    original: str
    redacted: str
    frames: int
    classes: Mapping[str, ClassAudit]
    exposures: Sequence[ExposedObject] = ()
    crops: Mapping[int, tuple[RGB, RGB]] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    kept: int = 0
    unconfirmed: Sequence[int] = ()
    still: bool = False

    @property
    def unaudited(self) -> tuple[str, ...]:
        """The classes that no network checked, accepted or not."""
        return tuple(label for label, audit in self.classes.items() if not audit.frames_audited)

    @property
    def passed(self) -> bool:
        """Whether nothing was exposed, every check passed, and each class was audited or accepted.

        If not, the exit code is 4.
        """
        refused = [label for label in self.unaudited if not self.classes[label].accepted]
        return not self.exposures and not refused and all(check.ok for check in self.checks)

    @property
    def independent(self) -> bool:
        """Whether each class was checked in every frame by an independent network."""
        return all(
            audit.audited == "independent" and audit.frames_audited == self.frames > 0
            for audit in self.classes.values()
        )

    def headline(self) -> str:
        """The verdict in a few words, which claim no more than was checked."""
        if self.exposures:
            return "EXPOSED"
        if not all(check.ok for check in self.checks):
            return "NOT SAFE: a check failed"
        unaudited = " and ".join(map(plural, self.unaudited))
        if not self.passed:
            return f"NOT AUDITED: no network checked {unaudited}"
        again = " and ".join(
            plural(label)
            for label, audit in self.classes.items()
            if audit.audited == "same network" and audit.frames_audited
        )
        partly = any(
            0 < audit.frames_audited < self.frames
            for audit in self.classes.values()
            if audit.audited == "independent"
        )
        limits = [
            *([f"{unaudited} were not checked"] if unaudited else []),
            *([f"{again} were checked only by the network that hid them"] if again else []),
            *(["not every frame was checked"] if partly else []),
        ]
        return "nothing exposed was found" + (f", but {', and '.join(limits)}" if limits else "")

    def verdict(self) -> tuple[str, ...]:
        """A sentence for each class, for each failed check, and for detections kept visible."""
        kept = counted(self.kept, "track-frame")
        unconfirmed = counted(len(self.unconfirmed), "detection")
        where = counted(len(set(self.unconfirmed)), "frame")
        return (
            *(self._sentence(label, audit) for label, audit in self.classes.items()),
            *([f"{kept} that a person chose to leave visible"] if self.kept else []),
            *(
                [
                    f"{unconfirmed} of people in {where} not counted: around masks or most of "
                    "the frame, and not confirmed by a second network"
                ]
                if self.unconfirmed
                else []
            ),
            *(f"failed: {check.name}: {check.detail}" for check in self.checks if not check.ok),
        )

    def describe(self) -> str:
        """The name of the output, the headline and the verdict as lines of plain text."""
        return "\n".join(
            [
                f"{self.redacted}: {self.headline()}",
                *(f"  {sentence}" for sentence in self.verdict()),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the crops, as JSON."""
        return {
            "original": self.original,
            "redacted": self.redacted,
            "passed": self.passed,
            "independent": self.independent,
            "frames": self.frames,
            "classes": {
                label: {**asdict(audit), "exposed_track_frames": len(self.exposed(label))}
                for label, audit in self.classes.items()
            },
            "exposed_track_frames": len(self.exposures),
            "exposures": [asdict(exposure) for exposure in self.exposures],
            "kept": self.kept,
            "unconfirmed": len(self.unconfirmed),
            "unconfirmed_frames": sorted(set(self.unconfirmed)),
            "checks": [asdict(check) for check in self.checks],
        }

    def exposed(self, label: str) -> list[ExposedObject]:
        """The exposures of a class."""
        return [exposure for exposure in self.exposures if exposure.label == label]

    def _sentence(self, label: str, audit: ClassAudit) -> str:
        if not audit.frames_audited:
            accepted = ", which was accepted" if audit.accepted else ""
            why = audit.reason or "no frame could be read"
            return f"{plural(label)}: not audited{accepted} ({why})"
        frames = "the image" if self.still else counted(self.frames, "frame")
        if audit.frames_audited != self.frames:
            frames = f"{audit.frames_audited:,} of {frames}"
        by = f"another network ({audit.network})"
        if audit.audited == "same network":
            by = (
                f"the network that hid them ({audit.network}), in tiles and at a lower threshold; "
                "objects that it cannot detect are missed again"
            )
        return f"{self._exposed(label)} in {frames}, checked by {by}"

    def _exposed(self, label: str) -> str:
        tracks = [exposure.track for exposure in self.exposed(label)]
        if self.still:
            return f"{len(tracks):,} exposed {label if len(tracks) == 1 else plural(label)}"
        count = counted(len(tracks), "exposed track-frame")
        several = f" ({counted(len(set(tracks)), 'track')})" if tracks else ""
        return f"{count} of {plural(label)}{several}"


def plural(label: str) -> str:
    """A class in the plural: `faces`, `people`."""
    return PLURALS.get(label, f"{label}s")
