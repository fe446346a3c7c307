"""True keypoints as an extractor of keypoints would have found them: noisy, unsure, swapped, cut.

    found = disturbed(read_keypoints(path), seed=3)

Errors are in lengths of the person's torso. Shares are of frames; what goes wrong stays wrong for a
few frames, as it does in a real extractor. The defaults are those of BlazePose on real video, by
`benchmarks/pose_noise.py`.
"""

import zlib
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import Keypoints, Skeleton

__all__ = ["Disturbance", "disturbed"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SEEN = 0.5  # confidence in the truth below which a joint counts as hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """How wrong found keypoints are.

    head, trunk, middle, end: standard deviation of the offset of each coordinate of joints of the
        head; shoulders and hips; elbows and knees; wrists and ankles: in torso lengths
    memory: correlation of the offset in one frame with that in the next
    jitter: standard deviation of the error that is another in every frame, in torso lengths
    hidden: factor of both errors of a joint behind a body
    unsure, unsure_arm, unsure_hidden: share of joints with a confidence below .2, of elbows and
        wrists, and of joints behind a body; the larger one holds
    unsure_factor: factor of both errors of such a joint; the larger one of both factors holds
    unsure_frames: mean length of this, frames
    swapped: share of frames in which left and right are swapped, of the arms, and of the legs
    swapped_frames: mean length of a swap, frames
    missed: share of frames in which a person is not found at all
    missed_frames: mean length of such a gap, frames
    cut: share of people whose track goes on under another id from some frame on
    """

    head: float = 0.02
    trunk: float = 0.04
    middle: float = 0.03
    end: float = 0.03
    memory: float = 0.98
    jitter: float = 0.01
    hidden: float = 2.0
    unsure: float = 0.03
    unsure_arm: float = 0.33
    unsure_hidden: float = 0.33
    unsure_factor: float = 3.0
    unsure_frames: float = 6.0
    swapped: float = 0.006
    swapped_frames: float = 3.0
    missed: float = 0.03
    missed_frames: float = 2.0
    cut: float = 0.05


_DEFAULT = Disturbance()


def disturbed(file: KeypointFile, seed: int, disturbance: Disturbance = _DEFAULT) -> KeypointFile:
    """The keypoints of a video as an extractor finds them, from true ones.

    The same video name and seed give the same errors. Where a track is cut, the chosen id is that
    of its longer part.
    """
    rng = np.random.default_rng([seed, zlib.crc32(file.video.encode())])
    people: list[Keypoints] = []
    chosen = list(file.chosen)
    unused = max((person.track for person in file.people), default=0) + 1
    for person in file.people:
        found = _disturb(rng, person, disturbance)
        cut = int(rng.integers(1, max(len(found.frames), 2)))
        if rng.random() >= disturbance.cut or len(found.frames) < 2:
            people.append(found)
            continue
        first = replace(found, frames=found.frames[:cut], points=found.points[:cut])
        second = replace(found, track=unused, frames=found.frames[cut:], points=found.points[cut:])
        if len(second.frames) > len(first.frames):
            chosen = [unused if track == found.track else track for track in chosen]
        people += [first, second]
        unused += 1
    people.sort(key=lambda person: person.track)
    return replace(
        file,
        people=tuple(people),
        chosen=tuple(chosen),
        settings={**file.settings, "disturbed": {"seed": seed, **asdict(disturbance)}},
    )


def _disturb(rng: np.random.Generator, person: Keypoints, disturbance: Disturbance) -> Keypoints:
    """One person, with all that goes wrong but the cut of the track."""
    skeleton = person.skeleton
    count, joints = person.points.shape[:2]
    places = person.points[..., :2].astype(float)
    present = person.points[..., 2] > 0
    hidden = present & (person.points[..., 2] < _SEEN)

    arms = np.array([name.endswith(("elbow", "wrist")) for name in skeleton.joints])
    share = np.where(arms, disturbance.unsure_arm, disturbance.unsure)
    unsure = _runs(rng, count, joints, share, disturbance.unsure_frames)
    behind = np.array(disturbance.unsure_hidden)
    unsure |= hidden & _runs(rng, count, joints, behind, disturbance.unsure_frames)

    error = _correlated(rng, (count, joints, 2), disturbance.memory)
    error *= _spreads(skeleton, disturbance)[:, None]
    error += rng.normal(0, disturbance.jitter, error.shape)
    factor = np.maximum(
        np.where(hidden, disturbance.hidden, 1.0), np.where(unsure, disturbance.unsure_factor, 1.0)
    )
    error *= factor[..., None]
    error_size = np.linalg.norm(error, axis=-1)
    places = places + error * _torso(person)

    for side in (("elbow", "wrist"), ("knee", "ankle")):
        swapped = _runs(rng, count, 1, np.array(disturbance.swapped), disturbance.swapped_frames)
        for name in side:
            left, right = skeleton.indices((f"left_{name}", f"right_{name}"))
            pair, swapped_pair = [left, right], [right, left]
            places[:, pair] = np.where(swapped[..., None], places[:, swapped_pair], places[:, pair])
            present[:, pair] = np.where(swapped, present[:, swapped_pair], present[:, pair])

    confidence = np.clip(0.97 - 2.5 * error_size + rng.normal(0, 0.04, error_size.shape), 0.05, 1)
    confidence = np.where(hidden, 0.6, 1.0) * confidence
    confidence = np.where(unsure, rng.uniform(0.02, 0.2, unsure.shape), confidence) * present
    points = np.concatenate([places, confidence[..., None]], axis=-1).astype(np.float32)
    missed = _runs(rng, count, 1, np.array(disturbance.missed), disturbance.missed_frames)[:, 0]
    if missed.all():  # somebody who is never found would not be in the file
        missed[0] = False
    return replace(person, frames=person.frames[~missed], points=points[~missed])


def _spreads(skeleton: Skeleton, disturbance: Disturbance) -> Floats:
    """The standard deviation (J,) of the error of each joint, in torso lengths."""
    kinds = {
        "shoulder": disturbance.trunk, "hip": disturbance.trunk, "elbow": disturbance.middle,
        "knee": disturbance.middle, "wrist": disturbance.end, "ankle": disturbance.end,
    }  # fmt: skip
    return np.array([kinds.get(name.split("_")[-1], disturbance.head) for name in skeleton.joints])


def _torso(person: Keypoints) -> float:
    """The length of a person's torso in pixels, as it is seen upright: a high quantile."""
    upper, lower = (
        person.points[:, person.skeleton.indices(end), :2].mean(axis=1)
        for end in person.skeleton.torso
    )
    return float(np.quantile(np.linalg.norm(upper - lower, axis=-1), 0.8))


def _correlated(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> Floats:
    """Normal noise along the first axis, of variance 1 everywhere."""
    noise = rng.normal(0, 1, shape)
    fresh = (1 - memory**2) ** 0.5
    for index in range(1, shape[0]):
        noise[index] = memory * noise[index - 1] + fresh * noise[index]
    return noise


def _runs(
    rng: np.random.Generator, frames: int, columns: int, share: Floats, length: float
) -> Bools:
    """States (frames, columns) that are on for a `share` of frames, in runs of a mean length."""
    share = np.broadcast_to(share, (columns,))
    begins = share / (1 - share) / length  # chance that a run begins in a frame without one
    chances = rng.random((frames, columns))
    on = np.zeros((frames, columns), bool)
    on[:1] = chances[:1] < share
    for index in range(1, frames):
        stays = chances[index] >= 1 / length
        on[index] = np.where(on[index - 1], stays, chances[index] < begins)
    return on
