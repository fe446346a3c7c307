"""The command line: `playhead COMMAND`, with the commands of each job mounted under its name.

This module and every `commands.py` import nothing heavy at the top: a command imports what it needs
when it runs, so `playhead --help` is fast and works without torch.
"""

import logging
import math
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal

import typer
import typer.main

from playhead import progress
from playhead.detection import WEIGHTS as DETECTION
from playhead.detection import commands as detection
from playhead.episodes import WEIGHTS as EPISODES
from playhead.episodes import commands as episodes
from playhead.errors import PlayheadError, needs_extra
from playhead.execution.options import Json, Out, Weights, parse_weights
from playhead.impact import commands as impact
from playhead.output import counted, print_error, print_json, print_table
from playhead.recognition import WEIGHTS as RECOGNITION
from playhead.recognition import commands as recognition
from playhead.redaction import WEIGHTS as REDACTION
from playhead.redaction import commands as redaction
from playhead.runs import commands as runs
from playhead.spotting import WEIGHTS as SPOTTING
from playhead.spotting import commands as spotting

__all__ = ["app", "main"]

JOB_WEIGHTS = {
    "spotting": SPOTTING,
    "detection": DETECTION,
    "redaction": REDACTION,
    "episodes": EPISODES,
    "recognition": RECOGNITION,
}
"""What `playhead weights get JOB` fetches."""

CACHES = ("frames", "worlds", "tables", "episodes", "clips")
"""The folders of the cache: decoded frames, generated videos, frame tables, sound and images, and
frames of clips."""


def _group(about: str) -> typer.Typer:
    return typer.Typer(help=about, rich_markup_mode=None, no_args_is_help=True)


app = typer.Typer(
    help="Find what happens in video, when and where.",
    epilog="Start with: playhead demo",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
weights_app = _group("Pretrained weights from published packages.")
bundle_app = _group("Trained models on disk.")
app.add_typer(spotting.app, name="spotting")
app.add_typer(impact.app, name="impact")
app.add_typer(recognition.app, name="recognition")
app.add_typer(detection.app, name="detection")
app.add_typer(redaction.app, name="redaction")
app.add_typer(episodes.app, name="episodes")
app.add_typer(weights_app, name="weights")
app.add_typer(bundle_app, name="bundle")
app.add_typer(runs.app, name="runs")


def main() -> None:
    """Run the command line; errors become one line on standard error and an exit code."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
        log = logging.getLogger("playhead")
        log.setLevel(logging.DEBUG)
        log.addHandler(logging.StreamHandler(sys.stderr))
    else:
        sys.excepthook = _unexpected
    progress.restart()
    # So that temporary files are removed, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        # Not app(), which would put its own excepthook in place of ours.
        command = typer.main.get_command(app)
        code = command.main(arguments, prog_name="playhead", standalone_mode=False)
    except PlayheadError as error:
        if debug:
            raise
        print_error(str(error))
        code = 2
    except typer.TyperException as error:
        _explain(error.format_message())
        code = 2
    except typer.Abort:
        code = 130
    if code == 130:
        print_error("interrupted")
    sys.exit(code or 0)


def _terminated(number: int, frame: object) -> None:
    """Handle SIGTERM by SystemExit, so that every `finally` runs."""
    sys.exit(128 + number)


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an unexpected exception in one line; Python then exits with 1."""
    print_error(f"a bug in Playhead: {kind.__name__}: {error}; --debug shows the traceback")


def _explain(message: str) -> None:
    """Print a usage error in one line; for a group without a command, its usage."""
    if message.startswith("Usage:"):
        sys.stderr.write(message + "\n")
    else:
        print_error(message.replace("Value error, ", "") + " (see --help)")


def _version(wanted: bool) -> None:
    if wanted:
        from playhead import __version__

        typer.echo(f"playhead {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (at any position).")
    ] = False,
) -> None:
    """Find what happens in video, when and where."""


@app.command(epilog="Example: playhead demo redaction --out demo-redaction")
def demo(
    job: Annotated[
        str,
        typer.Argument(
            help="The job: spotting, impact, recognition, detection, redaction, episodes."
        ),
    ] = "spotting",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder to write into. Default: one named after the demo."),
    ] = None,
    from_video: Annotated[
        bool,
        typer.Option("--from-video", help="recognition: extract the keypoints from the frames."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a job on generated videos, in minutes and without a GPU."""
    match job:
        case "spotting":
            with needs_extra("the demo trains a model and", "train"):
                from playhead.demos.spotting import run_demo

            run_demo(out or Path("demo"), as_json=as_json)
        case "detection":
            with needs_extra("the demo trains a detector and", "train"):
                from playhead.demos.detection import run_detection_demo

            run_detection_demo(out or Path("demo-detection"), as_json=as_json)
        case "impact":
            with needs_extra("the demo trains a model and", "train"):
                from playhead.demos.impact import run_impact_demo

            run_impact_demo(out or Path("demo-impact"), as_json=as_json)
        case "recognition":
            with needs_extra("the demo trains networks and", "train"):
                from playhead.demos.recognition import run_recognition_demo

            folder = out or Path("demo-recognition")
            run_recognition_demo(folder, from_video=from_video, as_json=as_json)
        case "redaction":
            from playhead.demos.redaction import run_redaction_demo

            run_redaction_demo(out or Path("demo-redaction"), as_json=as_json)
        case "episodes":
            with needs_extra("the demo trains networks and", "train"):
                from playhead.demos.episodes import run_episodes_demo

            run_episodes_demo(out or Path("demo-episodes"), as_json=as_json)
        case _:
            raise PlayheadError(
                f"{job}: there is no demo of this name; choose spotting, impact, "
                "recognition, detection, redaction or episodes"
            )


@app.command(epilog="Example: playhead info match.mp4 --json")
def info(
    videos: Annotated[list[Path], typer.Argument(readable=False, help="Video files.")],
    as_json: Json = False,
) -> None:
    """Show the frames, exact duration, rate, audio and damage of videos."""
    from playhead.media import inspect

    infos = []
    for video in videos:
        infos.append(inspect(video))
        if not as_json:
            typer.echo(infos[-1].describe())
    if as_json:
        print_json([info.to_json() for info in infos])
    if any(info.status != "ok" for info in infos):
        raise typer.Exit(3)


@app.command(epilog="Example: playhead frames match.mp4 0 1200 1201 --out frames")
def frames(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    indices: Annotated[
        list[str], typer.Argument(metavar="K...", help="Frames, from 0, or ranges as 264-268.")
    ],
    out: Out,
    pixels: Annotated[
        Literal["rgb", "luma"], typer.Option(help="Colour, or the stored Y plane.")
    ] = "rgb",
    as_json: Json = False,
) -> None:
    """Write frames as PNG, exactly by index."""
    from playhead.media.export import frame_numbers, write_frames

    written = write_frames(video, frame_numbers(indices), out, pixels=pixels)
    if as_json:
        print_json({"path": str(video), "outputs": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)


@app.command(epilog="Example: playhead world football --out matches --count 4 --seed 7")
def world(
    name: Annotated[
        str, typer.Argument(help="The world: football, street, collisions, gestures, season.")
    ],
    out: Out,
    count: Annotated[int, typer.Option(min=1, help="How many videos.")] = 4,
    seed: Annotated[int, typer.Option(help="Random seed of the videos.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as in --set seconds=60")
    ] = None,
    as_json: Json = False,
) -> None:
    """Generate labelled videos, encoded as real files."""
    from playhead.worlds import generate

    manifest = generate(name, out, count=count, seed=seed, settings=set_ or [])
    if as_json:
        print_json({"world": name, "manifest": str(manifest), "count": count, "seed": seed})
    else:
        typer.echo(manifest)


@app.command(epilog="Example: playhead convert Labels-v2.json labels.csv --rate 25")
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Labels to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Labels to write.")],
    source_format: Annotated[str | None, typer.Option("--from", help="Format of IN.")] = None,
    target_format: Annotated[str | None, typer.Option("--to", help="Format of OUT.")] = None,
    rate: Annotated[str | None, typer.Option(help="Frames per second, without media.")] = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder of the videos, to align with their frames.")
    ] = None,
    first_pixel: Annotated[
        int | None, typer.Option(min=0, max=1, help="Of mot: the first pixel. Default: 1.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Of mot: names of classes 1, 2, ..., as car,person.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Of a table: names of columns, as time=Zeit,label=Aktion.")
    ] = None,
    shift: Annotated[float, typer.Option(help="Seconds to add to the time of every event.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Convert events, tracks, or keypoints.

    Events: native, csv, soccernet, e2espot, srt, sportscode, nfl, to read boris, elan, labelstudio,
    cvat, and to write edl. Tracks: tracks, mot. Keypoints: keypoints, coco-keypoints, and to read
    openpose, npz, ts.
    """
    from playhead.events.convert import convert as convert_labels
    from playhead.events.formats.headers import as_columns

    done = convert_labels(
        source,
        target,
        source_format=source_format,
        target_format=target_format,
        rate=rate,
        media=media,
        first_pixel=first_pixel,
        classes=None if classes is None else classes.split(","),
        columns=None if columns is None else as_columns(columns),
        shift=shift,
    )
    if as_json:
        document = {"input": str(source), "output": str(target), done.unit: done.count}
        if done.unit == "events":
            document |= {"videos": done.videos, "notes": list(done.notes)}
        print_json(document)
        return
    videos = f" in {counted(done.videos, 'video')}" if done.videos else ""
    people = f"{done.count} people"
    what = people if done.unit == "people" else counted(done.count, done.unit.removesuffix("s"))
    typer.echo(f"{target}: {what}{videos}")
    for note in done.notes:
        typer.echo(f"  {note}")


@app.command(epilog="Example: playhead cache --clear --unused 30")
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove what can be made again.")] = False,
    unused: Annotated[
        float, typer.Option(min=0, help="With --clear: only what was not used for so many days.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Show what the cache folder holds, or clear it."""
    from playhead.cached import cache_entries, remove_entries
    from playhead.files import cache_folder

    entries = cache_entries(CACHES)
    removed = [entry for entry in entries if clear and entry.is_unused(unused)]
    remove_entries(removed)
    gone = {entry.path for entry in removed}
    kept = [entry for entry in entries if entry.path not in gone]
    kinds = {kind: [entry.bytes for entry in kept if entry.kind == kind] for kind in CACHES}
    freed = sum(entry.bytes for entry in removed)
    if as_json:
        sizes = {kind: {"entries": len(held), "bytes": sum(held)} for kind, held in kinds.items()}
        print_json({"cache": str(cache_folder()), "kinds": sizes, "freed_bytes": freed})
        return
    if clear:
        typer.echo(f"{len(removed):,} entries removed, {freed / 1e6:,.0f} MB")
    print_table(
        [
            {"kind": kind, "entries": len(held), "megabytes": round(sum(held) / 1e6)}
            for kind, held in kinds.items()
        ]
    )
    typer.echo(f"{cache_folder()}: {sum(map(sum, kinds.values())) / 1e6:,.0f} MB")


@weights_app.command("list", epilog="Example: playhead weights list")
def weights_list(as_json: Json = False) -> None:
    """List packaged weights, their licences, and which are fetched."""
    from playhead.inference.weights import list_weights

    rows = [
        {
            "name": status.weight.name,
            "group": status.weight.group,
            "about": status.weight.about,
            "megabytes": math.ceil(status.weight.bytes / 1e6),
            "licence": status.weight.licence,
            "package": f"{status.weight.package} {status.weight.version}",
            "path": None if status.path is None else str(status.path),
        }
        for status in list_weights()
    ]
    print_json(rows) if as_json else print_table(rows)


@weights_app.command("get", epilog="Example: playhead weights get spotting")
def weights_get(
    names: Annotated[
        list[str], typer.Argument(help="A job, or weights, or a group of them: faces, people...")
    ],
    as_json: Json = False,
) -> None:
    """Fetch weights with your pip or npm, verify and keep them."""
    from playhead.inference.weights import get_weights

    wanted = [weights for name in names for weights in JOB_WEIGHTS.get(name, (name,))]
    paths = [path for name in dict.fromkeys(wanted) for path in get_weights(name)]
    if as_json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            typer.echo(path)


@bundle_app.command("info", epilog="Example: playhead bundle info runs/football/bundle")
def bundle_info(
    bundle: Annotated[Path, typer.Argument(help="A bundle or run folder.")], as_json: Json = False
) -> None:
    """Show the classes, input and metrics of a bundle."""
    from playhead.inference.bundle import load_bundle
    from playhead.inference.detectors.custom import describe_decisions
    from playhead.inference.detectors.plan import DetectorPlan

    loaded = load_bundle(bundle)
    if as_json:
        print_json(loaded.manifest.model_dump(mode="json"))
    else:
        typer.echo((loaded.folder / "README.md").read_text(encoding="utf-8").rstrip())
        if loaded.manifest.kind == DetectorPlan.kind:
            hide = f"--bundle {bundle} --hide {','.join(loaded.manifest.classes)}"
            typer.echo(f"\n{describe_decisions(loaded)}")
            typer.echo(f"\nHide with it: `playhead redaction run VIDEO {hide}`.")


@bundle_app.command("verify", epilog="Example: playhead bundle verify runs/football/bundle")
def bundle_verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle or run folder.")], as_json: Json = False
) -> None:
    """Check every file of a bundle against its checksum."""
    from playhead.inference.bundle import verify_bundle

    names = verify_bundle(bundle)
    if as_json:
        print_json({"bundle": str(bundle), "verified": names})
    else:
        typer.echo(f"{bundle}: {len(names)} files, all unchanged")


@bundle_app.command("export", epilog="Example: playhead bundle export runs/football --out bundle")
def bundle_export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Out,
    epoch: Annotated[int | None, typer.Option(help="A kept epoch; default: the best.")] = None,
    compact: Annotated[
        bool,
        typer.Option("--compact", help="A quarter of the size, for the CPU only: fp16 weights."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing bundle.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Export a bundle of a run's best weights, or of a kept epoch."""
    from playhead.runs.folders import job_of

    if out.exists() and not overwrite:
        raise PlayheadError(f"{out}: exists already; --overwrite replaces a bundle")

    job = job_of(run)
    with needs_extra("exporting", "train"):
        match job:
            case "detection":
                from playhead.detection.train import export_run
            case "episodes":
                from playhead.episodes.network.train import export_run
            case "impact":
                from playhead.impact.train import export_run
            case "recognition":
                from playhead.recognition.train import export_run
            case "spotting":
                from playhead.spotting.train import export_run
            case _:
                raise PlayheadError(
                    f"{run}: is a run of {job}; only runs of detection, episodes, impact, "
                    "recognition and spotting can be exported"
                )

    bundle = export_run(run, out, epoch=epoch, compact=compact)
    print_json({"bundle": str(bundle)}) if as_json else typer.echo(bundle)


@bundle_app.command(
    "ensemble",
    epilog="Example: playhead bundle ensemble runs/serves-0 runs/serves-1 --out both",
)
def bundle_ensemble(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles or run folders, two or more.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the new bundle.")],
    weights: Weights = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value over the first bundle's decisions; repeatable."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing bundle.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Save several bundles as one that predicts the mean of their scores."""
    from playhead.inference.bundle import load_bundle

    if out.exists() and not overwrite:
        raise PlayheadError(f"{out}: exists already; --overwrite replaces a bundle")
    if len(bundles) < 2:
        raise PlayheadError(f"an ensemble needs at least two bundles, got {len(bundles)}")
    match load_bundle(bundles[0], verify=False).manifest.job:
        case "spotting":
            from playhead.spotting.ensemble import ensemble_bundles
        case job:
            raise PlayheadError(
                f"{bundles[0]}: is a bundle of {job}; only bundles of spotting can be saved as "
                "one, those of impact and detection are given together when they predict"
            )
    shares = None if weights is None else parse_weights(weights, len(bundles), "bundles")
    bundle = ensemble_bundles(bundles, out, weights=shares, settings=settings or [])
    if as_json:
        print_json({"bundle": str(bundle.folder), **bundle.manifest.input})
    else:
        typer.echo(f"{bundle.folder}: {bundle.manifest.sees}")


@bundle_app.command(
    "convert",
    epilog="Example: playhead bundle convert model.pth --as ball-2023 --out ball",
)
def bundle_convert(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of torch, as .pth or .pyth.")],
    kind: Annotated[
        Literal["ball-2023", "i3d-r50"],
        typer.Option(
            "--as",
            help="ball-2023: a checkpoint of the ball-action-spotting repository, to a bundle. "
            "i3d-r50: pytorchvideo's I3D_8x8_R50, to a file for network.weights of an i3d network.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="To write: a bundle, or of i3d-r50 a .safetensors file."),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file or bundle.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert pretrained weights of another library; no code of the file is run."""
    if out.exists() and not overwrite:
        raise PlayheadError(f"{out}: exists already; --overwrite replaces it")
    document: dict[str, object] = {"input": str(checkpoint), "output": str(out)}
    with needs_extra("converting", "train"):
        match kind:
            case "ball-2023":
                from playhead.spotting.published import convert_ball_2023

                manifest = convert_ball_2023(checkpoint, out).manifest
                document["classes"] = manifest.classes
                summary = f"finds {', '.join(manifest.classes)}; sees {manifest.sees}"
            case "i3d-r50":
                from playhead.learning.i3d_weights import convert_i3d

                document["tensors"] = count = convert_i3d(checkpoint, out)
                summary = f"{count} tensors"
    print_json(document) if as_json else typer.echo(f"{out}: {summary}")
