"""Findings of an audit: which detections in a copy are exposures, and crops of the best ones.

A detection in the copy is an exposure unless the original was changed under its centre. A weak
style changes a face but leaves it detectable, so there every detection counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover, iou
from playhead.events.formats.tracks import TrackFile, by_frame
from playhead.events.model import Box
from playhead.metrics.exposure import HIDDEN, hidden_share
from playhead.redaction.audit_people import PeopleConfirmation, doubtful_people
from playhead.redaction.audit_report import ExposedObject
from playhead.redaction.hide import WEAK, HideConfig, colour_of
from playhead.redaction.regions import active_frames, scaled_boxes
from playhead.report.crops import boxed_crop

__all__ = ["NO_BOXES", "AuditFindings", "KeptBoxes", "core", "kept_boxes"]

MOST_CROPS, MOST_OF_A_TRACK, CROP_SIDE = 60, 3, 240
"""Most crops in all, of the highest scores; most of one track; their longer side in pixels."""

KEPT_SHARE = 0.5
"""The share of a detection that a visible track must cover for it to be that track."""

CORE = 0.7
"""The central part of a box that must be hidden, as a share of its sides: networks detect faces
under masks, by the hair and neck around them, and the corners of such a box are not hidden."""

SAME_SECONDS, SAME_IOU = 1.0, 0.3
"""Exposures of one object are at most this many seconds apart, with at least this IoU."""

NO_BOXES = np.zeros((0, 4), np.float32)

Image = NDArray[np.uint8]
KeptBoxes = Callable[[int], NDArray[np.float32]]
"""The boxes (N, 4) of frame k that a person chose to leave visible."""


class AuditFindings:
    """The findings in one copy.

    style: of the redaction; under a weak one, a detection counts although the original was changed
    confirmation: confirms doubtful boxes of people; None if people are not audited
    crops: by index of an exposure, its crops of the original and of the copy
    kept_count: number of detections that a person chose to leave visible
    unconfirmed: the frame of each doubtful box that was not confirmed
    """

    def __init__(
        self, style: HideConfig, kept: KeptBoxes, confirmation: PeopleConfirmation | None
    ) -> None:
        self._weak, self._kept = style.style in WEAK, kept
        self._confirmation = confirmation
        self._colour = colour_of(style.colour) if style.style == "solid" else None
        self.exposures: list[ExposedObject] = []
        self.crops: dict[int, tuple[Image, Image]] = {}
        self.kept_count = 0
        self.unconfirmed: list[int] = []
        self._tracks = 0

    def new_boxes(self, label: str, boxes: Boxes) -> Boxes:
        """The boxes that are not of an object already counted as exposed."""
        known = [exposure.box for exposure in self.exposures if exposure.label == label]
        overlaps = iou(boxes.boxes, np.array(known, np.float32).reshape(-1, 4))
        return boxes.chosen(overlaps.max(axis=1, initial=0) < SAME_IOU)

    def add(
        self,
        frame: int,
        time: float,
        detected: dict[str, Boxes],
        before: Image,
        after: Image,
        *,
        shown: tuple[Image, Image] | None = None,
    ) -> None:
        """Add the boxes of a frame that are exposed.

        before, after: RGB or RGBA, compared to see what is hidden; shown: RGB pair for the page
        """
        kept = self._kept(frame)
        pair = shown or (before, after)
        for label, boxes in detected.items():
            visible = cover(boxes.boxes, kept).max(axis=1, initial=0) >= KEPT_SHARE
            self.kept_count += int(visible.sum())
            others = boxes.chosen(~visible)
            hidden = [
                hidden_share(before, after, core(box), colour=self._colour, by_detail=True)
                for box, _ in _rows(others)
            ]
            real = self._real(label, frame, others, hidden, pair[1])
            for (box, score), share, is_real in zip(_rows(others), hidden, real, strict=True):
                changed = share >= HIDDEN
                if not is_real or (changed and not self._weak):
                    continue
                self.exposures.append(
                    ExposedObject(
                        track=self._track(label, time, box),
                        frame=frame,
                        time=time,
                        label=label,
                        box=box,
                        score=score,
                        kind="found again" if changed else "not hidden",
                    )
                )
                original, copy = (boxed_crop(image, box, longest=CROP_SIDE) for image in pair)
                self._add_crops(len(self.exposures) - 1, original, copy)

    def _real(
        self, label: str, frame: int, boxes: Boxes, hidden: list[float], after: Image
    ) -> NDArray[np.bool_]:
        """Which boxes count; doubtful ones of people must be confirmed."""
        if label != "person" or self._confirmation is None:
            return np.ones(len(boxes), np.bool_)
        size = after.shape[1], after.shape[0]
        # A weak style leaves people detectable, so a box over its masks can be a real person.
        doubtful = doubtful_people(boxes.boxes, [0.0] * len(boxes) if self._weak else hidden, size)
        if not self._weak:
            doubtful &= np.array(hidden) < HIDDEN
        real = ~doubtful
        if doubtful.any():
            real[doubtful] = self._confirmation.confirmed(after, boxes.boxes[doubtful])
            self.unconfirmed += [frame] * int((~real).sum())
        return real

    def _track(self, label: str, time: float, box: Box) -> int:
        """The number of the exposed track that a box continues, or a new one."""
        for exposure in reversed(self.exposures):
            if time - exposure.time > SAME_SECONDS:
                break
            overlap = iou(np.array([exposure.box]), np.array([box]))
            if exposure.label == label and overlap >= SAME_IOU:
                return exposure.track
        self._tracks += 1
        return self._tracks

    def _add_crops(self, number: int, before: Image, after: Image) -> None:
        """Store the crops of an exposure; if there are too many, drop those of the lowest score."""
        self.crops[number] = (before, after)
        track = self.exposures[number].track
        same = [other for other in self.crops if self.exposures[other].track == track]
        crowd = same if len(same) > MOST_OF_A_TRACK else list(self.crops)
        if crowd is same or len(self.crops) > MOST_CROPS:
            del self.crops[min(crowd, key=lambda other: self.exposures[other].score)]


def core(box: Box) -> Box:
    """The middle of a box, `CORE` of its width and height."""
    x1, y1, x2, y2 = scaled_boxes(np.array([box]), CORE)[0].tolist()
    return x1, y1, x2, y2


def kept_boxes(tracks: TrackFile | None, times: NDArray[np.float64], duration: float) -> KeptBoxes:
    """The boxes (N, 4) that a person left visible in frame k: kept tracks, or all if no span."""
    if tracks is None or not (tracks.shown or len(tracks.spans)):
        return lambda frame: NO_BOXES
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
