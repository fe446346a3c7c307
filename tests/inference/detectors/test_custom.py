"""Own detectors on a graph whose answer is known: what a painted cell says is what is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import BundleError, ConfigError, PlayheadError
from playhead.inference.bundle import Bundle
from playhead.inference.detectors import open_custom
from playhead.inference.detectors.custom import (
    GREY,
    BundleDetector,
    cells,
    checksum_of,
    decisions_of,
    view_of,
)
from playhead.inference.runtime import OpenVinoBackend
from tests.detector_bundle import paint, write_detector_bundle


def black(width: int, height: int) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


def detector(folder: Path, *, longest: int | None = None, **settings: Any) -> BundleDetector:
    bundle = write_detector_bundle(folder / "colours", post_processing=settings)
    return BundleDetector(bundle, longest=longest, device="cpu", threads=1)


def assert_is(found: Boxes, *expected: tuple[tuple[float, ...], float]) -> None:
    assert len(found) == len(expected)
    for box, score, (corners, share) in zip(found.boxes, found.scores, expected, strict=True):
        np.testing.assert_allclose(box, corners, atol=1e-3)
        assert score == pytest.approx(share, abs=1e-5)


def test_a_painted_cell_is_found_where_its_colour_says(tmp_path: Path) -> None:
    image = black(100, 60)
    car = paint(image, 2, 3, (204, 0, 12))
    plate = paint(image, 5, 9, (0, 153, 6))
    [found] = detector(tmp_path).detect([image], threshold=0.5)
    assert list(found) == ["car", "plate"]
    assert_is(found["car"], (car, 204 / 255))
    assert_is(found["plate"], (plate, 153 / 255))


def test_coarse_cells_come_after_fine_ones_and_have_their_own_middles(tmp_path: Path) -> None:
    image = black(96, 64)
    box = paint(image, 1, 2, (240, 0, 10), side=16)
    # Four cells of stride 8 say the same as the one of stride 16: .9 apart they are one object.
    [found] = detector(tmp_path, overlap=0.05).detect([image], threshold=0.5)
    [first] = found["car"].boxes
    assert np.abs(first - np.array(box)).max() <= 4
    found = detector(tmp_path, overlap=1).detect([image], threshold=0.5)[0]
    assert len(found["car"]) == 5
    assert any(np.allclose(one, box) for one in found["car"].boxes)


def test_a_larger_image_is_shrunk_and_boxes_come_back_in_its_pixels(tmp_path: Path) -> None:
    image = black(320, 200)
    box = paint(image, 3, 4, (255, 0, 8), side=16)
    [found] = detector(tmp_path).detect([image], threshold=0.9)
    # Seen at half the size, 8 pixels around the cell's middle are 16 of the image.
    assert_is(found["car"], ((box[0] - 8, box[1] - 8, box[2] + 8, box[3] + 8), 1.0))


def test_a_smaller_image_is_enlarged_only_when_that_is_asked(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "colours")
    image = black(80, 48)
    box = paint(image, 1, 2, (255, 0, 6))
    [as_it_is] = BundleDetector(bundle, threads=1).detect([image], threshold=0.9)
    assert_is(as_it_is["car"], (box, 1.0))
    [larger] = BundleDetector(bundle, threads=1, enlarge=True).detect([image], threshold=0.9)
    # Twice as large there are four cells of stride 8, their boxes half as large in the image.
    assert len(larger["car"]) > 0
    sides = larger["car"].boxes[:, 2:] - larger["car"].boxes[:, :2]
    np.testing.assert_allclose(sides, 6, atol=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("trained", [False, True])
def test_whether_smaller_images_are_enlarged_is_as_the_plan_says_unless_told(
    tmp_path: Path, trained: bool
) -> None:
    bundle = write_detector_bundle(tmp_path / "a", enlarge=trained)
    other = write_detector_bundle(tmp_path / "b", enlarge=not trained)
    image = black(80, 48)
    paint(image, 1, 2, (255, 0, 6))

    def sides(enlarge: bool | None, *bundles: Bundle) -> tuple[float, float]:
        one = open_custom(bundles, enlarge=enlarge, threads=1)
        [found] = one.detect([image], threshold=0.4)
        widths = np.ptp(found["car"].boxes[:, [0, 2]], axis=1)
        return widths.min(), widths.max()

    # Seen twice as large, 6 pixels around a cell's middle are 3 of the image.
    assert sides(None, bundle) == pytest.approx((6, 6) if trained else (12, 12), abs=1.5)
    assert sides(True, bundle) == pytest.approx((6, 6), abs=1.5)
    assert sides(False, bundle) == pytest.approx((12, 12), abs=0.01)
    # Each member of an ensemble follows its own.
    assert sides(None, bundle, other) == pytest.approx((6, 12), abs=1.5)


@pytest.mark.parametrize("threads", [1, 8])
def test_images_of_many_sizes_are_each_found_as_if_alone(tmp_path: Path, threads: int) -> None:
    one = BundleDetector(write_detector_bundle(tmp_path / "colours"), threads=threads)
    rng = np.random.default_rng(0)
    sizes = [(100, 60), (60, 100), (100, 61), (320, 200), (7, 5), (100, 60), (1, 1)]
    images = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for w, h in sizes] * 2
    together = one.detect(images, threshold=0.4)
    for image, found in zip(images, together, strict=True):
        [alone] = one.detect([image], threshold=0.4)
        for label in one.labels:
            np.testing.assert_array_equal(found[label].boxes, alone[label].boxes)
            np.testing.assert_array_equal(found[label].scores, alone[label].scores)
    assert sum(len(found["car"]) for found in together) > 30


def test_the_grey_beyond_the_image_finds_nothing_but_beside_it(tmp_path: Path) -> None:
    # 114 / 255 = .447 would be believed, and boxes of 114 pixels reach far into the image.
    bundle = write_detector_bundle(tmp_path / "b", strides=(8, 64), post_processing={"overlap": 1})
    image = black(65, 65)
    assert view_of(image, 160, 64).pixels[100, 100].tolist() == [GREY] * 3
    [found] = BundleDetector(bundle, threads=1).detect([image], threshold=0.44)
    middles = (found["car"].boxes[:, :2] + found["car"].boxes[:, 2:]) / 2
    # Cells of 8 from 76 on are all grey and a cell away; the others are mixed or beside it.
    assert sorted(map(tuple, middles.tolist())) == [(32, 96), (68, 68), (96, 32), (96, 96)]


def test_a_box_wholly_outside_the_image_is_left_out_and_one_at_its_edge_is_whole(
    tmp_path: Path,
) -> None:
    image = black(96, 64)
    box = paint(image, 0, 0, (255, 0, 12))
    [found] = detector(tmp_path).detect([image], threshold=0.9)
    assert_is(found["car"], (box, 1.0))
    assert found["car"].boxes[0, 0] == -8


def test_thresholds_are_those_of_the_bundle_unless_one_is_said(tmp_path: Path) -> None:
    image = black(96, 64)
    paint(image, 2, 2, (128, 128, 8))
    one = detector(tmp_path, thresholds={"car": 0.4, "plate": 0.6})
    [own] = one.detect([image], threshold=None)
    assert (len(own["car"]), len(own["plate"])) == (1, 0)
    [said] = one.detect([image], threshold=0.45)
    assert (len(said["car"]), len(said["plate"])) == (1, 1)


def test_a_plate_without_a_car_is_doubted_where_the_bundle_says_so(tmp_path: Path) -> None:
    image = black(160, 64)
    paint(image, 3, 3, (230, 0, 20))
    held = paint(image, 4, 4, (0, 200, 5))
    alone = paint(image, 3, 15, (0, 204, 5))
    one = detector(tmp_path, parents={"plate": "car"}, orphan=0.5)
    [found] = one.detect([image], threshold=0.2)
    assert_is(found["plate"], (held, 200 / 255), (alone, 102 / 255))


def test_classes_suppress_each_other_only_where_the_bundle_says_so(tmp_path: Path) -> None:
    image = black(96, 64)
    paint(image, 2, 2, (250, 240, 12))
    [each] = detector(tmp_path).detect([image], threshold=0.5)
    assert (len(each["car"]), len(each["plate"])) == (1, 1)
    [surest] = detector(tmp_path, class_agnostic=True).detect([image], threshold=0.5)
    assert (len(surest["car"]), len(surest["plate"])) == (1, 0)


@given(st.integers(1, 6), st.integers(1, 6))
def test_cells_are_counted_stride_by_stride_and_row_by_row(rows: int, columns: int) -> None:
    expected = [
        ((column + 0.5) * s, (row + 0.5) * s)
        for s in (8, 16, 32)
        for row in range(32 * rows // s)
        for column in range(32 * columns // s)
    ]
    middles, strides = cells(32 * rows, 32 * columns, (8, 16, 32))
    np.testing.assert_array_equal(middles, expected)
    assert strides.tolist() == [
        s for s in (8, 16, 32) for _ in range(32 * 32 * rows * columns // s**2)
    ]


def test_what_is_no_detector_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "other", kind="windows")
    with pytest.raises(BundleError, match=r"a bundle of spotting \(kind windows\)"):
        BundleDetector(bundle)
    with pytest.raises(BundleError, match="is not a bundle"):
        BundleDetector(tmp_path)


def test_decisions_about_a_class_that_is_not_found_are_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "b", post_processing={"thresholds": {"dog": 0.5}})
    with pytest.raises(
        ConfigError, match="dog is not a class of the detector; its classes are car, plate"
    ):
        decisions_of(bundle)
    misspelt = write_detector_bundle(tmp_path / "c", post_processing={"overlaps": 0.5})
    with pytest.raises(ConfigError, match="did you mean overlap"):
        decisions_of(misspelt)


def test_a_graph_of_other_strides_than_its_plan_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "colours")
    plan = bundle.manifest.input | {"strides": [8, 32]}
    wrong = Bundle(bundle.folder, bundle.manifest.model_copy(update={"input": plan}))
    with pytest.raises(BundleError, match=r"its strides or classes do not match its graph"):
        BundleDetector(wrong, threads=1).detect([black(64, 64)], threshold=0.5)


def test_numbers_that_are_not_finite_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = detector(tmp_path)
    run = OpenVinoBackend.run

    def broken(self: OpenVinoBackend, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        answers = run(self, part, inputs)
        answers[0, 3, 5] = np.nan
        return answers

    monkeypatch.setattr(OpenVinoBackend, "run", broken)
    with pytest.raises(BundleError, match="numbers that are not finite for an image of 64x64"):
        one.detect([black(64, 64)], threshold=0.5)


def test_an_image_that_is_no_rgb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="needs uint8"):
        detector(tmp_path).detect([np.zeros((4, 4), np.uint8)], threshold=0.5)


def test_the_checksum_tells_bundles_apart_and_not_where_they_lie(tmp_path: Path) -> None:
    same = [write_detector_bundle(tmp_path / name) for name in ("here", "there")]
    other = write_detector_bundle(tmp_path / "other", post_processing={"overlap": 0.5})
    assert checksum_of(same[0]) == checksum_of(same[1]) != checksum_of(other)
