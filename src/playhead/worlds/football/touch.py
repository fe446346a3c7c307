"""The parts of a match's plan: touches, the ball's legs between them, and where players must be.

All in metres and seconds of the play; a plan is made by `football/plan.py` and evaluated by
`football/play.py`.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.football.flow import FIGURES, Flow

__all__ = [
    "LABELLED",
    "Knots",
    "Leg",
    "Plan",
    "Point",
    "Stoppage",
    "Tempo",
    "Touch",
    "TouchKind",
]

TouchKind = Literal[
    "pass", "drive", "dribble", "trap", "header", "deflection", "tackle", "fake", "bounce"
]
LABELLED: tuple[TouchKind, ...] = ("pass", "drive")
PACE = 5.0  # metres a second beyond which a player sets off earlier
Point = NDArray[np.float64]  # (2,) metres


@dataclass(frozen=True, slots=True)
class Touch:
    """Something that changes the path of the ball (or, a fake kick, only seems to)."""

    time: float
    kind: TouchKind
    player: int  # -1: the ground
    heading: float  # radians, where the ball (or the kick that is faked) goes
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Leg:
    """The ball between two instants: from `start` to `end` (x, y, z), slowing by `drag`.

    drag k: it leaves at (1 + k) and arrives at (1 - k) times its mean speed; lob: metres of
    height that a parabola adds at half time.
    """

    t0: float
    t1: float
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    drag: float = 0.0
    lob: float = 0.0


@dataclass(frozen=True, slots=True)
class Stoppage:
    """Play rests from `start` (the whistle) to `end` (the restart)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Tempo:
    """How busy a match is; chances are per possession."""

    hold: tuple[float, float] = (0.42, 1.25)  # seconds on the ball before something is done
    drive: float = 0.74  # chance that a possession has a drive
    first_time: float = 0.1  # chance of a pass without a hold
    distractors: float = 1.0  # scales the chances of everything without a label
    live: tuple[float, float] = (26.0, 44.0)  # seconds between stoppages
    stop: tuple[float, float] = (6.5, 9.0)  # seconds of a stoppage


class Knots:
    """Where one player must be: offsets from the base position at rising times."""

    def __init__(self) -> None:
        self.times: list[float] = [-100.0]
        self.offsets: list[Point] = [np.zeros(2)]
        self.promised = [True]  # the others lie on the way, and a newer promise may replace them

    def at(self, time: float) -> Point:
        """The offset at `time`, straight between knots."""
        xs = [offset[0] for offset in self.offsets]
        ys = [offset[1] for offset in self.offsets]
        return np.array([np.interp(time, self.times, xs), np.interp(time, self.times, ys)])

    def promise(self, leave: float, time: float, offset: Point) -> None:
        """From wherever the player is at `leave`, be at `offset` at `time`, then drift back."""
        held = [i for i, at in enumerate(self.times) if self.promised[i] and at < time - 1e-3][-1]
        hurry = float(np.hypot(*(offset - self.at(leave)))) / PACE
        leave = max(min(leave, time - hurry), self.times[held])
        here = self.at(leave)
        past = max(held + 1, sum(at < leave - 1e-3 for at in self.times))
        del self.times[past:], self.offsets[past:], self.promised[past:]
        self._append(leave, here)
        self._append(time, offset, promised=True)
        self._append(time + max(1.6, float(np.hypot(*offset)) / 2.5), np.zeros(2))

    def _append(self, time: float, offset: Point, *, promised: bool = False) -> None:
        if time > self.times[-1] + 1e-3:
            self.times.append(time)
            self.offsets.append(offset)
            self.promised.append(promised)


@dataclass(slots=True)
class Plan:
    """A whole match in metres and seconds."""

    flow: Flow
    legs: list[Leg] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    stoppages: list[Stoppage] = field(default_factory=list)
    knots: list[Knots] = field(default_factory=lambda: [Knots() for _ in range(FIGURES)])
