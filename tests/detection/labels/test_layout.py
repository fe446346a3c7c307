"""Layouts: what tools export brings its classes and splits along without any option."""

import json
from pathlib import Path

import pytest

from playhead.config import validate
from playhead.detection.config import DataConfig
from playhead.detection.data import split_images
from playhead.detection.labels.layout import find_layout, walk
from playhead.detection.labels.parsed import refuse
from playhead.detection.labels.read import parse_labels, read_image_set
from playhead.errors import LabelError
from tests.detection.label_sources import run
from tests.detection.labels.image_files import denied, draw

GOOD = "0 .5 .5 .25 .5\n"
VOC = (
    "<annotation><object><name>car</name><bndbox><xmin>25</xmin><ymin>13</ymin><xmax>40</xmax>"
    "<ymax>36</ymax></bndbox></object></annotation>"
)


def put(root: Path, *labels: str, text: str = GOOD, images: str = "") -> Path:
    """Label files under a folder, each with an image of its stem, beside it or in `images`."""
    (root / "classes.txt").parent.mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("car\n")
    for label in labels:
        path = root / label
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        folder = root / images if images else path.parent
        draw(folder / f"{path.stem}.jpg", seed=len(label))
    return root


def names(path: Path) -> list[str]:
    return [image.name for image in parse_labels(find_layout(path), refuse).images]


def pairs(root: Path, *files: tuple[str, str], classes: str = "") -> Path:
    """Images with label files of YOLO, by their paths."""
    for place, (image, label) in enumerate(files):
        draw(root / image, seed=place)
        (root / label).parent.mkdir(parents=True, exist_ok=True)
        (root / label).write_text(GOOD)
    if classes:
        (root / "classes.txt").write_text(classes)
    return root


def instances(path: Path, *images: str, first: int = 1) -> None:
    """A COCO document with a box of car in each image, all of one name and id in each document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "images": [
            {"id": k, "file_name": name, "width": 64, "height": 48}
            for k, name in enumerate(images, start=first)
        ],
        "categories": [{"id": 3, "name": "car"}],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 3, "bbox": [24, 12, 16, 24]}
            for k in range(first, first + len(images))
        ],
    }
    path.write_text(json.dumps(document))


def yaml_set(root: Path, text: str, train: str = "train", valid: str = "valid") -> Path:
    """Two images and labels in the folders of Roboflow, and a `data.yaml`."""
    pairs(
        root,
        (f"{train}/images/a.jpg", f"{train}/labels/a.txt"),
        (f"{valid}/images/b.jpg", f"{valid}/labels/b.txt"),
    )
    (root / "data.yaml").write_text(text)
    return root


def train_beside_labels(root: Path) -> Path:
    files = [(f"{split}/images/{n}.jpg", f"{split}/labels/{n}.txt") for split, n in SPLITS]
    return pairs(root, *files, classes="car\n")


def images_of_splits(root: Path) -> Path:
    files = [(f"images/{split}/{n}.jpg", f"labels/{split}/{n}.txt") for split, n in SPLITS]
    return pairs(root, *files, classes="car\n")


def roboflow(root: Path) -> Path:
    text = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\n"
    return yaml_set(root, f"{text}names: ['car']\n")


def ultralytics(root: Path) -> Path:
    """Folders whose names say nothing, below `path` as it was on another machine."""
    text = "path: /content/datasets/mine\ntrain: one/images\nval: [two/images]\nnames: {0: car}\n"
    return yaml_set(root, text, "one", "two")


def path_of_yaml(root: Path) -> Path:
    yaml_set(root / "sub", "", "one", "two")
    (root / "sub" / "data.yaml").unlink()
    text = "path: sub\ntrain: one/images\nval:\n  - two/images\nnames:\n  - car\n"
    (root / "data.yaml").write_text(text)
    return root


def lists_of_files(root: Path) -> Path:
    files = [(f"images/{n}.jpg", f"labels/{n}.txt") for n in "ab"]
    pairs(root, *files)
    (root / "train.txt").write_text("./images/a.jpg\n\n")
    (root / "val.txt").write_text("data/images/b.jpg\r\n")
    (root / "data.yaml").write_text("path: .\ntrain: train.txt\nval: val.txt\nnames: [car]\n")
    return root


def coco_2017(root: Path) -> Path:
    """As it is distributed, with images of one name in both splits, and captions beside."""
    for place, (split, images) in enumerate((("train", ["a.jpg"]), ("val", ["a.jpg"]))):
        instances(root / "annotations" / f"instances_{split}2017.json", *images)
        draw(root / f"{split}2017" / "a.jpg", seed=place)
        captions = {"images": [], "annotations": [{"id": 1, "caption": "A car."}]}
        (root / "annotations" / f"captions_{split}2017.json").write_text(json.dumps(captions))
    return root


def coco_in_images(root: Path) -> Path:
    for place, (split, name) in enumerate(SPLITS):
        instances(root / "annotations" / f"instances_{split}.json", f"{name}.jpg")
        draw(root / "images" / split / f"{name}.jpg", seed=place)
    return root


def coco_of_roboflow(root: Path) -> Path:
    for place, (split, name) in enumerate(SPLITS):
        instances(root / split / "_annotations.coco.json", f"{name}.jpg")
        draw(root / split / f"{name}.jpg", seed=place)
    return root


def voc_of_the_challenge(root: Path) -> Path:
    for place, (name, listed) in enumerate((("a", "train"), ("b", "val"))):
        draw(root / "JPEGImages" / f"{name}.jpg", seed=place)
        for path, text in (("Annotations", VOC), ("ImageSets/Main", f"{name}\n")):
            (root / path).mkdir(parents=True, exist_ok=True)
            file = f"{name}.xml" if path == "Annotations" else f"{listed}.txt"
            (root / path / file).write_text(text)
    (root / "ImageSets" / "Main" / "trainval.txt").write_text("a\nb\n")
    (root / "ImageSets" / "Main" / "car_train.txt").write_text("a 1\n")
    (root / "ImageSets" / "Main" / "test.txt").write_text("")
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n")
    return root


SPLITS = (("train", "a"), ("val", "b"))
LAYOUTS = [
    *(train_beside_labels, images_of_splits, roboflow, ultralytics, path_of_yaml, lists_of_files),
    *(coco_2017, coco_in_images, coco_of_roboflow, voc_of_the_challenge),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout.__name__ for layout in LAYOUTS])
def test_a_layout_brings_its_splits_and_classes_to_reading_training_and_normalising(
    layout: object, tmp_path: Path
) -> None:
    assert callable(layout)
    root = layout(tmp_path / "set")
    read = read_image_set(root)
    assert read.classes == ("car",)
    assert sorted(str(image.split) for image in read.images) == ["train", "valid"]
    for image in read.images:
        assert image.boxes.round(6).tolist() == [[24, 12, 40, 36]]
        assert image.path.is_file()
    sides = split_images(validate(DataConfig, {"manifest": str(root)}, source="test"))
    by_split = {image.split: image.path for image in read.images}
    assert [image.path for image in sides.train.images] == [by_split["train"]]
    assert [image.path for image in sides.valid.images] == [by_split["valid"]]
    made = run(tmp_path / "out", root).images
    assert made.count() == {"car": 2}
    assert sorted(str(image.split) for image in made.images) == ["train", "valid"]


def test_each_document_of_coco_finds_the_image_of_its_own_split(tmp_path: Path) -> None:
    read = read_image_set(coco_2017(tmp_path))
    assert [(image.path.parent.name, image.split) for image in read.images] == [
        ("train2017", "train"),
        ("val2017", "valid"),
    ]
    one = read_image_set(tmp_path / "annotations" / "instances_val2017.json")
    assert [(image.path.parent.name, image.split) for image in one.images] == [("val2017", "valid")]


def test_a_list_of_a_split_overrides_the_name_of_a_folder(tmp_path: Path) -> None:
    text = "train: valid/images\nval: train/images\nnames: [car]\n"
    root = yaml_set(tmp_path / "set", text)
    for images in (read_image_set(root), run(tmp_path / "out", root).images):
        splits = {image.path.stem: image.split for image in images.images}
        assert splits == {"a": "valid", "b": "train"}


@pytest.mark.parametrize("given", ["data.yaml", "coco8.yaml"])
def test_a_data_yaml_is_read_by_its_path(given: str, tmp_path: Path) -> None:
    (roboflow(tmp_path) / "data.yaml").rename(tmp_path / given)
    read = read_image_set(tmp_path / given)
    assert read.classes == ("car",)
    assert [image.split for image in read.images] == ["train", "valid"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("train: train/images\nval: vald/images", r"val: there is no vald/images under .*correct"),
        ("train: ../../elsewhere\nval: valid/images", r"train: .*elsewhere lies outside .*set"),
        ("train: .\nval: valid/images", r"b\.jpg is listed in both valid and train"),
        ("train: {a: b}\nval: valid/images", r"train: needs a folder or a list of files"),
        ("train: [[a]]\nval: valid/images", r"train: needs a folder or a list of files"),
        (
            "train: list.txt\nval: valid/images",
            r"list\.txt: line 1: c\.jpg matches .*add the image's folder",
        ),
    ],
)
def test_a_data_yaml_whose_entries_cannot_be_used_is_refused(
    entries: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = yaml_set(tmp_path / "in" / "set", f"{entries}\nnames: [car]\n")
    draw(root / "x" / "c.jpg")
    draw(root / "y" / "c.jpg", seed=1)
    (root / "list.txt").write_text("c.jpg\n")
    with pytest.raises(LabelError, match=rf"data\.yaml: {said}|{said}"):
        read_image_set(root)


def test_a_label_does_not_take_the_image_of_its_name_in_another_split(tmp_path: Path) -> None:
    root = train_beside_labels(tmp_path)
    (root / "val" / "labels" / "a.txt").write_text(GOOD)
    with pytest.raises(LabelError, match=r"val/labels/a\.txt: there is no image 'val/a'"):
        read_image_set(root)


NAMES = ["license_plate_01", "readme2", "notes", "test", "train", "val", "LICENSE", "license_10"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", [GOOD, ""])
def test_a_text_that_an_image_has_the_name_of_is_a_label(
    name: str, text: str, tmp_path: Path
) -> None:
    put(tmp_path / "beside", f"{name}.txt", "b.txt", text=text)
    assert names(tmp_path / "beside") == sorted([name, "b"])
    root = put(tmp_path / "apart", f"{name}.txt", "b.txt", text=text, images="../photos")
    read = read_image_set(root, images=tmp_path / "photos")
    assert [len(image.labels) for image in read.images] == [len(text.split()) // 5] * 2


@pytest.mark.parametrize(
    "name",
    ["README.txt", "LICENSE.txt", "notes.txt", "train.txt", "README.roboflow.txt", "Classes.TXT"],
)
def test_a_well_known_text_beside_labels_is_none(name: str, tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    (tmp_path / name).write_text("images/a.jpg\n")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["license_plate_01.txt", "readme_first.txt", "info.txt"])
def test_any_other_text_is_read_and_wrong_where_it_holds_no_boxes(
    name: str, tmp_path: Path
) -> None:
    put(tmp_path, "a.txt")
    (tmp_path / name).write_text("Taken in June.\n")
    with pytest.raises(LabelError, match=rf"{name}: line 1: needs numbers"):
        read_image_set(tmp_path)


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    yolo = put(tmp_path / "yolo", "a.TXT", "b.txt")
    voc = put(tmp_path / "voc", "a.XML", "b.xml", text=VOC)
    for root in (yolo, voc):
        assert names(root) == ["a", "b"]
        assert [len(image.labels) for image in read_image_set(root).images] == [1, 1]
    instances(tmp_path / "coco" / "A.JSON", "a.jpg")
    assert [len(image.labels) for image in read_image_set(tmp_path / "coco").images] == [1]


def test_a_note_beside_labels_of_another_format_is_passed_over(tmp_path: Path) -> None:
    voc = put(tmp_path / "voc", "a.xml", "b.xml", text=VOC)
    (voc / "info.txt").write_text("Taken in June.\n")
    assert find_layout(voc).format == "voc"
    instances(tmp_path / "coco" / "a.json", "a.jpg")
    (tmp_path / "coco" / "info.txt").write_text("Taken in June.\n")
    assert find_layout(tmp_path / "coco").format == "coco"
    yolo = put(tmp_path / "yolo", "a.txt")
    (yolo / "notes.json").write_text("{}")
    assert find_layout(yolo).format == "yolo"


@pytest.mark.parametrize("xml", ["a.xml", "c.xml"])
def test_a_folder_of_yolo_and_voc_is_refused(xml: str, tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "b.txt")
    put(tmp_path, xml, text=VOC)
    said = rf"has both YOLO labels \(2, first a\.txt\) and VOC labels \(1, first {xml}\)"
    with pytest.raises(LabelError, match=said):
        read_image_set(tmp_path)


def test_a_label_outside_the_folders_of_labels_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "labels/w.txt", "extra/q.txt")
    (tmp_path / "requirements.txt").write_text("numpy\n")
    with pytest.raises(LabelError, match=r"extra/q\.txt: .*outside the folders `labels`"):
        read_image_set(tmp_path)
    (tmp_path / "extra" / "q.txt").unlink()
    assert names(tmp_path) == ["w"]


def test_a_folder_with_a_table_of_boxes_alone_is_read(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("image,label,x1,y1,x2,y2\na.jpg,car,1,2,3,4\n")
    assert find_layout(tmp_path).format == "csv"
    assert len(read_image_set(tmp_path).images[0].labels) == 1


def test_links_to_folders_are_followed_each_folder_once(tmp_path: Path) -> None:
    put(tmp_path / "disk", "labels/a.txt", "labels/b.txt", images="photos")
    root = tmp_path / "set"
    (root / "deep").mkdir(parents=True)
    (root / "classes.txt").write_text("car\n")
    (root / "labels").symlink_to(tmp_path / "disk" / "labels")
    (root / "images").symlink_to(tmp_path / "disk" / "photos")
    (root / "deep" / "again").symlink_to(root)
    (root / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "disk" / "labels" / "round").symlink_to(tmp_path / "disk" / "photos")
    read = read_image_set(root)
    assert [image.path for image in read.images] == [root / "images" / f"{n}.jpg" for n in "ab"]
    assert [len(image.labels) for image in read.images] == [1, 1]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", ".ipynb_checkpoints/a-checkpoint.txt")
    (tmp_path / "._a.txt").write_bytes(b"\xff\xfe")
    assert [path.name for path in walk(tmp_path)] == ["a.jpg", "a.txt", "classes.txt"]


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "labels/a.txt", "labels/night/b.txt", images="images")
    (tmp_path / "lost+found").mkdir()
    denied(monkeypatch, tmp_path / "labels" / "night", tmp_path / "lost+found")
    with pytest.raises(LabelError, match=r"night: cannot be listed: Permission denied"):
        read_image_set(tmp_path)


def test_a_folder_of_images_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, photos = tmp_path / "set", tmp_path / "photos"
    put(root, "labels/a.txt", images="../photos")
    draw(photos / "night" / "b.jpg")
    denied(monkeypatch, photos / "night")
    with pytest.raises(LabelError, match=r"night: cannot be listed: Permission denied"):
        read_image_set(root, images=photos)
