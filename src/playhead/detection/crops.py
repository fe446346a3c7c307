"""Crops of a detector's worst mistakes, for the report.

For each class and each kind of mistake, the false positives with the highest scores and the largest
missed objects. A mistake has no crop if its image is missing or is not the annotated one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playhead.detection.labels.read import UnseenImage
from playhead.errors import PlayheadError
from playhead.events.images import ImageSet, LabelledImage
from playhead.media.stills import read_still
from playhead.metrics.mistakes import KINDS, Mistake
from playhead.report.crops import CropWindow, crop_window
from playhead.report.images import RGB, resize

__all__ = ["Crop", "crops_of", "image_names", "worst_mistakes"]

MAX_PER_KIND = 6
MAX_IN_ALL = 240
LONGEST = 320  # pixels of a crop
CONTEXT = 1.8


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A mistake and the square around it.

    window: the crop in pixels of the image; pixels: at most 320 a side, None without an image
    reason: why there is no image
    """

    mistake: Mistake
    window: CropWindow
    pixels: RGB | None
    reason: str = ""


def worst_mistakes(mistakes: Sequence[Mistake], classes: Sequence[str]) -> list[Mistake]:
    """Up to six of each kind in each class, fewer if there are many classes."""
    most = max(1, min(MAX_PER_KIND, MAX_IN_ALL // max(1, len(classes) * len(KINDS))))
    groups: dict[tuple[str, str], list[Mistake]] = {}
    for mistake in mistakes:
        groups.setdefault((mistake.label, mistake.kind), []).append(mistake)
    return [
        mistake
        for label in classes
        for kind in KINDS
        for mistake in sorted(groups.get((label, kind), ()), key=_severity, reverse=True)[:most]
    ]


def crops_of(mistakes: Sequence[Mistake], truth: ImageSet, predictions: ImageSet) -> list[Crop]:
    """The crop of each mistake, in their order; each image is read once."""
    crops: dict[int, Crop] = {}
    for index in sorted({mistake.image for mistake in mistakes}):
        annotated, predicted = truth.images[index], predictions.images[index]
        pixels = _read(annotated)
        for number, mistake in enumerate(mistakes):
            if mistake.image == index:
                crops[number] = _crop(mistake, annotated, predicted, pixels)
    return [crops[number] for number in range(len(mistakes))]


def image_names(images: ImageSet) -> list[str]:
    """The file name of each image, with as many of its folders as make it unique."""
    parts = [image.path.parts for image in images.images]
    names = [image.path.name for image in images.images]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        times = Counter(names)
        names = [
            name if times[name] == 1 else "/".join(part[-depth:])
            for name, part in zip(names, parts, strict=True)
        ]
    return names


def _severity(mistake: Mistake) -> float:
    return mistake.size if mistake.kind == "missed" else mistake.score or 0.0


def _read(image: LabelledImage) -> RGB | str:
    """The pixels of an image, or why there are none."""
    if isinstance(image, UnseenImage):
        return "not in the image folder"
    if not image.path.is_file():
        return "not on disk"
    try:
        pixels = read_still(image.path)
    except PlayheadError as error:
        return str(error).replace(f"{image.path}: ", "")
    height, width = pixels.shape[:2]
    if all(image.size) and image.size != (width, height):
        return f"{width}x{height} pixels, but its labels are for {image.size[0]}x{image.size[1]}"
    return pixels


def _crop(
    mistake: Mistake, annotated: LabelledImage, predicted: LabelledImage, pixels: RGB | str
) -> Crop:
    boxes = [predicted.boxes[mistake.found]] if mistake.found is not None else []
    boxes += [annotated.boxes[mistake.true]] if mistake.true is not None else []
    if isinstance(pixels, str):
        size = annotated.size if all(annotated.size) else None
        return Crop(mistake, crop_window(boxes, size, context=CONTEXT), None, pixels)
    height, width = pixels.shape[:2]
    window = crop_window(boxes, (width, height), context=CONTEXT)
    return Crop(mistake, window, resize(window.of(pixels), LONGEST))
