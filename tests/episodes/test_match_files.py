"""The command `match` on real files: what repeats is found, and bad files have a defined answer."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.episodes.results import read_season
from playhead.events.formats import native
from tests.command import playhead_json
from tests.episodes.episode_files import write_episode

RATE = 22_050
OPENING = 12.0
STARTS = (5.1, 11.03, 8.27)
SECONDS = 50.0


def notes(seed: int, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Sound that changes four times a second: three notes with overtones, and some noise."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(round(seconds * 4)):
        time = np.arange(RATE // 4) / RATE
        pitches = 110 * 2 ** (rng.integers(0, 36, 3) / 12)
        tones = [np.sin(2 * np.pi * h * p * time) / h for p in pitches for h in (1, 2, 3)]
        parts.append(np.sum(tones, axis=0) * np.exp(-3 * time))
    sound = np.concatenate([*parts, np.zeros(RATE)])[: round(seconds * RATE)]
    return np.asarray(0.1 * sound + 0.002 * rng.normal(size=len(sound)), np.float64)


def write_sound(path: Path, sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """A tiny video of one colour with this sound."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=5)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=RATE)
        audio.codec_context.layout = "mono"
        for k in range(int(len(sound) / RATE * 5)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8))
            frame.pts, frame.time_base = k, Fraction(1, 5)
            out.mux(video.encode(frame))
            block = sound[k * RATE // 5 : (k + 1) * RATE // 5].astype(np.float32)
            samples = av.AudioFrame.from_ndarray(block[None], "fltp", "mono")
            samples.sample_rate, samples.pts = RATE, k * RATE // 5
            samples.time_base = Fraction(1, RATE)
            out.mux(audio.encode(samples))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes that share an opening and nothing else."""
    folder = tmp_path_factory.mktemp("Show") / "Season 01"
    folder.mkdir()
    song = notes(99, OPENING)
    for k, start in enumerate(STARTS):
        rest = SECONDS - start - OPENING
        # Notes that began together would be alike, whatever their pitches.
        after = np.roll(notes(2 * k + 1, rest), 1700 * k)
        whole = np.concatenate([notes(2 * k, start), song, after])
        write_sound(folder / f"S01E{k + 1:02d}.mkv", whole)
    return folder


@pytest.mark.slow
def test_the_opening_of_a_season_is_found(season: Path, tmp_path: Path) -> None:
    command = ("episodes", "match", season, "--out", tmp_path / "out", "--threshold", 0.1)
    result = playhead_json(*command)
    assert [file["status"] for file in result["files"]] == ["ok"] * 3
    for k, start in enumerate(STARTS):
        [event] = native.read(tmp_path / f"out/S01E{k + 1:02d}.events.json").events
        assert event.label == "opening"
        assert event.start == pytest.approx(start, abs=0.05)
        assert event.end == pytest.approx(start + OPENING, abs=0.05)
    assert (tmp_path / "out/index.html").read_text(encoding="utf-8").count("<audio") == 6


@pytest.mark.slow
def test_worker_processes_give_the_same_answer(season: Path, tmp_path: Path) -> None:
    for executor in ("serial", "processes"):
        out = tmp_path / executor
        playhead_json("episodes", "match", season, "--out", out, "--executor", executor)
    names = sorted(path.name for path in (tmp_path / "serial").glob("S01*"))
    assert len(names) == 9
    for name in names:
        texts = [(tmp_path / e / name).read_bytes() for e in ("serial", "processes")]
        assert texts[0] == texts[1]


@pytest.mark.slow
def test_worker_processes_read_all_images(
    season: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "cache"))

    def read_here(*arguments: object) -> None:
        raise AssertionError("this process read images itself")

    monkeypatch.setattr("playhead.episodes.images.looks._read", read_here)
    command = ("episodes", "match", season, "--out", tmp_path / "out", "--images", "always")
    result = playhead_json(*command, "--executor", "processes", "--workers", 2)
    notes = [note for file in result["files"] for note in file.get("notes", [])]
    assert not any("cannot be read" in note for note in notes)


def test_bad_files_leave_the_others_alone(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    for name in ("E1.mkv", "E2.mkv", "E4.mkv"):
        write_episode(folder / name)
    write_episode(folder / "E3 no sound.mkv", sound=False)
    cut = (folder / "E4.mkv").read_bytes()
    (folder / "E4.mkv").write_bytes(cut[: len(cut) // 2])
    (folder / "E5.mkv").write_bytes(b"no video" * 100)
    (folder / "E6.mkv").write_bytes(b"")
    result = playhead_json("episodes", "match", folder, "--out", tmp_path / "out", code=3)
    status = {Path(file["path"]).name: file["status"] for file in result["files"]}
    assert status == {
        "E1.mkv": "ok",
        "E2.mkv": "ok",
        "E3 no sound.mkv": "ok",
        "E4.mkv": "partial",
        "E5.mkv": "failed",
        "E6.mkv": "failed",
    }
    silent = next(file for file in result["files"] if "no sound" in file["path"])
    assert any("no sound" in note for note in silent["notes"])
    assert {path.name for path in (tmp_path / "out").glob("*.edl")} == {
        *("E1.edl", "E2.edl", "E3 no sound.edl", "E4.edl")
    }


def test_a_track_that_is_not_there_fails(tmp_path: Path) -> None:
    write_episode(tmp_path / "show/E1.mkv")
    command = ("episodes", "match", tmp_path / "show", "--out", tmp_path / "out", "--audio")
    assert playhead_json(*command, 1)["files"][0]["status"] == "ok"
    answer = playhead_json(*command, 2, code=3)
    assert answer["files"][0]["status"] == "failed"
    assert "no sound track 2" in answer["files"][0]["reason"]


def test_one_episode_alone_has_no_segments_and_says_so(tmp_path: Path) -> None:
    write_episode(tmp_path / "show/E1.mkv")
    result = playhead_json("episodes", "match", tmp_path / "show", "--out", tmp_path / "out")
    [note] = result["files"][0]["notes"]
    assert "one episode alone" in note
    assert native.read(tmp_path / "out/E1.events.json").events == ()


def test_an_episode_without_sound_has_its_length(tmp_path: Path) -> None:
    write_episode(tmp_path / "show/E1.mkv", sound=False)
    playhead_json("episodes", "match", tmp_path / "show", "--out", tmp_path / "out")
    [record] = read_season(tmp_path / "out/season.json").episodes
    assert record.result.duration == pytest.approx(4.0, abs=0.05)
    assert record.result.notes == ("no sound",)
