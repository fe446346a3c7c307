"""`playhead detection`: normalise, synthesise, train, predict, evaluate, thresholds."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Workers
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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes CUDA where it is there.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Default: every core.")]


@app.command(
    epilog="Example: playhead detection thresholds run/bundle --truth street-set --split valid "
    "--recall 0.9 --write"
)
def thresholds(
    truth: Annotated[Path, typer.Option(help="Labelled images that did not train.")],
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle; not needed for --predictions alone.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="What was found in them, instead of running the bundle.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only the images of this split. Default: all.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the images, where not beside the labels.")
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
    """Choose the confidence threshold of each class: best F1, a recall, or a precision."""
    from playhead.detection.predict import PredictOptions
    from playhead.detection.thresholds import Goal, search_thresholds

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


@app.command(epilog="Example: playhead detection predict bundle photos --out found")
def predict(
    bundle: Annotated[Path, typer.Argument(help="A custom detector: the folder of its bundle.")],
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
        list[str] | None,
        typer.Option(
            "--format",
            help="Of yolo, voc, coco, csv, for images; repeatable. Default: yolo,coco,csv.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Least score. Default: 0.001 in images; in videos as the bundles say.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32, help="Longest side of the image that the detector gets. Default: the bundle's."
        ),
    ] = None,
    enlarge: Annotated[
        bool | None,
        typer.Option(
            "--enlarge/--no-enlarge",
            help="Enlarge smaller images to that size. Default: as in training.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="As overlap=0.5 or parents.plate=car; may be repeated."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Inputs are labelled sets: only images of this split.")
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="The COCO document that results are numbered by.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(help="auto: bf16 where the processor has it, else fp32."),
    ] = "auto",
    overwrite: Overwrite = False,
    threads: Threads = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find objects with a custom detector: images become label files, videos become tracks.

    The executor is that of videos; images are detected in batches on every core.
    """
    from playhead.detection.predict import PredictOptions, parse_weights
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
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value over the configuration; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a detector of one's own on labelled images, export it, report on the validation."""
    from playhead.detection.config import find_config, load_detector_config
    from playhead.errors import ConfigError, needs_extra

    path = find_config(config)
    loaded = load_detector_config(path, settings or [])
    manifest = loaded.data.manifest
    if manifest is not None and not manifest.exists():
        raise ConfigError(
            f"data.manifest: {manifest}: there is no such file; name the labelled set to train on, "
            "as in --set data.manifest=set/manifest.csv"
        )
    with needs_extra("training", "train"):
        from playhead.detection.train import train_detector

    run = out or Path("runs") / path.stem
    result = train_detector(loaded, run, resume=resume, device=device)
    print_json(result.to_json()) if as_json else typer.echo(result.describe())


@app.command(epilog="Example: playhead detection synthesise street-set --out more --count 500")
def synthesise(
    source: Annotated[
        Path, typer.Argument(metavar="SET", help="A labelled set, as normalise writes it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder, or one to go on with.")],
    count: Annotated[int, typer.Option(min=1, help="Number of new images.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other images.")] = 0,
    start: Annotated[
        int | None, typer.Option(min=0, help="Number of the first. Default: after the last.")
    ] = None,
    blending: Annotated[
        str | None, typer.Option(help="Of none, feather, poisson, drawn from. Default: all three.")
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="Images without objects. Default: those of the set, objects filled."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split to cut up. Default: train, or all if not split.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as in count=[1,3]; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut labelled objects out and paste them elsewhere: any number of new labelled images."""
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
            help="Labels (YOLO, VOC, COCO, CSV) as PATH, or CLASS=PATH; or one YAML file of them.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The folder of the set, written whole or not at all.")
    ],
    images: Annotated[
        Path | None, typer.Option(help="The images of all sources. Default: beside the labels.")
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
        int | None, typer.Option(min=0, help="Another seed gives other splits.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here too, also of a dry run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report everything, write no set.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a set that this command wrote.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as in min_size=8; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make one data set out of several label sources: merged, repaired, each repair counted."""
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
    "--predictions found --report page.html"
)
def evaluate(
    truth: Annotated[Path, typer.Option(help="Labelled images: a manifest, or a labelled folder.")],
    predictions: Annotated[
        Path, typer.Option(help="Predictions in any format: a folder, .json or .csv.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Only the images of this split. Default: all.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the images, if not beside the labels.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Only these classes, as in car,plate. Default: all.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Confidence of precision, recall, confusion. Default: the bundle's, which "
            "`predict` records; else the best F1 in these images, which flatters.",
        ),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="95 % intervals of AP, over groups.")
    ] = False,
    beside: Annotated[
        Path | None, typer.Option(help="Other predictions, to compare AP with.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page of curves, confusion, worst mistakes.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="The run folder whose training the page shows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare predictions with labelled images as COCO does: AP50, AP50-95, precision, recall."""
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
