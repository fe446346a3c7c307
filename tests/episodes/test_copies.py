"""The command `chapters`: sidecars and copies after a person corrected the results."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from playhead.episodes.results import (
    EpisodeRecord,
    SeasonRecord,
    read_season,
    write_events,
    write_season,
)
from playhead.episodes.segments import EpisodeResult, Segment
from playhead.events.formats import native
from tests.command import playhead_json, run
from tests.episodes.episode_files import write_episode

OPENING = Segment(kind="opening", start=1.0, end=2.0, confidence=0.9)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results of a season of two episodes, one in Matroska and one in MP4, and the videos."""
    folder = tmp_path / "out" / "S1"
    folder.mkdir(parents=True)
    records = []
    for name in ("E1.mkv", "E2.mp4"):
        write_episode(tmp_path / "show" / "S1" / name)
        stem = name[:2]
        written = write_events(name, [OPENING], folder / f"{stem}.events.json")
        result = EpisodeResult(video=name, duration=4.0, segments=(OPENING,))
        names = tuple(f"{stem}{suffix}" for suffix in (".events.json", ".edl", ".chapters.txt"))
        records.append(EpisodeRecord(result=result, written=written, outputs=names))
    season = SeasonRecord(name="S1", title="S1", settings={"edl": "cut"}, episodes=tuple(records))
    write_season(season, folder / "season.json")
    return tmp_path / "out"


def correct(results: Path) -> None:
    path = results / "S1/E1.events.json"
    events = native.read(path)
    native.write(replace(events, events=(replace(events.events[0], end=3.0),)), path)


def chapters(path: Path) -> list[tuple[float, str]]:
    with av.open(str(path)) as container:
        return [
            (float(c["start"] * (c["time_base"] or 1)), c["metadata"]["title"])
            for c in container.chapters()
        ]


def test_sidecars_follow_a_correction(results: Path) -> None:
    correct(results)
    answer = playhead_json("episodes", "chapters", results)
    assert (results / "S1/E1.edl").read_text(encoding="utf-8") == "1.000 3.000 0\n"
    assert "CHAPTER03=00:00:03.000" in (results / "S1/E1.chapters.txt").read_text(encoding="utf-8")
    assert [file["status"] for file in answer["files"]] == ["ok", "ok"]
    assert not (results / "S1/E1.segments.srt").exists()
    playhead_json("episodes", "chapters", results, "--edl", "skip")
    assert (results / "S1/E1.edl").read_text(encoding="utf-8") == "1.000 3.000 3\n"


def test_copies_have_the_corrected_chapters(results: Path, tmp_path: Path) -> None:
    correct(results)
    playhead_json(
        "episodes", "chapters", results, "--media", tmp_path / "show", "--out", tmp_path / "c"
    )
    expected = [(0.0, "Part 1"), (1.0, "Opening"), (3.0, "Part 2")]
    assert chapters(tmp_path / "c/S1/E1.mkv") == expected
    assert chapters(tmp_path / "c/S1/E2.mp4") == [*expected[:2], (2.0, "Part 2")]


def test_results_beside_the_videos_work_too(results: Path, tmp_path: Path) -> None:
    for file in (results / "S1").iterdir():
        file.rename(tmp_path / "show/S1" / file.name)
    show = tmp_path / "show"
    playhead_json("episodes", "chapters", show, "--media", show, "--out", tmp_path / "c")
    assert (tmp_path / "c/S1/E1.mkv").exists()


def test_a_copy_never_replaces_its_video(results: Path, tmp_path: Path) -> None:
    show = tmp_path / "show"
    before = (show / "S1/E1.mkv").read_bytes()
    finished = run("episodes", "chapters", results, "--media", show, "--out", show, "--overwrite")
    assert finished.code == 2
    assert "replace this input" in finished.err
    assert (show / "S1/E1.mkv").read_bytes() == before


def test_an_existing_copy_is_replaced_only_on_demand(results: Path, tmp_path: Path) -> None:
    command = ("episodes", "chapters", results, "--media", tmp_path / "show", "--out")
    playhead_json(*command, tmp_path / "c")
    assert "exists already" in run(*command, tmp_path / "c").err
    playhead_json(*command, tmp_path / "c", "--overwrite")


def test_a_missing_and_a_broken_video_fail_alone(results: Path, tmp_path: Path) -> None:
    (tmp_path / "show/S1/E1.mkv").unlink()
    command = ("episodes", "chapters", results, "--media", tmp_path / "show", "--out")
    answer = playhead_json(*command, tmp_path / "c", code=3)
    assert [file["status"] for file in answer["files"]] == ["failed", "ok"]
    assert "no such file" in answer["files"][0]["reason"]


def test_a_truncated_video_gives_a_partial_copy(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "show/S1/E1.mkv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    command = ("episodes", "chapters", results, "--media", tmp_path / "show", "--out")
    answer = playhead_json(*command, tmp_path / "c", code=3)
    assert [file["status"] for file in answer["files"]] == ["partial", "ok"]
    assert chapters(tmp_path / "c/S1/E1.mkv")[1] == (1.0, "Opening")


def test_a_correction_that_cannot_be_read_fails_alone(results: Path, tmp_path: Path) -> None:
    (results / "S1/E1.events.json").write_text("{", encoding="utf-8")
    answer = playhead_json("episodes", "chapters", results, code=3)
    assert [file["status"] for file in answer["files"]] == ["failed", "ok"]


def test_copies_need_the_videos_and_a_folder(results: Path, tmp_path: Path) -> None:
    finished = run("episodes", "chapters", results, "--out", tmp_path / "c")
    assert finished.code == 2
    assert "--media" in finished.err
    assert "no season.json" in run("episodes", "chapters", tmp_path / "show").err


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_an_edl_of_another_program_stays_and_is_named(
    results: Path, options: tuple[str, ...]
) -> None:
    season = read_season(results / "S1/season.json")
    first, second = season.episodes
    ours = tuple(name for name in first.outputs if not name.endswith(".edl"))
    write_season(
        replace(season, episodes=(replace(first, outputs=ours), second)), results / "S1/season.json"
    )
    (results / "S1/E1.edl").write_text("10.0 20.0 0\n")
    answer = playhead_json("episodes", "chapters", results, *options)
    assert (results / "S1/E1.edl").read_text() == "10.0 20.0 0\n"
    notes = [file.get("notes", []) for file in answer["files"]]
    assert notes == [["E1.edl is of another program and stays"], []]
