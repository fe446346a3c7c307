"""The episodes demo, on a few short seasons: the matcher, both networks and the report."""

import html
import json
from pathlib import Path

import pytest
import typer

from playhead.demos import episodes
from playhead.worlds.kept import WorldConfig

SEASONS = WorldConfig(
    name="season",
    count=4,
    seed=4,
    settings=("episodes=3", "seconds=60", "train=0.25", "valid=0.25"),
)
SHORT = ("data.seconds=60", "training.epochs=1")


@pytest.mark.slow
def test_the_demo_matches_unseen_seasons_and_measures_both_networks_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(episodes, "SEASONS", SEASONS)
    networks = {name: (*settings, *SHORT) for name, settings in episodes.NETWORKS.items()}
    monkeypatch.setattr(episodes, "NETWORKS", networks)
    with pytest.raises(typer.Exit) as end:
        episodes.run_episodes_demo(tmp_path / "out", as_json=True)
    assert end.value.exit_code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["job"], document["videos"]) == ("episodes", 6)
    assert document["metrics"]["recall"] > 0
    assert list(document["networks"]) == list(networks)
    constants = {scores["constant"] for scores in document["networks"].values()}
    assert len(constants) == 1
    page = html.unescape(Path(document["report"]).read_text())
    assert all(name in page for name in networks)
    assert [Path(season["page"]).is_file() for season in document["seasons"]] == [True, True]
