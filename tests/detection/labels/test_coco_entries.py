"""Entries of a COCO document that are wrong: each is counted and left out, the others are read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playhead.detection.labels.coco import parse
from playhead.detection.labels.files import read_pictures
from playhead.detection.labels.raw import RawSet
from playhead.errors import LabelError
from tests.detection.label_sources import boxes_of, found, run
from tests.detection.labels.picture_files import draw

Change = Callable[[dict[str, Any]], object]
BOX = [4.0, 6.0, 20.0, 12.0]


def document(change: Change = lambda _: None) -> dict[str, Any]:
    """Two pictures with a box each, changed."""
    names = ("a.jpg", "b.jpg")
    said: dict[str, Any] = {
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
    change(said)
    return said


def written(root: Path, change: Change = lambda _: None) -> Path:
    """The document in a file, beside its pictures and one that it does not know."""
    for seed, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        draw(root / name, seed=seed)
    (root / "set.json").write_text(json.dumps(document(change)))
    return root / "set.json"


def read(path: Path) -> tuple[RawSet, list[tuple[str, str, str]]]:
    """What the file says, and every fault by kind, place and text."""
    faults: list[tuple[str, str, str]] = []
    raws = parse(
        path,
        lambda fault, where, what: faults.append(
            (str(fault), where.removeprefix(f"{path}: "), what)
        ),
    )
    return raws, faults


def counts(raws: RawSet) -> dict[str, tuple[int, bool]]:
    """By picture how many boxes are read, and whether some were left out."""
    return {one.names[0]: (len(one.boxes), one.broken) for one in raws.pictures}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["annotations"][0].pop("category_id"), "'category_id' needs a whole number"),
        (lambda d: d["annotations"][0].update(category_id=1.5), "'category_id' needs a whole"),
        (lambda d: d["annotations"][0].update(iscrowd="no"), "'iscrowd' needs 0 or 1, got 'no'"),
        (lambda d: d["annotations"][0].update(iscrowd=[]), "'iscrowd' needs 0 or 1, got []"),
        (lambda d: d["annotations"][0].update(iscrowd=2), "'iscrowd' needs 0 or 1, got 2"),
    ],
)
def test_a_wrong_annotation_of_a_known_picture_is_counted_and_its_picture_is_broken(
    change: Change, said: str, tmp_path: Path
) -> None:
    raws, [(kind, where, what)] = read(written(tmp_path, change))
    assert (kind, where) == ("entry that cannot be used", "annotation 1")
    assert what.startswith(said)
    assert counts(raws) == {"a.jpg": (0, True), "b.jpg": (1, False)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["annotations"].append(7), "needs a JSON object, got 7"),
        (lambda d: d["annotations"].append(None), "needs a JSON object, got None"),
        (lambda d: d["annotations"].append({"image_id": None}), "'image_id' needs a whole number"),
        (lambda d: d["annotations"].append({"image_id": True}), "'image_id' needs a whole number"),
        (lambda d: d["annotations"].append({"image_id": []}), "'image_id' needs a whole number"),
    ],
)
def test_an_annotation_of_no_picture_is_counted_and_all_pictures_stay(
    change: Change, said: str, tmp_path: Path
) -> None:
    raws, [(kind, where, what)] = read(written(tmp_path, change))
    assert (kind, where) == ("label that does not say of which picture", "annotation 3")
    assert what.startswith(said)
    assert counts(raws) == {"a.jpg": (1, False), "b.jpg": (1, False)}


@pytest.mark.parametrize(
    ("change", "said", "broken"),
    [
        (lambda d: d["images"][0].update(width=None), "'width' needs a number", True),
        (lambda d: d["images"][0].update(width=-64), "'width' needs a whole number from 0", True),
        (lambda d: d["images"][0].update(height="tall"), "'height' needs a number", True),
        (lambda d: d["images"][0].pop("file_name"), "needs 'file_name'", False),
        (lambda d: d["images"][0].update(file_name=""), "'file_name' needs text", False),
    ],
)
def test_an_image_that_cannot_be_used_takes_its_annotations_with_it(
    change: Change, said: str, broken: bool, tmp_path: Path
) -> None:
    """Where its name is known it is held broken, so that it cannot pass for one without objects."""
    raws, [image, box] = read(written(tmp_path, change))
    fault = "entry that cannot be used" if broken else "label that does not say of which picture"
    assert image[:2] == (fault, "image 1")
    assert image[2].startswith(said)
    assert box == (
        "box of a picture left out",
        "annotation 1",
        "is of image 1, which is left out",
    )
    assert counts(raws) == {"b.jpg": (1, False)} | ({"a.jpg": (0, True)} if broken else {})


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda d: d["images"][0].update(id=None), True),
        (lambda d: d["images"].__setitem__(0, "a.jpg"), False),
    ],
)
def test_an_image_without_an_id_has_none_of_the_annotations(
    change: Change, broken: bool, tmp_path: Path
) -> None:
    raws, faults = read(written(tmp_path, change))
    fault = "entry that cannot be used" if broken else "label that does not say of which picture"
    assert [(kind, where) for kind, where, _ in faults] == [
        (fault, "image 1"),
        ("label that does not say of which picture", "annotation 1"),
    ]
    assert counts(raws) == {"b.jpg": (1, False)} | ({"a.jpg": (0, True)} if broken else {})


def test_two_images_of_one_id_have_none_of_its_annotations(tmp_path: Path) -> None:
    path = written(tmp_path, lambda d: d["images"][1].update(id=1))
    raws, faults = read(path)
    assert faults == [
        ("two pictures of one number", "image 1", "has the id 1 of 'b.jpg'; give it another"),
        ("two pictures of one number", "image 2", "has the id 1 of 'a.jpg'; give it another"),
        ("box of a picture left out", "annotation 1", "is of image 1, which is left out"),
        (
            "label that does not say of which picture",
            "annotation 2",
            "is of image 2, which the file does not have",
        ),
    ]
    assert counts(raws) == {"a.jpg": (0, True), "b.jpg": (0, True)}


def test_an_image_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    raws, faults = read(written(tmp_path, lambda d: d["images"].append(d["images"][0])))
    assert faults == [
        ("entry that cannot be used", "image 3", "has the id 1 of 'a.jpg' again; remove one")
    ]
    assert counts(raws) == {"a.jpg": (1, False), "b.jpg": (1, False)}


def test_an_unusable_image_takes_the_annotations_of_another_with_its_id(tmp_path: Path) -> None:
    path = written(tmp_path, lambda d: d["images"][1].update(id=1, width=None))
    raws, faults = read(path)
    assert [(kind, where) for kind, where, _ in faults] == [
        ("entry that cannot be used", "image 2"),
        ("two pictures of one number", "image 1"),
        ("box of a picture left out", "annotation 1"),
        ("label that does not say of which picture", "annotation 2"),
    ]
    assert counts(raws) == {"a.jpg": (0, True), "b.jpg": (0, True)}


@pytest.mark.parametrize("unlabelled", ["leave", "empty"])
@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["images"][0].update(width=None),
        lambda d: d["images"][0].update(id=None),
        lambda d: d["annotations"][0].pop("category_id"),
    ],
)
def test_a_picture_whose_entry_is_wrong_never_becomes_one_without_objects(
    change: Change, unlabelled: str, tmp_path: Path
) -> None:
    run(tmp_path / "out", written(tmp_path / "in", change), unlabelled=unlabelled)
    assert "a.jpg" not in boxes_of(tmp_path / "out")
    assert len(boxes_of(tmp_path / "out")["b.jpg"]) == 1


def test_two_pictures_of_one_id_never_become_ones_without_objects(tmp_path: Path) -> None:
    path = written(tmp_path / "in", lambda d: d["images"][1].update(id=1))
    with pytest.raises(LabelError, match="no picture is left"):
        run(tmp_path / "out", path, unlabelled="empty")

    def only_d(said: dict[str, Any]) -> None:
        said.update(images=said["images"][:1], annotations=said["annotations"][:1])
        said["images"][0]["file_name"] = "d.jpg"

    draw(tmp_path / "other" / "d.jpg", seed=3)
    other = written(tmp_path / "other", only_d)
    report = run(tmp_path / "out", path, other, unlabelled="empty")
    assert {name: len(one) for name, one in boxes_of(tmp_path / "out").items()} == {"d.jpg": 1}
    assert found(report) == {
        "two pictures of one number": 2,
        "box of a picture left out": 1,
        "label that does not say of which picture": 1,
        "picture that an unused label may mean": 1,
        "label file without a usable box": 2,
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["images"][0].pop("file_name"),
        lambda d: d["images"].pop(0),
        lambda d: d["annotations"][0].update(image_id=None),
    ],
)
def test_where_a_label_names_no_picture_none_is_held_empty(change: Change, tmp_path: Path) -> None:
    report = run(tmp_path / "out", written(tmp_path / "in", change), unlabelled="empty")
    assert "c.jpg" not in boxes_of(tmp_path / "out")
    assert found(report)["picture that an unused label may mean"] >= 1


def test_two_categories_of_one_id_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "in", lambda d: d["categories"].append({"id": 1, "name": "bus"}))
    said = r"set\.json: category 3: has the id 1 of 'car', so its boxes may be either"
    with pytest.raises(LabelError, match=said):
        run(tmp_path / "out", path)
    with pytest.raises(LabelError, match=said):
        read_pictures(path)


def test_a_category_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path, lambda d: d["categories"].append({"id": 1, "name": "car"}))
    raws, faults = read(path)
    assert raws.classes == ("car", "plate")
    assert faults == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["categories"][0].pop("name"),
        lambda d: d["categories"][0].update(id=None),
        lambda d: d["categories"].__setitem__(0, "car"),
    ],
)
def test_boxes_of_a_category_that_cannot_be_used_are_of_an_unknown_class(
    change: Change, tmp_path: Path
) -> None:
    raws, faults = read(written(tmp_path, change))
    assert [(kind, where) for kind, where, _ in faults] == [
        ("entry that cannot be used", "category 1"),
        ("unknown class", "annotation 1"),
    ]
    assert counts(raws) == {"a.jpg": (0, True), "b.jpg": (1, False)}


@pytest.mark.parametrize("change_type", [float, str])
@pytest.mark.parametrize(
    ("entries", "key"),
    [
        ("images", "id"),
        ("annotations", "image_id"),
        ("categories", "id"),
        ("annotations", "category_id"),
    ],
)
def test_ids_as_whole_floats_or_as_texts_mean_the_same_numbers(
    entries: str, key: str, change_type: type, tmp_path: Path
) -> None:
    def change(said: dict[str, Any]) -> None:
        for one in said[entries]:
            one[key] = change_type(one[key])

    raws, faults = read(written(tmp_path, change))
    assert faults == []
    assert [(one.names[0], [box.label for box in one.boxes]) for one in raws.pictures] == [
        ("a.jpg", ["car"]),
        ("b.jpg", ["plate"]),
    ]


def test_a_text_and_a_number_that_are_both_ids_stay_apart(tmp_path: Path) -> None:
    def change(said: dict[str, Any]) -> None:
        said["images"][1]["id"] = "1"
        said["annotations"][1]["image_id"] = "1"

    raws, faults = read(written(tmp_path, change))
    assert faults == []
    assert counts(raws) == {"a.jpg": (1, False), "b.jpg": (1, False)}


def test_a_text_with_zeros_before_it_is_no_number(tmp_path: Path) -> None:
    _, faults = read(written(tmp_path, lambda d: d["annotations"][0].update(image_id="01")))
    assert faults == [
        (
            "label that does not say of which picture",
            "annotation 1",
            "is of image '01', which the file does not have",
        )
    ]


def test_a_document_of_which_no_annotation_fits_an_image_is_refused(tmp_path: Path) -> None:
    def change(said: dict[str, Any]) -> None:
        for one in said["annotations"]:
            one["image_id"] = f"x{one['image_id']}"

    path = written(tmp_path / "in", change)
    with pytest.raises(LabelError, match=r"set\.json: no annotation has .* of its 2 images"):
        run(tmp_path / "out", path)


def test_a_document_without_annotations_is_one_of_pictures_without_objects(tmp_path: Path) -> None:
    raws, faults = read(written(tmp_path, lambda d: d["annotations"].clear()))
    assert faults == []
    assert counts(raws) == {"a.jpg": (0, False), "b.jpg": (0, False)}


@pytest.mark.parametrize(
    ("value", "crowd"),
    [
        *((value, False) for value in (0, 0.0, False, "0", None)),
        *((value, True) for value in (1, 1.0, True, "1")),
    ],
)
def test_a_crowd_is_told_by_a_one_however_it_is_written(
    value: object, crowd: bool, tmp_path: Path
) -> None:
    path = written(tmp_path, lambda d: d["annotations"][0].update(iscrowd=value))
    raws, faults = read(path)
    assert [kind for kind, _, _ in faults] == ["crowd left out"] * crowd
    assert counts(raws)["a.jpg"] == ((0, True) if crowd else (1, False))


@pytest.mark.parametrize("bbox", ["\ud800", ["\ud800"] * 4])
def test_what_is_said_of_half_a_character_can_be_written(bbox: object, tmp_path: Path) -> None:
    _, [(_, _, what)] = read(written(tmp_path, lambda d: d["annotations"][0].update(bbox=bbox)))
    assert r"\ud800" in what.encode().decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["images"][0].update(width=None), "image 1: 'width' needs a number, got None"),
        (lambda d: d["images"][0].pop("file_name"), "image 1: needs 'file_name'"),
        (lambda d: d["images"][1].update(id=1), "image 1: has the id 1 of 'b.jpg'"),
        (lambda d: d["categories"][0].pop("name"), "category 1: needs 'name'"),
        (lambda d: d["annotations"].append(7), "annotation 3: needs a JSON object"),
        (lambda d: d["annotations"][0].update(iscrowd="x"), "annotation 1: 'iscrowd' needs 0 or 1"),
    ],
)
def test_a_strict_reading_names_the_first_wrong_entry(
    change: Change, said: str, tmp_path: Path
) -> None:
    with pytest.raises(LabelError, match=rf"set\.json: {said}"):
        read_pictures(written(tmp_path, change))


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (7, "label that does not say of which picture"),
        ({"category_id": 1}, "label that does not say of which picture"),
        ({"image_id": 1}, "entry that cannot be used"),
    ],
)
def test_a_wrong_entry_of_results_is_counted_and_the_others_are_read(
    value: object, fault: str, tmp_path: Path
) -> None:
    good = {"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.5}
    good |= {"file_name": "a.jpg", "category": "car"}
    if isinstance(value, dict):
        value = {"bbox": BOX, "score": 0.5, "file_name": "a.jpg", "category": "car"} | value
    (tmp_path / "set.json").write_text(json.dumps([value, good]))
    raws, faults = read(tmp_path / "set.json")
    assert [(kind, where) for kind, where, _ in faults] == [(fault, "result 1")]
    assert [len(one.boxes) for one in raws.pictures] == [1]
