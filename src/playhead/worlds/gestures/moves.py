"""Moves: what each class of gesture does with a body, and what differs from person to person.

Classes come in pairs that share their postures and differ in motion: a hand that waves or is held
up, hands that clap or spread, that push or pull. Numbers about a single gesture are drawn alike for
both classes of a pair, so that only the motion tells them apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.gestures.body import Build, Posture

__all__ = [
    "CLASSES",
    "Gesture",
    "Manner",
    "Move",
    "draw_manner",
    "draw_move",
    "standing",
    "walking",
]

Floats = NDArray[np.float64]

Gesture = Literal["wave", "raise", "clap", "spread", "push", "pull", "squat", "bow"]
CLASSES: tuple[Gesture, ...] = get_args(Gesture)

_RESTS = {  # where a hand rests: forward, outward, up, in arms from the shoulder
    "sides": (0.04, 0.1, -0.97),
    "hips": (0.1, 0.16, -0.56),
    "front": (0.32, -0.3, -0.72),
    "behind": (-0.22, -0.22, -0.72),
    "folded": (0.34, -0.45, -0.36),
}
_FORWARD = (0.78, -0.05, -0.08)  # where the hands of a squat may be


@dataclass(frozen=True, slots=True)
class Manner:
    """The habits of one person."""

    right_handed: bool
    both: float  # chance that both arms do what one could do
    rest: str  # where the hands are between gestures
    tempo: float  # 1 is usual, more is faster
    size: float  # 1 is usual, more is wider
    reach: tuple[float, float, float]  # what is added to where the hands go, in arms
    stance: float  # half of the distance between the feet, in half hips
    sway: float  # 1 is usual
    stoop: float  # radians


@dataclass(frozen=True, slots=True)
class Move:
    """One gesture in time."""

    label: Gesture
    start: float  # seconds
    end: float
    ramp: float  # seconds from rest to the gesture, and back
    arms: tuple[bool, bool]  # which ones take part, left and right
    rate: float  # cycles a second
    size: float
    phase: float  # 0..1, of the cycle
    place: tuple[float, float, float]  # 0..1: which of the usual places of the hands
    skew: float  # 0..1: how uneven the two halves of a cycle are


def draw_manner(rng: np.random.Generator) -> Manner:
    """Decide one person's habits."""
    forward, outward, up = rng.uniform(-1, 1, 3) * (0.08, 0.08, 0.08)
    return Manner(
        right_handed=bool(rng.random() < 0.8),
        both=float(rng.choice((0.05, 0.2, 0.6))),
        rest=str(rng.choice(list(_RESTS), p=(0.5, 0.12, 0.16, 0.12, 0.1))),
        tempo=float(rng.uniform(0.82, 1.22)),
        size=float(rng.uniform(0.8, 1.2)),
        reach=(float(forward), float(outward), float(up)),
        stance=float(rng.uniform(0.9, 2.6)),
        sway=float(rng.uniform(0.4, 1.6)),
        stoop=float(rng.uniform(-0.02, 0.14)),
    )


_RATES: dict[Gesture, tuple[float, float]] = {  # cycles a second
    "wave": (1.3, 2.5), "raise": (0.2, 0.5), "clap": (1.6, 2.8), "spread": (0.5, 0.85),
    "push": (0.7, 1.05), "pull": (0.7, 1.05), "squat": (0.5, 0.85), "bow": (0.4, 0.75),
}  # fmt: skip


def draw_move(
    rng: np.random.Generator, label: Gesture, manner: Manner, span: tuple[float, float]
) -> Move:
    """Decide one gesture within a span, (start, end) in seconds."""
    main = not manner.right_handed if rng.random() < 0.9 else manner.right_handed
    both = rng.random() < manner.both
    low, high = _RATES[label]
    forward, outward, up = (float(value) for value in rng.uniform(0, 1, 3))
    return Move(
        label=label,
        start=span[0],
        end=span[1],
        ramp=float(rng.uniform(0.25, 0.5)) / manner.tempo,
        arms=(both or main, both or not main),
        rate=float(rng.uniform(low, high)) * manner.tempo,
        size=float(rng.uniform(0.85, 1.15)) * manner.size,
        phase=float(rng.random()),
        place=(forward, outward, up),
        skew=float(rng.random()),
    )


def standing(
    rng: np.random.Generator, build: Build, manner: Manner, moves: Sequence[Move], times: Floats
) -> Posture:
    """Somebody who stands, sways a little, and makes `moves`, at `times` (F,)."""
    posture = _rest(rng, build, manner, times)
    for move in moves:
        begun, left = (times - move.start) / move.ramp, (move.end - times) / move.ramp
        part = _smooth(begun) * _smooth(left)
        if part.any():
            posture = posture.mixed(_move(move, build, manner, posture, times), part)
    return posture


def walking(rng: np.random.Generator, build: Build, manner: Manner, walked: Floats) -> Posture:
    """Somebody who walks; walked: metres (F,) along the way."""
    posture = _rest(rng, build, replace(manner, rest="sides"), np.linspace(0, 2, len(walked)))
    stride = 0.8 * build.leg  # metres of a step
    phase = math.pi * walked / stride + 2 * math.pi * rng.random()
    hands, feet = posture.hands.copy(), posture.feet.copy()
    for number, sign in enumerate((1.0, -1.0)):
        swing = sign * np.sin(phase)
        feet[:, number, 0] = 0.5 * stride * swing
        feet[:, number, 1] = build.hips
        feet[:, number, 2] = 0.14 * np.clip(sign * np.cos(phase), 0, None)
        hands[:, number, 0] = 0.1 - 0.3 * swing * manner.size
        hands[:, number, 2] = -0.9
    sink = 0.03 + 0.03 * np.abs(np.sin(phase))
    return replace(posture, hands=hands, feet=feet, sink=sink, lean=posture.lean + 0.06)


def _rest(rng: np.random.Generator, build: Build, manner: Manner, times: Floats) -> Posture:
    """Standing without a gesture."""

    def wander(amount: float) -> Floats:
        """Slow, smooth and seeded: two sines of random speed."""
        speeds, phases = rng.uniform(0.15, 0.7, 2), rng.uniform(0, 2 * math.pi, 2)
        turns = 2 * math.pi * np.multiply.outer(times, speeds) + phases
        swing: Floats = amount * manner.sway * np.sin(turns).mean(axis=1)
        return swing

    count = len(times)
    hands = np.tile(np.array(_RESTS[manner.rest]), (count, 2, 1))
    for number in range(2):
        for axis in range(3):
            hands[:, number, axis] += wander(0.05)
    feet = np.zeros((count, 2, 3))
    feet[:, :, 1] = build.hips * manner.stance
    feet[:, 0, 0] = float(rng.uniform(-0.08, 0.08))
    return Posture(
        hands=hands, feet=feet, sink=0.01 + np.abs(wander(0.02)),
        lean=manner.stoop + wander(0.05), side=wander(0.06), twist=wander(0.16),
        nod=0.05 + wander(0.15), look=wander(0.5),
    )  # fmt: skip


def _move(move: Move, build: Build, manner: Manner, rest: Posture, times: Floats) -> Posture:
    """A gesture in full; the hands that take no part in it rest."""
    turns = 2 * math.pi * move.rate * (times - move.start)
    shifted = turns + 2 * math.pi * move.phase
    near, wide, high = move.place
    meet = -build.shoulders / build.arm + 0.03  # outward: where the hands touch
    hands = rest.hands.copy()
    posture = rest
    arms = [number for number in range(2) if move.arms[number]]
    match move.label:
        case "wave" | "raise":
            swing = np.sin(shifted)
            if move.label == "raise":  # held where a wave passes, not quite still
                swing = math.sin(2 * math.pi * move.phase) + 0.12 * np.sin(turns)
            out = 0.3 * move.size * swing
            place = (0.08 + 0.35 * near, 0.1 + 0.3 * wide, 0.42 + 0.42 * high)
            for number in arms:  # two arms mirror each other, or swing the same way
                swung = out if number == arms[0] or move.skew < 0.5 else -out
                raised = np.stack([0 * out, swung, -0.35 * np.abs(out)], axis=-1)
                hands[:, number] = raised + place + manner.reach
        case "clap" | "spread":
            apart = 0.5 - 0.5 * np.cos(shifted)
            gap = (0.16 + 0.3 * move.skew) * move.size * apart
            if move.label == "spread":  # once, further and slower
                apart = _smooth(0.5 + 0.75 * -np.cos(turns))
                gap = (0.5 + 0.55 * move.skew) * move.size * apart
            ahead = 0.42 + 0.28 * near + manner.reach[0] - 0.3 * gap
            up = -0.42 + 0.4 * high + manner.reach[2] + 0.15 * gap
            hands[:] = np.stack([ahead, meet + gap, up], axis=-1)[:, None]
        case "push" | "pull":
            quick = 0.14 + 0.1 * move.skew  # share of a cycle: out in a push, back in a pull
            part = (shifted / (2 * math.pi)) % 1
            rises = quick if move.label == "push" else 1 - quick
            done = _smooth(np.where(part < rises, part / rises, (1 - part) / (1 - rises)))
            back = np.array((0.24 + 0.1 * near, -0.12 + 0.2 * wide, -0.5 + 0.2 * high))
            front = np.array((0.9, -0.1 + 0.2 * wide, -0.1 + 0.35 * high)) + manner.reach
            for number in arms:
                hands[:, number] = back + (done * min(move.size, 1.05))[:, None] * (front - back)
            posture = replace(rest, lean=rest.lean + 0.15 * done * near)
        case "squat":
            down = 0.5 - 0.5 * np.cos(turns)
            places = (_FORWARD, _RESTS["hips"], _RESTS["folded"], _RESTS[manner.rest])
            hands[:] = places[int(4 * wide) % 4]
            depth = (0.24 + 0.2 * high) * move.size * down
            lean = rest.lean + (0.25 + 0.5 * near) * down
            posture = replace(rest, sink=rest.sink + depth, lean=lean)
        case "bow":
            down = 0.5 - 0.5 * np.cos(turns)
            places = (_RESTS["sides"], _RESTS["front"], (0.25, 0.05, -0.85), _RESTS[manner.rest])
            hands[:] = places[int(4 * wide) % 4]
            lean = rest.lean + (0.55 + 0.6 * high) * move.size * down
            posture = replace(
                rest, lean=lean, sink=rest.sink + 0.05 * near * down, nod=rest.nod + 0.25 * down
            )
    return replace(posture, hands=hands)


def _smooth(part: Floats) -> Floats:
    """From 0 to 1 without a jerk; below 0 it is 0, above 1 it is 1."""
    part = np.clip(part, 0, 1)
    eased: Floats = part * part * (3 - 2 * part)
    return eased
