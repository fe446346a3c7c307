"""The command `evaluate`: pairs of files, the metrics by their names, and its page."""

from pathlib import Path

import pytest

from playhead.episodes.evaluate import evaluate_episodes
from playhead.episodes.results import EpisodeRecord, SeasonRecord, write_season
from playhead.episodes.segments import KINDS, EpisodeResult
from playhead.errors import LabelError
from playhead.events.formats import native
from playhead.events.model import Event, VideoEvents
from tests.command import playhead, playhead_json, run

Spans = list[tuple[str, float, float]]


def write_labels(path: Path, video: str, spans: Spans) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    events = tuple(Event(label=kind, start=start, end=end) for kind, start, end in spans)
    native.write(VideoEvents(video=video, classes=(*KINDS, "title"), events=events), path)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two episodes of a show; the third has no segments."""
    rows = ["video,labels,split\n"]
    for name, spans in (
        ("E1", [("opening", 10.0, 100.0), ("ending", 1300.0, 1390.0), ("title", 100.0, 105.0)]),
        ("E2", [("opening", 12.0, 102.0), ("ending", 1301.0, 1391.0)]),
    ):
        write_labels(tmp_path / f"set/show/{name}.events.json", f"{name}.mkv", spans)
        rows.append(f"show/{name}.mkv,show/{name}.events.json,val\n")
    rows.append("show/E3.mkv,,train\n")
    for name in ("E1", "E2", "E3"):
        (tmp_path / f"set/show/{name}.mkv").write_bytes(b"x")  # labels are read without the video
    (tmp_path / "set/manifest.csv").write_text("".join(rows), encoding="utf-8")
    return tmp_path / "set/manifest.csv"


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    folder = tmp_path / "out/show"
    spans: dict[str, Spans] = {
        "E1": [("opening", 10.02, 103.0), ("ending", 1300.0, 1389.9)],
        "E2": [("opening", 500.0, 590.0)],
        "E3": [],
    }
    for name, found in spans.items():
        write_labels(folder / f"{name}.events.json", f"{name}.mkv", found)
    records = tuple(
        EpisodeRecord(result=EpisodeResult(video=f"{name}.mkv", duration=1440.0, segments=()))
        for name in spans
    )
    write_season(SeasonRecord(name="show", title="show", episodes=records), folder / "season.json")
    return tmp_path / "out"


def test_the_metrics_have_the_names_of_the_job(truth: Path, predictions: Path) -> None:
    document = playhead_json("episodes", "evaluate", "--truth", truth, "--predictions", predictions)
    assert document["job"] == "episodes"
    assert document["videos"] == 3
    metrics = document["metrics"]
    assert metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall"] == pytest.approx(2 / 4)
    assert metrics["median_error"] == pytest.approx((0.02 + 0.1) / 2)
    assert metrics["p90_error"] == pytest.approx(0.1 + 0.7 * 2.9)
    assert metrics["score"] == pytest.approx((2.0 + 0.0) / 2)
    # 3 s after the opening of E1 and all of E2's, in 3 x 24 minutes.
    assert metrics["false_skip_seconds_per_hour"] == pytest.approx(93 / (3 * 1440 / 3600))
    assert document["per_class"]["opening"]["precision_at_half_second"] == 0
    assert set(document["per_class"]) == {"opening", "ending"}


def test_a_split_leaves_out_the_other_videos(truth: Path, predictions: Path) -> None:
    result = evaluate_episodes(truth, predictions, split="val")
    assert result.videos == 2
    assert result.result.hours == pytest.approx(2 * 1440 / 3600)
    with pytest.raises(LabelError, match="no video has the split"):
        evaluate_episodes(truth, predictions, split="test")


def test_a_folder_of_labels_is_ground_truth_too(truth: Path, predictions: Path) -> None:
    (predictions / "show/E3.events.json").unlink()
    result = evaluate_episodes(truth.parent / "show", predictions)
    assert result.result.total.overlap.hits == 2
    assert result.result.hours == pytest.approx(2 * 1440 / 3600)


def test_the_truth_of_itself_is_perfect(truth: Path) -> None:
    result = evaluate_episodes(truth.parent / "show", truth.parent / "show")
    assert (result.score, result.result.total.errors.max) == (0.0, 0.0)
    assert result.result.total.near.recall == 1.0
    assert result.result.false_skip_seconds_per_hour is None  # nothing tells the durations


def test_series_with_episodes_of_equal_names_are_told_apart(tmp_path: Path) -> None:
    for show, start in (("a", 10.0), ("b", 20.0)):
        for folder in ("truth", "out"):
            path = tmp_path / folder / show / "S01E01.events.json"
            write_labels(path, "S01E01.mkv", [("opening", start, start + 30)])
    result = evaluate_episodes(tmp_path / "truth", tmp_path / "out")
    assert (result.videos, result.score, result.result.total.overlap.hits) == (2, 0.0, 2)
    write_labels(tmp_path / "truth/a/other.events.json", "S01E01.mkv", [])
    with pytest.raises(LabelError, match="two files have the events of 'a/S01E01.mkv'"):
        evaluate_episodes(tmp_path / "truth", tmp_path / "out")


def test_predictions_of_an_unknown_video_are_refused(truth: Path, predictions: Path) -> None:
    write_labels(predictions / "show/E9.events.json", "E9.mkv", [])
    finished = run("episodes", "evaluate", "--truth", truth, "--predictions", predictions)
    assert finished.code == 2
    assert "E9" in finished.err


def test_a_folder_without_predictions_is_refused(truth: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(LabelError, match="episodes match"):
        evaluate_episodes(truth, tmp_path / "none")


def test_the_page_lists_the_mistakes(truth: Path, predictions: Path, tmp_path: Path) -> None:
    command = ("episodes", "evaluate", "--truth", truth, "--predictions", predictions)
    printed = playhead(*command, "--report", tmp_path / "page.html")
    assert "false_skip_seconds_per_hour: 77.500" in printed
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count(">missed<") == 2
    assert page.count(">false positive<") == 1
    assert page.count(">late or early<") == 1
