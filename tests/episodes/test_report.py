"""The page of a season: all segments with evidence, stills and snippets, and nothing to load."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.episodes.report import EpisodeMedia, snippet_uri, write_season_page
from playhead.episodes.results import EpisodeRecord, SeasonRecord
from playhead.episodes.segments import EpisodeResult, Evidence, Segment
from tests.episodes.episode_files import write_episode

RATE = 11_025
SOUND = Evidence(kind="sound", score=0.9, detail="same sound in S01E02 & <3> more")
OPENING = Segment(kind="opening", start=1.0, end=2.5, confidence=0.98, cluster=1, evidence=(SOUND,))
WEAK = Segment(kind="recap", start=3.0, end=3.5, confidence=0.2)


def season_of(*episodes: EpisodeRecord) -> SeasonRecord:
    return SeasonRecord(
        name="S1", title="Show & Söhne", settings={"threshold": 0.5}, episodes=episodes
    )


def episode(name: str, *segments: Segment, rejected: tuple[Segment, ...] = ()) -> EpisodeRecord:
    return EpisodeRecord(
        result=EpisodeResult(video=name, duration=4.0, segments=segments, rejected=rejected)
    )


def tone(hertz: float, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def decoded(uri: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    data = base64.b64decode(uri.removeprefix("data:audio/mpeg;base64,"))
    with av.open(io.BytesIO(data), "r") as container:
        return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


def test_a_snippet_holds_the_sound(tmp_path: Path) -> None:
    uri = snippet_uri(tone(440, 4), RATE)
    assert len(uri) < 25_000
    heard = decoded(uri)
    assert abs(len(heard) / RATE - 4) < 0.3
    spectrum = abs(np.fft.rfft(heard[RATE : 2 * RATE]))
    assert abs(int(spectrum.argmax()) - 440) <= 2


def test_snippets_are_taken_around_the_boundaries(tmp_path: Path) -> None:
    # Silence, then a tone from the start of the opening on; the sound begins before the video.
    samples = np.concatenate([np.zeros(6 * RATE, np.int16), tone(440, 6)])
    long = replace(OPENING, start=5.5, end=8.0)
    media = {"E1.mkv": EpisodeMedia(tmp_path / "E1.mkv", samples, RATE, start=-0.5)}
    page = write_season_page(season_of(episode("E1.mkv", long)), tmp_path / "p.html", media)
    found = re.findall(r'<audio[^>]* src="([^"]+)"', page.read_text(encoding="utf-8"))
    assert len(found) == 2
    heard = abs(decoded(found[0]))
    loud = np.flatnonzero(heard > 0.1)[0] / RATE
    assert loud == pytest.approx(2.0, abs=0.15)


def test_the_page_shows_segments_evidence_and_stills(tmp_path: Path) -> None:
    video = write_episode(tmp_path / "E1.mkv")
    locked = replace(OPENING, start=2.6, end=2.9, locked=True)
    record = replace(episode("E1.mkv", OPENING, locked, rejected=(WEAK,)), deleted=(WEAK,))
    page = write_season_page(
        season_of(record, replace(episode("E2.mkv"), status="failed", reason="has no sound")),
        tmp_path / "p.html",
        {"E1.mkv": EpisodeMedia(video, tone(440, 4), RATE)},
    )
    text = page.read_text(encoding="utf-8")
    assert "Show &amp; Söhne" in text
    assert "same sound in S01E02 &amp; &lt;3&gt; more" in text
    assert "<3>" not in text
    for state in ("written", "locked", "rejected", "deleted"):
        assert len(re.findall(rf'class="bar \w+ {state}"', text)) == 1, state
    assert "E2.mkv: failed: has no sound" in text
    assert text.count("<img ") == 8  # two boundaries of the written and of the rejected segment
    assert 'data-link="segment-1-1"' in text
    assert 'id="segment-1-1"' in text


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    media = {"E1.mkv": EpisodeMedia(tmp_path / "none.mkv", tone(440, 4), RATE)}
    page = write_season_page(season_of(episode("E1.mkv", OPENING)), tmp_path / "p.html", media)
    text = page.read_text(encoding="utf-8")
    assert "media-src data:" in text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "://" not in re.sub(r"data:[^\"]*", "", text)


def test_a_page_without_media_or_segments_is_still_a_page(tmp_path: Path) -> None:
    page = write_season_page(season_of(), tmp_path / "empty.html", {})
    assert "None." in page.read_text(encoding="utf-8")
    page = write_season_page(season_of(episode("E1.mkv", OPENING)), tmp_path / "p.html", {})
    assert "<audio" not in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_of_a_long_season_stays_below_ten_megabytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 4000, 60 * RATE).astype(np.int16)
    segments = [
        replace(OPENING, start=2.0 + 10 * k, end=9.0 + 10 * k, confidence=0.5 + k / 100, cluster=k)
        for k in range(5)
    ]
    records = [episode(f"E{k}.mkv", *segments) for k in range(60)]
    media = {f"E{k}.mkv": EpisodeMedia(tmp_path / "none.mkv", noise, RATE) for k in range(60)}
    page = write_season_page(season_of(*records), tmp_path / "p.html", media)
    assert page.stat().st_size < 10e6
    assert page.read_text(encoding="utf-8").count("<audio") == 160
