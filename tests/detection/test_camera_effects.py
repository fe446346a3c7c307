"""Camera effects on training images."""

import numpy as np

from playhead.detection.camera_effects import (
    add_glare,
    add_noise,
    camera_effects,
    compress,
    darken,
    motion_blur,
)
from playhead.detection.sample_settings import ImageAugmentation

GREY = np.full((60, 80, 3), 120, np.uint8)


def test_darkening_multiplies_the_power_of_a_value() -> None:
    value = np.array([[[0, 128, 255]]], np.uint8)
    expected = [0, round(255 * 0.5 * (128 / 255) ** 2), round(255 * 0.5)]
    assert darken(value, 0.5, 2.0)[0, 0].tolist() == expected


def test_glare_adds_its_strength_in_the_middle_and_nothing_far_away() -> None:
    lit = add_glare(GREY, middle=(0.5, 0.5), radius=0.05, strength=50, tint=np.ones(3))
    assert lit[30, 40].tolist() == [170, 170, 170]
    assert lit[0, 0].tolist() == [120, 120, 120]
    red = add_glare(GREY, middle=(0.5, 0.5), radius=0.1, strength=50, tint=np.array([1, 0.5, 0]))
    assert red[30, 40].tolist() == [170, 145, 120]
    assert (
        add_glare(GREY, middle=(0.5, 0.5), radius=0.1, strength=900, tint=np.ones(3)).max() == 255
    )


def test_motion_blur_spreads_a_point_along_its_angle_and_keeps_its_light() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 250
    flat = motion_blur(point, 10, 0.0)
    assert np.unique(np.nonzero(flat[..., 0])[0]).tolist() == [20]
    assert abs(int(flat[..., 0].sum()) - 250) <= 5
    upright = motion_blur(point, 10, np.pi / 2)
    assert np.unique(np.nonzero(upright[..., 0])[1]).tolist() == [20]


def test_noise_has_its_standard_deviation() -> None:
    large = np.full((200, 200, 3), 128, np.uint8)
    noisy = add_noise(np.random.default_rng(0), large, 8.0)
    assert abs(noisy.std() - 8) < 0.2


def test_compression_keeps_shape_and_mean_but_not_the_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    packed = compress(image, 30)
    assert packed.shape == image.shape
    assert not np.array_equal(packed, image)
    assert abs(packed.mean() - image.mean()) < 3
    grey = np.repeat(image[..., :1], 3, axis=2)  # JPEG halves the resolution of colours anyway
    errors = [np.abs(compress(grey, quality).astype(int) - grey).mean() for quality in (30, 95)]
    assert errors[1] < errors[0] / 2


def test_without_probabilities_nothing_changes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert np.array_equal(
        camera_effects(np.random.default_rng(1), image, ImageAugmentation()), image
    )


def test_the_strength_of_noise_varies_up_to_its_limit() -> None:
    settings = ImageAugmentation(noise=20)
    deviations = [
        camera_effects(np.random.default_rng(seed), GREY, settings).std() for seed in range(30)
    ]
    assert max(deviations) < 20.5
    assert np.median(deviations) < 10


def test_effects_depend_on_the_seed_alone() -> None:
    settings = ImageAugmentation(darkness=0.5, glare=0.5, motion_blur=0.5, noise=9, compression=0.5)
    first, second = (
        [camera_effects(np.random.default_rng(seed), GREY, settings) for seed in range(6)]
        for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert any(not np.array_equal(a, GREY) for a in first)
