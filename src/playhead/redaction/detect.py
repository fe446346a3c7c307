"""Detection: what the networks see in a picture, and in the frames of a video that they look at.

A frame is looked at every so many seconds; tracks lead through the others. A frame that should have
been looked at and was not, whatever the reason, leaves everything around it unseen: hidden whole.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, nms
from playhead.decisions.derived import heads_of
from playhead.decisions.tracks import track_boxes
from playhead.errors import PlayheadError
from playhead.events.model import Origin, Track
from playhead.inference.detectors import Detector, detect_tiled, open_detector
from playhead.inference.offer import require_weights
from playhead.media import Video
from playhead.progress import Progress
from playhead.redaction.config import Label, RedactionConfig

__all__ = ["Networks", "Sightings", "look_at_video", "tracks_of", "weights_for"]

BATCH = 4
"""Pictures that are looked at together: more gain nothing on a processor and take memory."""

SAME = 0.55
"""IoU from which two derived heads are one."""

Found = dict[str, Boxes]
Shot = tuple[int, NDArray[np.uint8]]


def weights_for(config: RedactionConfig) -> list[str]:
    """The packaged networks that the classes to hide need, each once."""
    return list(dict.fromkeys(name for label in config.hide for name in names_for(label, config)))


def names_for(label: Label, config: RedactionConfig) -> tuple[str, ...]:
    """The packaged networks that find a class; heads are derived from faces and people."""
    match label:
        case "face":
            return (config.detection.faces,)
        case "plate":
            return ("plates",)
        case "person":
            return ("people",)
        case "head":
            return (config.detection.faces, "people")
        case "car":
            return ("objectron",)


class Networks:
    """The networks that a configuration needs, opened once and run on pictures.

    Raises WeightsError, naming the command that fetches them, where files are missing.
    """

    def __init__(self, config: RedactionConfig) -> None:
        names = weights_for(config)
        require_weights(names, "redaction")
        self._config = config
        self._detectors = {name: open_detector(name, threads=config.threads) for name in names}

    def look(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Found]:
        """For each RGB (H, W, 3) frame, read at the size to look at, its boxes of each class.

        Scores go down to those that may only prolong a track; heads are derived.
        """
        return self._look(pictures, self._config.detection.tile)

    def look_closely(self, picture: NDArray[np.uint8]) -> Found:
        """The same for a still picture, of which every pixel is looked at: it is only one."""
        detection = self._config.detection
        return self._look([picture], detection.tile or detection.size)[0]

    def _look(self, pictures: Sequence[NDArray[np.uint8]], tile: int | None) -> list[Found]:
        seen = {
            name: self._look_with(detector, pictures, tile)
            for name, detector in self._detectors.items()
        }
        return [
            {
                label: self._of(label, {name: found[index] for name, found in seen.items()})
                for label in self._config.hide
            }
            for index in range(len(pictures))
        ]

    def _of(self, label: Label, seen: dict[str, Found]) -> Boxes:
        """The boxes of a class in one picture, from what each network saw there."""
        network, *others = names_for(label, self._config)
        if label != "head":
            return seen[network][label]
        [people] = others
        believed = self._config.threshold("face")
        heads = heads_of(seen[network]["face"], seen[people]["person"], believed=believed)
        return nms(heads, SAME)

    def _look_with(
        self, detector: Detector, pictures: Sequence[NDArray[np.uint8]], tile: int | None
    ) -> list[Found]:
        floor = min(
            self._config.tracking_of(label).low_score
            for label in self._config.hide
            if detector.name in names_for(label, self._config)
        )
        if tile is None:
            return detector.detect(pictures, threshold=floor)
        overlap = self._config.detection.overlap
        return [
            detect_tiled(detector, one, tile=tile, overlap=overlap, threshold=floor)
            for one in pictures
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """What was seen in a video.

    looked: int32 (D,), the frames that were looked at, rising; found: for each class one Boxes a
    looked-at frame, in pixels of the displayed picture; unseen: int32 (M, 2), half-open ranges of
    frames about which nothing is known; trouble: why not, empty where all went well.
    """

    looked: NDArray[np.int32]
    found: dict[str, list[Boxes]]
    unseen: NDArray[np.int32]
    trouble: str


def look_at_video(
    video: Video, networks: Networks, config: RedactionConfig, progress: Progress
) -> Sightings:
    """Look at a frame every `detection.every_seconds`, and at the first and the last.

    A frame that cannot be decoded, or on which a network fails, ends in `unseen` with everything up
    to the looked-at frames around it. Raises PlayheadError where no frame could be looked at.
    """
    schedule = looked_frames(video.times, config.detection.every_seconds)
    size = _read_size(video, config)
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
    return Sightings(looked, columns, unseen_ranges(schedule, looked, video.frames), trouble)


def tracks_of(sightings: Sightings, video: Video, config: RedactionConfig) -> tuple[Track, ...]:
    """The sightings of each class as tracks; what was seen of heads is called derived."""
    tracks: list[Track] = []
    for label, found in sightings.found.items():
        made = track_boxes(
            video.times,
            sightings.looked,
            found,
            label=label,
            config=config.tracking_of(label),
            size=(video.width, video.height),
            first_id=len(tracks),
        )
        tracks += map(_derived, made) if label == "head" else made
    return tuple(tracks)


def _derived(track: Track) -> Track:
    seen = track.origin == Origin.DETECTED
    return replace(track, origin=np.where(seen, np.uint8(Origin.DERIVED), track.origin))


def looked_frames(times: NDArray[np.float64], every: float) -> NDArray[np.int32]:
    """Frames so that no two neighbours are more than `every` seconds apart where that can be.

    The first and the last are among them; `every` 0 means all.
    """
    if every == 0 or len(times) < 2:
        return np.arange(len(times), dtype=np.int32)
    chosen = [0]
    while chosen[-1] < len(times) - 1:
        reach = times[chosen[-1]] + every + 1e-6  # times are rounded in containers
        chosen.append(max(chosen[-1] + 1, int(np.searchsorted(times, reach, side="right")) - 1))
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


def _read_size(video: Video, config: RedactionConfig) -> tuple[int, int]:
    """Tiles need every pixel; else reading shrinks at once."""
    if config.detection.tile is not None:
        return video.width, video.height
    return looked_size(video.width, video.height, config.detection.size)


def _read_ahead(stream: Iterator[Shot]) -> Iterator[list[Shot]]:
    """Batches of a stream; the next one is decoded while the last one is looked at."""

    def batch() -> list[Shot]:
        return list(islice(stream, BATCH))

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(batch)
        while group := coming.result():
            coming = reader.submit(batch)
            yield group
