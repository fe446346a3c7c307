"""Rendered plays: the frames of both views at the same moments, boxes in colour, clips, damage."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.model import Origin, Track
from playhead.impact.outcomes import COLOURS
from playhead.impact.panes import HELMET
from playhead.impact.render import GAP
from playhead.media import open_video
from tests.command import playhead, playhead_json, run
from tests.impact.two_views import (
    FRAMES,
    HEIGHT,
    RATE,
    WIDTH,
    impact,
    write_candidates_of,
    write_events,
    write_play,
    write_set,
    write_video,
)

SECOND = WIDTH + GAP  # where the second view begins


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A play of two views (a hit in each, then a miss and a false positive), and one of one."""
    data, out = tmp_path / "set", tmp_path / "out"
    rows = write_play(data, "p1", {"left": (impact(10), impact(30, 90)), "right": (impact(10),)})
    rows += write_play(data, "p2", {"left": (impact(20),)})
    write_set(data, rows)
    write_events(out / "p1_left.events.json", impact(11, score=0.9))
    write_events(out / "p1_right.events.json", impact(10, score=0.6), impact(30, 90, score=0.7))
    write_events(out / "p2_left.events.json", impact(20, score=0.5))
    return tmp_path


def render(folder: Path, *options: object, code: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = playhead_json(
        "impact", "render", folder / "set" / "manifest.csv", "--predictions", folder / "out",
        "--out", folder / "rendered", *options, code=code,
    )  # fmt: skip
    return document


def with_truth(folder: Path, *options: object, code: int = 0) -> dict[str, Any]:
    return render(folder, "--truth", folder / "set" / "manifest.csv", *options, code=code)


def images(path: Path) -> NDArray[np.uint8]:
    with open_video(path) as video:
        return video.read(range(video.frames))


def near(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """How many pixels have about this colour, after the encoding."""
    return int((np.abs(pixels.astype(int) - colour).max(axis=-1) < 45).sum())


def test_a_play_keeps_its_frames_and_shows_both_views(folder: Path) -> None:
    with_truth(folder)
    path = folder / "rendered" / "p1.impacts.mp4"
    with open_video(path) as video:
        assert (video.frames, video.width, video.height) == (FRAMES, 2 * WIDTH + GAP, HEIGHT)
        assert video.rate == RATE
    frames = images(path)
    for k in (0, 5, 20, 39):
        for left in (0, SECOND):
            pane = frames[k][60:90, left + 100 : left + 150]
            assert pane.mean() == pytest.approx(40 + 4 * k, abs=3)
    assert frames[5][:, WIDTH : WIDTH + GAP].mean() < 20
    with open_video(folder / "rendered" / "p2_left.impacts.mp4") as video:
        assert (video.frames, video.width) == (FRAMES, WIDTH)


def test_boxes_and_border_have_the_colour_of_the_outcome_near_the_impact_alone(
    folder: Path,
) -> None:
    with_truth(folder)
    frames = images(folder / "rendered" / "p1.impacts.mp4")
    box = (slice(34, 62), slice(34, 62))  # around the box at (40, 40) of 16 pixels
    assert near(frames[11][box], COLOURS["hit"]) > 40
    assert near(frames[20][box], COLOURS["hit"]) == 0
    other = (slice(34, 62), slice(84, 112))
    assert near(frames[30][other], COLOURS["miss"]) > 40
    assert near(frames[30][34:62, SECOND + 84 : SECOND + 112], COLOURS["false positive"]) > 40
    assert near(frames[30][:, :2], COLOURS["miss"]) > HEIGHT
    assert near(frames[30][:, -2:], COLOURS["false positive"]) > HEIGHT
    assert near(frames[20][:, :2], COLOURS["miss"]) == 0


def test_without_truth_the_predictions_are_neither_right_nor_wrong(folder: Path) -> None:
    render(folder)
    frames = images(folder / "rendered" / "p1.impacts.mp4")
    assert near(frames[11][34:62, 34:62], COLOURS["impact"]) > 40
    assert near(frames[30][34:62, SECOND + 84 : SECOND + 112], COLOURS["impact"]) > 40
    assert not any(near(frames[30], COLOURS[kind]) > 20 for kind in ("miss", "false positive"))


def test_the_second_view_follows_the_clock_of_the_play(folder: Path) -> None:
    rows = write_play(folder / "set", "p1", {"left": (), "right": ()}, offset=float(6 / RATE))
    write_set(folder / "set", rows)
    render(folder)
    frames = images(folder / "rendered" / "p1.impacts.mp4")
    assert frames[4][66:90, SECOND + 100 : -4].mean() == pytest.approx(40 + 4 * 10, abs=3)
    assert frames[39][66:90, SECOND + 100 : -4].mean() == pytest.approx(24, abs=3)  # it has ended


def test_helmets_are_drawn_from_tracks_or_candidates(folder: Path) -> None:
    ones = np.ones(FRAMES, np.float32)
    track = Track(
        1, "helmet", np.arange(FRAMES, dtype=np.int32),
        np.tile(np.array([100, 60, 120, 80], np.float32), (FRAMES, 1)), ones,
        np.full(FRAMES, Origin.DRAWN, np.uint8),
    )  # fmt: skip
    file = TrackFile(
        video="p2_left.mp4", frames=FRAMES, width=WIDTH, height=HEIGHT, classes=("helmet",),
        tracks=(track,),
    )  # fmt: skip
    write_tracks(folder / "set" / f"p2_left{SUFFIX}", file)
    write_candidates_of(folder / "out" / "p1_left.candidates.npz", impact(5, 120, score=0.1))
    render(folder)
    around = (slice(36, 60), slice(116, 140))
    frames = images(folder / "rendered" / "p1.impacts.mp4")
    assert near(frames[5][around], HELMET) > 20
    assert near(frames[6][around], HELMET) == 0
    assert near(images(folder / "rendered" / "p2_left.impacts.mp4")[1][56:84, 96:124], HELMET) > 30


def test_a_clip_of_each_moment_is_slower_and_centred_on_it(folder: Path) -> None:
    options = ("--clips", "--around", "0.2", "--slow", "4")
    document = with_truth(folder, *options)
    names = [Path(path).name for path in document["files"][0]["outputs"]]
    assert names == ["p1.001-hit.mp4", "p1.002-miss.mp4"]
    with open_video(folder / "rendered" / names[0]) as clip:
        assert clip.frames == 11  # 5 frames of 0.167 s on each side
        assert clip.rate == RATE / 4
        middle = clip.read([5])[0]
    assert middle[60:90, SECOND + 100 : SECOND + 150].mean() == pytest.approx(80, abs=3)
    assert near(middle[34:62, 34:62], COLOURS["hit"]) > 20
    (folder / "out" / "p2_left.events.json").unlink()
    assert render(folder, *options)["files"][1]["notes"] == [
        "its play has no impact to cut a clip of"
    ]


def test_clips_of_an_earlier_run_do_not_stay_and_other_files_do(folder: Path) -> None:
    rendered = folder / "rendered"
    rendered.mkdir()
    stale = ("p1.003-false-positive.mp4", "p1.001-miss.mp4", "p2_left.009-hit.mp4")
    others = ("p1.impacts.mp4", "p1.001-hit.txt", "p10.001-hit.mp4", "p1.left.001-hit.mp4")
    for name in (*stale, *others):
        (rendered / name).touch()
    (folder / "set" / "p2_left.mp4").write_bytes(b"no video")
    document = render(folder, "--clips", "--around", "0.1", code=3)
    assert [file["status"] for file in document["files"]] == ["ok", "failed"]
    written = {Path(path).name for path in document["files"][0]["outputs"]}
    assert {path.name for path in rendered.iterdir()} == {*written, *others}


def test_an_input_that_is_named_as_a_clip_stays(folder: Path) -> None:
    taken = write_video(folder / "set" / "p2_left.007-hit.mp4")
    (folder / "set" / "p2_left.008-hit.mp4").touch()
    videos = folder / "set" / "p2_left.mp4", taken
    run(
        "impact", "render", *videos, "--predictions", folder / "out", "--out", folder / "set",
        "--clips",
    )  # fmt: skip
    assert taken.is_file()
    assert not (folder / "set" / "p2_left.008-hit.mp4").exists()


def test_a_view_that_cannot_be_read_leaves_the_other_and_the_batch_goes_on(folder: Path) -> None:
    (folder / "set" / "p1_right.mp4").write_bytes(b"no video")
    document = render(folder, code=3)
    assert [file["status"] for file in document["files"]] == ["partial", "ok"]
    assert "p1_right.mp4" in document["files"][0]["reason"]
    with open_video(folder / "rendered" / "p1.impacts.mp4") as video:
        assert video.width == WIDTH
    (folder / "set" / "p1_left.mp4").write_bytes(b"no video")
    document = render(folder, code=3)
    assert [file["status"] for file in document["files"]] == ["failed", "ok"]


def test_nfl_names_are_rendered_from_a_folder_of_videos(tmp_path: Path) -> None:
    names = [f"57583_000082_{view}" for view in ("Endzone", "Sideline")]
    for name in names:
        write_video(tmp_path / "test" / f"{name}.mp4")
    write_events(tmp_path / "out" / f"{names[0]}.events.json", impact(11))
    printed = playhead(
        "impact", "render", tmp_path / "test", "--predictions", tmp_path / "out",
        "--out", tmp_path / "rendered",
    )  # fmt: skip
    assert printed.split() == [str(tmp_path / "rendered" / "57583_000082.impacts.mp4")]


def test_plays_whose_names_agree_are_written_to_their_own_files(tmp_path: Path) -> None:
    rows = [
        replace(row, group=group)
        for group, views in (("a", ("A", "B")), ("b", ("C", "D")))
        for row in write_play(tmp_path / "set", "cam", dict.fromkeys(views, ()))
    ]
    write_set(tmp_path / "set", rows)
    write_events(tmp_path / "out" / "cam_A.events.json", impact(11))
    outputs = [Path(file["outputs"][0]).name for file in render(tmp_path)["files"]]
    assert outputs == ["cam_A.impacts.mp4", "cam_C.impacts.mp4"]


def test_predictions_of_no_video_are_refused(folder: Path) -> None:
    finished = run(
        "impact", "render", folder / "set", "--predictions", folder / "set" / "none", "--out",
        folder / "rendered",
    )  # fmt: skip
    assert finished.code == 2
    assert "events.json" in finished.err


def test_help_shows_an_example() -> None:
    text = " ".join(playhead("impact", "render", "--help").split())
    assert "Example: playhead impact render " in text
