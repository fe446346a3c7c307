"""Normalising: sources of labels become one set, and nothing happens unsaid."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images
from playhead.detection.normalise.config import load_normalise_config
from playhead.errors import ConfigError, LabelError, PlayheadError
from playhead.events.images import ImageSet
from tests.detection.label_sources import (
    GOOD,
    VOC,
    boxes_of,
    found,
    run,
    yolo,
)
from tests.detection.labels.image_files import draw, labelled, same


def test_boxes_of_one_image_scattered_over_folders_are_merged_with_the_class_of_each(
    tmp_path: Path,
) -> None:
    """The case that this was made for: every id is 0, a folder a class, one folder of images."""
    draw(tmp_path / "images" / "a.jpg", seed=1)
    draw(tmp_path / "images" / "b.jpg", seed=2)
    for name, lines in (("faces", "0 .5 .5 .25 .5\n"), ("cars", "0 .25 .25 .5 .5\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(lines)
    (tmp_path / "cars" / "b.txt").write_text("0 .5 .5 1 1\n")
    report = run(
        tmp_path / "out",
        f"face={tmp_path / 'faces'}",
        f"car={tmp_path / 'cars'}",
        images=tmp_path / "images",
    )
    assert boxes_of(tmp_path / "out") == {
        "a.jpg": [("face", [24, 12, 40, 36]), ("car", [0, 0, 32, 24])],
        "b.jpg": [("car", [0, 0, 64, 48])],
    }
    assert report.images.classes == ("face", "car")
    assert (tmp_path / "out" / "classes.txt").read_text() == "face\ncar\n"
    assert not report.warnings  # one of the sources tells the faces of every image


def test_a_class_that_the_labels_of_other_images_do_not_know_is_warned_of(
    tmp_path: Path,
) -> None:
    both = yolo(tmp_path / "both", {"a": f"{GOOD}1 .5 .5 .2 .2\n"})
    cars = yolo(tmp_path / "cars", {"b": GOOD}, classes="car\n", seed=5)
    [warning] = run(tmp_path / "out", both, cars).warnings
    assert "plate is labelled in only 1 of 2 images" in warning


def test_images_that_are_held_empty_lack_no_class(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD}, classes="car\n")
    draw(root / "images" / "b.jpg", seed=5)
    assert not run(tmp_path / "out", root, unlabelled="empty").warnings


def test_images_are_found_in_images_beside_the_label_folders(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "a.jpg")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a.txt").write_text(GOOD)
    run(tmp_path / "out", f"face={tmp_path / 'faces'}")
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("face", [24, 12, 40, 36])]}


def test_every_format_is_merged_into_the_same_boxes(tmp_path: Path) -> None:
    root = yolo(tmp_path / "yolo", {"a": GOOD}, classes="car\n")
    true = read_image_set(root)
    for kind in ("voc", "coco", "csv"):
        write_images(true, tmp_path / kind, [kind])
    sources = [
        root,
        tmp_path / "voc",
        tmp_path / "coco" / "annotations.coco.json",
        tmp_path / "csv" / "boxes.csv",
    ]
    report = run(tmp_path / "out", *sources, images=root / "images")
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("car", [24, 12, 40, 36])]}
    assert [found(report, k).get("duplicate", 0) for k in range(4)] == [0, 1, 1, 1]
    assert [one.kept for one in report.sources] == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("line", "kind", "box"),
    [
        ("0 .5 .5 0 .5", "no area", None),
        ("0 .5 nan .25 .5", "not finite", None),
        ("0 .5 inf .25 .5", "not finite", None),
        ("0 .5 x .25 .5", "not a number", None),
        ("0 .5 .5 .25", "wrong number of values", None),
        ("7 .5 .5 .25 .5", "unknown class", None),
        ("-1 .5 .5 .25 .5", "unknown class", None),
        ("0 320 240 64 48", "pixels instead of fractions", None),
        ("0 1.4 .5 .25 .5", "outside the image", None),
        ("0 .5 .5 .01 .5", "too small", None),
        ("0 .5 .5 .25 .5 .9", "score", [24, 12, 40, 36]),
        ("0 1 .5 .25 .5", "extends past the edge", [56, 12, 64, 36]),
        ("0 .375 .25 .625 .25 .625 .75", "polygon", [24, 12, 40, 36]),
    ],
)
def test_a_faulty_line_is_repaired_or_left_out_and_counted_with_its_place(
    line: str, kind: str, box: list[float] | None, tmp_path: Path
) -> None:
    root = yolo(tmp_path / "set", {"a": f"1 .25 .25 .25 .25\n{line}\n"})
    report = run(tmp_path / "out", root)
    assert found(report) == {kind: 1}
    expected = [("plate", [8, 6, 24, 18])] + ([("car", box)] if box else [])
    assert boxes_of(tmp_path / "out") == {"a.jpg": expected}
    [row] = report.repair_rows()
    assert "a.txt: line 2" in row["first"]
    [source] = json.loads((tmp_path / "out" / "report.json").read_text())["sources"]
    assert source["found"][kind]["count"] == 1
    assert "a.txt: line 2" in source["found"][kind]["examples"][0]


def test_a_faulty_line_is_too_long_by_rounding_alone_and_nothing_is_said(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": "0 .5 .5 1.000002 1.000002\n"})
    report = run(tmp_path / "out", root)
    assert found(report) == {}
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("car", [0, 0, 64, 48])]}


def test_a_class_that_stands_twice_in_a_list_is_one_class(tmp_path: Path) -> None:
    lines = "1 .5 .5 .25 .5\n2 .25 .25 .25 .25\n"
    root = yolo(tmp_path / "set", {"a": lines}, classes="car\ncar\nplate\n")
    run(tmp_path / "out", root)
    assert [name for name, _ in boxes_of(tmp_path / "out")["a.jpg"]] == ["car", "plate"]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["names: {0: car, x: plate}\n", "names: " + "[" * 5000])
def test_a_broken_yaml_of_classes_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD}, classes="")
    (root / "data.yaml").write_text(text)
    with pytest.raises(LabelError, match=r"data\.yaml: "):
        run(tmp_path / "out", root)


def test_a_byte_order_mark_and_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": b"\xef\xbb\xbf0 .5 .5 .25 .5\r\n1 .5 .5 .25 .5\r\n"})
    assert found(run(tmp_path / "out", root)) == {}
    assert len(boxes_of(tmp_path / "out")["a.jpg"]) == 2


def test_images_that_are_missing_or_cannot_be_read_are_counted(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", dict.fromkeys("abcd", GOOD), classes="car\n")
    (root / "images" / "a.jpg").unlink()
    (root / "images" / "b.jpg").write_text("no image")
    data = (root / "images" / "c.jpg").read_bytes()
    (root / "images" / "c.jpg").write_bytes(data[: len(data) // 2])
    report = run(tmp_path / "out", root)
    assert found(report) == {"label without an image": 1, "unreadable image": 2}
    assert list(boxes_of(tmp_path / "out")) == ["d.jpg"]
    assert found(run(tmp_path / "out3", root, check="header"))["unreadable image"] == 1


def test_a_label_finds_its_image_however_an_accent_is_written(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"cafe\u0301": GOOD, "b": GOOD}, classes="car\n")
    (root / "images" / "cafe\u0301.jpg").rename(root / "images" / "caf\u00e9.jpg")
    report = run(tmp_path / "out", root)
    assert found(report) == {}
    assert sorted(boxes_of(tmp_path / "out")) == ["b.jpg", "caf\u00e9.jpg"]


def test_where_both_spellings_are_images_a_label_is_ambiguous(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"cafe\u0301": GOOD, "caf\u00e9": GOOD, "b": GOOD})
    report = run(tmp_path / "out", root)
    assert found(report)["label that matches several images"] == 2
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


def test_forty_per_cent_of_labels_without_an_image_are_warned_of(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {f"{k}": GOOD for k in range(10)}, classes="car\n")
    for k in range(4):
        (root / "images" / f"{k}.jpg").unlink()
    report = run(tmp_path / "out", root)
    assert found(report) == {"label without an image": 4}
    [warning] = report.warnings
    assert "4 of 10 labels (40%) have no image" in warning
    assert len(boxes_of(tmp_path / "out")) == 6


def test_missing_images_of_a_manifest_are_a_share_of_its_rows(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {f"{k}": GOOD for k in range(10)}, classes="car\n")
    rows = "".join(f"images/{k}.jpg,labels/{k}.txt\n" for k in range(10))
    (root / "manifest.csv").write_text(f"video,labels\n{rows}")
    for k in range(4):
        (root / "images" / f"{k}.jpg").unlink()
    [warning] = run(tmp_path / "out", root).warnings
    assert "4 of 10 labels (40%) have no image" in warning


def test_two_images_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    one = yolo(tmp_path / "one", {"a": GOOD}, seed=1)
    two = yolo(tmp_path / "two", {"a": "1 .25 .25 .5 .5\n"}, seed=2)
    report = run(tmp_path / "out", one, two)
    assert boxes_of(tmp_path / "out") == {
        "one/a.jpg": [("car", [24, 12, 40, 36])],
        "two/a.jpg": [("plate", [0, 0, 32, 24])],
    }
    assert found(report, 1) == {"two images with one name": 1}


def test_names_that_differ_in_their_suffix_or_case_alone_are_kept_apart(tmp_path: Path) -> None:
    for place, name in enumerate(("a.jpg", "a.png", "A.jpg")):
        draw(tmp_path / "coco" / name, seed=place)
    images = [
        labelled(tmp_path / "coco" / n, [[1, 2, 9, 9]], [0]) for n in ("a.jpg", "a.png", "A.jpg")
    ]
    write_images(ImageSet(("car",), tuple(images)), tmp_path / "coco", ["coco"])
    run(tmp_path / "out", tmp_path / "coco" / "annotations.coco.json")
    written = [
        Path(name).with_suffix("").as_posix().casefold() for name in boxes_of(tmp_path / "out")
    ]
    assert len(set(written)) == 3


def test_a_label_that_fits_two_images_is_left_out_and_said(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    draw(root / "images" / "a.png", seed=9)
    report = run(tmp_path / "out", root)
    assert found(report)["label that matches several images"] == 1
    assert list(boxes_of(tmp_path / "out")) == ["b.jpg"]


def test_one_image_copied_into_two_sources_is_one_with_the_labels_of_both(tmp_path: Path) -> None:
    one = yolo(tmp_path / "one", {"a": GOOD}, seed=1)
    two = yolo(tmp_path / "two", {"a": "1 .25 .25 .5 .5\n"}, seed=1)
    report = run(tmp_path / "out", one, two)
    assert found(report, 1) == {"the same image twice": 1}
    assert boxes_of(tmp_path / "out") == {
        "a.jpg": [("car", [24, 12, 40, 36]), ("plate", [0, 0, 32, 24])]
    }


def test_the_same_pixels_under_two_names_are_in_one_group(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    (root / "images" / "b.jpg").write_bytes((root / "images" / "a.jpg").read_bytes())
    report = run(tmp_path / "out", root)
    assert found(report) == {"the same image under two names": 1}
    assert len({one.group for one in read_image_set(tmp_path / "out").images}) == 1


def test_duplicates_are_of_one_class_and_at_the_overlap_that_was_set(tmp_path: Path) -> None:
    """0 to 40 and 4 to 40 of 64: their IoU is 36 / 40 = .9 exactly."""
    lines = "0 .3125 .5 .625 1\n0 .34375 .5 .5625 1\n1 .3125 .5 .625 1\n"
    root = yolo(tmp_path / "set", {"a": lines})
    assert found(run(tmp_path / "out", root)) == {"duplicate": 1}
    assert [name for name, _ in boxes_of(tmp_path / "out")["a.jpg"]] == ["car", "plate"]
    assert found(run(tmp_path / "out2", root, duplicates=0.91)) == {}


def test_a_class_without_boxes_is_kept_and_warned_of(tmp_path: Path) -> None:
    report = run(tmp_path / "out", yolo(tmp_path / "set", {"a": GOOD}))
    assert report.images.count() == {"car": 1, "plate": 0}
    assert ["no box of plate" in warning for warning in report.warnings] == [True]


def test_yolo_in_pixels_is_not_read_and_says_so(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": "0 32 24 16 24\n", "b": GOOD})
    report = run(tmp_path / "out", root)
    assert found(report)["pixels instead of fractions"] == 1
    [row] = [row for row in report.repair_rows() if row["found"] == "pixels instead of fractions"]
    assert row["first"].startswith(".../a.txt: line 1: 32 is not a fraction of a side")
    (tmp_path / "px.yaml").write_text("sources: [{path: set, units: pixels}]\n")
    with pytest.raises(ConfigError, match="units is not a setting"):
        load_normalise_config([str(tmp_path / "px.yaml")], {})


@pytest.mark.parametrize(
    ("size", "kind", "box"),
    [
        ((64, 48), None, [24, 12, 40, 36]),
        ((128, 96), "declared size of another scale", [12, 6, 20, 18]),
        ((48, 64), "declared size with another aspect ratio", None),
    ],
)
def test_boxes_of_an_image_that_was_resized_follow_it_and_others_are_left_out(
    size: tuple[int, int], kind: str | None, box: list[float] | None, tmp_path: Path
) -> None:
    draw(tmp_path / "set" / "a.jpg")
    (tmp_path / "set" / "a.xml").write_text(VOC.format(*size))
    draw(tmp_path / "set" / "b.jpg", seed=1)
    (tmp_path / "set" / "b.xml").write_text(VOC.format(64, 48))
    report = run(tmp_path / "out", tmp_path / "set")
    left = {} if box else {"labels without a usable box": 1}
    assert found(report) == ({kind: 1} if kind else {}) | left
    boxes = {"b.jpg": [("car", [24, 12, 40, 36])]}
    assert boxes_of(tmp_path / "out") == boxes | ({"a.jpg": [("car", box)]} if box else {})


def test_boxes_lie_in_the_image_as_it_is_displayed(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.zeros((64, 48, 3), np.uint8)).save(root / "images" / "a.jpg", exif=exif)
    run(tmp_path / "out", root)
    [image] = read_image_set(tmp_path / "out").images
    assert image.size == (64, 48)
    assert image.boxes.tolist() == [[24, 12, 40, 36]]


def test_a_broken_document_is_an_error_that_names_it(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    (tmp_path / "a.json").write_text('{"images": [')
    with pytest.raises(PlayheadError, match=r"a\.json: line 1"):
        run(tmp_path / "out", tmp_path / "a.json")


CELL = st.sampled_from(["0", "1", "2", "-1", ".5", ".25", "1", "1.3", "nan", "x", "640", "0.01"])


@pytest.mark.slow
@settings(max_examples=60)
@given(lines=st.lists(st.lists(CELL, max_size=8).map(" ".join), max_size=12))
def test_every_line_is_kept_or_counted(
    lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    root = yolo(folder / "set", {"a": "\n".join(lines), "b": GOOD}, classes="car\nplate\n")
    [tally] = run(folder / "out", root).sources
    outcomes = {row["found"]: row["outcome"] for row in run(folder / "out2", root).repair_rows()}
    left_out = sum(
        count for kind, (count, _) in tally.cases.items() if outcomes[str(kind)] == "box left out"
    )
    assert tally.kept + left_out == sum(1 for line in lines if line.strip()) + 1
    read = read_image_set(folder / "out")
    assert sum(read.count().values()) == tally.kept
    for one in read.images:
        assert np.all(one.boxes >= -1e-6)
        assert np.all(one.boxes[:, 2:] <= np.array(one.size) + 1e-6)
        assert np.all(one.boxes[:, 2:] - one.boxes[:, :2] >= 1 - 1e-6)


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.binary(max_size=120), suffix=st.sampled_from([".txt", ".xml"]))
def test_any_bytes_in_a_label_file_leave_the_others_standing(
    data: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    draw(folder / "set" / "a.jpg", seed=1)
    draw(folder / "set" / "b.jpg", seed=2)
    (folder / "set" / f"a{suffix}").write_bytes(data)
    good = GOOD if suffix == ".txt" else VOC.format(64, 48)
    (folder / "set" / f"b{suffix}").write_text(good)
    run(folder / "out", folder / "set", classes=["car"])
    assert boxes_of(folder / "out")["b.jpg"] == [("car", [24, 12, 40, 36])]


def test_documents_in_folders_of_splits_find_the_images_beside_them(tmp_path: Path) -> None:
    for place, split in enumerate(("train", "valid")):
        image = draw(tmp_path / "set" / split / "a.jpg", seed=place)
        true = ImageSet(("car",), (labelled(image, [[place, 2, 30, 40]], [0]),))
        write_images(true, tmp_path / "set" / split, ["coco"], root=image.parent)
    run(tmp_path / "out", tmp_path / "set")
    assert boxes_of(tmp_path / "out") == {
        "train/a.jpg": [("car", [0, 2, 30, 40])],
        "valid/a.jpg": [("car", [1, 2, 30, 40])],
    }
    assert [one.split for one in read_image_set(tmp_path / "out").images] == ["train", "valid"]
    assert same(read_image_set(tmp_path / "out"), read_image_set(tmp_path / "set"))
