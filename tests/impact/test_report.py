"""The report: marks, film strips of the right frames, the curve, and notes where they lack."""

import csv
import html
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.events.formats import nfl
from playhead.impact.candidates import read_candidates
from playhead.impact.curve import threshold_curve
from playhead.impact.evaluate import evaluate_impacts, read_impacts
from playhead.impact.outcomes import COLOURS, Outcome
from playhead.impact.report import report_of, write_report
from playhead.impact.strips import StripFrame, StripMiddle, strip_image, video_frames
from tests.command import playhead, playhead_json
from tests.impact.two_views import (
    FRAMES,
    RATE,
    impact,
    write_candidates_of,
    write_events,
    write_play,
    write_set,
    write_video,
)

LEFT = (impact(10, track=1, other=2, note="speed=5"), impact(25, 90), impact(33, note="hidden"))
RIGHT = (impact(11, track=1, other=2),)
FOUND_LEFT = (impact(12, score=0.9), impact(18, 90, score=0.8), impact(33, score=0.7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A play of two views and one of one: 3 hits, 2 misses, 2 false positives, 1 ignored."""
    data, out = tmp_path / "set", tmp_path / "out"
    rows = write_play(data, "p1", {"left": LEFT, "right": RIGHT})
    rows += write_play(data, "p2", {"left": (impact(1), impact(20))})
    write_set(data, rows)
    write_events(out / "p1_left.events.json", *FOUND_LEFT)
    write_events(out / "p1_right.events.json", impact(11, score=0.6))
    write_events(out / "p2_left.events.json", impact(2, score=0.5), impact(30, 0, score=0.4))
    return tmp_path


def page_of(folder: Path, **options: Any) -> str:
    path = write_report(
        folder / "set" / "manifest.csv", folder / "out", folder / "page.html", **options
    )
    return path.read_text(encoding="utf-8")


def document(text: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    values: dict[str, Any] = json.loads(found[1])
    return values


def articles(text: str) -> list[str]:
    return re.findall(r'<article class="impact".*?</article>', text, re.S)


def test_there_is_a_mark_for_each_outcome_and_it_leads_to_its_strip(folder: Path) -> None:
    text = page_of(folder)
    counts = evaluate_impacts(folder / "set" / "manifest.csv", folder / "out").result.counts
    assert (counts.tp, counts.fp, counts.fn) == (3, 2, 2)
    marks = re.findall(
        r'<a class="(\w+)" style="left:([\d.]+)%" title="[^"]*" href="#([^"]*)"', text
    )
    assert Counter(kind for kind, _, _ in marks) == {"hit": 3, "miss": 2, "extra": 2}
    assert {target for _, _, target in marks} == set(re.findall(r'id="(impact-\d+)"', text))
    assert not re.search(r'(src|href)\s*=\s*["\'](?!data:|#)', text)
    # the miss of p1_left at frame 25; its lane ends with the last event, of frame 25 too
    assert ("miss", "100.00") in [(kind, left) for kind, left, _ in marks]


def test_the_figures_are_those_of_evaluate_with_their_intervals(folder: Path) -> None:
    text = page_of(folder)
    result = evaluate_impacts(folder / "set" / "manifest.csv", folder / "out", intervals=True)
    interval = result.intervals["f1"]
    label = f"F1, {interval.low:.2f} to {interval.high:.2f}"
    assert f"<b>{result.result.counts.f1:.3f}</b><span>{label}</span>" in text
    assert "2 plays, 3 videos, 5 impacts; 1 more are labelled" in text


def test_a_strip_shows_five_frames_of_each_view_around_the_true_impact(folder: Path) -> None:
    [hit] = [text for text in articles(page_of(folder)) if "helmets 1 and 2 meet" in text]
    captions = [int(k) for k in re.findall(r"<figcaption>frame (\d+)", hit)]
    assert captions == [6, 8, 10, 12, 14, 7, 9, 11, 13, 15]
    assert re.findall(r'<figure class="nearest"><img[^>]*alt="([^"]*)"', hit) == [
        "left, frame 10 at 0:00.33",
        "right, frame 11 at 0:00.37",
    ]
    assert "12 (+2)" in hit
    assert "speed=5" in hit


def test_a_strip_at_an_end_of_the_video_has_only_frames_that_exist(folder: Path) -> None:
    found = [text for text in articles(page_of(folder)) if "p2 at 0:00.03" in text]
    assert [re.findall(r"<figcaption>frame (\d+)", text) for text in found] == [["1", "3", "5"]]


def test_the_other_view_without_an_impact_shows_the_same_moment(folder: Path) -> None:
    offset = 6 / float(RATE)
    rows = write_play(folder / "set", "p1", {"left": LEFT, "right": RIGHT}, offset=offset)
    write_set(folder / "set", rows)
    (folder / "out" / "p2_left.events.json").unlink()
    write_candidates_of(folder / "out" / "p1_left.candidates.npz", *FOUND_LEFT, view="left")
    write_candidates_of(
        folder / "out" / "p1_right.candidates.npz", impact(11), offset=offset, view="right"
    )
    [miss] = [text for text in articles(page_of(folder)) if "p1 at 0:00.83" in text]  # frame 25
    assert [int(k) for k in re.findall(r'alt="right, frame (\d+)', miss)] == [27, 29, 31, 33, 35]
    assert "Nothing is labelled or predicted here in this view." in miss


def test_a_view_without_predictions_is_said_to_have_none(folder: Path) -> None:
    (folder / "out" / "p1_right.events.json").unlink()
    text = page_of(folder)
    assert "right<br>no predictions" in text
    assert "This view has no predictions." in text


def test_names_and_notes_are_shown_as_text(tmp_path: Path) -> None:
    name = "a<b>&c"
    bad = "<script>alert(1)</script>"
    write_set(
        tmp_path / "set", write_play(tmp_path / "set", name, {"left": (impact(9, note=bad),)})
    )
    write_events(tmp_path / "out" / f"{name}_left.events.json", impact(30))
    text = page_of(tmp_path, run=None)
    assert "<b>&c" not in text
    assert "<script>alert" not in text
    assert html.escape(name) in text
    assert html.escape(bad) in text


def test_without_videos_the_page_has_marks_and_a_note_but_no_strips(tmp_path: Path) -> None:
    write_events(tmp_path / "truth" / "p1_left.events.json", *LEFT)
    write_events(tmp_path / "out" / "p1_left.events.json", *FOUND_LEFT)
    page = write_report(tmp_path / "truth", tmp_path / "out", tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert "<figure" not in text
    assert "Videos without film strips" in text
    assert text.count('href="#impact-') == 3
    write_video(tmp_path / "videos" / "deep" / "p1_left.mp4")
    write_report(tmp_path / "truth", tmp_path / "out", page, videos=tmp_path / "videos")
    text = page.read_text(encoding="utf-8")
    assert "without film strips" not in text
    assert len(re.findall("<figure", text)) == 15
    (tmp_path / "videos" / "deep" / "p1_left.mp4").write_bytes(b"no video")
    write_report(tmp_path / "truth", tmp_path / "out", page, videos=tmp_path / "videos")
    assert "Videos without film strips" in page.read_text(encoding="utf-8")


def test_many_impacts_are_capped_and_the_page_says_so(tmp_path: Path) -> None:
    false = [impact(5 * (k // 2), 100 * (k % 2), score=0.3 + 0.01 * k) for k in range(15)]
    write_events(tmp_path / "truth" / "p1_left.events.json", impact(39, 55))
    write_events(tmp_path / "out" / "p1_left.events.json", *false)
    page = write_report(tmp_path / "truth", tmp_path / "out", tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    shown = [entry for entry in articles(text) if "◆ false positive" in entry]
    assert "12 of 15 moments shown, first those with the highest score" in text
    assert len(shown) == 12
    scores = [max(map(float, re.findall(r"<td>(0\.\d\d)</td>", entry))) for entry in shown]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 0.44


def test_the_curve_at_the_chosen_threshold_has_the_figures_of_the_events(folder: Path) -> None:
    out = folder / "out"
    weak = (impact(25, 92, score=0.3), impact(5, 120, score=0.2))
    write_candidates_of(out / "p1_left.candidates.npz", *FOUND_LEFT, *weak, view="left")
    write_candidates_of(out / "p1_right.candidates.npz", impact(11, score=0.6), view="right")
    playhead("impact", "decide", out, "--out", folder / "again")
    (out / "p2_left.events.json").unlink()
    manifest = folder / "set" / "manifest.csv"
    counts = evaluate_impacts(manifest, folder / "again").result.counts
    assert counts.tp == 2
    paths = sorted(out.glob("*.npz"))
    names = {f"p1_{view}": path for view, path in zip(("left", "right"), paths, strict=True)}
    truth = read_impacts(manifest).videos
    candidates = {
        video.video: read_candidates(names[Path(video.video).stem])
        for video in truth
        if Path(video.video).stem in names
    }
    lines, threshold = threshold_curve(candidates, truth)
    assert threshold == 0.5
    curve = {line.name: dict(zip(line.x, line.y, strict=True)) for line in lines}
    at = min(x for x in curve["F1"] if x >= threshold)
    assert curve["F1"][at] == pytest.approx(counts.f1)
    assert curve["recall"][at] == pytest.approx(counts.recall)
    assert curve["precision"][at] == pytest.approx(counts.precision)
    assert (curve["recall"][lines[0].x[0]] or 0) > counts.recall  # the weak hit counts below
    text = page_of(folder)
    assert document(text)["threshold"] == 0.5
    assert len(document(text)["curve"]) == 3
    assert "candidate 0.30" in text  # beside the miss at frame 25
    assert "impact_threshold: 0.5" in text


def test_references_and_training_curves_are_shown_if_given(folder: Path) -> None:
    text = page_of(folder)
    assert "simple references" not in text
    assert 'id="training-section"' not in text
    assert 'id="curve-chart"' not in text
    run = folder / "run"
    run.mkdir()
    (run / "config.yaml").write_text("seed: 7\n", encoding="utf-8")
    rows = [
        {"kind": "step", "step": 1, "loss": 2.0},
        {"kind": "epoch", "epoch": 0, "metrics": {"impact_ap": 0.5}},
    ]
    (run / "log.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    page = report_of(
        read_impacts(folder / "set" / "manifest.csv"),
        folder / "out",
        folder / "page.html",
        title="A run",
        run=run,
        references={"guess": {"f1": 0.25, "tp": 4}},
    )
    text = page.read_text(encoding="utf-8")
    assert "<h1>A run</h1>" in text
    assert '<td>guess</td><td class="number">0.250</td><td class="number">–</td>' in text
    assert "seed: 7" in text
    assert [line["name"] for line in document(text)["training"]] == ["loss", "impact_ap"]


def test_a_given_reader_replaces_the_video_files(tmp_path: Path) -> None:
    asked: list[tuple[str, list[int | None]]] = []

    def read(name: str, middles: Sequence[StripMiddle]) -> Iterator[StripFrame]:
        asked.append((name, [middle.frame for middle in middles]))
        for strip, middle in enumerate(middles):
            yield StripFrame(strip, 0, 77, middle.seconds, np.zeros((96, 160, 3), np.uint8))

    write_events(tmp_path / "truth" / "p1_left.events.json", *LEFT)
    write_events(tmp_path / "out" / "p1_left.events.json", *FOUND_LEFT)
    page = report_of(
        read_impacts(tmp_path / "truth"), tmp_path / "out", tmp_path / "page.html", frames=read
    )
    [(name, frames)] = asked
    assert Path(name).stem.startswith("p1_left")
    assert set(frames) == {10, 18, 25}
    assert len(re.findall("<figcaption>frame 77<", page.read_text(encoding="utf-8"))) == 3


def test_a_box_is_drawn_in_the_frame_of_its_event_alone() -> None:
    image = np.full((96, 160, 3), 90, np.uint8)
    outcome = Outcome("hit", truth=impact(20), prediction=impact(23, 44))
    drawn = {
        offset: strip_image(StripFrame(0, offset, 20 + offset, 0.7, image), (outcome,)).image
        for offset in (-4, -2, 0, 2, 4)
    }

    def coloured(offset: int, colour: tuple[int, int, int]) -> bool:
        return bool((drawn[offset] == colour).all(axis=2).any())

    assert [coloured(offset, (255, 255, 255)) for offset in drawn] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert [coloured(offset, COLOURS["hit"]) for offset in drawn] == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_frames_of_a_video_are_those_around_the_nearest_to_a_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4")
    read = video_frames(None)
    middles = [StripMiddle(20 / float(RATE) + 0.01), StripMiddle(0.0, FRAMES - 1)]
    frames = list(read(video.as_posix(), middles))
    assert sorted((frame.strip, frame.offset, frame.frame) for frame in frames) == [
        *((0, offset, 20 + offset) for offset in (-4, -2, 0, 2, 4)),
        *((1, offset, FRAMES - 1 + offset) for offset in (-4, -2, 0)),
    ]
    for frame in frames:
        assert frame.image.mean() == pytest.approx(40 + 4 * frame.frame, abs=2)
        assert frame.seconds == pytest.approx(float(frame.frame / RATE))


def nfl_row(video: str, frame: int, left: int) -> list[object]:
    view = video.split("_")[2].removesuffix(".mp4")
    return [57583, 82, view, video, frame, "H1", left, 16, 40, 16, 1, "Helmet", 2, 1]


def test_nfl_names_make_one_play_of_two_views(tmp_path: Path) -> None:
    names = [f"57583_000082_{view}" for view in ("Endzone", "Sideline")]
    truth = tmp_path / "train_labels.csv"
    with truth.open("w", newline="", encoding="utf-8") as file:
        rows = [nfl_row(f"{name}.mp4", 12, 40) for name in names]
        csv.writer(file).writerows([nfl.HEADER.split(","), *rows])
    for name in names:
        write_video(tmp_path / "train" / f"{name}.mp4", rate=Fraction(60000, 1001))
    write_events(tmp_path / "out" / f"{names[0]}.events.json", impact(11, score=0.8))
    page = write_report(truth, tmp_path / "out", tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert "<h3>57583_000082 — 1 miss, 0 false positives, 1 hit</h3>" in text
    [shown] = articles(text)
    assert re.findall(r'alt="(\w+), frame 11', shown) == ["Endzone", "Sideline"]
    assert "Intervals need at least two plays." in text


def test_videos_of_one_group_without_views_are_plays_of_their_own(tmp_path: Path) -> None:
    rows = [
        *write_play(tmp_path / "set", "m", {"left": (impact(9),)}),
        *write_play(tmp_path / "set", "n", {"left": (impact(9),)}),
        *write_play(tmp_path / "set", "o", {"left": (impact(9),)}),
    ]
    manifest = write_set(tmp_path / "set", [replace(row, group="match") for row in rows])
    write_events(tmp_path / "out" / "m_left.events.json", impact(9))
    text = write_report(manifest, tmp_path / "out", tmp_path / "p.html").read_text("utf-8")
    assert re.findall(r"<h3>(\w+) —", text) == ["m_left", "n_left", "o_left"]


def test_the_command_writes_the_page_beside_the_figures(folder: Path) -> None:
    page = folder / "page.html"
    paths = ("--truth", folder / "set" / "manifest.csv", "--predictions", folder / "out")
    printed = playhead_json("impact", "evaluate", *paths, "--report", page)
    assert printed["report"] == str(page)
    assert printed["metrics"]["tp"] == 3
    assert page.is_file()
    assert playhead("impact", "evaluate", *paths, "--report", page).splitlines()[-1] == str(page)
    assert "report" not in playhead_json("impact", "evaluate", *paths)


def test_neither_the_report_nor_the_rendering_imports_torch() -> None:
    script = (
        "import playhead.impact.report, playhead.impact.render, sys; print('torch' in sys.modules)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "False"


def test_both_views_stand_on_the_clock_of_the_play(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for view, frame in (("left", 10), ("right", 16)):
        write_events(tmp_path / "truth" / f"p1_{view}.events.json", impact(frame))
        write_events(out / f"p1_{view}.events.json", impact(frame, score=0.9))
        offset = 6 / float(RATE) if view == "right" else 0.0
        write_candidates_of(
            out / f"p1_{view}.candidates.npz", impact(frame, score=0.9), offset=offset, view=view
        )
    page = write_report(tmp_path / "truth", out, tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    extents = re.findall(r'<i style="left:([\d.]+)%;width:([\d.]+)%">', text)
    length = 39 + 6  # frames from the first of the right view to the last of the left
    assert [tuple(map(float, extent)) for extent in extents] == [
        pytest.approx((600 / length, 3900 / length), abs=0.01),
        pytest.approx((0, 3900 / length), abs=0.01),
    ]
    lefts = re.findall(r'class="hit" style="left:([\d.]+)%"', text)
    assert list(map(float, lefts)) == pytest.approx([1600 / length] * 2, abs=0.01)


@pytest.mark.parametrize("held", [None, 0.0, 0.5])
def test_the_manifest_gives_the_clock_of_the_play(tmp_path: Path, held: float | None) -> None:
    """held: the offset that candidates of the right view were computed with; None without any"""
    offset = 6 / float(RATE)
    rows = write_play(tmp_path, "p1", {"left": (impact(10),), "right": (impact(10),)})
    rows = [replace(row, offset=offset if row.view == "right" else 0.0) for row in rows]
    out = tmp_path / "out"
    for view, frame in (("left", 10), ("right", 16)):
        event = impact(frame, score=0.9)
        write_events(out / f"p1_{view}.events.json", event)
        if held is not None:
            path = out / f"p1_{view}.candidates.npz"
            write_candidates_of(path, event, offset=held if view == "right" else 0.0, view=view)
    page = write_report(write_set(tmp_path, rows), out, tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    lefts = [float(left) for left in re.findall(r'class="hit" style="left:([\d.]+)%"', text)]
    assert len(lefts) == 2
    assert lefts[0] == pytest.approx(lefts[1], abs=0.01)
