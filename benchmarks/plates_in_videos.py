"""Plates in videos: true ones detected and false boxes, by each preset of a redaction.

Two real clips that show no plate, and four generated streets with plates of many regions.

    python benchmarks/plates_in_videos.py
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from environment import describe
from packaged_detectors import row, start
from playhead.decisions.boxes import iou
from playhead.events.formats.tracks import read_tracks
from playhead.inference.weights import weight_path
from playhead.media import open_video
from playhead.redaction.config import load_redaction_config
from playhead.redaction.detect import RedactionDetector
from playhead.redaction.resolved import resolve
from playhead.worlds.street import StreetConfig, generate_street

STEP = 3

ARMS = {
    "packaged alone": ("balanced", "plates"),
    "fast": ("fast", None),
    "balanced": ("balanced", None),
    "balanced, nothing fetched": ("balanced", "playhead-plates"),
    "thorough": ("thorough", None),
}
"""The preset, and the plate networks if they are not the preset's."""

Box = list[float]


def main() -> None:
    print(describe("openvino", "numpy", "av"))
    detectors = {name: opened(*arm) for name, arm in ARMS.items()}
    print(f"\nevery {STEP}rd frame; of each preset: plates detected, false boxes a frame\n")
    start("video", "frames", "plates from 40 px", *detectors)
    with TemporaryDirectory() as made:
        for name, path, plates in clips(Path(made)):
            frames, total = 0, 0
            cells = []
            for detector, threshold in detectors.values():
                frames, total, hits, false = counted(detector, threshold, path, plates)
                cells.append(f"{hits}, {false / frames:.2f}")
            row(name, frames, total, *cells)


def opened(preset: str, plates: str | None) -> tuple[RedactionDetector, float]:
    """The detector of a preset for plates alone, and its threshold."""
    settings = ["hide=[plate]", *([] if plates is None else [f"detection.plates={plates}"])]
    redaction = resolve(load_redaction_config(preset, settings))
    return RedactionDetector(redaction, threads=2), redaction.threshold("plate")


def clips(made: Path) -> Iterator[tuple[str, Path, dict[int, list[Box]]]]:
    """Name, path and the true plates by frame: two clips without any, four streets."""
    for name in ("clip-carphone", "clip-bikes"):
        yield name, weight_path(name), {}
    for (width, height), seed in product(((640, 360), (960, 540)), (5, 6)):
        folder = made / f"{width}-{seed}"
        config = StreetConfig(seconds=4, width=width, height=height, plates="worldwide")
        generate_street(folder, count=1, seed=seed, config=config, processes=1)
        plates: dict[int, list[Box]] = {}
        for track in read_tracks(folder / "street-000.tracks.npz").tracks:
            for frame, box in zip(track.frames.tolist(), track.boxes.tolist(), strict=True):
                plates.setdefault(frame, []).extend([box] if track.label == "plate" else [])
        yield f"street {width}x{height}, seed {seed}", folder / "street-000.mp4", plates


def counted(
    detector: RedactionDetector, threshold: float, path: Path, plates: dict[int, list[Box]]
) -> tuple[int, int, int, int]:
    """Frames, wide enough true plates, those detected, and boxes on no plate at IoU .3."""
    video = open_video(path)
    size = detector.read_size(video.width, video.height)
    frames, sums = 0, np.zeros(3, int)
    for frame, image in video.stream(wanted=np.arange(0, video.frames, STEP), size=size):
        scale = video.width / image.shape[1], video.height / image.shape[0]
        found = detector.detect([image])[0]["plate"].above(threshold).scaled(*scale)
        truth: NDArray[np.float64] = np.array(plates.get(frame, []), float).reshape(-1, 4)
        enough = truth[truth[:, 2] - truth[:, 0] >= 40]
        hit = iou(enough, found.boxes).max(axis=1, initial=0) >= 0.3
        false = iou(found.boxes, truth).max(axis=1, initial=0) < 0.3
        frames += 1
        sums += np.array([len(enough), hit.sum(), false.sum()])
    total, hits, false_boxes = sums.tolist()
    return frames, total, hits, false_boxes


if __name__ == "__main__":
    main()
