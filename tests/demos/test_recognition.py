"""The recognition demo, on the clips of a few people."""

import json
from pathlib import Path

import pytest
import typer

from playhead.demos import recognition
from playhead.errors import WeightsError
from playhead.events.formats.keypoints import read_keypoints
from playhead.inference.bundle import load_bundle
from playhead.worlds.kept import WorldConfig

CLIPS = WorldConfig(
    name="gestures",
    count=6,
    seed=2,
    settings=("takes=1", "seconds=1", "train=0.5", "valid=0.33"),
)


@pytest.mark.slow
def test_the_demo_fuses_networks_and_measures_them_on_people_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(recognition, "CLIPS", CLIPS)
    monkeypatch.setattr(recognition, "KEYPOINTS", ("training.epochs=3",))
    small = ("network.encoder=small", "network.weights=null", "network.size=[32, 32]")
    monkeypatch.setattr(recognition, "FRAMES", ("training.epochs=1", *small))
    monkeypatch.setattr(recognition, "FROM_RANDOM", ())
    with pytest.raises(typer.Exit) as end:
        recognition.run_recognition_demo(tmp_path / "out", as_json=True)
    assert end.value.exit_code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["job"], document["groups"], document["clips"]) == ("recognition", 1, 8)
    assert list(document["models"]) == ["tcn", "lstm", "frames", "fusion"]
    assert {"top1", "top5", "macro_f1"} <= set(document["metrics"])
    assert load_bundle(document["bundle"]).manifest.kind == "fused-clips"
    page = Path(document["report"]).read_text()
    assert all(name in page for name in document["models"])
    # The keypoints are disturbed: they are not the truth.
    name = next((tmp_path / "out" / "keypoints").rglob("*.npz"))
    [truth] = (tmp_path / "cache").rglob(name.name)
    found, true = read_keypoints(name), read_keypoints(truth)
    assert found.times.tolist() == true.times.tolist()
    assert any(
        a.points.shape != b.points.shape or (a.points != b.points).any()
        for a, b in zip(found.people, true.people, strict=False)
    )


def test_extraction_needs_weights_and_says_so_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "is_fetched", lambda name: False)
    with pytest.raises(WeightsError, match="playhead weights get recognition"):
        recognition.run_recognition_demo(tmp_path / "out", from_video=True)
    assert not (tmp_path / "out").exists()
