"""Commands that prepare features of clips and fuse answers: mounted by `commands.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Out, Workers
from playhead.output import print_error, print_json, print_table

__all__ = ["add_prepare_commands", "ensemble", "prepare"]


def add_prepare_commands(app: typer.Typer) -> None:
    """Add `prepare` and `ensemble` to the commands of episodes."""
    app.command(epilog="Example: playhead episodes prepare clips labels.txt --out features")(
        prepare
    )
    app.command(
        epilog="Example: playhead episodes ensemble plain=a.csv yolt=b.csv --out fused.csv "
        "--labels labels.txt"
    )(ensemble)


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
    out: Out = Path("features"),
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
    from playhead.episodes.features.prepare import prepare as prepare_folder
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


def ensemble(
    members: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FILE...", help="Answers, as NAME_start.mp4,s,66.000 rows."),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="The CSV to write the answers into.")],
    method: Annotated[
        Literal["two-means", "median", "mean"],
        typer.Option(help="two-means: the mean of the larger cluster of a clip's answers."),
    ] = "two-means",
    weights: Annotated[
        str | None, typer.Option(help="Of mean: one number a member, as in 2,1,1.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(readable=False, help="Rows `NAME_start SECONDS`, to score by."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fuse the answers of several models to the same clips, and score them."""
    from playhead.episodes.network.ensemble import ensemble_files
    from playhead.execution.options import parse_weights

    parsed = None if weights is None else parse_weights(weights, len(members), "members")
    result = ensemble_files(members, out, method=method, weights=parsed, labels=labels)
    for first, second in result.alike:
        print_error(f"{first} and {second} give the same answers: was one saved over the other?")
    if as_json:
        print_json({**result.to_json(), "outputs": [str(out)]})
    else:
        print_table(result.rows())
        typer.echo(out)
