"""Out-of-fold scores: once a video, and a planted leak is caught."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import native
from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores, read_scores, write_scores
from playhead.spotting.stages.pool import Scored, gather_scores
from playhead.spotting.stages.seen import (
    Seen,
    SeenVideo,
    read_seen,
    refuse_seen,
    write_seen,
)

VIDEOS = tuple(SeenVideo(f"match-{k}/720p.mp4", f"match-{k}", f"sum-{k}") for k in range(4))


@dataclass(frozen=True)
class Folds:
    runs: tuple[Path, ...]
    out: Path

    def gather(self) -> list[str]:
        return gather_scores([Scored(run) for run in self.runs], self.out)


def score(run: Path, video: SeenVideo, value: float) -> None:
    path = run / "scores" / f"{video.name.removesuffix('.mp4')}.scores.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(3) / 25
    frames = np.arange(3, dtype=np.int32)
    values = np.full((3, 1), value, np.float32)
    write_scores(Scores(video.name, times, frames, times, ("pass",), values), path)
    events = path.with_name(path.name.replace("scores.npz", "events.json"))
    native.write(VideoEvents(video=video.name, classes=("pass",)), events)


@pytest.fixture
def folds(tmp_path: Path) -> Folds:
    """Two folds of two matches each; the scores of a match are its number."""
    runs = []
    for fold in range(2):
        run = tmp_path / f"fold-{fold}"
        valid = VIDEOS[2 * fold : 2 * fold + 2]
        write_seen(Seen(tuple(v for v in VIDEOS if v not in valid), valid), run)
        for video in valid:
            score(run, video, VIDEOS.index(video) / 10)
        runs.append(run)
    return Folds(tuple(runs), tmp_path / "scores")


def test_every_match_is_scored_once_by_the_model_that_did_not_see_it(folds: Folds) -> None:
    assert folds.gather() == [video.name for video in VIDEOS]
    files = sorted(folds.out.rglob("*.scores.npz"))
    assert [float(read_scores(path).values[0, 0]) for path in files] == pytest.approx(
        [0.0, 0.1, 0.2, 0.3]
    )
    assert len(sorted(folds.out.rglob("*.events.json"))) == 4


def test_scores_by_a_model_that_was_trained_on_the_match_are_refused(folds: Folds) -> None:
    score(folds.runs[0], VIDEOS[3], 1.0)  # of fold 1, by the model that was trained on it
    with pytest.raises(LabelError, match=r"leak: its model was trained on match-3/720p.mp4"):
        folds.gather()
    assert not folds.out.exists()


def test_the_scores_of_another_fold_in_its_place_are_refused(folds: Folds) -> None:
    shutil.rmtree(folds.runs[0] / "scores")
    shutil.copytree(folds.runs[1] / "scores", folds.runs[0] / "scores")
    with pytest.raises(LabelError, match="leak"):
        folds.gather()


@pytest.mark.parametrize("change", [{"fingerprint": "sum-0"}, {"group": "match-0"}])
def test_a_copy_or_another_half_of_a_validation_match_in_training_is_a_leak(
    folds: Folds, change: dict[str, str]
) -> None:
    seen = read_seen(folds.runs[0])
    other = replace(VIDEOS[2], name="elsewhere.mp4", **change)
    write_seen(replace(seen, trained=(*seen.trained, other)), folds.runs[0])
    with pytest.raises(LabelError, match=r"trained on match-0/720p.mp4"):
        folds.gather()


def test_a_match_that_the_weights_before_were_trained_on_is_a_leak(folds: Folds) -> None:
    seen = read_seen(folds.runs[1])
    earlier = replace(VIDEOS[3], name="other/set.mp4", group="set")
    write_seen(replace(seen, before=(earlier,)), folds.runs[1])
    with pytest.raises(LabelError, match=r"trained on match-3/720p.mp4"):
        folds.gather()
    with pytest.raises(LabelError, match=r"stage.safetensors: was trained on 1 validation video"):
        refuse_seen(read_seen(folds.runs[1]), Path("stage.safetensors"))


def test_a_match_of_two_folds_is_refused(folds: Folds) -> None:
    seen = read_seen(folds.runs[1])
    without = tuple(video for video in seen.trained if video != VIDEOS[0])
    write_seen(Seen(without, (*seen.validated, VIDEOS[0])), folds.runs[1])
    score(folds.runs[1], VIDEOS[0], 0.5)
    with pytest.raises(LabelError, match=r"match-0/720p.mp4: is scored by two folds"):
        folds.gather()


def test_a_match_without_scores_is_named(folds: Folds) -> None:
    next(folds.runs[1].rglob("*.scores.npz")).unlink()
    with pytest.raises(PlayheadError, match=r"no scores of 1 validation video \(match-2"):
        folds.gather()


def test_scores_of_an_unknown_video_are_refused(folds: Folds) -> None:
    score(folds.runs[0], SeenVideo("cup/1080p.mp4", "cup", "x"), 0.5)
    with pytest.raises(LabelError, match="is of no validation video"):
        folds.gather()


def test_only_the_groups_that_are_asked_for_are_taken(folds: Folds) -> None:
    taken = [Scored(folds.runs[0], frozenset({"match-1"})), Scored(folds.runs[1])]
    names = gather_scores(taken, folds.out)
    assert names == [VIDEOS[1].name, VIDEOS[2].name, VIDEOS[3].name]
