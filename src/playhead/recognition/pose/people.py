"""People over time: poses of single images become people with an id, and some of them are chosen.

A pose continues the person whose joints, moved on at their speed, are most similar to it. Short
gaps are filled by straight lines between the poses around them, with a confidence of at most
`INTERPOLATED`: nothing passes for seen that was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from playhead.config import Settings
from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import Keypoints, Skeleton
from playhead.recognition.pose.protocol import Pose
from playhead.recognition.pose.similarity import MIN_CONFIDENCE, pose_boxes, similarities

__all__ = ["INTERPOLATED", "PeopleConfig", "PeopleTracker", "choose_people", "seen_frames"]

INTERPOLATED = 0.1
"""The highest confidence of a joint that was interpolated, below that of any joint that counts."""

SIGMA, SIGMA_PER_SECOND, SIGMA_OF_NEW = 0.1, 0.5, 1.5
"""How far joints may be from where they are expected, see OKS: at once, for each second since, and
for each second if the person was seen once, so that their speed is not known."""
MAX_EXTRAPOLATION = 0.3
"""Seconds for which a person who is lost is taken to move on at their speed."""

Array = NDArray[np.float32]


class PeopleConfig(Settings):
    """How poses are associated to people over time."""

    min_similarity: float = Field(
        default=0.3, ge=0, le=1, description="a less similar pose does not continue a person"
    )
    resume_seconds: float = Field(
        default=2.0, ge=0, description="a person lost for at most this long can be continued"
    )
    gap_seconds: float = Field(
        default=0.5, ge=0, description="gaps of at most this long are interpolated"
    )


@dataclass(slots=True, eq=False)
class _Person:
    """A person so far; `speed` (2,) in pixels a second."""

    samples: list[int] = field(default_factory=list)
    points: list[Array] = field(default_factory=list)
    time: float = 0.0
    speed: Array = field(default_factory=lambda: np.zeros(2, np.float32))

    def expected(self, time: float) -> Array:
        """The joints (J, 3) at a later time."""
        ahead = min(time - self.time, MAX_EXTRAPOLATION)
        moved = self.points[-1].copy()
        moved[:, :2] += self.speed * np.float32(ahead)
        return moved

    def sigma(self, time: float) -> float:
        """How far the joints may be from there."""
        growth = SIGMA_PER_SECOND if len(self.points) > 1 else SIGMA_OF_NEW
        return SIGMA + growth * (time - self.time)

    def add(self, sample: int, time: float, points: Array) -> None:
        """Continue with a pose."""
        if self.points:
            last = self.points[-1]
            both = (last[:, 2] >= MIN_CONFIDENCE) & (points[:, 2] >= MIN_CONFIDENCE)
            if both.any() and time > self.time:
                step = np.median(points[both, :2] - last[both, :2], axis=0)
                weight = 0.5 if len(self.points) > 1 else 1.0
                self.speed += weight * (step / (time - self.time) - self.speed)
        self.samples.append(sample)
        self.points.append(points)
        self.time = time


class PeopleTracker:
    """Associates the poses of the analysed frames of a video, given one frame after the other.

    A person that is not seen for longer than `resume_seconds` comes back as another one.
    """

    def __init__(self, skeleton: Skeleton, config: PeopleConfig) -> None:
        self._skeleton, self._config = skeleton, config
        self._people: list[_Person] = []
        self._frames: list[int] = []
        self._times: list[float] = []

    def add(self, frame: int, time: float, poses: Sequence[Pose]) -> None:
        """The poses of the next analysed frame, at its time in seconds."""
        sample = len(self._frames)
        self._frames.append(frame)
        self._times.append(time)
        earliest = time - self._config.resume_seconds - 1e-6  # times are rounded in containers
        open_people = [person for person in self._people if person.time >= earliest]
        matched = self._matched(open_people, time, [pose.points for pose in poses])
        for index, pose in enumerate(poses):
            if index not in matched:
                self._people.append(person := _Person())
            else:
                person = open_people[matched[index]]
            person.add(sample, time, pose.points)

    def people(self) -> tuple[Keypoints, ...]:
        """The people, numbered in order of their first frame, with short gaps filled."""
        times, frames = np.array(self._times), np.array(self._frames, np.int32)
        result = []
        for track, person in enumerate(self._people):
            samples, points = _without_gaps(
                np.array(person.samples), np.stack(person.points), times, self._config.gap_seconds
            )
            result.append(Keypoints(track, self._skeleton, frames[samples], points))
        return tuple(result)

    def _matched(
        self, people: Sequence[_Person], time: float, poses: Sequence[Array]
    ) -> dict[int, int]:
        """The person, by their position in `people`, that each continued pose belongs to."""
        if not people or not poses:
            return {}
        seen = np.stack(poses)
        similar = np.concatenate(
            [
                similarities(
                    person.expected(time)[None],
                    seen,
                    person.sigma(time),
                )
                for person in people
            ]
        )
        pairs = zip(*linear_sum_assignment(-similar), strict=True)
        return {
            int(pose): int(person)
            for person, pose in pairs
            if similar[person, pose] >= self._config.min_similarity
        }


def choose_people(file: KeypointFile, count: int = 1) -> tuple[int, ...]:
    """The ids of the people whose action is recognised, the central one first; the same throughout.

    Of a person, over the frames in which they were seen: `near` is 1 minus the median distance of
    the middle of their box from the middle of the image, in halves of its diagonal; `size` is the
    median square root of the area of the box, and `seen` the number of frames, both divided by the
    largest of all people.

    count 1: the person with the largest near² · size · seen.
    count 2: the pair with the largest close · together · √(size · size'), where `together` is the
    share of the frames of the video in which both were seen, `close` is 1 / (1 + distance), and the
    distance is the median of that between the middles of their boxes, in heights of the higher box.
    Where no two people were ever seen together it is the central person alone.
    In a tie the earlier person is chosen. Without people: none.
    """
    if not file.people:
        return ()
    summaries = [_Summary.of(person) for person in file.people]
    size = np.array([summary.size for summary in summaries])
    seen = np.array([len(summary.frames) for summary in summaries], np.float64)
    near = np.array([summary.near(file.size) for summary in summaries])
    size /= max(size.max(), 1e-9)
    central = near**2 * size * seen / max(seen.max(), 1.0)
    ids = [person.track for person in file.people]
    best = int(np.argmax(central))
    if count == 1:
        return (ids[best],)
    pairs = [
        (
            _interaction(summaries[a], summaries[b], len(file.times)) * np.sqrt(size[a] * size[b]),
            a,
            b,
        )
        for a, b in combinations(range(len(ids)), 2)
    ]
    score, a, b = max(pairs, key=lambda pair: (pair[0], -pair[1], -pair[2]), default=(0.0, 0, 0))
    if score <= 0:
        return (ids[best],)
    return (ids[a], ids[b]) if central[a] >= central[b] else (ids[b], ids[a])


def seen_frames(person: Keypoints) -> NDArray[np.bool_]:
    """Whether the person was seen in each of their frames (N,), not interpolated."""
    seen: NDArray[np.bool_] = person.points[..., -1].max(axis=1) > INTERPOLATED
    return seen


@dataclass(frozen=True, slots=True, eq=False)
class _Summary:
    """Where a person was seen: frames (n,), boxes (n, 4), the median root of their area."""

    frames: NDArray[np.int32]
    boxes: NDArray[np.float64]
    size: float

    @classmethod
    def of(cls, person: Keypoints) -> "_Summary":
        seen = seen_frames(person)
        # Of points in space, the first two coordinates count.
        boxes = pose_boxes(person.points[seen][..., [0, 1, -1]]).astype(np.float64)
        sides = boxes[:, 2:] - boxes[:, :2]
        size = float(np.median(np.sqrt(sides[:, 0] * sides[:, 1]))) if len(boxes) else 0.0
        return cls(person.frames[seen], boxes, size)

    @property
    def middles(self) -> NDArray[np.float64]:
        """The middles of the boxes (n, 2)."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    def near(self, size: tuple[int, int] | None) -> float:
        """How near to the middle of the image, 0 to 1; 1 if there is no image."""
        if size is None or not len(self.frames):
            return 1.0
        middle = np.array(size) / 2
        distances = np.linalg.norm(self.middles - middle, axis=1) / np.linalg.norm(middle)
        return float(max(0.0, 1 - np.median(distances)))


def _interaction(a: _Summary, b: _Summary, frames: int) -> float:
    """How near two people are to each other, times how long they are seen together."""
    _, rows_a, rows_b = np.intersect1d(a.frames, b.frames, return_indices=True)
    if not len(rows_a):
        return 0.0
    distances = np.linalg.norm(a.middles[rows_a] - b.middles[rows_b], axis=1)
    heights = np.maximum(
        a.boxes[rows_a, 3] - a.boxes[rows_a, 1], b.boxes[rows_b, 3] - b.boxes[rows_b, 1]
    )
    distance = float(np.median(distances / np.maximum(heights, 1e-9)))
    return len(rows_a) / frames / (1 + distance)


def _without_gaps(
    samples: NDArray[np.intp], points: Array, times: NDArray[np.float64], longest: float
) -> tuple[NDArray[np.intp], Array]:
    """The samples and points (N, J, 3) with the gaps of at most `longest` seconds filled.

    The length of a gap is the time between the two poses around it.
    """
    parts_of_samples, parts_of_points = [samples[:1]], [points[:1]]
    for k in range(1, len(samples)):
        first, last = int(samples[k - 1]), int(samples[k])
        inside = np.arange(first + 1, last)
        if len(inside) and times[last] - times[first] <= longest + 1e-6:
            share = (times[inside] - times[first]) / max(times[last] - times[first], 1e-9)
            before, after = points[k - 1], points[k]
            filled = before + share[:, None, None].astype(np.float32) * (after - before)
            # A joint that was not seen before and after has no line to lie on.
            known = np.minimum(before[:, 2], after[:, 2])
            filled[..., 2] = np.where(known > 0, np.minimum(known, INTERPOLATED), 0)
            parts_of_samples.append(inside)
            parts_of_points.append(filled)
        parts_of_samples.append(samples[k : k + 1])
        parts_of_points.append(points[k : k + 1])
    return np.concatenate(parts_of_samples), np.concatenate(parts_of_points)
