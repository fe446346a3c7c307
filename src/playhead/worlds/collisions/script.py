"""Who meets whom, when and how: the encounters of a play, drawn before anything moves.

Encounters of all kinds have the same approach speeds: in `helmet` the heads meet; in `shoulder` the
bodies meet beside each other; in `low` one head meets the other's chest; in `cross` two players
stop or cut hard without contact, one behind the other as a camera sees them; in `pass` they run on.
Positions are (x, y) in metres from the middle of the play: x along the field, y away from the
sideline camera.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAD_RADIUS", "Encounter", "Script", "draw_script"]

Floats = NDArray[np.float64]
Kind = Literal["helmet", "shoulder", "low", "cross", "pass"]

HEAD_RADIUS = 0.155  # metres: helmets are drawn a little larger than life
STANDING = 1.62  # metres from the ground to the middle of the head
HALF_FIELD = 4.8  # metres: encounters take place at most this far from the middle
REST = 0.75  # seconds a player has at least between two encounters
CROWD = 1.5  # metres from where two meet within which others make that place less likely
TILT = 0.185  # tangent of the cameras' usual elevation
DISTRACTORS: tuple[tuple[Kind, float], ...] = (
    ("shoulder", 0.3), ("low", 0.15), ("cross", 0.3), ("pass", 0.25),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Encounter:
    """Two players who meet; row 0 of each array is the first of the pair, row 1 the second."""

    time: float  # seconds
    kind: Kind
    pair: tuple[int, int]
    places: Floats  # (2, 2) of the bodies at that time
    speeds: Floats  # (2, 2) of the bodies at that time: metres a second
    directions: Floats  # (2, 2) unit vectors of the speeds
    headings: tuple[float, float]  # radians of the directions, from x to y
    after: Floats  # (2, 2) the velocities that they seek afterwards
    shift: Floats  # (2, 3) of the head from the foot of the body: x, y, and height
    fall: bool  # both end on the ground


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """The start positions of all players and the encounters of the play, in order of time."""

    teams: NDArray[np.int64]  # (players,) 0 or 1
    starts: Floats  # (players, 2)
    encounters: tuple[Encounter, ...]


def draw_script(
    rng: np.random.Generator, *, seconds: float, players: int, impacts: float, distractors: float
) -> Script:
    """impacts: planned in 3 s of play; distractors: how many times as many other encounters."""
    teams = np.arange(players) * 2 // players
    starts = _formation(rng, teams)
    kinds: list[Kind] = ["helmet"] * _number(rng, 1.05 * impacts * seconds / 3)
    others = _number(rng, impacts * distractors * seconds / 3)
    shares = [share for _, share in DISTRACTORS]
    kinds += [DISTRACTORS[index][0] for index in rng.choice(len(shares), others, p=shares)]
    rng.shuffle(kinds)
    edges = np.linspace(0.32, max(seconds - 0.12, 0.4), len(kinds) + 1)
    times = np.sort(edges[:-1] + rng.uniform(0, 1, len(kinds)) * np.diff(edges))
    last_place, last_time = starts.copy(), np.full(players, -0.3)
    # A pile: from some moment on, most encounters involve the same player and end on the ground.
    pile_from = seconds * rng.uniform(0.7, 0.85) if rng.random() < 0.75 else math.inf
    carrier = int(rng.integers(players))
    fallen: set[int] = set()
    encounters = []
    for time, kind in zip(times.tolist(), kinds, strict=True):
        pile = time > pile_from and kind not in ("cross", "pass") and rng.random() < 0.75
        pair = _pair(
            rng, time, teams=teams, places=last_place, since=last_time,
            carrier=carrier if pile else None, fallen=fallen,
        )  # fmt: skip
        if pair is None:
            continue
        still = pair.index(carrier) if pile else None
        encounter = _encounter(
            rng, time, kind, pair=pair, places=last_place[list(pair)], still=still
        )
        encounters.append(encounter)
        for row, player in enumerate(pair):
            last_place[player], last_time[player] = encounter.places[row], time
            if pile and player != carrier:
                fallen.add(player)
    return Script(teams, starts, tuple(encounters))


def _number(rng: np.random.Generator, mean: float) -> int:
    """A whole number near `mean`; 0 for 0."""
    return max(round(mean + rng.normal(0, min(0.1 * mean, 2.0))), 0)


def _formation(rng: np.random.Generator, teams: NDArray[np.int64]) -> Floats:
    """Two lines that face each other along x, and some players behind them."""
    places = np.empty((len(teams), 2))
    for team in (0, 1):
        members = np.flatnonzero(teams == team)
        side = 1 - 2 * team
        line = (len(members) * 2 + 2) // 3
        order = np.arange(len(members))
        spread = np.where(order < line, order - (line - 1) / 2, (order - line) * 1.9 - 1.2)
        deep = np.where(order < line, 0.75, rng.uniform(2.0, 4.2, len(members)))
        places[members, 0] = -side * (deep + rng.uniform(0, 0.2, len(members)))
        places[members, 1] = spread * rng.uniform(1.4, 1.8) + rng.normal(0, 0.15, len(members))
    return np.clip(places, -HALF_FIELD, HALF_FIELD)


def _pair(
    rng: np.random.Generator, time: float, *, teams: NDArray[np.int64], places: Floats,
    since: Floats, carrier: int | None, fallen: set[int],
) -> tuple[int, int] | None:  # fmt: skip
    """Two opponents who have the time to meet; the nearer and the more alone, the likelier."""
    free = (time - since) >= REST
    free[list(fallen)] = False
    if carrier is not None:
        free[carrier] = time - since[carrier] > 0.15
    best, pair = math.inf, None
    for a in np.flatnonzero(free).tolist():
        for b in np.flatnonzero(free & (teams != teams[a])).tolist():
            if b < a or (carrier is not None and carrier not in (a, b)):
                continue
            way = math.dist(places[a], places[b]) / (2 if carrier is None else 1)
            pace = way / (time - (max if carrier is None else min)(since[a], since[b]))
            away = np.linalg.norm(places - (places[a] + places[b]) / 2, axis=1)
            away[[a, b]] = math.inf
            crowd = float(np.maximum(CROWD - away, 0).sum())
            cost = pace + rng.exponential(0.8) + 2 * crowd
            if pace < 3.0 and cost < best:
                best, pair = cost, (a, b)
    return pair


def _encounter(
    rng: np.random.Generator, time: float, kind: Kind, *, pair: tuple[int, int], places: Floats,
    still: int | None,
) -> Encounter:  # fmt: skip
    """still: the row of the player who hardly moves and is brought down, if one is."""
    middle = np.clip(places.mean(axis=0) + rng.normal(0, 0.35, 2), -HALF_FIELD, HALF_FIELD)
    apart = places[1] - places[0]
    angle = math.atan2(apart[1], apart[0]) + rng.normal(0, 0.5)
    closing = float(np.clip(rng.gamma(20.0, 0.48), 7.0, 13.0))  # metres a second
    part = rng.uniform(0.3, 0.7) if still is None else (0.1, 0.9)[still]
    height = STANDING - rng.uniform(0.1, 0.25) - 0.2 * (still is not None)
    heights, leans = (height, height), (0.3, 0.3)
    # A little less than the touching distance, since a body starts to brake at that time.
    touch = 0.6 + 2 * HEAD_RADIUS - 0.06
    aside = float(np.clip(rng.normal(0, 0.07), -0.15, 0.15))
    distance = touch - 2 * HEAD_RADIUS + math.sqrt(4 * HEAD_RADIUS**2 - aside**2)
    match kind:
        case "helmet":
            heights = (height, height + float(np.clip(rng.normal(0, 0.05), -0.1, 0.1)))
        case "shoulder" | "cross" | "pass":
            # One player behind the other for one of the cameras, to which it looks like an impact:
            # the farther head is lower by as much as the camera looks down on it.
            quarter = round(angle / (math.pi / 2)) % 4
            angle = quarter * math.pi / 2 + rng.normal(0, 0.1)
            if kind == "cross" and rng.random() < 0.4:  # towards each other, stopping in time
                deep = rng.uniform(0.35, 0.9)
                distance += deep
                farther = int(quarter in (1, 2))
            else:  # past each other
                deep = rng.uniform(0.47, 0.6) if kind == "shoulder" else rng.uniform(0.65, 1.5)
                across = math.cos(angle) * apart[1] - math.sin(angle) * apart[0]
                aside = math.copysign(deep, across + rng.normal(0, 0.4))
                distance = touch - 0.08 + rng.normal(0, 0.05)
                farther = int((aside > 0) == (quarter in (0, 1)))
            lower = height - TILT * deep + rng.normal(0, 0.05)
            heights = (height, lower) if farther else (lower, height)
        case "low":
            heights, leans = (STANDING - rng.uniform(0.42, 0.55), STANDING + 0.05), (0.42, 0.04)
            distance = 0.74
            if rng.random() < 0.5:
                heights, leans = heights[::-1], leans[::-1]
    along = np.array([math.cos(angle), math.sin(angle)])
    half = (along * distance + np.array([-along[1], along[0]]) * aside) / 2
    directions = np.stack([along, -along])
    if still is not None:
        middle = places[still] + half * (1 - 2 * still) + rng.normal(0, 0.05, 2)
    speeds = directions * closing * np.array([[part], [1 - part]])
    after = -0.12 * speeds
    if kind == "pass":
        after = 0.9 * speeds
    if kind == "cross":
        for row, turn in enumerate(rng.choice((0.0, 0.0, 0.5, -0.5), 2).tolist()):
            if turn:  # a cut in place of a stop
                cosine, sine = math.cos(turn * math.pi), math.sin(turn * math.pi)
                after[row] = np.array([[cosine, -sine], [sine, cosine]]) @ speeds[row] * 0.5
    shift = np.column_stack([directions * np.array(leans)[:, None], heights])
    return Encounter(
        time, kind, pair, np.stack([middle - half, middle + half]), speeds, directions,
        (angle, angle + math.pi), after, shift,
        fall=still is not None,
    )  # fmt: skip
