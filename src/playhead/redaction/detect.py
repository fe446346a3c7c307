"""Detection: what the networks see in a picture, and in the frames of a video that they look at.

A frame is looked at every so many seconds, and at least every so many frames; tracks lead through
the others. A frame that should have been looked at and was not, whatever the reason, leaves
everything around it unseen: hidden whole.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, nms
from playhead.decisions.hierarchy import doubt_orphans
from playhead.decisions.support import supported_boxes
from playhead.errors import BundleError, ConfigError, PlayheadError
from playhead.events.model import Origin, Track
from playhead.inference.detectors import (
    CustomDetector,
    Detector,
    detect_tiled,
    open_custom,
    open_detector,
)
from playhead.inference.detectors.custom import checksum_of
from playhead.inference.detectors.ensemble import joint_decisions
from playhead.inference.offer import require_weights
from playhead.learning.backends import cuda_detector
from playhead.media import Video
from playhead.progress import Progress
from playhead.redaction.bundles import is_derived, looked_for, resolve
from playhead.redaction.config import RedactionConfig
from playhead.redaction.derived import heads_of
from playhead.redaction.track_extension import covering_tracks

__all__ = [
    "Networks",
    "Sightings",
    "look_at_video",
    "names_for",
    "packaged_name",
    "read_size",
    "tracks_of",
    "weights_for",
]

BATCH = 4
"""Pictures that are looked at together: more gain nothing on a processor and take memory."""

SAME = 0.55
"""IoU from which two derived heads are one."""

Found = dict[str, Boxes]
Shot = tuple[int, NDArray[np.uint8]]


def weights_for(config: RedactionConfig) -> list[str]:
    """The packaged networks that the classes to hide need, each once."""
    wanted = [one for label in config.hide for one in looked_for(label, config)]
    return list(
        dict.fromkeys(
            packaged_name(label, config) for label in wanted if not config.detection.knowing(label)
        )
    )


def names_for(label: str, config: RedactionConfig) -> tuple[str, ...]:
    """The networks that find a class, packaged or own; several where it is derived or fused."""
    return tuple(
        name
        for one in looked_for(label, config)
        for name in (
            [own.name for own in config.detection.knowing(one)] or [packaged_name(one, config)]
        )
    )


def packaged_name(label: str, config: RedactionConfig) -> str:
    """The packaged network that finds a class."""
    match label:
        case "face":
            return config.detection.faces
        case "plate":
            return "plates"
        case "person":
            return "people"
        case "car":
            return "objectron"
        case _:
            known = ", ".join(["face", "plate", "person", "car"])
            raise ConfigError(f"{label}: no packaged network finds it; they find {known}")


class Networks:
    """The networks that a configuration needs, opened once and run on pictures.

    Own bundles take the place of packaged networks for every class that they know.
    Raises WeightsError, naming the command that fetches them, where packaged files are missing,
    BundleError for a folder that is no detector's bundle.
    """

    def __init__(self, config: RedactionConfig) -> None:
        self._config = config = resolve(config)
        self._own: CustomDetector | None = None
        wanted = {one for label in config.hide for one in looked_for(label, config)}
        if any(config.detection.knowing(label) for label in wanted):
            self._own = _open_own(config)
            self._decisions = joint_decisions(self._own.bundles, config.detection.bundle_settings)
        names = weights_for(config)
        if names:
            require_weights(names, "redaction")
        self._detectors = {name: open_detector(name, threads=config.threads) for name in names}

    def look(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Found]:
        """For each RGB (H, W, 3) frame, read at the size to look at, its boxes of each class.

        Scores go down to those that may only prolong a track; heads may be derived.
        """
        return self._look(pictures, self._config.detection.tile)

    def look_closely(self, picture: NDArray[np.uint8]) -> Found:
        """The same for a still picture, of which every pixel is looked at: it is only one.

        Own bundles look at the whole of it, at their size, unless there are tiles.
        """
        detection = self._config.detection
        return self._look([picture], detection.tile or detection.size)[0]

    def _look(self, pictures: Sequence[NDArray[np.uint8]], tile: int | None) -> list[Found]:
        seen: list[Found] = [{} for _ in pictures]
        for name, detector in self._detectors.items():
            found = self._look_with(detector, pictures, tile, self._floor(name))
            for one, more in zip(seen, found, strict=True):
                labels = [label for label in more if self._finder(label) == name]
                one.update({label: more[label] for label in labels})
        if self._own is not None:
            for one, more in zip(seen, self._look_with_own(self._own, pictures), strict=True):
                one.update(more)
        return [{label: self._of(label, one) for label in self._config.hide} for one in seen]

    def _finder(self, label: str) -> str | None:
        """The packaged network that a class is taken from; None for one of own bundles."""
        own = self._config.detection.knowing(label)
        return None if own else packaged_name(label, self._config)

    def _of(self, label: str, seen: Found) -> Boxes:
        """The boxes of a class in one picture, from what was seen there."""
        if not is_derived(label, self._config):
            return seen[label]
        believed = self._config.threshold("face")
        return nms(heads_of(seen["face"], seen["person"], believed=believed), SAME)

    def _floor(self, name: str | None) -> float:
        """The least score that matters of what a packaged network finds, or own bundles (None)."""
        return min(
            self._config.least_score(label)
            for label in self._config.hide
            if any(self._finder(one) == name for one in looked_for(label, self._config))
        )

    def _look_with_own(
        self, own: CustomDetector, pictures: Sequence[NDArray[np.uint8]]
    ) -> list[Found]:
        """What own bundles find; doubt of orphans comes last, when all tiles are put together."""
        floor = self._floor(None)
        parents = set(self._decisions.parents.values())
        least = min([floor, *(self._decisions.threshold(label) for label in parents)])
        found = self._look_with(own, pictures, self._config.detection.tile, least)
        doubted = [doubt_orphans(one, self._decisions) for one in found]
        return [{label: boxes.above(floor) for label, boxes in one.items()} for one in doubted]

    def _look_with(
        self,
        detector: Detector,
        pictures: Sequence[NDArray[np.uint8]],
        tile: int | None,
        floor: float,
    ) -> list[Found]:
        if tile is None:
            return detector.detect(pictures, threshold=floor)
        overlap = self._config.detection.overlap
        return [
            detect_tiled(detector, one, tile=tile, overlap=overlap, threshold=floor)
            for one in pictures
        ]


def _open_own(config: RedactionConfig) -> CustomDetector:
    """The bundles of a resolved configuration; BundleError where they are not those it names."""
    detection = config.detection
    own = open_custom(
        [Path(one) for one in detection.bundles],
        longest=detection.bundle_size,
        enlarge=detection.bundle_enlarge,
        hierarchy=False,
        settings=detection.bundle_settings,
        weights=detection.bundle_weights,
        device=detection.device,
        threads=config.threads,
        precision=detection.bundle_precision,
        cuda_factory=cuda_detector,
    )
    if [checksum_of(one) for one in own.bundles] != [one.sha256 for one in detection.own]:
        names = ", ".join(one.name for one in detection.own)
        raise BundleError(
            f"{', '.join(detection.bundles)}: are other bundles than {names}, which detection.own "
            "names by their checksums; leave detection.own out"
        )
    return own


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """What was seen in a video.

    looked: int32 (D,), the frames that were looked at, rising; found: for each class one Boxes a
    looked-at frame, in pixels of the displayed picture; unseen: int32 (M, 2), half-open ranges of
    frames about which nothing is known; trouble: why not, empty where all went well; dropped: int32
    (K,), the frame of each box of a person that was dropped as implausible.
    """

    looked: NDArray[np.int32]
    found: dict[str, list[Boxes]]
    unseen: NDArray[np.int32]
    trouble: str
    dropped: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


def look_at_video(
    video: Video, networks: Networks, config: RedactionConfig, progress: Progress
) -> Sightings:
    """Look at the first frame, at the last, and between them as often as `detection` says.

    That is every `every_seconds` and every `every_frames`, whichever comes first.

    A frame that cannot be decoded, or on which a network fails, ends in `unseen` with everything up
    to the looked-at frames around it. Raises PlayheadError where no frame could be looked at.
    """
    schedule = looked_frames(
        video.times, config.detection.every_seconds, config.detection.every_frames
    )
    size = read_size(video.width, video.height, config)
    scale = video.width / size[0], video.height / size[1]
    found: dict[int, Found] = {}
    trouble = ""
    stream = video.stream(pixels="rgb", size=size, wanted=schedule)
    for group in _read_ahead(stream):
        frames, pictures = zip(*group, strict=True)
        try:
            seen = networks.look(pictures)
        except (PlayheadError, RuntimeError) as error:  # OpenVINO raises RuntimeError
            trouble = f"the networks failed on frame {frames[0]}: {error}"
            continue
        for frame, one in zip(frames, seen, strict=True):
            found[frame] = {label: boxes.scaled(*scale) for label, boxes in one.items()}
        progress.advance(len(frames) / len(schedule))
    if not found:
        raise PlayheadError(
            f"{video.path}: not one frame could be looked at; {trouble or 'none can be decoded'}"
        )
    looked = np.array(sorted(found), np.int32)
    columns: dict[str, list[Boxes]] = {
        label: [found[frame][label] for frame in looked.tolist()] for label in config.hide
    }
    dropped = _drop_implausible(columns, looked, video, config)
    unseen = unseen_ranges(schedule, looked, video.frames)
    return Sightings(looked, columns, unseen, trouble, dropped)


def _drop_implausible(
    found: dict[str, list[Boxes]], looked: NDArray[np.int32], video: Video, config: RedactionConfig
) -> NDArray[np.int32]:
    """Drop boxes of people around most of the frame that nothing supports; the frame of each.

    Only those of the packaged network, which shrinks every frame to 300 x 300.
    """
    if "person" not in found or config.detection.knowing("person"):
        return np.zeros(0, np.int32)
    faces = [boxes.above(config.threshold("face")) for boxes in found.get("face", ())]
    kept = supported_boxes(
        found["person"],
        video.times[looked],
        size=(video.width, video.height),
        start_score=config.threshold("person"),
        faces=faces,
    )
    found["person"] = [
        boxes.chosen(keep) for boxes, keep in zip(found["person"], kept, strict=True)
    ]
    return np.repeat(looked, [int((~keep).sum()) for keep in kept])


def tracks_of(sightings: Sightings, video: Video, config: RedactionConfig) -> tuple[Track, ...]:
    """The sightings of each class as tracks; heads that no network saw are called derived."""
    tracks: list[Track] = []
    for label, found in sightings.found.items():
        made = covering_tracks(
            video.times,
            sightings.looked,
            found,
            label=label,
            tracking=config.tracking,
            extension=config.extension_of(label),
            start_score=config.threshold(label),
            size=(video.width, video.height),
            first_id=len(tracks),
        )
        tracks += map(_derived, made) if is_derived(label, config) else made
    return tuple(tracks)


def _derived(track: Track) -> Track:
    seen = track.origin == Origin.DETECTED
    return replace(track, origin=np.where(seen, np.uint8(Origin.DERIVED), track.origin))


def looked_frames(
    times: NDArray[np.float64], every_seconds: float, every_frames: int | None
) -> NDArray[np.int32]:
    """The frames to look at: int32, rising, the first and the last of the video among them.

    Neighbours are at most `every_seconds` apart, unless they are consecutive, and at most
    `every_frames`, where that is given. `every_seconds` 0 means all frames.
    """
    if every_seconds == 0 or len(times) < 2:
        return np.arange(len(times), dtype=np.int32)
    most = len(times) if every_frames is None else every_frames
    chosen = [0]
    while (last := chosen[-1]) < len(times) - 1:
        reach = times[last] + every_seconds + 1e-6  # times are rounded in containers
        in_time = int(np.searchsorted(times, reach, side="right")) - 1
        chosen.append(max(last + 1, min(in_time, last + most)))
    return np.array(chosen, np.int32)


def unseen_ranges(
    schedule: NDArray[np.int32], looked: NDArray[np.int32], frames: int
) -> NDArray[np.int32]:
    """The frames around those that should have been looked at and were not: int32 (M, 2)."""
    seen = np.isin(schedule, looked)
    edges = np.flatnonzero(np.diff(np.concatenate(([True], seen, [True])).astype(np.int8)))
    ranges = [
        (
            0 if start == 0 else schedule[start - 1] + 1,
            frames if stop == len(seen) else schedule[stop],
        )
        for start, stop in edges.reshape(-1, 2)
    ]
    return np.array(ranges, np.int32).reshape(-1, 2)


def looked_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The (width, height) at which a picture is looked at, never more than it has."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def read_size(width: int, height: int, config: RedactionConfig) -> tuple[int, int]:
    """The (width, height) at which frames are read: what the closest looking network needs.

    Tiles need every pixel; else reading shrinks at once.
    """
    detection = config.detection
    if detection.tile is not None:
        return width, height
    looked = {one for label in config.hide for one in looked_for(label, config)}
    own = [bundle.longest for label in looked for bundle in detection.knowing(label)]
    sizes = [detection.bundle_size or max(own)] if own else []
    sizes += [detection.size] if weights_for(config) else []
    return looked_size(width, height, max(sizes))


def _read_ahead(stream: Iterator[Shot]) -> Iterator[list[Shot]]:
    """Batches of a stream; the next one is decoded while the last one is looked at."""

    def batch() -> list[Shot]:
        return list(islice(stream, BATCH))

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(batch)
        while group := coming.result():
            coming = reader.submit(batch)
            yield group
