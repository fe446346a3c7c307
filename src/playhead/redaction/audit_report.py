"""What an audit found: exposures, checks of the file, and the verdict in words and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Box

__all__ = ["AuditReport", "Check", "Exposure", "counted", "plural"]

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
class AuditReport:
    """What an audit found.

    frames: of the video; looked: how many of them were looked at
    hiders, detectors: by label the network that hid, and the one that looked for what is left
    unaudited: by label why nobody looked
    pictures: by index in `exposures` the same crop of the original and of the output, RGB
    kept: finds that a person chose to leave visible, which are no exposures
    still: whether it is of an image, which has no frames and no tracks
    """

    original: str
    redacted: str
    frames: int
    looked: int
    hiders: Mapping[str, str] = field(default_factory=dict)
    detectors: Mapping[str, str]
    unaudited: Mapping[str, str] = field(default_factory=dict)
    exposures: Sequence[Exposure] = ()
    pictures: Mapping[int, tuple[RGB, RGB]] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    kept: int = 0
    still: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing exposed was found and every check holds; exit code 4 where not."""
        return not self.exposures and all(check.ok for check in self.checks)

    @property
    def complete(self) -> bool:
        """Whether every frame was looked at, for every label."""
        return self.looked == self.frames > 0 and bool(self.detectors) and not self.unaudited

    def headline(self) -> str:
        """In a few words whether the output is safe, claiming no more than was looked at."""
        if self.exposures:
            return "EXPOSED"
        if not self.passed:
            return "NOT SAFE: a check failed"
        if not self.detectors or not self.looked:
            return "NOT AUDITED: nobody looked"
        return "nothing exposed was found" + (
            "" if self.complete else ", but not all was looked at"
        )

    def verdict(self) -> tuple[str, ...]:
        """A sentence for each label that was looked for, each that was not, each failed check.

        And one for what a person chose to leave visible.
        """
        kept = counted(self.kept, "track-frame")
        return (
            *(f"{self._exposed(label)} in {self._looked()}" for label in self.detectors),
            *([f"{kept} that a person chose to leave visible"] if self.kept else []),
            *(f"{plural(label)}: unaudited ({why})" for label, why in self.unaudited.items()),
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
            "frames": self.frames,
            "looked": self.looked,
            "hiders": dict(self.hiders),
            "detectors": dict(self.detectors),
            "unaudited": dict(self.unaudited),
            "exposed_track_frames": len(self.exposures),
            "exposures": [asdict(one) for one in self.exposures],
            "kept": self.kept,
            "checks": [asdict(one) for one in self.checks],
        }

    def _looked(self) -> str:
        frames = f"{counted(self.frames, 'frame')} looked at"
        if self.looked != self.frames:
            return f"{self.looked:,} of {frames}"
        return "the picture" if self.still else frames

    def _exposed(self, label: str) -> str:
        tracks = [one.track for one in self.exposures if one.label == label]
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
