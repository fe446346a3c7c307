"""Which videos are views of a play, and the offset of their clocks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import LabelError, PlayheadError
from playhead.events.manifest import ManifestRow
from playhead.impact.views import (
    estimate_offset,
    motion_energy,
    named_view,
    plays_of,
    views_of_manifest,
    views_of_paths,
)
from playhead.samples.views import partner_frames


def plays(*names: str) -> list[list[str]]:
    views = views_of_paths([Path(name) for name in names])
    groups = plays_of([(view.play, view.view) for view in views])
    return [[names[at] for at in group] for group in groups]


def test_videos_are_paired_by_their_names() -> None:
    assert plays(
        "play-000_sideline.mp4", "play-001_endzone.mp4", "play-000_endzone.mp4", "other.mp4"
    ) == [
        ["play-000_sideline.mp4", "play-000_endzone.mp4"],
        ["play-001_endzone.mp4"],
        ["other.mp4"],
    ]
    nfl = ["57583_000082_Endzone.mp4", "57583_000082_Sideline.mp4"]
    assert plays(*nfl) == [nfl]
    assert named_view("57583_000082_endzone.mp4") == ("57583_000082", "Endzone")


def test_numbered_videos_and_equal_names_of_other_folders_are_not_paired() -> None:
    assert plays("match_1.mp4", "match_2.mp4") == [["match_1.mp4"], ["match_2.mp4"]]
    assert plays("a/p_left.mp4", "b/p_right.mp4") == [["a/p_left.mp4"], ["b/p_right.mp4"]]


def test_three_views_of_a_play_are_refused() -> None:
    with pytest.raises(LabelError, match="3 views.*p_left.*manifest"):
        plays("p_left.mp4", "p_right.mp4", "p_top.mp4")


def row(video: str, group: str, view: str | None, offset: float = 0.0) -> ManifestRow:
    return ManifestRow(Path(video), group=group, view=view, offset=offset)


def test_a_manifest_pairs_equal_groups_with_different_views() -> None:
    rows = [row("a/1.mp4", "p", "left", 0.5), row("b/2.mp4", "p", "right"), row("3.mp4", "p", None)]
    views = views_of_manifest(rows)
    assert plays_of([(view.play, view.view) for view in views]) == [[0, 1], [2]]
    assert [view.offset for view in views] == [0.5, 0, 0]


def test_a_manifest_with_three_or_equal_views_is_refused() -> None:
    with pytest.raises(LabelError, match="3 views"):
        views_of_manifest([row(f"{view}.mp4", "p", view) for view in ("a", "b", "c")])
    with pytest.raises(LabelError, match="view 'a'"):
        views_of_manifest([row(f"{number}.mp4", "p", "a") for number in range(2)])


class Shaken:
    """A view whose image jumps by the motion of the play, from `start` seconds of it on."""

    path = Path("shaken.mp4")

    def __init__(
        self, rate: float, start: float, seconds: float = 6.0, unreadable: tuple[int, ...] = ()
    ) -> None:
        self.times = np.arange(round(seconds * rate)) / rate
        self.duration = seconds
        self.unreadable = unreadable
        moments = np.random.default_rng(3).uniform(0, 10, 25)
        heights = np.random.default_rng(4).uniform(20, 100, 25)
        at = self.times[:, None] + start - moments
        self.level = (heights * (1 + np.tanh(at * 8)) / 2).sum(1)

    def stream(
        self, *, pixels: str, size: tuple[int, int], wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        noise = np.random.default_rng(len(self.times))
        for k in wanted.tolist():
            if k not in self.unreadable:
                image = np.abs((self.level[k] % 400) - 200) + noise.normal(0, 0.3, size[::-1])
                yield k, image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("rate", "shift"), [(60, 0.4), (60, -0.75), (30, 0.4), (25, -0.2)])
def test_the_offset_of_a_shifted_view_is_found(rate: float, shift: float) -> None:
    first, second = Shaken(60, 1.0), Shaken(rate, 1.0 + shift)
    estimate = estimate_offset(
        first.times, motion_energy(first), second.times, motion_energy(second)
    )
    # Moment t of the second view is t + shift of the first.
    assert estimate.seconds == pytest.approx(shift, abs=0.02)
    assert estimate.confidence > 0.2
    partners = partner_frames(first.times, second.times, offset=estimate.seconds)
    inside = (first.times > 1) & (first.times < 5)
    apart = second.times[partners] + shift - first.times
    assert np.abs(apart[inside]).max() < 0.04


def test_motion_without_relation_has_no_confidence() -> None:
    first, second = (np.random.default_rng(seed).normal(size=400) for seed in (1, 2))
    times = np.arange(400) / 60
    assert estimate_offset(times, first, times, second).confidence < 0.1
    assert estimate_offset(times, first, times, np.ones(400)).confidence == 0


def test_unreadable_frames_are_interpolated_and_too_few_refused() -> None:
    energy = motion_energy(Shaken(60, 1.0, unreadable=(0, 50, 51)))
    assert np.isfinite(energy).all()
    with pytest.raises(PlayheadError, match="readable"):
        motion_energy(Shaken(60, 1.0, 0.05, unreadable=(1, 2)))
    with pytest.raises(PlayheadError, match="at least 8"):
        estimate_offset(np.arange(5.0), np.ones(5), np.arange(9.0), np.ones(9))
