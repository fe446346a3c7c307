"""What hiding leaves: nothing of what was there, and everything of what was not to be hidden."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from playhead.config import validate
from playhead.errors import ConfigError, LabelError, MediaError
from playhead.media.planes import Planes
from playhead.media.table import Layout
from playhead.redaction.hide import WEAK, HideConfig, Hider, Region

STRONG = ("solid", "image", "fill")

# name → kind, luma pixels per chroma sample; luma alone where None
FORMATS = {
    "4:2:0": ("yuv", (2, 2)),
    "4:2:2": ("yuv", (2, 1)),
    "4:4:4": ("yuv", (1, 1)),
    "4:1:1": ("yuv", (4, 1)),
    "rgb": ("rgb", (1, 1)),
    "grey": ("grey", None),
}
TURNS = [(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True)]


def make_image(
    name: str, depth: int, layout: Layout, rng: np.random.Generator | None = None
) -> Planes:
    """An image of noise, or of zeros, with any layout of planes."""
    kind, step = FORMATS[name]
    steps = ((1, 1),) if step is None else ((1, 1), step, step)
    planes = []
    for across, down in steps:
        shape = (-(-layout.height // down), -(-layout.width // across))
        values = np.zeros(shape) if rng is None else rng.integers(0, 1 << depth, shape)
        planes.append(values.astype(np.uint8 if depth == 8 else np.uint16))
    return Planes(tuple(planes), steps, depth, kind, False, 1, layout)


@dataclass(frozen=True)
class Case:
    """An image of noise, regions to hide in it, and a generator for what else is drawn."""

    image: Planes
    regions: list[Region]
    rng: np.random.Generator


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = st.integers(1, 40)
    layout = Layout(draw(size), draw(size), *draw(st.sampled_from(TURNS)))
    name, depth = draw(st.sampled_from(sorted(FORMATS))), draw(st.sampled_from((8, 10)))
    # Eighths of a pixel, so that the exact check below knows no rounding.
    place, extent = st.integers(-120, 360), st.integers(1, 240)
    boxes = st.tuples(place, place, extent, extent)
    drawn = draw(st.lists(st.tuples(boxes, st.sampled_from(("ellipse", "box"))), max_size=4))
    regions = [
        Region((x / 8, y / 8, (x + w) / 8, (y + h) / 8), shape) for (x, y, w, h), shape in drawn
    ]
    return Case(make_image(name, depth, layout, rng), regions, rng)


def touched(region: Region, width: int, height: int) -> NDArray[np.bool_]:
    """Displayed pixels of which the shape covers any part, pixel by pixel in exact fractions."""
    x1, y1, x2, y2 = map(Fraction, region.box)
    mask = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            if region.shape == "box":
                mask[y, x] = x < x2 and x1 < x + 1 and y < y2 and y1 < y + 1
                continue
            centre_x, centre_y = (x1 + x2) / 2, (y1 + y2) / 2
            near_x, near_y = min(max(centre_x, x), x + 1), min(max(centre_y, y), y + 1)
            along = (near_x - centre_x) / ((x2 - x1) / 2)
            mask[y, x] = along**2 + ((near_y - centre_y) / ((y2 - y1) / 2)) ** 2 < 1
    return mask


def hidden_samples(case: Case) -> list[NDArray[np.bool_]]:
    """For each plane the samples that have to be hidden, found sample by sample."""
    layout = case.image.layout
    mask = np.zeros(layout.displayed[::-1], np.bool_)
    for region in case.regions:
        mask |= touched(region, *layout.displayed)
    mask = mask[:: -1 if layout.flip_y else 1, :: -1 if layout.flip_x else 1]
    mask = mask.T if layout.transpose else mask
    found = []
    for plane, (across, down) in zip(case.image.planes, case.image.steps, strict=True):
        samples = np.zeros(plane.shape, np.bool_)
        for row, column in np.ndindex(plane.shape):
            of_sample = mask[row * down : (row + 1) * down, column * across : (column + 1) * across]
            samples[row, column] = of_sample.any()
        found.append(samples)
    return found


def copied(image: Planes) -> Planes:
    planes = tuple(plane.copy() for plane in image.planes)
    return Planes(
        planes,
        image.steps,
        image.depth,
        image.kind,
        image.full_range,
        image.matrix,
        image.layout,
    )


def with_others(case: Case, hidden: list[NDArray[np.bool_]]) -> Planes:
    """The image with every hidden sample swapped for a random one."""
    swapped = copied(case.image)
    for plane, mask in zip(swapped.planes, hidden, strict=True):
        plane[mask] = case.rng.integers(0, 1 << swapped.depth, int(mask.sum()))
    return swapped


def same(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("style", STRONG)
@given(case=cases())
def test_the_result_does_not_depend_on_what_is_hidden(style: str, case: Case) -> None:
    hider = Hider(HideConfig(style=style))
    first, second = copied(case.image), with_others(case, hidden_samples(case))
    hider.hide(first, case.regions)
    hider.hide(second, case.regions)
    assert same(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("style", [*STRONG, *WEAK])
@given(case=cases())
def test_no_sample_outside_the_regions_is_touched(style: str, case: Case) -> None:
    before = copied(case.image)
    Hider(HideConfig(style=style)).hide(case.image, case.regions)
    hidden = hidden_samples(case)
    for plane, old, mask in zip(case.image.planes, before.planes, hidden, strict=True):
        assert np.array_equal(plane[~mask], old[~mask])


@pytest.mark.slow
@given(case=cases())
def test_solid_hides_exactly_the_samples_that_a_region_touches(case: Case) -> None:
    Hider(HideConfig(colour="#ff00ff")).hide(case.image, case.regions)
    values = case.image.values((255, 0, 255))
    for plane, mask, value in zip(case.image.planes, hidden_samples(case), values, strict=True):
        assert np.all(plane[mask] == value)


@given(case=cases())
def test_every_point_inside_an_ellipse_is_hidden(case: Case) -> None:
    blank = make_image("grey", 8, case.image.layout)
    Hider(HideConfig(colour="white")).hide(blank, case.regions)
    layout = blank.layout
    shown = blank.planes[0].T if layout.transpose else blank.planes[0]
    shown = shown[:: -1 if layout.flip_y else 1, :: -1 if layout.flip_x else 1]
    for region in case.regions:
        x1, y1, x2, y2 = region.box
        angle, radius = case.rng.uniform(0, 2 * np.pi, 300), case.rng.uniform(0, 0.9999, 300)
        x = np.floor((x1 + x2) / 2 + (x2 - x1) / 2 * radius * np.cos(angle)).astype(int)
        y = np.floor((y1 + y2) / 2 + (y2 - y1) / 2 * radius * np.sin(angle)).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < layout.displayed[0]) & (y < layout.displayed[1])
        assert np.all(shown[y[inside], x[inside]] == 235)


@pytest.mark.parametrize("style", WEAK)
@pytest.mark.parametrize("name", FORMATS)
def test_a_weak_style_depends_on_what_it_hides(style: str, name: str) -> None:
    rng = np.random.default_rng(5)
    region = Region((4, 5, 33, 37), "box")
    case = Case(make_image(name, 8, Layout(40, 40), rng), [region], rng)
    first, second = copied(case.image), with_others(case, hidden_samples(case))
    for image in (first, second):
        Hider(HideConfig(style=style)).hide(image, [region])
    assert not same(first, second)


@pytest.mark.parametrize("style", [*STRONG, *WEAK])
@pytest.mark.parametrize("size", [(17, 13), (16, 12), (1, 1), (2, 1)])
def test_the_last_row_and_column_are_hidden(style: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    case = Case(make_image("4:2:0", 8, Layout(*size), rng), [], rng)
    white = copied(case.image)
    for plane in white.planes:
        plane[...] = 255
    Hider(HideConfig(style=style)).hide(white, [Region((-3, -3, size[0] + 3, size[1] + 3), "box")])
    if style in WEAK:  # of a white image they leave white
        assert all(np.all(plane == 255) for plane in white.planes)
    else:
        assert all(np.all(plane != 255) for plane in white.planes)


def test_where_nothing_is_around_fill_is_mid_grey() -> None:
    image = make_image("4:2:0", 10, Layout(9, 7), np.random.default_rng(2))
    Hider(HideConfig(style="fill")).hide(image, [Region((-5, -5, 20, 20), "box")])
    values = image.values((128, 128, 128))
    assert all(np.all(p == value) for p, value in zip(image.planes, values, strict=True))


@pytest.mark.slow
@given(case=cases())
def test_fill_stays_within_the_values_around_it(case: Case) -> None:
    low, high = 40, 90
    for plane in case.image.planes:
        plane[...] = case.rng.integers(low, high + 1, plane.shape)
    hidden = hidden_samples(case)
    for plane, mask in zip(case.image.planes, hidden, strict=True):
        plane[mask] = 255
    Hider(HideConfig(style="fill")).hide(case.image, case.regions)
    for plane, mask in zip(case.image.planes, hidden, strict=True):
        if not mask.all():
            assert plane[mask].size == 0 or low <= plane[mask].min() <= plane[mask].max() <= high


def test_fill_goes_on_with_the_brightness_of_each_side() -> None:
    ramp = np.linspace(20, 220, 120)
    image = make_image("grey", 8, Layout(120, 90))
    image.planes[0][...] = ramp.astype(np.uint8)
    Hider(HideConfig(style="fill")).hide(image, [Region((30, 20, 90, 70))])
    assert np.abs(image.planes[0] - ramp).max() < 35  # of a range of 100 across the hole
    middle = image.planes[0][45, 30:90].astype(int)
    assert np.diff(middle).min() >= -1


def test_fill_takes_nothing_from_another_region_nearby() -> None:
    image = make_image("4:2:0", 8, Layout(60, 30))
    image.planes[0][:, 31:45] = 250  # hidden by the second region, two pixels from the first
    regions = [Region((10, 5, 29, 25), "box"), Region((31, 0, 45, 30), "box")]
    Hider(HideConfig(style="fill")).hide(image, regions)
    assert image.planes[0].max() == 0


def test_mosaic_has_as_many_cells_however_large_the_box() -> None:
    for side in (30, 60, 180):
        image = make_image("grey", 8, Layout(side, side), np.random.default_rng(3))
        Hider(HideConfig(style="mosaic", cells=5)).hide(image, [Region((0, 0, side, side), "box")])
        plane = image.planes[0].astype(int)
        assert np.count_nonzero(np.abs(np.diff(plane, axis=1)).sum(axis=0)) == 4
        assert np.count_nonzero(np.abs(np.diff(plane, axis=0)).sum(axis=1)) == 4


def test_a_cell_of_mosaic_is_the_mean_of_its_pixels() -> None:
    image = make_image("grey", 8, Layout(12, 12), np.random.default_rng(4))
    before = image.planes[0].astype(float)
    Hider(HideConfig(style="mosaic", cells=2)).hide(image, [Region((0, 0, 12, 12), "box")])
    assert image.planes[0][0, 0] == round(before[:6, :6].mean())
    assert image.planes[0][11, 2] == round(before[6:, :6].mean())


@pytest.mark.parametrize("style", WEAK)
def test_a_small_box_under_a_weak_style_is_not_left_as_it_was(style: str) -> None:
    image = make_image("grey", 8, Layout(12, 12), np.random.default_rng(4))
    before = image.planes[0].astype(int)
    Hider(HideConfig(style=style)).hide(image, [Region((3, 3, 8, 8), "box")])
    assert np.mean(image.planes[0][3:8, 3:8] != before[3:8, 3:8]) > 0.8


def test_blur_takes_away_stripes_at_every_size() -> None:
    for side in (20, 100, 300):
        image = make_image("grey", 8, Layout(side, side))
        stripe = side // 10
        image.planes[0][...] = (np.arange(side) // stripe % 2) * 255
        Hider(HideConfig(style="blur")).hide(image, [Region((0, 0, side, side), "box")])
        inner = image.planes[0][:, side // 4 : -(side // 4)].astype(int)
        assert inner.max() - inner.min() < 40  # of 255; one end being dark, the other light


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("name", FORMATS)
def test_an_image_stands_upright_and_whole_in_its_box(
    name: str, turn: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    corners = np.zeros((20, 30, 3), np.uint8)
    corners[:10, :15], corners[:10, 15:] = (250, 20, 30), (20, 240, 60)
    corners[10:, :15], corners[10:, 15:] = (40, 30, 250), (250, 250, 10)
    Image.fromarray(corners).save(tmp_path / "corners.png")
    image = make_image(name, 8, Layout(48, 64, *turn))
    hider = Hider(HideConfig(style="image", image=tmp_path / "corners.png", shape="box"))
    hider.hide(image, [Region((8, 8, 40, 40), "box")])
    layout = image.layout
    for index, (plane, (across, down)) in enumerate(zip(image.planes, image.steps, strict=True)):
        shown = plane.repeat(down, axis=0).repeat(across, axis=1)
        shown = shown.T if layout.transpose else shown
        shown = shown[:: -1 if layout.flip_y else 1, :: -1 if layout.flip_x else 1]
        for (y, x), pixel in (((12, 12), corners[0, 0]), ((12, 36), corners[0, -1])):
            wanted = image.values([int(channel) for channel in pixel])[index]
            assert abs(int(shown[y, x]) - wanted) <= 2
        for (y, x), pixel in (((36, 12), corners[-1, 0]), ((36, 36), corners[-1, -1])):
            wanted = image.values([int(channel) for channel in pixel])[index]
            assert abs(int(shown[y, x]) - wanted) <= 2


def test_through_a_transparent_image_the_colour_is_seen(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    array = np.full((20, 20, 3), 200, np.uint8)
    config = HideConfig(style="image", image=tmp_path / "clear.png", colour="#102030")
    Hider(config).hide(Planes.of_rgb(array), [Region((2, 2, 18, 18), "box")])
    assert np.all(array[2:18, 2:18] == (0x10, 0x20, 0x30))


@pytest.mark.parametrize("style", [*STRONG, *WEAK])
@pytest.mark.parametrize("reach", [1e3, 1e8])
def test_a_box_far_larger_than_the_image_costs_no_more_than_the_image(
    style: str, reach: float
) -> None:
    image = make_image("4:2:0", 8, Layout(33, 21), np.random.default_rng(6))
    before = copied(image)
    Hider(HideConfig(style=style)).hide(image, [Region((-reach, -reach, reach, reach))])
    assert not same(image, before)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 9, 5), (0, 0, 0, 0), (9, 9, 5, 5)])
@pytest.mark.parametrize("style", [*STRONG, *WEAK])
def test_a_region_without_area_hides_nothing(
    style: str, box: tuple[float, float, float, float]
) -> None:
    image = make_image("4:2:0", 8, Layout(20, 20), np.random.default_rng(7))
    before = copied(image)
    Hider(HideConfig(style=style)).hide(image, [Region(box), Region((-9, 2, -1, 9))])
    assert same(image, before)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e10])
def test_a_number_that_is_no_place_is_refused(number: float) -> None:
    for place in range(4):
        box = [1.0, 1.0, 5.0, 5.0]
        box[place] = number
        with pytest.raises(LabelError, match="region"):
            Region((box[0], box[1], box[2], box[3]))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("style", [*STRONG, *WEAK])
def test_the_whole_image_is_hidden_in_one_colour_whatever_the_style(style: str, name: str) -> None:
    image = make_image(name, 10, Layout(15, 11), np.random.default_rng(8))
    Hider(HideConfig(style=style, colour="red")).hide_whole(image)
    values = image.values((255, 0, 0))
    assert all(np.all(p == value) for p, value in zip(image.planes, values, strict=True))


@pytest.mark.parametrize("colour", ["#12345", "blak", "#00000080", ""])
def test_a_colour_that_cannot_hide_is_a_config_error(colour: str) -> None:
    with pytest.raises(ConfigError, match="colour"):
        validate(HideConfig, {"colour": colour}, source="test")


def test_an_image_that_the_style_does_not_use_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match='style is "solid"'):
        validate(HideConfig, {"image": "face.png"}, source="test")


def test_an_image_file_that_is_missing_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such image"):
        Hider(HideConfig(style="image", image=tmp_path / "none.png"))


def test_an_image_file_that_cannot_be_read_is_a_media_error(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image at all")
    with pytest.raises(MediaError, match=r"bad\.png"):
        Hider(HideConfig(style="image", image=tmp_path / "bad.png"))
