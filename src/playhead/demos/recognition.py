"""The recognition demo: people gesture among bystanders; what does the one in the middle do?

Networks of keypoints and of frames are trained side by side, fused, and measured on people that
none of them has seen. The keypoints are those of the world, disturbed as an extractor's are; with
`from_video` they are extracted from the frames.
"""

import zlib
from functools import partial
from pathlib import Path
from time import monotonic

import typer

from playhead.config import load_config
from playhead.demos.beside import run_beside
from playhead.errors import WeightsError
from playhead.events.formats.keypoints import SUFFIX, read_keypoints, write_keypoints
from playhead.execution.outcomes import FileOutcome, exit_code
from playhead.execution.runner import Executor
from playhead.inference.weights import is_fetched
from playhead.output import print_json, print_table
from playhead.progress import progress
from playhead.recognition.clips import Clip, read_clips
from playhead.recognition.config import RecognitionConfig, find_config
from playhead.recognition.evaluate import Evaluation, evaluate_predictions
from playhead.recognition.pose.extract import ExtractOptions, extract_videos
from playhead.recognition.predict import PredictOptions, predict_clips
from playhead.recognition.report import write_recognition_report
from playhead.recognition.runs import ModelResult, fuse_runs
from playhead.recognition.train import train_recognition
from playhead.worlds.gestures import disturbed
from playhead.worlds.kept import WorldConfig, world_manifest

__all__ = ["run_recognition_demo"]

CLIPS = WorldConfig(
    name="gestures", count=44, seed=1, settings=("takes=1", "train=0.6", "valid=0.15")
)
"""26 people train, 7 choose epochs and weights, 11 test; each makes every gesture once."""

KEYPOINTS = ("training.epochs=50",)
FRAMES = (
    "network.crop=people",
    "network.size=[96, 96]",
    "network.train_frames=2",
    "training.epochs=24",
    "training.rate=1.0e-3",
)
FROM_RANDOM = ("network.encoder=small", "network.weights=null", "training.rate=2.0e-3")
POSE_WEIGHTS = ("pose-detection", "pose-landmark")
ENCODER = "mobilenet-v2"


def run_recognition_demo(out: Path, *, from_video: bool = False, as_json: bool = False) -> None:
    """Generate, train the networks, fuse them, predict unseen people; prints the page last.

    from_video: extract the keypoints from the frames with fetched weights
    """
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    if from_video:
        refuse_missing_weights()
    say(f"generating clips of {CLIPS.count} people, each making 8 gestures among bystanders")
    index = world_manifest(CLIPS)
    clips = read_clips(index).clips
    keypoints = out / "keypoints"
    files: list[FileOutcome] = []
    if from_video:
        say("extracting keypoints from all frames")
        result = extract_videos(
            [index.parent],
            keypoints,
            ExtractOptions(),
            root=index.parent,
            executor=Executor(kind="processes", workers=2),
        )
        files += result.files
    else:
        disturb(clips, keypoints)
    pretrained = is_fetched(ENCODER)
    say(
        "training networks of keypoints, and beside them one of frames, from "
        + (f"the weights {ENCODER}" if pretrained else "random weights")
    )
    frames = FRAMES if pretrained else (*FRAMES, *FROM_RANDOM)
    both, alone = run_beside(
        partial(_train, ("tcn", "lstm"), index, keypoints, out, KEYPOINTS),
        partial(_train, ("frames",), index, keypoints, out, frames),
    )
    runs = {path.name: [path] for path in (*both, *alone)}
    models = fuse_runs(runs, out)
    say("predicting the clips of people that no network has seen")
    test = [clip.path for clip in clips if clip.split == "test"]
    rows = []
    evaluations: dict[str, Evaluation] = {}
    for name, bundle in {**{n: out / n / "bundle" for n in runs}, "fusion": out / "bundle"}.items():
        folder = out / "predictions" / name
        options = PredictOptions(keypoints=keypoints, windows="never")
        predicted = predict_clips(
            bundle, test, folder, options, executor=Executor(kind="processes", workers=2)
        )
        files += predicted.files
        evaluations[name] = evaluate_predictions(clips, folder, split="test")
        weights = {model.name: model.weight for model in models}
        rows.append(ModelResult(name, evaluations[name], weights.get(name)).row())
    evaluation = evaluations["fusion"]
    say("writing the report")
    report = write_recognition_report(
        evaluation,
        out / "report.html",
        title="Gestures: what does the person in the middle do?",
        rows=rows,
        runs={name: paths[0] for name, paths in runs.items()},
        clips={clip.name: clip for clip in clips},
        keypoints=keypoints,
    )
    if as_json:
        seconds = round(monotonic() - started, 1)
        metrics = {name: held.metrics for name, held in evaluations.items()}
        print_json(
            {
                **evaluation.to_json(),
                "models": metrics,
                "seconds": seconds,
                "bundle": str(out / "bundle"),
                "report": str(report),
            }
        )
    else:
        print_table(evaluation.rows())
        print_table(rows)
        typer.echo(f"chance: macro F1 {evaluation.chance:.3f}\nbundle: {out / 'bundle'}")
        say(f"done; the report is\n{report}")
    raise typer.Exit(exit_code(files))


def refuse_missing_weights() -> None:
    """Raise WeightsError if the networks of the extraction have not been fetched."""
    missing = [name for name in POSE_WEIGHTS if not is_fetched(name)]
    if missing:
        raise WeightsError(
            f"weights {', '.join(missing)} are not here yet: fetch them with `playhead weights get "
            "recognition`, or leave --from-video out"
        )


def disturb(clips: tuple[Clip, ...], out: Path) -> None:
    """Write the keypoints of clips as an extractor would have found them."""
    with progress("keypoints", len(clips)) as bar:
        for clip in clips:
            name = Path(clip.name).with_name(clip.path.stem + SUFFIX)
            truth = read_keypoints(clip.path.with_name(name.name))
            write_keypoints(out / name, disturbed(truth, seed=zlib.crc32(clip.name.encode())))
            bar.advance(1)


def demo_config(
    name: str, index: Path, keypoints: Path, settings: tuple[str, ...]
) -> RecognitionConfig:
    """The packaged configuration of a network, on the clips of the demo."""
    more = ("training.threads=1", f"data.clips={index}", f"data.keypoints={keypoints}")
    return load_config(RecognitionConfig, find_config(name), [*more, *settings])


def _train(
    names: tuple[str, ...], index: Path, keypoints: Path, out: Path, settings: tuple[str, ...]
) -> list[Path]:
    runs = []
    for name in names:
        run = out / name
        config = demo_config(name, index, keypoints, settings)
        train_recognition(config, run, resume=(run / "config.yaml").is_file(), device="cpu")
        runs.append(run)
    return runs
