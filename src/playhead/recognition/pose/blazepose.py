"""BlazePose: a detector of people and a network of 33 landmarks, in a rotated square each.

Everything is decoded as MediaPipe's published graph `pose_landmark_cpu` (0.10.21) does. In a video
the region of a person comes from the landmarks of the last image; the detector runs only now and
then, or when a person is lost. The graph's filters over time are left out: they delay the joints.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou
from playhead.errors import ConfigError
from playhead.events.keypoints import BLAZEPOSE
from playhead.inference.detectors.common import sigmoid
from playhead.inference.detectors.graph import check_images
from playhead.inference.precision import Precision
from playhead.inference.runtime import available_cores
from playhead.inference.weights import weight_path
from playhead.recognition.pose.protocol import Pose
from playhead.recognition.pose.regions import CroppingNetwork, Region, region_of, whole_image
from playhead.recognition.pose.similarity import distinct

__all__ = [
    "BlazePose",
    "decode_landmarks",
    "decode_people",
    "pose_anchors",
    "refine_landmarks",
    "weighted_nms",
]

DETECTOR_SIDE = 224
STRIDES = (8, 16, 32, 32, 32)
MIN_SCORE = 0.5
MAX_PEOPLE = 3
INTERVAL_SECONDS = 0.5
OVERLAP = 0.3
REGION_SCALE = 1.25

LANDMARK_SIDE = 256
LANDMARKS = 39
JOINTS = 33
CENTRE, TOP = 33, 34
"""Auxiliary landmarks: the centre and the top of the circle round a person."""
KERNEL = 9
MIN_HEAT = 0.5
MIN_PRESENCE = 0.5

SAME_CENTRE = 0.1
"""A detection whose centre is nearer to a person's than this share of the region is that person."""

Array = NDArray[np.float32]


class BlazePose:
    """Finds up to `max_people` people; the closer they stand, the likelier two are taken for one.

    max_people: one landmark network runs for each
    interval_seconds: after which the detector runs again, although nobody was lost; for one person
        it runs only when they are lost, as in MediaPipe
    min_score: minimum score of a detection
    threads: by default every core this process may use
    Raises ConfigError if `max_people` is below 1, WeightsError if a file is missing.
    """

    name = "blazepose"
    skeleton = BLAZEPOSE

    def __init__(
        self,
        *,
        max_people: int = MAX_PEOPLE,
        interval_seconds: float = INTERVAL_SECONDS,
        min_score: float = MIN_SCORE,
        threads: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if max_people < 1:
            raise ConfigError(f"blazepose: finds at least 1 person, not {max_people}")
        self._max_people, self._min_score = max_people, min_score
        self._interval_seconds = interval_seconds
        threads = threads or available_cores()
        self._detector = CroppingNetwork(
            weight_path("pose-detection"),
            name="pose-detection",
            outputs=("Identity", "Identity_1"),
            mean=127.5,
            scale=127.5,
            outside="black",
            threads=threads,
            precision=precision,
        )
        self._landmarks = CroppingNetwork(
            weight_path("pose-landmark"),
            name="pose-landmark",
            outputs=("Identity", "Identity_1", "Identity_3"),
            mean=0.0,
            scale=255.0,
            outside="edge",
            threads=threads,
            precision=precision,
        )
        self.restart()

    def restart(self, *, rate: float = 30.0) -> None:
        """Forget the images so far: the next one is the first of another video, of this rate."""
        self._interval = max(1, round(self._interval_seconds * rate))
        self._tracked: list[Region] = []
        self._wanted = 0  # people in the last image
        self._since_detection = self._interval

    def people(self, image: NDArray[np.uint8]) -> list[Pose]:
        """The people of an RGB image (H, W, 3), in descending order of score."""
        check_images([image])
        self._since_detection += 1
        lost = not self._tracked or len(self._tracked) < self._wanted
        due = self._max_people > 1 and self._since_detection >= self._interval
        regions = list(self._tracked)
        if len(regions) < self._max_people and (lost or due):
            self._since_detection = 0
            regions += [
                region
                for region in self._detect(image)
                if all(_apart(region, other) for other in self._tracked)
            ]
        found: list[tuple[Pose, Region]] = []
        for region in regions[: self._max_people]:
            person = self._person(image, region)
            if person is not None:
                found.append(person)
        if len(found) > 1:
            found = [found[k] for k in distinct(np.stack([pose.points for pose, _ in found]))]
        self._wanted = len(self._tracked) if not lost else len(found)
        self._tracked = [region for _, region in found]
        return [pose for pose, _ in sorted(found, key=lambda person: -person[0].score)]

    def _detect(self, image: NDArray[np.uint8]) -> list[Region]:
        """The regions of the people that the detector sees, in descending order of score."""
        raw, logits = self._detector.run(image, whole := whole_image(*image.shape[:2]))
        boxes, points = decode_people(raw, logits, self._min_score)
        points = weighted_nms(boxes, points)
        circles = whole.to_image(points.reshape(-1, 2)).reshape(points.shape)
        return [region_of(circle[0], circle[1], REGION_SCALE) for circle in circles]

    def _person(self, image: NDArray[np.uint8], region: Region) -> tuple[Pose, Region] | None:
        """The person of a region, and where to look for them in the next image."""
        raw, presence, heat = self._landmarks.run(image, region)
        score = float(presence[0])
        if score <= MIN_PRESENCE:
            return None
        landmarks = refine_landmarks(decode_landmarks(raw), heat)
        places = region.to_image(landmarks[:, :2])
        following = region_of(places[CENTRE], places[TOP], REGION_SCALE)
        points = np.concatenate([places[:JOINTS], landmarks[:JOINTS, 2:]], axis=1)
        return (Pose(points, score), following) if following.side >= 1 else None


@cache
def pose_anchors() -> Array:
    """The centres (2254, 2) of the anchors, x and y as shares of the input; all have the side 1.

    Cells row by row; two anchors a cell of the grids of strides 8 and 16, six of stride 32.
    """
    anchors = []
    for stride in dict.fromkeys(STRIDES):
        cells = DETECTOR_SIDE // stride
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres = (np.stack([x, y], axis=1) + 0.5) / cells
        anchors.append(np.repeat(centres, 2 * STRIDES.count(stride), axis=0))
    return np.concatenate(anchors).astype(np.float32)


def decode_people(raw: Array, logits: Array, threshold: float) -> tuple[Boxes, Array]:
    """Raw values (2254, 12) and logits (2254, 1) → boxes of faces, and points (N, 4, 2).

    Points: the middle of the hips, the top of the circle round the body, the middle of the
    shoulders, the top of the circle round the upper body. All are shares of the input.
    """
    scores = sigmoid(logits[:, 0])
    chosen = scores >= threshold
    values = raw[chosen] / DETECTOR_SIDE
    anchors = pose_anchors()[chosen]
    centre, half = anchors + values[:, :2], values[:, 2:4] / 2
    boxes = Boxes(np.concatenate([centre - half, centre + half], axis=1), scores[chosen])
    return boxes, np.asarray(values[:, 4:].reshape(-1, 4, 2) + anchors[:, None], np.float32)


def weighted_nms(boxes: Boxes, points: Array) -> Array:
    """The points (M, 4, 2) of each person, in descending order of the best score.

    The best candidate and all that overlap it by an IoU above 0.3 are averaged, weighted by their
    scores; then the best of the rest, and so on.
    """
    usable = (boxes.boxes[:, 2:] > boxes.boxes[:, :2]).all(axis=1)
    rest = np.flatnonzero(usable)
    rest = rest[np.argsort(-boxes.scores[rest], kind="stable")]
    people = []
    while len(rest):
        overlaps = iou(boxes.boxes[rest[:1]], boxes.boxes[rest])[0] > OVERLAP
        same = rest[overlaps]
        people.append(np.average(points[same], axis=0, weights=boxes.scores[same]))
        rest = rest[~overlaps]
    return np.array(people, np.float32).reshape(-1, 4, 2)


def decode_landmarks(raw: Array) -> Array:
    """Raw values (195,) → landmarks (39, 3): x and y as shares of the region, visibility."""
    values = raw.reshape(LANDMARKS, 5)
    return np.concatenate([values[:, :2] / LANDMARK_SIDE, sigmoid(values[:, 3:4])], axis=1)


def refine_landmarks(landmarks: Array, heat: Array) -> Array:
    """Move each landmark (39, 3) to the mean of its heat map, logits (64, 64, 39), around it.

    The mean is taken over 9 x 9 cells, weighted by their confidence; where none of them reaches
    0.5, or outside of the map, the landmark stays.
    """
    height, width = heat.shape[:2]
    refined = landmarks.copy()
    reach = KERNEL // 2
    # The graph cuts off the fraction, so that -0.5 is cell 0, and checks the row against the width.
    cells = np.trunc(landmarks[:, :2] * (width, height)).astype(int)
    for joint, (column, row) in enumerate(cells.tolist()):
        if not (0 <= column < width and 0 <= row < height):
            continue
        left, top = max(column - reach, 0), max(row - reach, 0)
        weights = sigmoid(heat[top : row + reach + 1, left : column + reach + 1, joint])
        if weights.max() < MIN_HEAT:
            continue
        total = weights.sum()
        columns, rows = np.arange(weights.shape[1]) + left, np.arange(weights.shape[0]) + top
        refined[joint, 0] = weights.sum(axis=0) @ columns / total / width
        refined[joint, 1] = weights.sum(axis=1) @ rows / total / height
    return refined


def _apart(region: Region, other: Region) -> bool:
    """Whether two regions are of two people."""
    distance = np.hypot(region.x - other.x, region.y - other.y)
    return bool(distance > SAME_CENTRE * max(region.side, other.side))
