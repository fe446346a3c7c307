"""Strict reading of labelled images: what is wrong is said with its file and line."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.detection.labels.read import read_image_set
from playhead.errors import LabelError, PlayheadError
from tests.detection.labels.image_files import draw

VOC = (
    "<annotation><filename>a.jpg</filename>{size}"
    "<object><name>{name}</name>{box}</object></annotation>"
)
BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
HEADER = "image,label,score,x1,y1,x2,y2\n"


def yolo(root: Path, text: str | bytes, classes: str = "car\nplate\n") -> Path:
    """A set of one image with these labels."""
    draw(root / "images" / "a.jpg")
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / "a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    (root / "classes.txt").write_text(classes)
    return root


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 .5 .5 .2", "has 4 columns; needs 5"),
        ("0 .5 .5 .2 .2 .9 1", "has 7 columns|needs 5 columns"),
        ("0 .5 .5 .2 zwei", "needs numbers"),
        ("0 .5 .5 .2 0,2", "needs numbers"),
        ("car .5 .5 .2 .2", "needs numbers"),
        ("0 .5 nan .2 .2", "needs finite numbers"),
        ("0 .5 .5 inf .2", "needs finite numbers"),
        ("2 .5 .5 .2 .2", "unknown class 2; known are 0 car, 1 plate"),
        ("-1 .5 .5 .2 .2", "a class must be an integer from 0, got -1"),
        ("0.5 .5 .5 .2 .2", "a class must be an integer from 0, got 0.5"),
        ("0 320 240 64 48", "not a fraction of a side"),
        ("0 .5 .5 0 .2", "has no area"),
        ("0 .5 .5 .2 -.1", "has no area"),
        ("0 .5 .5 .2 .2 1.2", "the score must be from 0 to 1, got 1.2"),
        ("0 .1 .1 .2 .1 .2 .2", "a polygon of 3 points"),
    ],
)
def test_a_wrong_line_of_yolo_is_named(line: str, said: str, tmp_path: Path) -> None:
    root = yolo(tmp_path, f"1 .5 .5 .2 .2\n\n{line}\n")
    with pytest.raises(LabelError, match=rf"a\.txt: line 3: .*({said})"):
        read_image_set(root)


def test_marks_ends_of_lines_blank_lines_and_scores_do_not_matter(tmp_path: Path) -> None:
    plain = read_image_set(yolo(tmp_path / "plain", "0 .5 .5 .25 .5\n1 .25 .5 .25 .5 .75"))
    marked = read_image_set(
        yolo(tmp_path / "marked", b"\xef\xbb\xbf0 .5 .5 .25 .5\r\n\r\n1  .25\t.5 .25 .5 .75\r\n")
    )
    for read in (plain, marked):
        assert read.images[0].boxes.tolist() == [[24, 12, 40, 36], [8, 12, 24, 36]]
        assert read.images[0].scores.tolist() == [1, 0.75]


def test_an_empty_label_file_and_none_at_all_are_images_without_objects(tmp_path: Path) -> None:
    root = yolo(tmp_path, "")
    draw(root / "images" / "b.jpg")
    assert [len(one.labels) for one in read_image_set(root).images] == [0, 0]


def test_a_label_without_its_image_is_an_error(tmp_path: Path) -> None:
    root = yolo(tmp_path, "")
    (root / "labels" / "gone.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(LabelError, match=r"gone\.txt: there is no image 'gone'"):
        read_image_set(root)


def test_a_label_that_fits_two_images_is_an_error(tmp_path: Path) -> None:
    root = yolo(tmp_path, "0 .5 .5 .2 .2\n")
    draw(root / "images" / "a.png")
    with pytest.raises(LabelError, match=r"a\.txt: 'a' matches .*a\.jpg, .*a\.png"):
        read_image_set(root)


def test_two_label_files_of_one_image_are_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "a.jpg")
    for name in ("cars", "plates"):
        (tmp_path / "labels" / name).mkdir(parents=True)
        (tmp_path / "labels" / name / "a.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(LabelError, match="detection normalise"):
        read_image_set(tmp_path, classes=["car"])


def test_numbers_without_names_are_an_error(tmp_path: Path) -> None:
    root = yolo(tmp_path, "0 .5 .5 .2 .2\n")
    (root / "classes.txt").unlink()
    with pytest.raises(LabelError, match=r"add a classes\.txt"):
        read_image_set(root)
    assert read_image_set(root, classes=["car"]).classes == ("car",)


def test_a_gap_in_the_list_of_classes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="would shift their numbers"):
        read_image_set(yolo(tmp_path, "", classes="car\n\nplate\n"))


def test_a_class_that_stands_twice_in_the_list_is_an_error(tmp_path: Path) -> None:
    """Dropping one would make label 1 a plate, where the list says that 2 is."""
    root = yolo(tmp_path, "1 .5 .5 .2 .2\n", classes="car\ncar\nplate\n")
    with pytest.raises(LabelError, match=r"lists the class car twice .*detection normalise"):
        read_image_set(root)
    with pytest.raises(LabelError, match="lists the class plate twice"):
        read_image_set(root, classes=["plate", "car", "plate"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "names: {0: car, x: plate}\n",
        "names: {null: car, 1: plate}\n",
        "names: " + "[" * 5000,
        "names: " + "[" * 5000 + "]" * 5000,
        "names: [[car], plate]\n",
        "names: [car, ]\n  x: [",
    ],
)
def test_a_broken_yaml_of_a_data_set_is_named(text: str, tmp_path: Path) -> None:
    root = yolo(tmp_path, "1 .5 .5 .2 .2\n")
    (root / "classes.txt").unlink()
    (root / "data.yaml").write_text(text)
    with pytest.raises(
        LabelError,
        match=r"data\.yaml: (needs `names`|each of `names` must be|cannot be read as YAML)",
    ):
        read_image_set(root)


@pytest.mark.parametrize("name", ["no", "off", "1e3", "007", "2021-99-99", "~", "9" * 5000])
def test_the_name_of_a_class_is_the_text_that_stands_in_the_yaml(name: str, tmp_path: Path) -> None:
    root = yolo(tmp_path, "1 .5 .5 .2 .2\n")
    (root / "classes.txt").unlink()
    (root / "data.yaml").write_text(f"names: {{0: car, 1: {name}}}\n")
    assert read_image_set(root).count() == {"car": 0, name: 1}


@pytest.mark.parametrize("names", ["[car, plate]", "{0: car, 1: plate}"])
def test_classes_are_read_from_the_yaml_of_a_data_set(names: str, tmp_path: Path) -> None:
    root = yolo(tmp_path, "1 .5 .5 .2 .2\n")
    (root / "classes.txt").unlink()
    (root / "data.yaml").write_text(f"train: images\nnames: {names}\nnc: 2\n")
    assert read_image_set(root).count() == {"car": 0, "plate": 1}
    (root / "data.yaml").write_text("names: {1: car}\n")
    with pytest.raises(LabelError, match="a mapping from 0 on"):
        read_image_set(root)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/a.jpg", "train/a.txt"),
        ("images/train/x/a.jpg", "labels/train/x/a.txt"),
    ],
)
def test_labels_find_their_images_in_every_usual_layout(
    images: str, labels: str, tmp_path: Path
) -> None:
    draw(tmp_path / images)
    draw(tmp_path / images.replace("train", "val"), (32, 32))
    for path in (labels, labels.replace("train", "val")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("0 .5 .5 .5 .5\n")
    (tmp_path / "README.dataset.txt").write_text("Not labels.")
    (tmp_path / "classes.txt").write_text("car\n")
    read = read_image_set(tmp_path)
    assert [(one.size, one.split) for one in read.images] == [
        ((64, 48), "train"),
        ((32, 32), "valid"),
    ]
    assert [one.boxes.tolist() for one in read.images] == [[[16, 12, 48, 36]], [[8, 8, 24, 24]]]


def test_voc_lists_say_the_split(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(tmp_path / "JPEGImages" / f"{name}.jpg")
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        text = VOC.format(size="", name="car", box=BOX.format(1, 1, 9, 9))
        (tmp_path / "Annotations" / f"{name}.xml").write_text(text)
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("b\n")
    read = read_image_set(tmp_path)
    assert [(one.path.name, one.split) for one in read.images] == [
        ("a.jpg", None),
        ("b.jpg", "valid"),
    ]
    assert read.images[0].size == (64, 48)  # the files say none


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file is empty"),
        ("<annotation>", "not an XML file of labels"),
        ("<labels></labels>", "needs <annotation>, has <labels>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation></annotation>', "document type"),
        (VOC.format(size="", name="car", box=""), "object 1: needs a name and a bndbox"),
        (VOC.format(size="", name="", box=BOX.format(1, 1, 9, 9)), "object 1: needs a name"),
        (VOC.format(size="", name="car", box=BOX.format(1, 1, "x", 9)), "object 1: needs numbers"),
        (VOC.format(size="", name="car", box=BOX.format(1, 1, "inf", 9)), "object 1: .* finite"),
        (VOC.format(size="", name="car", box=BOX.format(9, 1, 8, 9)), "object 1: .* no area"),
    ],
)
def test_a_wrong_file_of_voc_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(LabelError, match=rf"a\.xml: .*({said})|a\.xml: {said}"):
        read_image_set(tmp_path)


NAMED = VOC.format(size="", name="Straßenbahn", box=BOX.format(1, 1, 9, 9))


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("ISO-8859-1", "iso-8859-1"),
        ("windows-1252", "cp1252"),
        ("UTF-16", "utf-16"),
        ("", "utf-16"),
        ("", "utf-16-le"),
        ("", "utf-16-be"),
        ("utf-8", "utf-8-sig"),
        ("", "utf-8"),
    ],
)
def test_a_file_of_voc_is_read_in_the_encoding_that_it_is_in(
    declared: str, encoding: str, tmp_path: Path
) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    (tmp_path / "a.xml").write_bytes((head + NAMED).encode(encoding))
    assert read_image_set(tmp_path).classes == ("Straßenbahn",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b'<?xml version="1.0" encoding="klingon"?><annotation/>',
            "unknown encoding: klingon.*UTF-8",
        ),
        (b'<?xml version="1.0" encoding="hex"?><annotation/>', "'hex' is not a text encoding"),
        (b'<?xml version="1.0" encoding="punycode"?><annotation/>', "save it as UTF-8"),
        (b'<?xml version="1.0" encoding="ascii"?><annotation>\xe4</annotation>', "not well-formed"),
        (b"<annotation>\xe4</annotation>", "not well-formed"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>'.encode("utf-16"), "document type"),
        (
            b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE a><annotation/>',
            "multi-byte encodings are not supported.*save it as UTF-8",
        ),
        (
            b'<?xml version="1.0" encoding="UTF-16"?><annotation/>',
            "encoding specified in XML declaration is incorrect",
        ),
        (
            f'<?xml version="1.0" encoding="gb18030"?>{NAMED}'.encode("gb18030"),
            "multi-byte encodings are not supported.*save it as UTF-8",
        ),
    ],
)
def test_a_file_of_voc_in_no_encoding_or_with_a_document_type_is_named(
    data: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    with pytest.raises(LabelError, match=rf"a\.xml: not an XML file .*{said}"):
        read_image_set(tmp_path)


def test_an_image_in_two_lists_of_voc_is_an_error(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    (tmp_path / "a.xml").write_text(VOC.format(size="", name="car", box=BOX.format(1, 1, 9, 9)))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    for name in ("train", "test"):
        (tmp_path / "ImageSets" / "Main" / f"{name}.txt").write_text("a\n")
    with pytest.raises(
        LabelError, match=r"Main/test\.txt: .*a\.jpg is listed in both test and train"
    ):
        read_image_set(tmp_path)


def coco(**changed: object) -> dict[str, object]:
    """A document of one box, with values of its annotation changed."""
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]} | changed
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [box],
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (coco(bbox=[1, 2, 3]), "annotation 1: needs a bbox of 4 numbers"),
        (coco(bbox=None), "annotation 1: needs a bbox of 4 numbers"),
        (coco(bbox=[1, 2, "x", 4]), "annotation 1: needs numbers"),
        (coco(bbox=[1, 2, float("nan"), 4]), "annotation 1: needs finite numbers"),
        (coco(bbox=[1, 2, 10**400, 4]), "annotation 1: needs numbers"),
        (coco(score=-(10**400)), "annotation 1: needs numbers"),
        (coco(bbox=[1, 2, 0, 4]), "annotation 1: .* no area"),
        (coco(category_id=7), "annotation 1: has category 7; known are 1 car"),
        (coco(image_id=7), "annotation 1: has the image_id 7"),
        (coco(image_id=1.5), "annotation 1: 'image_id' must be an integer"),
        ({"images": [], "categories": []}, "needs 'annotations'"),
        (
            {"images": [{"id": 1, "file_name": name} for name in "ab"], "categories": []},
            "image 2: 'b' and 'a' share the id 1",
        ),
        ("text", "needs a JSON object"),
    ],
)
def test_a_wrong_document_of_coco_is_named(document: object, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(LabelError, match=rf"a\.json: .*{said}"):
        read_image_set(tmp_path / "a.json")


@pytest.mark.parametrize("name", [".", "./", "..", "/", "a/.."])
def test_a_name_that_is_no_file_is_read_as_an_image_that_is_not_there(
    name: str, tmp_path: Path
) -> None:
    document = coco()
    document["images"] = [{"id": 1, "file_name": name, "width": 64, "height": 48}]
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert len(read_image_set(tmp_path / "a.json").images[0].labels) == 1
    (tmp_path / "rows.csv").write_text(f"{HEADER}{name},car,.5,1,2,3,4\n")
    assert len(read_image_set(tmp_path / "rows.csv").images[0].labels) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,car,.5,1,2,3", "line 2: has 6 cells"),
        ("a.jpg,car,.5,1,2,3,x", "line 2: needs numbers"),
        ("a.jpg,car,.5,1,2,3,nan", "line 2: needs finite numbers"),
        ("a.jpg,car,.5,3,2,1,4", "line 2: .* no area"),
        ("a.jpg,,.5,1,2,3,4", "line 2: has a box without a label"),
        (",car,.5,1,2,3,4", "line 2: the image column is empty"),
        ("a.jpg,car,7,1,2,3,4", "line 2: the score must be from 0 to 1"),
    ],
)
def test_a_wrong_row_is_named(row: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(f"{HEADER}{row}\n")
    with pytest.raises(LabelError, match=rf"rows\.csv: {said}"):
        read_image_set(tmp_path / "rows.csv")


def test_what_is_no_set_of_images_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "needs manifest.csv"),
        (tmp_path / "gone", "no such file or folder"),
    ):
        with pytest.raises(LabelError, match=said):
            read_image_set(path)
    (tmp_path / "a.bin").touch()
    with pytest.raises(LabelError, match="known formats are manifest, yolo"):
        read_image_set(tmp_path / "a.bin")


def test_a_manifest_that_leaves_its_folder_or_is_of_videos_is_refused(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", "")
    (tmp_path / "out.jpg").touch()
    (root / "events.csv").write_text("video,label,time\n")
    for line, said in (
        ("../out.jpg,", "is outside of"),
        ("images/a.jpg,events.csv", "is not a label file of an image"),
        ("images/gone.jpg,labels/a.txt", "image 'images/gone.jpg' does not exist"),
        ("images/a.jpg,labels/gone.txt", "label file 'labels/gone.txt' is missing"),
        ("images/a.jpg,\nimages/a.jpg,labels/a.txt", "is listed twice"),
    ):
        (root / "manifest.csv").write_text(f"video,labels\n{line}\n")
        with pytest.raises(LabelError, match=said):
            read_image_set(root)


@settings(max_examples=60)
@given(data=st.binary(max_size=200), name=st.sampled_from(["a.txt", "a.xml", "a.json", "a.csv"]))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(
    data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    draw(folder / "a.jpg")
    (folder / name).write_bytes(data)
    try:
        read = read_image_set(
            folder if name in {"a.txt", "a.xml"} else folder / name, classes=["x"]
        )
    except PlayheadError:
        return
    assert all(np.isfinite(one.boxes).all() for one in read.images)
