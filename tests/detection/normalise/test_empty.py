"""Which images are held empty of objects: those said to be, and none whose labels are broken."""

import json
from pathlib import Path

import pytest

from playhead.errors import LabelError
from tests.detection.label_sources import GOOD, VOC, boxes_of, found, run, yolo
from tests.detection.labels.image_files import denied, draw


def coco_of(name: str, *boxes: list[object]) -> str:
    """A document of one image, 64 x 48."""
    document = {
        "images": [{"id": 1, "file_name": name, "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": box} for box in boxes],
    }
    return json.dumps(document)


def test_an_empty_label_file_is_an_image_without_objects(tmp_path: Path) -> None:
    report = run(tmp_path / "out", yolo(tmp_path / "set", {"a": "", "b": "\n \n", "c": GOOD}))
    assert found(report) == {"label without boxes": 2}
    assert {name: len(one) for name, one in boxes_of(tmp_path / "out").items()} == {
        "a.jpg": 0,
        "b.jpg": 0,
        "c.jpg": 1,
    }


def test_an_image_whose_boxes_are_all_broken_is_not_held_empty(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": "0 .5 nan .2 .2\n", "b": GOOD})
    report = run(tmp_path / "out", root)
    assert found(report) == {"not finite": 1, "labels without a usable box": 1}
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.xml", VOC.format(48, 64), "declared size with another aspect ratio"),
        ("a.txt", "0 1.4 .5 .25 .5\n", "outside the image"),
        ("a.txt", "7 .5 .5 .25 .5\n", "unknown class"),
        ("a.txt", "0 .5 .5 .01 .5\n", "too small"),
        ("a.json", coco_of("a.jpg", [1, 2, 0, 4]), "no area"),
        ("a.json", coco_of("a.jpg", [70, 2, 9, 4]), "outside the image"),
        ("a.csv", "image,label,x1,y1,x2,y2\na.jpg,car,1,2,x,4\n", "not a number"),
    ],
)
def test_an_image_of_which_no_box_is_usable_is_left_out_with_a_warning(
    name: str, text: str, kind: str, tmp_path: Path
) -> None:
    """Held empty, it would teach a detector that its objects are background."""
    good = yolo(tmp_path / "good", {"b": GOOD}, classes="car\n", seed=1)
    draw(tmp_path / "set" / "a.jpg", seed=2)
    (tmp_path / "set" / name).write_text(text)
    (tmp_path / "set" / "classes.txt").write_text("car\n")
    source = tmp_path / "set" / name if name.endswith((".json", ".csv")) else tmp_path / "set"
    report = run(tmp_path / "out", good, source)
    assert found(report, 1) == {kind: 1, "labels without a usable box": 1}
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]
    assert [w for w in report.warnings if "1 image is left out, without a usable box" in w]


def test_an_image_with_nothing_but_classes_that_are_not_asked_for_has_no_objects(
    tmp_path: Path,
) -> None:
    root = yolo(tmp_path / "set", {"a": "1 .5 .5 .25 .5\n", "b": GOOD})
    report = run(tmp_path / "out", root, classes=["car"])
    assert found(report) == {"class not requested": 1}
    [row] = report.repair_rows()
    assert row["first"] == "labels/a.txt: line 1: class plate"
    assert {name: len(one) for name, one in boxes_of(tmp_path / "out").items()} == {
        "a.jpg": 0,
        "b.jpg": 1,
    }


def test_of_wanted_and_unwanted_boxes_the_lost_wanted_one_decides(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": "1 .5 .5 .25 .5\n0 1.4 .5 .25 .5\n", "b": GOOD})
    run(tmp_path / "out", root, classes=["car"])
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


def test_a_label_file_of_other_bytes_is_left_out_and_the_others_stay(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": b"\xff\xff0\x00", "b": GOOD})
    report = run(tmp_path / "out", root)
    assert found(report) == {
        "unreadable label file": 1,
        "labels without a usable box": 1,
    }
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


def test_an_image_with_nothing_but_a_crowd_is_not_held_empty(tmp_path: Path) -> None:
    draw(tmp_path / "b.jpg")
    document = json.loads(coco_of("a.jpg", [1, 2, 30, 40]))
    document["annotations"][0]["iscrowd"] = 1
    document["images"].append({"id": 2, "file_name": "b.jpg", "width": 64, "height": 48})
    draw(tmp_path / "a.jpg", seed=1)
    (tmp_path / "a.json").write_text(json.dumps(document))
    report = run(tmp_path / "out", tmp_path / "a.json")
    assert found(report)["labels without a usable box"] == 1
    assert boxes_of(tmp_path / "out") == {"b.jpg": []}


def test_images_that_no_label_speaks_of_are_left_out_unless_they_are_held_empty(
    tmp_path: Path,
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    draw(root / "images" / "b.jpg", seed=5)
    report = run(tmp_path / "out", root, classes=["car"])
    assert found(report) == {"image without a label": 1}
    assert "without a label were left out (1)" in report.warnings[0]
    report = run(tmp_path / "out2", root, unlabelled="empty")
    assert found(report) == {"image without a label, kept as empty": 1}
    assert {name: len(one) for name, one in boxes_of(tmp_path / "out2").items()} == {
        "a.jpg": 1,
        "b.jpg": 0,
    }


@pytest.mark.parametrize("broken", ["<annotation>", "<labels></labels>"])
def test_an_image_whose_voc_file_cannot_be_read_is_not_held_empty(
    broken: str, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / "set" / f"{name}.jpg", seed=ord(name))
    (tmp_path / "set" / "a.xml").write_text(broken)
    (tmp_path / "set" / "b.xml").write_text(VOC.format(64, 48))
    report = run(tmp_path / "out", tmp_path / "set", unlabelled="empty")
    assert found(report) == {
        "unreadable label file": 1,
        "labels without a usable box": 1,
        "image without a label, kept as empty": 1,
    }
    assert {name: len(one) for name, one in boxes_of(tmp_path / "out").items()} == {
        "b.jpg": 1,
        "c.jpg": 0,
    }


def test_an_image_whose_labels_a_manifest_misses_is_not_held_empty(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    (root / "manifest.csv").write_text(
        "video,labels\nimages/a.jpg,labels/a.txt\nimages/b.jpg,labels/gone.txt\n"
    )
    other = yolo(tmp_path / "other", {"c": GOOD}, seed=7)
    report = run(
        tmp_path / "out",
        *(root, other),
        images=root / "images",
        unlabelled="empty",
    )
    assert found(report)["labels without a usable box"] == 1
    assert list(boxes_of(tmp_path / "out")) == ["a.jpg"]


def test_no_image_that_a_label_may_mean_is_held_empty(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    draw(root / "images" / "a.png", seed=9)
    report = run(tmp_path / "out", root, unlabelled="empty")
    assert found(report) == {
        "label that matches several images": 1,
        "image that an unused label may belong to": 2,
    }
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


def test_where_a_folder_of_labels_cannot_be_listed_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its labels may be of any image, which then would be held empty."""
    root = yolo(tmp_path / "set", {"a": GOOD, "night/b": GOOD})
    denied(monkeypatch, root / "labels" / "night")
    with pytest.raises(LabelError, match=r"labels/night: cannot be listed: Permission denied"):
        run(tmp_path / "out", root, unlabelled="empty")
    assert not (tmp_path / "out").exists()
