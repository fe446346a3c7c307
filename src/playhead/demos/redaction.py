"""The redaction demo: redact and audit a generated and a real street, shown before and after."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import typer
import yaml
from numpy.typing import NDArray

from playhead import __version__
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.execution.outcomes import FileOutcome, exit_code
from playhead.inference.offer import require_weights
from playhead.inference.weights import weight_path
from playhead.media import open_video
from playhead.output import print_json, print_table
from playhead.redaction import WEIGHTS
from playhead.redaction.audit import Auditor
from playhead.redaction.audit_files import audit_outcomes
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.evaluate import exposed_track_frames
from playhead.redaction.report import write_redaction_report
from playhead.redaction.report_data import Moment, RedactedVideo, RedactionReport
from playhead.redaction.resolved import resolve
from playhead.redaction.run import redact_files
from playhead.worlds import generate

__all__ = ["TRUTH", "ShownVideo", "run_redaction_demo", "shown_video", "write_report"]

TRUTH = (
    "For the generated street the ground truth is known, down to faces of 4 pixels: an object that "
    "no network detects is exposed in truth, but passes every audit."
)
SEED = 5
WORLD = ("seconds=8", "width=960", "height=540")
MOMENTS = 8
GENERATED, REAL = "generated street", "real street"


@dataclass(frozen=True, slots=True)
class ShownVideo:
    """One video of the demo: its outcome, tracks, audit, and ground truth if it is known."""

    name: str
    file: FileOutcome
    tracks: TrackFile
    audit: AuditReport
    truth: TrackFile | None

    def figures(self) -> dict[str, Any]:
        """The metrics of the video, by name; None without ground truth."""
        return {
            "frames": self.tracks.frames,
            **{f"{label} tracks": self._count(label) for label in self.tracks.classes},
            "exposed, says the audit": len(self.audit.exposures),
            **{
                f"{label}s exposed, in truth": self._exposed(label) for label in self.tracks.classes
            },
        }

    def _count(self, label: str) -> int:
        return sum(track.label == label for track in self.tracks.tracks)

    def _exposed(self, label: str) -> str | None:
        """Exposed track-frames of all in the ground truth, if it is known."""
        if self.truth is None:
            return None
        total = sum(len(track.frames) for track in self.truth.tracks if track.label == label)
        return f"{exposed_track_frames(self.truth, self.tracks)[label]} of {total}"


def run_redaction_demo(out: Path, *, as_json: bool = False) -> None:
    """Redact and audit a generated and a real street, and report; prints the page last."""
    started = monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{monotonic() - started:3.0f} s] {text}", err=as_json)

    require_weights(WEIGHTS, "redaction")
    config = load_redaction_config("balanced")
    auditor = Auditor(resolve(config))
    say("generating a street with people and cars")
    originals = out / "originals"
    truth = _originals(originals)
    say("redacting it, and a real one")
    result = redact_files([originals], config, out=out / "redacted", overwrite=True)
    say("auditing the copies: faces with another network, plates with the same one")
    audits = audit_outcomes(result.files, auditor)
    shown = [
        shown_video(file, audit, truth.get(file.path.name))
        for file in result.files
        if isinstance(audit := audits.get(file.path), AuditReport)
    ]
    say("writing the report")
    report = write_report(
        shown,
        config,
        out / "report.html",
        title="Redaction: before and after",
        summary="Faces and number plates were detected, tracked and hidden; then the copies "
        "were audited: faces by another network, plates by the same network, in tiles. "
        f"{TRUTH} Generating, redacting and auditing took "
        f"{monotonic() - started:.0f} s.",
    )
    if as_json:
        figures = {video.name: video.figures() for video in shown}
        seconds = round(monotonic() - started, 1)
        print_json(
            {**result.to_json(), "videos": figures, "seconds": seconds, "report": str(report)}
        )
    else:
        print_table([{"video": video.name, **video.figures()} for video in shown])
        typer.echo(TRUTH)
        say("done; the report is")
        typer.echo(report)
    raise typer.Exit(exit_code(result.files))


def _originals(folder: Path) -> dict[str, TrackFile]:
    """Put the two videos of the demo into `folder`; returns the ground truth by file name."""
    manifest = generate("street", folder.parent / "world", count=1, seed=SEED, settings=WORLD)
    [generated] = manifest.parent.glob("*.mp4")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(generated, folder / "generated_street.mp4")
    shutil.copyfile(weight_path("clip-bikes"), folder / "real_street.mp4")
    return {"generated_street.mp4": read_tracks(generated.with_suffix(SUFFIX))}


def shown_video(file: FileOutcome, audit: AuditReport, truth: TrackFile | None) -> ShownVideo:
    """A redacted and audited video."""
    name = REAL if truth is None else GENERATED
    return ShownVideo(name, file, read_tracks(file.outputs[1]), audit, truth)


def write_report(
    shown: Sequence[ShownVideo], config: RedactionConfig, path: Path, *, title: str, summary: str
) -> Path:
    """Write the page of videos before and after, and return its path."""
    report = RedactionReport(
        title=title,
        summary=summary,
        videos=[
            RedactedVideo(
                name=video.name,
                note="; ".join(video.audit.verdict()),
                tiles=video.figures(),
                moments=moments_of(video),
                files={
                    "redacted video": video.file.outputs[0].relative_to(path.parent).as_posix(),
                    "tracks": video.file.outputs[1].relative_to(path.parent).as_posix(),
                },
            )
            for video in shown
        ],
        config=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
        versions={"playhead": __version__},
    )
    return write_redaction_report(report, path)


def moments_of(video: ShownVideo) -> list[Moment]:
    """Evenly spaced frames, before and after, among those in which something is hidden."""
    frames = [track.frames for track in video.tracks.tracks]
    hidden = np.unique(np.concatenate(frames)) if frames else np.arange(video.tracks.frames)
    indices = np.linspace(0, len(hidden) - 1, min(MOMENTS, len(hidden)))
    chosen: NDArray[np.int32] = np.unique(hidden[indices.astype(int)])
    with open_video(video.file.path) as before, open_video(video.file.outputs[0]) as after:
        times = before.times[chosen].tolist()
        images = zip(times, before.read(chosen), after.read(chosen), strict=True)
        return [Moment(time=time, before=old, after=new) for time, old, new in images]
