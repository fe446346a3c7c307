"""`playhead redaction`: run, detect, review, apply, audit, evaluate."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Workers
from playhead.output import print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    help="Where are faces, heads, people, cars, plates? Find and hide them.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Inputs = Annotated[
    list[Path], typer.Argument(readable=False, help="Videos, images, or folders of them.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The folder to write into. Default: beside the input.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Skip = Annotated[
    bool,
    typer.Option("--skip-existing", help="Continue a stopped batch: skip inputs that are done."),
]
Preset = Annotated[str, typer.Option(help="thorough, balanced, fast, or a path to YAML.")]
Hide = Annotated[
    str | None,
    typer.Option(
        help="Classes to hide: face, plate, person, head, car, custom ones. Default: face,plate."
    ),
]
Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundle", help="A custom detector, used for its classes; repeatable."),
]
Threshold = Annotated[
    float | None,
    typer.Option(min=0.01, max=1.0, help="Confidence threshold; lower hides more."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key=value over the preset; may be repeated.")
]
Style = Annotated[
    Literal["solid", "image", "fill", "mosaic", "blur"] | None,
    typer.Option(help="Default: solid. mosaic and blur are weak: faces stay detectable."),
]
Shape = Annotated[Literal["ellipse", "box"] | None, typer.Option(help="Default: ellipse.")]
MaskScale = Annotated[
    float | None, typer.Option(min=1.0, help="Size of a mask relative to its object.")
]
Audio = Annotated[Literal["keep", "remove"] | None, typer.Option(help="Default: keep.")]
Tracks = Annotated[
    Path | None, typer.Option(help="The track file. Default: X.tracks.npz beside the video.")
]
Audit = Annotated[
    bool, typer.Option("--audit", help="Check the output with another network, if there is one.")
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-unaudited",
        help="A class that may stay unaudited, without exit code 4; repeatable.",
    ),
]
Located = Annotated[
    list[Path] | None,
    typer.Option("--bundle", help="A custom detector of the redaction, to audit; repeatable."),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"] | None,
    typer.Option(help="auto: bf16 for custom detectors if supported, else fp32."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads a process. Default: every core.")]


@app.command(epilog="Example: playhead redaction run street.mp4 --audit")
def run(
    inputs: Inputs,
    out: Out = None,
    hide: Hide = None,
    bundles: Bundles = None,
    preset: Preset = "balanced",
    threshold: Threshold = None,
    style: Style = None,
    shape: Shape = None,
    mask_scale: MaskScale = None,
    audio: Audio = None,
    audit: Audit = False,
    accept_unaudited: Accept = None,
    overwrite: Overwrite = False,
    skip_existing: Skip = False,
    settings: Settings = None,
    precision: Precision = None,
    threads: Threads = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Hide faces and plates (or people, heads, cars): X.mp4 becomes X_redacted.mp4."""
    from playhead.execution.runner import Executor
    from playhead.redaction.command_line import auditor_for, finish, make_config
    from playhead.redaction.resolved import resolve
    from playhead.redaction.run import redact_files

    options = {
        "style.style": style,
        "style.shape": shape,
        "mask.scale": mask_scale,
        "write.audio": audio,
        "detection.precision": precision,
        "threads": threads,
    }
    config = make_config(preset, settings, options, hide=hide, threshold=threshold, bundles=bundles)
    auditor = auditor_for(resolve(config), audit=audit, accept=accept_unaudited)
    result = redact_files(
        inputs,
        config,
        out=out,
        overwrite=overwrite,
        skip_existing=skip_existing,
        executor=Executor(kind=executor, workers=workers),
    )
    finish(result, auditor, as_json=as_json)


@app.command(epilog="Example: playhead redaction detect street.mp4 --preset thorough")
def detect(
    inputs: Annotated[
        list[Path], typer.Argument(readable=False, help="Videos, or folders of them.")
    ],
    out: Out = None,
    hide: Hide = None,
    bundles: Bundles = None,
    preset: Preset = "balanced",
    threshold: Threshold = None,
    overwrite: Overwrite = False,
    skip_existing: Skip = False,
    settings: Settings = None,
    precision: Precision = None,
    threads: Threads = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Detect and track only: writes X.tracks.npz, to be reviewed and applied."""
    from playhead.execution.runner import Executor
    from playhead.redaction.command_line import finish, make_config
    from playhead.redaction.run import redact_files

    options = {"detection.precision": precision, "threads": threads}
    config = make_config(preset, settings, options, hide=hide, threshold=threshold, bundles=bundles)
    result = redact_files(
        inputs,
        config,
        out=out,
        overwrite=overwrite,
        skip_existing=skip_existing,
        only_tracks=True,
        executor=Executor(kind=executor, workers=workers),
    )
    finish(result, None, as_json=as_json)


@app.command(epilog="Example: playhead redaction review street.mp4")
def review(
    video: Annotated[Path, typer.Argument(help="The original video.")],
    tracks: Tracks = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page. Default: X.review.html beside it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a page of all tracks: choose who stays visible, add boxes and time spans."""
    from playhead.redaction.apply import write_review_page

    page = write_review_page(video, tracks, out)
    print_json({"review": str(page)}) if as_json else typer.echo(page)


@app.command(epilog="Example: playhead redaction apply street.mp4 --edits street.edits.json")
def apply(
    video: Annotated[Path, typer.Argument(help="The original video.")],
    tracks: Tracks = None,
    edits: Annotated[
        Path | None,
        typer.Option(help="The edits saved by the review page; recorded in the track file."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Tracks to leave visible, by number: 3,7; or none.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Hide only in this span of seconds: 0-12.5; repeatable; or all."),
    ] = None,
    style: Style = None,
    shape: Shape = None,
    mask_scale: MaskScale = None,
    audio: Audio = None,
    audit: Audit = False,
    accept_unaudited: Accept = None,
    bundles: Located = None,
    out: Out = None,
    overwrite: Overwrite = False,
    settings: Settings = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Render a track file with edits, without detecting again."""
    from playhead.redaction.apply import apply_tracks, load_tracks
    from playhead.redaction.command_line import as_settings, auditor_for, finish

    options = {
        "style.style": style,
        "style.shape": shape,
        "mask.scale": mask_scale,
        "write.audio": audio,
        "threads": threads,
    }
    loaded = load_tracks(video, tracks, [*(settings or []), *as_settings(options)])
    redaction = loaded.redaction.located(bundles or [])
    auditor = auditor_for(redaction, audit=audit, accept=accept_unaudited)
    result = apply_tracks(
        video, loaded, edits=edits, keep=keep, only=only or [], out=out, overwrite=overwrite
    )
    finish(result, auditor, as_json=as_json)


@app.command(epilog="Example: playhead redaction audit street.mp4 street_redacted.mp4")
def audit(
    original: Annotated[Path, typer.Argument(help="The original video or image.")],
    redacted: Annotated[Path, typer.Argument(help="Its redacted copy.")],
    tracks: Tracks = None,
    hide: Annotated[
        str | None, typer.Option(help="Classes to check. Default: all that were hidden.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Score of an exposure. Default: 0.65, people 0.4, plates 0.5 or 0.65.",
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Detection interval, seconds. Default: every frame; 0.25 with the same network.",
        ),
    ] = None,
    bundles: Located = None,
    accept_unaudited: Accept = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page. Default: beside the copy.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Check a redacted copy, if possible with other networks than redacted it.

    Exit code 4 if something is exposed, a check of the file fails, or a class is not audited.
    """
    from playhead.redaction.audit_files import audit_pair

    report, page = audit_pair(
        original,
        redacted,
        tracks=tracks,
        hide=hide,
        settings={
            **dict.fromkeys(("face", "person", "plate", "car", "again"), threshold),
            "every_seconds": every,
            "again_every_seconds": every,
        },
        out=out,
        threads=threads,
        bundles=bundles or [],
        accept=accept_unaudited or [],
    )
    if as_json:
        print_json({**report.to_json(), "page": str(page)})
    else:
        typer.echo(report.describe())
        typer.echo(page)
    raise typer.Exit(0 if report.passed else 4)


@app.command(epilog="Example: playhead redaction evaluate --truth streets --predictions found")
def evaluate(
    truth: Annotated[Path, typer.Option(help="Ground-truth tracks: a file, or a folder of them.")],
    predictions: Annotated[
        Path, typer.Option(help="Predicted tracks: a file, or a folder of the same names.")
    ],
    as_json: Json = False,
) -> None:
    """Evaluate tracks against ground truth, frame by frame: AP50, precision, recall, exposure."""
    from playhead.redaction.evaluate import evaluate_tracks

    result = evaluate_tracks(truth, predictions)
    print_json(result.to_json()) if as_json else print_table(result.rows())
