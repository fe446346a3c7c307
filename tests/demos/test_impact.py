"""The impact demo, on a few short plays: both networks, the references and the report."""

import json
from pathlib import Path

import pytest
import typer

from playhead.demos import impact
from playhead.inference.bundle import load_bundle
from playhead.worlds.kept import WorldConfig

PLAYS = WorldConfig(
    name="collisions",
    count=6,
    seed=2,
    settings=("rate=30000/1001", "seconds=1.5", "players=8", "train=0.34", "valid=0.33"),
)


@pytest.mark.slow
def test_the_demo_measures_both_networks_on_unseen_plays_beside_guessed_contacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = impact.demo_config
    short = ("training.epochs=1", "training.validate_every=1", "training.rate=1.0e-3")
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(impact, "PLAYS", PLAYS)
    monkeypatch.setattr(impact, "demo_config", lambda settings=(): whole([*settings, *short]))
    with pytest.raises(typer.Exit) as end:
        impact.run_impact_demo(tmp_path / "out", as_json=True)
    assert end.value.exit_code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["job"], document["videos"]) == ("impact", 4)  # two plays of two views
    assert list(document["references"]) == [impact.CONTACTS, impact.STILL]
    assert document["references"][impact.CONTACTS]["f1"] > 0
    page = Path(document["report"]).read_text()
    assert all(name in page for name in document["references"])
    frames = [
        load_bundle(tmp_path / "out" / run / "bundle").manifest.input["frames"]
        for run in ("run", "run-2d")
    ]
    assert frames == [8, 1]
