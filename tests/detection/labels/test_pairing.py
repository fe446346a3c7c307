"""Pairing: predictions in the order of the truth, however they name its images."""

from pathlib import Path

import pytest

from playhead.detection.evaluate import read_sets
from playhead.detection.labels.pairing import pair
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images, write_set
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from tests.detection.labels.image_files import draw, labelled, same

ROOT = Path("/data/set")
TRUE = ImageSet(
    ("car", "plate"),
    tuple(labelled(ROOT / "images" / name, [], []) for name in ("a.jpg", "b/a.jpg", "b/c.jpg")),
)


def found(*names: str, label: int = 0) -> ImageSet:
    """A box an image, the corner of the k-th at k."""
    return ImageSet(
        ("plate", "car", "dog"),
        tuple(
            labelled(Path(name), [[k, 0, 50, 40]], [label], [0.5], size=(0, 0))
            for k, name in enumerate(names)
        ),
    )


def corners(paired: ImageSet) -> list[list[float]]:
    return [one.boxes[:, 0].tolist() for one in paired.images]


@pytest.mark.parametrize(
    "names",
    [
        ("a.jpg", "b/a.jpg", "b/c.jpg"),
        ("a", "b/a", "b/c"),
        ("images/a.jpg", "images/b/a.jpg", "images/b/c.jpg"),
        ("set/images/a.jpg", "b/a.jpg", "c.jpg"),
        ("/data/set/images/a.jpg", "/data/set/images/b/a.jpg", "/data/set/images/b/c.jpg"),
        ("/other/images/a.jpg", "/other/images/b/a.jpg", "/other/images/b/c.jpg"),
    ],
)
def test_an_image_is_found_by_any_of_its_names(names: tuple[str, ...]) -> None:
    for order in ([0, 1, 2], [2, 0, 1]):
        paired = pair(TRUE, found(*(names[place] for place in order)))
        assert corners(paired) == [[order.index(place)] for place in range(3)]
        assert [one.path for one in paired.images] == [one.path for one in TRUE.images]


def test_an_accented_letter_is_the_same_in_one_piece_and_in_two() -> None:
    one, two = "caf\u00e9.jpg", "cafe\u0301.jpg"
    for true, name in ((one, two), (two, one)):
        truth = ImageSet(("car",), (labelled(ROOT / "images" / true, [], []),))
        for said in (name, f"images/{name}", f"/other/images/{name}"):
            assert corners(pair(truth, found(said, label=1))) == [[0]]


def test_where_both_spellings_are_images_a_name_is_ambiguous() -> None:
    both = ("caf\u00e9.jpg", "cafe\u0301.jpg")
    truth = ImageSet(("car",), tuple(labelled(ROOT / "images" / one, [], []) for one in both))
    with pytest.raises(LabelError, match="matches .*add the image's folder"):
        pair(truth, found(*both, label=1))


def test_labels_and_sizes_become_those_of_the_truth_and_missing_images_empty() -> None:
    paired = pair(TRUE, found("b/c.jpg"))
    assert paired.classes == TRUE.classes
    assert [one.labels.tolist() for one in paired.images] == [[], [], [1]]
    assert [one.size for one in paired.images] == [(64, 48)] * 3
    assert paired.images[2].scores.tolist() == [0.5]


def test_an_unknown_image_is_refused() -> None:
    for name in ("z.jpg", "c/a.jpg", "b/c.png"):
        with pytest.raises(LabelError, match="the ground truth does not"):
            pair(TRUE, found(name))


def test_an_unknown_class_is_refused_or_left_out_only_where_it_has_boxes() -> None:
    with pytest.raises(LabelError, match="boxes of dog, but the ground truth only has car, plate"):
        pair(TRUE, found("a.jpg", label=2))
    assert corners(pair(TRUE, found("a.jpg", label=2), ignore_classes=True)) == [[], [], []]


def test_a_name_that_could_be_several_images_is_refused() -> None:
    true = ImageSet(
        ("car", "plate"), tuple(labelled(ROOT / s / "images" / "a.jpg", [], []) for s in ("x", "y"))
    )
    with pytest.raises(LabelError, match=r"a\.jpg: matches .*add the image's folder"):
        pair(true, found("a.jpg"))
    assert corners(pair(true, found("y/a.jpg"))) == [[], [0]]


def test_two_predictions_of_one_image_are_refused() -> None:
    with pytest.raises(LabelError, match=r"images/b/c\.jpg: the predictions list .* twice"):
        pair(TRUE, found("b/c.jpg", "images/b/c.jpg"))


def test_a_short_name_and_the_whole_name_of_one_image_are_refused() -> None:
    """Of a part of a set: `c.jpg` may be an image of the other part, and not `b/c.jpg`."""
    with pytest.raises(LabelError, match=r"b/c\.jpg: the predictions list .*b/c\.jpg twice"):
        pair(TRUE, found("c.jpg", "b/c.jpg"))


def test_predictions_of_another_size_are_refused() -> None:
    other = ImageSet(("car",), (labelled(Path("a.jpg"), [], [], size=(32, 24)),))
    with pytest.raises(LabelError, match="32x24 pixels, but the image has 64x48"):
        pair(TRUE, other)


def test_a_split_is_compared_with_predictions_of_the_whole_set(tmp_path: Path) -> None:
    images = tuple(
        labelled(draw(tmp_path / "images" / f"{name}.png"), [[1, 2, 30, 40]], [0], split=name)
        for name in ("train", "valid")
    )
    whole = ImageSet(("car",), images)
    write_set(whole, tmp_path)
    write_images(whole, tmp_path / "out", ["csv", "yolo"], predictions=True)
    for name in ("submission.csv", "labels", "."):
        true, predicted, _ = read_sets(tmp_path, tmp_path / "out" / name, split="valid")
        assert [one.split for one in true.images] == ["valid"]
        assert len(predicted.images[0].labels) == 1


def test_a_link_to_an_image_is_that_image(tmp_path: Path) -> None:
    real = draw(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    true = ImageSet(("plate",), (labelled(real, [], []),))
    assert corners(pair(true, found(str(tmp_path / "link" / "a.jpg")))) == [[0]]


@pytest.mark.parametrize("kind", ["csv", "coco"])
def test_what_was_read_without_the_truth_is_paired_with_it(kind: str, tmp_path: Path) -> None:
    images = tuple(
        labelled(draw(tmp_path / "set" / "images" / name), [[1, 2, 30, 40]], [0], [0.5])
        for name in ("a.png", "b/a.png")
    )
    whole = ImageSet(("car",), images)
    [path] = write_images(whole, tmp_path / "out", [kind], predictions=True)
    alone = read_image_set(path)
    assert [one.path.as_posix() for one in alone.images] == ["a.png", "b/a.png"]
    assert [one.size for one in alone.images] == [(0, 0)] * 2
    assert same(pair(whole, alone), whole)
    assert same(read_image_set(path, images=tmp_path / "set"), whole)
