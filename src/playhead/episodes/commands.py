"""`playhead episodes`: match, chapters, evaluate; the commands of the networks are mounted."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.episodes.features.commands import add_prepare_commands
from playhead.episodes.network.commands import mount
from playhead.errors import PlayheadError
from playhead.execution.options import ExecutorName, Json, Workers
from playhead.output import print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    help="Where do the opening and the ending lie?", rich_markup_mode=None, no_args_is_help=True
)

Edl = Literal["skip", "cut"]


@app.command(epilog='Example: playhead episodes match "Show/Season 01" --out out')
def match(
    seasons: Annotated[
        list[Path],
        typer.Argument(
            readable=False, help="Folders: each with videos is a season. Or videos of seasons."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write into.")] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Write beside the videos instead, as players look.")
    ] = False,
    audio: Annotated[
        int | None,
        typer.Option(min=0, help="Sound track, counted from 0. Default: the file's default."),
    ] = None,
    images: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(help="Read images too; auto: where the sound tells too little."),
    ] = "auto",
    bundle: Annotated[
        Path | None,
        typer.Option(help="A network of clips, asked where the season is not sure."),
    ] = None,
    snap: Annotated[
        Literal["shot", "keyframe", "none"],
        typer.Option(help="Move boundaries to the nearest shot change or key frame."),
    ] = "none",
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Minimum confidence. Default: a wrong skip is rare."),
    ] = None,
    edl: Annotated[
        Edl, typer.Option(help="In X.edl; skip: once, as Kodi does; cut: always, and in MPlayer.")
    ] = "skip",
    srt: Annotated[
        bool, typer.Option("--srt", help="Also X.segments.srt, to see segments in any player.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an EDL or chapters of other programs.")
    ] = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find openings, endings, recaps and eyecatches of seasons by what repeats in them.

    Needs no training. What you correct in X.events.json is kept by the next match.
    """
    from playhead.episodes.run import MatchOptions, match_seasons
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor

    if (out is None) != beside:
        raise PlayheadError("say where to write: --out DIR, or --beside for beside the videos")
    options = MatchOptions(
        audio=audio,
        images=images,
        bundle=bundle,
        snap=snap,
        edl=edl,
        srt=srt,
        overwrite=overwrite,
        **({} if threshold is None else {"threshold": threshold}),
    )
    result = match_seasons(seasons, out, options, executor=Executor(kind=executor, workers=workers))
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead episodes chapters out --media Show --out with-chapters")
def chapters(
    results: Annotated[Path, typer.Argument(help="The folder that match wrote.")],
    media: Annotated[
        Path | None, typer.Option(help="The folder of the videos, for copies with chapters.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder for these copies.")] = None,
    edl: Annotated[
        Edl | None, typer.Option(help="What X.edl says. Default: as in the match.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing copies of the videos.")
    ] = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write EDL and chapters again after a correction, and into copies of the videos.

    The copies are not encoded again: their streams are those of the videos, bit by bit.
    """
    from playhead.episodes.outputs.copies import write_chapters
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor

    result = write_chapters(
        results,
        media=media,
        out=out,
        edl=edl,
        overwrite=overwrite,
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


@app.command(
    epilog="Example: playhead episodes evaluate --truth seasons/manifest.csv --predictions out"
)
def evaluate(
    truth: Annotated[Path, typer.Option(help="A manifest, a label file or a folder of them.")],
    predictions: Annotated[Path, typer.Option(help="The folder of predicted segments.")],
    split: Annotated[str | None, typer.Option(help="Only this split of the manifest.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with timelines, HTML.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate segments: boundary errors, precision and recall, seconds skipped by mistake."""
    from playhead.episodes.evaluate import evaluate_pairs, read_pairs

    pairs = read_pairs(truth, predictions, split=split)
    result = evaluate_pairs(pairs)
    if report is not None:
        from playhead.episodes.evaluation_page import write_evaluation_page

        write_evaluation_page(result, pairs, report)
    if as_json:
        written = {} if report is None else {"report": str(report)}
        print_json({**result.to_json(), **written})
        return
    print_table(result.rows())
    metrics = result.to_json()["metrics"]
    for name in ("score", "false_skip_seconds_per_hour"):
        typer.echo(f"{name}: {'-' if metrics[name] is None else format(metrics[name], '.3f')}")
    if report is not None:
        typer.echo(report)


add_prepare_commands(app)
mount(app)
