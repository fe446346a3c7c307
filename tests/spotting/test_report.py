"""The report of dense events: moments that play, counts, and AP from one frame on."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores
from playhead.media import VideoWriter
from playhead.metrics.headline import choose_headline
from playhead.spotting import mistakes
from playhead.spotting.mistakes import worst_mistakes
from playhead.spotting.report import report_of
from tests.spotting.test_page import document

RATE = 25
FRAMES = 150
STEPS = tuple(range(5, FRAMES, 8))  # .32 s apart
FOUND = (*(k for k in STEPS if k != 61), 2, 58)
"""One is missed and two are false; 58 is three frames before 61."""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("steps ö") / "walk.mp4"
    with VideoWriter(path, 64, 48, Fraction(RATE)) as writer:
        for k in range(FRAMES):
            writer.write(np.full((48, 64), 40 + k, np.uint8))
    return path


def events(video: Path, frames: tuple[int, ...], score: float = 1.0) -> VideoEvents:
    steps = (Event(label="step", start=k / RATE, frame=k, score=score) for k in sorted(frames))
    return VideoEvents(video=str(video), classes=("step",), events=tuple(steps))


def scores(video: Path) -> Scores:
    times = np.arange(FRAMES) / RATE
    values = np.zeros((FRAMES, 1), np.float32)
    values[list(FOUND)] = 0.8
    return Scores(
        video=video.name,
        times=times,
        frames=np.arange(FRAMES, dtype=np.int32),
        frame_times=times,
        classes=("step",),
        values=values,
        decisions={"min_height": 0.35, "per_class": {"step": {"min_height": 0.3}}},
    )


@pytest.fixture(scope="module")
def page(video: Path) -> Path:
    out = video.parent / "pages" / "report.html"
    grid = {str(video): scores(video)}
    return report_of([events(video, STEPS)], [events(video, FOUND, 0.8)], grid, out)


def test_mistakes_are_judged_within_the_window_of_the_headline(video: Path, page: Path) -> None:
    data = document(page)
    # Two frames to either side, of events eight frames apart.
    assert data["tolerance"] == pytest.approx(5 / RATE)
    assert data["threshold"] == 0.3
    text = page.read_text(encoding="utf-8")
    assert re.findall(
        r'<span class="(bad|false-positive)">[✕◆] [a-z ]+</span> step at ([\d:.]+)', text
    )[:3] == [("bad", "0:02.44"), ("false-positive", "0:00.08"), ("false-positive", "0:02.32")]


def test_a_mistake_plays_inside_the_page_and_beside_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r'<video [^>]*src="data:video/mp4;base64,', text)) == 3
    links = re.findall(r'<a class="play" [^>]*href="([^"]+)"', text)
    assert links == ["../walk.mp4#t=1.44", "../walk.mp4#t=0.00", "../walk.mp4#t=1.32"]
    assert document(page)["videos"][0]["link"] == "../walk.mp4"
    assert "media-src data:;" in text


def test_strips_reach_halfway_to_the_next_event(page: Path) -> None:
    captions = re.findall(r"<figcaption>([^<]+)</figcaption>", page.read_text(encoding="utf-8"))
    assert captions[:5] == ["−0.16 s", "−0.08 s", "+0.00 s", "+0.08 s", "+0.16 s"]


def test_there_is_a_row_for_each_video_and_class_at_the_chosen_minimum_score(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in re.findall(r"<tr.*?</tr>", text)]
    assert ["walk.mp4", "19", "20", "18", "1", "2", "1"] in rows
    assert ["step", "19", "20", "18", "0.900", "0.947", "0.923", "0.923", "0.800"] in rows
    assert "minimum score of 0.30" in text


def test_ap_by_tolerance_begins_at_one_frame_beside_chance(page: Path) -> None:
    ap = document(page)["ap"]
    assert ap["tolerances"] == [0, 1, 2, 3, 4, 6, 8]
    assert ap["series"].keys() == {"step", "mean", "chance"}
    assert ap["series"]["step"][1] > 0.8 > ap["series"]["chance"][1]


def test_clips_end_where_their_size_is_used_up(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, found = [events(video, STEPS)], [events(video, FOUND, 0.8)]
    headline = choose_headline(truth)

    def shown() -> list[bool]:
        worst = worst_mistakes(
            truth, found, {}, headline, page=video.parent / "r.html", frames=lambda *_: []
        )
        return [mistake.clip is not None for mistake in worst]

    assert shown() == [True, True, True]
    monkeypatch.setattr(mistakes, "CLIPS", 2)
    assert shown() == [True, True, False]  # the miss and the worst false positive
    monkeypatch.setattr(mistakes, "CLIP_BYTES", 100)
    assert shown() == [False, False, False]


def test_a_report_of_videos_that_are_gone_has_neither_clips_nor_links(tmp_path: Path) -> None:
    gone = tmp_path / "gone.mp4"
    out = report_of(
        [events(gone, STEPS)],
        [events(gone, FOUND, 0.8)],
        {str(gone): scores(gone)},
        tmp_path / "r.html",
    )
    text = out.read_text(encoding="utf-8")
    assert "<video" not in text
    assert 'class="play"' not in text
    assert document(out)["videos"][0]["link"] is None
