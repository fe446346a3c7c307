"""What is written of images is read again, in every format."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.detection.evaluate import read_sets
from playhead.detection.labels.pairing import pair
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import KINDS, write_images, write_set
from playhead.errors import LabelError, StorageError
from playhead.events.images import ImageSet, LabelledImage
from tests.detection.labels.image_files import draw, labelled, same

NAMES = ("a.jpg", "b/a.jpg", "b/c d.png", "ü.jpg")
CLASSES = ("car", "number plate", "Köpfe & <Hüte>")
FILES = {
    ("coco", False): "annotations.coco.json",
    ("coco", True): "predictions.coco.json",
    ("csv", False): "boxes.csv",
    ("csv", True): "submission.csv",
    ("voc", False): "Annotations",
    ("voc", True): "Annotations",
    ("yolo", False): ".",
    ("yolo", True): ".",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set") / "images"
    for seed, name in enumerate(NAMES):
        draw(root / name, (64 + seed, 48), seed)
    return root


@st.composite
def boxes(draw_from: st.DrawFn, width: int, height: int) -> list[float]:
    corner = st.floats(-4, 100, allow_nan=False)
    side = st.floats(0.01, 80)
    x, y, w, h = (draw_from(one) for one in (corner, corner, side, side))
    x, y = min(x, width), min(y, height)
    return [x, y, x + min(w, width), y + min(h, height)]


@st.composite
def sets(draw_from: st.DrawFn, root: Path) -> ImageSet:
    rows = []
    for seed, name in enumerate(NAMES):
        size = (64 + seed, 48)
        found = draw_from(st.lists(boxes(*size), max_size=3))
        labels = draw_from(st.lists(st.integers(0, 2), min_size=len(found), max_size=len(found)))
        score = st.floats(0, 1, width=32)
        scores = draw_from(st.lists(score, min_size=len(found), max_size=len(found)))
        rows.append(labelled(root / name, found, labels, scores, size))
    return ImageSet(CLASSES, tuple(rows))


def certain(found: ImageSet) -> ImageSet:
    """The same as true boxes."""
    ones = [
        labelled(p.path, p.boxes.tolist(), p.labels.tolist(), size=p.size) for p in found.images
    ]
    return ImageSet(found.classes, tuple(ones))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_true_boxes_are_read_as_they_were_written(
    kind: str, images: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    true, out = certain(data.draw(sets(images))), tmp_path_factory.mktemp("out")
    write_images(true, out, [kind])
    read = read_image_set(out / FILES[kind, False], classes=CLASSES, images=images)
    again = ImageSet(read.classes, tuple(sorted(read.images, key=lambda one: one.path)))
    assert [one.path for one in again.images] == [one.path for one in true.images]
    assert same(true, again)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_predictions_are_read_and_paired_as_they_were_written(
    kind: str, images: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    found, out = data.draw(sets(images)), tmp_path_factory.mktemp("out")
    write_set(certain(found), images.parent)
    write_images(found, out, [kind], root=images, predictions=True)
    true = read_image_set(images.parent)
    again = pair(true, read_image_set(out / FILES[kind, True], like=true))
    assert [one.path for one in again.images] == [one.path for one in true.images]
    assert same(found, again)


def test_a_written_set_keeps_groups_and_splits(tmp_path: Path) -> None:
    rows = tuple(
        labelled(
            draw(tmp_path / "images" / f"{name}.png"), [[1, 2, 30, 40]], [0], group="g", split=name
        )
        for name in ("train", "valid")
    )
    write_set(ImageSet(("car",), rows), tmp_path)
    for path in (tmp_path, tmp_path / "manifest.csv"):
        read = read_image_set(path)
        assert [(one.group, one.split) for one in read.images] == [("g", "train"), ("g", "valid")]
        assert same(read, ImageSet(("car",), rows))
    assert len(read_image_set(tmp_path, split="valid")) == 1
    with pytest.raises(LabelError, match="its splits are train, valid"):
        read_image_set(tmp_path, split="test")


def test_results_are_numbered_after_the_document_they_answer(tmp_path: Path) -> None:
    truth = {
        "images": [
            {"id": 900, "file_name": "b.jpg", "width": 64, "height": 48},
            {"id": 17, "file_name": "a.jpg", "width": 64, "height": 48},
        ],
        "categories": [{"id": 44, "name": "car"}, {"id": 3, "name": "plate"}],
        "annotations": [
            {"id": 1, "image_id": 17, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 0},
            {"id": 2, "image_id": 17, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    true = read_image_set(tmp_path / "truth.json")
    assert true.classes == ("car", "plate")
    assert true.count() == {"car": 0, "plate": 1}
    found = ImageSet(
        ("plate", "car"),
        (labelled(Path("a.jpg"), [[1, 2, 4, 6], [5, 5, 9, 9]], [0, 1], [0.5, 0.25]),),
    )
    write_images(found, tmp_path, ["coco"], predictions=True, ids=tmp_path / "truth.json")
    results = json.loads((tmp_path / "predictions.coco.json").read_text())
    numbers = [(row["image_id"], row["category_id"], row["bbox"], row["score"]) for row in results]
    assert numbers == [(17, 3, [1, 2, 3, 4], 0.5), (17, 44, [5, 5, 4, 4], 0.25)]
    bare = [
        {key: row[key] for key in ("image_id", "category_id", "bbox", "score")} for row in results
    ]
    (tmp_path / "bare.json").write_text(json.dumps(bare))
    for name in ("bare.json", "predictions.coco.json"):
        _, again, _ = read_sets(tmp_path / "truth.json", tmp_path / name)
        assert [one.labels.tolist() for one in again.images] == [[], [1, 0]]
    with pytest.raises(LabelError, match="give the COCO document"):
        read_image_set(tmp_path / "bare.json")


def test_a_document_of_true_boxes_is_read_by_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    true = ImageSet(CLASSES, (labelled(tmp_path / "a.jpg", [[1, 2, 30.5, 40]], [1]),))
    found = ImageSet(CLASSES, (labelled(tmp_path / "a.jpg", [[1, 2, 30, 40]], [1], [0.5]),))
    write_images(true, tmp_path, ["coco"])
    write_images(found, tmp_path, ["coco"], predictions=True)
    document = coco.COCO(str(tmp_path / "annotations.coco.json"))
    results = document.loadRes(str(tmp_path / "predictions.coco.json"))
    assert document.loadAnns(1)[0]["bbox"] == [1, 2, 29.5, 38]
    assert results.loadAnns(1)[0]["score"] == 0.5


def test_the_last_pixel_of_voc_belongs_to_the_box(tmp_path: Path) -> None:
    """The development kit: the first pixel is 1, and a box of one pixel has xmin = xmax."""
    text = (
        "<annotation><filename>a.jpg</filename><size><width>9</width><height>8</height></size>"
        "<object><name>car</name><truncated>1</truncated><difficult>1</difficult><bndbox>"
        "<xmin>1</xmin><ymin>3</ymin><xmax>9</xmax><ymax>3</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "a.xml").write_text(text)
    [image] = read_image_set(tmp_path).images
    assert image.boxes.tolist() == [[0, 2, 9, 3]]
    assert image.size == (9, 8)


def test_nothing_found_anywhere_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    nothing = ImageSet(("car",), ())
    write_images(nothing, tmp_path, ["csv", "coco"], predictions=True)
    assert len(read_image_set(tmp_path / "submission.csv")) == 0
    assert len(read_image_set(tmp_path / "predictions.coco.json")) == 0


def test_scores_are_written_so_that_the_same_float_is_read(tmp_path: Path) -> None:
    score = np.nextafter(np.float32(0.1), np.float32(1))
    found = ImageSet(("car",), (labelled(tmp_path / "a.jpg", [[0, 0, 1, 1]], [0], [float(score)]),))
    write_images(found, tmp_path, ["csv", "coco"], predictions=True)
    for name in ("submission.csv", "predictions.coco.json"):
        assert read_image_set(tmp_path / name).images[0].scores[0] == score
    assert math.isclose(score, 0.1, rel_tol=1e-6)


def test_an_unknown_format_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="choose from yolo, voc, coco, csv"):
        write_images(ImageSet((), ()), tmp_path, ["pascal"])


def test_two_images_of_one_stem_cannot_share_a_label_file(tmp_path: Path) -> None:
    ones: list[LabelledImage] = [labelled(tmp_path / f"a.{end}", [], []) for end in ("jpg", "png")]
    with pytest.raises(LabelError, match=r"share the label file a\.txt"):
        write_images(ImageSet(("car",), tuple(ones)), tmp_path, ["yolo"])


def test_where_labels_cannot_be_written_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a file where the folder should be")
    found = ImageSet(("car",), (labelled(tmp_path / "a.jpg", [[0, 0, 1, 1]], [0]),))
    with pytest.raises(StorageError, match=r"a\.txt: writing failed"):
        write_images(found, tmp_path, ["yolo"])
