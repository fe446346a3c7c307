"""How well is a hole in a real photograph filled, beside what OpenCV fills it with?

Holes are put where nothing is labelled, in the images of plate_vehicle_openimages350; what was
there is the truth. PSNR and SSIM (Gaussian window of 1.5 pixels, over the hole) reward a blurred
guess: a smooth blob leads both. Roughness is the deviation of the fine structure in the hole beside
the true one (median over the holes): 1 is as rough as it was, 0 a blob that can be known as one.

Then all labelled objects of each image are filled, and a packaged network looks for vehicles: how
many lie half or more in what was filled? They are what a cleaned background shows and no label
says.

    playhead weights get redaction
    PLAYHEAD_DATA=data python benchmarks/inpainting.py
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from environment import describe
from playhead.detection.synthesis.background import clean_background, hidden_by
from playhead.inference.detectors import Detector, open_detector
from playhead.media.stills import read_still

Bytes = NDArray[np.uint8]
Fill = Callable[[Bytes, NDArray[np.float64], NDArray[np.bool_]], Bytes]

SIDES = {"small": (24, 64), "large": (100, 220)}
RADIUS = 5
TRIES = 60
MOST = 0.7
INSIDE = 0.5
THRESHOLD = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """An image and the boxes (N, 4) in it that are taken out; hidden: (H, W), with margins."""

    image: Bytes
    boxes: NDArray[np.float64]
    hidden: NDArray[np.bool_]


def main() -> None:
    given = arguments()
    cv2.setNumThreads(1)
    print(describe("numpy", "scipy", "opencv-python"))
    for name, sides in SIDES.items():
        holes = list(find_holes(data_folder(), given.images, sides, given.seed))
        print(f"{len(holes)} {name} holes of {sides[0]} to {sides[1]} pixels a side")
        print(f"{'':24}{'PSNR':>8}{'SSIM':>8}{'roughness':>11}{'ms':>8}")
        for title, fill in fills().items():
            print_row(title, fill, holes)
    print_left_over(list(find_objects(data_folder(), given.images)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fill holes whose content is known.")
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def data_folder() -> Path:
    """The training images in the folder that PLAYHEAD_DATA names."""
    folder = Path(os.environ.get("PLAYHEAD_DATA", "")) / "plate_vehicle_openimages350" / "train"
    if not (folder / "images").is_dir():
        sys.exit("set PLAYHEAD_DATA to the folder that holds plate_vehicle_openimages350")
    return folder


def fills() -> dict[str, Fill]:
    """Every way to fill a hole, ours first."""
    return {
        "texture": lambda image, box, _: clean_background(image, box, filling="texture"),
        "grain": lambda image, box, _: clean_background(image, box, filling="grain"),
        "smooth": lambda image, box, _: clean_background(image, box, filling="smooth"),
        "OpenCV, Telea": lambda image, _, hidden: by_opencv(image, hidden, cv2.INPAINT_TELEA),
        "OpenCV, Navier-Stokes": lambda image, _, hidden: by_opencv(image, hidden, cv2.INPAINT_NS),
    }


def by_opencv(image: Bytes, hidden: NDArray[np.bool_], method: int) -> Bytes:
    return np.asarray(cv2.inpaint(image, hidden.astype(np.uint8), RADIUS, method), np.uint8)


def find_holes(folder: Path, images: int, sides: tuple[int, int], seed: int) -> Iterator[Hole]:
    """One hole an image, beside all labels, where there is room for one."""
    rng = np.random.default_rng(seed)
    for image, boxes in labelled_images(folder, images):
        high, wide, _ = image.shape
        labelled = hidden_by(boxes, (high, wide), 0)
        for _ in range(TRIES):
            width, height = rng.integers(*sides, 2)
            x, y = rng.integers(wide - width), rng.integers(high - height)
            box = np.array([[x, y, x + width, y + height]], np.float64)
            hidden = hidden_by(box, (high, wide), 0.1)
            if not (hidden & labelled).any():
                yield Hole(image, box, hidden)
                break


def find_objects(folder: Path, images: int) -> Iterator[Hole]:
    """Images whose objects are the holes, where enough is left of the image."""
    for image, boxes in labelled_images(folder, images):
        hidden = hidden_by(boxes, image.shape, 0.1)
        if hidden.mean() <= MOST:
            yield Hole(image, boxes, hidden)


def labelled_images(folder: Path, count: int) -> Iterator[tuple[Bytes, NDArray[np.float64]]]:
    """The first images with the boxes (N, 4) of all that is labelled in them."""
    for path in sorted((folder / "images").glob("*.jpg"))[:count]:
        image = read_still(path)
        size = image.shape[1::-1]
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2).reshape(-1, 5)
        centre, sides = rows[:, 1:3] * size, rows[:, 3:5] * size
        yield image, np.hstack([centre - sides / 2, centre + sides / 2])


def print_left_over(images: list[Hole]) -> None:
    network = open_detector("objectron", threads=1)
    print(f"vehicles that {network.name} finds at {THRESHOLD} in what was filled")
    print(f"{'of ' + str(len(images)) + ' images':24}{'vehicles':>10}{'images':>10}")
    ways: dict[str, Fill] = {"as they are": lambda image, *_: image} | fills()
    for title, fill in ways.items():
        found = [
            vehicles_in(network, fill(one.image, one.boxes, one.hidden), one.hidden)
            for one in images
        ]
        print(f"{title:24}{sum(found):10d}{sum(map(bool, found)):10d}", flush=True)


def vehicles_in(network: Detector, image: Bytes, hidden: NDArray[np.bool_]) -> int:
    """How many boxes of vehicles lie half or more in what is hidden."""
    count = 0
    for box in network.detect([image], threshold=THRESHOLD)[0]["car"].boxes:
        x1, y1, x2, y2 = np.rint(box).astype(int).clip(0, None).tolist()
        part = hidden[y1:y2, x1:x2]
        count += part.size > 0 and float(part.mean()) >= INSIDE
    return count


def print_row(title: str, fill: Fill, holes: list[Hole]) -> None:
    figures, seconds = [], 0.0
    for hole in holes:
        started = time.perf_counter()
        filled = fill(hole.image, hole.boxes, hole.hidden)
        seconds += time.perf_counter() - started
        figures.append(measured(hole, filled))
    psnr, ssim, roughness = np.array(figures).T
    print(
        f"{title:24}{psnr.mean():8.2f}{ssim.mean():8.3f}{np.median(roughness):11.2f}"
        f"{1000 * seconds / len(holes):8.1f}",
        flush=True,
    )


def measured(hole: Hole, filled: Bytes) -> tuple[float, float, float]:
    """PSNR, SSIM and roughness over the hole."""
    true, made = hole.image.astype(np.float64), filled.astype(np.float64)
    error = ((true - made)[hole.hidden] ** 2).mean()
    fine = [one - gaussian_filter(one, (2, 2, 0)) for one in (made, true)]
    rough, really = (one[hole.hidden].std() for one in fine)
    psnr = 10 * np.log10(255**2 / max(error, 1e-2))
    similar = float(similarity(true, made)[hole.hidden].mean())
    return float(psnr), similar, float(rough / max(really, 0.5))


def similarity(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """SSIM at each pixel and channel ("Image quality assessment", 2004)."""

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, (1.5, 1.5, 0)))

    ma, mb = mean(a), mean(b)
    va, vb, shared = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * ma * mb + c1) * (2 * shared + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))


if __name__ == "__main__":
    main()
