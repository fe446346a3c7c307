"""Number plates of a street: the basic styles stay as they are, the worldwide ones vary."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import ConfigError
from playhead.events.formats.tracks import read_tracks
from playhead.events.manifest import read_manifest
from playhead.worlds import generate
from playhead.worlds.street import StreetConfig, draw_scene
from playhead.worlds.street.car import FRONT_PLATE, REAR_PLATE, CarModel
from playhead.worlds.street.plate import BASIC, PLATES, draw_number, draw_plate
from playhead.worlds.street.shell import HALF, draw_shell

STYLES = range(len(PLATES))


def number_of(style: int) -> str:
    return draw_number(np.random.default_rng(style), style)


def grey(number: int, text: str, *, fade: float = 0.0, dirt: float = 0.0) -> NDArray[np.float64]:
    return np.asarray(draw_plate(number, text, fade=fade, dirt=dirt).convert("L"), float)


@pytest.mark.parametrize(
    ("number", "seed", "plates"),
    [
        (0, 1548969676, [(0, "WD4T41K"), (0, "MAT3V6N"), (1, "TMT4XEU")]),
        (1, 447304282, [(1, "SMN33FB"), (3, "VCBTEZZ"), (1, "EJT3V48"), (3, "NNYZ321")]),
        (2, 1390039079, [(2, "WZD06X0"), (0, "ZH63SZ3")]),
    ],
)
@pytest.mark.parametrize("config", [StreetConfig(), StreetConfig(plates="basic")])
def test_basic_plates_leave_every_scene_as_it_was(
    config: StreetConfig, number: int, seed: int, plates: list[tuple[int, str]]
) -> None:
    """The plan's seed is drawn last, so that it shows whether anything before it was drawn anew."""
    plan = draw_scene(7, number, config).plan
    assert plan.seed == seed
    assert [(car.plate, car.text) for car in plan.cars] == plates
    assert all(car.fade == car.dirt == 0.0 for car in plan.cars)


def test_worldwide_plates_change_nothing_but_the_plates() -> None:
    basic = draw_scene(7, 0, StreetConfig()).plan
    worldwide = draw_scene(7, 0, StreetConfig(plates="worldwide")).plan
    assert (worldwide.seed, worldwide.camera, worldwide.posts) == (
        basic.seed,
        basic.camera,
        basic.posts,
    )
    for car, other in zip(worldwide.cars, basic.cars, strict=True):
        assert np.array_equal(car.path.x, other.path.x)
        assert (car.kind, car.paint) == (other.kind, other.paint)
    assert [car.text for car in worldwide.cars] != [car.text for car in basic.cars]


def test_worldwide_plates_are_of_every_style_crisp_faded_and_dirty() -> None:
    config = StreetConfig(plates="worldwide", seconds=0.1, people=0, cars=20)
    cars = [car for number in range(40) for car in draw_scene(3, number, config).plan.cars]
    assert {car.plate for car in cars} == set(STYLES)
    assert len({car.text for car in cars}) > 0.95 * len(cars)
    for values in ([car.fade for car in cars], [car.dirt for car in cars]):
        assert 0.2 < np.mean(np.array(values) == 0) < 0.7
        assert 0.4 < max(values) < 0.8


@pytest.mark.parametrize("number", STYLES)
def test_a_plate_has_the_shape_of_its_style_and_legible_ink(number: int) -> None:
    wide, high = PLATES[number].metres
    image = draw_plate(number, number_of(number))
    assert image.width == 360
    assert image.height == pytest.approx(360 * high / wide, abs=1)
    assert np.ptp(np.asarray(image.convert("L"), float)) > 80


@pytest.mark.parametrize("number", STYLES)
def test_a_number_has_a_character_for_each_place_of_its_style(number: int) -> None:
    places = [place for layout, _ in PLATES[number].rows for place in layout if place not in " ."]
    text = number_of(number)
    for place, character in zip(places, text, strict=True):
        assert character.isdigit() if place == "0" else character.isalnum()
        assert character.isalpha() or place not in "A#"


@pytest.mark.parametrize(
    "number", [number for number in STYLES if len(PLATES[number].rows) > 1]
)  # fmt: skip
def test_the_rows_of_a_plate_do_not_touch(number: int) -> None:
    """Between the rows there is a line of pixels of one colour."""
    style = PLATES[number]
    bare = grey(number, number_of(number))[:, 60:-60]
    inked = (np.ptp(bare, axis=1) > 40).astype(int)
    inked[: len(inked) // 16] = inked[-len(inked) // 16 :] = 0  # the rim
    assert (np.diff(inked) == 1).sum() == len(style.rows)


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("number", STYLES)
def test_a_plate_lies_on_the_front_and_the_rear_of_its_car(number: int, kind: int) -> None:
    scene = draw_scene(7, 0, StreetConfig())
    car = replace(scene.plan.cars[0], kind=kind, plate=number, text=number_of(number))
    model, shell = CarModel(car, scene.plan.light), draw_shell(kind)
    points = np.concatenate([face.points for face in shell.faces])
    for part, end in ((FRONT_PLATE, shell.front), (REAR_PLATE, shell.rear)):
        near = points[np.abs(points[:, 0] - end) < 0.15]
        corners = model.corners[part]
        assert near[:, 2].min() < corners[:, 2].min()
        assert corners[:, 2].max() < near[:, 2].max()
        assert np.abs(corners[:, 1]).max() < 0.5 * HALF


def test_a_faded_plate_has_less_contrast_and_a_dirty_one_is_darker() -> None:
    number = 1  # dark on white
    text = number_of(number)
    crisp = grey(number, text)
    assert grey(number, text, fade=0.6).std() < 0.7 * crisp.std()
    assert grey(number, text, dirt=0.6).mean() < 0.85 * crisp.mean()
    assert np.array_equal(grey(number, text, dirt=0.6), grey(number, text, dirt=0.6))


def test_the_basic_styles_come_first_and_are_one_row() -> None:
    assert BASIC == 4
    assert all(len(PLATES[number].rows) == 1 for number in range(BASIC))


def test_the_setting_reaches_the_scenes_and_their_ground_truth(tmp_path: Path) -> None:
    size = ("seconds=0.1", "width=320", "height=180", "people=0", "cars=1")
    manifest = generate("street", tmp_path, count=1, settings=("plates=worldwide", *size))
    labels = read_manifest(manifest)[0].labels
    assert labels is not None
    settings = read_tracks(labels).settings
    assert settings is not None
    assert settings["plates"] == "worldwide"


def test_unknown_plates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="plates"):
        generate("street", tmp_path, count=1, settings=("plates=european",))


@pytest.mark.parametrize("width", [160, 200, 240])
def test_a_narrow_street_is_planned_too(width: int) -> None:
    config = StreetConfig(width=width, height=120, seconds=1)
    for number in range(12):
        assert draw_scene(3, number, config).plan.road.end > 0
