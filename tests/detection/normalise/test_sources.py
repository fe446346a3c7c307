"""What the sources of a set are made of: names, kinds, links, and what is never written there."""

import json
from pathlib import Path

import pytest

from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import load_normalise_config
from playhead.detection.normalise.write import write_report
from playhead.errors import ConfigError, LabelError
from tests.detection.label_sources import (
    GOOD,
    VOC,
    boxes_of,
    checksums,
    config_of,
    found,
    run,
    yolo,
)
from tests.detection.labels.image_files import draw


def voc(root: Path, *names: str) -> Path:
    for name in names:
        draw(root / f"{name}.jpg", seed=sum(map(ord, name)))
        (root / f"{name}.xml").write_text(VOC.format(64, 48))
    return root


@pytest.mark.parametrize("name", ["license_plate_01", "test", "notes", "readme"])
def test_an_empty_label_is_one_wherever_the_image_of_its_name_lies(
    name: str, tmp_path: Path
) -> None:
    root = yolo(tmp_path / "set", {name: "", "b": GOOD})
    (root / "images").rename(tmp_path / "photos")
    report = run(tmp_path / "out", root / "labels", images=tmp_path / "photos", classes=["car"])
    assert found(report) == {"label without boxes": 1}


def test_labels_of_two_formats_are_refused_until_the_format_is_named(tmp_path: Path) -> None:
    root = voc(tmp_path / "set", "a", "b")
    draw(root / "c.jpg", seed=5)
    (root / "c.txt").write_text(GOOD)
    with pytest.raises(
        LabelError, match=r"YOLO labels \(1, first c\.txt\) and VOC labels \(2, first a\.xml\)"
    ):
        run(tmp_path / "out", root)
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        "sources:\n  - {path: set, format: voc}\n  - {path: set, format: yolo, class: car}\n"
    )
    normalise(load_normalise_config([str(sources)], {}), tmp_path / "both")
    assert len(boxes_of(tmp_path / "both")) == 3


def test_a_label_outside_the_folders_of_labels_is_refused(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"w": GOOD}, classes="car\n")
    (root / "extra").mkdir()
    (root / "extra" / "q.txt").write_text(GOOD)
    draw(root / "extra" / "q.jpg", seed=3)
    with pytest.raises(
        LabelError, match=r"extra/q\.txt: is a label file outside the folders `labels`"
    ):
        run(tmp_path / "out", root, unlabelled="empty")


@pytest.mark.parametrize("kind", ["yolo", "coco"])
def test_the_spaces_around_the_name_of_a_class_are_left_out(kind: str, tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": f"{GOOD}1 .25 .25 .5 .5\n"}, classes="")
    (root / "data.yaml").write_text('names: [" car ", "car"]\n')
    source = root
    if kind == "coco":
        boxes = [[24, 12, 16, 24], [0, 0, 32, 24]]
        document = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
            "categories": [{"id": 1, "name": " car "}, {"id": 2, "name": "car"}],
            "annotations": [
                {"image_id": 1, "category_id": place, "bbox": box}
                for place, box in enumerate(boxes, start=1)
            ],
        }
        source = root / "images" / "all.json"
        source.write_text(json.dumps(document))
    assert found(run(tmp_path / "out", source)) == {}
    assert boxes_of(tmp_path / "out") == {
        "a.jpg": [("car", [24, 12, 40, 36]), ("car", [0, 0, 32, 24])]
    }


@pytest.mark.parametrize("name", ["two\nlines", " ", "two\rlines"])
def test_a_class_that_cannot_be_written_is_refused_by_a_dry_run_too(
    name: str, tmp_path: Path
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD}, classes="")
    (root / "data.yaml").write_text(f"names: [{json.dumps(name)}]\n")
    for dry_run in (True, False):
        with pytest.raises(LabelError, match="a class name is one line"):
            normalise(config_of(root), tmp_path / "out", dry_run=dry_run)
    assert not (tmp_path / "out").exists()
    source = tmp_path / "sources.yaml"
    source.write_text(json.dumps({"sources": [{"path": "set", "classes": {"0": "car"}}]}))
    run(tmp_path / "out", source)


def test_an_image_in_two_lists_of_voc_is_refused(tmp_path: Path) -> None:
    root = voc(tmp_path / "set", "a", "b")
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\na\n")
    with pytest.raises(LabelError, match=r"val\.txt: .*a\.jpg is listed in both valid and train"):
        run(tmp_path / "out", root)
    (lists / "val.txt").write_text("b\n")
    made = run(tmp_path / "out", root).images
    assert [(one.path.name, one.split) for one in made.images] == [
        ("a.jpg", "train"),
        ("b.jpg", "valid"),
    ]


def test_a_set_whose_images_are_linked_is_made_of_copies(
    tmp_path: Path,
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    (root / "images").rename(tmp_path / "disk")
    (root / "images").symlink_to(tmp_path / "disk")
    before = checksums(tmp_path)
    run(tmp_path / "out", root)
    assert list(boxes_of(tmp_path / "out")) == ["a.jpg", "b.jpg"]
    assert all(not one.is_symlink() for one in (tmp_path / "out").rglob("*"))
    after = checksums(tmp_path)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["anim.gif", "anim.heic"])
def test_a_label_of_an_image_of_another_kind_has_no_image(name: str, tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    (root / "labels" / "anim.txt").write_text(GOOD)
    (root / "images" / name).write_bytes(b"GIF89a")
    assert found(run(tmp_path / "out", root)) == {"label without an image": 1}


def test_a_label_of_an_image_that_is_a_dead_link_has_no_image(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    (root / "images" / "a.jpg").unlink()
    (root / "images" / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    assert found(run(tmp_path / "out", root)) == {"label without an image": 1}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("set/labels/s.json", "is inside the source"),
        ("set/labels/a.txt", "is inside the source"),
        ("letter.txt", "exists and is not a report"),
        ("labels.json", "exists and is not a report"),
    ],
)
def test_a_report_never_takes_the_place_of_anything_else(
    place: str, said: str, tmp_path: Path
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    (tmp_path / "letter.txt").write_text("Dear all")
    (tmp_path / "labels.json").write_text('{"images": []}')
    report = normalise(config_of(root), tmp_path / "out", dry_run=True)
    before = checksums(tmp_path)
    with pytest.raises(ConfigError, match=said):
        write_report(report, tmp_path / place)
    assert checksums(tmp_path) == before


def test_a_report_is_written_again(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    report = normalise(config_of(root), tmp_path / "out", dry_run=True)
    for _ in range(2):
        write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == report.to_json()


def test_one_of_a_thing_is_said_in_the_singular(tmp_path: Path) -> None:
    report = run(tmp_path / "out", yolo(tmp_path / "set", {"a": GOOD}, classes="car\n"))
    assert report.describe().endswith("out: 1 image in 1 group with 1 box")
