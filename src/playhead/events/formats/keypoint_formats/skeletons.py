"""Skeletons of other programs: by the number of joints, or from the names that a file gives."""

import re
from collections.abc import Sequence

from playhead.errors import LabelError
from playhead.events.keypoints import BLAZEPOSE, BODY_25, COCO_17, Skeleton

__all__ = ["OPENPOSE_18", "joint_name", "named_skeleton", "numbered_skeleton"]

_HIPS = ("left_hip", "right_hip")
_SHOULDERS = ("left_shoulder", "right_shoulder")
_LIMBS = tuple(
    (f"{side}_{first}", f"{side}_{second}")
    for side in ("right", "left")
    for first, second in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
)

OPENPOSE_18 = Skeleton(
    name="openpose-18",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
        "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    edges=(
        ("neck", "nose"), ("neck", "right_shoulder"), ("neck", "left_shoulder"),
        ("neck", "right_hip"), ("neck", "left_hip"), ("nose", "right_eye"), ("nose", "left_eye"),
        ("right_eye", "right_ear"), ("left_eye", "left_ear"), *_LIMBS,
    ),
    mirrored=tuple(
        (f"left_{name}", f"right_{name}")
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear")
    ),
    root=_HIPS,
    torso=(("neck",), _HIPS),
)  # fmt: skip
"""The 18 joints of OpenPose's COCO model."""

_KNOWN = (COCO_17, BLAZEPOSE, BODY_25, OPENPOSE_18)
_BY_COUNT = {len(skeleton.joints): skeleton for skeleton in _KNOWN}


def numbered_skeleton(joints: int) -> Skeleton:
    """The known skeleton with so many joints, else one of numbered joints."""
    known = _BY_COUNT.get(joints)
    return known or named_skeleton("joints", [f"joint_{number}" for number in range(joints)])


def named_skeleton(
    name: str, joints: Sequence[str], edges: Sequence[tuple[str, str]] = ()
) -> Skeleton:
    """A skeleton of joints with names, whose sides, root and torso are told from them.

    `left_X` and `right_X` are mirrored. The root is the hips, else all joints. The torso goes from
    shoulders or neck to the hips; without them its two ends are both shoulders, both elbows, the
    joints of both sides, or the first and the last joint.
    Raises LabelError if a name is empty or given twice.
    """
    names = tuple(joints)
    known = next((skeleton for skeleton in _KNOWN if skeleton.joints == names), None)
    if known is not None:
        return known
    sides = [joint.removeprefix("left_") for joint in names if joint.startswith("left_")]
    mirrored = tuple(
        (f"left_{side}", f"right_{side}") for side in sides if f"right_{side}" in names
    )
    middle: tuple[str, ...] = tuple(
        joint for joint in ("mid_hip", "pelvis", "hip") if joint in names
    )[:1]
    hips: tuple[str, ...] = _HIPS if set(_HIPS) <= set(names) else middle
    shoulders: tuple[str, ...] = _SHOULDERS if set(_SHOULDERS) <= set(names) else ()
    top: tuple[str, ...] = (
        shoulders or tuple(joint for joint in ("neck", "thorax") if joint in names)[:1]
    )
    pairs = [pair for pair in mirrored if pair[0] in ("left_shoulder", "left_elbow")]
    torso: tuple[tuple[str, ...], tuple[str, ...]]
    if top and hips:
        torso = top, hips
    elif pairs:
        torso = pairs[0][:1], pairs[0][1:]
    elif mirrored:
        torso = tuple(left for left, _ in mirrored), tuple(right for _, right in mirrored)
    else:
        torso = names[:1], names[-1:]
    if not names:
        raise LabelError(f"skeleton {name}: has no joints")
    return Skeleton(
        name=name,
        joints=names,
        edges=tuple(edges),
        mirrored=mirrored,
        root=hips or names,
        torso=torso,
    )


def joint_name(text: str) -> str:
    """A joint's name as skeletons write it: `Hand tip left` is `left_hand_tip`."""
    words = [word for word in re.split(r"[^0-9a-z]+", text.casefold()) if word]
    sides = [word for word in words if word in ("left", "right")]
    return "_".join(sides[:1] + [word for word in words if word not in sides[:1]])
