"""`playhead recognition`: train, predict, fuse, evaluate; and prepare, for clips and keypoints."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.errors import needs_extra
from playhead.execution.options import (
    Device,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Resume,
    Workers,
)
from playhead.output import print_json, print_table
from playhead.recognition.pose.commands import register
from playhead.recognition.prepare.commands import app as prepare

__all__ = ["app"]

app = typer.Typer(
    help="What is being done, in clips and long videos?",
    rich_markup_mode=None,
    no_args_is_help=True,
)
register(prepare)
app.add_typer(prepare, name="prepare")

Group = Annotated[
    str | None,
    typer.Option(help="A regular expression for the person or source in a file name."),
]


@app.command(epilog="Example: playhead recognition train clips --out runs/gestures")
def train(
    clips: Annotated[
        str,
        typer.Argument(
            help="A folder of class folders, an index, a manifest, or a configuration (YAML)."
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="frames: single frames; clip: 3D convolutions; tcn, lstm: keypoints. Several are "
            "fused. Default: tcn with keypoints beside the clips, and frames with weights."
        ),
    ] = None,
    keypoints: Annotated[
        Path | None, typer.Option(help="A folder of X.keypoints.npz. Default: beside the clips.")
    ] = None,
    people: Annotated[
        int | None, typer.Option(min=1, max=2, help="The central person, or two who interact.")
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(help="The validation fold, from 0; or all: pools the answers of all folds."),
    ] = None,
    group: Group = None,
    settings: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run folder. Default: runs/NAME.")
    ] = None,
    resume: Resume = False,
    device: Device = "auto",
    report: Annotated[bool, typer.Option(help="Write report.html into the run.")] = True,
    as_json: Json = False,
) -> None:
    """Train one or several networks on clips, and export what answers best as one bundle.

    Without --model and a configuration, models and sizes are chosen by what is there, and printed.
    """
    from playhead.recognition.choices import choose_configs

    chosen = choose_configs(
        clips,
        models=model,
        keypoints=keypoints,
        people=people,
        fold=fold,
        group=group,
        settings=settings or (),
    )
    with needs_extra("training", "train"):
        from playhead.recognition.runs import train_models

    folder = out or Path("runs") / chosen.name
    for note in chosen.notes:
        typer.echo(f"playhead: {note}", err=True)
    result = train_models(chosen.configs, folder, folds=chosen.folds, resume=resume, device=device)
    page = None
    if report and result.best is not None:
        from playhead.recognition.report import write_recognition_report

        page = write_recognition_report(
            result.best.evaluation,
            folder / "report.html",
            title=f"Recognition: {chosen.name}",
            rows=[row.row() for row in result.models],
            runs=result.runs,
            clips=result.clips,
            keypoints=next(iter(chosen.configs.values())).data.keypoints,
        )
    if as_json:
        print_json({**result.to_json(), "report": None if page is None else str(page)})
        return
    if result.best is not None:
        print_table([row.row() for row in result.models])
        typer.echo(f"chance: macro F1 {result.best.evaluation.chance:.3f}")
    typer.echo(f"bundle  {result.bundle}")
    if page is not None:
        typer.echo(f"report  {page}")


@app.command(epilog="Example: playhead recognition predict runs/gestures/bundle new --out out")
def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle or run folder.")],
    clips: Annotated[
        list[Path],
        typer.Argument(readable=False, help="Videos, X.keypoints.npz, or folders of them."),
    ],
    out: Out,
    keypoints: Annotated[
        Path | None,
        typer.Option(help="A folder of keypoints. Default: beside the videos, else extracted."),
    ] = None,
    windows: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(help="Spans with labels over long videos; auto: where they are long."),
    ] = "auto",
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Answer about each person, not the central one.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value over the decisions, as unknown_below=0."),
    ] = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of a worker.")] = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Label each clip, or find spans with labels in long videos."""
    from playhead.config import override
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.recognition.predict import LABELS, PredictOptions, predict_clips

    decisions: dict[str, object] = {}
    for setting in settings or ():
        override(decisions, setting)
    result = predict_clips(
        bundle,
        clips,
        out,
        PredictOptions(
            device=device,
            threads=threads,
            keypoints=keypoints,
            windows=windows,
            everyone=everyone,
            decisions=tuple(decisions.items()),
        ),
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json({**result.to_json(), "labels": str(out / LABELS)})
    else:
        typer.echo(result.describe())
        typer.echo(out / LABELS)
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead recognition fuse runs/frames runs/tcn --out runs/fused")
def fuse(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, trained on the same clips and folds.")
    ],
    out: Out,
    as_json: Json = False,
) -> None:
    """Fuse trained networks into one bundle, with weights found on their validation clips."""
    from playhead.recognition.runs import RunsResult, fuse_runs, runs_by_name

    models = fuse_runs(runs_by_name(runs), out)
    result = RunsResult(out, out / "bundle", models)
    if as_json:
        print_json(result.to_json())
        return
    print_table([row.row() for row in models])
    typer.echo(f"bundle  {result.bundle}")


@app.command(
    epilog="Example: playhead recognition evaluate --truth clips --predictions out --report r.html"
)
def evaluate(
    truth: Annotated[
        Path, typer.Option(help="Labelled clips: class folders, an index or a manifest.")
    ],
    predictions: Annotated[Path, typer.Option(help="The --out of predict.")],
    split: Annotated[str | None, typer.Option(help="Only this split of the clips.")] = None,
    group: Group = None,
    report: Annotated[Path | None, typer.Option(help="Also write a page, HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Evaluate predictions: top-1, top-5, macro F1 with intervals over groups, each class."""
    from playhead.recognition.clips import read_clips
    from playhead.recognition.evaluate import evaluate_predictions

    clips = read_clips(truth, group=group).clips
    result = evaluate_predictions(clips, predictions, split=split)
    if report is not None:
        from playhead.recognition.report import write_recognition_report

        write_recognition_report(
            result,
            report,
            title="Recognition",
            clips={clip.name: clip for clip in clips},
            keypoints=predictions,
        )
    if as_json:
        written = {} if report is None else {"report": str(report)}
        print_json({**result.to_json(), **written})
        return
    print_table(result.rows())
    for line in result.lines():
        typer.echo(line)
    if report is not None:
        typer.echo(report)
