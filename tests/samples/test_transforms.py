"""Augmentation: each change alone does what its name says, to every frame alike, by seed alone."""

import numpy as np
import pytest
import torch

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.samples.augmentation import AugmentationConfig
from playhead.samples.transforms import Augmentation, augment

CHANGES = (
    *("camera", "rotate", "crop", "flip", "sharpness"),
    *("blur", "brightness", "contrast", "posterise", "noise"),
)


def only(*names, **settings):
    visible = {"blur_pixels": 120}  # the images here are small
    names = dict.fromkeys(names, 1.0)
    values = dict.fromkeys(CHANGES, 0.0) | visible | names | settings
    return AugmentationConfig.model_validate(values)


def image(height=64, width=112):
    """Waves under a fine texture, without symmetry, between 40 and 220."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = torch.sin(x / 9 + y / 17) * 40 + torch.cos(y / 7 - x / 31) * 30
    texture = (7 * x + 13 * y) % 5 * 5
    return (120 + waves + x / width * 10 + texture).to(torch.uint8)


def window(frames=15, **size):
    return image(**size).repeat(frames, 1, 1)


def dot(frames=1, height=41, width=61, x=30, y=20):
    luma = torch.zeros(frames, height, width, dtype=torch.uint8)
    luma[:, y, x] = 255
    return luma


def centre_of(frame):
    y, x = torch.meshgrid(*map(torch.arange, frame.shape), indexing="ij")
    weight = frame.double()
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


def test_nothing_changes_when_every_probability_is_zero():
    luma = window()
    assert augment(luma, only(), np.random.default_rng(0)) is luma


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_alone_changes_the_image_and_never_the_input(name):
    luma = window()
    before = luma.clone()
    changed = augment(luma, only(name), np.random.default_rng(5))
    assert changed.shape == luma.shape
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, luma)
    assert torch.equal(luma, before)


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in ("camera", "noise")])
def test_each_change_is_the_same_for_every_frame_of_a_window(name):
    changed = augment(window(), only(name), np.random.default_rng(5))
    assert all(torch.equal(frame, changed[0]) for frame in changed)


def test_all_together_equal_seeds_give_equal_windows_and_others_do_not():
    config, luma = only(*CHANGES), window()
    first = augment(luma, config, np.random.default_rng([1, 2, 3]))
    assert torch.equal(first, augment(luma, config, np.random.default_rng([1, 2, 3])))
    assert not torch.equal(first, augment(luma, config, np.random.default_rng([1, 2, 4])))


def test_the_number_of_threads_changes_nothing():
    config, luma = only(*CHANGES), window()
    one = augment(luma, config, np.random.default_rng(0))
    torch.set_num_threads(3)
    try:
        three = augment(luma, config, np.random.default_rng(0))
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one, three)


def test_a_flip_mirrors_exactly():
    luma = window()
    assert torch.equal(augment(luma, only("flip"), np.random.default_rng(0)), luma.flip(-1))


def test_a_flip_among_other_geometry_is_the_mirror_of_it():
    for name in ("crop", "rotate", "camera"):
        plain = augment(window(), only(name), np.random.default_rng(0)).flip(-1)
        both = augment(window(), only(name, "flip"), np.random.default_rng(0))
        assert (plain.int() - both.int()).abs().max() <= 1


def test_a_rotation_turns_about_the_centre_by_its_angle():
    config = only("rotate", rotate_degrees=90)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rng.random(2), rng.random()  # flip, crop, rotate: whether they happen
        angle = np.deg2rad(rng.uniform(-1, 1) * 90)
        turned = augment(dot(x=40), config, np.random.default_rng(seed))
        x, y = centre_of(turned[0])
        assert x == pytest.approx(30 + 10 * np.cos(angle), abs=0.3)
        assert abs(y - 20) == pytest.approx(abs(10 * np.sin(angle)), abs=0.3)


def test_a_crop_enlarges_what_it_keeps_and_shows_nothing_from_outside():
    luma = torch.full((3, 64, 112), 200, dtype=torch.uint8)
    for seed in range(20):
        cropped = augment(luma, only("crop"), np.random.default_rng(seed))
        assert cropped.min() >= 190  # the outermost pixels may blend with the black beyond
        assert torch.all(cropped[:, 2:-2, 2:-2] == 200)
    marks = dot(height=101, width=101, x=20, y=50)[0] | dot(height=101, width=101, x=80, y=50)[0]
    config = only("crop", crop_area=(0.5, 0.5), crop_aspect=1)
    wide = augment(marks[None], config, np.random.default_rng(1))[0]
    columns = torch.nonzero(wide.sum(0) > 0).flatten()
    assert int(columns[-1] - columns[0]) == pytest.approx(60 / 0.5**0.5, abs=2)


def test_a_camera_move_pans_evenly_along_the_window():
    config = only("camera", camera_degrees=0, camera_zoom=(1, 1))
    moved = augment(
        dot(frames=15, height=81, width=121, x=60, y=40), config, np.random.default_rng(2)
    )
    places = np.array([centre_of(frame) for frame in moved])
    steps = np.diff(places, axis=0)
    assert np.abs(places[-1] - places[0]).max() > 2
    np.testing.assert_allclose(steps, np.broadcast_to(steps.mean(0), steps.shape), atol=0.25)
    assert np.abs(places - [60, 40]).max(axis=0)[0] <= 12.6
    assert np.abs(places - [60, 40]).max(axis=0)[1] <= 4.6


def test_one_resampling_is_as_sharp_as_one_alone():
    luma = torch.zeros(1, 61, 61, dtype=torch.uint8)
    luma[:, ::2] = 255  # the finest stripes: each further resampling would grey them
    config = only("rotate", "crop", "camera", rotate_degrees=0, crop_area=(1, 1), crop_aspect=1)
    still = config.model_copy(
        update={"camera_degrees": 0, "camera_shift": (0, 0), "camera_zoom": (1, 1)}
    )
    assert torch.equal(augment(luma, still, np.random.default_rng(0)), luma)


def test_brightness_adds_contrast_stretches_and_both_stay_in_range():
    luma = window().float() / 255
    rng = np.random.default_rng(7)
    lit = augment(luma, only("brightness", brightness_change=0.1), rng)
    difference = lit - luma
    assert float(difference.max() - difference.min()) < 1e-6
    assert 0 < abs(float(difference.mean())) <= 0.1
    flat = augment(luma, only("contrast", contrast_range=(0.5, 0.5)), np.random.default_rng(7))
    assert float(flat.mean()) == pytest.approx(float(luma.mean()), abs=1e-5)
    assert float(flat.std() / luma.std()) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_values_stay_in_range_at_the_extremes(seed):
    luma = torch.zeros(3, 32, 48)
    luma[:, :, 24:] = 1
    config = only(*CHANGES, brightness_change=1, contrast_range=(3, 3), noise_deviation=0.5)
    changed = augment(luma, config, np.random.default_rng(seed))
    assert changed.dtype == torch.float32
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_posterising_to_three_bits_keeps_eight_levels():
    changed = augment(
        torch.arange(256, dtype=torch.uint8).view(1, 16, 16),
        only("posterise", posterise_bits=(3, 3)),
        np.random.default_rng(0),
    )
    expected = torch.arange(256).view(1, 16, 16) // 32 * 32
    assert torch.equal(changed.int(), expected.int())


def test_motion_blur_draws_a_dot_into_a_line_of_the_same_light():
    lengths = set()
    for seed in range(60):
        wide = dot(height=5, width=1280, x=600, y=2).float() / 255
        line = augment(wide, only("blur", blur_pixels=11), np.random.default_rng(seed))[0]
        assert float(line.sum()) == pytest.approx(1, abs=1e-4)
        rows, columns = torch.nonzero(line, as_tuple=True)
        lengths.add(int(columns.max() - columns.min()) + 1)
        assert int(rows.max() - rows.min()) <= 2
    assert lengths == set(range(1, 12))


def test_motion_blur_is_as_long_for_the_eye_at_any_width():
    luma = window(2)  # 112 wide: 11 of 1280 are less than a pixel
    assert torch.equal(augment(luma, only("blur", blur_pixels=11), np.random.default_rng(0)), luma)
    half = only("blur", blur_pixels=11 * 1280 / 640)
    line = dot(height=5, width=640, x=300, y=2)
    lengths = [
        int((augment(line, half, np.random.default_rng(seed)) > 0).sum()) for seed in range(80)
    ]
    assert max(lengths) == 11


def test_sharpness_smooths_below_one_and_sharpens_above():
    edge = torch.full((1, 9, 12), 0.3)
    edge[..., 6:] = 0.6
    soft = augment(edge, only("sharpness", sharpness_range=(0, 0)), np.random.default_rng(0))
    sharp = augment(edge, only("sharpness", sharpness_range=(2, 2)), np.random.default_rng(0))
    same = augment(edge, only("sharpness", sharpness_range=(1, 1)), np.random.default_rng(0))
    assert float(soft.diff(dim=-1).max()) < 0.3 < float(sharp.diff(dim=-1).max())
    torch.testing.assert_close(same, edge)
    torch.testing.assert_close(soft[0, 4, 5], torch.tensor(0.3 + 0.3 * 3 / 13))


def test_noise_has_its_deviation_and_differs_from_frame_to_frame():
    grey = torch.full((8, 64, 112), 0.5)
    noisy = augment(grey, only("noise"), np.random.default_rng(0))
    assert float(noisy.std()) == pytest.approx(0.05, rel=0.02)
    assert float((noisy[0] - noisy[1]).std()) == pytest.approx(0.05 * 2**0.5, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_changes_happen_as_often_as_their_probability(name):
    luma, config = window(2, height=8, width=8), only(**{name: 0.3})
    changed = sum(
        augment(luma, config, np.random.default_rng(seed)) is not luma for seed in range(800)
    )
    assert changed / 800 == pytest.approx(0.3, abs=0.06)


def test_the_callable_for_arrays_agrees_with_the_one_for_tensors():
    config, luma = only(*CHANGES), window()
    expected = augment(luma, config, np.random.default_rng(4)).numpy()
    given = Augmentation(config)(luma.numpy(), np.random.default_rng(4))
    np.testing.assert_array_equal(given, expected)


def test_impossible_strengths_are_refused():
    for values in (
        {"crop_area": (0.9, 1.2)},
        {"camera_zoom": (1.1, 0.9)},
        {"posterise_bits": (0, 3)},
        {"flip": 1.5},
    ):
        with pytest.raises(ConfigError, match=next(iter(values))):
            validate(AugmentationConfig, values, source="test")


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "noise"])
def test_a_grey_window_in_colour_changes_as_its_luma_does(name):
    luma = window(frames=5)
    colour = luma[..., None].expand(-1, -1, -1, 3).contiguous()
    changed = augment(colour, only(name), np.random.default_rng(3))
    expected = augment(luma, only(name), np.random.default_rng(3))
    for channel in range(3):
        torch.testing.assert_close(changed[..., channel], expected, atol=1, rtol=0)
    assert not torch.equal(changed, colour)


def test_colour_that_nothing_changes_is_returned_as_it_is():
    colour = window(frames=3)[..., None].expand(-1, -1, -1, 3).contiguous()
    assert augment(colour, only(), np.random.default_rng(0)) is colour
