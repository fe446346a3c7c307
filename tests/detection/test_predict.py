"""Predicting with graphs whose answer is known: what is painted is found, in the set's order."""

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.predict import PredictOptions, iter_predictions, open_bundles, predict_set
from playhead.errors import BundleError, LabelError, MediaError
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.bundle import Bundle
from playhead.inference.runtime import OpenVinoBackend
from tests.detector_bundle import paint, write_detector_bundle

ONE_THREAD = PredictOptions(threads=1, device="cpu", threshold=0.3)
Box = tuple[float, ...]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_detector_bundle(tmp_path / "colours")


def painted(folder: Path, count: int = 11) -> tuple[list[Path], list[Box]]:
    """Images of several sizes, in each of them a car at another place."""
    paths, boxes = [], []
    for number in range(count):
        image = np.zeros((64, 96 + 16 * (number % 3), 3), np.uint8)
        boxes.append(paint(image, 3, 2 + number % 5, (200, 0, 9)))
        paths.append(folder / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    return paths, boxes


def truth_of(paths: list[Path]) -> ImageSet:
    one = LabelledImage(
        paths[0], (0, 0), np.zeros((1, 4)), np.zeros(1, np.int32), np.ones(1, np.float32)
    )
    return ImageSet(
        ("dog",), tuple(replace(one, path=path, group="street", split="test") for path in paths)
    )


def test_images_come_in_their_order_with_the_group_and_split_of_their_set(
    tmp_path: Path, bundle: Bundle
) -> None:
    paths, boxes = painted(tmp_path)
    found = predict_set([bundle], truth_of(paths), ONE_THREAD)
    assert found.classes == ("car", "plate")
    assert [one.path for one in found.images] == paths
    assert {(one.group, one.split) for one in found.images} == {("street", "test")}
    for number, (one, box) in enumerate(zip(found.images, boxes, strict=True)):
        assert one.size == (96 + 16 * (number % 3), 64)
        np.testing.assert_allclose(one.boxes, [box], atol=1e-3)
        assert one.labels.tolist() == [0]
        assert one.scores.tolist() == pytest.approx([200 / 255], abs=1e-5)


def test_paths_alone_will_do_and_an_image_without_objects_has_no_boxes(
    tmp_path: Path, bundle: Bundle
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "black.png")
    [one] = predict_set([bundle.folder], [tmp_path / "black.png"], ONE_THREAD).images
    assert (one.boxes.shape, one.group, one.split) == ((0, 4), "black", None)
    assert predict_set([bundle], [], ONE_THREAD).images == ()


def test_boxes_end_at_the_edges_of_the_image(tmp_path: Path, bundle: Bundle) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    paint(image, 0, 7, (255, 0, 20))
    Image.fromarray(image).save(tmp_path / "edge.png")
    [one] = predict_set([bundle], [tmp_path / "edge.png"], ONE_THREAD).images
    np.testing.assert_allclose(one.boxes[0], [40, 0, 64, 24], atol=1e-3)


def test_scores_go_down_to_a_thousandth_unless_more_is_asked(
    tmp_path: Path, bundle: Bundle
) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    paint(image, 1, 1, (2, 0, 4))
    Image.fromarray(image).save(tmp_path / "faint.png")
    for options, count in [(PredictOptions(threads=1), 2), (ONE_THREAD, 0)]:
        [one] = predict_set([bundle], [tmp_path / "faint.png"], options).images
        # The cell itself, 2 / 255, and the larger one that holds it, a quarter of that.
        assert len(one.labels) == count


def test_an_image_that_cannot_be_read_is_named_and_spares_the_others(
    tmp_path: Path, bundle: Bundle
) -> None:
    paths, boxes = painted(tmp_path)
    paths[4].write_bytes(b"no image")
    paths[9].unlink()
    with pytest.raises(MediaError, match=r"4\.png"):
        predict_set([bundle], paths, ONE_THREAD)
    seen = list(iter_predictions(open_bundles([bundle], ONE_THREAD), paths, 0.3))
    for number, (one, box) in enumerate(zip(seen, boxes, strict=True)):
        if number in (4, 9):
            assert isinstance(one, MediaError)
            assert str(paths[number]) in str(one)
        else:
            assert isinstance(one, LabelledImage)
            np.testing.assert_allclose(one.boxes, [box], atol=1e-3)


def test_an_image_of_another_size_than_its_labels_is_refused(
    tmp_path: Path, bundle: Bundle
) -> None:
    paths, _ = painted(tmp_path, 1)
    [one] = truth_of(paths).images
    wrong = ImageSet(("dog",), (replace(one, size=(97, 64)),))
    with pytest.raises(LabelError, match="has 96x64 pixels, but its labels are for 97x64"):
        predict_set([bundle], wrong, ONE_THREAD)


def test_an_ensemble_is_asked_like_one_bundle(tmp_path: Path, bundle: Bundle) -> None:
    other = write_detector_bundle(tmp_path / "other", ("plate", "dog"))
    paths, _ = painted(tmp_path, 2)
    found = predict_set([bundle, other], paths, ONE_THREAD)
    assert found.classes == ("car", "plate", "dog")
    # Red is a car to the one and a plate to the other, which only half of them believe.
    assert found.count() == {"car": 2, "plate": 2, "dog": 0}
    assert found.images[0].scores.tolist() == pytest.approx([200 / 255, 100 / 255], abs=1e-5)


@pytest.mark.slow
def test_predicting_does_not_need_torch(tmp_path: Path, bundle: Bundle) -> None:
    paths, _ = painted(tmp_path, 1)
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"torch", "torchvision", "timm", "onnx", "safetensors"}:
                    raise ImportError(f"{name} is blocked")

        sys.meta_path.insert(0, Blocked())
        from playhead.detection.predict import PredictOptions, predict_set

        options = PredictOptions(threads=1, device="cpu")
        found = predict_set([Path(sys.argv[1])], [Path(sys.argv[2])], options)
        assert "torch" not in sys.modules
        print(found.images[0].labels[0])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(bundle.folder), str(paths[0])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "0", done.stderr


def test_an_image_on_which_the_network_fails_spares_the_others(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, boxes = painted(tmp_path)
    answer = OpenVinoBackend.run

    def broken(self: OpenVinoBackend, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        found = answer(self, part, inputs)
        # The car of the images 3 and 8 stands in this column of cells.
        found[inputs[:, 28, 43, 0] > 150] = np.nan
        return found

    monkeypatch.setattr(OpenVinoBackend, "run", broken)
    seen = list(iter_predictions(open_bundles([bundle], ONE_THREAD), paths, 0.3))
    for number, (one, box) in enumerate(zip(seen, boxes, strict=True)):
        if number % 5 == 3:
            assert isinstance(one, BundleError)
            assert "not finite" in str(one)
        else:
            assert isinstance(one, LabelledImage)
            np.testing.assert_allclose(one.boxes, [box], atol=1e-3)
