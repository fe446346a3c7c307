"""Keypoints of people: the joints of a track over time, and the skeleton that names them.

A joint that was not seen has the confidence 0; its coordinates then mean nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError

__all__ = ["BLAZEPOSE", "BODY_25", "COCO_17", "SKELETONS", "Keypoints", "Skeleton"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """The joints that keypoints have, by name.

    edges: pairs of joints that a drawing connects
    mirrored: pairs of a left and a right joint, which change places when an image is flipped
    root: the joints whose mean is the origin of a body, such as both hips
    torso: the two ends of the torso, each the mean of its joints; their distance is the body's
        unit of length
    Raises LabelError for a joint that is listed twice, or one that is used and not listed.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...] = ()
    mirrored: tuple[tuple[str, str], ...] = ()
    root: tuple[str, ...]
    torso: tuple[tuple[str, ...], tuple[str, ...]]

    def __post_init__(self) -> None:
        if not self.joints or len(set(self.joints)) < len(self.joints) or not all(self.joints):
            raise LabelError(f"skeleton {self.name}: a joint is empty or listed twice")
        if not self.root or not all(self.torso):
            raise LabelError(f"skeleton {self.name}: root and torso need at least one joint each")
        groups = (self.root, *self.torso, *self.edges, *self.mirrored)
        unknown = sorted({name for group in groups for name in group} - set(self.joints))
        if unknown:
            raise LabelError(
                f"skeleton {self.name}: has no joint {unknown[0]!r}; its joints are "
                f"{', '.join(self.joints)}"
            )
        if len({name for pair in self.mirrored for name in pair}) < 2 * len(self.mirrored):
            raise LabelError(f"skeleton {self.name}: a joint is mirrored twice")

    def indices(self, names: tuple[str, ...]) -> list[int]:
        """The positions of joints in `joints`."""
        return [self.joints.index(name) for name in names]

    def flipped(self) -> list[int]:
        """The order of the joints (J,) in which every left one and its right one change places."""
        order = list(range(len(self.joints)))
        for left, right in self.mirrored:
            i, k = self.indices((left, right))
            order[i], order[k] = k, i
        return order


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """The joints of one person over time.

    track: the id of the person
    frames: int32 (N,), rising
    points: float32 (N, J, D + 1): D coordinates, pixels of the displayed frame if D is 2, and a
        confidence, 0 for a joint that was not seen
    Raises LabelError if shapes do not match, frames do not rise, or a value is not finite.
    """

    track: int
    skeleton: Skeleton
    frames: NDArray[np.int32]
    points: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape, joints = self.points.shape, len(self.skeleton.joints)
        if len(shape) != 3 or shape[:2] != (len(self.frames), joints) or shape[2] not in (3, 4):
            raise LabelError(
                f"person {self.track}: points have the shape {shape}; {len(self.frames)} frames of "
                f"{joints} joints need ({len(self.frames)}, {joints}, 3 or 4)"
            )
        if len(self.frames) and (self.frames[0] < 0 or not np.all(np.diff(self.frames) > 0)):
            raise LabelError(f"person {self.track}: the frames do not rise from 0")
        if not np.isfinite(self.points).all():
            raise LabelError(f"person {self.track}: a coordinate or confidence is not finite")


_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_LIMBS = (
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
_BODY_EDGES = (
    ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"), ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"), ("left_hip", "right_hip"), ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
)  # fmt: skip
_HIPS = ("left_hip", "right_hip")
_TORSO = (("left_shoulder", "right_shoulder"), _HIPS)


def _pairs(joints: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The mirrored pairs of joints that are named left_X and right_X."""
    names = [name.removeprefix("left_") for name in joints if name.startswith("left_")]
    return tuple((f"left_{name}", f"right_{name}") for name in names)


COCO_17 = Skeleton(
    name="coco-17",
    joints=_FACE + _LIMBS,
    edges=(
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"),
        ("right_eye", "right_ear"), *_BODY_EDGES,
    ),
    mirrored=_pairs(_FACE + _LIMBS),
    root=_HIPS,
    torso=_TORSO,
)  # fmt: skip
"""The 17 joints of COCO, and of MoveNet."""

_BLAZEPOSE = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
    "right_eye_outer", "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky",
    "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel",
    "left_foot_index", "right_foot_index",
)  # fmt: skip
BLAZEPOSE = Skeleton(
    name="blazepose",
    joints=_BLAZEPOSE,
    edges=(
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"),
        ("right_eye", "right_ear"), ("left_mouth", "right_mouth"), *_BODY_EDGES,
        ("left_wrist", "left_index"), ("right_wrist", "right_index"),
        ("left_wrist", "left_thumb"), ("right_wrist", "right_thumb"),
        ("left_ankle", "left_heel"), ("left_heel", "left_foot_index"),
        ("right_ankle", "right_heel"), ("right_heel", "right_foot_index"),
    ),
    mirrored=_pairs(_BLAZEPOSE),
    root=_HIPS,
    torso=_TORSO,
)  # fmt: skip
"""The 33 joints of BlazePose."""

_BODY_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee",
    "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe",
    "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
BODY_25 = Skeleton(
    name="body-25",
    joints=_BODY_25,
    edges=(
        ("nose", "neck"), ("neck", "mid_hip"), ("nose", "left_eye"), ("nose", "right_eye"),
        ("left_eye", "left_ear"), ("right_eye", "right_ear"), *_BODY_EDGES,
        ("left_ankle", "left_heel"), ("left_ankle", "left_big_toe"),
        ("left_big_toe", "left_small_toe"), ("right_ankle", "right_heel"),
        ("right_ankle", "right_big_toe"), ("right_big_toe", "right_small_toe"),
    ),
    mirrored=_pairs(_BODY_25),
    root=("mid_hip",),
    torso=(("neck",), ("mid_hip",)),
)  # fmt: skip
"""The 25 joints of OpenPose's BODY_25 model."""

SKELETONS = {skeleton.name: skeleton for skeleton in (COCO_17, BLAZEPOSE, BODY_25)}
"""The known skeletons, by name."""
