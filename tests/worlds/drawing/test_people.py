"""Bodies, heads and people: what moves how, and what of them a camera sees."""

import math

import numpy as np
import pytest
from PIL import Image

from playhead.worlds.drawing import (
    LEAST_SHARE,
    PERSON_LABELS,
    Camera,
    Composition,
    HeadModel,
    Layer,
    PersonLook,
    PersonModel,
    VisibleBox,
    draw_head_look,
    hang,
    turned,
    visible_boxes,
    walking,
)

CAMERA = Camera.at((0, 0, 1.6), size=(320, 240), focal=260.0, centre=(160.0, 100.0))
LIGHT = (0.3, 0.7, 0.7)


@pytest.fixture(scope="module")
def person() -> PersonModel:
    look = PersonLook(
        head=draw_head_look(np.random.default_rng(0)), height=1.75, broad=1.0,
        shirt=(200, 40, 40), trousers=(40, 60, 90), shoes=(40, 40, 40),
        sleeves=True, coat=False, bag=False,
    )  # fmt: skip
    return PersonModel(look, LIGHT, 60)


def layer_of(
    person: PersonModel, camera: Camera, at: tuple[float, float], heading: float = 0.0
) -> Layer:
    layer = person.layer(camera, at, walking(0.0, 0.0), heading=heading)
    assert layer is not None
    return layer


def boxes_of(layer: Layer) -> dict[str, VisibleBox]:
    frame = Composition(Image.new("RGB", (CAMERA.width, CAMERA.height)))
    frame.add(layer, 0)
    return {box.label: box for box in visible_boxes(frame, 0, layer, PERSON_LABELS)}


def test_a_hanging_limb_keeps_its_length_and_swings_forward() -> None:
    for angle in np.linspace(-2, 2, 9):
        end = hang((0.1, 0.2, 1.0), 0.4, float(angle))
        assert math.dist((0.1, 0.2, 1.0), end) == pytest.approx(0.4)
    assert hang((0.0, 0.0, 1.0), 0.4, math.pi / 2) == pytest.approx((0.4, 0.0, 1.0))


def test_a_figure_that_faces_the_camera_has_its_left_on_the_right_of_the_image() -> None:
    assert turned((0.0, 1.0, 2.0), (0.0, 1.0)) == (1.0, 0.0, 2.0)
    assert turned((1.0, 0.0, 2.0), (0.0, 1.0)) == (0.0, 1.0, 2.0)
    # Facing to the right of the image, the left is away from the camera.
    assert turned((1.0, 0.0, 2.0), (1.0, 0.0)) == (1.0, 0.0, 2.0)
    assert turned((0.0, 1.0, 2.0), (1.0, 0.0)) == (0.0, -1.0, 2.0)


def test_half_a_cycle_of_a_walk_later_right_and_left_have_changed() -> None:
    for phase in np.linspace(0, 6, 13):
        now, later = walking(float(phase)), walking(float(phase) + math.pi)
        assert np.array(now.legs) == pytest.approx(np.array(later.legs)[::-1])
        assert np.array(now.arms) == pytest.approx(np.array(later.arms)[::-1])


def test_a_person_reaches_from_the_ground_to_his_height(person: PersonModel) -> None:
    for at in ((0.0, 4.0), (-0.8, 3.5), (1.5, 7.0)):
        box = boxes_of(layer_of(person, CAMERA, at))["person"].box
        _, top, _ = CAMERA.project(np.array((*at, 1.75)))
        column, low, scale = CAMERA.project(np.array((*at, 0.0)))
        assert box[1] == pytest.approx(top, abs=0.06 * scale + 1)
        assert box[3] == pytest.approx(low, abs=0.06 * scale + 1)
        assert (box[0] + box[2]) / 2 == pytest.approx(column, abs=0.1 * scale + 1)


def test_a_camera_elsewhere_sees_a_person_as_one_in_front_of_him_does(
    person: PersonModel,
) -> None:
    """Turning person and camera about the same point changes nothing in the image."""
    x, y, heading = 0.37, 4.1, 0.6
    before = Composition(Image.new("RGB", (320, 240)))
    before.add(layer_of(person, CAMERA, (x, y), heading), 0)
    for turn in (0.4, -1.3, 3.0):
        sine, cosine = math.sin(turn), math.cos(turn)
        camera = Camera.at(
            (0, 0, 1.6), size=(320, 240), focal=260.0, centre=(160.0, 100.0), pan=turn
        )
        place = (x * cosine - y * sine, x * sine + y * cosine)
        layer = layer_of(person, camera, place, heading + turn)
        assert layer.depth == pytest.approx(y)
        after = Composition(Image.new("RGB", (320, 240)))
        after.add(layer, 0)
        assert np.array_equal(before.owner, after.owner)
        assert np.array_equal(np.asarray(before.image), np.asarray(after.image))


def test_a_person_has_a_face_from_in_front_and_none_from_behind(person: PersonModel) -> None:
    assert set(boxes_of(layer_of(person, CAMERA, (0.0, 4.0)))) == {"person", "head", "face"}
    behind = boxes_of(layer_of(person, CAMERA, (0.0, 4.0), heading=math.pi))
    assert set(behind) == {"person", "head"}


@pytest.mark.parametrize("at", [(30.0, 4.0), (0.0, -4.0), (0.0, 0.05)])
def test_a_person_outside_the_frame_or_behind_the_camera_has_no_layer(
    person: PersonModel, at: tuple[float, float]
) -> None:
    assert person.layer(CAMERA, at, walking(0.0), heading=0.0) is None


def test_a_head_seen_from_behind_has_no_face() -> None:
    model = HeadModel(draw_head_look(np.random.default_rng(0)), LIGHT, 80)
    shares = []
    for yaw in (0.0, np.pi / 2, np.pi):
        sprite = model.sprite(float(yaw), 80)
        face = np.asarray(sprite.face, float).sum() / 255
        shares.append(face / model.face_area(sprite.scale))
    assert shares[0] == pytest.approx(1, abs=0.02)
    assert LEAST_SHARE < shares[1] < 0.8
    assert shares[2] == 0
