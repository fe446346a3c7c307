"""Detection of what a redaction hides: boxes in images, tracks in videos.

Heads that no detector knows are derived from faces and people; implausible boxes of people are
dropped; tracks are extended and padded.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, nms
from playhead.errors import BundleError
from playhead.events.model import Origin, Track
from playhead.inference.detectors.custom import checksum_of
from playhead.inference.detectors.objects import ObjectDetector
from playhead.inference.detectors.video import VideoDetections
from playhead.inference.precision import Precision
from playhead.learning.backends import cuda_detector
from playhead.media import Video
from playhead.redaction.derived import heads_of
from playhead.redaction.plausibility import supported_boxes
from playhead.redaction.resolved import ResolvedRedaction
from playhead.redaction.track_extension import covering_tracks

__all__ = ["RedactionDetector", "drop_implausible", "tracks_of"]

SAME = 0.55
"""IoU from which two derived heads are duplicates."""


class RedactionDetector:
    """Detects the classes that a redaction hides; a `FrameDetector`.

    threads: None takes those of the configuration
    Raises WeightsError if packaged weights are missing, BundleError if the folders of the custom
    detectors have other bundles than the redaction used.
    """

    def __init__(self, redaction: ResolvedRedaction, *, threads: int | None = None) -> None:
        self._redaction = redaction
        config, detection = redaction.config, redaction.config.detection
        labels = redaction.detected()
        uses_bundles = any(redaction.custom(label) for label in labels)
        self._objects = ObjectDetector(
            labels,
            minimum_scores={
                label: min(
                    redaction.minimum_score(hidden)
                    for hidden in config.hide
                    if label in redaction.sources(hidden)
                )
                for label in labels
            },
            packaged=redaction.packaged(),
            bundles=[Path(folder) for folder in detection.bundles] if uses_bundles else (),
            size=detection.size,
            tile=detection.tile,
            overlap=detection.overlap,
            plate_size=detection.plate_size,
            threads=threads or config.threads,
            bundle_size=detection.bundle_size,
            enlarge=detection.bundle_enlarge,
            weights=detection.bundle_weights,
            device=detection.device,
            precision=detection.precision,
            cuda_factory=cuda_detector,
        )
        opened = [checksum_of(bundle) for bundle in self._objects.bundles]
        if uses_bundles and opened != [bundle.sha256 for bundle in redaction.bundles]:
            names = ", ".join(bundle.name for bundle in redaction.bundles)
            raise BundleError(
                f"{', '.join(detection.bundles)}: the checksums are not those of the custom "
                f"detectors of the redaction, {names}; give their folders with --bundle"
            )

    @property
    def precisions(self) -> dict[str, Precision]:
        """The precision of each detector, by its name."""
        return self._objects.precisions

    def read_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) at which frames of a video need to be read."""
        return self._objects.read_size(width, height)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        """For each RGB image (H, W, 3), the boxes of each hidden class.

        Includes low scores, which can continue a track but not start one.
        """
        return [self._hidden(detected) for detected in self._objects.detect(images)]

    def detect_still(self, image: NDArray[np.uint8]) -> dict[str, Boxes]:
        """The same for one still image, in tiles; see `ObjectDetector.detect_still`."""
        return self._hidden(self._objects.detect_still(image))

    def _hidden(self, detected: dict[str, Boxes]) -> dict[str, Boxes]:
        hidden = {}
        for label in self._redaction.config.hide:
            if self._redaction.is_derived(label):
                threshold = self._redaction.threshold("face")
                heads = heads_of(detected["face"], detected["person"], threshold=threshold)
                hidden[label] = nms(heads, SAME)
            else:
                hidden[label] = detected[label]
        return hidden


def drop_implausible(
    detections: VideoDetections, video: Video, redaction: ResolvedRedaction
) -> tuple[VideoDetections, NDArray[np.int32]]:
    """The detections without unsupported boxes of people around most of the frame.

    Applies only to the packaged network, which shrinks every frame to 300 x 300. Also returns the
    frame of each dropped box.
    """
    people = detections.boxes.get("person")
    if people is None or redaction.custom("person"):
        return detections, np.zeros(0, np.int32)
    threshold = redaction.threshold("face")
    kept = supported_boxes(
        people,
        video.times[detections.frames],
        size=(video.width, video.height),
        start_score=redaction.threshold("person"),
        faces=[boxes.above(threshold) for boxes in detections.boxes.get("face", ())],
    )
    plausible = [boxes.chosen(keep) for boxes, keep in zip(people, kept, strict=True)]
    dropped = np.repeat(detections.frames, [int((~keep).sum()) for keep in kept])
    return replace(detections, boxes={**detections.boxes, "person": plausible}), dropped


def tracks_of(
    detections: VideoDetections, video: Video, redaction: ResolvedRedaction
) -> tuple[Track, ...]:
    """The detections of each class as tracks; derived boxes have their own origin."""
    tracks: list[Track] = []
    for label, boxes in detections.boxes.items():
        for track in covering_tracks(
            video.times,
            detections.frames,
            boxes,
            label=label,
            tracking=redaction.config.tracking,
            extension=redaction.extension(label),
            start_score=redaction.threshold(label),
            size=(video.width, video.height),
            first_id=len(tracks),
        ):
            if redaction.is_derived(label):
                derived = track.origin == Origin.DETECTED
                origin = np.where(derived, np.uint8(Origin.DERIVED), track.origin)
                tracks.append(replace(track, origin=origin))
            else:
                tracks.append(track)
    return tuple(tracks)
