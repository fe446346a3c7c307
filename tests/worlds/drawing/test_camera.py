"""What a camera shows where, against the projection matrix and the ground itself."""

import math

import numpy as np
import pytest

from playhead.worlds.drawing import Camera

CAMERAS = [
    Camera.at((1.0, -3.0, 1.6), size=(640, 360), focal=500.0, centre=(320.0, 150.0)),
    Camera.at((4.0, 2.0, 0.0), distance=30.0, size=(320, 180), focal=400.0, tilt=0.5),
    Camera.at((0.0, 20.0, 1.0), distance=25.0, size=(1280, 720), focal=900.0, pan=0.8, tilt=0.3),
    Camera.at((9.0, 1.0, 6.0), size=(1280, 720), focal=900.0, pan=-1.2, tilt=0.2),
]


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_point_is_projected_as_by_the_projection_matrix(camera: Camera) -> None:
    rng = np.random.default_rng(0)
    right, up, forward = (np.array(axis) for axis in camera.axes)
    points = np.array(camera.position) + rng.uniform(2, 40, (50, 1)) * forward
    points = points + rng.normal(0, 1, (50, 3))
    rotation = np.stack([right, -up, forward])  # image rows run down
    intrinsics = np.array(
        [[camera.focal, 0, camera.centre[0]], [0, camera.focal, camera.centre[1]], [0, 0, 1]]
    )
    homogeneous = (intrinsics @ rotation @ (points - np.array(camera.position)).T).T
    column, row, scale = camera.project(points)
    seen = homogeneous[:, 2] > camera.nearest
    assert seen.sum() > 40
    np.testing.assert_allclose(column[seen], (homogeneous[:, 0] / homogeneous[:, 2])[seen])
    np.testing.assert_allclose(row[seen], (homogeneous[:, 1] / homogeneous[:, 2])[seen])
    np.testing.assert_allclose(scale[seen], camera.focal / homogeneous[seen, 2])


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_axes_are_a_rotation(camera: Camera) -> None:
    axes = np.array(camera.axes)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(axes[0], axes[2]), axes[1], atol=1e-12)


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_ground_of_a_pixel_is_projected_back_to_it(camera: Camera) -> None:
    columns, rows = np.meshgrid(np.linspace(0, camera.width, 7), np.linspace(0, camera.height, 9))
    across, up = camera.rays(columns, rows)
    right, above, forward = camera.axes
    direction = across * right[2] + up * above[2] + forward[2]
    below = direction < -0.01  # what looks down meets the ground
    x, y = camera.ground(columns[below], rows[below])
    column, row, _ = camera.project(np.stack([x, y, np.zeros_like(x)], axis=-1))
    assert below.sum() > 20
    np.testing.assert_allclose(column, columns[below], atol=1e-6)
    np.testing.assert_allclose(row, rows[below], atol=1e-6)


def test_a_camera_stands_where_its_distance_and_angles_put_it() -> None:
    target, distance, pan, tilt = (4.0, 20.0, 1.0), 25.0, 0.8, 0.3
    camera = Camera.at(target, distance=distance, size=(640, 360), focal=500.0, pan=pan, tilt=tilt)
    level = distance * math.cos(tilt)
    stand = (4 + level * math.sin(pan), 20 - level * math.cos(pan), 1 + distance * math.sin(tilt))
    np.testing.assert_allclose(camera.position, stand)
    column, row, scale = camera.project(np.array(target))
    np.testing.assert_allclose((column, row, scale), (320, 180, 500 / 25))


def test_what_is_too_near_is_projected_from_the_nearest_depth() -> None:
    camera = Camera.at((0, 0, 0), size=(100, 100), focal=50.0, nearest=0.5)
    for depth in (0.5, 0.1, 0.0, -3.0):
        column, _, scale = camera.project(np.array((1.0, depth, 0.0)))
        assert (float(column), float(scale)) == (150.0, 100.0)
