"""Keypoints of a clip as an array for a network: resampled in time, centred and scaled.

A joint that was not seen at a time has the confidence 0 there. Its coordinates are then those
between the times at which it was seen, so that they do not jump; networks see the confidence too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import Keypoints, Skeleton
from playhead.recognition.plan import KeypointClipPlan

__all__ = ["LONGEST_GAP", "clip_keypoints", "flip", "keypoints_between", "normalise"]

LONGEST_GAP = 0.25
"""Seconds to the next sighting of a joint, beyond which it counts as not seen."""

Points = NDArray[np.float32]
"""(T, P, J, D + 1): times, people, joints, coordinates and a confidence."""


def keypoints_between(
    file: KeypointFile, people: Sequence[int], plan: KeypointClipPlan, span: tuple[float, float]
) -> NDArray[np.float32]:
    """Normalised keypoints (length, P, J, D + 1) of a span; absent people have confidence 0."""
    start, end = span
    last = float(file.times[np.searchsorted(file.times, end - 1e-9).clip(1) - 1])
    times = np.linspace(start, max(last, start), plan.length)
    points = np.zeros(plan.shape, np.float32)
    chosen = list(people)[: plan.people]
    points[:, : len(chosen)] = clip_keypoints(file, chosen, times)
    return normalise(points, plan.skeleton)


def clip_keypoints(file: KeypointFile, people: Sequence[int], times: NDArray[np.float64]) -> Points:
    """The joints of `people` at `times`, interpolated between frames → (T, P, J, D + 1).

    people: ids; times: (T,) seconds, rising
    """
    shape = (len(times), len(people), len(file.skeleton.joints), file.coordinates + 1)
    points = np.zeros(shape, np.float32)
    for index, track in enumerate(people):
        points[:, index] = _resampled(file.person(track), file.times, times)
    return points


def normalise(points: Points, skeleton: Skeleton) -> Points:
    """Centre on the root and scale by the torso → the same shape; confidences stay.

    The centre is the median root of all people over the clip, and the unit the median torso, so
    that moving through the image and distances between people are kept. Without a visible root or
    torso, the median joint and the spread of the joints take their place. A clip without any joint
    is all zeros.
    """
    result = points.copy()
    seen = points[..., -1] > 0
    if not seen.any():
        result[..., :-1] = 0
        return result
    roots = _means(points, skeleton, skeleton.root)
    centre = np.median(roots if len(roots) else points[seen][:, :-1], axis=0)
    ends = [_means(points, skeleton, names, both=skeleton.torso) for names in skeleton.torso]
    torsos = np.linalg.norm(ends[0] - ends[1], axis=-1)
    unit = float(np.median(torsos)) if len(torsos) else 0.0
    if unit <= 0:
        unit = float(np.linalg.norm(points[seen][:, :-1] - centre, axis=-1).mean()) or 1.0
    result[..., :-1] = (points[..., :-1] - centre) / unit
    never = ~seen.any(axis=0)  # joints without any position
    result[:, never, :-1] = 0
    return result


def flip(points: Points, skeleton: Skeleton) -> Points:
    """Mirror normalised points left to right; left and right joints change places."""
    mirrored = points[..., skeleton.flipped(), :].copy()
    mirrored[..., 0] *= -1
    return mirrored


def _resampled(
    person: Keypoints, frame_times: NDArray[np.float64], times: NDArray[np.float64]
) -> Points:
    """(T, J, D + 1) of one person: between the sightings of a joint before and after each time."""
    at, points = frame_times[person.frames], person.points
    seen = points[..., -1] > 0
    rows = np.arange(len(at))[:, None]
    last = np.maximum.accumulate(np.where(seen, rows, -1))  # (N, J), at or before each frame
    next_ = np.minimum.accumulate(np.where(seen, rows, len(at))[::-1])[::-1]  # at or after it
    frame = np.searchsorted(at, times, side="right")  # the first frame after each time
    before = np.where(frame[:, None] > 0, last[frame - 1], -1)  # (T, J)
    after = np.where(frame[:, None] < len(at), next_[frame.clip(max=len(at) - 1)], len(at))
    never = (before < 0) & (after == len(at))
    before, after = np.where(before < 0, after, before), np.where(after == len(at), before, after)
    before, after = before.clip(0, len(at) - 1), after.clip(0, len(at) - 1)
    past, future = times[:, None] - at[before], at[after] - times[:, None]
    weight = np.divide(past, past + future, out=np.zeros_like(past), where=before != after)
    joints = np.arange(points.shape[1])
    first, second = points[before, joints], points[after, joints]
    result = first + (second - first) * weight[..., None].astype(np.float32)
    nearest = np.minimum(np.abs(past), np.abs(future))
    result[nearest > LONGEST_GAP, -1] = 0
    result[never] = 0
    return result


def _means(
    points: Points,
    skeleton: Skeleton,
    names: tuple[str, ...],
    *,
    both: tuple[tuple[str, ...], ...] | None = None,
) -> NDArray[np.float32]:
    """The means of joints, (N, D), at the times and people for which all of them are seen.

    both: further joints that need to be seen
    """
    needed = [name for group in both or (names,) for name in group]
    seen = (points[..., skeleton.indices(tuple(needed)), -1] > 0).all(-1)
    means: NDArray[np.float32] = points[seen][:, skeleton.indices(names), :-1].mean(1)
    return means
