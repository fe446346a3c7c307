"""`playhead redaction`: run, detect, review, apply, audit, evaluate."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from playhead.output import print_json, print_table

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
    str | None,
    typer.Option(help="Of face, plate, person, head, car, own classes. Default: face,plate."),
]
Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundle", help="An own detector, for the classes it knows; repeatable."),
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
    bundles: Bundles = None,
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
    from playhead.redaction.audit import Auditor
    from playhead.redaction.command_line import finish, make_config
    from playhead.redaction.run import redact_files

    said = {"style.style": style, "style.shape": shape, "mask.scale": mask_scale}
    config = make_config(
        preset,
        settings,
        hide=hide,
        threshold=threshold,
        threads=threads,
        said=said | {"write.audio": audio},
        bundles=bundles,
    )
    look_again = Auditor(config) if audit else None
    result = redact_files(inputs, config, out=out, overwrite=overwrite, skip_existing=skip_existing)
    finish(result, look_again, as_json=as_json)


@app.command(epilog="Example: playhead redaction detect street.mp4 --preset thorough")
def detect(
    inputs: Inputs,
    out: Out = None,
    hide: Hide = None,
    bundles: Bundles = None,
    preset: Preset = "balanced",
    threshold: Threshold = None,
    overwrite: Overwrite = False,
    skip_existing: Skip = False,
    settings: Settings = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Only find and track: X.tracks.npz, to be reviewed and applied."""
    from playhead.redaction.command_line import finish, make_config
    from playhead.redaction.run import redact_files

    config = make_config(
        preset,
        settings,
        hide=hide,
        threshold=threshold,
        threads=threads,
        said={},
        bundles=bundles,
    )
    result = redact_files(
        inputs,
        config,
        out=out,
        overwrite=overwrite,
        skip_existing=skip_existing,
        only_tracks=True,
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
    from playhead.redaction.audit import Auditor
    from playhead.redaction.command_line import as_settings, finish

    said: dict[str, Any] = {"style.style": style, "style.shape": shape, "mask.scale": mask_scale}
    said |= {"write.audio": audio, "threads": threads}
    loaded = load_tracks(video, tracks, [*(settings or []), *as_settings(said)])
    look_again = Auditor(loaded.config) if audit else None
    result = apply_tracks(
        video, loaded, edits=edits, keep=keep, only=only or [], out=out, overwrite=overwrite
    )
    finish(result, look_again, as_json=as_json)


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
        settings={
            **dict.fromkeys(("face", "person", "plate", "car"), threshold),
            "every_seconds": every,
        },
        out=out,
        threads=threads,
    )
    if as_json:
        print_json({**report.to_json(), "page": str(page)})
    else:
        typer.echo(report.describe())
        typer.echo(page)
    raise typer.Exit(0 if report.passed else 4)


@app.command(
    epilog="Example: playhead redaction evaluate --truth streets --predictions out. "
    "Pictures: --truth street-set --predictions found --split test --report page.html"
)
def evaluate(
    truth: Annotated[
        Path, typer.Option(help="True tracks (a file or folder), or labelled pictures.")
    ],
    predictions: Annotated[
        Path, typer.Option(help="Found tracks, or predictions: a folder, .json or .csv.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Only the pictures of this split. Default: all.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the pictures, where not beside the labels.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Only these, as in car,plate; others are left out.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.001, max=1.0, help="Of precision and recall. Default: at the best F1."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="95 % intervals of AP over groups of pictures.")
    ] = False,
    beside: Annotated[
        Path | None, typer.Option(help="Other predictions: how much higher is AP than theirs?")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page: curves, confusion, the worst mistakes.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="The run folder whose training the page shows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare what was found with the truth: AP50, AP50-95, precision, recall; of tracks exposure.

    Tracks are compared frame by frame, labelled pictures as COCO does.
    """
    from playhead.redaction.evaluate import evaluate_tracks, holds_tracks, refuse_for_tracks

    if holds_tracks(truth):
        said: dict[str, Any] = {"split": split, "images": images, "classes": classes, "run": run}
        said |= {
            "threshold": threshold,
            "intervals": intervals or None,
            "report": report,
            "beside": beside,
        }
        refuse_for_tracks(truth, said)
        result = evaluate_tracks(truth, predictions)
        print_json(result.to_json()) if as_json else print_table(result.rows())
        return
    from playhead.redaction.detector.evaluate_files import evaluate_pictures

    measured = evaluate_pictures(
        truth,
        predictions,
        split=split,
        images=images,
        classes=None if classes is None else classes.split(","),
        threshold=threshold,
        intervals=intervals,
        beside=beside,
        report=report,
        run=run,
    )
    if as_json:
        print_json(measured.to_json())
    else:
        print_table(measured.result.rows())
        if measured.beside:
            typer.echo()
            print_table(measured.beside_rows())
        if report is not None:
            typer.echo(report)


@app.command(
    epilog="Example: playhead redaction thresholds run/bundle --truth street-set --split valid "
    "--recall 0.9 --write"
)
def thresholds(
    truth: Annotated[Path, typer.Option(help="Labelled pictures that did not train.")],
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle; not needed for --predictions alone.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="What was found in them, instead of running the bundle.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only the pictures of this split. Default: all.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the pictures, where not beside the labels.")
    ] = None,
    recall: Annotated[
        float | None, typer.Option(help="The highest threshold that finds this share.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="The lowest threshold with this share of right boxes.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put those that reach their goal into the bundle.")
    ] = False,
    size: Annotated[
        int | None, typer.Option(min=32, help="Pixels of the longer side. Default: the bundle's.")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option()] = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Choose the score from which each class is believed: best F1, a recall, or a precision."""
    from playhead.redaction.detector.predict import PredictOptions
    from playhead.redaction.detector.thresholds import Goal, search_thresholds

    found = search_thresholds(
        bundle,
        truth,
        Goal(recall=recall, precision=precision),
        predictions=predictions,
        split=split,
        images=images,
        options=PredictOptions(longest=size, device=device, threads=threads),
        write=write,
    )
    if as_json:
        print_json(found.to_json())
        return
    print_table(found.rows())
    for note in found.notes():
        typer.echo(note)


@app.command(epilog="Example: playhead redaction predict bundle photos --out found")
def predict(
    bundle: Annotated[Path, typer.Argument(help="An own detector: the folder of its bundle.")],
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="A further bundle; boxes of all are fused; repeatable."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="How far each bundle is trusted: 2,1. Default: equally.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Of yolo, voc, coco, csv, for pictures.")
    ] = "yolo,coco,csv",
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Least score. Default: 0.001 in pictures; in videos as the bundles say.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=32, help="Longest side of what is looked at. Default: the bundle's."),
    ] = None,
    enlarge: Annotated[
        bool, typer.Option("--enlarge", help="Enlarge smaller pictures to that size.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="As overlap=0.5 or parents.plate=car; may be repeated."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Inputs are labelled sets: only pictures of this split.")
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="The COCO document that results are numbered by.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes CUDA where it is there.")
    ] = "auto",
    precision: Annotated[
        Literal["fp32", "bf16", "fp16"], typer.Option(help="Numbers the network computes with.")
    ] = "fp32",
    overwrite: Overwrite = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Find objects with an own detector: pictures become label files, videos become tracks."""
    from playhead.inference.batch import exit_code
    from playhead.redaction.detector.predict import PredictOptions, parse_weights
    from playhead.redaction.detector.predict_files import parse_kinds, predict_files

    bundles = [bundle, *(others or [])]
    options = PredictOptions(
        threshold=threshold,
        longest=size,
        enlarge=enlarge,
        weights=None if weights is None else parse_weights(weights, len(bundles)),
        settings=tuple(settings or ()),
        device=device,
        threads=threads,
        precision=precision,
    )
    predicted = predict_files(
        bundles,
        inputs,
        out,
        options,
        kinds=parse_kinds(formats),
        split=split,
        ids=ids,
        overwrite=overwrite,
    )
    print_json(predicted.to_json()) if as_json else typer.echo(predicted.describe())
    raise typer.Exit(exit_code(predicted.result.files))


@app.command(epilog="Example: playhead redaction train small --set data.manifest=set/manifest.csv")
def train(
    config: Annotated[
        str, typer.Argument(help="small, medium, large, street-demo, or a path to YAML.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value over the configuration; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes CUDA where it is there.")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Train a detector of one's own on labelled pictures, export it, report on the validation."""
    from playhead.errors import needs_extra
    from playhead.redaction.detector.config import find_config, load_detector_config

    path = find_config(config)
    loaded = load_detector_config(path, settings or [])
    with needs_extra("training", "train"):
        from playhead.redaction.detector.train import train_detector

    run = out or Path("runs") / path.stem
    result = train_detector(loaded, run, resume=resume, device=device)
    print_json(result.to_json()) if as_json else typer.echo(result.describe())


@app.command(epilog="Example: playhead redaction synthesise street-set --out more --count 500")
def synthesise(
    source: Annotated[
        Path, typer.Argument(metavar="SET", help="A labelled set, as normalise writes it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder, or one to go on with.")],
    count: Annotated[int, typer.Option(min=1, help="How many new pictures.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other pictures.")] = 0,
    start: Annotated[
        int | None, typer.Option(min=0, help="Number of the first. Default: after the last.")
    ] = None,
    blending: Annotated[
        str | None, typer.Option(help="Of none, feather, poisson, drawn from. Default: all three.")
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="Pictures without objects. Default: those of the set, objects filled."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split to cut up. Default: train, or all if not split.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as in count=[1,3]; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut labelled objects out, paste them elsewhere: new labelled pictures without end."""
    from playhead.redaction.detector.synthesis_config import make_synthesis_config
    from playhead.redaction.detector.synthesise import synthesise as synthesise_set

    config = make_synthesis_config(settings or [], blending)
    done = synthesise_set(
        source,
        out,
        count=count,
        seed=seed,
        start=start,
        config=config,
        split=split,
        backgrounds=backgrounds,
    )
    if as_json:
        print_json(done.to_json())
    else:
        typer.echo(done.describe())
    raise typer.Exit(3 if done.failed else 0)


@app.command(epilog="Example: playhead redaction normalise face=faces car=cars --out street-set")
def normalise(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Labels (YOLO, VOC, COCO, CSV) as PATH, or CLASS=PATH; or one YAML file of them.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of the set, whole or not at all.")],
    images: Annotated[
        Path | None, typer.Option(help="The pictures of all sources. Default: beside the labels.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Of the set, in order: car,plate. Default: all there are.")
    ] = None,
    renamed: Annotated[
        list[str] | None, typer.Option("--map", help="old=new, or old= to leave out; repeatable.")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="Regular expression for the part of a name that is a group.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train=.7,valid=.15, by whole groups; what is left is test.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed deals out other splits.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here too, also of a dry run.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say all, make no set.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a set that was made here.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as in min_size=8; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make one set of labels from several sources: merged, repaired, each repair counted."""
    from playhead.redaction.detector.normalise import normalise as normalise_sources
    from playhead.redaction.detector.normalise import print_report, write_report
    from playhead.redaction.detector.normalise_config import normalise_options

    config = normalise_options(
        sources,
        settings or [],
        images=images,
        classes=classes,
        renamed=renamed or [],
        group_by=group_by,
        split=split,
        seed=seed,
    )
    done = normalise_sources(config, out, dry_run=dry_run, overwrite=overwrite)
    if report is not None:
        write_report(done, report)
    print_json(done.to_json()) if as_json else print_report(done)
    raise typer.Exit(3 if done.failed else 0)
