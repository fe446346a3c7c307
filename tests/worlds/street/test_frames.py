"""What a street shows and what its truth says of it, compared by the pixels alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.worlds.drawing import LEAST_SHARE, PARTS, VisibleBox
from playhead.worlds.street import LABELS, StreetConfig, StreetScene, draw_scene, render
from playhead.worlds.street.frames import StreetRenderer

CONFIG = StreetConfig(seconds=4, width=480, height=270, people=6, cars=4)


def plain(scene: StreetScene) -> StreetRenderer:
    """Without noise, in full light: every pixel that an object touches differs."""
    return StreetRenderer(replace(scene.plan, grain=0.0, gain=(1.0, 1.0, 1.0)), scene.times)


def changed(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """The bounding box of the pixels in which two images differ clearly."""
    rows, columns = np.nonzero(np.abs(first.astype(int) - second).max(axis=-1) > 3)
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


def wholes(seen: list[VisibleBox]) -> list[VisibleBox]:
    return [one for one in seen if one.track % PARTS == 0]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_alone_in_the_street_an_object_changes_the_pixels_of_its_box(number: int) -> None:
    scene = draw_scene(11, number, CONFIG)
    painter = plain(replace(scene, plan=replace(scene.plan, posts=())))
    everyone = range(len(scene.plan.cars) + len(scene.plan.people))
    empty, nothing = painter.frame(2.0, leave_out=everyone)
    assert nothing == []
    checked = 0
    for who in everyone:
        image, seen = painter.frame(2.0, leave_out=[one for one in everyone if one != who])
        for one in wholes(seen):
            box = changed(empty, image)
            assert box is not None
            np.testing.assert_allclose(one.box, box, atol=1)
            checked += 1
    assert checked >= 2


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_in_a_crowd_a_box_is_what_would_change_without_the_object(number: int) -> None:
    """So a box is of the visible part: what stands before an object does not change."""
    scene = draw_scene(12, number, CONFIG)
    painter = plain(scene)
    image, seen = painter.frame(1.0)
    assert wholes(seen)
    for one in wholes(seen):
        without, _ = painter.frame(1.0, leave_out=[one.track // PARTS])
        x1, y1, x2, y2 = (round(side) for side in one.box)
        near = np.zeros(image.shape[:2], bool)
        near[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
        differs = np.abs(image.astype(int) - without).max(axis=-1) > 3
        # Between the fingers of somebody in front a few pixels may shine through.
        assert (differs & ~near).sum() <= 5 + 0.001 * near.sum()
        inside = np.where(near[..., None], without, image)
        box = changed(image, inside)
        assert box is not None
        np.testing.assert_allclose(one.box, box, atol=1)


@pytest.mark.slow
def test_a_hidden_object_has_no_box_and_a_hidden_part_is_cut_away() -> None:
    for number in range(6):
        scene = draw_scene(13, number, CONFIG)
        plan = scene.plan
        painter = plain(replace(scene, plan=replace(plan, posts=())))
        _, seen = painter.frame(1.0)
        people = [one for one in wholes(seen) if one.label == "person" and one.share == 1]
        if people:
            break
    one = people[0]
    x, y, _, _ = plan.people[one.track // PARTS - len(plan.cars)].path.at(1.0)
    for radius, shown in ((2.0, False), (0.08, True)):
        near = (x * 0.95, y * 0.95, radius, 9.0)
        hidden = plain(replace(scene, plan=replace(plan, posts=(near,))))
        after = {each.track: each for each in hidden.frame(1.0)[1]}
        assert (one.track in after) is shown
        if shown:
            assert LEAST_SHARE <= after[one.track].share < 1


@pytest.mark.slow
def test_a_face_lies_in_its_head_and_a_head_in_its_person() -> None:
    pairs = 0
    for number in range(5):
        _, seen = next(render(draw_scene(14, number, CONFIG)))
        boxes = {one.track: np.array(one.box) for one in seen}
        for one in seen:
            part = one.track % PARTS
            outer = boxes.get(one.track - 1 if one.label == "face" else one.track - part)
            if part and outer is not None:
                inner = np.array(one.box)
                assert np.all(inner[:2] >= outer[:2] - 1)
                assert np.all(inner[2:] <= outer[2:] + 1)
                pairs += 1
    assert pairs > 20


@pytest.mark.slow
def test_boxes_lie_in_the_image_and_every_label_occurs() -> None:
    labels = set()
    for number in range(6):
        scene = draw_scene(15, number, CONFIG)
        image, seen = next(render(scene))
        assert image.shape == (270, 480, 3)
        assert image.dtype == np.uint8
        for one in seen:
            x1, y1, x2, y2 = one.box
            assert 0 <= x1 < x2 <= 480
            assert 0 <= y1 < y2 <= 270
            assert LEAST_SHARE <= one.share <= 1
        labels |= {one.label for one in seen}
    assert labels == set(LABELS)


@pytest.mark.slow
def test_faces_are_as_small_and_as_large_as_asked() -> None:
    config = CONFIG.model_copy(update={"smallest_face": 12.0, "largest_face": 60.0})
    heights = []
    for number in range(8):
        scene = draw_scene(16, number, config)
        painter = StreetRenderer(scene.plan, scene.times)
        for time in (0.5, 1.5, 2.5, 3.5):
            seen = painter.frame(time)[1]
            heights += [
                one.box[3] - one.box[1] for one in seen if one.label == "face" and one.share > 0.95
            ]
    assert len(heights) > 25
    assert max(heights) < 60 * 1.1
    assert max(heights) > 30
    assert np.mean(np.array(heights) < 9) < 0.02  # people may turn, but not walk on and on


def test_without_motion_and_shake_nothing_but_the_noise_changes() -> None:
    config = CONFIG.model_copy(update={"motion": 0.0, "shake": 0.0})
    scene = draw_scene(17, 0, config)
    people = tuple(replace(person, glance=(0.0, 1.0, 0.0)) for person in scene.plan.people)
    paths = [walker.path for walker in (*people, *scene.plan.cars)]
    assert all(np.ptp(path.x) < 1e-6 and np.ptp(path.y) < 1e-6 for path in paths)
    first = scene.plan.offset(0.0)
    assert all(scene.plan.offset(time) == first for time in scene.times)


@pytest.mark.slow
def test_things_move_and_come_and_go() -> None:
    scene = draw_scene(18, 1, CONFIG)
    painter = StreetRenderer(scene.plan, scene.times)
    early, late = ({one.track: one.box for one in painter.frame(t)[1]} for t in (0.0, 3.9))
    assert set(early) ^ set(late)
    moved = [np.abs(np.subtract(early[one], late[one])).max() for one in set(early) & set(late)]
    assert max(moved) > 8


@pytest.mark.slow
def test_the_same_moment_is_the_same_image_whatever_was_drawn_before() -> None:
    scene = draw_scene(19, 0, CONFIG)
    one, other = (StreetRenderer(scene.plan, scene.times) for _ in range(2))
    for time in (0.2, 3.0, 1.0):
        one.frame(time)
    first, second = one.frame(2.0), other.frame(2.0)
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
