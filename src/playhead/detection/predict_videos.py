"""Prediction of videos: detections of custom detectors, tracked, as `X.tracks.npz`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from playhead import __version__
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.tracks import track_boxes
from playhead.detection.predict import PredictOptions
from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.model import Track
from playhead.execution.items import Item, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_outputs
from playhead.execution.runner import Executor, Work, run_items
from playhead.files import fingerprint
from playhead.inference.detectors.custom import checksum_of, open_bundle
from playhead.inference.detectors.ensemble import joint_decisions
from playhead.inference.detectors.objects import ObjectDetector
from playhead.inference.detectors.video import VideoDetections, detect_video
from playhead.learning.backends import cuda_detector
from playhead.media import Video, open_video
from playhead.progress import Progress

__all__ = ["predict_videos", "track_path"]


def predict_videos(
    bundles: Sequence[Path],
    items: Sequence[Item],
    out: Path,
    options: PredictOptions,
    *,
    overwrite: bool,
    executor: Executor,
) -> BatchResult:
    """Write the tracks of every video; a bad file never stops the batch."""
    threads = executor.threads(options.threads, len(items))
    work = TrackingWork(tuple(bundles), replace(options, threads=threads), overwrite)
    return run_items(items, out, work, task="tracking", executor=executor)


def track_path(target: Path) -> Path:
    """The track file of a video; target: its output path without a suffix."""
    return output_path(target, SUFFIX)


@dataclass(frozen=True, slots=True)
class TrackingWork:
    """The settings of a worker as plain data; `open` loads the detectors in the worker."""

    bundles: tuple[Path, ...]
    options: PredictOptions
    overwrite: bool

    def open(self) -> Work:
        """Load the detectors."""
        options, tracking = self.options, TrackConfig()
        opened = [open_bundle(path) for path in self.bundles]
        decisions = joint_decisions(opened, options.settings)
        labels = dict.fromkeys(label for bundle in opened for label in bundle.manifest.classes)
        thresholds = {
            label: decisions.threshold(label) if options.threshold is None else options.threshold
            for label in labels
        }
        detector = ObjectDetector(
            list(labels),
            minimum_scores={
                label: min(threshold, tracking.low_score) for label, threshold in thresholds.items()
            },
            packaged={},
            bundles=self.bundles,
            threads=options.threads,
            bundle_size=options.longest,
            enlarge=options.enlarge,
            weights=options.weights,
            settings=options.settings,
            device=options.device,
            precision=options.precision,
            cuda_factory=cuda_detector,
        )
        return _Tracking(self, detector, thresholds, tracking).track


@dataclass(frozen=True, slots=True)
class _Tracking:
    """Tracks one video after another with the same detector."""

    work: TrackingWork
    detector: ObjectDetector
    thresholds: dict[str, float]
    tracking: TrackConfig

    def track(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        options, output = self.work.options, track_path(target)
        check_outputs([path], [output], overwrite=self.work.overwrite)
        output.unlink(missing_ok=True)  # a file that fails now must not pass for its earlier output
        with open_video(path, threads=options.threads or 0) as video:
            detections = detect_video(
                video,
                self.detector,
                every_seconds=options.every_seconds,
                every_frames=options.every_frames,
                progress=progress,
            )
            tracks = self._tracks(detections, video)
            video.require_unchanged()
            bundles = self.detector.bundles
            file = TrackFile(
                video=path.name,
                frames=video.frames,
                width=video.width,
                height=video.height,
                classes=tuple(self.thresholds),
                tracks=tracks,
                unseen=detections.unseen,
                settings={
                    "playhead": __version__,
                    "detectors": {
                        bundle.folder.resolve().name: checksum_of(bundle) for bundle in bundles
                    },
                    "thresholds": self.thresholds,
                    "precision": self.detector.precisions,
                    "fingerprint": fingerprint(path),
                },
            )
            write_tracks(output, file)
            problem = _problem(video, detections)
        count = Counter(dict.fromkeys(self.thresholds, 0))
        count.update(track.label for track in tracks)
        note = "tracks: " + ", ".join(f"{number} {label}" for label, number in count.items())
        return FileOutcome(path, "partial" if problem else "ok", (output,), problem, (note,))

    def _tracks(self, detections: VideoDetections, video: Video) -> tuple[Track, ...]:
        tracks: list[Track] = []
        for label, boxes in detections.boxes.items():
            tracks += track_boxes(
                video.times,
                detections.frames,
                boxes,
                label=label,
                config=self.tracking,
                start_score=self.thresholds[label],
                size=(video.width, video.height),
                first_id=len(tracks),
            )
        return tuple(tracks)


def _problem(video: Video, detections: VideoDetections) -> str | None:
    """Which frames could not be searched, and why; None if all were."""
    damaged = [(span.start, span.stop) for span in video.damage if span.start < video.frames]
    reason = f" ({detections.reason})" if detections.reason else ""
    problems = []
    if damaged:
        problems.append(f"frames {_ranges(damaged)} cannot be decoded")
    if len(detections.unseen):
        unseen = _ranges(detections.unseen.tolist())
        problems.append(f"frames {unseen} were not searched{reason}")
    if video.missing:
        problems.append(f"the last {video.missing} frames are missing from the file")
    return "; ".join(problems) or None


def _ranges(spans: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{start}-{stop - 1}" for start, stop in spans)
