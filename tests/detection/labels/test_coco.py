"""COCO: boxes that cannot be used are counted, entries without their ids refuse the document."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playhead.detection.labels.coco import parse
from playhead.detection.labels.parsed import ParsedLabels
from playhead.detection.labels.read import read_image_set
from playhead.errors import LabelError
from tests.detection.label_sources import boxes_of, found, run
from tests.detection.labels.image_files import draw

Change = Callable[[dict[str, Any]], object]
BOX = [4.0, 6.0, 20.0, 12.0]


def document(change: Change = lambda _: None) -> dict[str, Any]:
    """Two images with a box each, changed."""
    names = ("a.jpg", "b.jpg")
    values: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": name, "width": 64, "height": 48}
            for number, name in enumerate(names, start=1)
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "plate"}],
        "annotations": [
            {"id": number, "image_id": number, "category_id": number, "bbox": BOX}
            for number in (1, 2)
        ],
    }
    change(values)
    return values


def written(root: Path, change: Change = lambda _: None) -> Path:
    """The document in a file, beside its images and one that it does not have."""
    for seed, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        draw(root / name, seed=seed)
    (root / "set.json").write_text(json.dumps(document(change)))
    return root / "set.json"


def read(path: Path) -> tuple[ParsedLabels, list[tuple[str, str, str]]]:
    """The labels of a file, and every problem by kind, place and text."""
    problems: list[tuple[str, str, str]] = []
    labels = parse(
        path,
        lambda kind, where, what: problems.append(
            (str(kind), where.removeprefix(f"{path}: "), what)
        ),
    )
    return labels, problems


def counts(labels: ParsedLabels) -> dict[str, tuple[int, bool]]:
    """By image how many boxes are parsed, and whether some could not be."""
    return {image.name: (len(image.boxes), image.broken) for image in labels.images}


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        (lambda d: d["annotations"][0].pop("bbox"), "wrong number of values", "needs a bbox of 4"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), "wrong number of values", "bbox"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, "x", 4]), "not a number", "needs num"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 1e999, 4]), "not finite", "needs fin"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 0, 4]), "no area", "has no area"),
        (lambda d: d["annotations"][0].update(bbox=["\ud800"] * 4), "not a number", "needs num"),
        (lambda d: d["annotations"][0].update(category_id=7), "unknown class", "known are 1 car"),
        (lambda d: d["annotations"][0].update(iscrowd=1), "crowd annotation", "is a crowd"),
        (lambda d: d["annotations"][0].update(iscrowd=True), "crowd annotation", "is a crowd"),
    ],
)
def test_a_box_that_cannot_be_used_is_counted_and_its_image_never_passes_for_an_empty_one(
    change: Change, kind: str, what: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "in", change)
    labels, [problem] = read(path)
    assert problem[:2] == (kind, "annotation 1")
    assert what in problem[2].encode(errors="backslashreplace").decode()
    assert counts(labels) == {"a.jpg": (0, True), "b.jpg": (1, False)}
    for place, unlabelled in enumerate(("leave", "empty")):
        run(tmp_path / f"out{place}", path, unlabelled=unlabelled)
        assert "a.jpg" not in boxes_of(tmp_path / f"out{place}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda d: d["images"].__setitem__(0, "a.jpg"),
            "image 1: needs a JSON object, got 'a.jpg'",
        ),
        (lambda d: d["images"][0].update(id=None), "image 1: 'id' must be an integer or a string"),
        (lambda d: d["images"][0].pop("file_name"), "image 1: needs 'file_name'"),
        (lambda d: d["images"][0].update(file_name=""), "image 1: 'file_name' needs text"),
        (lambda d: d["images"][0].update(width=None), "image 1: 'width' needs a number, got None"),
        (lambda d: d["images"][0].update(height="tall"), "image 1: 'height' needs a number"),
        (lambda d: d["images"][1].update(id=1), "image 2: 'b.jpg' and 'a.jpg' share the id 1"),
        (lambda d: d["categories"][0].pop("name"), "category 1: needs 'name'"),
        (lambda d: d["categories"][0].update(id=[]), "category 1: 'id' must be an integer or"),
        (lambda d: d["categories"].__setitem__(0, "car"), "category 1: needs a JSON object"),
        (
            lambda d: d["categories"].append({"id": 1, "name": "bus"}),
            "category 3: 'bus' and 'car' share the id 1, so boxes may belong to either",
        ),
        (lambda d: d["annotations"].append(7), "annotation 3: needs a JSON object, got 7"),
        (
            lambda d: d["annotations"][0].pop("image_id"),
            "annotation 1: 'image_id' must be an integer",
        ),
        (
            lambda d: d["annotations"][0].update(image_id=True),
            "annotation 1: 'image_id' must be an",
        ),
        (
            lambda d: d["annotations"][0].pop("category_id"),
            "annotation 1: 'category_id' must be an",
        ),
        (
            lambda d: d["annotations"][0].update(iscrowd="no"),
            "annotation 1: 'iscrowd' needs 0 or 1",
        ),
        (lambda d: d["annotations"][0].update(iscrowd=2), "annotation 1: 'iscrowd' needs 0 or 1"),
        (
            lambda d: [one.update(image_id=f"x{one['image_id']}") for one in d["annotations"]],
            "no annotation has the image_id of one of the 2 images; use the same ids for both",
        ),
        (
            lambda d: [one.update(image_id=str(one["image_id"])) for one in d["annotations"]],
            "no annotation has the image_id of one of the 2 images; use the same ids for both",
        ),
    ],
)
def test_an_entry_whose_boxes_could_be_anybodys_refuses_the_document(
    change: Change, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "in", change)
    with pytest.raises(LabelError) as refused:
        run(tmp_path / "out", path)
    assert said in str(refused.value)
    assert not (tmp_path / "out").exists()
    if "no annotation has" not in said:
        with pytest.raises(LabelError) as refused:
            read_image_set(path)
        assert said in str(refused.value)


@pytest.mark.parametrize("unlabelled", ["leave", "empty"])
def test_an_annotation_of_an_image_that_was_removed_is_counted_and_no_image_is_held_empty(
    unlabelled: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "in", lambda d: d["images"].pop(0))
    report = run(tmp_path / "out", path, unlabelled=unlabelled)
    assert found(report) == {
        "annotation of an unknown image": 1,
        "image that an unused label may belong to": 2,
    }
    assert {name: len(boxes) for name, boxes in boxes_of(tmp_path / "out").items()} == {"b.jpg": 1}


def test_an_entry_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["images"].append(values["images"][0])
        values["categories"].append({"id": 1, "name": "car"})

    labels, problems = read(written(tmp_path, change))
    assert problems == []
    assert labels.classes == ("car", "plate")
    assert counts(labels) == {"a.jpg": (1, False), "b.jpg": (1, False)}


@pytest.mark.parametrize("change_type", [float, str])
def test_ids_may_be_whole_floats_or_texts(change_type: type, tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        for entries, keys in (
            ("images", ["id"]),
            ("categories", ["id"]),
            ("annotations", ["image_id", "category_id"]),
        ):
            for one in values[entries]:
                one.update({key: change_type(one[key]) for key in keys})

    labels, problems = read(written(tmp_path, change))
    assert problems == []
    assert [(image.name, [box.label for box in image.boxes]) for image in labels.images] == [
        ("a.jpg", ["car"]),
        ("b.jpg", ["plate"]),
    ]


def test_a_text_and_a_number_that_are_both_ids_stay_apart(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["images"][1]["id"] = "1"
        values["annotations"][1]["image_id"] = "1"

    labels, problems = read(written(tmp_path, change))
    assert problems == []
    assert counts(labels) == {"a.jpg": (1, False), "b.jpg": (1, False)}


def test_a_document_without_annotations_is_one_of_images_without_objects(tmp_path: Path) -> None:
    labels, problems = read(written(tmp_path, lambda d: d["annotations"].clear()))
    assert problems == []
    assert counts(labels) == {"a.jpg": (0, False), "b.jpg": (0, False)}


@pytest.mark.parametrize("value", [0, 0.0, False, None])
def test_an_annotation_is_no_crowd_unless_it_says_one(value: object, tmp_path: Path) -> None:
    labels, problems = read(written(tmp_path, lambda d: d["annotations"][0].update(iscrowd=value)))
    assert problems == []
    assert counts(labels)["a.jpg"] == (1, False)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "result 1: needs a JSON object, got 7"),
        ({"image_id": None}, "result 1: 'image_id' must be an integer or a string"),
        ({"category_id": None}, "result 1: 'category_id' must be an integer or a string"),
        ({"file_name": "b.jpg"}, "result 2: 'a.jpg' and 'b.jpg' share the id 1"),
    ],
)
def test_a_wrong_entry_of_results_is_refused(value: object, said: str, tmp_path: Path) -> None:
    good = {"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.5}
    good |= {"file_name": "a.jpg", "category": "car"}
    first = good | value if isinstance(value, dict) else value
    (tmp_path / "set.json").write_text(json.dumps([first, good]))
    with pytest.raises(LabelError) as refused:
        read_image_set(tmp_path / "set.json")
    assert said in str(refused.value)


@pytest.mark.parametrize("other", [{"tool": "x"}, ["car"], 7, {"annotations": []}])
@pytest.mark.parametrize("name", ["meta.json", "z.json"])
def test_json_that_is_no_coco_beside_a_document_is_refused(
    name: str, other: object, tmp_path: Path
) -> None:
    written(tmp_path / "in")
    (tmp_path / "in" / name).write_text(json.dumps(other))
    with pytest.raises(LabelError, match=rf"{name}: "):
        run(tmp_path / "out", tmp_path / "in")
    with pytest.raises(LabelError, match=rf"{name}: "):
        read_image_set(tmp_path / "in")


def test_broken_json_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "in")
    (tmp_path / "in" / "meta.json").write_text('{"tool": ')
    with pytest.raises(LabelError, match=r"meta\.json: line 1"):
        run(tmp_path / "out", tmp_path / "in")
