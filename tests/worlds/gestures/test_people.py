"""What is in the image: people where their joints are, the performer as the central person."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import COCO_17
from playhead.worlds.gestures import (
    CLASSES,
    GesturesConfig,
    Performance,
    draw_performance,
    render,
)
from playhead.worlds.gestures.look import FigureLook, Light

CONFIG = GesturesConfig()
COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}  # as RGB


def test_the_same_seed_gives_the_same_frames_and_joints() -> None:
    config = CONFIG.model_copy(update={"seconds": 0.5})
    first, again, other = (draw_performance(seed, 3, "clap", 1, config) for seed in (5, 5, 6))
    frames, frames_again, others = (np.stack(list(render(one))) for one in (first, again, other))
    assert frames.shape == (7, 120, 160, 3)
    assert np.array_equal(frames, frames_again)
    assert not np.array_equal(frames, others)
    for person, same in zip(first.keypoints.people, again.keypoints.people, strict=True):
        assert np.array_equal(person.points, same.points)


def coloured(performance: Performance) -> Performance:
    """The performer in pure colours, in full light without noise; everybody else in grey."""
    plan = performance.plan

    def dressed(look: FigureLook, performer: bool) -> FigureLook:
        grey = (90, 90, 90)
        shirt, skin, trousers = COLOURS.values() if performer else (grey, grey, grey)
        head = replace(look.head, skin=skin)
        return replace(
            look,
            head=head,
            shirt=shirt,
            trousers=trousers,
            shoes=shirt,
            sleeves=False,
            shorts=False,
        )

    people = tuple(
        replace(
            person, who=replace(person.who, look=dressed(person.who.look, number == plan.performer))
        )
        for number, person in enumerate(plan.people)
    )
    light = Light(side=0.0, gain=(1.0, 1.0, 1.0), grain=0.0)
    return replace(performance, plan=replace(plan, people=people, light=light))


@pytest.mark.slow
def test_visible_joints_lie_on_the_limbs_that_they_join() -> None:
    config = CONFIG.model_copy(update={"width": 480, "height": 360, "seconds": 0.7})
    hits: dict[str, list[bool]] = {}
    limbs = {"shoulder": ("red",), "hip": ("red", "blue"), "wrist": ("green",), "knee": ("blue",),
             "elbow": ("red", "green"), "ankle": ("blue", "red"), "nose": ("green",)}  # fmt: skip
    for number, label in enumerate(CLASSES[::2]):
        performance = coloured(draw_performance(2, number, label, 0, config))
        keypoints = performance.keypoints
        person = keypoints.person(keypoints.chosen[0])
        frames = list(render(performance))
        for frame, points in zip(person.frames.tolist(), person.points, strict=True):
            for name, (column, row, confidence) in zip(
                COCO_17.joints, points.tolist(), strict=True
            ):
                kind = name.split("_")[-1]
                if confidence == 1 and kind in limbs:
                    pixel = frames[frame][int(row), int(column)].astype(int)
                    main = list(COLOURS)[int(pixel.argmax())]
                    vivid = pixel.max() > 2 * np.median(pixel)
                    hits.setdefault(kind, []).append(bool(vivid and main in limbs[kind]))
    shares = {kind: np.mean(hit) for kind, hit in hits.items()}
    assert set(shares) == set(limbs)
    assert min(shares.values()) > 0.9, shares
    assert np.mean([hit for kind in hits.values() for hit in kind]) > 0.96, shares


@pytest.fixture(scope="module")
def files() -> list[KeypointFile]:
    """The keypoints of sixty clips."""
    return [
        draw_performance(4, number // 8, CLASSES[number % 8], 0, CONFIG).keypoints
        for number in range(60)
    ]


def boxes_of(file: KeypointFile) -> dict[int, NDArray[np.float64]]:
    """The boxes (N, 4) around the joints in the image, of each person."""
    boxes = {}
    for person in file.people:
        inside = person.points[..., 2:] > 0
        low = np.where(inside, person.points[..., :2], np.inf).min(axis=1)
        high = np.where(inside, person.points[..., :2], -np.inf).max(axis=1)
        boxes[person.track] = np.concatenate([low, high], axis=1)
    return boxes


@pytest.mark.slow
def test_the_performer_is_the_person_nearest_to_the_middle_by_size_and_time(
    files: list[KeypointFile],
) -> None:
    central = []
    for file in files:
        assert file.size is not None
        scores = {}
        for track, boxes in boxes_of(file).items():
            middle = (boxes[:, :2] + boxes[:, 2:]) / 2
            distance = np.linalg.norm(middle - np.array(file.size) / 2, axis=1) / max(file.size)
            area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
            nearness = np.exp(-((distance / 0.3) ** 2))
            scores[track] = (nearness * np.sqrt(area)).sum() / len(file.times)
        central.append(max(scores, key=lambda track: scores[track]) == file.chosen[0])
    assert np.mean(central) >= 0.98


@pytest.mark.slow
def test_the_performer_is_not_simply_in_the_middle_or_the_largest(
    files: list[KeypointFile],
) -> None:
    offsets, larger, people = [], [], []
    for file in files:
        assert file.size is not None
        boxes = boxes_of(file)
        performer = boxes[file.chosen[0]]
        middle = (performer[:, 0] + performer[:, 2]).mean() / 2
        offsets.append(abs(middle - file.size[0] / 2) / file.size[0])
        area = np.prod(performer[:, 2:] - performer[:, :2], axis=1).max()
        larger.append(
            any(
                np.prod(other[:, 2:] - other[:, :2], axis=1).max() > area
                for track, other in boxes.items()
                if track != file.chosen[0]
            )
        )
        people.append(len(file.people))
    assert max(offsets) < 0.32
    assert np.mean(np.array(offsets) > 0.12) > 0.3
    assert 0.1 < np.mean(larger) < 0.8
    assert max(people) >= 4
    assert len({file.chosen[0] for file in files}) > 1


@pytest.mark.slow
def test_some_joints_are_hidden_and_some_people_are_cut_by_the_edge(
    files: list[KeypointFile],
) -> None:
    confidences = np.concatenate(
        [person.points[..., 2].ravel() for file in files for person in file.people]
    )
    assert {round(value, 2) for value in np.unique(confidences).tolist()} == {0, 0.3, 1}
    assert 0.1 < (confidences == np.float32(0.3)).mean() < 0.6
    assert 0.01 < (confidences == 0).mean() < 0.3


def test_the_spans_of_a_clip_lie_within_it() -> None:
    config = CONFIG.model_copy(update={"seconds": 0.5})
    for performer in range(6):
        performance = draw_performance(1, performer, "wave", 0, config)
        assert "wave" in [event.label for event in performance.events.events]
        for event in performance.events.events:
            assert event.end is not None
            assert 0 <= event.start < event.end <= 0.5
            wave = event.track == performance.keypoints.chosen[0]
            assert wave == (event.label == "wave")


def test_without_bystanders_there_is_one_person() -> None:
    config = CONFIG.model_copy(update={"bystanders": 0, "seconds": 0.5})
    file = draw_performance(1, 0, "bow", 0, config).keypoints
    assert len(file.people) == 1
    assert file.chosen == (file.people[0].track,)
