"""The frames of a match: from the state of the play to RGB images of any size.

The camera moves without turning, so every row of a frame shows a fixed line of ground at a fixed
scale. Ground is looked up in a painted texture; players and ball are stamps laid over it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Camera, SensorNoise, Stamp, capsule_cover, disc, lay
from playhead.worlds.football.figure import SIZES_AN_OCTAVE, player_shape, player_stamp
from playhead.worlds.football.flow import LENGTH, PLAYERS, REFEREE, WIDTH
from playhead.worlds.football.look import MatchLook, paint_pitch
from playhead.worlds.football.play import FACINGS, State
from playhead.worlds.football.shots import Lens, Shot

__all__ = ["MatchRenderer"]

BALL = 0.22  # metres: the ball is drawn larger than life
GOAL_HALF, GOAL_HEIGHT, GOAL_DEPTH = 3.66, 2.44, 2.0
WIPE = 0.28  # seconds of the graphic before and after a replay
FINEST = 30.0  # texels a metre at most: 60 MB for the whole ground

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The camera of one lens, aimed at (0, 0), and which ground its pixels show from there."""

    camera: Camera
    ground_x: NDArray[np.float32]  # (H, W)
    ground_y: NDArray[np.float32]  # (H, 1)

    @classmethod
    def of(cls, lens: Lens, size: tuple[int, int]) -> "_View":
        focal = size[0] * lens.away / lens.view
        camera = Camera.at(
            (0, 0, 0), distance=lens.away, tilt=lens.tilt, size=size, focal=focal, nearest=1.0
        )
        horizon = size[1] / 2 - focal * math.tan(lens.tilt) * 0.98  # no row looks higher
        rows = np.maximum(np.arange(size[1]) + 0.5, horizon)[:, None]
        x, y = camera.ground((np.arange(size[0]) + 0.5)[None, :], rows)
        return cls(camera, x.astype(np.float32), y[:, :1].astype(np.float32))


class MatchRenderer:
    """Renders the frames of one match at one size."""

    def __init__(
        self, look: MatchLook, size: tuple[int, int], ball_pixels: float, view: float
    ) -> None:
        self.look, (self.width, self.height) = look, size
        self.ball_pixels = ball_pixels * (self.width / 112) ** 0.75
        pixel = view / self.width
        self.pitch = paint_pitch(look, min(2 / pixel, FINEST), pixel)
        self.views: dict[Lens, _View] = {}
        self.players: dict[tuple[int, ...], Stamp] = {}
        self.balls: dict[tuple[int, ...], Stamp] = {}
        rng = np.random.default_rng(look.seed + 1)
        self.noise = SensorNoise(rng, size, look.grain, channels=4)
        self.score = _score_graphic(look, self.width, self.height)

    def frames(
        self, state: State, looks: Floats, shots: tuple[Shot, ...], index: NDArray[np.int64],
        times: Floats,
    ) -> Iterator[Bytes]:  # fmt: skip
        """Yield one RGB frame (H, W, 3) an instant.

        state, looks (T, 2), index (T,) of the shots and video `times` (T,) belong together.
        """
        cuts = np.flatnonzero(np.diff(index, prepend=-1))
        for start, stop in pairwise([*cuts.tolist(), len(times)]):
            shot = shots[int(index[start])]
            if shot.lens not in self.views:
                self.views[shot.lens] = _View.of(shot.lens, (self.width, self.height))
            view = self.views[shot.lens]
            projected = _Projection(state, looks, shot, slice(start, stop), view.camera)
            for row, time in enumerate(times[start:stop].tolist()):
                aim = projected.aim[row]
                frame = self.pitch.look_up(
                    view.ground_x + np.float32(aim[0]), view.ground_y + np.float32(aim[1])
                )
                for line, out in ((0.0, -1.0), (LENGTH, 1.0)):
                    if abs(line - aim[0]) < shot.lens.view and abs(WIDTH / 2 - aim[1]) < 40:
                        _draw_goal(frame, view.camera, aim, line, out)
                for who in projected.order[row].tolist():
                    if projected.visible[row, who]:
                        stamp = self._player(projected, row, who, shot)
                        column, foot = projected.column[row, who], projected.foot[row, who]
                        lay(frame, stamp, int(column), int(foot))
                self._draw_ball(frame, projected, row)
                self._draw_graphics(frame, shot, time)
                yield np.ascontiguousarray(self.noise.add(frame, time)[..., :3])

    def _player(self, projected: "_Projection", row: int, who: int, shot: Shot) -> Stamp:
        pose, facing = int(projected.pose[row, who]), int(projected.facing[row, who])
        size, half = int(projected.size[row, who]), int(projected.half[row, who])
        tilt = round(math.degrees(shot.lens.tilt) / 3) * 3
        light = (self.look.light + 4 * shot.reverse) % 8
        kit, tone = _kit(who), who * 7 % 3
        key = (pose, facing, size, half, tilt, light, kit, tone)
        if key not in self.players:
            shape = player_shape(
                pose, facing, size, tilt=math.radians(tilt), light=light, shift=half / 2
            )
            self.players[key] = player_stamp(shape, self.look.kits[kit, tone], self.look.shade)
        return self.players[key]

    def _draw_ball(self, frame: Bytes, projected: "_Projection", row: int) -> None:
        """Lay the ball's shadow and the ball, each at a quarter of a pixel."""
        u, v, scale = projected.ball[row]
        radius = max(self.ball_pixels * min(scale / projected.usual, 1.6), BALL * scale)
        for shadow, low in ((True, projected.ball_ground[row]), (False, v - radius * 0.8)):
            column, line = math.floor(u * 4), math.floor(low * 4)
            key = (round(radius * 10), column % 4, line % 4, shadow)
            if key not in self.balls:
                part = (column % 4 / 4 - 0.5, line % 4 / 4 - 0.5)
                self.balls[key] = (
                    disc(key[0] / 10, part, (0, 0, 0), 0.4, 0.5)
                    if shadow
                    else _ball_stamp(key[0] / 10, part)
                )
            lay(frame, self.balls[key], column // 4, line // 4)

    def _draw_graphics(self, frame: Bytes, shot: Shot, time: float) -> None:
        """The score in a corner; a slanted band sweeping by where a replay begins and ends."""
        height, width = self.score.shape[:2]
        top, left = self.height // 20, self.width // 24
        frame[top : top + height, left : left + width, :3] = self.score
        if shot.kind != "replay":
            return
        side = max(3, self.height // 12)
        frame[top : top + side, -left - 2 * side : -left, :3] = self.look.boards[2]
        since, remaining = time - shot.start, shot.end - time
        if since >= WIPE and remaining >= WIPE:
            return
        part = since / WIPE if since < WIPE else 1 - remaining / WIPE
        band = self.width * 0.6
        for row in range(self.height):
            edge = part * (self.width + band + self.height * 0.5) - row * 0.5
            first, last = int(max(edge - band, 0)), int(max(min(edge, self.width), 0))
            frame[row, first:last, :3] = self.look.boards[3]


class _Projection:
    """One shot's instants projected into the frame, all at once."""

    def __init__(
        self, state: State, looks: Floats, shot: Shot, rows: slice, camera: Camera
    ) -> None:
        figures, ball, facing = state.figures[rows], state.ball[rows], state.facing[rows]
        aim = looks[rows]
        if shot.reverse:
            middle = np.array([LENGTH, WIDTH])
            figures, aim, facing = middle - figures, middle - aim, facing + np.pi
            ball = np.concatenate([middle - ball[:, :2], ball[:, 2:]], axis=1)
        self.aim = aim
        above = 1.0 if shot.kind == "close-up" else 0.0
        feet = np.concatenate(
            [figures - aim[:, None], np.full((*figures.shape[:2], 1), -above)], -1
        )
        u, v, scale = camera.project(feet)
        self.size = np.rint(np.log2(scale) * SIZES_AN_OCTAVE).astype(np.int64)
        tall = 2.3 * scale
        self.visible = (
            (u > -tall) & (u < camera.width + tall) & (v > -3) & (v < camera.height + tall)
        )
        self.half = np.where(scale < 12, np.floor(u * 2).astype(np.int64) % 2, 0)
        self.column, self.foot = np.floor(u).astype(np.int64), np.rint(v).astype(np.int64)
        self.pose = state.pose[rows]
        self.facing = np.rint(facing / (2 * np.pi) * FACINGS).astype(np.int64) % FACINGS
        self.order = np.argsort(-figures[..., 1], axis=1, kind="stable")
        shift = np.concatenate([aim, np.full((len(aim), 1), above)], axis=1)
        places = ball - shift
        self.ball = np.stack(camera.project(places), axis=-1)
        places[:, 2] = -above
        self.ball_ground = camera.project(places)[1]
        self.usual = camera.focal / shot.lens.away


def _kit(who: int) -> int:
    """0 and 1 the teams, 2 and 3 their keepers, 4 the referee."""
    if who == REFEREE:
        return 4
    team = int(who >= PLAYERS // 2)
    return team + 2 if who % (PLAYERS // 2) == 0 else team


def _ball_stamp(radius: float, shift: tuple[float, float]) -> Stamp:
    """White with a dark rim; a few dark patches where there is room for them."""
    stamp = disc(radius, shift, (255, 255, 255), 1.0)
    if radius < 4:
        return stamp
    axis = np.arange(stamp.top, -stamp.top + 1, dtype=np.float32)
    x, y = (axis[None, :] - shift[0]) / radius, (axis[:, None] - shift[1]) / radius
    away = np.hypot(x, y)
    shade = 1 - 0.3 * np.clip(away - 0.55, 0, 1)
    for turn in range(6):
        px, py = (0.0, 0.0) if turn == 5 else (math.cos(turn * 1.257), math.sin(turn * 1.257))
        spot = np.hypot(x - 0.72 * px, y - 0.72 * py)
        shade = shade * (1 - 0.75 * np.clip((0.24 - spot) * radius * 0.7, 0, 1))
    return Stamp(
        (stamp.paint * shade[..., None]).astype(np.uint16), stamp.keep, stamp.left, stamp.top
    )


def _draw_goal(frame: Bytes, camera: Camera, aim: Floats, line: float, out: float) -> None:
    """Posts, bar and a net of a few cords."""
    low, high, back = WIDTH / 2 - GOAL_HALF, WIDTH / 2 + GOAL_HALF, line + out * GOAL_DEPTH
    cords = [((line, y, GOAL_HEIGHT), (back, y, 0.0)) for y in np.linspace(low, high, 9)]
    for part in np.linspace(0.0, 1.0, 5):
        x, z = line + (back - line) * part, GOAL_HEIGHT * (1 - part)
        cords.append(((x, low, z), (x, high, z)))
        cords += [((x, y, z), (x, y, 0.0)) for y in (low, high)]
    for start, end in cords:
        _draw_rod(frame, camera.project(_ends(start, end, aim)), 0.03, 0.4)
    posts = [((line, y, 0.0), (line, y, GOAL_HEIGHT)) for y in (low, high)]
    for start, end in [*posts, ((line, low, GOAL_HEIGHT), (line, high, GOAL_HEIGHT))]:
        _draw_rod(frame, camera.project(_ends(start, end, aim)), 0.09, 1.0)


def _ends(start: Point, end: Point, aim: Floats) -> Floats:
    ends: Floats = np.array([start, end]) - np.array([aim[0], aim[1], 0.0])
    return ends


def _draw_rod(
    frame: Bytes, ends: tuple[Floats, Floats, Floats], radius: float, alpha: float
) -> None:
    """Draw a rod of `radius` metres in near-white between two projected ends."""
    u, v, scale = ends
    height, width = frame.shape[:2]
    thick = max(radius * float(scale.mean()), 0.3)
    reach = thick + 1
    x0, x1 = max(math.floor(u.min() - reach), 0), min(math.ceil(u.max() + reach), width)
    y0, y1 = max(math.floor(v.min() - reach), 0), min(math.ceil(v.max() + reach), height)
    if x0 >= x1 or y0 >= y1:
        return
    cover = capsule_cover(
        np.arange(x0, x1, dtype=np.float32)[None, :] + np.float32(0.5),
        np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5),
        (np.float32(u[0]), np.float32(v[0])),
        (np.float32(u[1] - u[0]), np.float32(v[1] - v[0])),
        thick,
    )
    region = frame[y0:y1, x0:x1]
    region[...] = region + (205 - region.astype(np.float32)) * (cover[..., None] * alpha)


def _score_graphic(look: MatchLook, width: int, height: int) -> Bytes:
    """A strip with both teams' colours and the score as blocks."""
    tall, wide = max(3, height // 16), max(12, width // 5)
    graphic = np.full((tall, wide, 3), 28, np.uint8)
    side = wide // 4
    graphic[:, :side], graphic[:, -side:] = look.kits[0, 0, 2], look.kits[1, 0, 2]
    graphic[tall // 4 : -tall // 4 or None, wide // 2 - side // 2 : wide // 2 - side // 6] = 190
    graphic[tall // 4 : -tall // 4 or None, wide // 2 + side // 6 : wide // 2 + side // 2] = 190
    return graphic
