"""Who touches the ball, when, where and how: the plot of a match, before anything is drawn.

A planner walks from touch to touch. Between two touches the ball follows one closed-form `Leg`;
each player has `Knots`, places to be at given times. Every touch lies on an instant that `snap`
returns, so that every event lies on a frame.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.football.flow import LENGTH, PLAYERS, WIDTH, draw_flow
from playhead.worlds.football.touch import Leg, Plan, Point, Stoppage, Tempo, Touch, TouchKind

__all__ = ["draw_plan"]

REACH = 0.38  # metres from a player's middle to the ball at his foot


def draw_plan(
    rng: np.random.Generator, seconds: float, snap: Callable[[float], float], tempo: Tempo
) -> Plan:
    """Plan a match of `seconds`; `snap` returns the time of the nearest frame."""
    planner = _Planner(rng, seconds, snap, tempo)
    planner.play()
    return planner.plan


class _Planner:
    """The state between touches: the time, who has the ball, and where it lies."""

    def __init__(
        self,
        rng: np.random.Generator,
        seconds: float,
        snap: Callable[[float], float],
        tempo: Tempo,
    ) -> None:
        self.rng, self.seconds, self.snap, self.tempo = rng, seconds, snap, tempo
        self.plan = Plan(draw_flow(rng))
        self.time = 0.0
        self.asked: tuple[float, NDArray[np.float64]] = 0.0, self.plan.flow.base(np.zeros(1))[0]
        self.ball = self._inside(self.plan.flow.centre(np.zeros(1))[0])
        self.player = self._nearest(0.0, self.ball, range(PLAYERS))
        self.whistle = rng.uniform(*tempo.live)

    def play(self) -> None:
        """Possession after possession, until past the end of the match."""
        self._stay(-1.0, self.ball - (REACH, 0))
        self._rest(0.9)
        while self.time < self.seconds + 3.0:
            if self.time > self.whistle:
                self._stoppage()
            self._possession()

    def _possession(self) -> None:
        tempo, rng = self.tempo, self.rng
        first_time = rng.random() < tempo.first_time and self._last() == "trap"
        if not first_time:
            self._hold()
            if self._chance(0.06):
                return self._tackle()
            if rng.random() < tempo.drive:
                self._drive()
                if self._chance(0.1):
                    return self._tackle()
                if rng.random() < 0.5:
                    self._trap_and_hold()
        return self._pass()

    # On the ball

    def _hold(self) -> None:
        """Keep the ball near the feet; now and then pretend to kick it."""
        seconds = self.rng.uniform(*self.tempo.hold)
        if seconds > 0.7 and self._chance(0.4):
            self._rest(seconds * 0.5)
            self._touch("fake", self.time, self.player, self.rng.uniform(-np.pi, np.pi))
            self._rest(0.6)
        else:
            self._rest(seconds)

    def _rest(self, seconds: float) -> None:
        """The ball creeps a little; an opponent may come near."""
        until = self.snap(self.time + seconds)
        there = self._inside(self.ball + self.rng.normal(0, 0.12, 2))
        self._leg(until, there, drag=0.5)
        if self.rng.random() < 0.5:
            other = self._nearest(until, there, self._opponents(self.player))
            away = self._unit(self.rng.uniform(-np.pi, np.pi)) * self.rng.uniform(1.8, 3.0)
            self._send(other, until - 1.2, until, there + away)

    def _drive(self) -> None:
        """Push the ball ahead and run after it: one drive, then dribbling touches without label."""
        rng = self.rng
        heading, speed = self._open_heading(), rng.uniform(4.2, 6.5)
        step = self._unit(heading)
        self._stand_behind(heading)
        self._touch("drive", self.time, self.player, heading)
        for push in range(int(rng.integers(2, 5))):
            if push:
                self._touch("dribble", self.time, self.player, heading)
            seconds = rng.uniform(0.42, 0.62)
            there = self._inside(self.ball + step * speed * seconds)
            self._leg(self.snap(self.time + seconds), there, drag=rng.uniform(0.3, 0.6))
            self._stay(self.time, self.ball - step * REACH)

    def _trap_and_hold(self) -> None:
        """End a run: stop the ball and wait."""
        self._touch("trap", self.time, self.player, 0.0)
        self._rest(self.rng.uniform(0.4, 0.9))

    # Away from the foot

    def _pass(self) -> None:
        """Kick to a team-mate; on the way several things without a label may happen."""
        mate = self._receiver()
        start = self.ball
        arrival = self.time + 0.85
        there = self._where(mate, arrival) + self.rng.normal(0, 0.7, 2)
        there = self._within(start, there, 5.0, 12.0)
        heading = float(np.arctan2(*(there - start)[::-1]))
        self._stand_behind(heading)
        self._touch("pass", self.time, self.player, heading)
        self._send(self.player, self.time, self.time + 0.45, start + self._unit(heading) * 0.3)
        distance = float(np.hypot(*(there - start)))
        way = self.rng.random() / max(self.tempo.distractors, 1e-9)
        if way < 0.1:
            self._deflected(mate, there)
        elif way < 0.17:
            self._intercepted(mate, there)
        elif way < 0.26 and distance > 7:
            self._headed(mate, there)
        elif way < 0.38 and distance > 6:
            self._bouncing(mate, there)
        else:
            self._ground(mate, there, self.rng.uniform(8.5, 12.0))

    def _ground(self, player: int, there: Point, speed: float) -> None:
        distance = float(np.hypot(*(there - self.ball)))
        until = self.snap(self.time + max(0.64, distance / speed + 0.1))
        self._receive(player, until, there)
        self._leg(until, there, drag=self.rng.uniform(0.2, 0.4))
        self._won(player)

    def _bouncing(self, player: int, there: Point) -> None:
        """A lob that meets the ground once or twice before its receiver."""
        start, first = self.ball, self.time
        parts = (0.0, 0.72, 1.0) if self.rng.random() < 0.5 else (0.0, 0.6, 0.86, 1.0)
        seconds = float(np.hypot(*(there - start))) / self.rng.uniform(7.5, 9.5) + 0.2
        heights = self.rng.uniform(1.4, 2.6), 0.7, 0.25
        self._receive(player, self.snap(first + seconds), there)
        for part, height in zip(parts[1:], heights, strict=False):
            spot = start + (there - start) * part
            self._leg(self.snap(first + seconds * part), spot, lob=height)
            if part < 1:
                self._touch("bounce", self.time, -1, 0.0)
        self._won(player)

    def _headed(self, mate: int, there: Point) -> None:
        """A high ball, met by a head and sent on to another team-mate."""
        until = self.snap(self.time + self.rng.uniform(1.0, 1.25))
        self._receive(mate, until, there, reach=0.15)
        self._leg(until, there, drag=0.1, lob=self.rng.uniform(1.6, 2.4), height=1.9)
        self.player = mate
        other = self._receiver()
        spot = self._where(other, until + 0.9)
        spot = self._within(there, spot, 4.0, 9.0)
        heading = float(np.arctan2(*(spot - there)[::-1]))
        self._touch("header", until, mate, heading)
        until = self.snap(until + self.rng.uniform(0.8, 1.05))
        self._receive(other, until, spot)
        self._leg(until, spot, drag=0.2, lob=self.rng.uniform(0.3, 0.9))
        self._won(other)

    def _deflected(self, mate: int, there: Point) -> None:
        """An opponent in the way; the ball bounces off and runs on to another player."""
        spot = self.ball + (there - self.ball) * self.rng.uniform(0.45, 0.7)
        blocker = self._nearest(self.time, spot, self._opponents(self.player))
        speed = self.rng.uniform(8.5, 11.5)
        until = self.snap(self.time + float(np.hypot(*(spot - self.ball))) / speed + 0.1)
        if not self._reaches(blocker, spot, until):
            return self._ground(mate, there, speed)
        self._receive(blocker, until, spot, reach=0.25)
        heading = float(np.arctan2(*(there - self.ball)[::-1]))
        self._leg(until, spot, drag=0.2)
        turn = self.rng.choice((-1, 1)) * self.rng.uniform(0.7, 2.2)
        self._touch("deflection", until, blocker, heading + turn)
        loose = self._inside(spot + self._unit(heading + turn) * self.rng.uniform(3.5, 7.0))
        taker = self._nearest(
            until + 0.9, loose, [p for p in range(PLAYERS) if p not in (blocker, self.player)]
        )
        return self._ground(taker, loose, self.rng.uniform(5.5, 8.0))

    def _intercepted(self, mate: int, there: Point) -> None:
        """An opponent steps into the way and keeps the ball."""
        spot = self.ball + (there - self.ball) * self.rng.uniform(0.7, 0.9)
        thief = self._nearest(self.time + 0.6, spot, self._opponents(self.player))
        if self._reaches(thief, spot, self.time + 0.7):
            self._ground(thief, spot, self.rng.uniform(8.5, 11.0))
        else:
            self._ground(mate, there, self.rng.uniform(8.5, 12.0))

    def _tackle(self) -> None:
        """An opponent slides in and the ball rolls free, to be picked up by one of the two."""
        rival = self._nearest(self.time, self.ball, self._opponents(self.player))
        heading = self.rng.uniform(-np.pi, np.pi)
        until = self.snap(self.time + 0.35)
        self._leg(until, self._inside(self.ball + self.rng.normal(0, 0.15, 2)), drag=0.3)
        self._receive(rival, until, self.ball, reach=0.6, notice=1.2)
        self._touch("tackle", until, rival, heading)
        loose = self._inside(self.ball + self._unit(heading) * self.rng.uniform(1.5, 3.0))
        taker = rival if self.rng.random() < 0.6 else self.player
        until = self.snap(self.time + self.rng.uniform(0.7, 1.1))
        self._receive(taker, until, loose)
        self._leg(until, loose, drag=0.5)
        self._won(taker)

    def _stoppage(self) -> None:
        """A whistle; the ball lies still until somebody passes it on."""
        start = self.time
        self._rest(self.rng.uniform(*self.tempo.stop))
        mates = [p for p in range(PLAYERS) if p not in (0, 11)]
        self.player = self._nearest(self.time, self.ball, mates)
        self._stay(self.time - 1.5, self.ball - (1.2, 0.5), leave=start)
        self._stay(self.time, self.ball - (REACH, 0))
        self.plan.stoppages.append(Stoppage(start, self.time))
        self.whistle = self.time + self.rng.uniform(*self.tempo.live)
        self._pass()

    # Shared steps

    def _leg(
        self, until: float, there: Point, *, drag: float = 0.0, lob: float = 0.0, height: float = 0
    ) -> None:
        """Move the ball and the clock on."""
        below = self.plan.legs[-1].end[2] if self.plan.legs else 0.0
        start = (float(self.ball[0]), float(self.ball[1]), below)
        end = (float(there[0]), float(there[1]), float(height))
        self.plan.legs.append(Leg(self.time, until, start, end, drag, lob))
        self.time, self.ball = until, there

    def _touch(self, kind: TouchKind, time: float, player: int, heading: float) -> None:
        x, y = float(self.ball[0]), float(self.ball[1])
        self.plan.touches.append(Touch(time, kind, player, float(heading), x, y))

    def _last(self) -> str:
        return self.plan.touches[-1].kind if self.plan.touches else ""

    def _won(self, player: int) -> None:
        """The ball stops at the feet of its new owner."""
        self.player = player
        self._touch("trap", self.time, player, 0.0)

    def _stay(self, time: float, position: Point, *, leave: float | None = None) -> None:
        """The owner of the ball is at `position` at `time`."""
        self._send(self.player, time - 0.5 if leave is None else leave, time, position)

    def _stand_behind(self, heading: float) -> None:
        self._stay(self.time, self.ball - self._unit(heading) * REACH, leave=self.time - 0.4)

    def _receive(
        self, player: int, time: float, spot: Point, *, reach: float = REACH, notice: float = 0.25
    ) -> None:
        """Send a player to where the ball will be, to meet it from the far side."""
        way = spot - self.ball
        far = way / max(float(np.hypot(*way)), 1e-6)
        self._send(player, self.time - notice, time, spot + far * reach)

    def _send(self, player: int, leave: float, time: float, position: Point) -> None:
        self.plan.knots[player].promise(leave, time, position - self._base(time)[player])

    def _where(self, player: int, time: float) -> Point:
        position: Point = self._base(time)[player] + self.plan.knots[player].at(time)
        return position

    def _base(self, time: float) -> NDArray[np.float64]:
        """Base positions (23, 2); those of the latest time asked for are cached."""
        if self.asked[0] != time:
            self.asked = time, self.plan.flow.base(np.array([time]))[0]
        return self.asked[1]

    def _nearest(self, time: float, spot: Point, among: "range | list[int]") -> int:
        distances = [float(np.hypot(*(self._where(p, time) - spot))) for p in among]
        return list(among)[int(np.argmin(distances))]

    def _reaches(self, player: int, spot: Point, time: float) -> bool:
        """Whether the player can sprint to `spot` by `time`."""
        distance = float(np.hypot(*(spot - self._where(player, self.time))))
        return distance < 7.0 * (time - self.time) + 0.5

    def _opponents(self, player: int) -> list[int]:
        return list(range(12, 22)) if player < 11 else list(range(1, 11))

    def _receiver(self) -> int:
        """A team-mate at 5 to 12 m, rather towards the play's centre."""
        first = 0 if self.player < 11 else 11
        mates = [p for p in range(first, first + 11) if p != self.player]
        places = np.array([self._where(p, self.time + 0.85) for p in mates])
        distance = np.hypot(*(places - self.ball).T)
        off_range = np.maximum(5.5 - distance, 0) * 3 + np.maximum(distance - 11.5, 0)
        centre = self.plan.flow.centre(np.array([self.time]))[0]
        cost = off_range + 0.15 * np.hypot(*(places - centre).T) + self.rng.gumbel(0, 1.2, 10)
        return mates[int(np.argmin(cost))]

    def _open_heading(self) -> float:
        """Rather towards the centre of the play than out of the frame."""
        way = self.plan.flow.centre(np.array([self.time + 2]))[0] - self.ball
        pull = min(float(np.hypot(*way)) / 18.0, 1.0)
        spread = np.pi * (1 - pull) + 0.5
        return float(np.arctan2(way[1], way[0]) + self.rng.uniform(-spread, spread))

    def _within(self, start: Point, there: Point, near: float, far: float) -> Point:
        """`there`, moved into [near, far] from `start`, and turned about it into the pitch."""
        way = there - start
        distance = float(np.clip(np.hypot(*way), near, far))
        heading = float(np.arctan2(way[1], way[0]))
        for turn in (0.0, 0.5, -0.5, 1.0, -1.0, 1.6, -1.6, 2.3, -2.3):
            position = start + self._unit(heading + turn) * distance
            if np.array_equal(position, self._inside(position)):
                break
        return self._inside(position)

    def _inside(self, position: Point) -> Point:
        inside: Point = np.clip(position, 2.0, (LENGTH - 2.0, WIDTH - 2.0))
        return inside

    def _unit(self, heading: float) -> Point:
        return np.array([np.cos(heading), np.sin(heading)])

    def _chance(self, chance: float) -> bool:
        return bool(self.rng.random() < chance * self.tempo.distractors)
