"""Layers, stamps, textures, noise and movement, against what plain NumPy says of them."""

import numpy as np
import pytest
from PIL import Image

from playhead.worlds.drawing import (
    NOBODY,
    PARTS,
    STEP,
    Composition,
    Layer,
    Mask,
    SensorNoise,
    Texture,
    at_times,
    box_tracks,
    capsule_cover,
    disc,
    lay,
    visible_boxes,
)


def block(left: int, top: int, width: int, height: int, depth: float = 1.0) -> Layer:
    size = (width, height)
    return Layer(depth, Image.new("RGB", size, (250, 0, 0)), Image.new("L", size, 255), left, top)


def composed(*layers: tuple[int, Layer]) -> Composition:
    frame = Composition(Image.new("RGB", (100, 80)))
    for number, layer in layers:
        frame.add(layer, number)
    return frame


def test_a_box_holds_the_pixels_that_nothing_in_front_covers() -> None:
    behind, before = block(10, 10, 40, 30), block(30, 0, 50, 70)
    frame = composed((0, behind), (1, before))
    (box,) = visible_boxes(frame, 0, behind, {0: "block"})
    assert (box.label, box.box, box.share) == ("block", (10, 10, 30, 40), 0.5)
    (box,) = visible_boxes(frame, 1, before, {0: "block"})
    assert (box.track, box.box, box.share) == (PARTS, (30, 0, 80, 70), 1.0)


@pytest.mark.parametrize(("covered", "boxes"), [(27, 1), (29, 0)])
def test_an_object_more_than_seven_tenths_hidden_has_no_box(covered: int, boxes: int) -> None:
    behind, before = block(10, 10, 40, 40), block(10, 0, covered, 80)
    frame = composed((0, behind), (NOBODY, before))
    assert len(visible_boxes(frame, 0, behind, {0: "block"})) == boxes


def test_a_part_that_reaches_out_of_the_frame_counts_as_hidden_there() -> None:
    layer = block(0, 0, 40, 40)
    pixels = np.zeros((30, 60), bool)
    pixels[5:20, 20:50] = True  # rows -5 to 10 and columns -20 to 10 of the frame
    layer.parts[1] = Mask(pixels, -40, -10, 450.0)
    labels = {0: "block", 1: "part"}
    boxes = visible_boxes(composed((3, layer)), 3, layer, labels)
    assert [box.label for box in boxes] == ["block"]  # 100 of the part's 450 pixels are inside
    layer.parts[1] = Mask(pixels, -30, 0, 450.0)
    _, part = visible_boxes(composed((3, layer)), 3, layer, labels)
    assert (part.track, part.box, part.share) == (3 * PARTS + 1, (0, 5, 20, 20), 300 / 450)
    layer.parts[1] = Mask(pixels, -10, -10, 450.0)
    _, part = visible_boxes(composed((3, layer)), 3, layer, labels)
    assert (part.box, part.share) == ((10, 0, 40, 10), 300 / 450)


def test_tracks_hold_each_box_at_its_frame() -> None:
    frames = []
    for left in (0, 5, 200, 10):
        layer = block(left, 5, 20, 20)
        shown = [(0, layer)] if left < 100 else []
        frames.append(visible_boxes(composed(*shown), 0, layer, {0: "block"}) if shown else [])
    (track,) = box_tracks(frames)
    assert (track.id, track.label, track.frames.tolist()) == (0, "block", [0, 1, 3])
    assert track.boxes[:, 0].tolist() == [0, 5, 10]


def test_a_stamp_at_the_edge_shows_what_a_larger_frame_shows_there() -> None:
    stamp = disc(6.3, (0.25, -0.5), (200, 120, 40), 0.8, 0.6)
    rng = np.random.default_rng(0)
    large = rng.integers(0, 255, (60, 60, 4)).astype(np.uint8)
    for column, row in ((20, 20), (18, 33), (41, 38), (5, 5), (55, 20)):
        frame, whole = large[20:40, 20:40].copy(), large.copy()
        lay(frame, stamp, column - 20, row - 20)
        lay(whole, stamp, column, row)
        assert np.array_equal(frame, whole[20:40, 20:40])


def test_a_rod_covers_its_area() -> None:
    """A rectangle and two half discs."""
    axis = np.arange(80, dtype=np.float32) + 0.5
    x, y = axis[None, :], axis[:, None]
    for start, along, radius in (((20, 30), (35, 12), 6.0), ((40, 40), (0, 0), 9.5)):
        cover = capsule_cover(x, y, start, along, radius)
        area = 2 * radius * np.hypot(*along) + np.pi * radius**2
        assert cover.sum() == pytest.approx(area, rel=0.01)
        assert cover.max() == 1


def test_a_texture_shows_the_texel_of_each_place_and_repeats_its_edges() -> None:
    colours = np.random.default_rng(0).integers(0, 255, (6, 8, 4)).astype(np.uint8)
    texture = Texture(colours.view(np.uint32)[..., 0], 2.0, left=-1.0, far=5.0)
    x, y = np.array([[-0.9, 0.1, 2.9, 90.0]], np.float32), np.array([[4.9], [2.1]], np.float32)
    shown = texture.look_up(x, y)
    assert np.array_equal(shown, colours[[0, 5]][:, [0, 2, 7, 7]])


def test_noise_is_that_strong_and_that_of_its_instant() -> None:
    image = np.full((90, 120, 3), 100, np.uint8)
    noise = SensorNoise(np.random.default_rng(1), (120, 90), 5.0)
    first, again, other = (noise.add(image, time) for time in (0.2, 0.2, 0.24))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.astype(float).std() == pytest.approx(5, rel=0.05)
    assert np.array_equal(SensorNoise(np.random.default_rng(1), (120, 90), 0).add(image, 1), image)


def test_a_movement_is_linear_between_its_samples() -> None:
    values = np.random.default_rng(2).normal(size=(50, 3))
    times = np.random.default_rng(3).uniform(-1, -1 + 48 * STEP, 20)
    grid = -1 + STEP * np.arange(50)
    expected = np.stack([np.interp(times, grid, values[:, axis]) for axis in range(3)], axis=1)
    np.testing.assert_allclose(at_times(values, -1.0, times), expected, atol=1e-9)
    assert at_times(values, -1.0, -5.0) == pytest.approx(values[0])
