"""The settings that `init` derives follow from the data by the rules that their reasons say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.spotting.recipe import choose_settings
from playhead.spotting.survey import EventFacts, VideoFacts

WIDE, PHONE = (1920, 1080), (1080, 1920)


def chosen(
    *,
    rates: tuple[float, ...] = (25.0,),
    sizes: tuple[tuple[int, int], ...] = (WIDE,),
    spacing: tuple[float, ...] = (),
    motion: float | None = None,
    counts: dict[str, int] | None = None,
) -> dict[str, Any]:
    videos = [
        VideoFacts(Path("a.mp4"), rate, False, 60.0, size, motion)
        for rate in rates
        for size in sizes
    ]
    events = EventFacts(counts or {"hit": 50}, np.sort(np.array(spacing)), np.zeros(0))
    choices = choose_settings(videos, events, base="quick", validation_events=10)
    assert all(choice.reason for choice in choices)
    return {choice.key: choice.value for choice in choices}


def test_dense_events_get_a_narrow_target_and_no_smoothing() -> None:
    """As measured on steps of jump rope, .16 s apart at 30 frames a second."""
    values = chosen(rates=(30.0,), spacing=(0.16,) * 20)
    assert values["target_seconds"] == pytest.approx(1 / 30, abs=0.001)
    assert values["decisions.smoothing_seconds"] == 0
    assert values["decisions.distance_seconds"] == pytest.approx(0.064)
    assert values["window"] == {"frames": 15, "step": 1, "stack": 3}


@pytest.mark.parametrize("spacing", [(), (30.0, 45.0, 61.0)])
def test_events_that_stand_alone_keep_the_wide_target(spacing: tuple[float, ...]) -> None:
    values = chosen(spacing=spacing)
    assert values["target_seconds"] == 0.2
    assert values["decisions.distance_seconds"] == 1.0
    assert "decisions.smoothing_seconds" not in values


def test_the_close_neighbours_decide_not_the_usual_ones() -> None:
    values = chosen(spacing=(0.3,) * 3 + (1.5,) * 17)
    assert values["target_seconds"] == pytest.approx(0.06)
    assert values["decisions.distance_seconds"] == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("rate", "spacing", "expected"),
    [
        (29.97, 5.0, "30000/1001"),
        (59.94, 5.0, "30000/1001"),
        (60.0, 0.2, "60"),
        (60.0, 0.4, "30"),
        (120.0, 5.0, "30"),
        (12.0, 5.0, "12"),
    ],
)
def test_the_rate_is_that_of_the_videos_or_half_of_it_if_that_tells_events_apart(
    rate: float, spacing: float, expected: str
) -> None:
    assert chosen(rates=(rate, rate, 25.0), spacing=(spacing,) * 9)["data.rate"] == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(WIDE, [160, 96]), (PHONE, [96, 160]), ((640, 480), [128, 96]), ((500, 500), [112, 112])],
)
def test_frames_have_about_the_shape_of_the_videos(
    size: tuple[int, int], expected: list[int]
) -> None:
    values = chosen(sizes=(size,))
    assert (values["data.size"], values["data.fit"]) == (expected, "stretch")


def test_videos_of_several_shapes_are_letterboxed() -> None:
    assert chosen(sizes=(WIDE, WIDE, PHONE))["data.fit"] == "letterbox"
    assert chosen(sizes=(WIDE, (1280, 720), (854, 480)))["data.fit"] == "stretch"


@pytest.mark.parametrize(("motion", "camera"), [(0.0, 0.0), (9.0, None), (None, None)])
def test_a_still_camera_is_not_moved_in_augmentation(
    motion: float | None, camera: float | None
) -> None:
    assert chosen(motion=motion).get("augmentation.camera") == camera


@pytest.mark.parametrize(
    ("label", "flip"), [("left foot", 0.0), ("foot_right", 0.0), ("bright", None)]
)
def test_classes_with_sides_are_not_mirrored(label: str, flip: float | None) -> None:
    assert chosen(counts={label: 5, "jump": 5}).get("augmentation.flip") == flip


def test_rare_classes_are_drawn_more_often() -> None:
    assert "sampling.class_weights" not in chosen(counts={"pass": 300, "shot": 100})
    weights = chosen(counts={"pass": 400, "shot": 25})["sampling.class_weights"]
    assert weights == {"pass": 1.0, "shot": 4.0}
