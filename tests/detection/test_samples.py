"""Images as samples: boxes follow the pixels, and a sample hangs on nothing but its numbers."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from playhead.config import validate
from playhead.detection.sample_cache import ImageCache
from playhead.detection.sample_settings import ImageAugmentation
from playhead.detection.samples import IGNORED, TrainingImages, _permutation
from playhead.errors import LabelError, MediaError
from playhead.events.images import ImageSet, LabelledImage
from playhead.samples.loader import batches

STILL: dict[str, Any] = {"brightness": 0, "contrast": 0, "saturation": 0, "balance": 0}
SIZE = (160, 120)


def a_set(folder: Path, count: int = 6) -> ImageSet:
    """Black images of several sizes with one white rectangle each, which is labelled."""
    rng = np.random.default_rng(0)
    images = []
    for number in range(count):
        width, height = int(rng.integers(150, 330)), int(rng.integers(150, 330))
        pixels = np.zeros((height, width, 3), np.uint8)
        w, h = int(rng.integers(30, 90)), int(rng.integers(30, 90))
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        pixels[y : y + h, x : x + w] = 255
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        boxes = np.array([[x, y, x + w, y + h]], float)
        labels, scores = np.array([number % 2], np.int32), np.ones(1, np.float32)
        images.append(LabelledImage(path, (width, height), boxes, labels, scores))
    return ImageSet(("even", "odd"), tuple(images))


def samples(images: ImageSet, *, limit: int = 10**8, **settings: Any) -> TrainingImages:
    augmentation = validate(ImageAugmentation, STILL | settings, source="test")
    cache = ImageCache([one.path for one in images.images], longest=400, limit=limit)
    return TrainingImages(
        images=images,
        cache=cache,
        size=SIZE,
        settings=augmentation,
        seed=5,
        batch_size=4,
        plain_from=9,
    )


def boxes_of(sample: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return sample["boxes"][sample["labels"] >= 0]


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_a_box_follows_its_white_rectangle_to_within_two_pixels(
    tmp_path: Path, mosaic: float
) -> None:
    made = samples(a_set(tmp_path), mosaic=mosaic, least_visible=0, least_pixels=1)
    seen = 0
    for epoch in range(1, 9):
        for index in range(len(made)):
            sample = made.sample(epoch, index)
            white = sample["image"][0] > 127
            covered = np.zeros_like(white)
            for x1, y1, x2, y2 in boxes_of(sample):
                part = white[
                    max(0, round(y1) - 1) : round(y2) + 1, max(0, round(x1) - 1) : round(x2) + 1
                ]
                rows, columns = part.any(1), part.any(0)
                inner = part[rows][:, columns]
                assert inner.size == 0 or inner.mean() > 0.8
                assert abs(inner.shape[0] - (y2 - y1)) <= 2
                assert abs(inner.shape[1] - (x2 - x1)) <= 2
                y, x = (
                    slice(max(0, int(y1) - 2), int(y2) + 3),
                    slice(max(0, int(x1) - 2), int(x2) + 3),
                )
                covered[y, x] = True
                seen += 1
            # Nothing white is left without a box but slivers that a side of a pixel leaves.
            left = binary_erosion(white & ~covered, np.ones((3, 3)))
            assert not left.any()
    assert seen > 30


def test_labels_stay_with_their_boxes(tmp_path: Path) -> None:
    images = a_set(tmp_path)
    made = samples(images, mosaic=0, scale=(1, 1), flip=0)
    order = _permutation(len(made), made.seed, 1)
    for index in range(len(made)):
        sample = made.sample(1, index)
        labels = sample["labels"][sample["labels"] >= 0]
        assert labels.tolist() == images.images[order[index]].labels.tolist()


def test_a_sample_is_the_same_whether_its_images_are_in_memory_or_not(tmp_path: Path) -> None:
    images = a_set(tmp_path)
    settings = {"mosaic": 0.5, **dict.fromkeys(STILL, 0.3)}
    kept, read = samples(images, **settings), samples(images, limit=0, **settings)
    assert (kept.cache.kept, read.cache.kept) == (len(images), 0)
    for index in range(len(images)):
        one, other = kept.sample(2, index), read.sample(2, index)
        assert all(np.array_equal(one[name], other[name]) for name in one)


def ignoring(images: ImageSet, *numbers: int) -> ImageSet:
    """The set with a score of 0 for all boxes of these images."""
    changed = [
        replace(image, scores=np.zeros_like(image.scores)) if number in numbers else image
        for number, image in enumerate(images.images)
    ]
    return ImageSet(images.classes, tuple(changed))


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_boxes_of_score_0_are_ignored_regions_that_follow_the_image(
    tmp_path: Path, mosaic: float
) -> None:
    images = a_set(tmp_path)
    settings: dict[str, Any] = {"mosaic": mosaic, "least_visible": 0, "least_pixels": 0}
    plain = samples(images, **settings)
    ignored = samples(ignoring(images, 1, 3, 5), **settings)  # those of the class `odd`
    assert ignored.max_boxes == plain.max_boxes
    seen = 0
    for epoch in (1, 2):
        for index in range(len(images)):
            one, other = plain.sample(epoch, index), ignored.sample(epoch, index)
            expected = np.where(one["labels"] == 1, IGNORED, one["labels"])
            np.testing.assert_array_equal(other["labels"], expected)
            for name in ("image", "boxes"):
                np.testing.assert_array_equal(other[name], one[name])
            seen += int((expected == IGNORED).sum())
    assert seen > 3


def test_an_ignored_region_is_kept_however_little_of_it_is_visible(tmp_path: Path) -> None:
    images = a_set(tmp_path)
    settings: dict[str, Any] = {"mosaic": 1.0, "scale": (1.5, 1.6), "flip": 0}
    every = samples(images, **settings, least_visible=0, least_pixels=0)
    strict = samples(ignoring(images, 0, 2, 4), **settings, least_visible=1, least_pixels=400)
    kept = 0
    for epoch, index in itertools.product(range(1, 5), range(len(images))):
        one, other = every.sample(epoch, index), strict.sample(epoch, index)
        boxes = one["boxes"][one["labels"] == 0]
        sides = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
        np.testing.assert_array_equal(other["boxes"][other["labels"] == IGNORED], boxes[sides > 0])
        assert not (other["labels"] >= 0).any()
        kept += int((sides > 0).sum())
    assert kept > 3


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_all_of_a_batch_have_one_size_and_batches_differ(tmp_path: Path, workers: int) -> None:
    made = samples(a_set(tmp_path, 24), multi_scale=(0.5, 1.5))
    loaded = list(batches(made, batch_size=4, seed=0, epoch=1, workers=workers))
    shapes = {tuple(batch["image"].shape[2:]) for batch in loaded}
    assert len(loaded) == 6
    assert len(shapes) > 1
    assert all(side % 32 == 0 for shape in shapes for side in shape)


def test_the_last_epochs_have_no_mosaics(tmp_path: Path) -> None:
    made = samples(a_set(tmp_path), mosaic=1.0, scale=(0.9, 0.9))
    assert max(len(boxes_of(made.sample(8, index))) for index in range(6)) > 1
    assert max(len(boxes_of(made.sample(9, index))) for index in range(6)) == 1


def test_memory_stays_below_its_limit_and_the_rest_is_read_anew(tmp_path: Path) -> None:
    images = a_set(tmp_path)
    sizes = [one.size[0] * one.size[1] * 3 for one in images.images]
    limit = sum(sizes[:3]) + 1
    cache = ImageCache([one.path for one in images.images], longest=400, limit=limit)
    assert (cache.kept, cache.bytes) == (3, sum(sizes[:3]))
    assert cache.read(5).shape[:2] == images.images[5].size[::-1]


def test_large_images_are_kept_small(tmp_path: Path) -> None:
    Image.new("RGB", (600, 300)).save(tmp_path / "large.png")
    cache = ImageCache([tmp_path / "large.png"], longest=200, limit=10**8)
    assert cache.read(0).shape == (100, 200, 3)


def test_an_image_that_cannot_be_read_is_said_before_training(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    with pytest.raises(MediaError, match=r"broken\.jpg"):
        ImageCache([tmp_path / "broken.jpg"], longest=200, limit=10**8)


def test_a_set_without_any_box_cannot_train(tmp_path: Path) -> None:
    images = a_set(tmp_path, 1)
    one = images.images[0]
    empty = LabelledImage(
        one.path, one.size, np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32)
    )
    with pytest.raises(LabelError, match="no labelled object"):
        samples(ImageSet(images.classes, (empty,)))
    with pytest.raises(LabelError, match="no labelled object"):
        samples(ignoring(images, 0))


def test_images_are_seen_by_their_longer_side_as_in_use(tmp_path: Path) -> None:
    """A wide, a tall and a small image in a wide canvas: a small one stays small."""
    shown = []
    for number, size in enumerate([(400, 200), (200, 400), (80, 40)]):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, (250, 250, 250)).save(path)
        box = np.array([[10.0, size[1] / 2 - 10, 30, size[1] / 2 + 10]])
        labels, scores = np.zeros(1, np.int32), np.ones(1, np.float32)
        shown.append(LabelledImage(path, size, box, labels, scores))
    made = samples(ImageSet(("white",), tuple(shown)), mosaic=0, scale=(1, 1), least_visible=0)
    scales: dict[int, list[float]] = {}
    for epoch in range(1, 9):
        for index, number in enumerate(_permutation(len(made), made.seed, epoch)):
            for x1, _, x2, _ in boxes_of(made.sample(epoch, index)):
                if x1 > 0.1 and x2 < SIZE[0] - 0.1:
                    scales.setdefault(int(number), []).append((x2 - x1) / 20)
    for number, expected in ((0, 0.4), (1, 0.4), (2, 1.0)):
        np.testing.assert_allclose(scales[number], expected, rtol=0.02)


def test_a_crowded_image_may_come_four_times_into_a_mosaic(tmp_path: Path) -> None:
    images = a_set(tmp_path, 3)
    first = images.images[0]
    grid = [[x, y, x + 9, y + 9] for x in range(0, 100, 10) for y in range(0, 100, 10)]
    labels, scores = np.zeros(100, np.int32), np.ones(100, np.float32)
    crowded = LabelledImage(first.path, first.size, np.array(grid, float), labels, scores)
    made = samples(
        ImageSet(images.classes, (crowded, *images.images[1:])),
        mosaic=1.0,
        scale=(0.4, 0.4),
        least_pixels=0.5,
    )
    most = max(len(boxes_of(made.sample(epoch, k))) for epoch in range(1, 9) for k in range(3))
    assert most > 102


@pytest.mark.parametrize("seed", range(3))
def test_the_box_of_a_warped_image_encloses_its_rectangle(tmp_path: Path, seed: int) -> None:
    images = a_set(tmp_path)
    settings = {"mosaic": 0, "least_visible": 0.9, "scale": (0.5, 0.6)}
    plain = replace(samples(images, **settings), seed=seed)
    warped = replace(samples(images, **settings, warp=1), seed=seed)
    changed = 0
    for index in range(len(warped)):
        sample = warped.sample(1, index)
        if len(boxes_of(sample)) != 1:
            continue
        rows, columns = np.nonzero(sample["image"][0] > 180)
        edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(edges - boxes_of(sample)[0]).max() <= 3
        changed += not np.array_equal(plain.sample(1, index)["image"], sample["image"])
    assert changed >= 3


def test_camera_effects_leave_the_boxes(tmp_path: Path) -> None:
    images = a_set(tmp_path)
    dark, plain = samples(images, mosaic=0, darkness=1), samples(images, mosaic=0)
    pairs = [(dark.sample(1, index), plain.sample(1, index)) for index in range(len(plain))]
    assert sum(first["image"].sum() for first, _ in pairs) < 0.8 * sum(
        second["image"].sum() for _, second in pairs
    )
    assert all(np.array_equal(first["boxes"], second["boxes"]) for first, second in pairs)
