"""Evaluation: the ground truth that counts, pairing by video, and what is printed."""

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import native, nfl
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.impact.data import labels_of_row
from playhead.impact.evaluate import evaluate_impacts, read_impacts
from playhead.media import open_video
from playhead.media.write import VideoWriter
from playhead.metrics.box_events import Counts
from tests.command import run

NFL_HEADER = nfl.HEADER.split(",")


def impact(frame: int, x: float = 0, note: str | None = None, view: str | None = None) -> Event:
    box = (x, 0.0, x + 20, 20.0)
    return Event(label="impact", start=frame / 30, frame=frame, box=box, note=note, view=view)


def write(folder: Path, name: str, *events: Event) -> Path:
    path = folder / f"{name}.events.json"
    native.write(VideoEvents(video=f"{name}.mp4", classes=("impact",), events=events), path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A manifest of two plays with two views; the second play is the split `test`."""
    rows = []
    for play in ("a", "b"):
        for view in ("left", "right"):
            video = tmp_path / "set" / f"{play}_{view}.mp4"
            video.parent.mkdir(exist_ok=True)
            with VideoWriter(video, 32, 32, Fraction(30)) as writer:
                for _ in range(20):
                    writer.write(np.zeros((32, 32, 3), np.uint8))
            hidden = impact(15, note="hidden; type=helmet")
            labels = write(video.parent, video.stem, impact(5), hidden)
            split = "test" if play == "b" else "train"
            rows.append(ManifestRow(video, labels, group=play, view=view, split=split))
    manifest = tmp_path / "set" / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def test_hidden_impacts_of_a_manifest_do_not_count_and_views_are_its_own(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(out, "a_left", impact(7), impact(15), impact(19, 200))  # hit, ignored, wrong
    write(out, "b_right", impact(10))  # five frames late
    result = evaluate_impacts(data, out)
    assert result.result.counts == Counts(tp=1, fp=2, fn=3)
    assert result.result.views == {"left": Counts(1, 1, 1), "right": Counts(0, 1, 2)}
    document = result.to_json()
    assert document["job"] == "impact"
    assert document["metrics"] == {
        "f1": 2 / 7, "precision": 1 / 3, "recall": 1 / 4, "tp": 1, "fp": 2, "fn": 3
    }  # fmt: skip
    assert document["per_view"]["right"]["fn"] == 2
    assert [row["view"] for row in result.rows()] == ["left", "right", "all"]
    assert "intervals" not in document


def test_a_split_counts_only_its_videos(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "a_left", impact(19, 200))
    write(out, "b_right", impact(5))
    assert evaluate_impacts(data, out, split="test").result.counts == Counts(1, 0, 1)
    (out / "b_right.events.json").unlink()
    with pytest.raises(LabelError, match="no predictions for the videos of the split"):
        evaluate_impacts(data, out, split="test")
    with pytest.raises(LabelError, match="'valid'"):
        evaluate_impacts(data, out, split="valid")


def test_the_truth_of_a_manifest_has_its_offsets(data: Path) -> None:
    lines = data.read_text(encoding="utf-8").splitlines()
    lines[2] += "0.1"
    data.write_text("\n".join(lines), encoding="utf-8")
    offsets = read_impacts(data).offsets
    assert {Path(name).stem: offset for name, offset in offsets.items()} == {
        "a_left": 0, "a_right": 0.1, "b_left": 0, "b_right": 0
    }  # fmt: skip


def test_intervals_are_over_plays(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "a_left", impact(5))
    write(out, "a_right", impact(5))
    intervals = evaluate_impacts(data, out, intervals=True).to_json()["intervals"]
    assert set(intervals) == {"f1", "precision", "recall"}
    assert (intervals["recall"]["low"], intervals["recall"]["high"]) == (0, 1)


def nfl_row(frame: int, left: int, *, confidence: int = 2) -> list[object]:
    name = "57583_000082_Endzone.mp4"
    cells = [57583, 82, "Endzone", name, frame, "H1", left, 20, 0, 20]
    return [*cells, 1, "Helmet", confidence, 1]


def test_nfl_labels_count_as_in_the_competition(tmp_path: Path) -> None:
    truth = tmp_path / "train_labels.csv"
    with truth.open("w", newline="", encoding="utf-8") as file:
        rows: list[list[object]] = [[*NFL_HEADER], nfl_row(6, 0), nfl_row(16, 0, confidence=1)]
        csv.writer(file).writerows(rows)
    name = "57583_000082_Endzone"
    write(tmp_path / "out", name, impact(5), impact(15))  # frames of files count from 1
    result = evaluate_impacts(truth, tmp_path / "out")
    assert result.result.counts == Counts(tp=1, fp=1, fn=0)
    assert result.result.views == {"Endzone": Counts(1, 1, 0)}
    submission = tmp_path / "submission.csv"
    predicted = VideoEvents(video=f"{name}.mp4", classes=("impact",), events=(impact(5),))
    nfl.write([predicted], submission)
    assert evaluate_impacts(truth, submission).result.counts == Counts(1, 0, 0)
    assert read_impacts(truth).groups == {f"{name}.mp4": "57583_000082"}


def test_label_files_without_a_manifest_are_read(tmp_path: Path) -> None:
    write(tmp_path / "truth", "a_left", impact(5, view="left"))
    write(tmp_path / "out" / "deep", "a_left", impact(5))
    result = evaluate_impacts(tmp_path / "truth", tmp_path / "out")
    assert result.result.counts == Counts(1, 0, 0)
    with pytest.raises(LabelError, match="manifest"):
        evaluate_impacts(tmp_path / "truth", tmp_path / "out", split="test")


def test_a_table_without_labels_is_of_impacts(data: Path, tmp_path: Path) -> None:
    table = data.parent / "table.csv"
    rows = [replace(row, labels=table) for row in read_manifest(data)]
    write_manifest(rows, data)
    write(tmp_path / "out", "a_left", impact(5))
    names = [row.video.name for row in rows]
    table.write_text("video,frame,x1,y1,x2,y2\n" + "".join(f"{n},5,0,0,20,20\n" for n in names))
    result = evaluate_impacts(data, tmp_path / "out", split="train")
    assert result.result.counts == Counts(1, 0, 1)
    with open_video(rows[0].video) as video, pytest.raises(LabelError, match="the classes are hit"):
        labels_of_row(rows[0], video, label="hit")
    table.write_text("video,frame,label\n" + "".join(f"{n},5,event\n" for n in names))
    with pytest.raises(LabelError, match="unknown class 'impact' predicted"):
        evaluate_impacts(data, tmp_path / "out", split="train")


def test_a_truth_without_impacts_says_so(tmp_path: Path) -> None:
    path, truth = write(tmp_path / "truth", "a_left"), tmp_path / "truth"
    write(tmp_path / "out", "a_left", impact(5))
    command = ("impact", "evaluate", "--truth", truth, "--predictions", tmp_path / "out")
    assert "the ground truth has no impact" in run(*command).err
    native.write(VideoEvents(video="a_left.mp4", classes=("impact",), events=(impact(5),)), path)
    finished = run(*command)
    assert (finished.code, finished.err) == (0, "")


def test_predictions_of_an_unknown_video_or_of_none_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "truth", "a_left", impact(5))
    with pytest.raises(LabelError, match="playhead impact predict"):
        evaluate_impacts(tmp_path / "truth", tmp_path / "out")
    write(tmp_path / "out", "b_left", impact(5))
    with pytest.raises(LabelError, match="b_left"):
        evaluate_impacts(tmp_path / "truth", tmp_path / "out")


def test_a_true_impact_without_a_box_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "truth", "a_left", Event(label="impact", start=1, frame=30))
    write(tmp_path / "out", "a_left", impact(5))
    with pytest.raises(LabelError, match="needs a frame and a box"):
        evaluate_impacts(tmp_path / "truth", tmp_path / "out")
