"""The spotting demo: train a small model on generated football, and report on test matches."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import numpy as np
import typer
from numpy.typing import NDArray

from playhead.events.manifest import read_manifest
from playhead.execution.outcomes import exit_code
from playhead.metrics.spotting import confused_map
from playhead.output import print_json, print_table
from playhead.spotting.config import SpottingConfig, find_config, load_spotting_config
from playhead.spotting.evaluate import evaluate_videos, pair_events
from playhead.spotting.predict import PredictOptions, predict_videos
from playhead.spotting.report import FrameReader, report_of
from playhead.spotting.train import train_spotting
from playhead.spotting.truth import read_predictions, read_scores_of, read_truth
from playhead.worlds import redraw
from playhead.worlds.kept import WorldConfig, world_manifest

__all__ = ["demo_config", "run_demo"]

MATCHES = WorldConfig(name="football", count=18, seed=1, settings=("train=0.56", "valid=0.11"))
"""10 matches train, 2 validate, 6 test."""

IMAGE_SIZE = (448, 256)


def run_demo(out: Path, *, as_json: bool = False) -> None:
    """Generate, train, predict the test matches, evaluate, report; prints the page last."""
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    say(f"generating {MATCHES.count} football matches")
    config = demo_config()
    manifest = config.data.manifest
    run, predictions = out / "run", out / "predictions"
    say("training on some of them")
    trained = train_spotting(config, run, resume=(run / "config.yaml").is_file())
    say("spotting passes and drives in the test matches")
    videos = [row.video for row in read_manifest(manifest) if row.split == "test"]
    result = predict_videos(trained.bundle, videos, predictions, PredictOptions())
    truth, predicted = pair_events(
        read_truth(manifest, split="test"), read_predictions(predictions)
    )
    scores = read_scores_of(predictions, truth)
    measured = evaluate_videos(truth, predicted, scores)
    say("writing the report")
    report = report_of(
        truth,
        predicted,
        scores,
        out / "report.html",
        title="Football: passes and drives",
        run=run,
        frames=_large_images(),
        evaluation=measured,
    )
    confused = {"right times, confused classes": confused_map(truth)}
    if as_json:
        seconds = round(monotonic() - started, 1)
        document = {"references": confused, "seconds": seconds, "bundle": str(trained.bundle)}
        print_json({**measured.to_json(), **document, "report": str(report)})
    else:
        print_table(measured.rows())
        for name, value in confused.items():
            typer.echo(f"for comparison, mAP@1 of {name}: {value:.3f}")
        typer.echo(f"bundle: {trained.bundle}")
        say("done; the report is")
        typer.echo(report)
    raise typer.Exit(exit_code(result.files))


def demo_config(settings: Sequence[str] = ()) -> SpottingConfig:
    """The configuration of the demo, on matches that are generated on first use."""
    manifest = f"data.manifest={json.dumps(str(world_manifest(MATCHES)))}"
    return load_spotting_config(find_config("football-demo"), [manifest, *settings])


def _large_images() -> FrameReader:
    """A reader of larger frames for film strips: the same matches, rendered again."""

    def images(name: str, times: Sequence[float]) -> list[tuple[float, NDArray[np.uint8]]]:
        return redraw(
            MATCHES.name,
            Path(name).stem,
            times,
            seed=MATCHES.seed,
            settings=MATCHES.settings,
            size=IMAGE_SIZE,
        )

    return images
