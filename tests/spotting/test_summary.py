"""The last line of a command: how many videos, what was found in them, and where it is."""

from pathlib import Path

from playhead.events.formats import native
from playhead.events.model import Event, VideoEvents
from playhead.spotting.predict import summary
from tests.command import playhead, playhead_json
from tests.spotting.conftest import Tiny


def written(folder: Path, name: str, *labels: str) -> Path:
    events = tuple(Event(label=label, start=float(k)) for k, label in enumerate(labels))
    path = folder / f"{name}.events.json"
    native.write(VideoEvents(video=name, classes=("pass", "drive"), events=events), path)
    return path


def test_the_summary_counts_videos_and_the_events_of_every_class(tmp_path: Path) -> None:
    outputs = [written(tmp_path, "a", "pass", "pass"), tmp_path / "a.scores.npz"]
    outputs += [written(tmp_path, "b", "pass"), written(tmp_path, "c")]
    assert summary(4, outputs, Path("out")) == (
        "4 videos (1 failed), 3 events in out: 3 pass, 0 drive; none in 1 video"
    )
    assert summary(1, outputs[:1], Path("out")) == "1 video, 2 events in out: 2 pass, 0 drive"
    assert summary(2, [], Path("out")) == "2 videos (2 failed), 0 events in out"


def test_predict_and_decide_end_with_the_summary_but_not_their_json(
    tiny: Tiny, tmp_path: Path
) -> None:
    events = native.read(tiny.predictions / "match-003.events.json").events
    end = f"1 video, {len(events)} events in {tmp_path}: "
    predicted = playhead("spotting", "predict", tiny.run, tiny.test_video, "--out", tmp_path)
    assert predicted.splitlines()[-1].startswith(end)
    decided = playhead("spotting", "decide", tiny.predictions, "--out", tmp_path)
    assert decided.splitlines()[-1] == predicted.splitlines()[-1]
    document = playhead_json("spotting", "decide", tiny.predictions, "--out", tmp_path)
    assert list(document) == ["outputs"]
