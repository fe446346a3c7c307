"""Cars of the street: a shell of flat faces seen in true perspective, with number plates."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.worlds.street.layer import OWNED, Bounds, Layer, canvas_of, canvas_scale, finished
from playhead.worlds.street.plan import Camera, Car
from playhead.worlds.street.plate import PLATES, draw_plate
from playhead.worlds.street.shell import HALF, Shell, draw_shell

__all__ = ["FRONT_PLATE", "REAR_PLATE", "CarModel"]

Floats = NDArray[np.float64]
FRONT_PLATE, REAR_PLATE = 1, 2
_CLOSEST = 0.6  # metres: what is nearer to the camera is cut off
_FINE_FROM = 60  # pixels of width from which on small parts are drawn


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A car's place seen by the camera: from its own metres to pixels of the picture."""

    camera: Camera
    offset: tuple[int, int]
    place: Floats  # (3,) x, y, z
    turn: Floats  # (3, 3) from forward, left, up to x, y, z

    @classmethod
    def of(
        cls, camera: Camera, offset: tuple[int, int], place: tuple[float, float], heading: float
    ) -> "_View":
        sine, cosine = math.sin(heading), math.cos(heading)
        turn = np.array([(sine, cosine, 0), (0, 0, 1), (-cosine, sine, 0)])
        return cls(camera, offset, np.array((place[0], 0.0, place[1])), turn)

    def placed(self, points: Floats) -> Floats:
        """(N, 3) forward, left, up → (N, 3) x, y, z before the camera."""
        placed: Floats = points @ self.turn.T + self.place
        return placed

    def seen(self, placed: Floats) -> Floats:
        """(N, 3) before the camera → (N, 2) columns and rows."""
        column, row, _ = self.camera.project(placed[:, 0], placed[:, 1], placed[:, 2])
        seen = np.empty((len(placed), 2))
        seen[:, 0], seen[:, 1] = column + self.offset[0], row + self.offset[1]
        return seen

    def looks(self, normals: Floats, middles: Floats) -> NDArray[np.bool_]:
        """Which faces, by normals (N, 3) and middles (N, 3) of the car, turn to the camera."""
        ways = self.placed(middles) - np.array((0.0, self.camera.eye, 0.0))
        looks: NDArray[np.bool_] = ((normals @ self.turn.T) * ways).sum(axis=1) < 0
        return looks


class CarModel:
    """Draws one car at any time."""

    def __init__(self, car: Car, light: tuple[float, float, float]) -> None:
        self.car = car
        self.light = np.array((light[0], light[1], -light[2])) / math.hypot(*light)
        self.shell: Shell = draw_shell(car.kind)
        faces = self.shell.faces
        self.points = np.concatenate([face.points for face in faces])
        self.starts = np.cumsum([0, *(len(face.points) for face in faces)])
        self.normals = np.array([face.normal for face in faces])
        self.middles = np.array([face.points.mean(axis=0) for face in faces])
        self.plate = draw_plate(car.plate, car.text)
        self.corners = _plate_corners(self.shell, PLATES[car.plate].metres)

    def layer(self, camera: Camera, offset: tuple[int, int], time: float) -> Layer | None:
        """The car as the camera sees it, None where it is out of the picture."""
        x, z, heading, _ = self.car.path.at(time)
        view = _View.of(camera, offset, (x, z), heading)
        placed = view.placed(self.points)
        if placed[:, 2].max() < _CLOSEST:
            return None
        ends = view.seen(np.maximum(placed, (-np.inf, -np.inf, _CLOSEST)))
        box = (*ends.min(axis=0).tolist(), *ends.max(axis=0).tolist())
        bounds = Bounds.of(box, (camera.width, camera.height))
        if bounds is None:
            return None
        fine = canvas_scale(bounds)
        canvas = canvas_of(bounds, fine, self.car.paint)
        origin = np.array((bounds.left, bounds.top))
        self._draw(canvas, view, placed, origin, fine, small=box[2] - box[0] < _FINE_FROM)
        plates = self._draw_plates(canvas, view, origin, fine)
        picture, alpha = finished(canvas, fine)
        layer = Layer(z, picture, alpha, bounds.left, bounds.top)
        for number, corners in plates.items():
            _add_plate(layer, number, corners)
        return layer

    def shadow(self, camera: Camera, offset: tuple[int, int], time: float) -> Floats | None:
        """The corners of the shadow under the car, (4, 2) pixels."""
        x, z, heading, _ = self.car.path.at(time)
        view = _View.of(camera, offset, (x, z), heading)
        front, rear, half = self.shell.front + 0.05, self.shell.rear - 0.05, HALF * 1.04
        corners = view.placed(
            np.array([(front, half, 0), (front, -half, 0), (rear, -half, 0), (rear, half, 0)])
        )
        return None if corners[:, 2].min() < _CLOSEST else view.seen(corners)

    def _draw(
        self, canvas: Image.Image, view: _View, placed: Floats, origin: Floats, fine: int, *,
        small: bool,
    ) -> None:  # fmt: skip
        """Draw every face that looks at the camera."""
        draw = ImageDraw.Draw(canvas)
        looks = view.looks(self.normals, self.middles)
        lit = self._lit(view, self.normals)
        whole = placed[:, 2].min() >= _CLOSEST
        flat = (view.seen(placed) - origin) * fine
        for index, face in enumerate(self.shell.faces):
            if not looks[index] or (small and face.fine):
                continue
            part = slice(self.starts[index], self.starts[index + 1])
            points = flat[part] if whole else _cut(view, placed[part], origin, fine)
            if len(points) < 3:
                continue
            gain = face.base + face.slope * float(lit[index])
            red, green, blue = face.colour or self.car.paint
            fill = (
                min(int(red * gain), 255),
                min(int(green * gain), 255),
                min(int(blue * gain), 255),
                255,
            )
            draw.polygon(points.ravel().tolist(), fill=fill)

    def _lit(self, view: _View, normals: Floats) -> Floats:
        turned = normals @ view.turn.T
        lit: Floats = (
            0.55 + 0.4 * np.clip(turned @ self.light, 0, 1) + 0.15 * np.clip(turned[:, 1], 0, 1)
        )
        return lit

    def _draw_plates(
        self, canvas: Image.Image, view: _View, origin: Floats, fine: int
    ) -> dict[int, Floats]:
        """Lay on the plates that look at the camera; their corners in pixels of the picture."""
        found = {}
        for number, corners in self.corners.items():
            normal = np.array([(1.0 if number == FRONT_PLATE else -1.0, 0.0, 0.0)])
            placed = view.placed(corners)
            middle = corners.mean(axis=0)[None]
            if placed[:, 2].min() > _CLOSEST and view.looks(normal, middle)[0]:
                flat = view.seen(placed)
                lit = float(self._lit(view, normal)[0])
                _warp(canvas, self.plate, (flat - origin) * fine, lit)
                found[number] = flat
        return found


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


def _cut(view: _View, placed: Floats, origin: Floats, fine: int) -> Floats:
    """A polygon in pixels of the canvas, without what lies too near or behind the camera."""
    kept = []
    for here, after in zip(placed, np.roll(placed, -1, axis=0), strict=True):
        if here[2] >= _CLOSEST:
            kept.append(here)
        if (here[2] >= _CLOSEST) != (after[2] >= _CLOSEST):
            kept.append(here + (after - here) * (_CLOSEST - here[2]) / (after[2] - here[2]))
    flat: Floats = (view.seen(np.array(kept).reshape(-1, 3)) - origin) * fine
    return flat


def _warp(canvas: Image.Image, plate: Image.Image, corners: Floats, lit: float) -> None:
    """Lay the plate's picture onto four corners of the canvas, in perspective."""
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
        return  # a plate this near lies almost wholly out of the picture
    mask = Image.new("L", (wide * 4, tall * 4))
    ImageDraw.Draw(mask).polygon(((corners - low) * 4).ravel().tolist(), fill=255)
    pixels = np.asarray(mask.reduce(4)) >= OWNED
    layer.add_part(number, pixels, (int(low[0]), int(low[1])), float(pixels.sum()))
