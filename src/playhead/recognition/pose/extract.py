"""Keypoints of videos: `X.keypoints.npz` of each, with the people whose action counts chosen.

A batch resumes: a video whose keypoints were extracted by the same settings is skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from playhead.config import Settings
from playhead.errors import LabelError, PlayheadError
from playhead.events.formats.keypoints import (
    SUFFIX,
    KeypointFile,
    read_keypoints,
    write_keypoints,
)
from playhead.execution.items import find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import fingerprint
from playhead.inference.detectors.custom import scaled_size
from playhead.inference.detectors.video import sampled_frames
from playhead.media import Damage, open_video
from playhead.progress import Progress
from playhead.recognition.pose.people import PeopleConfig, PeopleTracker, choose_people
from playhead.recognition.pose.protocol import Pose, PoseEstimator

__all__ = [
    "EXTRACTION",
    "ExtractOptions",
    "earlier_keypoints",
    "extract_keypoints",
    "extract_videos",
    "open_estimator",
]

NOBODY = "no person found"
EXTRACTION, SOURCE, PARTIAL = "extraction", "fingerprint", "partial"
"""Keys of the settings of a keypoint file: the options, the video's checksum, why it is partial."""


class ExtractOptions(Settings):
    """How keypoints are extracted."""

    estimator: Literal["blazepose", "movenet"] = Field(
        default="blazepose",
        description="blazepose: 33 joints, follows people; movenet: 17 joints, better for two "
        "people in contact",
    )
    people: Literal[1, 2] = Field(
        default=1, description="choose the central person, or the two who interact"
    )
    max_people: int | None = Field(
        default=None,
        ge=1,
        description="the most people in a frame; null: 3 for blazepose, 6 for movenet",
    )
    min_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="minimum score of a person; null: 0.5 for blazepose, 0.2 for movenet",
    )
    interval_seconds: float = Field(
        default=0.5, gt=0, description="blazepose looks for further people this often"
    )
    rate: float | None = Field(
        default=None, gt=0, description="frames a second to analyse at least; null: every frame"
    )
    size: int = Field(
        default=960, ge=64, description="longer side of the frames in pixels; they never grow"
    )
    tracking: PeopleConfig = PeopleConfig()


def extract_videos(
    videos: Sequence[Path],
    out: Path,
    options: ExtractOptions,
    *,
    root: Path | None = None,
    overwrite: bool = False,
    render: bool = False,
    threads: int | None = None,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write `X.keypoints.npz` of every video, and `X.skeletons.mp4`; a bad file stops nothing.

    root: the folder whose structure the outputs mirror, by default the deepest common folder
    overwrite: extract again, and replace keypoint files that were not written by an extraction
    render: also write the video with the skeletons drawn on it
    A video without people ends `ok`, with a note. One with frames that cannot be read ends
    `partial`, with their numbers as the reason.
    """
    check_folder(out)
    items = find_items(videos, root)
    threads = executor.threads(threads, len(items))
    work = ExtractionWork(options, overwrite, render, threads)
    return run_items(items, out, work, task="keypoints", executor=executor)


@dataclass(frozen=True, slots=True)
class ExtractionWork:
    """The settings of a worker as plain data; `open` loads the networks."""

    options: ExtractOptions
    overwrite: bool
    render: bool
    threads: int | None

    def open(self) -> Work:
        """Load the networks. Raises WeightsError if they have not been fetched."""
        return _Extractor(self, open_estimator(self.options, threads=self.threads)).process


@dataclass(frozen=True, slots=True)
class _Extractor:
    """Processes one video after the other with one estimator."""

    work: ExtractionWork
    estimator: PoseEstimator

    def process(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        output = output_path(target, SUFFIX)
        earlier = (
            None if self.work.overwrite else earlier_keypoints(output, path, self.work.options)
        )
        if earlier is None:
            file = extract_keypoints(path, self.work.options, self.estimator, progress=progress)
            write_keypoints(output, file)
        else:
            file = earlier
        outputs, notes = [output], [] if earlier is None else ["done by an earlier run"]
        if self.work.render:
            from playhead.recognition.pose.render import RENDERED, render_keypoints

            outputs.append(output_path(target, RENDERED))
            if earlier is None or not outputs[-1].exists():
                render_keypoints(path, file, outputs[-1])
        if not file.people:
            notes.append(NOBODY)
        problem = file.settings.get(PARTIAL)
        status: Literal["partial", "ok"] = "partial" if problem else "ok"
        return FileOutcome(path, status, tuple(outputs), problem, tuple(notes))


def extract_keypoints(
    path: Path,
    options: ExtractOptions,
    estimator: PoseEstimator | None = None,
    *,
    progress: Progress | None = None,
) -> KeypointFile:
    """The keypoints of one video, in pixels of the displayed frame, with people chosen.

    estimator: as `open_estimator` opens it for these options, which is the default
    progress: advances by 1 in total
    Raises MediaError if the video cannot be read, or none of its frames can.
    """
    estimator = estimator or open_estimator(options)
    tracker = PeopleTracker(estimator.skeleton, options.tracking)
    with open_video(path) as video:
        every = 0.0 if options.rate is None else 1 / options.rate
        frames = sampled_frames(video.times, every, None)
        estimator.restart(rate=len(frames) / max(video.duration, 1e-3))
        size = scaled_size((video.height, video.width), options.size, enlarge=False)
        scale = np.array([video.width / size[0], video.height / size[1], 1], np.float32)
        analysed = 0
        for k, image in video.stream(size=size, wanted=frames):
            poses = [Pose(points * scale, score) for points, score in estimator.people(image)]
            tracker.add(k, float(video.times[k]), poses)
            analysed += 1
            if progress is not None:
                progress.advance(1 / len(frames))
        if not analysed:
            raise PlayheadError(f"{path}: no frame of it can be decoded")
        settings = {
            EXTRACTION: options.model_dump(),
            SOURCE: fingerprint(path),
            PARTIAL: _problem(video.damage),
        }
        file = KeypointFile(
            video=path.name,
            times=video.times,
            size=(video.width, video.height),
            skeleton=estimator.skeleton,
            people=tracker.people(),
            settings=settings,
        )
    return replace(file, chosen=choose_people(file, options.people))


def open_estimator(options: ExtractOptions, *, threads: int | None = None) -> PoseEstimator:
    """The pose estimator of these options; threads: by default every core it may use.

    Raises WeightsError if its networks have not been fetched.
    """
    given = {"max_people": options.max_people, "min_score": options.min_score}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    match options.estimator:
        case "blazepose":
            from playhead.recognition.pose.blazepose import BlazePose

            return BlazePose(**chosen, interval_seconds=options.interval_seconds, threads=threads)
        case "movenet":
            from playhead.recognition.pose.movenet import MoveNet

            return MoveNet(**chosen, threads=threads)


def earlier_keypoints(output: Path, video: Path, options: ExtractOptions) -> KeypointFile | None:
    """The keypoints that an earlier run with these options extracted of this video, if any.

    Raises PlayheadError if the file was not written by an extraction.
    """
    if not output.exists():
        return None
    try:
        file = read_keypoints(output)
    except LabelError:  # an unreadable file has no keypoints to protect
        return None
    if EXTRACTION not in file.settings:
        raise PlayheadError(
            f"{output}: was not extracted from a video, so it may be ground truth; choose another "
            "folder with --out, or use --overwrite"
        )
    same = file.settings[EXTRACTION] == options.model_dump()
    return file if same and file.settings.get(SOURCE) == fingerprint(video) else None


def _problem(damage: Sequence[Damage]) -> str | None:
    """The frames that cannot be read, in words; None if all can."""
    ranges = ", ".join(f"{part.start}-{part.stop - 1}" for part in damage)
    return f"frames {ranges} cannot be decoded; there are no keypoints of them" if ranges else None
