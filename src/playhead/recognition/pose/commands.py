"""`playhead recognition prepare keypoints`: keypoints of the people in clips."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Out, Workers
from playhead.output import print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command `keypoints` to an application."""
    app.command(
        epilog="Example: playhead recognition prepare keypoints clips --out keypoints --page "
        "keypoints.html"
    )(keypoints)


def keypoints(
    clips: Annotated[
        list[Path], typer.Argument(readable=False, help="Videos, or folders of them.")
    ],
    out: Out,
    estimator: Annotated[
        Literal["blazepose", "movenet"],
        typer.Option(help="blazepose: 33 joints; movenet: 17, better for people in contact."),
    ] = "blazepose",
    people: Annotated[
        int, typer.Option(min=1, max=2, help="Choose the central person, or two who interact.")
    ] = 1,
    max_people: Annotated[
        int | None, typer.Option(min=1, help="The most people in a frame. Default: 3 or 6.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Minimum score of a person.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Frames a second to analyse. Default: every frame.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=64, help="Longer side of frames in pixels. Default: 960.")
    ] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Also X.skeletons.mp4, with the skeletons drawn.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="A page that shows what was kept, as one HTML file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Extract again, and replace other keypoints.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of a worker.")] = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find people and their joints in clips, and choose those whose action counts.

    Writes X.keypoints.npz; clips that are done are skipped. The networks are fetched by
    `playhead weights get pose`.
    """
    from playhead.config import validate
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.recognition.pose.extract import ExtractOptions, extract_videos

    given = {
        "estimator": estimator,
        "people": people,
        "max_people": max_people,
        "min_score": min_score,
        "rate": rate,
        "size": size,
    }
    values = {name: value for name, value in given.items() if value is not None}
    result = extract_videos(
        clips,
        out,
        validate(ExtractOptions, values, source="prepare keypoints"),
        overwrite=overwrite,
        render=render,
        threads=threads,
        executor=Executor(kind=executor, workers=workers),
    )
    if page is not None:
        from playhead.recognition.pose.page import write_keypoint_page

        write_keypoint_page(result.files, page)
    if as_json:
        print_json(result.to_json() | ({} if page is None else {"page": str(page)}))
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))
