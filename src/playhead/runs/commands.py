"""The commands of `playhead runs`: what they take and print."""

from pathlib import Path
from typing import Annotated

import typer

from playhead.execution.options import Json, Out
from playhead.output import print_json, print_table, print_wide_table

__all__ = ["app"]

app = typer.Typer(help="Training runs.", rich_markup_mode=None, no_args_is_help=True)


@app.command("list", epilog="Example: playhead runs list runs")
def runs_list(
    folder: Annotated[Path, typer.Argument(help="The folder of runs.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List training runs with their progress and best metric."""
    from playhead.runs.folders import list_runs

    rows = [run.to_json() for run in list_runs(folder)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows)
    else:
        typer.echo(f"{folder}: no runs here")


@app.command(
    "compare",
    epilog="Example: playhead runs compare runs/serves runs/serves-long --out compare.html",
)
def runs_compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders of several.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="An HTML page to write, with the curves.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="As map@1. Default: the one that selects the epoch in training."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare runs of one job: metric, speed, and the settings that differ."""
    from playhead.runs.compare import compare_runs
    from playhead.runs.page import write_comparison

    comparison = compare_runs(runs, metric)
    page = None if out is None else write_comparison(comparison, out)
    if as_json:
        print_json(comparison.to_json() | {"page": None if page is None else str(page)})
        return
    print_table(comparison.rows())
    typer.echo()
    if settings := comparison.setting_rows():
        print_wide_table(settings)
    else:
        typer.echo("the configurations are the same")
    for note in comparison.notes:
        typer.echo(f"note  {note}")
    if page is not None:
        typer.echo(f"page  {page}")


@app.command("tensorboard", epilog="Example: playhead runs tensorboard runs --out events")
def runs_tensorboard(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders of several.")
    ],
    out: Out,
    as_json: Json = False,
) -> None:
    """Write the logs of runs as event files for TensorBoard, a folder for each run."""
    from playhead.learning.tensorboard import EventFile
    from playhead.runs.compare import unique_names
    from playhead.runs.folders import read_runs

    found = read_runs(runs)
    folders = [out / name for name in unique_names([run.folder for run in found])]
    for run, folder in zip(found, folders, strict=True):
        EventFile(folder, run.rows).close()
    if as_json:
        print_json({"outputs": [str(folder) for folder in folders]})
    else:
        for folder in folders:
            typer.echo(folder)
