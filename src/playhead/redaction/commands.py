"""`playhead redaction`: run, detect, review, apply, audit, evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from playhead.output import print_json, print_table

if TYPE_CHECKING:
    from playhead.inference.batch import BatchResult
    from playhead.redaction.audit import Auditor
    from playhead.redaction.config import RedactionConfig
    from playhead.redaction.pages import AuditReport

__all__ = ["app"]

app = typer.Typer(
    help="Where are faces, heads, people, cars, plates? Find and hide them.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Inputs = Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="The folder to write into. Default: beside the input.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Skip = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out inputs whose outputs are there.")
]
Preset = Annotated[str, typer.Option(help="thorough, balanced, fast, or a path to your own YAML.")]
Hide = Annotated[
    str | None, typer.Option(help="Of face, plate, person, head, car. Default: face,plate.")
]
Threshold = Annotated[
    float | None,
    typer.Option(min=0.01, max=1.0, help="Score to believe an object; lower hides more."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key=value over the preset; may be repeated.")
]
Style = Annotated[
    Literal["solid", "picture", "fill", "mosaic", "blur"] | None,
    typer.Option(help="Default: solid. mosaic and blur are weak: faces are found under them."),
]
Shape = Annotated[Literal["ellipse", "box"] | None, typer.Option(help="Default: ellipse.")]
MaskScale = Annotated[
    float | None, typer.Option(min=1.0, help="Size of a mask over that of its object.")
]
Audio = Annotated[Literal["keep", "remove"] | None, typer.Option(help="Default: keep.")]
Tracks = Annotated[
    Path | None, typer.Option(help="The track file. Default: X.tracks.npz beside the video.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Default: every core.")]


@app.command(epilog="Example: playhead redaction run street.mp4 --audit")
def run(
    inputs: Inputs,
    out: Out = None,
    hide: Hide = None,
    preset: Preset = "balanced",
    threshold: Threshold = None,
    style: Style = None,
    shape: Shape = None,
    mask_scale: MaskScale = None,
    audio: Audio = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Let another network look at the outputs.")
    ] = False,
    overwrite: Overwrite = False,
    skip_existing: Skip = False,
    settings: Settings = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Hide faces and plates (or people, heads, cars): X.mp4 becomes X_redacted.mp4."""
    from playhead.redaction.run import redact_files

    said = {"style.style": style, "style.shape": shape, "mask.scale": mask_scale}
    config = _config(preset, settings, hide, threshold, threads, said | {"write.audio": audio})
    look_again = _auditor(config) if audit else None
    result = redact_files(inputs, config, out=out, overwrite=overwrite, skip_existing=skip_existing)
    _finish(result, look_again, as_json=as_json)


@app.command(epilog="Example: playhead redaction detect street.mp4 --preset thorough")
def detect(
    inputs: Inputs,
    out: Out = None,
    hide: Hide = None,
    preset: Preset = "balanced",
    threshold: Threshold = None,
    overwrite: Overwrite = False,
    skip_existing: Skip = False,
    settings: Settings = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Only find and track: X.tracks.npz, to be reviewed and applied."""
    from playhead.redaction.run import redact_files

    config = _config(preset, settings, hide, threshold, threads, {})
    result = redact_files(
        inputs,
        config,
        out=out,
        overwrite=overwrite,
        skip_existing=skip_existing,
        only_tracks=True,
    )
    _finish(result, None, as_json=as_json)


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
        Path | None, typer.Option(help="What the review page saved; it goes into the track file.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Tracks to leave visible, by number: 3,7; or none.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Hide only in this span, as 0-12.5; repeatable; or all."),
    ] = None,
    style: Style = None,
    shape: Shape = None,
    mask_scale: MaskScale = None,
    audio: Audio = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Let another network look at the output.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    settings: Settings = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Render a track file, with a person's edits, without looking for anything again."""
    from playhead.redaction.apply import apply_tracks, load_tracks

    said: dict[str, Any] = {"style.style": style, "style.shape": shape, "mask.scale": mask_scale}
    said |= {"write.audio": audio, "threads": threads}
    loaded = load_tracks(video, tracks, [*(settings or []), *_settings(said)])
    look_again = _auditor(loaded.config) if audit else None
    result = apply_tracks(
        video, loaded, edits=edits, keep=keep, only=only or [], out=out, overwrite=overwrite
    )
    _finish(result, look_again, as_json=as_json)


@app.command(epilog="Example: playhead redaction audit street.mp4 street_redacted.mp4")
def audit(
    original: Annotated[Path, typer.Argument(help="The original video or picture.")],
    redacted: Annotated[Path, typer.Argument(help="Its redacted copy.")],
    tracks: Tracks = None,
    hide: Hide = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.01, max=1.0, help="Score of an exposure. Default: 0.65 for faces."),
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds between frames. Default: every frame.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page. Default: beside the copy.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Look at a redacted copy with another network; exit code 4 where something is exposed."""
    from playhead.redaction.audit_files import audit_pair

    report, page = audit_pair(
        original,
        redacted,
        tracks=tracks,
        hide=hide,
        settings={"face": threshold, "person": threshold, "every_seconds": every},
        out=out,
        threads=threads,
    )
    if as_json:
        print_json({**report.to_json(), "page": str(page)})
    else:
        typer.echo(report.describe())
        typer.echo(page)
    raise typer.Exit(0 if report.passed else 4)


@app.command(epilog="Example: playhead redaction evaluate --truth streets --predictions out")
def evaluate(
    truth: Annotated[Path, typer.Option(help="A true track file, or a folder of them.")],
    predictions: Annotated[Path, typer.Option(help="The found track file, or a folder of them.")],
    as_json: Json = False,
) -> None:
    """Compare found tracks with true ones: precision, recall, AP50, exposed track-frames."""
    from playhead.redaction.evaluate import evaluate_tracks

    result = evaluate_tracks(truth, predictions)
    print_json(result.to_json()) if as_json else print_table(result.rows())


def _config(
    preset: str,
    settings: list[str] | None,
    hide: str | None,
    threshold: float | None,
    threads: int | None,
    said: dict[str, Any],
) -> "RedactionConfig":
    """A preset with the options of the command line over it, `--set` below those with a name."""
    from playhead.redaction.config import LABELS, load_redaction_config, parse_labels

    labels = None if hide is None else parse_labels(hide)
    said = said | {"hide": labels, "threads": threads}
    said |= {f"detection.thresholds.{label}": threshold for label in LABELS}
    return load_redaction_config(preset, [*(settings or []), *_settings(said)])


def _settings(said: dict[str, Any]) -> list[str]:
    """Options that were given, as settings."""
    import json

    return [f"{key}={json.dumps(value)}" for key, value in said.items() if value is not None]


def _auditor(config: "RedactionConfig") -> "Auditor":
    """Opened before anything is redacted, so that missing networks are said at once."""
    from playhead.redaction.audit import Auditor

    return Auditor(config)


def _finish(result: "BatchResult", auditor: "Auditor | None", *, as_json: bool) -> None:
    """Print what was done, audit it where that was asked for, and end with the code that tells it.

    An exposure (4) comes before a file that is partial or failed (3).
    """
    from playhead.errors import PlayheadError
    from playhead.inference.batch import exit_code
    from playhead.redaction.run import audit_page

    if not as_json:
        typer.echo(result.describe())
    audits: dict[Path, AuditReport | PlayheadError] = {}
    if auditor is not None:
        from playhead.redaction.audit_files import audit_outcomes

        audits = audit_outcomes(result.files, auditor)
    reports = {path: one for path, one in audits.items() if not isinstance(one, PlayheadError)}
    pages = {file.path: audit_page(file.outputs[0]) for file in result.files if file.outputs}
    broken = {path: str(one) for path, one in audits.items() if isinstance(one, PlayheadError)}
    if as_json:
        document = result.to_json()
        if auditor is not None:
            document["exposed_track_frames"] = sum(len(one.exposures) for one in reports.values())
            document["audits"] = {
                str(path): {**one.to_json(), "page": str(pages[path])}
                for path, one in reports.items()
            }
            document["not_audited"] = {str(path): reason for path, reason in broken.items()}
        print_json(document)
    else:
        for path, report in reports.items():
            typer.echo(report.describe())
            typer.echo(pages[path])
        for path, reason in broken.items():
            typer.echo(f"{path}: not audited: {reason}")
    passed = all(report.passed for report in reports.values())
    raise typer.Exit((3 if broken else exit_code(result.files)) if passed else 4)
