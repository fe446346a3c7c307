"""The page of a spotting report loads nothing, shows text as text, and holds the scores it got."""

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores
from playhead.spotting.page import MAX_CURVE_POINTS, write_report_page
from playhead.spotting.report_data import Report, ShownMistake, Timeline


def document(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found.group(1))


def report(points: int = 50, title: str = "A run") -> Report:
    events = VideoEvents(
        video="m.mp4", classes=("pass", "drive"), events=(Event(label="drive", start=0.4),)
    )
    values = np.zeros((points, 2), np.float32)
    values[7] = 1.0
    values[8] = np.nan
    scores = Scores(
        video="m.mp4",
        times=np.arange(points) / 25,
        frames=np.arange(points, dtype=np.int32),
        frame_times=np.arange(points) / 25,
        classes=("drive", "pass"),
        values=values * np.array([1.0, 0.5], np.float32),
    )
    line = Timeline(
        name="m.mp4", duration=points / 25, truth=events, predictions=events, scores=scores
    )
    frame = np.full((36, 64, 3), 200, np.uint8)
    mistake = ShownMistake(
        video="m.mp4",
        kind="miss",
        label="drive",
        time=0.4,
        score=None,
        frames=[(0.3, frame), (0.4, frame), (0.5, frame)],
    )
    return Report(
        title=title,
        summary="",
        tiles={"map@1": 0.5},
        classes=("pass", "drive"),
        timelines=[line],
        mistakes=[mistake],
    )


def test_the_page_asks_for_nothing_from_a_network(tmp_path: Path) -> None:
    text = write_report_page(report(), tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)\s*=\s*["\'](?!data:)', text)
    assert "@import" not in text
    assert "fetch(" not in text


def test_a_title_that_closes_the_script_stays_text(tmp_path: Path) -> None:
    title = "</script><script>alert(1)</script> {{data}}"
    text = write_report_page(report(title=title), tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"<h1>{html.escape(title)}</h1>" in text
    assert "<script>alert" not in text


def test_curves_are_in_the_order_of_the_classes_and_mark_missing_scores(tmp_path: Path) -> None:
    video = document(write_report_page(report(), tmp_path / "r.html"))["videos"][0]
    passes, drives = (base64.b64decode(text) for text in video["scores"]["values"])
    assert (passes[7], drives[7]) == (127, 254)
    assert (passes[8], drives[8]) == (255, 255)


def test_a_long_curve_keeps_its_maxima(tmp_path: Path) -> None:
    video = document(write_report_page(report(3 * MAX_CURVE_POINTS + 1), tmp_path / "r.html"))[
        "videos"
    ][0]
    drives = base64.b64decode(video["scores"]["values"][1])
    assert len(drives) <= MAX_CURVE_POINTS
    assert drives[7 // 4] == 254
    assert video["scores"]["step"] == pytest.approx(4 / 25)


def test_the_frame_nearest_to_the_event_is_outlined(tmp_path: Path) -> None:
    text = write_report_page(report(), tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall(r'<figure(?: class="(\w+)")?><img', text) == ["", "nearest", ""]
    assert re.findall(r"<figcaption>([^<]+)</figcaption>", text) == [
        "−0.10 s",
        "+0.00 s",
        "+0.10 s",
    ]


def test_a_class_that_the_model_does_not_know_has_no_scores(tmp_path: Path) -> None:
    wider = replace(report(), classes=("pass", "shot", "drive"))
    video = document(write_report_page(wider, tmp_path / "r.html"))["videos"][0]
    assert set(base64.b64decode(video["scores"]["values"][1])) == {255}
    assert [event["c"] for event in video["truth"]] == [2]


def test_a_mistake_without_frames_is_still_listed(tmp_path: Path) -> None:
    blind = replace(report(), mistakes=[replace(report().mistakes[0], frames=[])])
    text = write_report_page(blind, tmp_path / "r.html").read_text(encoding="utf-8")
    assert '<span class="bad">✕ miss</span> drive at 0:00.40 in m.mp4</h3>' in text
    assert "<figure" not in text


def test_a_figure_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    broken = Report(title="t", summary="", tiles={"map@1": float("nan")}, classes=())
    with pytest.raises(ValueError, match="map@1 is nan"):
        write_report_page(broken, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
