"""Tiles: everything small lies whole in one of them, and cut pieces do not come out."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from playhead.decisions.boxes import Boxes
from playhead.errors import PlayheadError
from playhead.inference.detectors import detect_tiled
from playhead.inference.detectors.tiling import tiles_of

Box = tuple[int, int, int, int]


class Blobs:
    """Finds bright rectangles exactly, as long as both sides have `least` pixels of what it sees.

    Like a network that sees its whole input small: at most `most` pixels a side.
    """

    name = "blobs"
    labels: tuple[str, ...] = ("blob",)

    def __init__(
        self, least: int = 12, most: int = 10_000, scores: Sequence[float] | None = None
    ) -> None:
        self.least, self.most = least, most
        self.scores = scores  # of the images in order, instead of .9
        self.shapes: list[tuple[int, ...]] = []

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        before = len(self.shapes)
        self.shapes += [image.shape for image in images]
        scores = (self.scores or [0.9] * len(self.shapes))[before : len(self.shapes)]
        return [
            {"blob": self.blobs(image, score)} for image, score in zip(images, scores, strict=True)
        ]

    def blobs(self, image: NDArray[np.uint8], score: float) -> Boxes:
        labels, _ = ndimage.label(image[..., 0] > 127)
        rows = [
            (x.start, y.start, x.stop, y.stop)
            for y, x in ndimage.find_objects(labels)
            if self.least <= min(x.stop - x.start, y.stop - y.start)
            and max(x.stop - x.start, y.stop - y.start) <= self.most
        ]
        scores = np.full(len(rows), score, np.float32)
        return Boxes(np.array(rows, np.float32).reshape(-1, 4), scores)


def drawn(size: tuple[int, int], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return image


def found_in(image: NDArray[np.uint8], detector: Blobs, tile: int, overlap: int) -> list[Box]:
    found = detect_tiled(detector, image, tile=tile, overlap=overlap, threshold=0.5)["blob"]
    return sorted(tuple(box) for box in np.rint(found.boxes).astype(int).tolist())


@given(
    size=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    tile=st.integers(2, 300),
    data=st.data(),
)
def test_a_box_no_larger_than_the_overlap_lies_whole_in_a_tile(
    size: tuple[int, int], tile: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, tile - 1))
    sides = [data.draw(st.integers(1, max(1, min(overlap, side)))) for side in size]
    assume(max(sides) <= max(overlap, 1))
    x, y = (data.draw(st.integers(0, all_ - one)) for all_, one in zip(size, sides, strict=True))
    assert any(
        x1 <= x and y1 <= y and x + sides[0] <= x2 and y + sides[1] <= y2
        for x1, y1, x2, y2 in tiles_of(*size, tile=tile, overlap=overlap)
    )


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    tile=st.integers(2, 300),
    share=st.floats(0, 0.9),
)
def test_tiles_stay_inside_and_have_the_size_that_was_asked_for(
    size: tuple[int, int], tile: int, share: float
) -> None:
    windows = list(tiles_of(*size, tile=tile, overlap=int(tile * share)))
    assert len(set(windows)) == len(windows)
    for x1, y1, x2, y2 in windows:
        assert 0 <= x1 < x2 <= size[0]
        assert 0 <= y1 < y2 <= size[1]
        assert (x2 - x1, y2 - y1) == (min(tile, size[0]), min(tile, size[1]))


def test_1080p_in_tiles_of_640_takes_four_by_two() -> None:
    windows = list(tiles_of(1920, 1080, tile=640, overlap=160))
    assert len(windows) == 4 * 2
    assert windows[0] == (0, 0, 640, 640)
    assert windows[-1] == (1280, 440, 1920, 1080)


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (64, 64), (64, -1), (-3, 0)])
def test_tiles_that_do_not_advance_are_refused(tile: int, overlap: int) -> None:
    with pytest.raises(PlayheadError, match="from 0 to below the tile"):
        list(tiles_of(100, 100, tile=tile, overlap=overlap))


@given(seed=st.integers(0, 10_000))
def test_small_boxes_come_out_once_and_as_they_are(seed: int) -> None:
    """Wherever they lie: in one tile, in two, in four, on an inner edge."""
    rng = np.random.default_rng(seed)
    cells = [(x, y) for x in range(0, 560, 56) for y in range(0, 380, 56)]
    boxes = []
    for k in rng.choice(len(cells), 12, replace=False):
        side = rng.integers(14, 44, 2)
        x, y = np.array(cells[k]) + rng.integers(0, 54 - side)
        boxes.append((int(x), int(y), int(x + side[0]), int(y + side[1])))
    image = drawn((570, 392), boxes)
    assert found_in(image, Blobs(), tile=200, overlap=60) == sorted(boxes)


def test_a_box_larger_than_any_tile_comes_from_the_whole_image() -> None:
    boxes = [(40, 30, 540, 370), (560, 10, 590, 30)]
    found = found_in(drawn((600, 400), boxes), Blobs(most=190), tile=200, overlap=50)
    # The whole is seen at a third of its size.
    np.testing.assert_allclose(found, boxes, atol=3)


def test_a_piece_that_nothing_whole_explains_is_kept() -> None:
    """Too large for the tiles to see whole, too thin to be seen in the whole image."""
    bar = (10, 190, 590, 204)
    found = found_in(drawn((600, 400), [bar]), Blobs(), tile=200, overlap=50)
    assert found
    assert min(x1 for x1, *_ in found) == 10
    assert max(x2 for _, _, x2, _ in found) == 590


# Scores of the whole image of 350 x 200 pixels and of its tiles, 0 to 200 and 150 to 350.
# A box from 20 to 190 is seen whole in the left one, too; one to 230 nowhere but in the whole.
@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ((0.11, 0.85, 0.2), 230, 0.85),
        ((0.11, 0.2, 0.85), 230, 0.85),
        ((0.6, 0.3, 0.2), 230, 0.6),
        ((0.11, 0.12, 0.85), 190, 0.85),
        ((0.11, 0.85, 0.12), 190, 0.85),
    ],
)
def test_a_box_is_as_sure_as_the_surest_view_of_it(
    scores: tuple[float, ...], right: int, expected: float
) -> None:
    box = (20, 60, right, 140)
    found = detect_tiled(
        Blobs(scores=scores), drawn((350, 200), [box]), tile=200, overlap=50, threshold=0.1
    )["blob"]
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes[0], box, atol=2)
    assert found.scores.tolist() == pytest.approx([expected])


def test_a_sure_piece_lends_its_score_to_no_box_that_does_not_explain_it() -> None:
    boxes = [(20, 60, 230, 140), (300, 10, 340, 50)]
    found = detect_tiled(
        Blobs(scores=(0.11, 0.85, 0.3)),
        drawn((350, 200), boxes),
        tile=200,
        overlap=50,
        threshold=0.1,
    )["blob"]
    assert sorted(found.scores.tolist()) == pytest.approx([0.3, 0.85])


def test_an_image_that_one_tile_holds_is_looked_at_once() -> None:
    detector = Blobs()
    assert found_in(drawn((200, 150), [(5, 6, 70, 80)]), detector, 200, 60) == [(5, 6, 70, 80)]
    assert detector.shapes == [(150, 200, 3)]


def test_the_whole_image_is_never_larger_than_a_tile() -> None:
    detector = Blobs()
    found_in(drawn((1000, 400), []), detector, 250, 50)
    assert detector.shapes[0] == (100, 250, 3)
    assert set(detector.shapes[1:]) == {(250, 250, 3)}
