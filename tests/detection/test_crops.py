"""Crops come from the image folder alone, whatever a file of labels names."""

import json
import os
from pathlib import Path

import pytest

from playhead.detection.crops import crops_of
from playhead.detection.evaluate import read_sets
from playhead.detection.labels.pairing import pair
from playhead.detection.labels.read import UnseenImage, of_split, read_image_set
from playhead.metrics.mistakes import find_mistakes
from tests.detection.labels.image_files import draw

PLACES = ["absolute", "above", "here"]


def case(folder: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A document whose image is a file outside its folder, and the name it has there."""
    secret = draw(folder / "home" / "private" / "secret.png")
    (folder / "home" / "set" / "images").mkdir(parents=True)
    monkeypatch.chdir(folder / "home")
    name = {
        "absolute": str(secret),
        "above": os.path.relpath(secret, folder / "home" / "set" / "images"),
        "here": "private/secret.png",
    }[place]
    document = {
        "images": [{"id": 1, "file_name": name, "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [4, 4, 30, 30]}],
    }
    path = folder / "home" / "set" / "truth.json"
    path.write_text(json.dumps(document))
    return path, name


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("named", [False, True])
def test_an_image_outside_the_folder_of_the_set_is_never_opened(
    place: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = case(tmp_path, place, monkeypatch)
    (path.parent / "none.csv").write_text("image,label,score,x1,y1,x2,y2\n")
    images = path.parent / "images" if named else None
    truth = read_image_set(path, images=images)
    empty = read_image_set(path.parent / "none.csv", images=images, like=truth)
    found = pair(truth, empty)
    [crop] = crops_of(find_mistakes(truth, found, thresholds=0.5), truth, found)
    assert crop.pixels is None
    assert crop.reason == "not in the image folder"


@pytest.mark.parametrize("place", PLACES)
def test_its_name_still_pairs_detections_with_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name = case(tmp_path, place, monkeypatch)
    rows = path.parent / "rows.csv"
    rows.write_text(f"image,label,score,x1,y1,x2,y2\n{name},car,.5,4,4,34,34\n")
    truth, found, _ = read_sets(path, rows)
    assert found.images[0].boxes.tolist() == truth.images[0].boxes.tolist()
    assert all(isinstance(one, UnseenImage) for one in (*truth.images, *found.images))


def test_an_image_below_the_folder_of_the_labels_is_read(tmp_path: Path) -> None:
    draw(tmp_path / "train" / "images" / "a.jpg")
    draw(tmp_path / "train" / "images" / "b.jpg")
    (tmp_path / "train" / "labels").mkdir()
    (tmp_path / "train" / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    read = of_split(read_image_set(tmp_path, classes=["car"]), "train", tmp_path)
    assert [isinstance(one, UnseenImage) for one in read.images] == [False, False]
