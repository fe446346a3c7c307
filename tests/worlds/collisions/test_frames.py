"""What the frames show, compared with the boxes by pixels alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.worlds.collisions import VIEWS, CollisionsConfig, Play, draw_play, render
from playhead.worlds.collisions import frames as drawing
from playhead.worlds.collisions.pose import HELMET

pytestmark = pytest.mark.slow

CONFIG = CollisionsConfig(width=640, height=360, shake=0)


def images(
    play: Play, view: str, times: NDArray[np.float64], players: list[int]
) -> list[NDArray[np.uint8]]:
    """Without noise and motion blur, in full light."""
    plain = replace(play.view(view), grain=0.0, gain=(1.0, 1.0, 1.0), exposure=0.0)
    return list(
        drawing.draw_frames(
            play.motion, plain, play.look, times, CONFIG.size, spacing=1 / 60, players=players
        )
    )


@pytest.mark.parametrize("number", range(2))
def test_the_box_of_a_lone_player_is_tight_on_the_drawn_helmet(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pixels that differ once the helmet is drawn without the rest of the body."""
    play = draw_play(8, number, CONFIG)
    frames = [20, 130]
    times = play.times[frames]
    order = drawing._Painter.order

    def helmets(self: drawing._Painter, players: list[int]) -> list[tuple[int, int]]:
        return [pair for pair in order(self, players) if pair[1] == HELMET]

    monkeypatch.setattr(drawing._Painter, "order", helmets)
    monkeypatch.setattr(drawing, "_draw_shadows", lambda *_: None)
    for view in VIEWS:
        boxes = play.boxes(view)[frames]
        empty = images(play, view, times, [])
        for player in range(0, 12, 4):
            for image, background, box in zip(
                images(play, view, times, [player]), empty, boxes[:, player], strict=True
            ):
                differs = np.abs(image.astype(int) - background).max(axis=-1) > 12
                rows, columns = np.nonzero(differs)
                drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                np.testing.assert_allclose(drawn, box, atol=1.3)


def test_helmets_are_about_eleven_pixels_at_the_default_size() -> None:
    play = draw_play(8, 0, CollisionsConfig())
    boxes = np.concatenate([play.boxes(view).reshape(-1, 4) for view in VIEWS])
    assert 9 <= np.mean(boxes[:, 2] - boxes[:, 0]) <= 12


def test_the_visible_share_of_a_helmet_is_counted_in_pixels() -> None:
    """Alone it is nearly all of it; behind others less."""
    play = draw_play(8, 0, CONFIG)
    shares = [
        drawing.visible_shares(play.motion, play.view(view), time, list(range(12)), 9 / 16)
        for view in VIEWS
        for time in (0.5, 1.5, 2.5)
    ]
    assert np.max(shares) == 1
    assert np.min(shares) < 0.5
    assert 0.5 < np.mean(shares) < 0.97


@pytest.mark.parametrize("size", [(384, 216), (1280, 720)])
def test_a_play_is_rendered_at_any_size(size: tuple[int, int]) -> None:
    play = draw_play(8, 0, CollisionsConfig())
    first, last = render(play, "endzone", size, frames=[0, 100])
    assert first.shape == last.shape == (size[1], size[0], 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, last)


def test_the_same_seed_draws_the_same_frames_and_another_seed_others() -> None:
    first, again, other = (
        next(render(draw_play(seed, 0, CollisionsConfig()), "sideline", frames=[50]))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_long_play_is_rendered_alike_from_any_frame() -> None:
    play = draw_play(8, 0, CollisionsConfig())
    alone = next(render(play, "sideline", frames=[40]))
    *_, last = render(play, "sideline", frames=range(6, 41, 2))
    assert np.array_equal(alone, last)
