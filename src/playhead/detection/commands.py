"""`playhead detection`: normalise, synthesise, train, predict, evaluate, thresholds."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import (
    Device,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Resume,
    RunFolder,
    Workers,
    parse_weights,
)
from playhead.output import print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    help="Where are the objects in these images? Train a detector from scattered labels.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Inputs = Annotated[
    list[Path], typer.Argument(readable=False, help="Videos, images, or folders of them.")
]
Truth = Annotated[Path, typer.Option(help="Ground truth: a manifest, or a folder of labels.")]
Split = Annotated[str | None, typer.Option(help="Only the images of this split. Default: all.")]
Images = Annotated[
    Path | None, typer.Option(help="The image folder, if the images are not beside the labels.")
]
Size = Annotated[
    int | None,
    typer.Option(
        min=32, help="Longer side, in pixels, to resize images to. Default: as in training."
    ),
]
IgnoreBelow = Annotated[
    float, typer.Option(min=0, help="Ignore boxes narrower than this, in pixels of the image.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Default: every core.")]


@app.command(
    epilog="Example: playhead detection thresholds run/bundle --truth street-set --split valid "
    "--recall 0.9 --write"
)
def thresholds(
    truth: Annotated[Path, typer.Option(help="Labelled images that were not used for training.")],
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle; not needed with --predictions.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Saved predictions, to use instead of running the bundle.")
    ] = None,
    split: Split = None,
    images: Images = None,
    recall: Annotated[
        float | None, typer.Option(help="Choose the highest threshold with this recall.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="Choose the lowest threshold with this precision.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Save thresholds that reach the goal to the bundle.")
    ] = False,
    ignore_below: IgnoreBelow = 0,
    size: Size = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Choose the confidence threshold of each class: best F1, a recall, or a precision."""
    from playhead.detection.predict import PredictOptions
    from playhead.detection.thresholds import Goal, search_thresholds

    search = search_thresholds(
        bundle,
        truth,
        Goal(recall=recall, precision=precision),
        predictions=predictions,
        split=split,
        images=images,
        options=PredictOptions(longest=size, device=device, threads=threads),
        write=write,
        ignore_below=ignore_below,
    )
    if as_json:
        print_json(search.to_json())
        return
    print_table(search.rows())
    for note in search.notes():
        typer.echo(note)


@app.command(epilog="Example: playhead detection predict bundle photos --out predictions")
def predict(
    bundle: Annotated[
        Path, typer.Argument(help="A custom detector: the folder of its bundle or run.")
    ],
    inputs: Inputs,
    out: Out,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="A further bundle to ensemble with; repeatable."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weight of each bundle in the ensemble: 2,1. Default: equal.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Output format for images: yolo, voc, coco, csv; repeatable. "
            "Default: yolo,coco,csv.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Minimum score. Default: 0.001 for images; the bundle's thresholds for videos.",
        ),
    ] = None,
    size: Size = None,
    enlarge: Annotated[
        bool | None,
        typer.Option(
            "--enlarge/--no-enlarge",
            help="Also enlarge smaller images to that size. Default: as in training.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Post-processing: overlap=0.5 or parents.plate=car; repeatable."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only images of this split; inputs must be labelled sets.")
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="A COCO file whose image and category ids to use.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(help="auto: bf16 if the processor supports it, else fp32."),
    ] = "auto",
    overwrite: Overwrite = False,
    threads: Threads = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Detect objects with a custom detector: label files for images, tracks for videos.

    --executor applies to videos; images run in batches on every core.
    """
    from playhead.detection.predict import PredictOptions
    from playhead.detection.predict_files import (
        DEFAULT_KINDS,
        parse_kinds,
        predict_files,
    )
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor

    bundles = [bundle, *(others or [])]
    options = PredictOptions(
        threshold=threshold,
        longest=size,
        enlarge=enlarge,
        weights=None if weights is None else parse_weights(weights, len(bundles), "bundles"),
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
        kinds=parse_kinds(",".join(formats)) if formats else DEFAULT_KINDS,
        split=split,
        ids=ids,
        overwrite=overwrite,
        executor=Executor(kind=executor, workers=workers),
    )
    print_json(predicted.to_json()) if as_json else typer.echo(predicted.describe())
    raise typer.Exit(exit_code(predicted.result.files))


@app.command(epilog="Example: playhead detection train small --set data.manifest=set/manifest.csv")
def train(
    config: Annotated[
        str, typer.Argument(help="small, medium, large, street-demo, or a path to YAML.")
    ],
    settings: Overrides = None,
    out: RunFolder = None,
    resume: Resume = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a custom detector on labelled images, export it, and report on the validation set."""
    from playhead.detection.config import find_config, load_detector_config
    from playhead.errors import needs_extra
    from playhead.events.manifest import require_manifest

    path = find_config(config)
    loaded = load_detector_config(path, settings or [])
    require_manifest(loaded.data.manifest)
    with needs_extra("training", "train"):
        from playhead.detection.train import train_detector

    run = out or Path("runs") / path.stem
    result = train_detector(loaded, run, resume=resume, device=device)
    print_json(result.to_json()) if as_json else typer.echo(result.describe())


@app.command(epilog="Example: playhead detection synthesise street-set --out more --count 500")
def synthesise(
    source: Annotated[
        Path, typer.Argument(metavar="SET", help="A labelled set written by normalise.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="A new folder, or an earlier synthesis to continue.")
    ],
    count: Annotated[int, typer.Option(min=1, help="Number of new images.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random draws.")] = 0,
    start: Annotated[
        int | None, typer.Option(min=0, help="Number of the first image. Default: after the last.")
    ] = None,
    blending: Annotated[
        str | None,
        typer.Option(help="Blending modes to draw from: none, feather, poisson. Default: all."),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="Images without objects. Default: the set's, with objects filled in."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="The split to cut objects from. Default: train, or all if unsplit."),
    ] = None,
    settings: Overrides = None,
    as_json: Json = False,
) -> None:
    """Cut labelled objects out and paste them onto backgrounds: new labelled training images."""
    from playhead.detection.synthesis.config import make_synthesis_config
    from playhead.detection.synthesis.synthesise import synthesise as synthesise_set

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


@app.command(epilog="Example: playhead detection normalise face=faces car=cars --out street-set")
def normalise(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Labels (YOLO, VOC, COCO, CSV) as PATH or CLASS=PATH; or one YAML file.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The data set's folder, written whole or not at all.")
    ],
    images: Annotated[
        Path | None, typer.Option(help="The images of all sources. Default: beside the labels.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Classes to keep, in order: car,plate. Default: all.")
    ] = None,
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", help="Rename a class: old=new; drop it: old=; repeatable."),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(help="Regular expression that takes an image's group from its name."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Shares of whole groups: train=.7,valid=.15; the rest is test."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the random draws. Default: 0.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write the report here, even for a dry run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report everything, write no data set.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set that this command wrote.")
    ] = False,
    settings: Overrides = None,
    as_json: Json = False,
) -> None:
    """Merge label sources into one data set, repairing labels and counting every repair."""
    from playhead.detection.normalise import normalise as normalise_sources
    from playhead.detection.normalise.config import normalise_options
    from playhead.detection.normalise.write import check_report, write_report

    config = normalise_options(
        sources,
        settings or [],
        classes=classes,
        renamed=renamed or [],
        split=split,
        images=images,
        group_by=group_by,
        seed=seed,
    )
    if report is not None:
        check_report((source.path for source in config.sources), report)
    done = normalise_sources(config, out, dry_run=dry_run, overwrite=overwrite)
    if report is not None:
        write_report(done, report)
    print_json(done.to_json()) if as_json else done.print()
    raise typer.Exit(3 if done.failed else 0)


@app.command(
    epilog="Example: playhead detection evaluate --truth street-set --split test "
    "--predictions predictions --report page.html"
)
def evaluate(
    truth: Truth,
    predictions: Annotated[
        Path, typer.Option(help="Predictions in any format: a folder, .json or .csv.")
    ],
    split: Split = None,
    images: Images = None,
    classes: Annotated[
        str | None, typer.Option(help="Only these classes: car,plate. Default: all.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Confidence threshold for precision, recall, confusion. Default: the bundle's, "
            "recorded by `predict`; else the best F1 on these images, which is optimistic.",
        ),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="95 % bootstrap intervals of AP, over groups.")
    ] = False,
    beside: Annotated[
        Path | None, typer.Option(help="Other predictions to compare AP with.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page: curves, confusion, worst mistakes.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A run folder; the page shows its training curves.")
    ] = None,
    ignore_below: IgnoreBelow = 0,
    as_json: Json = False,
) -> None:
    """Evaluate predictions against ground truth as COCO does: AP50, AP50-95, precision, recall."""
    from playhead.detection.evaluate_files import evaluate_images

    measured = evaluate_images(
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
        ignore_below=ignore_below,
    )
    if as_json:
        print_json(measured.to_json())
    else:
        print_table(measured.result.rows())
        if measured.beside:
            typer.echo()
            print_table(measured.beside_rows())
        for note in measured.notes():
            typer.echo(note)
        if report is not None:
            typer.echo(report)
