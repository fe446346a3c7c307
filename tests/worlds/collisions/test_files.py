"""What the world collisions leaves on disk: both views, their truth and a manifest that agree."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import ConfigError
from playhead.events.formats import native
from playhead.events.formats.tracks import read_tracks
from playhead.events.manifest import read_manifest
from playhead.media import open_video
from playhead.worlds import generate, processes, redraw
from playhead.worlds.collisions import (
    VIEWS,
    CollisionsConfig,
    draw_play,
    generate_collisions,
    render,
)

SETTINGS = ("seconds=1", "width=192", "height=108", "rate=30", "train=0.5", "valid=0.5")
CONFIG = CollisionsConfig(seconds=1, width=192, height=108, rate="30", train=0.5, valid=0.5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collisions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "DEFAULT_PROCESSES", 1)
        return generate("collisions", out, count=2, seed=3, settings=SETTINGS)


def test_a_row_of_the_manifest_is_a_view_and_a_group_is_a_play(world: Path) -> None:
    rows = read_manifest(world)
    assert [(row.name, row.group, row.view, row.split) for row in rows] == [
        ("play-000_sideline.mp4", "play-000", "sideline", "train"),
        ("play-000_endzone.mp4", "play-000", "endzone", "train"),
        ("play-001_sideline.mp4", "play-001", "sideline", "valid"),
        ("play-001_endzone.mp4", "play-001", "endzone", "valid"),
    ]


def test_the_files_hold_the_truth_of_the_play(world: Path) -> None:
    for number in range(2):
        play = draw_play(3, number, CONFIG)
        for view in VIEWS:
            stem = world.parent / f"play-{number:03d}_{view}"
            told = native.read(Path(f"{stem}.events.json"))
            assert told.video == f"{stem.name}.mp4"
            assert told.classes == ("impact",)
            assert (told.frames, told.rate) == (30, Fraction(30))
            assert told.events == play.events(view)
            tracks = read_tracks(Path(f"{stem}.tracks.npz"))
            assert (tracks.frames, tracks.width, tracks.height) == (30, 192, 108)
            assert tracks.classes == ("helmet",)
            for one, other in zip(tracks.tracks, play.tracks(view), strict=True):
                assert one.id == other.id
                assert np.array_equal(one.frames, other.frames)
                assert np.array_equal(one.boxes, other.boxes)


def test_a_video_shows_the_frames_that_were_drawn(world: Path) -> None:
    with open_video(world.parent / "play-001_endzone.mp4") as video:
        assert video.frames == 30
        assert video.rate == 30
        shown = video.read(range(30)).astype(int)
    for frame, image in enumerate(render(draw_play(3, 1, CONFIG), "endzone")):
        assert np.abs(shown[frame] - image).mean() < 7


def test_a_play_does_not_depend_on_the_count(world: Path, tmp_path: Path) -> None:
    generate_collisions(tmp_path, count=1, seed=3, config=CONFIG, processes=1)
    for name in ("play-000_sideline.events.json", "play-000_endzone.mp4"):
        assert (tmp_path / name).read_bytes() == (world.parent / name).read_bytes()


def test_a_play_is_rendered_again_at_another_size() -> None:
    ((time, image),) = redraw(
        "collisions", "play-001_endzone", [0.51], seed=3, settings=SETTINGS, size=(96, 54)
    )
    assert time == 0.5
    play = draw_play(3, 1, CONFIG)
    assert np.array_equal(image, next(render(play, "endzone", (96, 54), frames=[15])))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("rate=fast",), "needs frames a second"),
        (("seconds=0",), "seconds"),
        (("width=321",), "multiple of 2"),
        (("height=20",), "height"),
        (("players=1",), "players"),
        (("players=23",), "players"),
        (("impacts=-1",), "impacts"),
        (("distractors=9",), "distractors"),
        (("shake=-1",), "shake"),
        (("crf=52",), "crf"),
        (("impact=3",), "did you mean impacts"),
        (("train=0.9", "valid=0.2"), "more than 1"),
    ],
)
def test_a_wrong_play_is_refused(settings: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        generate("collisions", tmp_path, count=1, settings=settings)
    assert not list(tmp_path.iterdir())
