"""Commands that prepare features of clips and fuse answers: mounted by `commands.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Workers
from playhead.output import print_json

__all__ = ["add_prepare_commands", "prepare"]


def add_prepare_commands(app: typer.Typer) -> None:
    """Add `prepare` to the commands of episodes."""
    app.command(
        epilog="Example: playhead episodes prepare clips labels.txt --out features",
    )(prepare)


def prepare(
    folder: Annotated[
        Path, typer.Argument(readable=False, help="A folder of clips or episodes, or one video.")
    ],
    labels: Annotated[
        Path | None,
        typer.Argument(
            readable=False,
            help="Rows `NAME_start SECONDS`, or a manifest. Default: X.events.json beside each.",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")] = Path(
        "features"
    ),
    text: Annotated[
        Literal["auto", "detector", "boxes", "none"],
        typer.Option(help="Boxes of text: auto takes those of X.tracks.npz, else detects."),
    ] = "auto",
    seconds: Annotated[
        float, typer.Option(min=1, help="Length of the two clips of an episode.")
    ] = 200.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Prepare files anew that are done.")
    ] = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Prepare features of clips: MFCC, a frame a second and boxes of text; can be resumed."""
    from playhead.episodes.prepare import prepare as prepare_folder
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor

    result = prepare_folder(
        folder,
        out,
        labels=labels,
        text=text,
        seconds=seconds,
        overwrite=overwrite,
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))
