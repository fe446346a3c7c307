"""The commands of impact without a model: decide, tune, evaluate; help and bad input."""

import subprocess
import sys
from pathlib import Path

import pytest

from playhead.events.formats import native
from playhead.impact.candidates import write_candidates
from tests.command import playhead, playhead_json, run
from tests.impact.test_tune import noisy_plays


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Candidates and ground truth of two plays."""
    plays, truth = noisy_plays(2)
    for view in (view for play in plays for view in play):
        write_candidates(view, tmp_path / "in" / f"{view.video[:-4]}.candidates.npz")
    for video in truth:
        native.write(video, tmp_path / "truth" / f"{video.video[:-4]}.events.json")
    return tmp_path


def test_only_training_imports_torch() -> None:
    modules = ("commands", "predict", "decide", "tune", "evaluate", "views")
    script = "; ".join(f"import playhead.impact.{name}" for name in modules)
    script += "; import sys; print('torch' in sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "False"


@pytest.mark.parametrize("command", ["train", "predict", "decide", "tune", "evaluate", "offset"])
def test_every_command_shows_an_example(command: str) -> None:
    assert f"Example: playhead impact {command} " in " ".join(
        playhead("impact", command, "--help").split()
    )


def test_candidates_are_decided_and_evaluated(folder: Path) -> None:
    written = playhead_json("impact", "decide", folder / "in", "--out", folder / "out")
    assert len(written["outputs"]) == 4
    paths = ("--truth", folder / "truth", "--predictions", folder / "out")
    document = playhead_json("impact", "evaluate", *paths, "--intervals")
    assert set(document) == {"job", "videos", "metrics", "per_view", "intervals"}
    assert set(document["per_view"]) == {"left", "right"}
    assert document["metrics"]["tp"] > 0
    assert playhead("impact", "evaluate", *paths).splitlines()[-1].startswith("all")
    strict = ("--set", "helmet_threshold=1.0")
    playhead("impact", "decide", folder / "in", "--out", folder / "out", *strict)
    assert playhead_json("impact", "evaluate", *paths)["metrics"]["tp"] == 0


def test_tuned_decisions_are_used_by_decide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from playhead.impact import tune

    small = tune.SearchSpace(helmet_thresholds=(0.4,), suppression_frames=(4,), keep_scores=(0.55,))
    monkeypatch.setattr(tune, "SearchSpace", lambda: small)
    yaml = folder / "decisions.yaml"
    options = ("--truth", folder / "truth", "--out", yaml)
    tuned = playhead_json("impact", "tune", folder / "in", *options)
    assert "2 plays" in tuned["warning"]
    playhead("impact", "decide", folder / "in", "--out", folder / "out", "--decisions", yaml)
    paths = ("--truth", folder / "truth", "--predictions", folder / "out")
    assert playhead_json("impact", "evaluate", *paths)["metrics"]["f1"] == tuned["f1"]
    finished = run("impact", "tune", folder / "in", *options)
    assert finished.out.startswith(str(yaml))
    assert "evaluate them on others" in finished.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("decide", "nowhere", "--out", "out"), "candidates.npz"),
        (("decide", "in", "--out", "out", "--set", "overlap=2"), "overlap"),
        (("decide", "in", "--out", "out", "--decisions", "no.yaml"), "no.yaml"),
        (("predict", "nobundle", "in", "--out", "out"), "no video"),
        (("predict", "nobundle", "x.mp4", "--out", "out.mp4"), "folder"),
        (("predict", "b", "x.mp4", "--out", "out", "--scales", "1"), "--helmets"),
        (("predict", "b", "x", "--out", "out", "--helmets", "h", "--scales", "0"), "--scales 0"),
        (("train", "helmets-demo", "--set", "network.target=box"), "network.target"),
        (("train", "helmets-demo", "--set", "task=helmet"), "task"),
        (("tune", "in", "--truth", "nowhere", "--out", "d.yaml"), "nowhere"),
        (("tune", "in", "--truth", "truth", "--out", "d.yaml", "--alerts", "0.1"), "alerts"),
        (("evaluate", "--truth", "truth", "--predictions", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.chdir(folder)
    finished = run("impact", *arguments)
    assert finished.code == 2
    assert complaint in finished.err
    assert len(finished.err.strip().splitlines()) == 1
