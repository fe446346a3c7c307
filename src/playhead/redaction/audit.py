"""The leak audit: run detectors on the redacted copy, if possible other ones than redacted it.

`audit_networks` chooses the network of each class, `audit_findings` decides which detections are
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
"""Threshold of an audit by the same network, relative to its threshold in the redaction."""

Image = NDArray[np.uint8]


class AuditConfig(Settings):
    """Thresholds and sampling of the audit."""

    face: float = Field(
        default=0.65, gt=0, le=1, description="score from which a detected face is an exposure"
    )
    person: float = Field(
        default=0.4, gt=0, le=1, description="the same for people, whose network scores lower"
    )
    plate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the same for plates; null: 0.65 by the packaged network, 0.5 by Playhead's "
        "own",
    )
    car: float = Field(
        default=0.65, gt=0, le=1, description="the same for cars hidden by a custom detector"
    )
    again: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the same for a class that only the redacting network detects; null: two "
        "thirds of its threshold in the redaction",
    )
    every_seconds: float = Field(
        default=0.0, ge=0, description="detection interval in seconds; 0: every frame"
    )
    again_every_seconds: float = Field(
        default=0.25,
        ge=0,
        description="the same for a class that only the redacting network detects",
    )
    tile: int = Field(
        default=480, ge=96, description="detect in the whole frame and in tiles of this many pixels"
    )
    overlap: int = Field(default=96, ge=0, description="overlap of neighbouring tiles, pixels")

    def threshold(self, label: str, network: str) -> float:
        """The score from which a detection of a class by a network is an exposure."""
        if label == "plate" and self.plate is None:
            return 0.5 if network == "playhead-plates" else 0.65
        return float(getattr(self, label))


class Auditor:
    """Audits redacted copies, if possible with other networks than redacted them.

    redaction: of the copies; decides which networks audit, and whether a detection counts where the
    original was changed; accept: hidden classes that may stay unaudited; skip: classes to leave
    unaudited
    Raises WeightsError if a network is not downloaded, ConfigError for an accepted class that is
    not hidden, BundleError if a custom detector is not the one of the redaction.
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

    def check_settings(self, tracks: TrackFile) -> None:
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
                f"{tracks.video}: an earlier run redacted it with other settings; audit that copy "
                "with `playhead redaction audit`, or redact it again with --overwrite"
            )

    def video(
        self, original: Path, redacted: Path, tracks: TrackFile | None, progress: Progress
    ) -> AuditReport:
        """Audit the frames of `redacted`, which must be those of `original`.

        tracks: of the redaction, with what a person chose to leave visible; None: nothing
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

        Every view of it is audited; an object exposed in one view is not counted in another.
        """
        before, after = read_image(original), read_image(redacted)
        (height, width), (other_height, other_width) = before[0].shape[:2], after[0].shape[:2]
        if (height, width) != (other_height, other_width):
            raise MediaError(
                f"{redacted}: has {other_width}x{other_height} pixels, but {original} has "
                f"{width}x{height}; give the redacted copy of this image"
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
        """The sampled frames of each kind of audit; the report states how many they are."""
        none = np.zeros(0, np.int32)
        every, again = self._config.every_seconds, self._config.again_every_seconds
        return {
            "independent": sampled_frames(times, every, None) if self._detectors else none,
            "same network": sampled_frames(times, again, None) if self._again else none,
        }

    def _detect(self, image: Image) -> dict[str, Boxes]:
        """The detections of the independent networks."""
        results = {}
        for label, detector in self._detectors.items():
            detected = detect_tiled(
                detector,
                image,
                tile=self._config.tile,
                overlap=self._config.overlap,
                threshold=self._config.threshold(label, detector.name),
            )
            results[label] = detected[label]
        return results

    def _detect_again(self, image: Image) -> dict[str, Boxes]:
        """The detections of the redacting networks, in tiles and at lower scores."""
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
                label: replace(plan, frames_audited=audited[label])
                for label, plan in self._plan.items()
            },
            exposures=tuple(findings.exposures),
            crops=findings.crops,
            checks=tuple(checks),
            kept=findings.kept_count,
            unconfirmed=tuple(findings.unconfirmed),
        )


def _original(video: Video, frame: int) -> Image | None:
    """A frame of the original; None if it cannot be read (the copy has a marked frame there)."""
    try:
        image: Image = video.read([frame])[0]
        return image
    except DamagedError:
        return None
