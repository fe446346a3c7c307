"""The commands `train` and `predict` of the networks of clips, for the job's `commands.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.errors import needs_extra
from playhead.execution.options import (
    ConfigName,
    Device,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Resume,
    RunFolder,
    Workers,
)
from playhead.output import print_json

__all__ = ["mount"]


def mount(app: typer.Typer) -> None:
    """Add both commands to `app`."""
    app.command(
        epilog="Example: playhead episodes train demo --set data.features=features "
        "--out runs/boundaries"
    )(train)
    app.command(
        epilog="Example: playhead episodes predict runs/boundaries/bundle features --out out"
    )(predict)


def train(
    config: ConfigName,
    *,
    settings: Overrides = None,
    out: RunFolder = None,
    resume: Resume = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a network on prepared clips with known boundaries, and export it."""
    from playhead.episodes.network.config import find_config, load_boundary_config
    from playhead.errors import ConfigError

    path = find_config(config)
    loaded = load_boundary_config(path, settings or [])
    if not loaded.data.features.exists():
        raise ConfigError(
            f"data.features: {loaded.data.features} does not exist; prepare labelled clips with "
            "`playhead episodes prepare`, and give their folder: --set data.features=features"
        )
    with needs_extra("training", "train"):
        from playhead.episodes.network.train import train_boundaries

    run = out or Path("runs") / path.stem
    result = train_boundaries(loaded, run, resume=resume, device=device)
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder.")],
    clips: Annotated[
        list[Path],
        typer.Argument(
            readable=False,
            help="Prepared clips, or folders of them, as `playhead episodes prepare` writes them.",
        ),
    ],
    *,
    out: Out,
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads a process. Default: every core.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(help="auto: bf16 if the processor supports it, else fp32."),
    ] = "fp32",
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find the boundary in prepared clips: where an opening ends or an ending starts."""
    from playhead.episodes.network.predict import PredictOptions, predict_clips
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor

    options = PredictOptions(device=device, threads=threads, precision=precision)
    executed = Executor(kind=executor, workers=workers)
    result = predict_clips(bundle, clips, out, options, executor=executed)
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))
