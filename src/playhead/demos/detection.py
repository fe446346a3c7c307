"""The detection demo: merge scattered labels, train a detector, and redact a street with it.

The labels start as they often are: one folder a class, with class 0 for every box.
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import typer

from playhead.demos.redaction import TRUTH, ShownVideo, shown_video, write_report
from playhead.detection.config import (
    DetectorConfig,
    find_config,
    load_detector_config,
)
from playhead.detection.evaluate import ImageEvaluation, measure_bundle
from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import load_normalise_config
from playhead.detection.report import write_detector_report
from playhead.detection.synthesis.config import make_synthesis_config
from playhead.detection.synthesis.synthesise import synthesise
from playhead.detection.train import train_detector
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.events.images import ImageSet
from playhead.execution.outcomes import exit_code
from playhead.inference.bundle import load_bundle
from playhead.inference.offer import require_weights
from playhead.output import print_json, print_table
from playhead.redaction import WEIGHTS
from playhead.redaction.audit import Auditor
from playhead.redaction.audit_files import audit_outcomes
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.resolved import resolve
from playhead.redaction.run import redact_files
from playhead.worlds import generate
from playhead.worlds.kept import WorldConfig, world_manifest

__all__ = ["measure_test_images", "run_detection_demo", "scatter"]

STREETS = WorldConfig(
    name="street", count=220, seed=1, settings=("kind=images", "smallest_face=14")
)
SYNTHETIC = 100
PASTED = ("balance=1", "count=[3,8]", "filling=grain")
"""Rare classes as often as others; the fast filling."""

HELD_OUT_SEED = 5
SECONDS = 6

Say = Callable[[str], None]


def run_detection_demo(out: Path, *, as_json: bool = False) -> None:
    """Normalise, synthesise, train, evaluate, redact a new street; prints the page last."""
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    require_weights(WEIGHTS, "redaction")
    say(f"generating {STREETS.count} images of streets")
    config = _prepared(out, say)
    say("training a detector on them")
    run = out / "run"
    trained = train_detector(config, run, resume=(run / "config.yaml").is_file())
    say("evaluating it on test images of other streets")
    test = read_image_set(out / "set", split="test")
    page = out / "detector.html"
    measured = measure_test_images(trained.bundle, trained.run, test, page)
    figures = measured.to_json()
    say("redacting a new street with it")
    shown, code = _redacted(trained.bundle, out)
    report = write_report(
        shown,
        _config(trained.bundle),
        out / "report.html",
        title="Redaction with a custom detector",
        summary=f"Trained on {trained.details['images']['train']} generated images; mAP50 over "
        f"five classes {figures['metrics']['ap50']:.3f} on test images (detector.html shows them "
        "and "
        f"the worst mistakes). {TRUTH} The whole demo took {monotonic() - started:.0f} s.",
    )
    seconds = round(monotonic() - started, 1)
    if as_json:
        videos = {video.name: video.figures() for video in shown}
        paths = {"bundle": trained.bundle, "detector_report": page, "report": report}
        document = {name: str(path) for name, path in paths.items()}
        print_json({**figures, "videos": videos, "seconds": seconds, **document})
    else:
        print_table([{"video": video.name, **video.figures()} for video in shown])
        typer.echo(f"mAP50 {figures['metrics']['ap50']:.3f}, by class in {page}")
        typer.echo(measured.threshold_note())
        typer.echo(f"bundle: {trained.bundle}")
        say("done; the report is")
        typer.echo(report)
    raise typer.Exit(code)


def scatter(manifest: Path, out: Path) -> list[str]:
    """Write a set as one label folder a class, with class 0 for every box; returns the sources."""
    images = read_image_set(manifest)
    sources = []
    for number, label in enumerate(images.classes):
        folder = out / label
        folder.mkdir(parents=True, exist_ok=True)
        for image in images.images:
            width, height = image.size
            rows = [
                f"0 {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} "
                f"{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"
                for x1, y1, x2, y2 in image.boxes[image.labels == number]
            ]
            if rows:
                (folder / f"{image.path.stem}.txt").write_text("".join(rows), encoding="utf-8")
        sources.append(f"{label}={folder}")
    return sources


def _prepared(out: Path, say: Say) -> DetectorConfig:
    """The configuration for a set that is normalised and extended by cut and paste."""
    manifest = world_manifest(STREETS)
    classes = read_image_set(manifest).classes
    say("merging labels from one folder a class")
    options = {
        "images": manifest.parent / "images",
        "classes": list(classes),
        "split": {"train": 0.64, "valid": 0.11},
    }
    sources = scatter(manifest, out / "scattered")
    report = normalise(load_normalise_config(sources, options), out / "set", overwrite=True)
    typer.echo(report.describe(), err=True)
    say(f"cutting objects out and pasting them: {SYNTHETIC} more images")
    synthesis = synthesise(
        out / "set",
        out / "synthesised",
        count=SYNTHETIC,
        seed=1,
        start=0,
        config=make_synthesis_config(PASTED),
    )
    typer.echo(synthesis.describe(), err=True)
    manifests = {
        "data.manifest": str(out / "set" / "manifest.csv"),
        "data.more": [str(out / "synthesised" / "manifest.csv")],
    }
    return load_detector_config(
        find_config("street-demo"),
        [f"{key}={json.dumps(value)}" for key, value in manifests.items()],
    )


def measure_test_images(bundle: Path, run: Path, test: ImageSet, page: Path) -> ImageEvaluation:
    """Evaluate a trained detector at its bundle's thresholds, and write the page.

    They were chosen on the validation images, so nothing is chosen on the test images.
    """
    predictions, result = measure_bundle(load_bundle(bundle), test)
    write_detector_report(test, predictions, page, title="The detector", run=run, result=result)
    return result


def _config(bundle: Path) -> RedactionConfig:
    """The redaction of the held-out street: faces and plates, with the new detector."""
    return load_redaction_config("balanced", [f"detection.bundles=['{bundle}']"])


def _redacted(bundle: Path, out: Path) -> tuple[list[ShownVideo], int]:
    """A generated street, redacted with the new detector and audited by other networks."""
    settings = (f"seconds={SECONDS}", "smallest_face=14")
    world = generate("street", out / "held-out", count=1, seed=HELD_OUT_SEED, settings=settings)
    [video] = world.parent.glob("*.mp4")
    truth: TrackFile = read_tracks(video.with_suffix(SUFFIX))
    config = _config(bundle)
    auditor = Auditor(resolve(config))
    result = redact_files([video], config, out=out / "redacted", overwrite=True)
    audits = audit_outcomes(result.files, auditor)
    shown = [
        shown_video(file, audit, truth)
        for file in result.files
        if isinstance(audit := audits.get(file.path), AuditReport)
    ]
    return shown, exit_code(result.files)
