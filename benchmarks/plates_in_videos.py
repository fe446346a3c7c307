"""Plates in videos: true ones found and boxes that are none, without and with asking twice.

Two real clips that show no plate, and four generated streets.

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
from playhead.inference.detectors.plates import Plates, PlateSearch
from playhead.inference.weights import weight_path
from playhead.media import open_video
from playhead.worlds.street import StreetConfig, generate_street

STEP = 3

Box = list[float]


def main() -> None:
    print(describe("openvino", "numpy", "av"))
    print(f"\nevery {STEP}rd frame, threshold .3, without / with asking twice\n")
    start("video", "plates from 40 px", "found", "wrong boxes", "of them wider than a quarter")
    searches = [Plates(threads=2, search=PlateSearch(wide=wide)) for wide in (np.inf, 0.25)]
    with TemporaryDirectory() as made:
        for name, path, plates in clips(Path(made)):
            counts = [counted(one, path, plates) for one in searches]
            pairs = [f"{old} / {new}" for old, new in zip(*counts, strict=True)]
            row(name, counts[0][0], *pairs[1:])


def clips(made: Path) -> Iterator[tuple[str, Path, dict[int, list[Box]]]]:
    """Name, path and the true plates by frame: two clips without any, four streets."""
    for name in ("clip-carphone", "clip-bikes"):
        yield name, weight_path(name), {}
    for (width, height), seed in product(((640, 360), (960, 540)), (5, 6)):
        folder = made / f"{width}-{seed}"
        config = StreetConfig(seconds=4, width=width, height=height)
        generate_street(folder, count=1, seed=seed, config=config, processes=1)
        plates: dict[int, list[Box]] = {}
        for one in read_tracks(folder / "street-000.tracks.npz").tracks:
            for frame, box in zip(one.frames.tolist(), one.boxes.tolist(), strict=True):
                plates.setdefault(frame, []).extend([box] if one.label == "plate" else [])
        yield f"street {width}x{height}, seed {seed}", folder / "street-000.mp4", plates


def counted(search: Plates, path: Path, plates: dict[int, list[Box]]) -> NDArray[np.int_]:
    """Wide enough true plates, those found, boxes on no plate at IoU .3, the wide ones of them."""
    video = open_video(path)
    sums = np.zeros(4, int)
    for frame, image in video.stream(wanted=np.arange(0, video.frames, STEP)):
        found = search.detect([image], threshold=0.3)[0]["plate"]
        truth = np.array(plates.get(frame, []), float).reshape(-1, 4)
        enough = truth[truth[:, 2] - truth[:, 0] >= 40]
        hit = iou(enough, found.boxes).max(axis=1, initial=0) >= 0.3
        wrong = found.boxes[iou(found.boxes, truth).max(axis=1, initial=0) < 0.3]
        wide = wrong[:, 2] - wrong[:, 0] > 0.25 * max(image.shape)
        sums += [len(enough), hit.sum(), len(wrong), wide.sum()]
    return sums


if __name__ == "__main__":
    main()
