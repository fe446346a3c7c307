"""The frames of the helmet network: which there are, how they are cut, and their targets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from playhead.config import validate
from playhead.errors import LabelError
from playhead.impact.data import ImpactVideos
from playhead.impact.helmets.config import HelmetConfig
from playhead.impact.helmets.samples import (
    HelmetSamples,
    ValidationImages,
    heat_target,
    labelled_frames,
)
from playhead.impact.targets import disc_target
from tests.impact.tiny_plays import FRAMES, HEIGHT, PLAIN, WIDTH, Memory, boxes_of, plays


def config(**changes: Any) -> HelmetConfig:
    values: dict[str, Any] = {
        "task": "helmets",
        "data": {"manifest": "m.csv", "size": [WIDTH, HEIGHT]},
        "network": {"pixels": "luma"},
        "augmentation": PLAIN,
    }
    return validate(HelmetConfig, values | changes, source="test")


def test_an_epoch_has_a_share_of_the_frames_and_each_frame_at_most_once() -> None:
    videos = plays(2)
    assert isinstance(videos.source, Memory)
    for video, images in enumerate(videos.source.frames):  # a corner tells which frame it is
        images[:, 0, 0] = video * FRAMES + np.arange(FRAMES)
    samples = HelmetSamples(videos, config(frames={"share": 0.5}))
    assert len(samples) == FRAMES
    epochs = [
        [int(samples.sample(epoch, index)["image"][0, 0]) for index in range(len(samples))]
        for epoch in (1, 2)
    ]
    assert [len(set(epoch)) for epoch in epochs] == [FRAMES, FRAMES]
    assert set(epochs[0]) != set(epochs[1])
    assert int(samples.sample(1, 3)["image"][0, 0]) == epochs[0][3]


def test_a_whole_frame_has_the_discs_of_all_helmets() -> None:
    samples = HelmetSamples(plays(1), config())
    drawn = {disc_target(boxes_of(0)[0][:, k], HEIGHT, WIDTH).tobytes() for k in range(FRAMES)}
    for index in range(len(samples)):
        sample = samples.sample(1, index)
        assert sample["image"].shape == sample["target"].shape == (HEIGHT, WIDTH)
        assert sample["target"].tobytes() in drawn


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_crop_shows_the_helmets_where_its_target_has_them(flip: float) -> None:
    changed = config(frames={"crop": [48, 40]}, augmentation={**PLAIN, "flip": flip, "move": 1.0})
    samples = HelmetSamples(plays(1), changed)
    places = set()
    for index in range(len(samples)):
        sample = samples.sample(1, index)
        image, target = sample["image"], sample["target"]
        assert image.shape == target.shape == (40, 48)
        assert (image[target > 0.5] > 150).all()  # the helmets are bright
        places.add(tuple(np.argwhere(target == target.max())[0].tolist()))
    assert len(places) > 8


def test_frames_without_a_box_or_that_cannot_be_decoded_are_left_out() -> None:
    videos = plays(1, damaged=(3,))
    [labelled] = videos.videos
    kept = labelled.points >= 2
    cut = replace(
        labelled,
        points=labelled.points[kept],
        boxes=labelled.boxes[kept],
        away=labelled.away[kept],
    )
    frames = labelled_frames(ImpactVideos(videos.source, (cut,)))
    assert frames.tolist() == [[0, point] for point in range(2, FRAMES) if point != 3]
    none = replace(cut, points=cut.points[:0], boxes=cut.boxes[:0], away=cut.away[:0])
    with pytest.raises(LabelError, match="play 0: no frame has the box of a helmet"):
        HelmetSamples(ImpactVideos(videos.source, (none,)), config())


def test_validation_has_whole_frames_evenly_spaced_with_their_boxes() -> None:
    checks = ValidationImages(plays(2), config(frames={"validation": 4}))
    assert checks.frames.tolist() == [[0, 0], [0, 12], [1, 0], [1, 12]]
    image, boxes = checks[1]
    assert image.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(boxes, boxes_of(0)[0][:, 12])


def test_a_point_fills_the_cell_of_the_centre() -> None:
    target = heat_target(np.array([[9, 1, 20, 12]], np.float32), (30, 18), "point")
    assert target.shape == (18, 30)
    assert np.argwhere(target).min(0).tolist() == [4, 12]
    assert np.argwhere(target).max(0).tolist() == [7, 15]
    with pytest.raises(ValueError, match="choose disc or point"):
        heat_target(np.zeros((0, 4), np.float32), (30, 18), "box")
