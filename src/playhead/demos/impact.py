"""The impact demo: train on generated plays of two cameras, and find the impacts of plays unseen.

The collision network is measured beside two references: contacts guessed from the exact boxes of
all helmets, and a network trained as long on single frames, which sees no motion.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import typer

from playhead.demos.beside import run_beside
from playhead.events.manifest import read_manifest
from playhead.execution.outcomes import exit_code
from playhead.execution.runner import Executor
from playhead.impact.config import ImpactConfig, find_config, load_impact_config
from playhead.impact.evaluate import evaluate_truth, figures_of, read_impacts
from playhead.impact.predict import PredictOptions, find_plays, predict_plays
from playhead.impact.references import measured_contacts
from playhead.impact.report import report_of
from playhead.impact.train import train_impact
from playhead.learning.run import TrainResult
from playhead.output import print_json, print_table
from playhead.worlds.kept import WorldConfig, world_manifest

__all__ = ["demo_config", "run_impact_demo"]

PLAYS = WorldConfig(
    name="collisions", count=80, seed=1, settings=("rate=30000/1001", "train=0.72", "valid=0.13")
)
"""58 plays train, 10 choose the decisions, 12 test; each has two views."""

CONTACTS = "contacts guessed from exact boxes"
STILL = "2D network on single frames"
ONE_FRAME = ("network.frames=1", "network.before=0", "network.marker=false")
EPOCHS_OF_ONE_FRAME = 1.8
"""Times as many as those of the 3D network take as long."""


def run_impact_demo(out: Path, *, as_json: bool = False) -> None:
    """Generate, train both networks, predict the test plays, evaluate; prints the page last."""
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    say(f"generating {PLAYS.count} plays, each filmed by two cameras")
    config = demo_config()
    manifest = config.data.manifest
    say("training a 3D network on some of them, and beside it a 2D network on single frames")
    epochs = round(EPOCHS_OF_ONE_FRAME * config.training.epochs)
    still = demo_config((*ONE_FRAME, f"training.epochs={epochs}"))
    trained, reference = run_beside(
        partial(_train, config, out / "run"), partial(_train, still, out / "run-2d")
    )
    say("finding impacts in the test plays")
    truth = read_impacts(manifest, split="test")
    predictions = out / "predictions"
    executor = Executor(kind="processes", workers=2)
    results = [
        predict_plays(
            [bundle],
            find_plays([manifest], split="test"),
            folder,
            PredictOptions(),
            executor=executor,
        )
        for bundle, folder in (
            (trained.bundle, predictions),
            (reference.bundle, out / "predictions-2d"),
        )
    ]
    evaluation = evaluate_truth(truth, predictions, intervals=True)
    rows = read_manifest(manifest)
    valid, test = ([row for row in rows if row.split == split] for split in ("valid", "test"))
    references = {
        CONTACTS: figures_of(measured_contacts(valid, test, label=config.data.label)),
        STILL: evaluate_truth(truth, out / "predictions-2d").to_json()["metrics"],
    }
    say("writing the report")
    report = report_of(
        truth,
        predictions,
        out / "report.html",
        title="Collisions: impacts of helmets",
        run=trained.run,
        references=references,
    )
    if as_json:
        seconds = round(monotonic() - started, 1)
        document = {"references": references, "seconds": seconds, "bundle": str(trained.bundle)}
        print_json({**evaluation.to_json(), **document, "report": str(report)})
    else:
        print_table(evaluation.rows())
        for name, figures in references.items():
            typer.echo(f"for comparison, F1 of {name}: {figures['f1']:.3f}")
        typer.echo(f"bundle: {trained.bundle}")
        say("done; the report is")
        typer.echo(report)
    files = [file for result in results for file in result.files]
    raise typer.Exit(exit_code([*trained.files, *reference.files, *files]))


def demo_config(settings: Sequence[str] = ()) -> ImpactConfig:
    """The configuration of the demo, on plays that are generated on first use."""
    manifest = f"data.manifest={json.dumps(str(world_manifest(PLAYS)))}"
    threads = "training.threads=1"  # two trainings on a thread each beat one on two threads
    return load_impact_config(find_config("collisions-demo"), [manifest, threads, *settings])


def _train(config: ImpactConfig, run: Path) -> TrainResult:
    return train_impact(config, run, resume=(run / "config.yaml").is_file())
