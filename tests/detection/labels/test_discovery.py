"""Which files of a folder are labels: whatever a label is called, it is read or spoken of."""

from pathlib import Path

import pytest

from playhead.detection.labels.files import read_pictures
from playhead.detection.labels.finding import walk
from playhead.detection.labels.raw import Fault
from playhead.detection.labels.sources import detect, parse
from playhead.errors import LabelError
from tests.detection.labels.picture_files import denied, draw

GOOD = "0 .5 .5 .25 .5\n"
VOC = (
    "<annotation><object><name>car</name><bndbox><xmin>25</xmin><ymin>13</ymin><xmax>40</xmax>"
    "<ymax>36</ymax></bndbox></object></annotation>"
)


def put(root: Path, *labels: str, text: str = GOOD, pictures: str = "") -> Path:
    """Label files under a folder, each with a picture of its stem, beside it or in `pictures`."""
    (root / "classes.txt").parent.mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("car\n")
    for label in labels:
        path = root / label
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        folder = root / pictures if pictures else path.parent
        draw(folder / f"{path.stem}.jpg", seed=len(label))
    return root


def names(path: Path, kind: str = "yolo") -> list[str]:
    """What a source speaks of, whatever is wrong with it."""
    return [one.names[0] for one in parse(path, kind, lambda *_: None).pictures]


def faults(path: Path, kind: str) -> list[tuple[Fault, str]]:
    told: list[tuple[Fault, str]] = []
    parse(path, kind, lambda fault, where, _: told.append((fault, Path(where).name)))
    return told


NAMES = ["license_plate_01", "readme2", "notes", "test", "train", "val", "LICENSE", "license_10"]


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_a_picture_has_the_name_of_is_a_label(name: str, tmp_path: Path) -> None:
    root = put(tmp_path, f"{name}.txt", "b.txt")
    assert [len(one.labels) for one in read_pictures(root).pictures] == [1, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_text_of_numbers_is_a_label_wherever_its_picture_lies(name: str, tmp_path: Path) -> None:
    root = put(tmp_path / "lic", f"{name}.txt", "b.txt", pictures="../photos")
    read = read_pictures(root, images=tmp_path / "photos")
    assert [len(one.labels) for one in read.pictures] == [1, 1]


def test_an_empty_text_that_a_picture_has_the_name_of_is_a_label(tmp_path: Path) -> None:
    put(tmp_path, "test.txt", text="")
    assert names(tmp_path) == ["test"]


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
        read_pictures(tmp_path)


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    yolo = put(tmp_path / "yolo", "a.TXT", "b.txt")
    voc = put(tmp_path / "voc", "a.XML", "b.xml", text=VOC)
    for root, kind in ((yolo, "yolo"), (voc, "voc")):
        assert detect(root) == kind
        assert names(root, kind) == ["a", "b"]
        assert [len(one.labels) for one in read_pictures(root).pictures] == [1, 1]
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "A.JSON").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [], "annotations": []}'
    )
    assert [len(one.labels) for one in read_pictures(tmp_path / "coco").pictures] == [0]


def test_a_stray_text_makes_no_yolo_of_a_folder_of_other_labels(tmp_path: Path) -> None:
    voc = put(tmp_path / "voc", "a.xml", "b.xml", text=VOC)
    (voc / "info.txt").write_text("Taken in June.\n")
    assert detect(voc) == "voc"
    assert faults(voc, "voc") == []
    coco = tmp_path / "coco"
    coco.mkdir()
    (coco / "info.txt").write_text("Taken in June.\n")
    (coco / "a.json").write_text('{"images": [], "categories": [], "annotations": []}')
    assert detect(coco) == "coco"


def test_a_folder_of_two_kinds_is_of_the_one_with_more_files_and_says_the_others(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a.xml", "b.xml", text=VOC)
    put(tmp_path, "c.txt", "a.txt")
    put(tmp_path, "d.xml", text=VOC)
    assert detect(tmp_path) == "voc"
    assert faults(tmp_path, "voc") == [(Fault.BESIDE, "a.txt"), (Fault.UNREAD, "c.txt")]
    with pytest.raises(LabelError, match=r"c\.txt: .*not read.*source of its own"):
        read_pictures(tmp_path)


def test_the_same_labels_in_two_kinds_are_read_strictly(tmp_path: Path) -> None:
    put(tmp_path, "a.xml", "b.xml", text=VOC)
    put(tmp_path, "a.txt", "b.txt")
    (tmp_path / "other.xml").write_text("<project></project>")
    (tmp_path / "all.json").write_text('{"images": [], "categories": [], "annotations": []}')
    (tmp_path / "package.json").write_text("{}")
    assert detect(tmp_path) == "yolo"
    assert faults(tmp_path, "yolo") == [
        (Fault.BESIDE, "a.xml"),
        (Fault.BESIDE, "all.json"),
        (Fault.BESIDE, "b.xml"),
    ]
    assert len(read_pictures(tmp_path)) == 2


def test_labels_outside_the_folders_of_labels_are_spoken_of(tmp_path: Path) -> None:
    put(tmp_path, "labels/w.txt", "extra/q.txt", "extra/w.txt")
    (tmp_path / "requirements.txt").write_text("numpy\n")
    assert faults(tmp_path, "yolo") == [(Fault.UNREAD, "q.txt"), (Fault.UNREAD, "w.txt")]
    with pytest.raises(LabelError, match=r"q\.txt: .*outside the folders `labels`"):
        read_pictures(tmp_path)


def test_a_folder_with_a_table_of_boxes_alone_is_read(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("picture,label,x1,y1,x2,y2\na.jpg,car,1,2,3,4\n")
    assert detect(tmp_path) == "csv"
    assert len(read_pictures(tmp_path).pictures[0].labels) == 1


def test_links_to_folders_are_followed_each_folder_once(tmp_path: Path) -> None:
    put(tmp_path / "disk", "labels/a.txt", "labels/b.txt", pictures="photos")
    root = tmp_path / "set"
    (root / "deep").mkdir(parents=True)
    (root / "classes.txt").write_text("car\n")
    (root / "labels").symlink_to(tmp_path / "disk" / "labels")
    (root / "images").symlink_to(tmp_path / "disk" / "photos")
    (root / "deep" / "again").symlink_to(root)
    (root / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "disk" / "labels" / "round").symlink_to(tmp_path / "disk" / "photos")
    read = read_pictures(root)
    assert [one.path for one in read.pictures] == [root / "images" / f"{n}.jpg" for n in "ab"]
    assert [len(one.labels) for one in read.pictures] == [1, 1]
    assert walk(root).links == [root / "images", root / "labels"]


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "labels/a.txt", "labels/night/b.txt", pictures="images")
    (tmp_path / "lost+found").mkdir()
    denied(monkeypatch, tmp_path / "labels" / "night", tmp_path / "lost+found")
    assert faults(tmp_path, "yolo") == [(Fault.UNREADABLE_FOLDER, "night")]
    with pytest.raises(LabelError, match=r"night: cannot be listed: Permission denied"):
        read_pictures(tmp_path)
    denied(monkeypatch, tmp_path / "labels")
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(LabelError, match=r"labels: cannot be listed: Permission denied"):
        detect(tmp_path)


def test_a_folder_of_pictures_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, photos = tmp_path / "set", tmp_path / "photos"
    put(root, "labels/a.txt", pictures="../photos")
    draw(photos / "night" / "b.jpg")
    denied(monkeypatch, photos / "night")
    with pytest.raises(LabelError, match=r"night: cannot be listed: Permission denied"):
        read_pictures(root, images=photos)


def test_a_label_of_a_picture_that_cannot_be_read_here_says_so(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    (tmp_path / "anim.txt").write_text(GOOD)
    (tmp_path / "anim.gif").write_bytes(b"GIF89a")
    with pytest.raises(LabelError, match=r"no picture 'anim' .*anim\.gif.*PNG"):
        read_pictures(tmp_path)
    (tmp_path / "anim.gif").unlink()
    (tmp_path / "anim.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(LabelError, match=r"no picture 'anim' .*anim\.jpg is a link"):
        read_pictures(tmp_path)
