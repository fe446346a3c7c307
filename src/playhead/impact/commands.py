"""`playhead impact`: train, predict, decide, ensemble, tune, evaluate, render, offset."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.errors import PlayheadError, needs_extra
from playhead.execution.options import (
    ConfigName,
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
from playhead.output import print_error, print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    help="When and where do two objects collide?", rich_markup_mode=None, no_args_is_help=True
)

DecisionSettings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the decisions; may be repeated."),
]
Decisions = Annotated[
    Path | None,
    typer.Option(help="A YAML file of decisions, as `tune` writes it. Default: the recorded."),
]
Split = Annotated[str | None, typer.Option(help="Only this split of the manifest.")]


@app.command(
    epilog="Example: playhead impact train collisions-demo "
    "--set data.manifest=plays/manifest.csv --out runs/impact"
)
def train(
    config: ConfigName,
    settings: Overrides = None,
    out: RunFolder = None,
    resume: Resume = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a collision network, or one of helmets or tracks, on labelled plays; export it."""
    from playhead.events.manifest import require_manifest
    from playhead.execution.outcomes import exit_code
    from playhead.impact.config import find_config, load_impact_config, task_of
    from playhead.impact.helmets.config import load_helmet_config
    from playhead.impact.tracked.config import load_tracked_config

    path = find_config(config)
    run = out or Path("runs") / path.stem
    match task_of(path, settings or []):
        case "collisions":
            loaded = load_impact_config(path, settings or [])
            require_manifest(loaded.data.manifest)
            with needs_extra("training", "train"):
                from playhead.impact.train import train_impact

            result = train_impact(loaded, run, resume=resume, device=device)
        case "helmets":
            helmets = load_helmet_config(path, settings or [])
            require_manifest(helmets.data.manifest)
            with needs_extra("training", "train"):
                from playhead.impact.helmets.train import train_helmets

            result = train_helmets(helmets, run, resume=resume, device=device)
        case "tracks":
            tracked = load_tracked_config(path, settings or [])
            require_manifest(tracked.data.manifest)
            with needs_extra("training", "train"):
                from playhead.impact.tracked.train import train_tracked

            result = train_tracked(tracked, run, resume=resume, device=device)
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead impact predict runs/impact/bundle plays --out out")
def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle or run folder.")],
    plays: Annotated[
        list[Path],
        typer.Argument(
            readable=False,
            help="A manifest, or videos and folders; PLAY_VIEW.mp4 are views of one play.",
        ),
    ],
    out: Out,
    average: Annotated[
        list[Path] | None,
        typer.Option(help="Another bundle to average with; may be repeated."),
    ] = None,
    helmets: Annotated[
        list[Path] | None,
        typer.Option(
            help="A bundle of a helmet network, to find helmets in place of BUNDLE; may be "
            "repeated. Tune the decisions again."
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(help="Scales of the frames for --helmets, as .75,1,1.25,1.5. Default: 1."),
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(
            help="A bundle of a network of tracked helmets, to score impacts again. Tune the "
            "decisions again."
        ),
    ] = None,
    tracks_weight: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Of --tracks against BUNDLE; 1: it alone. Default: 0.5."),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast/--exact",
            help="Approximate the frames by chunks if BUNDLE has the part for it (an I3D without "
            "marker), else skip those in which no helmets are near each other, and their impacts.",
        ),
    ] = False,
    decisions: Decisions = None,
    split: Split = None,
    estimate_offsets: Annotated[
        bool,
        typer.Option(
            "--estimate-offsets",
            help="Estimate the offset of two views that have none, as `impact offset` does.",
        ),
    ] = False,
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads a process. Default: every core.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        typer.Option(help="auto: bf16 if the processor supports it, else fp32."),
    ] = "auto",
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find impacts in videos of plays; also saves the raw candidates."""
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.impact.helmets.heat import parse_scales
    from playhead.impact.predict import (
        PredictOptions,
        find_plays,
        predict_plays,
        read_decisions,
    )
    from playhead.impact.views import with_estimated_offsets

    if scales is not None and not helmets:
        raise PlayheadError("--scales is for helmet networks: give their bundles with --helmets")
    if tracks_weight is not None and tracks is None:
        raise PlayheadError("--tracks-weight is for tracked helmets: give a bundle with --tracks")
    items, views = find_plays(plays, split=split)
    if estimate_offsets:
        views = with_estimated_offsets(views)
    options = PredictOptions(
        device=device,
        threads=threads,
        precision=precision,
        mode="fast" if fast else "exact",
        scales=parse_scales(scales or "1"),
        tracks_weight=0.5 if tracks_weight is None else tracks_weight,
    )
    result = predict_plays(
        [bundle, *(average or [])],
        (items, views),
        out,
        options,
        helmets=helmets or [],
        tracks=tracks,
        decisions=None if decisions is None else read_decisions(decisions),
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))


@app.command(epilog="Example: playhead impact decide out --set impact_threshold=.6 --out stricter")
def decide(
    candidates: Annotated[Path, typer.Argument(help="A folder of saved candidates.")],
    out: Out,
    settings: DecisionSettings = None,
    decisions: Decisions = None,
    as_json: Json = False,
) -> None:
    """Decide impacts again in saved candidates, without a model."""
    from playhead.impact.predict import decide_again, read_decisions

    chosen = None if decisions is None else read_decisions(decisions)
    written = decide_again(candidates, out, settings or [], decisions=chosen)
    if as_json:
        print_json({"outputs": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)


@app.command(epilog="Example: playhead impact ensemble out other --weights 2,1 --out both")
def ensemble(
    candidates: Annotated[
        list[Path],
        typer.Argument(help="Folders of saved candidates of the same videos, two or more."),
    ],
    out: Out,
    weights: Annotated[
        str | None, typer.Option(help="Weight of each folder: 2,1. Default: equal.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0.05, max=1, help="Least IoU of boxes that are the same helmet.")
    ] = 0.5,
    as_json: Json = False,
) -> None:
    """Fuse saved candidates of several predictions, and decide by the first's decisions."""
    from playhead.impact.ensemble import ensemble_folders

    written = ensemble_folders(
        candidates,
        out,
        weights=None if weights is None else parse_weights(weights, len(candidates), "folders"),
        overlap=overlap,
    )
    if as_json:
        print_json({"outputs": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)


@app.command(
    epilog="Example: playhead impact tune out --truth plays/manifest.csv --out decisions.yaml"
)
def tune(
    candidates: Annotated[Path, typer.Argument(help="A folder of saved candidates.")],
    truth: Annotated[Path, typer.Option(help="A manifest, NFL labels, or label files.")],
    out: Annotated[Path, typer.Option("--out", help="The YAML file to write.")],
    alerts: Annotated[
        float | None,
        typer.Option(
            min=0, help="At most this many events a play, both views together, not the best F1."
        ),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Note the decisions in this bundle, as its defaults.")
    ] = None,
    split: Split = None,
    as_json: Json = False,
) -> None:
    """Search the decisions with the best F1 in saved candidates."""
    from playhead.impact.tune import tune_folder

    tuned = tune_folder(candidates, truth, out, split=split, alerts=alerts, bundle=bundle)
    if as_json:
        print_json({**tuned.to_json(), "output": str(out)})
        return
    counts = tuned.counts
    typer.echo(
        f"{out}: F1 {counts.f1:.3f}, precision {counts.precision:.3f}, recall "
        f"{counts.recall:.3f}, {tuned.alerts:.1f} events a play, on {tuned.plays} plays"
    )
    if tuned.warning:
        typer.echo(f"playhead: {tuned.warning}", err=True)


@app.command(
    epilog="Example: playhead impact evaluate --truth plays/manifest.csv --predictions out"
)
def evaluate(
    truth: Annotated[Path, typer.Option(help="A manifest, NFL labels, or label files.")],
    predictions: Annotated[
        Path, typer.Option(help="The folder of predicted events, or a submission.")
    ],
    split: Split = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also 95 % intervals over plays.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with timelines and film strips, HTML.")
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(help="The folder of the videos for --report. Default: that of the truth."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate predicted impacts: F1 at an IoU of .35 within 4 frames, by view and for all."""
    from playhead.impact.evaluate import evaluate_impacts

    result = evaluate_impacts(truth, predictions, split=split, intervals=intervals)
    if report is not None:
        from playhead.impact.report import write_report

        write_report(truth, predictions, report, split=split, videos=videos)
    if as_json:
        written = {} if report is None else {"report": str(report)}
        print_json({**result.to_json(), **written})
        return
    if not result.result.counts.tp + result.result.counts.fn:
        print_error("the ground truth has no impact, so that F1 and recall say nothing")
    print_table(result.rows())
    for name, interval in result.intervals.items():
        typer.echo(f"{name}: {interval}")
    if report is not None:
        typer.echo(report)


@app.command(epilog="Example: playhead impact offset play-000_sideline.mp4 play-000_endzone.mp4")
def offset(
    first: Annotated[Path, typer.Argument(help="The view whose clock is the play's.")],
    second: Annotated[Path, typer.Argument(help="The other view of the same play.")],
    max_seconds: Annotated[
        float, typer.Option(min=0.1, help="The largest offset that is tried, either way.")
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Estimate how far the clocks of two views are apart, by their motion or their sound."""
    from playhead.impact.views import estimate_view_offset

    estimate = estimate_view_offset(first, second, max_seconds=max_seconds)
    if as_json:
        names = {"first": str(first), "second": str(second)}
        more = {"manifest_offset": estimate.manifest_offset, "warning": estimate.warning}
        print_json({**names, **estimate.to_json(), **more})
        return
    typer.echo(estimate.describe(first.name, second.name))
    if estimate.warning:
        typer.echo(f"playhead: {estimate.warning}", err=True)


@app.command(
    epilog="Example: playhead impact render plays/manifest.csv --predictions out "
    "--truth plays/manifest.csv --out rendered"
)
def render(
    plays: Annotated[
        list[Path],
        typer.Argument(
            readable=False,
            help="A manifest, or videos and folders; PLAY_VIEW.mp4 are views of one play.",
        ),
    ],
    predictions: Annotated[
        Path, typer.Option(help="The folder of predicted events, or a submission.")
    ],
    out: Out,
    truth: Annotated[
        Path | None,
        typer.Option(help="A manifest, NFL labels, or label files, to show hits and misses."),
    ] = None,
    clips: Annotated[
        bool, typer.Option("--clips", help="A clip of each impact instead of the whole play.")
    ] = False,
    around: Annotated[
        float, typer.Option(min=0.0, help="Seconds of a clip before and after the impact.")
    ] = 0.7,
    slow: Annotated[
        float, typer.Option(min=0.1, max=100, help="How many times slower a clip is.")
    ] = 4.0,
    split: Split = None,
    executor: ExecutorName = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write videos of plays, both views side by side, with impacts and helmets drawn."""
    from playhead.execution.outcomes import exit_code
    from playhead.execution.runner import Executor
    from playhead.impact.predict import find_plays
    from playhead.impact.render import RenderOptions, render_plays

    result = render_plays(
        find_plays(plays, split=split),
        predictions,
        out,
        truth=truth,
        split=split,
        options=RenderOptions(clips=clips, around=around, slow=slow),
        executor=Executor(kind=executor, workers=workers),
    )
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.describe())
    raise typer.Exit(exit_code(result.files))
