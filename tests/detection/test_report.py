"""The report of a detector shows the figures of the metrics and crops of the images."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.detection.crops import crops_of, image_names, worst_mistakes
from playhead.detection.evaluate import measure_images
from playhead.detection.report import write_detector_report
from playhead.events.images import ImageSet, LabelledImage
from playhead.metrics.mistakes import find_mistakes
from tests.metrics.coco_reference import random_case

CLASSES = ("car", "head")
RED, BLUE = (200, 30, 30), (30, 30, 200)


def labelled(path: Path, boxes: list, labels: list, scores: list | None = None) -> LabelledImage:
    return LabelledImage(
        path=path,
        size=(200, 120),
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        labels=np.array(labels, np.int32),
        scores=np.array(scores or [1] * len(labels), np.float32),
    )


def case(folder: Path) -> tuple[ImageSet, ImageSet]:
    """A red car that was found, a blue one that was missed, a false head."""
    pixels = np.full((120, 200, 3), 128, np.uint8)
    pixels[10:40, 10:60], pixels[60:100, 100:180] = RED, BLUE
    (folder / "a").mkdir(parents=True, exist_ok=True)
    path = folder / "a" / "Straße 1.png"
    Image.fromarray(pixels).save(path)
    truth = labelled(path, [[10, 10, 60, 40], [100, 60, 180, 100]], [0, 0])
    found = labelled(path, [[10, 10, 60, 40], [5, 80, 25, 110]], [0, 1], [0.9, 0.8])
    gone = folder / "b" / "gone.png"
    missing = labelled(gone, [[0, 0, 50, 50]], [1])
    return (
        ImageSet(CLASSES, (truth, missing)),
        ImageSet(CLASSES, (found, labelled(gone, [], []))),
    )


def document(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found.group(1))


def shown_tiles(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8")
    return {name: value for value, name in re.findall(r"<b>([^<]*)</b><span>([^<]*)</span>", text)}


def shown_tables(page: Path) -> list[list[list[str]]]:
    tables = re.findall(r"<table>(.*?)</table>", page.read_text(encoding="utf-8"), re.S)
    return [
        [
            re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", row)
            for row in re.findall("<tr.*?</tr>", table)
        ]
        for table in tables
    ]


def test_a_crop_holds_the_pixels_of_its_window_around_the_mistake(tmp_path: Path) -> None:
    truth, found = case(tmp_path)
    mistakes = worst_mistakes(find_mistakes(truth, found, thresholds=0.5), CLASSES)
    crops = crops_of(mistakes, truth, found)
    [missed] = [one for one in crops if one.mistake.label == "car"]
    x, y, width, height = missed.window
    assert missed.pixels is not None
    assert missed.pixels.shape == (height, width, 3)
    assert (missed.pixels[80 - y, 140 - x] == BLUE).all()
    assert (missed.pixels[62 - y, 102 - x] == BLUE).all()
    assert (missed.pixels[58 - y, 98 - x] == 128).all()


def test_a_missing_image_is_reported_and_not_invented(tmp_path: Path) -> None:
    truth, found = case(tmp_path)
    mistakes = find_mistakes(truth, found, thresholds=0.5)
    [gone] = [one for one in crops_of(mistakes, truth, found) if one.mistake.image == 1]
    assert gone.pixels is None
    assert gone.reason == "not on disk"
    page = write_detector_report(truth, found, tmp_path / "r.html", title="T")
    [one] = [one for one in document(page)["mistakes"] if one["image"] == "gone.png"]
    assert one["src"] is None
    assert one["reason"] == "not on disk"
    assert "1 of 2 images are not on disk" in page.read_text(encoding="utf-8")


def test_an_image_of_another_size_or_that_cannot_be_read_has_no_crop(tmp_path: Path) -> None:
    truth, found = case(tmp_path)
    mistakes = find_mistakes(truth, found, thresholds=0.5)
    path = truth.images[0].path
    Image.new("RGB", (100, 60)).save(path)
    assert {one.reason for one in crops_of(mistakes, truth, found) if one.mistake.image == 0} == {
        "100x60 pixels, but its labels are for 200x120"
    }
    path.write_bytes(b"no image")
    for one in crops_of(mistakes, truth, found):
        assert one.pixels is None
        assert str(tmp_path) not in one.reason


def test_the_page_holds_the_figures_of_the_metrics(tmp_path: Path) -> None:
    truth, found = random_case(6, 30)
    page = write_detector_report(truth, found, tmp_path / "r.html", title="T")
    data = document(page)
    result = measure_images(truth, found)
    tiles = shown_tiles(page)
    assert tiles["mAP50"] == f"{result.metrics()['ap50']:.3f}"
    assert tiles["mAP50-95"] == f"{result.metrics()['ap50_95']:.3f}"
    by_class, by_kind = shown_tables(page)[:2]
    assert [row[0] for row in by_class] == ["class", *truth.classes, "all"]
    for row, one in zip(by_class[1:], result.classes.values(), strict=False):
        assert row[1:4] == [f"{one.boxes:,}", f"{one.ap50:.3f}", f"{one.ap50_95:.3f}"]
    for line, one in zip(data["precision_recall"], result.classes.values(), strict=True):
        filled = [0 if value is None else value for value in line["y"]]
        assert np.mean(filled) == pytest.approx(one.ap50, abs=1e-3)
    for line, one in zip(data["f1"], result.classes.values(), strict=True):
        assert max(line["y"]) <= one.chosen.f1 + 1e-4
    counts = np.array(data["confusion"]["counts"])
    assert counts[:-1].sum() == sum(one.boxes for one in result.classes.values())
    kinds = np.array([row[1:] for row in by_kind[1:]], int)
    assert kinds.sum() == sum(count for _, _, count in data["counts"])
    assert kinds.sum() >= len(data["mistakes"]) > 0


def test_boxes_on_the_page_are_in_pixels_of_the_image_and_lie_in_their_window(
    tmp_path: Path,
) -> None:
    truth, found = case(tmp_path)
    data = document(write_detector_report(truth, found, tmp_path / "r.html", title="T"))
    [one] = [one for one in data["mistakes"] if one["label"] == "car"]
    assert one["true"] == [100, 60, 180, 100]
    assert one["found"] is None
    x, y, width, height = one["window"]
    assert x <= 100
    assert x + width >= 180
    assert y <= 60
    assert y + height >= 100
    shown = Image.open(io.BytesIO(base64.b64decode(one["src"].split(",")[1])))
    assert shown.size == (width, height)


def test_the_page_loads_nothing_and_a_label_stays_text(
    tmp_path: Path,
) -> None:
    name = '</script><img src=x onerror="alert(1)">'
    truth, found = case(tmp_path)
    truth = ImageSet((name, "head"), truth.images)
    found = ImageSet((name, "head"), found.images)
    page = write_detector_report(
        truth, found, tmp_path / "r.html", title=f"T {name}", config=f"a: {name}"
    )
    text = page.read_text(encoding="utf-8")
    assert name not in text
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert str(tmp_path) not in text
    assert document(page)["classes"][0] == name


def test_a_run_gives_its_curves_and_its_configuration(tmp_path: Path) -> None:
    truth, found = case(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    rows = [
        {"kind": "step", "epoch": 1, "step": 5, "loss": 2.5},
        {"kind": "epoch", "epoch": 1, "step": 5, "loss": 2.5, "metrics": {"map50": 0.25}},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "config.yaml").write_text("job: detection\n")
    page = write_detector_report(truth, found, tmp_path / "r.html", title="T", run=run)
    assert document(page)["training"] == [
        {"kind": "loss", "name": "loss", "x": [5], "y": [2.5]},
        {"kind": "metric", "name": "map50", "x": [1], "y": [0.25]},
    ]
    assert "<pre>job: detection\n</pre>" in page.read_text(encoding="utf-8")


def test_a_set_without_images_has_a_page(tmp_path: Path) -> None:
    empty = ImageSet(CLASSES, ())
    page = write_detector_report(empty, empty, tmp_path / "r.html", title="T")
    assert document(page)["mistakes"] == []
    assert shown_tiles(page)["mAP50"] == "–"


def test_an_image_is_named_with_as_many_folders_as_make_the_name_unique() -> None:
    paths = ("/x/a/1.jpg", "/x/b/1.jpg", "/y/b/1.jpg", "/x/a/2.jpg")
    images = tuple(labelled(Path(path), [], []) for path in paths)
    assert image_names(ImageSet(CLASSES, images)) == [
        "a/1.jpg", "x/b/1.jpg", "y/b/1.jpg", "2.jpg"
    ]  # fmt: skip
    assert image_names(ImageSet((), ())) == []


@pytest.mark.slow
def test_many_classes_share_the_crops_and_the_most_frequent_have_lines(
    tmp_path: Path,
) -> None:
    truth, found = random_case(6, 40, classes=60)
    mistakes = find_mistakes(truth, found, thresholds=0.1)
    chosen = worst_mistakes(mistakes, truth.classes)
    assert len(chosen) <= 60 * 5
    assert len({(one.label, one.kind) for one in chosen}) == len(
        {(one.label, one.kind) for one in mistakes}
    )
    page = write_detector_report(truth, found, tmp_path / "r.html", title="T")
    data = document(page)
    shown = {one["name"] for one in data["precision_recall"]}
    counts = sorted(measure_images(truth, found).classes.items(), key=lambda one: -one[1].boxes)
    assert len(shown) == 8
    assert min(dict(counts)[label].boxes for label in shown) >= counts[8][1].boxes
    assert "8 classes with most boxes" in page.read_text(encoding="utf-8")
