"""Cars of the street: a shell of flat faces seen in true perspective, with number plates."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.worlds.drawing import OWNED, Bounds, Camera, Canvas, Layer, Mask
from playhead.worlds.street.plan import Car
from playhead.worlds.street.plate import PLATES, draw_plate
from playhead.worlds.street.shell import HALF, Shell, draw_shell

__all__ = ["FRONT_PLATE", "REAR_PLATE", "CarModel"]

Floats = NDArray[np.float64]
FRONT_PLATE, REAR_PLATE = 1, 2
"""Parts of a car's layer."""

_FINE_FROM = 60  # pixels of width from which on small faces are drawn


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A car in the scene, seen by a camera."""

    camera: Camera
    position: Floats  # (3,) x, y, z
    turn: Floats  # (3, 3) from forward, left, up to x, y, z

    def placed(self, points: Floats) -> Floats:
        """(N, 3) forward, left, up of the car → (N, 3) x, y, z."""
        placed: Floats = points @ self.turn.T + self.position
        return placed

    def seen(self, placed: Floats) -> Floats:
        """(N, 3) x, y, z → (N, 2) columns and rows."""
        column, row, _ = self.camera.project(placed)
        return np.stack([column, row], axis=1)

    def depth(self, placed: Floats) -> Floats:
        """(N, 3) x, y, z → metres (N,)."""
        return self.camera.view(placed)[2]

    def front(self, normals: Floats, middles: Floats) -> NDArray[np.bool_]:
        """Which faces, by normals (N, 3) and middles (N, 3) of the car, turn to the camera."""
        ways = self.placed(middles) - np.array(self.camera.position)
        front: NDArray[np.bool_] = ((normals @ self.turn.T) * ways).sum(axis=1) < 0
        return front


class CarModel:
    """Draws one car at any time."""

    def __init__(self, car: Car, light: tuple[float, float, float]) -> None:
        """light: direction to it (right, up, towards the camera)."""
        self.car = car
        self.light = np.array((light[0], -light[2], light[1])) / math.hypot(*light)  # x, y, z
        self.shell: Shell = draw_shell(car.kind)
        faces = self.shell.faces
        self.points = np.concatenate([face.points for face in faces])
        self.starts = np.cumsum([0, *(len(face.points) for face in faces)])
        self.normals = np.array([face.normal for face in faces])
        self.middles = np.array([face.points.mean(axis=0) for face in faces])
        self.plate = draw_plate(car.plate, car.text, fade=car.fade, dirt=car.dirt)
        self.corners = _plate_corners(self.shell, PLATES[car.plate].metres)

    def layer(self, camera: Camera, time: float) -> Layer | None:
        """The car as the camera sees it, None where no pixel of the frame can show it."""
        view = self._view(camera, time)
        placed = view.placed(self.points)
        if view.depth(placed).max() < camera.nearest:
            return None
        flat = view.seen(placed)
        box = (*flat.min(axis=0).tolist(), *flat.max(axis=0).tolist())
        bounds = Bounds.of(box, (camera.width, camera.height))
        if bounds is None:
            return None
        canvas = Canvas(bounds, self.car.paint)
        self._draw_faces(canvas, view, placed, small=box[2] - box[0] < _FINE_FROM)
        plates = self._draw_plates(canvas, view)
        layer = canvas.layer(float(view.depth(view.position[None])[0]))
        for number, corners in plates.items():
            _add_plate(layer, number, corners)
        return layer

    def shadow(self, camera: Camera, time: float) -> Floats | None:
        """The corners of the shadow under the car, (4, 2) pixels."""
        view = self._view(camera, time)
        front, rear, half = self.shell.front + 0.05, self.shell.rear - 0.05, HALF * 1.04
        corners = view.placed(
            np.array([(front, half, 0), (front, -half, 0), (rear, -half, 0), (rear, half, 0)])
        )
        return None if view.depth(corners).min() < camera.nearest else view.seen(corners)

    def _view(self, camera: Camera, time: float) -> _View:
        x, y, heading, _ = self.car.path.at(time)
        sine, cosine = math.sin(heading), math.cos(heading)
        turn = np.array([(sine, cosine, 0), (-cosine, sine, 0), (0, 0, 1)])
        return _View(camera, np.array((x, y, 0.0)), turn)

    def _draw_faces(self, canvas: Canvas, view: _View, placed: Floats, *, small: bool) -> None:
        """Draw every face that turns to the camera."""
        front = view.front(self.normals, self.middles)
        lit = self._lit(view, self.normals)
        whole = view.depth(placed).min() >= view.camera.nearest
        flat = canvas.place(view.seen(placed))
        for index, face in enumerate(self.shell.faces):
            if not front[index] or (small and face.fine):
                continue
            part = slice(self.starts[index], self.starts[index + 1])
            points = flat[part] if whole else canvas.place(_clipped(view, placed[part]))
            if len(points) < 3:
                continue
            gain = face.base + face.slope * float(lit[index])
            red, green, blue = (
                min(int(value * gain), 255) for value in face.colour or self.car.paint
            )
            canvas.draw.polygon(points.ravel().tolist(), fill=(red, green, blue, 255))

    def _lit(self, view: _View, normals: Floats) -> Floats:
        turned = normals @ view.turn.T
        lit: Floats = (
            0.55 + 0.4 * np.clip(turned @ self.light, 0, 1) + 0.15 * np.clip(turned[:, 2], 0, 1)
        )
        return lit

    def _draw_plates(self, canvas: Canvas, view: _View) -> dict[int, Floats]:
        """Lay on the plates that turn to the camera; their corners in pixels of the frame."""
        shown = {}
        for number, corners in self.corners.items():
            normal = np.array([(1.0 if number == FRONT_PLATE else -1.0, 0.0, 0.0)])
            placed = view.placed(corners)
            near = view.depth(placed).min() <= view.camera.nearest
            if not near and view.front(normal, corners.mean(axis=0)[None])[0]:
                shown[number] = view.seen(placed)
                lit = float(self._lit(view, normal)[0])
                _warp(canvas.image, self.plate, canvas.place(shown[number]), lit)
        return shown


def _plate_corners(shell: Shell, metres: tuple[float, float]) -> dict[int, Floats]:
    """For each plate: left top, right top, right low, left low as it is read."""
    corners = {}
    for number, (at, up), hand in zip(
        (FRONT_PLATE, REAR_PLATE), shell.plates, (-1, 1), strict=True
    ):
        side, high, low = hand * metres[0] / 2, up + metres[1] / 2, up - metres[1] / 2
        corners[number] = np.array(
            [(at, side, high), (at, -side, high), (at, -side, low), (at, side, low)]
        )
    return corners


def _clipped(view: _View, placed: Floats) -> Floats:
    """A polygon in pixels of the frame, without what is too near or behind the camera."""
    nearest, depth, kept = view.camera.nearest, view.depth(placed), []
    for here, after in pairwise([*range(len(placed)), 0]):
        if depth[here] >= nearest:
            kept.append(placed[here])
        if (depth[here] >= nearest) != (depth[after] >= nearest):
            share = (nearest - depth[here]) / (depth[after] - depth[here])
            kept.append(placed[here] + (placed[after] - placed[here]) * share)
    return view.seen(np.array(kept).reshape(-1, 3))


def _warp(canvas: Image.Image, plate: Image.Image, corners: Floats, lit: float) -> None:
    """Lay the plate's image onto four corners of the canvas, in perspective."""
    low = np.floor(corners.min(axis=0)).clip(0).astype(int)
    high = np.ceil(corners.max(axis=0)).clip((0, 0), canvas.size).astype(int)
    wide, tall = (int(side) for side in high - low)
    if wide < 2 or tall < 2:
        return
    factor = max(int(plate.width / max(np.hypot(*(corners[1] - corners[0])), 1.0)), 1)
    source = plate.reduce(factor) if factor > 1 else plate
    ends = ((0, 0), (source.width, 0), (source.width, source.height), (0, source.height))
    rows, values = [], []
    for (u, v), (x, y) in zip(ends, corners - low, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    shade = 0.35 + 0.65 * lit
    warped = source.point([min(int(value % 256 * shade), 255) for value in range(768)]).transform(
        (wide, tall), Image.Transform.PERSPECTIVE, solved.tolist(), Image.Resampling.BILINEAR
    )
    mask = Image.new("L", (wide, tall))
    ImageDraw.Draw(mask).polygon((corners - low).ravel().tolist(), fill=255)
    canvas.paste(warped, (int(low[0]), int(low[1])), mask)


def _add_plate(layer: Layer, number: int, corners: Floats) -> None:
    """The plate's pixels: those of which enough is covered, drawn at four times the size."""
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    wide, tall = (int(side) for side in high - low)
    if max(wide, tall) > 4 * max(layer.alpha.size) + 200:
        return  # a plate this near lies almost wholly outside the frame
    mask = Image.new("L", (wide * 4, tall * 4))
    ImageDraw.Draw(mask).polygon(((corners - low) * 4).ravel().tolist(), fill=255)
    pixels = np.asarray(mask.reduce(4)) >= OWNED
    layer.parts[number] = Mask(pixels, int(low[0]), int(low[1]), float(pixels.sum()))
