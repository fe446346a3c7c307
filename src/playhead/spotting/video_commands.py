"""`playhead spotting clips`, `render` and `submit`: what is made of predictions for others."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Out, Workers
from playhead.output import print_json

__all__ = ["LabelRate", "Videos", "register"]

Videos = Annotated[list[Path], typer.Argument(readable=False, help="Videos, or folders of videos.")]
Predictions = Annotated[
    Path, typer.Argument(help="A folder that `predict` wrote, a run folder, or any label file.")
]
EventLabels = Annotated[
    list[str] | None, typer.Option("--label", help="Only events of this label; may be repeated.")
]
MinScore = Annotated[float, typer.Option(help="Only events that score at least this.")]
LabelRate = Annotated[
    str | None, typer.Option(help="Frame rate of labels by frame. Default: the videos'.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to those of spotting."""
    app.command(
        epilog="Example: playhead spotting clips out matches --out clips --min-score .3 "
        "--reel reel.mp4"
    )(clips)
    app.command(
        epilog="Example: playhead spotting render out matches --truth labels.csv --out rendered"
    )(render)
    app.command(epilog="Example: playhead spotting submit out results.zip")(submit)


def clips(
    predictions: Predictions,
    videos: Videos,
    out: Out,
    before: Annotated[float, typer.Option(min=0.0, help="Seconds before each event.")] = 2.0,
    after: Annotated[float, typer.Option(min=0.0, help="Seconds after each event.")] = 2.0,
    label: EventLabels = None,
    min_score: MinScore = 0.0,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy from the key frame before: fast, but begins earlier."),
    ] = False,
    reel: Annotated[
        Path | None, typer.Option(help="Also write one video of all clips, as reel.mp4.")
    ] = None,
    order: Annotated[
        Literal["time", "score"], typer.Option(help="Of the reel: by time, or best first.")
    ] = "time",
    rate: LabelRate = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Cut a clip around every event, with sound, and list them in OUT/index.csv; can be resumed.

    Clips have exactly the frames around their events. In the reel, clips that overlap are one.
    """
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.spotting.clips import ClipOptions, cut_clips

    result = cut_clips(
        predictions,
        videos,
        out,
        ClipOptions(
            before=before, after=after, labels=tuple(label or ()), min_score=min_score, copy=copy
        ),
        reel=reel,
        order=order,
        rate=rate,
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


def render(
    predictions: Predictions,
    videos: Videos,
    out: Out,
    truth: Annotated[
        Path | None,
        typer.Option(help="Labels in any format, to tell hits, misses and false alarms."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Width of the window for a hit, in seconds.")
    ] = 1.0,
    label: EventLabels = None,
    min_score: MinScore = 0.0,
    window: Annotated[
        float, typer.Option(min=0.5, max=600, help="Seconds that the curves show at once.")
    ] = 10.0,
    rate: LabelRate = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep videos that are rendered already.")
    ] = False,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write videos with the scores of each class, events that flash by name, and the truth."""
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.spotting.render import RenderOptions, render_videos

    result = render_videos(
        predictions,
        videos,
        out,
        RenderOptions(
            tolerance=tolerance, labels=tuple(label or ()), min_score=min_score, window=window
        ),
        truth=truth,
        rate=rate,
        resume=resume,
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


def submit(
    scores: Annotated[Path, typer.Argument(help="The folder of scores that `predict` wrote.")],
    target: Annotated[Path, typer.Argument(help="A ZIP, or a folder to write into.")],
    as_json: Json = False,
) -> None:
    """Write SoccerNet's results_spotting.json of every game, with all peaks that AP ranks."""
    from playhead.output import counted
    from playhead.spotting.submit import write_submission

    videos = write_submission(scores, target)
    count = sum(len(video.events) for video in videos)
    if as_json:
        print_json({"output": str(target), "videos": len(videos), "events": count})
    else:
        typer.echo(f"{target}: {counted(count, 'event')} in {counted(len(videos), 'video')}")
