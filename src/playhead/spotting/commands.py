"""`playhead spotting`: init, train, check, predict, decide, ensemble, tune, evaluate and more.

The commands that write videos, and `submit`, are in `video_commands`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.errors import needs_extra
from playhead.execution.options import (
    ConfigName,
    Device,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Resume,
    RunFolder,
    Weights,
    Workers,
    parse_weights,
)
from playhead.output import print_error, print_json, print_table
from playhead.spotting.video_commands import LabelRate, Videos, register

__all__ = ["app"]

app = typer.Typer(help="When do these actions happen?", rich_markup_mode=None, no_args_is_help=True)

Truth = Annotated[
    Path,
    typer.Option(
        help="A manifest, a configuration or run folder (its manifest), or a label file or folder."
    ),
]
Columns = Annotated[
    str | None, typer.Option(help="Columns of label tables, as time=Zeit,label=Aktion.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out videos that cannot be used, and list them.")
]
LabelPaths = Annotated[
    list[Path] | None,
    typer.Argument(
        readable=False,
        help="Label files of any format, or folders. SoccerNet's folders have their own.",
    ),
]


@app.command(epilog="Example: playhead spotting init videos labels.csv --out my")
def init(
    videos: Annotated[Path, typer.Argument(help="The folder of the videos.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    labels: LabelPaths = None,
    rate: LabelRate = None,
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """Look at videos and labels; write a manifest with a split and a commented configuration."""
    from playhead.events.formats.headers import as_columns
    from playhead.spotting.init import init_set

    named = None if columns is None else as_columns(columns)
    new = init_set(videos, labels or [], out, rate=rate, columns=named)
    print_json(new.to_json()) if as_json else typer.echo(new.describe())


@app.command(
    epilog="Example: playhead spotting train videos labels.csv --out my, or after init: "
    "playhead spotting train my/config.yaml"
)
def train(
    config: Annotated[
        str, typer.Argument(help="A packaged name, a path to YAML, or a folder of videos.")
    ],
    labels: Annotated[
        list[Path] | None,
        typer.Argument(
            readable=False,
            help="With a folder of videos: their labels. As `init`, then training, in --out.",
        ),
    ] = None,
    columns: Columns = None,
    settings: Overrides = None,
    out: RunFolder = None,
    resume: Resume = False,
    device: Device = "auto",
    skip_bad: SkipBad = False,
    fold: Annotated[
        str | None,
        typer.Option(help="`all` folds of whole groups, pooled, or the number of one, from 0."),
    ] = None,
    side_by_side: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of stages and folds: trainings at a time. Default: one a core; on CUDA one.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model on labelled videos, export it, and report on the validation videos.

    A recipe of several stages trains each after those that it needs.
    """
    from playhead.events.formats.headers import as_columns
    from playhead.events.manifest import require_manifest
    from playhead.execution.outcomes import exit_code
    from playhead.spotting.config import find_config, load_spotting_config
    from playhead.spotting.init import config_of_folder
    from playhead.spotting.stages.plan import read_plan, with_fold

    run = out
    if labels or Path(config).is_dir():
        home = out or Path("runs") / Path(config).resolve().name
        named = None if columns is None else as_columns(columns)
        path, described = config_of_folder(
            Path(config), labels or [], home, resume=resume, columns=named
        )
        typer.echo(described, err=True)
        run = home / "run"
    else:
        path = find_config(config)
    if run is None:  # beside the set that `init` wrote
        own = path.name == "config.yaml" and (path.parent / "manifest.csv").is_file()
        run = path.parent / "run" if own else Path("runs") / path.stem
    plan = read_plan(path, settings or [], fold)
    if plan is not None:
        for setting, manifest in plan.manifests().items():
            require_manifest(manifest, setting)
        with needs_extra("training", "train"):
            from playhead.spotting.stages.train import train_plan

        trained = train_plan(
            plan,
            run,
            fold=fold,
            resume=resume,
            device=device,
            skip_bad=skip_bad,
            side_by_side=side_by_side,
        )
        if as_json:
            print_json(trained.to_json())
        else:
            for line in trained.incomplete:
                typer.echo(line)
            print_table([stage.row() for stage in trained.stages])
            typer.echo(f"bundle  {trained.bundle}")
            if trained.stages[-1].report is not None:
                typer.echo(f"report  {trained.stages[-1].report}")
        raise typer.Exit(3 if trained.incomplete else 0)
    loaded = load_spotting_config(path, settings or [])
    if fold is not None:
        loaded = with_fold(loaded, fold, str(path))
    require_manifest(loaded.data.manifest)
    with needs_extra("training", "train"):
        from playhead.spotting.train import train_spotting

    result = train_spotting(loaded, run, resume=resume, device=device, skip_bad=skip_bad)
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead spotting check my/config.yaml")
def check(
    config: ConfigName,
    settings: Overrides = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Look for mistakes in labels, split and settings before training; `train` does so too."""
    from playhead.events.manifest import require_manifest
    from playhead.spotting.check import check as check_all
    from playhead.spotting.config import find_config, load_spotting_config
    from playhead.spotting.stages.plan import read_plan

    path = find_config(config)
    plan = read_plan(path, settings or [], None)
    if plan is None:
        loaded = {"": load_spotting_config(path, settings or [])}
        require_manifest(loaded[""].data.manifest)
    else:
        loaded = {stage.name: plan.base(stage) for stage in plan.stages}
        for setting, manifest in plan.manifests().items():
            require_manifest(manifest, setting)
    findings = []
    for name, one in loaded.items():
        findings += [
            replace(finding, found=f"stage {name}: {finding.found}") if name else finding
            for finding in check_all(one, skip_bad=skip_bad)
        ]
    refused = any(finding.severity == "refuse" for finding in findings)
    if as_json:
        print_json({"ok": not refused, "findings": [finding.to_json() for finding in findings]})
    else:
        for finding in findings:
            word = "refused" if finding.severity == "refuse" else "warning"
            typer.echo(f"{word}: {finding.describe()}")
        if not findings:
            typer.echo("nothing found; train with `playhead spotting train`")
    raise typer.Exit(2 if refused else 0)


@app.command(epilog="Example: playhead spotting predict runs/first/bundle match.mp4 --out out")
def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle or run folder.")],
    videos: Videos,
    out: Out,
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads a process. Default: every core.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"] | None,
        typer.Option(
            help="auto: bf16 if the processor supports it, else fp32. Default: the bundle's."
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Score every n-th frame and interpolate the others."),
    ] = None,
    flip: Annotated[
        bool | None, typer.Option(help="Average with the scores of the flipped image.")
    ] = None,
    compile_model: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile", help="On CUDA: compile the model, for hours of video."
        ),
    ] = None,
    decoder: Annotated[
        Literal["auto", "pyav", "torchcodec"] | None,
        typer.Option(
            help="auto: torchcodec on CUDA if it gives the same frames; reports no damage within "
            "frames. Default: the bundle's, or pyav."
        ),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(help="Of SoccerNet's folders: 720p or 224p. Default: the best there is."),
    ] = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find events in videos; also saves the raw scores."""
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.spotting.predict import PredictOptions, predict_videos, summary

    options = PredictOptions(
        device=device,
        threads=threads,
        precision=precision,
        every=every,
        flip=flip,
        compile=compile_model,
        decoder=decoder,
    )
    result = predict_videos(
        bundle,
        videos,
        out,
        options,
        resolution=resolution,
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
        outputs = [output for file in result.files for output in file.outputs]
        typer.echo(summary(len(result.files), outputs, out))
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead spotting decide out --set min_height=.3 --out stricter")
def decide(
    scores: Annotated[
        list[Path], typer.Argument(help="Folders of saved scores; several are averaged.")
    ],
    out: Out,
    settings: Overrides = None,
    as_json: Json = False,
) -> None:
    """Find events again in saved scores, without a model."""
    from playhead.spotting.ensemble import decide_again
    from playhead.spotting.predict import summary

    written = decide_again(scores, out, settings or [])
    if as_json:
        print_json({"outputs": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)
        typer.echo(summary(len(written), written, out))


@app.command(epilog="Example: playhead spotting ensemble out/a out/b --weights 2,1 --out both")
def ensemble(
    scores: Annotated[
        list[Path],
        typer.Argument(help="Folders that `predict` wrote, or run folders; two or more."),
    ],
    out: Out,
    weights: Weights = None,
    settings: Overrides = None,
    as_json: Json = False,
) -> None:
    """Average saved scores, each video over the folders that have it, and find its events.

    `playhead bundle ensemble` saves bundles as one.
    """
    from playhead.spotting.ensemble import ensemble_scores
    from playhead.spotting.predict import summary

    result = ensemble_scores(
        scores,
        out,
        weights=None if weights is None else parse_weights(weights, len(scores), "folders"),
        settings=settings or [],
    )
    if as_json:
        print_json(result.to_json())
        return
    for path in result.outputs:
        typer.echo(path)
    typer.echo(summary(len(result.outputs), result.outputs, out))
    for note in result.notes():
        typer.echo(note)


@app.command(
    epilog="Example: playhead spotting tune runs/first/scores --truth matches/manifest.csv "
    "--split valid --bundle runs/first/bundle"
)
def tune(
    scores: Annotated[
        list[Path],
        typer.Argument(help="Folders of saved scores: of validation videos, or of every fold."),
    ],
    truth: Annotated[Path, typer.Option(help="A manifest, a label file or a folder of them.")],
    split: Annotated[str | None, typer.Option(help="Only this split of the manifest.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Note the decisions in this bundle, as its defaults.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A YAML file of the decisions.")] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Width of the matching window, s. Default: that of evaluate."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Choose smoothing, height and distance of each class with the best F1 on saved scores."""
    from playhead.spotting.tune import tune_folders

    tuned = tune_folders(scores, truth, split=split, tolerance=tolerance, bundle=bundle, out=out)
    if as_json:
        print_json(tuned.to_json())
        return
    print_table(tuned.rows())
    if tuned.warning:
        print_error(tuned.warning)


@app.command(
    epilog="Example: playhead spotting evaluate --truth matches/manifest.csv --predictions out"
)
def evaluate(
    truth: Truth,
    predictions: Annotated[
        Path,
        typer.Option(
            help="The folder that `predict` wrote, a run folder, or a file of events in any format."
        ),
    ],
    split: Annotated[str | None, typer.Option(help="Only this split of the manifest.")] = None,
    rate: Annotated[str | None, typer.Option(help="Frame rate of labels without videos.")] = None,
    as_json: Json = False,
) -> None:
    """Evaluate predicted events against ground truth and chance: mAP, F1, numbers of events."""
    from playhead.spotting.evaluate import evaluate_folder

    result = evaluate_folder(truth, predictions, split=split, rate=rate)
    if as_json:
        print_json(result.to_json())
    else:
        print_table(result.rows())
        for note in result.notes():
            typer.echo(note)


@app.command(
    epilog="Example: playhead spotting report --truth matches/manifest.csv --predictions out "
    "--out report.html"
)
def report(
    truth: Truth,
    predictions: Annotated[
        Path, typer.Option(help="The folder of scores and events, or a run folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The HTML file.")] = Path("report.html"),
    split: Annotated[str | None, typer.Option(help="Only this split of the manifest.")] = None,
    run: Annotated[Path | None, typer.Option(help="The run folder, for its curves.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report again from saved scores and events."""
    from playhead.spotting.report import write_report

    written = write_report(truth, predictions, out, split=split, run=run)
    print_json({"report": str(written)}) if as_json else typer.echo(written)


register(app)
