"""Partly labelled images: which classes nobody looked for in some of them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from playhead.detection.normalise import normalise
from tests.detection.label_sources import GOOD, config_of, yolo
from tests.detection.labels.image_files import draw


def hand(root: Path, name: str, places: Iterable[int]) -> str:
    """A folder of labels of one class for these images of `root`/photos; CLASS=PATH."""
    folder = root / name
    folder.mkdir(parents=True)
    for place in places:
        image = root / "photos" / f"{place}.png"
        if not image.exists():
            draw(image, (16, 12), seed=place)
        (folder / f"{place}.txt").write_text(GOOD)
    return f"{name.partition('-')[0]}={folder}"


def warnings(root: Path, *sources: str, **said: object) -> list[str]:
    said = {"min_size": 0, "check": "header", "images": root / "photos"} | said
    report = normalise(config_of(*sources, **said), root / "out", dry_run=True)
    return [text for text in report.warnings if "is labelled in" in text]


def test_hands_that_label_other_classes_in_other_images_of_one_folder_are_warned_of(
    tmp_path: Path,
) -> None:
    plates, cars = hand(tmp_path, "plate", range(20)), hand(tmp_path, "car", range(20, 39))
    plate, car = warnings(tmp_path, plates, cars)
    assert "plate is labelled in only 20 of 39 images" in plate
    assert "car is labelled in only 19 of 39 images" in car


def test_two_names_of_one_thing_in_two_halves_are_warned_of_until_one_is_mapped(
    tmp_path: Path,
) -> None:
    first, second = hand(tmp_path, "plate", range(30)), hand(tmp_path, "number", range(30, 60))
    one, two = warnings(tmp_path, first, second)
    assert "plate is labelled in only 30 of 60 images" in one
    assert "number is labelled in only 30 of 60 images" in two
    assert "--map" in one
    assert not warnings(tmp_path / "again", *two_hands_of_one_class(tmp_path / "again"))


def two_hands_of_one_class(root: Path) -> list[str]:
    return [hand(root, "plate-a", range(30)), hand(root, "plate-b", range(30, 60))]


def test_a_source_that_shares_a_class_but_no_image_does_not_speak_for_another(
    tmp_path: Path,
) -> None:
    """Cars everywhere, plates in half: the other half comes from a hand that knew no plates."""
    cars, plates = hand(tmp_path, "car", range(20)), hand(tmp_path, "plate", range(20))
    more = hand(tmp_path, "car-b", range(20, 40))
    [plate] = warnings(tmp_path, cars, plates, more)
    assert "plate is labelled in only 20 of 40 images" in plate


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.9, 0.6, 0.4])
def test_a_folder_a_class_that_misses_files_where_a_class_is_absent_is_no_alarm(
    share: float, tmp_path: Path
) -> None:
    """Each class is in a share of 60 images, whichever the others are in."""
    count = round(60 * share)
    hands = []
    for step, name in enumerate(("face", "car", "person")):
        chosen = [(7 * place * (step + 1) + step) % 61 for place in range(60)]
        hands.append(hand(tmp_path, name, [place for place in chosen if place < 60][:count]))
    assert not warnings(tmp_path, *hands)


def test_batches_of_a_folder_a_class_are_no_alarm(tmp_path: Path) -> None:
    hands = [
        hand(tmp_path, f"{name}-{batch}", range(20 * batch, 20 * batch + 20))
        for batch in (0, 1)
        for name in ("face", "car")
    ]
    assert not warnings(tmp_path, *hands)


def test_rare_classes_that_never_meet_are_no_alarm_where_all_images_were_looked_at(
    tmp_path: Path,
) -> None:
    dogs, cats = hand(tmp_path, "dog", range(8)), hand(tmp_path, "cat", range(8, 16))
    hand(tmp_path, "unused", range(16, 60))
    shutil.rmtree(tmp_path / "unused")
    assert not warnings(tmp_path, dogs, cats, unlabelled="empty")
    assert len(warnings(tmp_path, dogs, cats)) == 2


def test_a_few_images_prove_nothing(tmp_path: Path) -> None:
    assert not warnings(tmp_path, hand(tmp_path, "dog", [0]), hand(tmp_path, "cat", [1]))


def test_a_folder_a_class_with_copies_of_the_images_is_no_alarm(tmp_path: Path) -> None:
    faces = yolo(tmp_path / "faces", {f"{k}": GOOD for k in range(20)})
    cars = yolo(tmp_path / "cars", {f"{k}": GOOD for k in range(18)})
    assert not warnings(tmp_path, f"face={faces}", f"car={cars}", images=None)
    others = yolo(tmp_path / "others", {f"{k}": GOOD for k in range(18)}, seed=50)
    assert len(warnings(tmp_path / "two", f"face={faces}", f"car={others}", images=None)) == 2


def test_a_source_of_several_classes_speaks_for_its_own_images_alone(tmp_path: Path) -> None:
    """Who writes down all that an image shows in one file has not seen the others."""
    faces = hand(tmp_path, "face", range(30))
    several = tmp_path / "several"
    several.mkdir()
    (several / "classes.txt").write_text("car\nplate\n")
    for place in range(15):
        (several / f"{place}.txt").write_text(GOOD)
    car, plate = warnings(tmp_path, faces, str(several))
    assert "car is labelled in only 15 of 30 images" in car
    assert "plate is labelled in only 15 of 30 images" in plate
    # Leaving one of them out does not make it a folder of one class.
    assert len(warnings(tmp_path, faces, str(several), classes=["face", "car"])) == 1
    for place in range(15, 27):
        (several / f"{place}.txt").write_text(GOOD)
    assert not warnings(tmp_path, faces, str(several))
