"""The leak audit: networks look at the output, if possible others than those that hid.

What they find there is exposed unless the original was changed under its middle. A weak style
changes a face and leaves it to be found, so there every find counts. `audit_networks` chooses the
network of each class.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.config import Settings
from playhead.decisions.boxes import Boxes, cover, iou
from playhead.errors import DamagedError, MediaError, PlayheadError
from playhead.events.formats.tracks import TrackFile, by_frame
from playhead.events.model import Box
from playhead.inference.detectors import detect_tiled
from playhead.inference.detectors.video import sampled_frames
from playhead.media import Video, open_video
from playhead.metrics.exposure import HIDDEN, hidden_share
from playhead.progress import Progress
from playhead.redaction.audit_checks import check_picture, check_same, check_video
from playhead.redaction.audit_networks import audit_plan, open_independent, open_same
from playhead.redaction.audit_people import PeopleConfirmation, doubtful_people
from playhead.redaction.audit_report import Audited, AuditReport, Check, Exposure
from playhead.redaction.hide import WEAK, HideConfig, colour_of
from playhead.redaction.images import paired_views, read_image
from playhead.redaction.regions import active_frames, scaled_boxes
from playhead.redaction.resolved import ResolvedRedaction
from playhead.report.crops import boxed_crop

__all__ = ["AuditConfig", "Auditor", "kept_boxes"]

PICTURES, OF_ONE, CROP = 60, 3, 240
"""Pictures in all, of the surest exposures; of one track at most; their longer side."""

AGAIN = 2 / 3
"""The part of the score at which a network hid that counts when it looks at the copy again."""

CHOSEN = 0.5
"""The part of a find that a visible track must cover for it to be that track."""

CORE = 0.7
"""The part of a find's sides that must be hidden: networks guess faces onto masks, from hair and
neck around them, and the corners of such a box are not hidden."""

LAPSE, ONE_OBJECT = 1.0, 0.3
"""Exposures within so many seconds and with so much IoU are of one object."""

NOTHING = np.zeros((0, 4), np.float32)

Picture = NDArray[np.uint8]
Kept = Callable[[int], NDArray[np.float32]]


class AuditConfig(Settings):
    """How closely the audit looks."""

    face: float = Field(
        default=0.65, gt=0, le=1, description="the score at which a face found is an exposure"
    )
    person: float = Field(
        default=0.4, gt=0, le=1, description="the same of people, whose network is rarely sure"
    )
    plate: float = Field(
        default=0.65, gt=0, le=1, description="the same of plates, where an own bundle hid them"
    )
    car: float = Field(
        default=0.65, gt=0, le=1, description="the same of cars, where an own bundle hid them"
    )
    again: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the same where only the network that hid finds a class; null: two thirds of "
        "the score at which it hid",
    )
    every_seconds: float = Field(
        default=0.0, ge=0, description="look at a frame this often; 0 looks at every frame"
    )
    again_every_seconds: float = Field(
        default=0.25, ge=0, description="the same where only the network that hid finds a class"
    )
    tile: int = Field(
        default=480, ge=96, description="look at the whole and at tiles of this many pixels"
    )
    overlap: int = Field(default=96, ge=0, description="pixels that neighbouring tiles share")


class Auditor:
    """Looks at redacted copies, if possible with networks that did not hide in them.

    redaction: how the copies were made, which tells the networks of the audit and whether a find
    counts where the original was changed; accept: hidden classes that may stay unaudited; skip:
    those that shall
    Raises WeightsError where a network is not fetched, ConfigError for an accepted class that is
    not hidden, BundleError where a custom detector is not the one that hid.
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
            for label, one in self._plan.items()
            if one.audited == "same network"
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
        """Look at the frames of `redacted`, which must be those of `original`.

        tracks: what was hidden, for what a person chose to leave visible; None: nothing was
        Raises MediaError where the two have not the same frames.
        """
        looked: Counter[str] = Counter()
        with open_video(original) as before, open_video(redacted) as after:
            check_same(before, after)
            schedule = self._schedule(after.times)
            wanted = np.union1d(*schedule.values())
            kept = kept_boxes(tracks, before.times, before.duration)
            finds = _Finds(self._style, kept, self._confirmation)
            for k, picture in after.stream(wanted=wanted):
                seen: dict[str, Boxes] = {}
                if k in schedule["independent"]:
                    seen |= self._look(picture)
                if k in schedule["same network"]:
                    seen |= self._look_again(picture)
                looked.update(seen.keys())
                if any(len(boxes) for boxes in seen.values()):
                    shown = _original(before, k)
                    if shown is not None:
                        finds.add(k, float(after.times[k]), seen, shown, picture)
                progress.advance(1 / len(wanted))
            checks = check_video(before, after, self._write)
            frames = after.frames
        return self._report((original, redacted), frames, looked, finds, checks)

    def picture(self, original: Path, redacted: Path) -> AuditReport:
        """Look at one redacted picture, which must have the size of `original`.

        Every view of it is looked at; what one view exposes is not counted again in another.
        """
        before, after = read_image(original), read_image(redacted)
        (height, width), (other_height, other_width) = before[0].shape[:2], after[0].shape[:2]
        if (height, width) != (other_height, other_width):
            raise MediaError(
                f"{redacted}: has {other_width}x{other_height} pixels, {original} has "
                f"{width}x{height}; it is no redacted copy of it"
            )
        finds = _Finds(self._style, lambda frame: NOTHING, self._confirmation)
        looked: Counter[str] = Counter()
        for shown, compared in paired_views(before, after):
            seen = {**self._look(shown[1]), **self._look_again(shown[1])}
            looked = Counter(dict.fromkeys(seen, 1))
            fresh = {label: finds.unknown(label, boxes) for label, boxes in seen.items()}
            finds.add(0, 0.0, fresh, *compared, shown=shown)
        checks = check_picture(redacted)
        report = self._report((original, redacted), 1, looked, finds, checks)
        return replace(report, still=True)

    def _schedule(self, times: NDArray[np.float64]) -> dict[Audited, NDArray[np.int32]]:
        """The frames that each kind of audit looks at.

        No bound in frames: the sample is what was asked for, and the report says how large it is.
        """
        none = np.zeros(0, np.int32)
        every, again = self._config.every_seconds, self._config.again_every_seconds
        return {
            "independent": sampled_frames(times, every, None) if self._detectors else none,
            "same network": sampled_frames(times, again, None) if self._again else none,
        }

    def _look(self, picture: Picture) -> dict[str, Boxes]:
        """What the networks that did not hide find."""
        found = {}
        for label, detector in self._detectors.items():
            seen = detect_tiled(
                detector,
                picture,
                tile=self._config.tile,
                overlap=self._config.overlap,
                threshold=getattr(self._config, label),
            )
            found[label] = seen[label]
        return found

    def _look_again(self, picture: Picture) -> dict[str, Boxes]:
        """What the networks that hid find when they look more closely."""
        if self._again is None:
            return {}
        seen = self._again.detect_still(picture)
        return {label: seen[label].above(score) for label, score in self._scores.items()}

    def _report(
        self,
        paths: tuple[Path, Path],
        frames: int,
        looked: Counter[str],
        finds: "_Finds",
        checks: list[Check],
    ) -> AuditReport:
        original, redacted = paths
        return AuditReport(
            original=original.name,
            redacted=redacted.name,
            frames=frames,
            classes={
                label: replace(one, looked=looked[label]) for label, one in self._plan.items()
            },
            exposures=tuple(finds.exposures),
            pictures=finds.pictures,
            checks=tuple(checks),
            kept=finds.chosen,
            unconfirmed=tuple(finds.unconfirmed),
        )


class _Finds:
    """What the audit found in one copy, and pictures of the surest.

    style: what hid; under a weak one a find counts although the original was changed there
    kept: gives the boxes of a frame that a person chose to leave visible
    confirmation: confirms doubtful boxes of people; None where no people are looked for
    """

    def __init__(
        self, style: HideConfig, kept: Kept, confirmation: PeopleConfirmation | None
    ) -> None:
        self._weak, self._kept = style.style in WEAK, kept
        self._confirmation = confirmation
        self._colour = colour_of(style.colour) if style.style == "solid" else None
        self.exposures: list[Exposure] = []
        self.pictures: dict[int, tuple[Picture, Picture]] = {}
        self.chosen = 0
        self.unconfirmed: list[int] = []  # the frame of each box that nobody confirmed
        self._tracks = 0

    def unknown(self, label: str, boxes: Boxes) -> Boxes:
        """Those of `boxes` that are of no object that is known to be exposed already."""
        known = [one.box for one in self.exposures if one.label == label]
        overlaps = iou(boxes.boxes, np.array(known, np.float32).reshape(-1, 4))
        return boxes.chosen(overlaps.max(axis=1, initial=0) < ONE_OBJECT)

    def add(
        self,
        frame: int,
        time: float,
        seen: dict[str, Boxes],
        before: Picture,
        after: Picture,
        *,
        shown: tuple[Picture, Picture] | None = None,
    ) -> None:
        """Take up the boxes of a frame that are exposed.

        before, after: RGB or RGBA, which tell what is hidden; shown: what the page shows instead
        """
        kept = self._kept(frame)
        for label, boxes in seen.items():
            visible = cover(boxes.boxes, kept).max(axis=1, initial=0) >= CHOSEN
            self.chosen += int(visible.sum())
            others = boxes.chosen(~visible)
            hidden = [
                hidden_share(before, after, core(box), colour=self._colour, by_detail=True)
                for box, _ in _rows(others)
            ]
            believed = self._believed(label, frame, others, hidden, (shown or (before, after))[1])
            for (box, score), share, real in zip(_rows(others), hidden, believed, strict=True):
                changed = share >= HIDDEN
                if not real or (changed and not self._weak):
                    continue
                kind = "found again" if changed else "not hidden"
                self.exposures.append(
                    Exposure(
                        track=self._track(label, time, box),
                        frame=frame,
                        time=time,
                        label=label,
                        box=box,
                        score=score,
                        kind=kind,
                    )
                )
                pair = shown or (before, after)
                crops = (boxed_crop(one, box, longest=CROP) for one in pair)
                self._show(len(self.exposures) - 1, *crops)

    def _believed(
        self, label: str, frame: int, boxes: Boxes, hidden: list[float], after: Picture
    ) -> NDArray[np.bool_]:
        """Which boxes are no guess; of people, doubtful ones must be confirmed."""
        if label != "person" or self._confirmation is None:
            return np.ones(len(boxes), np.bool_)
        size = after.shape[1], after.shape[0]
        covered = np.array(hidden) >= HIDDEN
        # A weak style leaves people to be found, so a box over its masks is no guess from them.
        doubtful = doubtful_people(boxes.boxes, [0.0] * len(boxes) if self._weak else hidden, size)
        if not self._weak:
            doubtful &= ~covered
        believed = ~doubtful
        if doubtful.any():
            believed[doubtful] = self._confirmation.confirmed(after, boxes.boxes[doubtful])
            self.unconfirmed += [frame] * int((~believed).sum())
        return believed

    def _track(self, label: str, time: float, box: Box) -> int:
        """The number of the exposed track that a box goes on, or a new one."""
        for one in reversed(self.exposures):
            if time - one.time > LAPSE:
                break
            if one.label == label and iou(np.array([one.box]), np.array([box])) >= ONE_OBJECT:
                return one.track
        self._tracks += 1
        return self._tracks

    def _show(self, index: int, before: Picture, after: Picture) -> None:
        self.pictures[index] = (before, after)
        track = self.exposures[index].track
        same = [one for one in self.pictures if self.exposures[one].track == track]
        crowd = same if len(same) > OF_ONE else self.pictures
        if crowd is same or len(self.pictures) > PICTURES:
            del self.pictures[min(crowd, key=lambda one: self.exposures[one].score)]


def _original(video: Video, frame: int) -> Picture | None:
    """A frame of the original; None where it cannot be read: the copy has a marked one there."""
    try:
        picture: Picture = video.read([frame])[0]
        return picture
    except DamagedError:
        return None


def core(box: Box) -> Box:
    """The middle of a box, `CORE` of its width and height."""
    x1, y1, x2, y2 = scaled_boxes(np.array([box]), CORE)[0].tolist()
    return x1, y1, x2, y2


def kept_boxes(tracks: TrackFile | None, times: NDArray[np.float64], duration: float) -> Kept:
    """What a person left visible in frame k, (N, 4): shown tracks, or all outside of the spans."""
    if tracks is None or not (tracks.shown or len(tracks.spans)):
        return lambda frame: NOTHING
    shown = [track for track in tracks.tracks if track.id in tracks.shown]
    at = by_frame(replace(tracks, tracks=tuple(shown)))
    active = active_frames(tracks.spans, times, duration)
    whole = np.array([[0, 0, tracks.width, tracks.height]], np.float32)

    def kept(frame: int) -> NDArray[np.float32]:
        if not active[frame]:
            return whole
        return np.array([box for _, box in at(frame)], np.float32).reshape(-1, 4)

    return kept


def _rows(boxes: Boxes) -> Iterator[tuple[Box, float]]:
    corners = ((x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.boxes.tolist())
    return zip(corners, boxes.scores.tolist(), strict=True)
