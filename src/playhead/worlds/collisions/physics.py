"""How the players move: bodies as points in a plane, heads as spheres in space, contacts between.

A body steers to the place and the velocity of its next encounter and is pushed by bodies that it
touches; its acceleration is at most `HARDEST`. A head hangs on its body by a damped spring. Heads
that touch recoil; where they close faster than `FLOOR`, that is an impact, planned or not.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.collisions.script import HEAD_RADIUS, STANDING, Script

__all__ = ["FLOOR", "HARDEST", "REFRACTORY", "Impact", "Motion", "simulate"]

Floats = NDArray[np.float64]

STEP = 1 / 240  # seconds
LEAD = 0.4  # seconds simulated before the play starts
HARDEST = 16.0  # metres a second squared
FLOOR = 2.0  # metres a second
REFRACTORY = 0.35  # seconds in which a pair has no second impact
BOUNCE = 0.8  # coefficient of restitution of two helmets
SPRING, DAMPING = 12.0, 0.5  # of a head on its body: radians a second, part of the critical one
TURN_SPRING, TURN_DAMPING = 17.0, 0.35  # of the head's own rotation
KICKS = {"helmet": 15.0, "shoulder": 5.0, "low": 5.0, "cross": 1.5}  # radians a second, a deviation
JERKS = {"shoulder": (0.1, 0.4), "low": (0.1, 0.4), "cross": (0.05, 0.2)}
"""Of a head without contact: parts of the speed that an impact at the closing speed gives it."""
APPROACH = 0.55  # seconds before an encounter in which a player gets ready for it
FOLLOW = 0.025  # seconds after it in which the two do not brake yet
BODY = 0.54  # metres between two bodies that touch
# Of bodies that touch, and of a head near that of a stranger: metres from which they are pushed
# apart, and metres a second squared for each metre they are nearer.
_ROOM, _PUSH = np.array([BODY, 0.85])[:, None, None], np.array([180, 60])[:, None, None]
DUCK = 1.0  # metres from which the heads of strangers pass above and below each other
_GOAL = np.dtype([
    ("time", "f8"), ("partner", "i8"), ("place", "f8", 2), ("speed", "f8", 2), ("after", "f8", 2),
    ("direction", "f8", 2), ("heading", "f8"), ("shift", "f8", 3), ("kind", "U8"), ("fall", "?"),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Impact:
    """Two helmets touch at more than FLOOR."""

    time: float  # seconds
    pair: tuple[int, int]
    speed: float  # metres a second along the line between the two heads
    point: tuple[float, float, float]  # metres: where they touch


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The state of all players every STEP seconds from `start` on."""

    start: float
    body: Floats  # (M, players, 2) metres
    velocity: Floats  # (M, players, 2)
    neutral: Floats  # (M, players, 3) metres: where the body carries its head
    head: Floats  # (M, players, 3) metres: where the head is
    facing: Floats  # (M, players) radians from x to y
    turn: Floats  # (M, players, 3) radians of the head from its body: yaw, pitch, roll
    hips: Floats  # (M, players) metres above the ground
    stride: Floats  # (M, players) radians
    reach: Floats  # (M, players) 0 running to 1 arms ahead

    def at(self, name: str, times: Floats) -> Floats:
        """One of the arrays at any times (...,) → (..., players, ...), linearly interpolated."""
        values: Floats = getattr(self, name)
        steps = np.clip((times - self.start) / STEP, 0, len(values) - 1.000001)
        index = steps.astype(np.int64)
        part = (steps - index).reshape(steps.shape + (1,) * (values.ndim - 1))
        between: Floats = values[index] * (1 - part) + values[index + 1] * part
        return between


def simulate(
    rng: np.random.Generator, script: Script, seconds: float
) -> tuple[Motion, tuple[Impact, ...]]:
    """Let the players play their script; the impacts are those that really happen."""
    players = len(script.teams)
    state = _State(rng, script, seconds)
    upper = np.triu_indices(players, 1)
    recorded: dict[str, list[Floats]] = {name: [] for name in Motion.__slots__ if name != "start"}
    impacts: list[Impact] = []
    last: dict[tuple[int, int], float] = {}
    before = np.full(len(upper[0]), np.inf)
    for step in range(int((seconds + LEAD + 0.2) / STEP)):
        time = step * STEP - LEAD
        state.advance(time)
        # Contacts of heads.
        apart = state.head[upper[1]] - state.head[upper[0]]
        distance = np.sqrt((apart * apart).sum(axis=1))
        for index in np.flatnonzero(distance < 2 * HEAD_RADIUS).tolist():
            a, b = int(upper[0][index]), int(upper[1][index])
            normal = apart[index] / max(distance[index], 1e-6)
            closing = float((state.head_velocity[a] - state.head_velocity[b]) @ normal)
            if closing > 0:
                kick = (1 + BOUNCE * (closing > 1)) / 2 * closing
                state.offset_velocity[a] -= kick * normal
                state.offset_velocity[b] += kick * normal
            # Half of the overlap goes at once, so that heads do not sink into each other.
            push = (2 * HEAD_RADIUS - distance[index]) / 4 * normal
            state.offset[a] -= push
            state.offset[b] += push
            if closing > FLOOR and time - last.get((a, b), -9.0) >= REFRACTORY:
                gap = before[index] - distance[index]
                part = (before[index] - 2 * HEAD_RADIUS) / gap if gap > 1e-9 else 1.0
                moment = time - STEP * (1 - float(np.clip(part, 0, 1)))
                middle = (state.head[a] + state.head[b]) / 2
                last[a, b] = time
                for player in (a, b):
                    state.turn_velocity[player] += rng.normal(0, KICKS["helmet"], 3)
                if 0 <= moment < seconds:
                    x, y, z = middle.tolist()
                    impacts.append(Impact(moment, (a, b), closing, (x, y, z)))
        before = distance
        for name, rows in recorded.items():
            rows.append(np.array(getattr(state, name)))
    arrays = {name: np.stack(rows) for name, rows in recorded.items()}
    return Motion(-LEAD, **arrays), tuple(impacts)


class _State:
    """All players at one instant; `advance` moves them by one STEP."""

    def __init__(self, rng: np.random.Generator, script: Script, seconds: float) -> None:
        self.rng, self.script = rng, script
        n = len(script.teams)
        # In space, so that they add to heads; what moves in the plane is a view of them.
        self.ground, self.carried, self.force = np.zeros((3, n, 3))
        self.body, self.velocity = self.ground[:, :2], self.carried[:, :2]
        self.body[:] = script.starts
        self.facing = np.where(script.teams == 0, 0.0, np.pi)
        line = np.abs(script.starts[:, 0]) < 1.2
        ahead = np.stack([np.cos(self.facing), np.sin(self.facing)], axis=1)
        # Those in the lines start in a crouch.
        self.shift = np.column_stack(
            [ahead * np.where(line, 0.4, 0.1)[:, None], np.where(line, 1.1, STANDING)]
        )
        self.shift_velocity = np.zeros((n, 3))
        self.neutral = self.ground + self.shift
        self.offset, self.offset_velocity = np.zeros((n, 3)), np.zeros((n, 3))
        self.head, self.head_velocity = self.neutral.copy(), np.zeros((n, 3))
        self.turn, self.turn_velocity = np.zeros((n, 3)), np.zeros((n, 3))
        self.hips = np.where(line, 0.72, 0.95)
        self.stride, self.reach = rng.uniform(0, 6.28, n), np.zeros(n)
        self.tall = rng.normal(0, 0.035, n)
        self.goals: list[list[Any]] = [[] for _ in range(n)]  # of each player, the last is none
        for e in script.encounters:
            for row, player in enumerate(e.pair):
                self.goals[player].append((
                    e.time, e.pair[1 - row], e.places[row], e.speeds[row], e.after[row],
                    e.directions[row], e.headings[row], e.shift[row], e.kind, e.fall,
                ))  # fmt: skip
        none = np.zeros(1, _GOAL)
        none["time"] = np.inf
        self.goals = [[*np.array(goals, _GOAL), none[0]] for goals in self.goals]
        self.goal = np.array([goals[0] for goals in self.goals], _GOAL)
        self.past = np.zeros(n, _GOAL)
        self.past["time"] = -np.inf
        self.pending = [e for e in script.encounters if e.kind in JERKS]
        self.fallen = np.zeros(n, dtype=bool)
        self.roam = self.body + rng.normal(0, 2.0, (n, 2))
        self.end = seconds + 0.5
        self.target = np.zeros((n, 3))  # of the heads from the bodies
        self.itself = np.where(np.eye(n, dtype=bool), np.inf, 0.0)

    def advance(self, time: float) -> None:
        wish = self._steer(time)
        self._strike(time)
        wish = wish + self._pushes()
        acceleration = _limited(wish)
        self.velocity += acceleration * STEP
        self.body += self.velocity * STEP
        self._carry(acceleration)

    def _steer(self, time: float) -> Floats:
        """What the players seek: accelerations (players, 2), which it returns, and their poses."""
        for player in np.flatnonzero(self.goal["time"] + FOLLOW <= time).tolist():
            goals = self.goals[player]
            while goals[0]["time"] + FOLLOW <= time:
                self.past[player] = goals.pop(0)
                self.roam[player] = self.body[player] + self.rng.normal(0, 1.6, 2)
                self.fallen[player] |= self.past[player]["fall"] and len(goals) == 1
            self.goal[player] = goals[0]
        goal, past, velocity = self.goal, self.past, self.velocity
        since, until = time - past["time"], goal["time"] - time
        busy, recoiling = until < np.inf, since < 0.25

        # The least effort that leads to a place, and maybe a velocity, in the time that is left.
        left = np.where(busy, np.maximum(until, 0.03), max(self.end - time, 0.3))[:, None]
        gap = np.where(busy[:, None], goal["place"], self.roam) - self.body
        # Python's squares, since NumPy's may differ in the last bit, and plays must stay the same.
        square = np.array([[seconds**2] for seconds in left[:, 0].tolist()])
        wish = (6 * gap - 2 * left * (2 * velocity + goal["speed"])) / square
        # Who cannot come in time is met where they will be.
        partner = goal["partner"]
        paired = busy & (goal["time"][partner] == goal["time"]) & (goal["kind"] != "pass")
        late = np.where(paired[:, None], (wish - _limited(wish))[partner], 0)
        wish = wish - late
        wish[until <= 0] = 0
        wish = np.where(recoiling[:, None], (past["after"] - velocity) / 0.05, wish)

        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        running = np.arctan2(velocity[:, 1], velocity[:, 0])
        self.face = np.where(speed > 0.8, running, self.facing)
        self.target[:, :2] = 0.16 * velocity / np.maximum(speed, 1.0)[:, None]
        self.target[:, 2] = STANDING + self.tall
        self.partner, self.arms = np.full(len(speed), -1), np.zeros(len(speed))
        for mask, met in ((recoiling, past), (until < APPROACH, goal)):
            if mask.any():
                self.partner[mask] = met["partner"][mask]
                self.face[mask] = met["heading"][mask]
                self.arms[mask] = ~np.isin(met["kind"][mask], ("cross", "pass"))
                self.target[mask] = met["shift"][mask]
            if met is past:  # upright again, so that the heads do not meet twice
                self.target[recoiling & (past["kind"] == "helmet"), :2] *= 0.35
                self.target[recoiling, 2] += 0.05
        if self.fallen.any():
            lying = self.fallen & (since > 0.1)
            wish[lying] = -velocity[lying] / 0.1
            self.target[lying, :2] = 0.7 * past["direction"][lying]
            self.target[lying, 2] = 0.42 + 0.5 * self.tall[lying]
        return wish

    def _strike(self, time: float) -> None:
        """Heads jerk where bodies meet or stop hard, much as in an impact of helmets."""
        for encounter in list(takewhile(lambda e: e.time < time + 0.1, self.pending)):
            a, b = encounter.pair
            planned = np.linalg.norm(encounter.places[1] - encounter.places[0])
            met = np.linalg.norm(self.body[b] - self.body[a]) < planned + 0.03
            if time < encounter.time and (encounter.kind == "cross" or not met):
                continue
            self.pending.remove(encounter)
            closing = np.linalg.norm(encounter.speeds[0] - encounter.speeds[1])
            for row, player in enumerate(encounter.pair):
                kick = (1 + BOUNCE) / 2 * closing * self.rng.uniform(*JERKS[encounter.kind])
                away = -1.0 if self.rng.random() < 0.85 else 0.7
                way = np.append(encounter.directions[row] * away, self.rng.normal(0, 0.25))
                self.offset_velocity[player] += way * kick
                self.turn_velocity[player] += self.rng.normal(0, KICKS[encounter.kind], 3)

    def _pushes(self) -> Floats:
        """Accelerations (players, 2) away from bodies that touch and from strangers' heads."""
        points = np.stack([self.body, self.neutral[:, :2]])
        apart = points[:, :, None] - points[:, None]
        distance = np.sqrt((apart * apart).sum(axis=3)) + self.itself
        force = np.maximum(_ROOM - distance, 0) * _PUSH
        partner, height = self.partner, self.neutral[:, 2]
        # All give way to those whom they do not want to meet, also by a higher or a lower head.
        numbers = np.arange(len(partner))
        strangers = partner[:, None] != numbers
        near = np.maximum(DUCK - distance[1], 0) * strangers
        rise = (np.sign(numbers[:, None] - numbers) * near).sum(axis=1)
        self.target[:, 2] += 0.5 * rise.clip(-0.4, 0.25)
        force[1] *= strangers & (np.abs(height[:, None] - height) < 0.45)
        push = apart / np.maximum(distance, 0.05)[..., None] * force[..., None]
        pushes: Floats = (push[0] + push[1]).sum(axis=1)
        return pushes

    def _carry(self, acceleration: Floats) -> None:
        """Heads, hips, arms and legs follow the bodies."""
        rate = 8.0
        self.shift_velocity += STEP * (
            rate**2 * (self.target - self.shift) - 2 * rate * self.shift_velocity
        )
        self.shift += self.shift_velocity * STEP
        self.neutral = self.ground + self.shift
        self.neutral[:, 2] = np.maximum(self.neutral[:, 2], HEAD_RADIUS)
        self.force[:, :2] = acceleration * 0.4
        self.offset_velocity -= STEP * (
            SPRING**2 * self.offset + 2 * DAMPING * SPRING * self.offset_velocity + self.force
        )
        self.offset += self.offset_velocity * STEP
        self.head = self.neutral + self.offset
        self.head_velocity = self.carried + self.shift_velocity + self.offset_velocity
        self.turn_velocity -= STEP * (
            TURN_SPRING**2 * self.turn + 2 * TURN_DAMPING * TURN_SPRING * self.turn_velocity
        )
        self.turn += self.turn_velocity * STEP
        turn = (self.face - self.facing + np.pi) % (2 * np.pi) - np.pi
        self.facing = self.facing + turn * STEP * 9
        # A low head takes the hips down with it.
        low = np.maximum(STANDING - self.target[:, 2], 0)
        self.hips += (0.93 - np.where(low > 0.9, 0.63, 0.42 * low) - self.hips) * STEP * 9
        self.reach += (self.arms - self.reach) * STEP * 12
        self.stride += np.sqrt((self.velocity * self.velocity).sum(axis=1)) * STEP * 2.9


def _limited(acceleration: Floats) -> Floats:
    """The same directions (players, 2), and at most HARDEST."""
    size = np.sqrt((acceleration * acceleration).sum(axis=1, keepdims=True))
    limited: Floats = acceleration * np.minimum(1, HARDEST / np.maximum(size, 1e-9))
    return limited
