"""The episodes demo: match generated seasons, and train networks on other series beside it.

The seasons that are matched are those of series that no network has seen. Of the two networks, one
scores each moment of a clip; the other has the reference's head, a single number from all moments.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import typer

from playhead.demos.beside import run_beside
from playhead.episodes.evaluate import evaluate_pairs, read_pairs
from playhead.episodes.evaluation_page import write_evaluation_page
from playhead.episodes.features.prepare import prepare
from playhead.episodes.features.table import read_table
from playhead.episodes.network.config import find_config, load_boundary_config
from playhead.episodes.network.predict import answers_of_rows, measure
from playhead.episodes.network.train import train_boundaries
from playhead.episodes.run import MatchOptions, match_seasons
from playhead.events.manifest import read_manifest
from playhead.execution.outcomes import exit_code
from playhead.execution.runner import Executor
from playhead.learning.run import TrainResult
from playhead.output import print_json, print_table
from playhead.worlds.kept import WorldConfig, world_manifest

__all__ = ["run_episodes_demo"]

SEASONS = WorldConfig(
    name="season", count=18, seed=1, settings=("episodes=4", "train=0.667", "valid=0.111")
)
"""Of 12 series the clips train, 2 choose the best epoch, 4 are matched and test the networks."""

NETWORKS = {
    "a score for each moment": (),
    "the reference's head": ("network.head=one-layer", "network.second=none"),
}


def run_episodes_demo(out: Path, *, as_json: bool = False) -> None:
    """Generate, match, prepare, train both networks, evaluate; prints the page last."""
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    executor = Executor(kind="processes", workers=2)
    say(f"generating seasons of {SEASONS.count} series, four episodes of six minutes each")
    manifest = world_manifest(SEASONS)
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    seasons = sorted({row.video.parent for row in rows})
    say(f"matching the seasons of {len(seasons)} series")
    matches = out / "matches"
    matched = match_seasons(seasons, matches, MatchOptions(), executor=executor)
    pairs = read_pairs(manifest, matches, split="test")
    evaluation = evaluate_pairs(pairs)

    say("preparing the first and the last 200 s of every episode; text is where the world put it")
    features = out / "features"
    prepared = prepare(manifest.parent, features, labels=manifest, text="boxes", executor=executor)
    say("training a network that scores each moment, and beside it one with the reference's head")
    trainings = [
        (out / f"run-{number}", features, settings)
        for number, settings in enumerate(NETWORKS.values(), start=1)
    ]
    results = run_beside(*(partial(_train, *training) for training in trainings))
    say("finding the boundaries in clips of series that no network has seen")
    clips = [row for row in read_table(features) if row.split == "test"]
    networks = {
        name: measure(answers_of_rows(result.bundle, clips, features), clips)
        for name, result in zip(NETWORKS, results, strict=True)
    }
    report = write_evaluation_page(
        evaluation, pairs, out / "report.html", networks=network_rows(networks)
    )
    if as_json:
        print_json(
            {
                **evaluation.to_json(),
                "networks": networks,
                "seasons": [season.to_json() for season in matched.seasons],
                "bundle": str(results[0].bundle),
                "seconds": round(monotonic() - started, 1),
                "report": str(report),
            }
        )
    else:
        print_table(evaluation.rows())
        print_table(network_rows(networks))
        for season in matched.seasons:
            typer.echo(f"{season.title}: {season.page}")
        typer.echo(f"bundle: {results[0].bundle}")
        say("done; the report is")
        typer.echo(report)
    raise typer.Exit(exit_code([*matched.files, *prepared.files]))


def network_rows(networks: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """The contest's score of each network and of a constant answer, seconds, lower is better."""
    rows = [
        {"network": name, **{part: scores[f"{part}_score"] for part in ("opening", "ending")}}
        for name, scores in networks.items()
    ]
    constants = next(iter(networks.values()))
    parts = {part: constants[f"{part}_constant"] for part in ("opening", "ending")}
    return [{"network": "a constant, the median of these clips", **parts}, *rows]


def _train(folder: Path, features: Path, settings: Sequence[str]) -> TrainResult:
    clips = f"data.features={json.dumps(str(features.resolve()))}"
    config = load_boundary_config(find_config("demo"), [clips, *settings])
    return train_boundaries(config, folder, resume=(folder / "config.yaml").is_file())
