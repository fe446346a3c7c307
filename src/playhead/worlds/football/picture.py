"""The picture: from the state of the play to RGB frames of any size.

The camera moves without turning, so every row of the picture shows a fixed line of ground at a
fixed scale. Ground is one gather from a painted texture; players and ball are stamps laid over it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.football.figure import SIZES_AN_OCTAVE, Stamp, colour, disc, figure
from playhead.worlds.football.flow import LENGTH, PLAYERS, REFEREE, WIDTH
from playhead.worlds.football.look import Look, Texture, paint_pitch
from playhead.worlds.football.play import FACINGS, State
from playhead.worlds.football.shots import Lens, Shot

__all__ = ["Painter"]

BALL = 0.22  # metres: the ball is drawn larger than life
GOAL_HALF, GOAL_HEIGHT, GOAL_DEPTH = 3.66, 2.44, 2.0
WIPE = 0.28  # seconds of the graphic before and after a replay
FINEST = 30.0  # texels a metre at most: 60 MB for the whole ground

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Camera:
    """One lens at one picture size: which ground each pixel shows, seen from (0, 0)."""

    lens: Lens
    width: int
    height: int
    focal: float  # pixels
    ground_x: NDArray[np.float32]  # (H, W) metres right of the point aimed at
    ground_y: NDArray[np.float32]  # (H, 1) metres beyond it

    def project(self, places: Floats) -> tuple[Floats, Floats, Floats]:
        """`places` (..., 3) relative to the point aimed at → column, row, pixels a metre."""
        sine, cosine = math.sin(self.lens.tilt), math.cos(self.lens.tilt)
        depth = self.lens.away + places[..., 1] * cosine - places[..., 2] * sine
        scale = self.focal / np.maximum(depth, 1.0)
        up = (places[..., 1] * sine + places[..., 2] * cosine) * scale
        return self.width / 2 + places[..., 0] * scale, self.height / 2 - up, scale


def _camera(lens: Lens, width: int, height: int) -> _Camera:
    focal = width * lens.away / lens.view
    sine, cosine = math.sin(lens.tilt), math.cos(lens.tilt)
    up = (height / 2 - np.arange(height) - 0.5) / focal
    up = np.minimum(up, 0.98 * math.tan(lens.tilt))  # never above the horizon
    beyond = up * lens.away / (sine - up * cosine)
    per_pixel = (lens.away + beyond * cosine) / focal
    across = (np.arange(width) + 0.5 - width / 2)[None, :] * per_pixel[:, None]
    return _Camera(
        lens, width, height, focal, across.astype(np.float32), beyond.astype(np.float32)[:, None]
    )


class Painter:
    """Paints the frames of one match at one size."""

    def __init__(self, look: Look, size: tuple[int, int], ball_pixels: float, view: float) -> None:
        self.look, (self.width, self.height) = look, size
        self.ball_pixels = ball_pixels * (self.width / 112) ** 0.75
        pixel = view / self.width
        self.pitch = paint_pitch(look, min(2 / pixel, FINEST), pixel)
        self.cameras: dict[Lens, _Camera] = {}
        self.stamps: dict[tuple[int, ...], Stamp] = {}
        self.balls: dict[tuple[int, ...], Stamp] = {}
        rng = np.random.default_rng(look.seed + 1)
        noise = rng.normal(0, look.grain, (self.height + 32, self.width + 32, 1))
        self.noise = np.repeat(np.rint(noise).astype(np.int16), 4, axis=2)
        self.bug = _score_bug(look, self.width, self.height)

    def frames(
        self, state: State, looks: Floats, shots: tuple[Shot, ...], index: NDArray[np.int64],
        times: Floats,
    ) -> Iterator[Bytes]:  # fmt: skip
        """Yield one (H, W, 3) picture an instant.

        state, looks (T, 2), index (T,) of the shots and video `times` (T,) belong together.
        """
        start = 0
        while start < len(times):
            stop = start + int(np.searchsorted(index[start:] != index[start], True))
            if not np.any(index[start:] != index[start]):
                stop = len(times)
            rows = slice(start, stop)
            yield from self._shot(state, looks, shots[int(index[start])], rows, times)
            start = stop

    def _shot(
        self, state: State, looks: Floats, shot: Shot, rows: slice, times: Floats
    ) -> Iterator[Bytes]:
        camera = self.cameras.setdefault(shot.lens, _camera(shot.lens, self.width, self.height))
        scene = _Scene(state, looks, shot, rows, camera)
        for row in range(rows.stop - rows.start):
            frame = self._ground(camera, scene.aim[row])
            self._goals(frame, camera, scene.aim[row])
            self._figures(frame, scene, row, shot)
            self._ball(frame, scene, row)
            time = float(times[rows.start + row])
            self._overlay(frame, shot, time)
            yield self._grain(frame, time)

    def _ground(self, camera: _Camera, aim: Floats) -> Bytes:
        """Gather the ground around the point aimed at: (H, W, 4)."""
        pitch: Texture = self.pitch
        rows, columns = pitch.texels.shape
        x = pitch.column(camera.ground_x + np.float32(aim[0])).astype(np.int32)
        y = pitch.row(camera.ground_y + np.float32(aim[1])).astype(np.int32)
        np.clip(x, 0, columns - 1, out=x)
        x += np.clip(y, 0, rows - 1) * columns
        packed = pitch.texels.reshape(-1).take(x)
        return packed.view(np.uint8).reshape(self.height, self.width, 4)

    def _figures(self, frame: Bytes, scene: "_Scene", row: int, shot: Shot) -> None:
        for figure_index in scene.order[row]:
            if scene.visible[row, figure_index]:
                stamp = self._stamp(scene, row, int(figure_index), shot)
                _lay(frame, stamp, scene.left[row, figure_index], scene.foot[row, figure_index])

    def _stamp(self, scene: "_Scene", row: int, who: int, shot: Shot) -> Stamp:
        pose, facing = int(scene.pose[row, who]), int(scene.facing[row, who])
        size, half = int(scene.size[row, who]), int(scene.half[row, who])
        tilt = round(math.degrees(shot.lens.tilt) / 3) * 3
        light = (self.look.light + 4 * shot.reverse) % 8
        kit, tone = _kit(who), who * 7 % 3
        key = (pose, facing, size, half, tilt, light, kit, tone)
        stamp = self.stamps.get(key)
        if stamp is None:
            shape = figure(pose, facing, size, tilt=math.radians(tilt), light=light, shift=half / 2)
            stamp = colour(shape, self.look.kits[kit, tone], self.look.shade)
            self.stamps[key] = stamp
        return stamp

    def _ball(self, frame: Bytes, scene: "_Scene", row: int) -> None:
        u, v, scale = scene.ball[row]
        radius = max(self.ball_pixels * min(scale / scene.usual, 1.6), BALL * scale)
        ground = scene.ball_ground[row]
        self._spot(frame, u, ground, radius, shadow=True)
        self._spot(frame, u, v - radius * 0.8, radius, shadow=False)

    def _spot(self, frame: Bytes, u: float, v: float, radius: float, *, shadow: bool) -> None:
        """Lay a ball, or its shadow, at a quarter of a pixel."""
        column, row = math.floor(u * 4), math.floor(v * 4)
        key = (round(radius * 10), column % 4, row % 4, shadow)
        stamp = self.balls.get(key)
        if stamp is None:
            part = (column % 4 / 4 - 0.5, row % 4 / 4 - 0.5)
            stamp = (
                disc(key[0] / 10, part, (0, 0, 0), 0.4, 0.5)
                if shadow
                else _ball_stamp(key[0] / 10, part)
            )
            self.balls[key] = stamp
        _lay(frame, stamp, column // 4, row // 4)

    def _goals(self, frame: Bytes, camera: _Camera, aim: Floats) -> None:
        for line, out in ((0.0, -1.0), (LENGTH, 1.0)):
            if abs(line - aim[0]) < camera.lens.view and abs(WIDTH / 2 - aim[1]) < 40:
                _paint_goal(frame, camera, aim, line, out)

    def _overlay(self, frame: Bytes, shot: Shot, time: float) -> None:
        """The score in a corner; a wipe where a replay begins and ends."""
        height, width = self.bug.shape[:2]
        top, left = self.height // 20, self.width // 24
        frame[top : top + height, left : left + width, :3] = self.bug
        if shot.kind == "replay":
            side = max(3, self.height // 12)
            frame[top : top + side, -left - 2 * side : -left, :3] = self.look.boards[2]
            since, left_over = time - shot.start, shot.end - time
            if since < WIPE or left_over < WIPE:
                self._wipe(frame, since / WIPE if since < WIPE else 1 - left_over / WIPE)

    def _wipe(self, frame: Bytes, part: float) -> None:
        """A slanted band that sweeps over the picture."""
        band = self.width * 0.6
        for row in range(self.height):
            edge = part * (self.width + band + self.height * 0.5) - row * 0.5
            first, last = int(max(edge - band, 0)), int(max(min(edge, self.width), 0))
            frame[row, first:last, :3] = self.look.boards[3]

    def _grain(self, frame: Bytes, time: float) -> Bytes:
        """Noise of the sensor; another part of the same noise for each instant."""
        mixed = round(time * 1000) * 2_654_435_761 >> 8
        top, left = mixed % 32, mixed // 32 % 32
        noise = self.noise[top : top + self.height, left : left + self.width]
        noisy = np.add(frame, noise)
        np.clip(noisy, 0, 255, out=noisy)
        return np.ascontiguousarray(noisy[..., :3].astype(np.uint8))


class _Scene:
    """One shot's instants projected into the picture, all at once."""

    def __init__(
        self, state: State, looks: Floats, shot: Shot, rows: slice, camera: _Camera
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
        size = np.rint(np.log2(scale) * SIZES_AN_OCTAVE).astype(np.int64)
        tall = 2.3 * scale
        self.visible = (
            (u > -tall) & (u < camera.width + tall) & (v > -3) & (v < camera.height + tall)
        )
        self.half = np.where(scale < 12, np.floor(u * 2).astype(np.int64) % 2, 0)
        self.left, self.foot = np.floor(u).astype(np.int64), np.rint(v).astype(np.int64)
        self.size, self.pose = size, state.pose[rows]
        self.facing = np.rint(facing / (2 * np.pi) * FACINGS).astype(np.int64) % FACINGS
        self.order = np.argsort(-figures[..., 1], axis=1, kind="stable")
        shift = np.concatenate([aim, np.full((len(aim), 1), above)], axis=1)
        places = ball - shift
        self.ball = np.stack(camera.project(places), axis=-1)
        places[:, 2] = -above
        self.ball_ground = camera.project(places)[1]
        self.usual = camera.focal / camera.lens.away


def _kit(who: int) -> int:
    """0 and 1 the teams, 2 and 3 their keepers, 4 the referee."""
    if who == REFEREE:
        return 4
    team = int(who >= PLAYERS // 2)
    return team + 2 if who % (PLAYERS // 2) == 0 else team


def _lay(frame: Bytes, stamp: Stamp, column: int, row: int) -> None:
    """Lay a stamp over the frame with its anchor at (column, row), clipped."""
    x, y = int(column) + stamp.left, int(row) + stamp.top
    height, width = stamp.keep.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + width, frame.shape[1]), min(y + height, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = frame[y0:y1, x0:x1]
    inner = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    mixed = np.multiply(part, stamp.keep[inner])
    mixed >>= 8
    mixed += stamp.paint[inner]
    part[...] = mixed


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


def _paint_goal(frame: Bytes, camera: _Camera, aim: Floats, line: float, out: float) -> None:
    """Posts, bar and a net of a few cords."""
    low, high, back = WIDTH / 2 - GOAL_HALF, WIDTH / 2 + GOAL_HALF, line + out * GOAL_DEPTH
    cords = [((line, y, GOAL_HEIGHT), (back, y, 0.0)) for y in np.linspace(low, high, 9)]
    for part in np.linspace(0.0, 1.0, 5):
        x, z = line + (back - line) * part, GOAL_HEIGHT * (1 - part)
        cords.append(((x, low, z), (x, high, z)))
        cords += [((x, y, z), (x, y, 0.0)) for y in (low, high)]
    for start, end in cords:
        _rod(frame, camera.project(_ends(start, end, aim)), 0.03, 0.4)
    posts = [((line, y, 0.0), (line, y, GOAL_HEIGHT)) for y in (low, high)]
    for start, end in [*posts, ((line, low, GOAL_HEIGHT), (line, high, GOAL_HEIGHT))]:
        _rod(frame, camera.project(_ends(start, end, aim)), 0.09, 1.0)


def _ends(start: Point, end: Point, aim: Floats) -> Floats:
    ends: Floats = np.array([start, end]) - np.array([aim[0], aim[1], 0.0])
    return ends


def _rod(frame: Bytes, ends: tuple[Floats, Floats, Floats], radius: float, alpha: float) -> None:
    """Draw a rod of `radius` metres in near-white between two projected ends."""
    u, v, scale = ends
    height, width = frame.shape[:2]
    thick = max(radius * float(scale.mean()), 0.3)
    x0, x1 = _span(u, thick, width)
    y0, y1 = _span(v, thick, height)
    if x0 >= x1 or y0 >= y1:
        return
    x = np.arange(x0, x1, dtype=np.float32)[None, :] + np.float32(0.5) - np.float32(u[0])
    y = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5) - np.float32(v[0])
    dx, dy = np.float32(u[1] - u[0]), np.float32(v[1] - v[0])
    part = np.clip((x * dx + y * dy) / max(float(dx * dx + dy * dy), 1e-6), 0, 1)
    cover = np.clip(thick + 0.5 - np.hypot(x - part * dx, y - part * dy), 0, 1)[..., None] * alpha
    region = frame[y0:y1, x0:x1]
    region[...] = region + (205 - region.astype(np.float32)) * cover


def _span(ends: Floats, thick: float, size: int) -> tuple[int, int]:
    """The pixels [first, last) that a rod touches along one axis."""
    first, last = math.floor(ends.min() - thick - 1), math.ceil(ends.max() + thick + 1)
    return max(first, 0), min(last, size)


def _score_bug(look: Look, width: int, height: int) -> Bytes:
    """A strip with both teams' colours and the score as blocks."""
    tall, wide = max(3, height // 16), max(12, width // 5)
    bug = np.full((tall, wide, 3), 28, np.uint8)
    side = wide // 4
    bug[:, :side], bug[:, -side:] = look.kits[0, 0, 2], look.kits[1, 0, 2]
    bug[tall // 4 : -tall // 4 or None, wide // 2 - side // 2 : wide // 2 - side // 6] = 190
    bug[tall // 4 : -tall // 4 or None, wide // 2 + side // 6 : wide // 2 + side // 2] = 190
    return bug
