"""What becomes of wide plates that one look alone shows; real ones stay, false ones go."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from playhead.decisions.boxes import Boxes, iou
from playhead.inference.detectors.plates import Plates, PlateSearch, confirmed
from playhead.media import open_video

Weights = Callable[[str], Path]


def boxes(*rows: tuple[float, ...]) -> Boxes:
    """Rows of x1, y1, x2, y2, score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4])


def rows(found: Boxes) -> list[list[float]]:
    return np.column_stack([found.boxes, found.scores]).round(4).tolist()


def test_a_wide_box_has_the_lesser_score_of_two_looks_and_narrow_ones_their_own() -> None:
    small = (200, 0, 210, 5, 0.7)
    first, second = confirmed([boxes((0, 0, 100, 50, 0.9), small), boxes((0, 0, 98, 50, 0.4))], 20)
    assert rows(first) == rows(boxes((0, 0, 100, 50, 0.4), small))
    assert rows(second) == rows(boxes((0, 0, 98, 50, 0.4)))


def test_of_three_looks_the_second_best_score_counts() -> None:
    looks = [boxes((0, 0, 100, 50, score)) for score in (0.3, 0.9, 0.6)]
    assert [rows(one)[0][4] for one in confirmed(looks, 20)] == pytest.approx([0.3, 0.6, 0.6])


@pytest.mark.parametrize(
    ("width", "left"),
    [(100, 1), (101, 0)],  # exactly as wide as is allowed, and a little wider
)
def test_a_box_that_one_of_two_looks_shows_goes_only_where_it_is_wider(
    width: int, left: int
) -> None:
    found, other = confirmed([boxes((0, 0, width, 50, 1.0)), boxes()], 100)
    assert (len(found), len(other)) == (left, 0)


@pytest.mark.parametrize(("height", "left"), [(40, 1), (39, 0)])  # IoU .40 and .39
def test_a_second_look_speaks_for_a_box_from_an_overlap_of_two_fifths_on(
    height: int, left: int
) -> None:
    wide, part = boxes((0, 0, 200, 100, 0.9)), boxes((0, 0, 200, height, 0.8))
    assert len(confirmed([wide, part], 100)[0]) == left


def test_a_single_look_is_left_as_it_is() -> None:
    [found] = confirmed([boxes((0, 0, 500, 200, 0.5))], 1)
    assert rows(found) == rows(boxes((0, 0, 500, 200, 0.5)))


sides = st.integers(1, 40)
one_box = st.tuples(st.integers(0, 40), st.integers(0, 40), sides, sides, st.integers(1, 10)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3], b[4] / 10)
)
several_looks = st.lists(st.lists(one_box, max_size=5), max_size=3)


@given(several_looks, st.integers(0, 50), st.integers(1, 10))
def test_a_threshold_before_or_after_leaves_the_same(
    looks: list[list[tuple[float, ...]]], wide: int, tenths: int
) -> None:
    found = [boxes(*one) for one in looks]
    threshold = np.float32(tenths / 10)
    before = confirmed([one.above(threshold) for one in found], wide)
    after = [one.above(threshold) for one in confirmed(found, wide)]
    assert list(map(rows, before)) == list(map(rows, after))


@pytest.mark.slow
@pytest.mark.weights
def test_the_roof_of_a_car_that_one_size_takes_for_a_plate_is_none(
    packaged_weights: Weights,
) -> None:
    """Frames 33 and 63; two fifths as wide as the image."""
    packaged_weights("plates")
    clip = open_video(packaged_weights("clip-carphone"))
    images = [image for _, image in clip.stream(wanted=np.array([33, 63]))]
    once = Plates(threads=1, search=PlateSearch(sizes=(960,)))
    twice = Plates(threads=1)
    assert [len(one["plate"]) for one in once.detect(images, threshold=0.3)] == [1, 1]
    assert [len(one["plate"]) for one in twice.detect(images, threshold=0.1)] == [0, 0]


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_true_plates_wider_than_a_quarter_of_the_image_are_still_found(
    packaged_weights: Weights, real_data: Path
) -> None:
    """Photographs that nothing was chosen on; at most one fewer than without asking twice."""
    packaged_weights("plates")
    shown = [
        pair
        for split in ("valid", "test")
        for pair in with_wide_plates(real_data / "plate_vehicle_openimages350" / split)
    ]
    images = [image for image, _ in shown]
    hits = []
    for wide in (np.inf, 0.25):
        search = Plates(threads=2, search=PlateSearch(wide=wide))
        found = search.detect(images, threshold=0.3)
        hits.append(
            sum(
                int((iou(truth, one["plate"].boxes).max(axis=1, initial=0) >= 0.5).sum())
                for (_, truth), one in zip(shown, found, strict=True)
            )
        )
    assert hits[0] >= 10
    assert hits[1] >= hits[0] - 1


def with_wide_plates(folder: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """Images of a folder of YOLO labels with their plates wider than a quarter of them."""
    pairs = []
    for path in sorted((folder / "images").glob("*.jpg")):
        table = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2)
        x, y, w, h = table[(table[:, 0] == 0) & (table[:, 3] > 0.25), 1:].T
        if len(x):
            image = np.asarray(Image.open(path).convert("RGB"))
            shares = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
            pairs.append((image, shares * np.tile(image.shape[1::-1], 2)))
    assert pairs
    return pairs
