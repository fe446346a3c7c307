"""The leak audit: networks run on the copy, if possible others than those that hid.

`audit_networks` chooses the network of each class, `audit_findings` tells which detections are
exposures.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.config import Settings
from playhead.decisions.boxes import Boxes
from playhead.errors import DamagedError, MediaError, PlayheadError
from playhead.events.formats.tracks import TrackFile
from playhead.inference.detectors import detect_tiled
from playhead.inference.detectors.video import sampled_frames
from playhead.media import Video, open_video
from playhead.progress import Progress
from playhead.redaction.audit_checks import check_image, check_same, check_video
from playhead.redaction.audit_findings import NO_BOXES, AuditFindings, kept_boxes
from playhead.redaction.audit_networks import audit_plan, open_independent, open_same
from playhead.redaction.audit_people import PeopleConfirmation
from playhead.redaction.audit_report import Audited, AuditReport, Check
from playhead.redaction.images import paired_views, read_image
from playhead.redaction.resolved import ResolvedRedaction

__all__ = ["AuditConfig", "Auditor"]

AGAIN = 2 / 3
"""The part of the threshold at which a network hid that counts when it audits the copy."""

Image = NDArray[np.uint8]


class AuditConfig(Settings):
    """How closely the audit detects."""

    face: float = Field(
        default=0.65, gt=0, le=1, description="the score at which a detected face is an exposure"
    )
    person: float = Field(
        default=0.4, gt=0, le=1, description="the same of people, whose network gives low scores"
    )
    plate: float = Field(
        default=0.65, gt=0, le=1, description="the same of plates, if a custom detector hid them"
    )
    car: float = Field(
        default=0.65, gt=0, le=1, description="the same of cars, if a custom detector hid them"
    )
    again: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the same of a class that only the network that hid detects; null: two thirds "
        "of the threshold at which it hid",
    )
    every_seconds: float = Field(
        default=0.0, ge=0, description="detect in a frame this often; 0: in every frame"
    )
    again_every_seconds: float = Field(
        default=0.25, ge=0, description="the same of a class that only the network that hid detects"
    )
    tile: int = Field(
        default=480, ge=96, description="detect in the whole and in tiles of this many pixels"
    )
    overlap: int = Field(default=96, ge=0, description="pixels that neighbouring tiles share")


class Auditor:
    """Audits redacted copies, if possible with networks that did not hide in them.

    redaction: that of the copies, which decides the networks of the audit and whether a detection
    counts where the original was changed; accept: hidden classes that may stay unaudited; skip:
    those that shall
    Raises WeightsError if a network is not fetched, ConfigError for an accepted class that is not
    hidden, BundleError if a custom detector is not the one that hid.
    """

    def __init__(
        self,
        redaction: ResolvedRedaction,
        config: AuditConfig | None = None,
        *,
        accept: Collection[str] = (),
        skip: Collection[str] = (),
    ) -> None:
        self._config = config = config or AuditConfig()
        self._recorded = redaction.settings()
        self._style = redaction.config.style
        self._write = redaction.config.write
        self._plan = audit_plan(redaction, accept=accept, skip=skip)
        self._detectors = open_independent(self._plan, threads=redaction.config.threads)
        self._scores = {
            label: config.again or AGAIN * redaction.threshold(label)
            for label, plan in self._plan.items()
            if plan.audited == "same network"
        }
        self._again = open_same(redaction, self._scores, tile=config.tile, overlap=config.overlap)
        self._confirmation = (
            PeopleConfirmation(
                tile=config.tile, overlap=config.overlap, threads=redaction.config.threads
            )
            if "person" in self._detectors
            else None
        )

    def check_made(self, tracks: TrackFile) -> None:
        """Raise PlayheadError if `tracks` were detected with other settings than this audit's."""
        recorded, config = tracks.settings, tracks.settings.get("config")
        if not isinstance(config, dict):
            return
        expected = self._recorded["config"]
        same = all(config.get(part) == expected[part] for part in ("hide", "detection"))
        for part in ("custom_detectors", "thresholds"):
            same &= recorded.get(part) == self._recorded[part]
        if not same:
            raise PlayheadError(
                f"{tracks.video}: an earlier run wrote its copy with other settings; audit it by "
                "these with `playhead redaction audit`, or redact it again with --overwrite"
            )

    def video(
        self, original: Path, redacted: Path, tracks: TrackFile | None, progress: Progress
    ) -> AuditReport:
        """Audit the frames of `redacted`, which must be those of `original`.

        tracks: what was hidden, for what a person chose to leave visible; None: nothing was
        Raises MediaError if the two do not have the same frames.
        """
        audited: Counter[str] = Counter()
        with open_video(original) as before, open_video(redacted) as after:
            check_same(before, after)
            schedule = self._schedule(after.times)
            wanted = np.union1d(*schedule.values())
            kept = kept_boxes(tracks, before.times, before.duration)
            findings = AuditFindings(self._style, kept, self._confirmation)
            for k, image in after.stream(wanted=wanted):
                detected: dict[str, Boxes] = {}
                if k in schedule["independent"]:
                    detected |= self._detect(image)
                if k in schedule["same network"]:
                    detected |= self._detect_again(image)
                audited.update(detected.keys())
                if any(len(boxes) for boxes in detected.values()):
                    shown = _original(before, k)
                    if shown is not None:
                        findings.add(k, float(after.times[k]), detected, shown, image)
                progress.advance(1 / len(wanted))
            checks = check_video(before, after, self._write)
            frames = after.frames
        return self._report((original, redacted), frames, audited, findings, checks)

    def image(self, original: Path, redacted: Path) -> AuditReport:
        """Audit one redacted image, which must have the size of `original`.

        Every view of it is audited; what one view exposes is not counted again in another.
        """
        before, after = read_image(original), read_image(redacted)
        (height, width), (other_height, other_width) = before[0].shape[:2], after[0].shape[:2]
        if (height, width) != (other_height, other_width):
            raise MediaError(
                f"{redacted}: has {other_width}x{other_height} pixels, {original} has "
                f"{width}x{height}; it is not a redacted copy of it"
            )
        findings = AuditFindings(self._style, lambda frame: NO_BOXES, self._confirmation)
        audited: Counter[str] = Counter()
        for shown, compared in paired_views(before, after):
            detected = {**self._detect(shown[1]), **self._detect_again(shown[1])}
            audited = Counter(dict.fromkeys(detected, 1))
            new = {label: findings.new_boxes(label, boxes) for label, boxes in detected.items()}
            findings.add(0, 0.0, new, *compared, shown=shown)
        checks = check_image(redacted)
        report = self._report((original, redacted), 1, audited, findings, checks)
        return replace(report, still=True)

    def _schedule(self, times: NDArray[np.float64]) -> dict[Audited, NDArray[np.int32]]:
        """The sampled frames of each kind of audit.

        No bound in frames: the sample is what was asked for, and the report says how large it is.
        """
        none = np.zeros(0, np.int32)
        every, again = self._config.every_seconds, self._config.again_every_seconds
        return {
            "independent": sampled_frames(times, every, None) if self._detectors else none,
            "same network": sampled_frames(times, again, None) if self._again else none,
        }

    def _detect(self, image: Image) -> dict[str, Boxes]:
        """The detections of the networks that did not hide."""
        results = {}
        for label, detector in self._detectors.items():
            detected = detect_tiled(
                detector,
                image,
                tile=self._config.tile,
                overlap=self._config.overlap,
                threshold=getattr(self._config, label),
            )
            results[label] = detected[label]
        return results

    def _detect_again(self, image: Image) -> dict[str, Boxes]:
        """The detections of the networks that hid, in tiles and at lower scores."""
        if self._again is None:
            return {}
        detected = self._again.detect_still(image)
        return {label: detected[label].above(score) for label, score in self._scores.items()}

    def _report(
        self,
        paths: tuple[Path, Path],
        frames: int,
        audited: Counter[str],
        findings: AuditFindings,
        checks: list[Check],
    ) -> AuditReport:
        original, redacted = paths
        return AuditReport(
            original=original.name,
            redacted=redacted.name,
            frames=frames,
            classes={
                label: replace(plan, looked=audited[label]) for label, plan in self._plan.items()
            },
            exposures=tuple(findings.exposures),
            crops=findings.crops,
            checks=tuple(checks),
            kept=findings.kept_count,
            unconfirmed=tuple(findings.unconfirmed),
        )


def _original(video: Video, frame: int) -> Image | None:
    """A frame of the original; None if it cannot be read: the copy has a marked one there."""
    try:
        image: Image = video.read([frame])[0]
        return image
    except DamagedError:
        return None
