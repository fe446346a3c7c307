"""What an audit found: exposures, checks of the file, and the verdict in words and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Box

__all__ = ["AuditReport", "Audited", "Check", "ClassAudit", "Exposure", "counted", "plural"]

Audited = Literal["independent", "same network", "none"]

RGB = NDArray[np.uint8]
PLURALS = {"person": "people"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One object that can be seen in one frame of the output: a track-frame.

    track: its number among the exposed tracks; time: seconds; box: pixels of the displayed picture
    kind: how it was told, as the page shows it
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
    """Something that must hold of the output as a file; `detail` says what was found."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAudit:
    """How one class was audited.

    audited: by a network that did not hide it, by the one that did, or not at all
    hidden_by, network: what hid it, what looked for it in the copy; empty where nothing did
    reason: why no other network looked; accepted: the user said that it may stay unaudited
    looked: in how many frames it was looked for
    """

    audited: Audited
    hidden_by: str = ""
    network: str = ""
    reason: str = ""
    accepted: bool = False
    looked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found.

    frames: of the video; classes: how each hidden class was audited
    pictures: by index in `exposures` the same crop of the original and of the output, RGB
    kept: finds that a person chose to leave visible, which are no exposures
    unconfirmed: the frame of each box of a person that lies around masks or most of the frame and
        that no second network confirms; such boxes are no exposures
    still: whether it is of an image, which has no frames and no tracks
    """

    original: str
    redacted: str
    frames: int
    classes: Mapping[str, ClassAudit]
    exposures: Sequence[Exposure] = ()
    pictures: Mapping[int, tuple[RGB, RGB]] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    kept: int = 0
    unconfirmed: Sequence[int] = ()
    still: bool = False

    @property
    def unaudited(self) -> tuple[str, ...]:
        """The classes that nothing looked for, accepted or not."""
        return tuple(label for label, one in self.classes.items() if not one.looked)

    @property
    def passed(self) -> bool:
        """Whether the exit code is 0 and not 4.

        Nothing exposed was found, every check of the file holds, and each class was checked by
        some network or accepted as unaudited.
        """
        refused = [label for label in self.unaudited if not self.classes[label].accepted]
        return not self.exposures and not refused and all(check.ok for check in self.checks)

    @property
    def independent(self) -> bool:
        """Whether another network than those that hid checked every class in every frame."""
        return all(
            one.audited == "independent" and one.looked == self.frames > 0
            for one in self.classes.values()
        )

    def headline(self) -> str:
        """In a few words whether the output is safe, claiming no more than was looked at."""
        if self.exposures:
            return "EXPOSED"
        if not all(check.ok for check in self.checks):
            return "NOT SAFE: a check failed"
        unaudited = " and ".join(map(plural, self.unaudited))
        if not self.passed:
            return f"NOT AUDITED: no network checked {unaudited}"
        again = " and ".join(
            plural(label)
            for label, one in self.classes.items()
            if one.audited == "same network" and one.looked
        )
        partly = any(
            0 < one.looked < self.frames
            for one in self.classes.values()
            if one.audited == "independent"
        )
        limits = [
            *([f"{unaudited} were not checked"] if unaudited else []),
            *([f"{again} were checked only by the network that hid them"] if again else []),
            *(["not every frame was checked"] if partly else []),
        ]
        return "nothing exposed was found" + (f", but {', and '.join(limits)}" if limits else "")

    def verdict(self) -> tuple[str, ...]:
        """A sentence for each class and for each failed check.

        And one for what a person chose to leave visible.
        """
        kept = counted(self.kept, "track-frame")
        unconfirmed = counted(len(self.unconfirmed), "detection")
        where = counted(len(set(self.unconfirmed)), "frame")
        return (
            *(self._sentence(label, one) for label, one in self.classes.items()),
            *([f"{kept} that a person chose to leave visible"] if self.kept else []),
            *(
                [
                    f"{unconfirmed} of people in {where} not counted: around masks or most of "
                    "the frame, and not confirmed by a second network"
                ]
                if self.unconfirmed
                else []
            ),
            *(f"failed: {one.name}: {one.detail}" for one in self.checks if not one.ok),
        )

    def describe(self) -> str:
        """The verdict as lines of plain text under the name of the output and the headline."""
        return "\n".join(
            [f"{self.redacted}: {self.headline()}", *(f"  {one}" for one in self.verdict())]
        )

    def to_json(self) -> dict[str, Any]:
        """All but the pictures, as JSON holds it."""
        return {
            "original": self.original,
            "redacted": self.redacted,
            "passed": self.passed,
            "independent": self.independent,
            "frames": self.frames,
            "classes": {
                label: {**asdict(one), "exposed_track_frames": len(self.exposed(label))}
                for label, one in self.classes.items()
            },
            "exposed_track_frames": len(self.exposures),
            "exposures": [asdict(one) for one in self.exposures],
            "kept": self.kept,
            "unconfirmed": len(self.unconfirmed),
            "unconfirmed_frames": sorted(set(self.unconfirmed)),
            "checks": [asdict(one) for one in self.checks],
        }

    def exposed(self, label: str) -> list[Exposure]:
        """The exposures of a class."""
        return [one for one in self.exposures if one.label == label]

    def _sentence(self, label: str, one: ClassAudit) -> str:
        if not one.looked:
            accepted = ", which was accepted" if one.accepted else ""
            why = one.reason or "no frame could be read"
            return f"{plural(label)}: not audited{accepted} ({why})"
        frames = "the image" if self.still else counted(self.frames, "frame")
        if one.looked != self.frames:
            frames = f"{one.looked:,} of {frames}"
        by = f"another network ({one.network})"
        if one.audited == "same network":
            by = (
                f"the network that hid them ({one.network}), in tiles and at a lower score; what "
                "it cannot see it misses again"
            )
        return f"{self._exposed(label)} in {frames}, checked by {by}"

    def _exposed(self, label: str) -> str:
        tracks = [one.track for one in self.exposed(label)]
        if self.still:
            return f"{len(tracks):,} exposed {label if len(tracks) == 1 else plural(label)}"
        count = counted(len(tracks), "exposed track-frame")
        several = f" ({counted(len(set(tracks)), 'track')})" if tracks else ""
        return f"{count} of {plural(label)}{several}"


def plural(label: str) -> str:
    """`faces`, `people`: a class in the plural."""
    return PLURALS.get(label, f"{label}s")


def counted(number: int, thing: str) -> str:
    """`1 frame`, `1,200 frames`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
