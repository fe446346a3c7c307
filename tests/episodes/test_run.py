"""The command `match` with a stand-in for the matching: files, corrections, bad input."""

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playhead.episodes import run as match_run
from playhead.episodes.match import Pair, SeasonMatch
from playhead.episodes.outputs import files as output_files
from playhead.episodes.results import read_season
from playhead.episodes.run import MatchOptions, MatchResult, match_seasons
from playhead.episodes.segments import EpisodeResult, Evidence, Segment
from playhead.episodes.sound import work as sound_work
from playhead.episodes.sound.reading import RATE, Sound
from playhead.errors import MediaError, PlayheadError
from playhead.events.formats import native
from playhead.events.model import Event
from tests.command import playhead_json, run

OPENING = Segment(
    kind="opening",
    start=2.0,
    end=9.0,
    confidence=0.95,
    cluster=0,
    evidence=(Evidence(kind="sound", score=0.9, detail="same sound in E2"),),
)
ENDING = Segment(kind="ending", start=20.0, end=28.0, confidence=0.9, cluster=1)
WEAK = Segment(kind="recap", start=12.0, end=15.0, confidence=0.2)

Files = Callable[..., Path]


@pytest.fixture
def found() -> dict[str, list[Segment]]:
    """What the stand-in finds, by name of the video; the rest has an opening and an ending."""
    return {}


@pytest.fixture
def earlier() -> list[Sequence[Pair]]:
    """The pairs that each call of the stand-in was given."""
    return []


@pytest.fixture(autouse=True)
def stand_in(
    monkeypatch: pytest.MonkeyPatch,
    found: Mapping[str, list[Segment]],
    earlier: list[Sequence[Pair]],
) -> None:
    def read_sound(path: Path, *, audio: int | None = None) -> Sound:
        if b"broken" in path.read_bytes():
            raise MediaError(f"{path}: is not a media file")
        if b"silent" in path.read_bytes():
            raise MediaError(f"{path}: has no sound")
        samples = np.zeros(30 * RATE, np.int16)
        missing = ((1.0, 2.5),) if b"partial" in path.read_bytes() else ()
        return Sound(words=np.zeros(0, np.uint32), samples=samples, start=0.0, missing=missing)

    def match_season(
        sounds: Sequence[Sound],
        *,
        names: Sequence[str],
        threshold: float,
        **others: Sequence[Pair],
    ) -> SeasonMatch:
        earlier.append(others["earlier"])
        results = []
        for name in names:
            segments = found.get(name, [OPENING, WEAK, ENDING] if len(names) > 1 else [])
            results.append(
                EpisodeResult(
                    video=name,
                    duration=30.0,
                    segments=tuple(s for s in segments if s.confidence >= threshold),
                    rejected=tuple(s for s in segments if s.confidence < threshold),
                )
            )
        pairs = [Pair(a=a, b=b) for k, a in enumerate(names) for b in names[k + 1 :]]
        return SeasonMatch(episodes=tuple(results), pairs=tuple(pairs))

    monkeypatch.setattr(sound_work, "read_sound", read_sound)
    monkeypatch.setattr(match_run, "match_season", match_season)
    # The files hold no images.
    monkeypatch.setattr(
        match_run, "add_image_segments", lambda paths, results, **options: tuple(results)
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Makes files that the stand-in takes for episodes."""

    def make(*names: str, content: bytes = b"video") -> Path:
        for name in names:
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content + name.encode())
        return tmp_path / "in"

    return make


def matched(source: Path, out: Path | None, **options: object) -> MatchResult:
    return match_seasons([source], out, replace(MatchOptions(threshold=0.5), **options))  # type: ignore[arg-type]


def spans(path: Path) -> list[tuple[str, float, float | None]]:
    return [(event.label, event.start, event.end) for event in native.read(path).events]


def test_every_episode_and_season_gets_its_files(files: Files, tmp_path: Path) -> None:
    source = files("S1/E1.mkv", "S1/E2.mkv", "S2/E1.mkv", "S2/E2.mkv")
    result = matched(source, tmp_path / "out", srt=True)
    assert [file.status for file in result.files] == ["ok"] * 4
    names = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    suffixes = (".events.json", ".edl", ".chapters.txt", ".segments.srt")
    expected = {f"S{s}/E{e}{suffix}" for s in (1, 2) for e in (1, 2) for suffix in suffixes}
    for season in ("S1", "S2"):
        expected |= {f"{season}/{name}" for name in ("season.json", "segments.csv", "index.html")}
    assert names == expected
    assert {path for file in result.files for path in file.outputs} == {
        tmp_path / "out" / name for name in expected if "/E" in name
    }
    events = native.read(tmp_path / "out/S1/E1.events.json")
    assert events.video == "E1.mkv"
    assert [(e.label, e.start, e.end, e.score) for e in events.events] == [
        ("opening", 2.0, 9.0, 0.95),
        ("ending", 20.0, 28.0, 0.9),
    ]
    assert (tmp_path / "out/S1/E1.edl").read_text(encoding="utf-8") == (
        "2.000 9.000 3\n20.000 28.000 3\n"
    )
    [first, _] = read_season(tmp_path / "out/S1/season.json").episodes
    assert first.result.rejected == (WEAK,)
    assert result.seasons[0].segments["opening"] == 2


def test_specials_beside_episodes_have_results_of_their_own(files: Files, tmp_path: Path) -> None:
    source = files("S01E01.mkv", "S01E02.mkv", "S00E01.mkv", "S00E02.mkv")
    result = matched(source, tmp_path / "out")
    assert [season.results.name for season in result.seasons] == [
        *("season.json", "specials.season.json")
    ]
    assert (tmp_path / "out/specials.html").exists()


def test_beside_writes_beside_the_videos(files: Files) -> None:
    source = files("S1/E1.mkv", "S1/E2.mkv")
    matched(source, None)
    assert (source / "S1/E1.edl").exists()
    assert (source / "S1/season.json").exists()


def test_a_second_match_keeps_what_a_person_corrected(files: Files, tmp_path: Path) -> None:
    source, out = files("E1.mkv", "E2.mkv"), tmp_path / "out"
    matched(source, out)
    events = out / "E1.events.json"
    opening, _ = native.read(events).events
    added = Event(label="recap", start=10.0, end=12.0)
    native.write(replace(native.read(events), events=(replace(opening, end=9.5), added)), events)
    for _ in range(2):
        matched(source, out)
        assert spans(events) == [("opening", 2.0, 9.5), ("recap", 10.0, 12.0)]
        assert (out / "E1.edl").read_text(encoding="utf-8") == ("2.000 9.500 3\n10.000 12.000 3\n")
        [first, second] = read_season(out / "season.json").episodes
        assert [s.locked for s in first.result.segments] == [True, True]
        assert [s.kind for s in first.deleted] == ["ending"]
        assert not any(s.locked for s in second.result.segments)
    with (out / "segments.csv").open(encoding="utf-8", newline="") as file:
        states = [row["status"] for row in csv.DictReader(file) if row["video"] == "E1.mkv"]
    assert states == ["locked", "locked", "rejected", "deleted"]


def test_a_second_match_replaces_what_nobody_corrected(
    files: Files, tmp_path: Path, found: dict[str, list[Segment]]
) -> None:
    source, out = files("E1.mkv", "E2.mkv"), tmp_path / "out"
    matched(source, out)
    found["E1.mkv"] = [replace(OPENING, end=9.2)]
    matched(source, out)
    assert spans(out / "E1.events.json") == [("opening", 2.0, 9.2)]
    assert (out / "E1.edl").read_text(encoding="utf-8") == "2.000 9.200 3\n"


def test_a_match_that_was_interrupted_makes_no_corrections(
    files: Files,
    tmp_path: Path,
    found: dict[str, list[Segment]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, out = files("E1.mkv", "E2.mkv"), tmp_path / "out"
    matched(source, out)

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(output_files, "write_events", interrupted)
        for end in (9.2, 9.1, 9.2):
            found["E1.mkv"] = [replace(OPENING, end=end)]
            with pytest.raises(KeyboardInterrupt):
                matched(source, out)
    assert spans(out / "E1.events.json")[0] == ("opening", 2.0, 9.0)
    matched(source, out)
    assert spans(out / "E1.events.json") == [("opening", 2.0, 9.2)]
    [first, _] = read_season(out / "season.json").episodes
    assert not any(segment.locked for segment in first.result.segments)


def test_a_new_episode_uses_the_pairs_of_the_others(
    files: Files, tmp_path: Path, earlier: list[Sequence[Pair]]
) -> None:
    matched(files("E1.mkv", "E2.mkv"), tmp_path / "out")
    source = files("E3.mkv")
    matched(source, tmp_path / "out")
    (source / "E2.mkv").write_bytes(b"another cut")
    matched(source, tmp_path / "out")
    matched(source, tmp_path / "out", audio=1)
    assert [[(pair.a, pair.b) for pair in pairs] for pairs in earlier] == [
        [],
        [("E1.mkv", "E2.mkv")],
        [("E1.mkv", "E3.mkv")],
        [],
    ]


def test_episodes_that_are_not_given_again_keep_their_corrections(
    files: Files, tmp_path: Path
) -> None:
    source, out = files("E1.mkv", "E2.mkv", "E3.mkv"), tmp_path / "out"
    matched(source, out)
    paths = [source / "E1.mkv", source / "E2.mkv"]
    match_seasons(paths, out, MatchOptions(threshold=0.5))
    assert [r.result.video for r in read_season(out / "season.json").absent] == ["E3.mkv"]
    matched(source, out)
    [*_, third] = read_season(out / "season.json").episodes
    assert not any(segment.locked for segment in third.result.segments)


def test_files_of_other_programs_stay_unless_overwritten(files: Files, tmp_path: Path) -> None:
    source = files("E1.mkv", "E2.mkv")
    (source / "E1.edl").write_text("1 2 0\n", encoding="utf-8")
    result = matched(source, None)
    assert (source / "E1.edl").read_text(encoding="utf-8") == "1 2 0\n"
    assert "E1.edl is of another program" in result.files[0].notes[0]
    assert source / "E1.edl" not in result.files[0].outputs
    matched(source, None, overwrite=True)
    assert (source / "E1.edl").read_text(encoding="utf-8").startswith("2.000")
    matched(source, None)
    assert not read_season(source / "season.json").episodes[0].result.notes


def test_events_of_another_job_are_not_overwritten(files: Files) -> None:
    source = files("E1.mkv", "E2.mkv")
    text = json.dumps(
        {
            "schema": 1,
            "video": "E1.mkv",
            "classes": ["goal"],
            "events": [{"label": "goal", "start": 1.0}],
        }
    )
    (source / "E1.events.json").write_text(text, encoding="utf-8")
    for _ in range(2):
        result = matched(source, None)
        assert [file.status for file in result.files] == ["failed", "ok"]
        assert "no kind of segment" in str(result.files[0].reason)
        assert (source / "E1.events.json").read_text(encoding="utf-8") == text


def test_a_correction_that_cannot_be_read_is_not_lost(files: Files, tmp_path: Path) -> None:
    source, out = files("E1.mkv", "E2.mkv"), tmp_path / "out"
    matched(source, out)
    good = (out / "E1.events.json").read_text(encoding="utf-8")
    (out / "E1.events.json").write_text(good.replace("9.0", "9.4,"), encoding="utf-8")
    result = matched(source, out)
    assert [file.status for file in result.files] == ["failed", "ok"]
    assert "9.4," in (out / "E1.events.json").read_text(encoding="utf-8")
    (out / "E1.events.json").write_text(good.replace("9.0", "9.4"), encoding="utf-8")
    matched(source, out)
    assert spans(out / "E1.events.json")[0] == ("opening", 2.0, 9.4)
    assert [s.locked for s in read_season(out / "season.json").episodes[0].result.segments] == [
        *(True, False)
    ]


def test_a_broken_file_fails_alone_and_leaves_no_outputs_of_before(
    files: Files, tmp_path: Path
) -> None:
    source, out = files("E1.mkv", "E2.mkv", "E3.mkv"), tmp_path / "out"
    matched(source, out)
    (source / "E2.mkv").write_bytes(b"broken")
    result = matched(source, out)
    assert [file.status for file in result.files] == ["ok", "failed", "ok"]
    assert not list(out.glob("E2.*"))
    assert "E2.mkv: failed" in result.describe()
    assert "E2.mkv: failed" in (out / "index.html").read_text(encoding="utf-8")


def test_a_truncated_file_is_partial(files: Files, tmp_path: Path) -> None:
    source = files("E1.mkv", "E2.mkv")
    (source / "E2.mkv").write_bytes(b"partial")
    result = matched(source, tmp_path / "out")
    assert result.files[1].status == "partial"
    assert "1.0 to 2.5 s" in str(result.files[1].reason)
    assert (tmp_path / "out/E2.events.json").exists()


def test_a_folder_of_500_files_is_one_season(files: Files, tmp_path: Path) -> None:
    source = files(*(f"E{k}.mkv" for k in range(1, 501)))
    result = matched(source, tmp_path / "out")
    assert len(result.seasons) == 1
    assert len(list((tmp_path / "out").glob("*.events.json"))) == 500
    assert (tmp_path / "out/index.html").stat().st_size < 10e6


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finished = run("episodes", "match", tmp_path / "empty", "--out", tmp_path / "out")
    assert finished.code == 2
    assert "has no video" in finished.err


def test_a_mistyped_folder_changes_nothing(files: Files, tmp_path: Path) -> None:
    source, out = files("E1.mkv", "E2.mkv"), tmp_path / "out"
    matched(source, out)
    before = (out / "season.json").read_bytes()
    finished = run("episodes", "match", tmp_path / "im", "--out", out)
    assert finished.code == 2
    assert "im: there is no such file or folder" in finished.err
    assert (out / "season.json").read_bytes() == before


def test_another_season_is_not_matched_into_the_results_of_one(
    files: Files, tmp_path: Path
) -> None:
    out, first = tmp_path / "out", files("Season 1/E1.mkv", "Season 1/E2.mkv") / "Season 1"
    second = files("Season 2/E1.mkv", "Season 2/E3.mkv", content=b"other") / "Season 2"
    matched(first, out)
    with pytest.raises(PlayheadError, match=r"season\.json: is of in . Season 1; match in . Sea"):
        matched(second, out)
    first.rename(first.with_name("Season 01"))  # it has the same videos
    matched(first.with_name("Season 01"), out)


def test_a_place_to_write_is_needed_once(files: Files, tmp_path: Path) -> None:
    source = files("E1.mkv")
    for options in ([], ["--out", tmp_path / "out", "--beside"]):
        finished = run("episodes", "match", source, *options)
        assert finished.code == 2
        assert "--beside" in finished.err


def test_an_unwritable_folder_is_refused_before_anything_is_read(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = files("E1.mkv", "E2.mkv")
    monkeypatch.setattr(match_run, "run_items", None)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PlayheadError, match="cannot write here|is a file"):
        matched(source, tmp_path / "file" / "out")
    with pytest.raises(PlayheadError, match="is a file"):
        matched(source, tmp_path / "file")
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(PlayheadError, match="cannot write here"):
            matched(source, tmp_path / "locked")


def test_a_season_that_cannot_be_read_is_refused_before_anything_is_read(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_run, "run_items", None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/season.json").write_text("{", encoding="utf-8")
    with pytest.raises(PlayheadError, match="not a season"):
        matched(files("E1.mkv"), tmp_path / "out")


def test_the_document_of_match_has_files_and_seasons(files: Files, tmp_path: Path) -> None:
    source = files("S1/E1.mkv", "S1/E2.mkv")
    result = playhead_json("episodes", "match", source, "--out", tmp_path / "out")
    assert {"files", "seasons", "seconds", "peak_memory_bytes"} <= set(result)
    assert [Path(file["path"]).name for file in result["files"]] == ["E1.mkv", "E2.mkv"]
    assert result["files"][0]["status"] == "ok"
    assert result["seasons"][0]["segments"]["ending"] == 2
    assert Path(result["seasons"][0]["page"]).is_file()


def test_a_file_that_fails_makes_exit_code_3(files: Files, tmp_path: Path) -> None:
    source = files("E1.mkv", "E2.mkv")
    (source / "E2.mkv").write_bytes(b"broken")
    assert run("episodes", "match", source, "--out", tmp_path / "out").code == 3
