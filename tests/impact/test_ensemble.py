"""Ensembles of candidates: closed forms of boxes and scores, decisions, and bad input."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.errors import PlayheadError
from playhead.events.formats import native
from playhead.impact.candidates import Candidates, read_candidates, write_candidates
from playhead.impact.ensemble import fuse_candidates
from tests.command import playhead, playhead_json, run
from tests.impact.helmets import of


def rows_of(candidates: Candidates) -> list[tuple[int, float, float, float]]:
    """(frame, x, helmet score, impact score) of each candidate, of equal frames by x."""
    columns = (candidates.frames, candidates.boxes[:, 0], candidates.helmet, candidates.impact)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def approximately(*rows: tuple[int, float, float, float]) -> list[Any]:
    return [pytest.approx(row, abs=1e-5) for row in rows]


def test_a_helmet_of_both_is_their_mean_and_of_one_keeps_its_impact_score() -> None:
    first = of([(3, 100, 0.9, 0.2), (3, 300, 0.8, 0.7)])
    second = of([(3, 104, 0.6, 0.8), (4, 300, 0.4, 0.1)])
    fused = fuse_candidates([first, second])
    x = (0.9 * 100 + 0.6 * 104) / 1.5
    assert rows_of(fused) == approximately(
        (3, x, 0.75, 0.5), (3, 300, 0.4, 0.7), (4, 300, 0.2, 0.1)
    )
    assert fused.boxes[0].tolist() == pytest.approx([x, 0, x + 20, 20])
    assert (fused.video, fused.play, fused.view) == (first.video, first.play, first.view)


def test_weights_count_for_box_helmet_and_impact() -> None:
    fused = fuse_candidates([of([(0, 100, 0.9, 0.2)]), of([(0, 104, 0.6, 0.8)])], weights=(3, 1))
    x = (3 * 0.9 * 100 + 0.6 * 104) / (3 * 0.9 + 0.6)
    assert rows_of(fused) == approximately((0, x, 0.825, 0.35))
    alone = fuse_candidates([of([]), of([(0, 104, 0.6, 0.8)])], weights=(3, 1))
    assert rows_of(alone) == approximately((0, 104, 0.15, 0.8))


def test_boxes_are_one_helmet_from_the_overlap_on() -> None:
    members = [of([(0, 100, 0.9, 0.2)]), of([(0, 110, 0.9, 0.8)])]  # an IoU of 1/3
    assert len(fuse_candidates(members, overlap=0.34)) == 2
    assert len(fuse_candidates(members, overlap=0.33)) == 1


def test_the_highest_box_of_a_member_gives_its_scores() -> None:
    twice = of([(0, 100, 0.3, 1.0), (0, 100, 0.9, 0.2)])
    [row] = rows_of(fuse_candidates([twice, of([(0, 100, 0.7, 0.4)])]))
    assert row == pytest.approx((0, 100, 0.8, 0.3))


def test_a_member_that_did_not_analyse_a_frame_is_left_out_there() -> None:
    def unseen(*ranges: tuple[int, int]) -> Any:
        return np.array(ranges, np.int32).reshape(-1, 2)

    first = of([(5, 100, 0.8, 0.6)], frames=12, unseen=unseen((7, 12)))
    second = of([(9, 100, 0.4, 0.2)], frames=12, unseen=unseen((3, 8), (10, 12)))
    fused = fuse_candidates([first, second])
    assert rows_of(fused) == approximately((5, 100, 0.8, 0.6), (9, 100, 0.4, 0.2))
    assert fused.unseen.tolist() == [[7, 8], [10, 12]]
    assert fuse_candidates([second, second]).unseen.tolist() == [[3, 8], [10, 12]]


def test_a_frame_that_the_fast_mode_skipped_is_not_analysed() -> None:
    fast = of([(1, 100, 0.8, 0.6)], settings={"mode": "fast"})
    exact = of([(1, 300, 0.8, 0.6), (2, 100, 0.6, 0.4)])
    assert rows_of(fuse_candidates([fast, exact])) == approximately(
        (1, 100, 0.4, 0.6), (1, 300, 0.4, 0.6), (2, 100, 0.6, 0.4)
    )


def test_nothing_found_is_nothing() -> None:
    fused = fuse_candidates([of([]), of([])])
    assert len(fused) == 0
    assert fused.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (of([], frames=59), "it has 59 frames, but 60"),
        (of([], rate=59.94), "frame 1 is at 0.016683 s, but at 0.016667 s"),
        (replace(of([]), size=(320, 180)), "its frames have 320x180 pixels, but 640x360"),
        (replace(of([]), label="hit"), "its class is 'hit', but 'impact'"),
    ],
)
def test_candidates_of_another_video_are_refused(
    other: Candidates, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(PlayheadError, match=complaint):
        fuse_candidates([of([]), other])
    write_candidates(of([]), tmp_path / "a" / "x.candidates.npz")
    write_candidates(other, tmp_path / "b" / "x.candidates.npz")
    finished = run("impact", "ensemble", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out")
    assert finished.code == 2
    assert f"b/x.candidates.npz: {complaint}" in finished.err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two views of a play in folders `a` and `b`; only `a` records decisions."""
    strict = {"decisions": {"impact_threshold": 0.55, "two_views": False}}
    for folder, impact, settings in (("a", 0.4, strict), ("b", 0.8, {})):
        for view in ("left", "right"):
            held = of([(7, 100, 0.9, impact)], video=f"p_{view}.mp4", view=view, settings=settings)
            write_candidates(held, tmp_path / folder / "one" / f"p_{view}.candidates.npz")
    return tmp_path


def ensemble(folders: Path, *options: object) -> Any:
    paths = (folders / "a", folders / "b", "--out", folders / "out")
    return playhead_json("impact", "ensemble", *paths, *options)


def test_impacts_are_decided_by_the_decisions_of_the_first(folders: Path) -> None:
    written = ensemble(folders)["outputs"]
    assert [Path(path).name for path in written] == ["p_left.events.json", "p_right.events.json"]
    for path in map(Path, written):
        [event] = native.read(path).events
        assert event.frame == 7
        assert event.score == pytest.approx(0.6)
    held = read_candidates(folders / "out" / "one" / "p_left.candidates.npz")
    assert held.settings["decisions"] == {"impact_threshold": 0.55, "two_views": False}
    ensemble(folders, "--weights", "3,1")  # 0.5 is below the threshold
    assert not native.read(Path(written[0])).events


def test_folders_with_other_videos_are_refused_and_nothing_is_written(folders: Path) -> None:
    (folders / "b" / "one" / "p_right.candidates.npz").unlink()
    for pair in (("a", "b"), ("b", "a")):
        paths = [folders / name for name in pair]
        finished = run("impact", "ensemble", *paths, "--out", folders / "out")
        assert finished.code == 2
        assert f"{folders / 'b'}: has no candidates of one/p_right" in finished.err
        assert len(finished.err.strip().splitlines()) == 1
    assert not (folders / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("a", "--out", "out"), "at least two folders"),
        (("a", "b", "--out", "a"), "is one of the folders"),
        (("a", "none", "--out", "out"), "candidates.npz"),
        (("a", "b", "--out", "out", "--weights", "1"), "2 folders need 2 numbers above 0"),
        (("a", "b", "--out", "out", "--weights", "1,x"), "--weights 1,x"),
    ],
)
def test_bad_input_is_one_line(
    folders: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.chdir(folders)
    before = (folders / "a" / "one" / "p_left.candidates.npz").read_bytes()
    finished = run("impact", "ensemble", *arguments)
    assert finished.code == 2
    assert complaint in finished.err
    assert len(finished.err.strip().splitlines()) == 1
    assert (folders / "a" / "one" / "p_left.candidates.npz").read_bytes() == before


def test_weights_are_one_for_each_member() -> None:
    with pytest.raises(PlayheadError, match="2 members need as many weights"):
        fuse_candidates([of([]), of([])], weights=(1,))


def test_help_shows_an_example() -> None:
    text = " ".join(playhead("impact", "ensemble", "--help").split())
    assert "Example: playhead impact ensemble " in text
