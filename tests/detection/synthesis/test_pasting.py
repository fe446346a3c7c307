"""Cut-outs, the bank and the augmentation: labels in closed form, pixels as they were cut out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.detection.synthesis.cutouts import Cutout, CutoutBank, cut_out, scaled
from playhead.detection.synthesis.pasting import Scene, paste, paste_into, paste_some
from playhead.detection.synthesis.pasting_config import Blending, CutPasteConfig
from playhead.errors import LabelError, PlayheadError

Bytes = NDArray[np.uint8]
CAR, PLATE = 0, 1
PLAIN = CutPasteConfig(
    probability=1, count=(1, 1), blendings=("none",), scale=(1, 1), mirror=0, brightness=0, margin=0
)


def _noise(seed: int, height: int = 100, width: int = 120) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float64]:
    return np.array(rows, np.float64).reshape(-1, 4)


def _street() -> tuple[Bytes, NDArray[np.float64], NDArray[np.int32]]:
    """A car with its plate, and a second car on its own."""
    boxes = _boxes((10, 20, 50, 60), (22, 46, 38, 54), (70, 10, 110, 40))
    return _noise(0), boxes, np.array([CAR, PLATE, CAR], np.int32)


def _nothing() -> tuple[Bytes, NDArray[np.float64], NDArray[np.int32]]:
    return np.full((100, 120, 3), 128, np.uint8), _boxes(), np.zeros(0, np.int32)


def _bank(config: CutPasteConfig = PLAIN, images: int = 1) -> CutoutBank:
    return CutoutBank([_street()] * images, config)


def _cutout(side: int = 20, value: int = 200) -> Cutout:
    pixels = np.full((side, side, 3), value, np.uint8)
    return Cutout(pixels, _boxes((0, 0, side, side)), np.array([CAR], np.int32), 120.0)


def test_a_cutout_holds_the_pixels_of_its_box_and_margin() -> None:
    image, boxes, labels = _street()
    cutout = cut_out(image, boxes, labels, 0, margin=0.1)
    np.testing.assert_array_equal(cutout.pixels, image[16:64, 6:54])
    assert cutout.boxes[0].tolist() == [4, 4, 44, 44]
    assert cutout.source == 120


def test_a_margin_ends_where_the_image_ends() -> None:
    image, _, labels = _street()
    cutout = cut_out(image, _boxes((0, 90, 30, 130)), labels, 0, margin=0.5)
    np.testing.assert_array_equal(cutout.pixels, image[85:100, 0:45])
    assert cutout.boxes.tolist() == [[0, 5, 30, 15]]


def test_a_plate_moves_along_with_its_car_but_no_car_with_its_plate() -> None:
    image, boxes, labels = _street()
    car = cut_out(image, boxes, labels, 0, margin=0)
    assert car.labels.tolist() == [CAR, PLATE]
    assert car.boxes[1].tolist() == [14, 28, 30, 36]
    assert cut_out(image, boxes, labels, 1, margin=0).labels.tolist() == [PLATE]


def test_a_box_beside_the_image_cannot_be_cut_out() -> None:
    with pytest.raises(LabelError, match="no area inside"):
        cut_out(_noise(0), _boxes((130, 0, 150, 20)), np.array([CAR]), 0)


def test_a_mirrored_cutout_has_its_plate_on_the_other_side() -> None:
    image, _, labels = _street()
    boxes = _boxes((10, 20, 50, 60), (12, 46, 22, 54))
    car = cut_out(image, boxes, labels, 0, margin=0)
    turned = scaled(car, (88, 44), mirror=True)
    assert turned.pixels.shape == (44, 88, 3)
    np.testing.assert_allclose(turned.boxes[0], [4, 2, 84, 42])
    np.testing.assert_allclose(turned.boxes[1], [60, 28, 80, 36])


@pytest.mark.parametrize("blending", ["none", "feather", "poisson"])
def test_pasted_over_itself_a_cutout_changes_nothing(blending: Blending) -> None:
    image, boxes, labels = _street()
    pasted = image.copy()
    paste(pasted, cut_out(image, boxes, labels, 0), (6, 16), blending)
    np.testing.assert_array_equal(pasted, image)


@pytest.mark.parametrize("blending", ["none", "feather", "poisson"])
def test_a_paste_changes_nothing_beside_it(blending: Blending) -> None:
    image, other = _noise(1), _noise(2)
    cutout = cut_out(other, _boxes((20, 20, 50, 44)), np.array([CAR]), 0)
    pasted = image.copy()
    paste(pasted, cutout, (60, 30), blending)
    high, wide, _ = cutout.pixels.shape
    changed = np.zeros(image.shape[:2], bool)
    changed[30 : 30 + high, 60 : 60 + wide] = True
    np.testing.assert_array_equal(pasted[~changed], image[~changed])
    assert (pasted[changed] != image[changed]).mean() > 0.5


@pytest.mark.parametrize("blending", ["none", "feather"])
def test_of_an_object_pasted_without_poisson_every_pixel_is_its_own(blending: Blending) -> None:
    image, other = _noise(1), _noise(2)
    cutout = cut_out(other, _boxes((20, 20, 50, 44)), np.array([CAR]), 0, margin=0.2)
    covered, _ = paste(image, cutout, (60, 30), blending)
    x1, y1, x2, y2 = covered.astype(int)
    np.testing.assert_array_equal(image[y1:y2, x1:x2], other[20:44, 20:50])


def test_a_paste_over_the_edge_is_refused() -> None:
    with pytest.raises(PlayheadError, match="extends past"):
        paste(_noise(0), _cutout(), (101, 0), "none")


def _light_on_dark() -> Cutout:
    """A plate of grey 180 on a car of grey 40, two pixels of which are cut out with it."""
    pixels = np.full((14, 34, 3), 40, np.uint8)
    pixels[2:12, 2:32] = 180
    return Cutout(pixels, _boxes((2, 2, 32, 12)), np.array([PLATE], np.int32), 120.0)


@pytest.mark.parametrize(("below", "used"), [(40, "poisson"), (115, "poisson"), (255, "feather")])
def test_what_poisson_would_fade_into_the_image_is_pasted_with_a_feather(
    below: int, used: Blending
) -> None:
    image = np.full((100, 120, 3), below, np.uint8)
    scene = Scene(image, _boxes(), np.zeros(0, np.int32))
    assert scene.paste(_light_on_dark(), (50, 30), "poisson", contrast_least=0.5) == used
    inside = scene.image[32:42, 52:82].astype(int)
    assert (np.abs(inside - below) >= 70).all()
    wanted = below + 140 if used == "poisson" else 180
    assert (inside == min(wanted, 255)).all()


def test_a_paste_on_snow_is_recorded_as_the_feather_that_it_got() -> None:
    rng, bank = np.random.default_rng(0), CutoutBank([_on_a_car()], _SNOWED)
    scene = Scene(np.full((100, 120, 3), 255, np.uint8), _boxes(), np.zeros(0, np.int32))
    pasted = paste_some(rng, scene, bank, _SNOWED)
    assert [one.blending for one in pasted] == ["feather"] * 2
    assert [one.faded for one in pasted] == [True] * 2
    boxes, _ = scene.labels_left(hidden_most=0.7, least_part=3)
    for x1, y1, x2, y2 in boxes.astype(int).tolist():
        assert scene.image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].max() < 200


_SNOWED = PLAIN.model_copy(update={"blendings": ("poisson",), "count": (2, 2), "overlap_most": 0})


def _on_a_car() -> tuple[Bytes, NDArray[np.float64], NDArray[np.int32]]:
    image = np.full((100, 120, 3), 40, np.uint8)
    image[20:40, 20:60] = 180
    return image, _boxes((20, 20, 60, 40)), np.array([PLATE], np.int32)


def test_a_box_keeps_what_is_visible_and_goes_when_most_is_hidden() -> None:
    scene = Scene(_noise(0), _boxes((0, 0, 20, 20), (40, 0, 60, 20)), np.array([CAR, PLATE]))
    scene.paste(_cutout(), (5, 0), "none")  # three quarters of the first
    scene.paste(_cutout(), (50, 0), "none")  # half of the second
    boxes, labels = scene.labels_left(hidden_most=0.7, least_part=3)
    assert boxes.tolist() == [[40, 0, 50, 20], [5, 0, 25, 20], [50, 0, 70, 20]]
    assert labels.tolist() == [PLATE, CAR, CAR]


def test_a_later_paste_covers_an_earlier_one_and_never_the_reverse() -> None:
    scene = Scene(*_nothing())
    scene.paste(_cutout(), (0, 0), "none")
    scene.paste(_cutout(), (10, 0), "none")
    boxes, _ = scene.labels_left(hidden_most=0.7, least_part=3)
    assert boxes.tolist() == [[0, 0, 10, 20], [10, 0, 30, 20]]


def test_pastes_that_together_hide_a_box_take_its_label() -> None:
    scene = Scene(_noise(0), _boxes((0, 0, 40, 20)), np.array([PLATE]))
    scene.paste(_cutout(), (0, 0), "none")
    scene.paste(_cutout(), (20, 0), "none")
    _, labels = scene.labels_left(hidden_most=0.7, least_part=3)
    assert labels.tolist() == [CAR, CAR]


def test_too_little_left_of_a_box_takes_its_label() -> None:
    scene = Scene(_noise(0), _boxes((0, 0, 22, 20)), np.array([PLATE]))
    scene.paste(_cutout(), (0, 0), "none")
    _, labels = scene.labels_left(hidden_most=1, least_part=3)
    assert labels.tolist() == [CAR]


def test_a_small_box_that_nothing_covers_keeps_its_label() -> None:
    scene = Scene(_noise(0), _boxes((90, 90, 91, 91)), np.array([PLATE]))
    boxes, labels = scene.labels_left(hidden_most=0.7, least_part=3)
    assert (boxes.tolist(), labels.tolist()) == ([[90, 90, 91, 91]], [PLATE])


def test_what_is_pasted_lies_where_its_label_says() -> None:
    bank, [cutout] = _bank(), [one for one in _bank() if one.label == PLATE]
    for seed in range(20):
        image, boxes, labels = paste_into(np.random.default_rng(seed), *_nothing(), bank, PLAIN)
        if labels.tolist() != [PLATE]:
            continue
        x1, y1, x2, y2 = boxes[0].astype(int)
        left, top, right, low = cutout.core
        np.testing.assert_array_equal(image[y1:y2, x1:x2], cutout.pixels[top:low, left:right])
        return
    pytest.fail("no plate was drawn in twenty images")


def test_a_bank_of_another_size_pastes_at_the_same_share_of_the_image() -> None:
    image = np.full((200, 240, 3), 128, np.uint8)
    bank = _bank()
    _, boxes, labels = paste_into(
        np.random.default_rng(1), image, _boxes(), np.zeros(0, np.int32), bank, PLAIN
    )
    widths = {CAR: 80, PLATE: 32}
    assert len(labels)
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(widths[int(labels[0])])


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([(1, 1), (3, 6)]), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_same_generator_gives_the_same_and_every_box_lies_in_the_image(
    seed: int, count: tuple[int, int], overlap_most: float
) -> None:
    config = CutPasteConfig(probability=1, count=count, overlap_most=overlap_most)
    scene, bank = _street(), _bank(config, images=2)
    before = [array.copy() for array in scene]
    first = paste_into(np.random.default_rng(seed), *scene, bank, config)
    again = paste_into(np.random.default_rng(seed), *scene, bank, config)
    for one, other, given_, kept in zip(first, again, scene, before, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(given_, kept)
    image, boxes, labels = first
    assert (image.shape, image.dtype) == (scene[0].shape, np.uint8)
    assert (boxes.dtype, labels.dtype, boxes.shape) == (np.float64, np.int32, (len(labels), 4))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (120, 100)).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_a_plate_never_reaches_out_of_what_is_left_of_the_car_it_moved_along_with(
    seed: int,
) -> None:
    image, _, labels = _street()
    boxes = _boxes((10, 20, 50, 60), (40, 46, 53, 54), (70, 10, 110, 40))  # a quarter beside it
    config = CutPasteConfig(probability=1, count=(3, 6), overlap_most=1, blendings=("none",))
    bank = CutoutBank([(image, boxes, labels)], config)
    first = next(one for one in bank if one.labels.tolist() == [CAR, PLATE])
    car = Cutout(first.pixels, first.boxes, np.array([7, 8], np.int32), first.source)
    rng, scene = np.random.default_rng(seed), Scene(*_nothing())
    scene.paste(car, (20, 30), "none")
    paste_some(rng, scene, bank, config)
    left, kinds = scene.labels_left(hidden_most=0.9, least_part=1)
    for around in left[kinds == 7]:
        assert (left[kinds == 8, :2] >= around[:2]).all()
        assert (left[kinds == 8, 2:] <= around[2:]).all()


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_in_free_places_nothing_covers_anything(seed: int) -> None:
    config = CutPasteConfig(probability=1, count=(2, 4), overlap_most=0, blendings=("none",))
    scene = _street()
    _, boxes, labels = paste_into(np.random.default_rng(seed), *scene, _bank(config), config)
    np.testing.assert_array_equal(boxes[:3], scene[1])
    assert labels[:3].tolist() == scene[2].tolist()


def test_without_probability_or_cutouts_a_copy_comes_back() -> None:
    scene = _street()
    never = CutPasteConfig(probability=0)
    always = CutPasteConfig(probability=1)
    for bank, config in ((_bank(never), never), (CutoutBank([], always), always)):
        image, boxes, labels = paste_into(np.random.default_rng(0), *scene, bank, config)
        assert image is not scene[0]
        for one, other in zip((image, boxes, labels), scene, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_bank_leaves_out_small_boxes_and_neighbours_and_counts_them() -> None:
    boxes = _boxes((0, 0, 40, 40), (20, 0, 60, 40), (80, 80, 83, 99))
    bank = CutoutBank([(_noise(0), boxes, np.array([CAR, CAR, PLATE]))], CutPasteConfig())
    assert len(bank) == 0
    assert bank.left_out == {"neighbours": 2, "small": 1}
    assert bank.most_labels == 0


def test_an_ignored_region_is_cut_out_only_as_part_of_an_object() -> None:
    boxes = _boxes((0, 0, 60, 40), (20, 10, 40, 20), (70, 60, 90, 80))
    bank = CutoutBank([(_noise(0), boxes, np.array([CAR, -2, -2]))], CutPasteConfig())
    [cutout] = bank
    assert cutout.labels.tolist() == [CAR, -2]
    assert bank.count() == {CAR: 1}


def test_a_bank_keeps_to_its_memory_and_keeps_rare_classes() -> None:
    config = CutPasteConfig(memory_mb=0.05, margin=0)
    many = [(_noise(k), _boxes((10, 20, 50, 60)), np.array([CAR])) for k in range(30)]
    rare = (_noise(99), _boxes((10, 20, 26, 28)), np.array([PLATE]))
    bank = CutoutBank([rare, *many], config)
    assert bank.nbytes <= 50_000
    assert bank.nbytes == sum(one.pixels.nbytes for one in bank)
    assert bank.count()[PLATE] == 1
    assert bank.left_out["memory"] == 31 - len(bank)
    again = CutoutBank([rare, *many], config)
    for one, other in zip(bank, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


@pytest.mark.slow
def test_what_a_full_bank_keeps_is_drawn_by_lot_from_all() -> None:
    """Of 40 cut-outs of which 10 fit, each half of the stream gives about half of those kept."""
    config, early = CutPasteConfig(memory_mb=0.06, margin=0), 0
    stream = [
        (np.full((60, 60, 3), k, np.uint8), _boxes((5, 5, 45, 45)), np.array([CAR]))
        for k in range(40)
    ]
    kept = [
        int(one.pixels[0, 0, 0]) for s in range(40) for one in CutoutBank(stream, config, seed=s)
    ]
    early = sum(value < 20 for value in kept)
    assert abs(early / len(kept) - 0.5) < 0.1


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.1), (1.0, 0.5)])
def test_balance_says_how_often_a_rare_class_is_drawn(balance: float, share: float) -> None:
    many = [(_noise(k), _boxes((10, 20, 50, 60)), np.array([CAR])) for k in range(9)]
    rare = (_noise(99), _boxes((10, 20, 26, 28)), np.array([PLATE]))
    bank, rng = CutoutBank([*many, rare], CutPasteConfig()), np.random.default_rng(3)
    drawn = [bank.draw(rng, balance).label for _ in range(2000)]
    assert np.mean(np.array(drawn) == PLATE) == pytest.approx(share, abs=0.04)


def test_a_large_cutout_is_kept_smaller_and_pasted_at_its_own_share() -> None:
    labelled = (_noise(0, 400, 480), _boxes((40, 80, 200, 240)), np.array([CAR]))
    config = PLAIN.model_copy(update={"longest": 82})
    [cutout] = CutoutBank([labelled], config)
    assert max(cutout.pixels.shape) == 82
    assert cutout.source == pytest.approx(240, rel=0.02)
    _, boxes, _ = paste_into(
        np.random.default_rng(0), *_nothing(), CutoutBank([labelled], config), config
    )
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(40, abs=1)


@pytest.mark.parametrize("wrong", [{"count": (3, 1)}, {"scale": (0, 1)}, {"blendings": ()}])
def test_a_range_that_falls_and_no_blending_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CutPasteConfig.model_validate(wrong)
