"""How often is a face found again after it was hidden, style by style?

43 faces of nine photographs: CenterFace finds them, each style hides them with the default mask,
then CenterFace and BlazeFace look at the result. A labelled face counts as found again where a
detection overlaps its box by IoU .5. `solid`, `image` and `fill` keep nothing of a face (a test
shows that), so what is "found" under them is guessed from hair, neck and the shape of the mask:
they are the floor that `mosaic` and `blur` are to be read against.

    playhead weights get redaction
    PLAYHEAD_DATA=data python benchmarks/weak_styles.py
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import describe
from playhead.decisions.boxes import Boxes, iou
from playhead.inference.detectors import Detector, open_detector
from playhead.media.planes import Planes
from playhead.redaction.config import MaskConfig
from playhead.redaction.hide import HideConfig, Hider, Region
from playhead.redaction.images import read_image
from playhead.redaction.regions import scaled_boxes
from playhead.redaction.resolved import FACE_THRESHOLDS

NETWORKS = ("centerface", "blazeface")
LOW = 0.1
OVERLAP = 0.5
STYLES = ("solid", "image", "fill", "mosaic", "blur")
CELLS = (3, 6, 8, 12, 16)
STRENGTHS = (0.05, 0.1, 0.15, 0.3)


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """An image with its labelled faces, and what is to be hidden in it.

    pixels: RGB (H, W, 3); faces: (N, 4) labelled boxes; regions: masks of the faces found
    """

    pixels: NDArray[np.uint8]
    faces: NDArray[np.float32]
    regions: list[Region]


def main() -> None:
    given = arguments()
    detectors = [open_detector(name, threads=given.threads) for name in NETWORKS]
    photographs = read_photographs(data_folder(), detectors[0])
    faces = sum(len(one.faces) for one in photographs)
    masks = sum(len(one.regions) for one in photographs)
    print(describe("openvino", "numpy", "pillow"))
    print(
        f"{faces} labelled faces in {len(photographs)} photographs, {masks} masks: ellipses of "
        f"{MaskConfig().scale:g} times the boxes that {NETWORKS[0]} finds at {default_threshold()}"
    )
    print_header()
    print_row("none", photographs, None, detectors)
    for style in STYLES:
        config = HideConfig(style=style)
        print_row(named(config), photographs, config, detectors)
    for cells in CELLS:
        config = HideConfig(style="mosaic", cells=cells)
        print_row(named(config), photographs, config, detectors)
    for strength in STRENGTHS:
        config = HideConfig(style="blur", strength=strength)
        print_row(named(config), photographs, config, detectors)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find hidden faces again.")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def data_folder() -> Path:
    """The folder of the photographs in the one that PLAYHEAD_DATA names."""
    folder = Path(os.environ.get("PLAYHEAD_DATA", "")) / "face_dlib_examples"
    if not (folder / "images").is_dir():
        sys.exit("set PLAYHEAD_DATA to the folder that holds face_dlib_examples")
    return folder


def default_threshold() -> float:
    return FACE_THRESHOLDS[NETWORKS[0]]


def read_photographs(folder: Path, detector: Detector) -> list[Photograph]:
    """Every photograph with its labels and the masks of the faces that `detector` finds."""
    photographs = []
    for path in sorted((folder / "images").glob("*.jpg")):
        pixels, _ = read_image(path)
        height, width, _ = pixels.shape
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2)
        centre, size = rows[:, 1:3] * (width, height), rows[:, 3:5] * (width, height)
        faces = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
        found = look(detector, pixels, default_threshold())
        grown = scaled_boxes(found.boxes.astype(np.float64), MaskConfig().scale)
        regions = [Region((x1, y1, x2, y2)) for x1, y1, x2, y2 in grown.tolist()]
        photographs.append(Photograph(pixels, faces, regions))
    return photographs


def look(detector: Detector, pixels: NDArray[np.uint8], threshold: float) -> Boxes:
    return detector.detect([pixels], threshold=threshold)[0]["face"]


def named(config: HideConfig) -> str:
    match config.style:
        case "mosaic":
            return f"mosaic, {config.cells} cells"
        case "blur":
            return f"blur, {config.strength:g} of the box"
        case style:
            return style


def print_header() -> None:
    columns = [f"{name} at {at:g}" for name in NETWORKS for at in (default_threshold(), LOW)]
    print(f"{'faces found':22}" + "".join(f"{column:>20}" for column in columns))


def print_row(
    name: str,
    photographs: Sequence[Photograph],
    config: HideConfig | None,
    detectors: Sequence[Detector],
) -> None:
    shown = [hidden(one, config) for one in photographs]
    faces = sum(len(one.faces) for one in photographs)
    cells = []
    for detector in detectors:
        for threshold in (default_threshold(), LOW):
            found = [look(detector, pixels, threshold) for pixels in shown]
            hits = sum(map(hit_faces, photographs, found))
            cells.append(f"{hits:3d} ({hits / faces:4.0%})")
    print(f"{name:22}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def hidden(one: Photograph, config: HideConfig | None) -> NDArray[np.uint8]:
    """The photograph with its faces hidden; None leaves it as it is."""
    pixels = one.pixels.copy()
    if config is not None:
        Hider(config).hide(Planes.of_rgb(pixels), one.regions)
    return pixels


def hit_faces(one: Photograph, found: Boxes) -> int:
    """How many labelled faces a detection overlaps."""
    if not len(found):
        return 0
    return int(np.count_nonzero(iou(one.faces, found.boxes).max(axis=1) >= OVERLAP))


if __name__ == "__main__":
    main()
