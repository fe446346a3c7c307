"""Reading of labelled images, ground truth or predictions, in any format.

`read_image_set` is strict: LabelError names the file and the line of the first problem. `playhead
detection normalise` repairs labels instead; it starts from `parse_labels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from playhead.detection.labels import coco, csv, voc, yolo
from playhead.detection.labels.layout import (
    LabelLayout,
    find_layout,
    listed_splits,
)
from playhead.detection.labels.names import plain_name, split_of, split_of_stem, without_suffix
from playhead.detection.labels.pairing import ImageIndex
from playhead.detection.labels.parsed import (
    ParsedImage,
    ParsedLabels,
    Problem,
    Report,
    refuse,
)
from playhead.errors import LabelError, PlayheadError
from playhead.events.images import ImageSet, LabelledImage
from playhead.events.source import csv_rows
from playhead.files import inside
from playhead.media.stills import still_size

__all__ = [
    "UnseenImage",
    "of_split",
    "parse_labels",
    "read_image_set",
    "refuse_unseen",
]


@dataclass(frozen=True, slots=True, eq=False)
class UnseenImage(LabelledImage):
    """An image in the labels whose file is not in the image folder.

    Its path is the name in the labels, used to pair it with predictions. If a file happens to exist
    at that path, it does not belong to the set and must not be opened.
    """


def refuse_unseen(images: ImageSet, source: Path | str) -> None:
    """Raise LabelError if files of images are missing."""
    unseen = [image for image in images.images if isinstance(image, UnseenImage)]
    if unseen:
        raise LabelError(
            f"{source}: {len(unseen)} of {len(images)} images are missing (first: "
            f"{unseen[0].path}); add them to the image folder"
        )


def read_image_set(
    path: Path | str,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | str | None = None,
    *,
    like: ImageSet | None = None,
    ids: Path | None = None,
    crowds: bool = False,
) -> ImageSet:
    """Read the labels or predictions in `path`.

    path: a set (a folder with `manifest.csv`), a folder of YOLO or VOC labels, a `data.yaml`, a
    COCO document or list of results, a CSV of boxes, or a folder that contains one of these
    split: only the images of this split; classes: all classes, in order
    images: the folder of the images, by default beside the labels
    like: the ground truth that predictions are for; gives the images and their sizes, and the
    classes if the predictions do not name them; ids: the COCO document whose ids the results have
    crowds: keep COCO crowds, as boxes of score 0, which evaluation ignores
    A size is (0, 0) if neither the labels nor an image file gives it.
    Raises LabelError with file and line of the first problem, MediaError for an image whose size is
    needed and cannot be read.

    >>> import pathlib, tempfile
    >>> rows = pathlib.Path(tempfile.mkdtemp(), "submission.csv")
    >>> _ = rows.write_text("image,label,score,x1,y1,x2,y2\\na.jpg,car,0.9,4,6,20,18\\n")
    >>> read_image_set(rows).images[0].boxes.tolist()
    [[4.0, 6.0, 20.0, 18.0]]
    """
    path, images = Path(path), None if images is None else Path(images)
    truth = {} if like is None else {known.path: known for known in like.images}
    layout = find_layout(path, images=images, index=None if like is None else ImageIndex(truth))
    result_ids = None if ids is None else coco.Ids.read(ids)
    labels = parse_labels(layout, refuse, ids=result_ids, crowds=crowds)
    numbers = _class_numbers(path, labels, classes, like)
    root = layout.images.root
    parsed_of: dict[Path, ParsedImage] = {}
    labelled = []
    for image in labels.images:
        file = _find_file(image, layout, whole=like is not None)
        size, seen = image.size, file is not None and not isinstance(truth.get(file), UnseenImage)
        if file in truth and any(truth[file].size):
            size = truth[file].size
        elif file is not None and seen and size is None:
            size = still_size(file)
        if image.fractions and size is None:
            raise LabelError(
                f"{image.file}: there is no image {image.name!r} under {root}, whose size YOLO "
                "labels need; give the folder of the images"
            )
        file = file or (images or Path()) / image.name
        first = parsed_of.setdefault(file, image)
        if first is not image:
            raise LabelError(
                f"{image.file} and {first.file} both have labels of {file}; merge them with "
                "`playhead detection normalise`"
            )
        kind = LabelledImage if seen else UnseenImage
        known = replace(image, path=file, split=labels.splits.get(file, image.split), size=size)
        labelled.append(_image(kind, known, numbers, root if seen else None))
    if layout.format == "yolo" and like is None and (path.is_dir() or path == layout.data_yaml):
        for file in layout.images.paths:  # an image without a label file has no objects
            if file not in parsed_of and root is not None:
                of_file = labels.splits.get(file, split_of(file.relative_to(root)))
                size = still_size(file)
                empty = ParsedImage("", file, (), size=size, split=of_file, path=file)
                labelled.append(_image(LabelledImage, empty, numbers, root))
        labelled.sort(key=lambda labelled_image: labelled_image.path)
    whole = ImageSet(tuple(numbers), tuple(labelled))
    return whole if split is None else of_split(whole, split, path)


def _class_numbers(
    path: Path, labels: ParsedLabels, classes: Sequence[str] | None, like: ImageSet | None
) -> dict[str, int]:
    """The number of each class; LabelError if classes have no names, or one is listed twice."""
    names = list(classes or ())
    if not names:
        used = {box.label for image in labels.images for box in image.boxes}
        listed = labels.classes or (() if like is None else like.classes)
        names = [*listed, *sorted({name for name in used if isinstance(name, str)} - {*listed})]
        if not names and used:
            raise LabelError(
                f"{path}: the classes are numbers without names; add a classes.txt beside the "
                "labels, or name the classes"
            )
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise LabelError(
            f"{path}: lists the class {twice} twice among {len(names)} classes; list it once, or "
            "merge both numbers with `playhead detection normalise`"
        )
    return {name: number for number, name in enumerate(names)}


def _find_file(image: ParsedImage, layout: LabelLayout, *, whole: bool) -> Path | None:
    """The file of an image, or None; LabelError if several match.

    whole: only the image whose path ends in the name, as for predictions
    """
    if image.path is not None:
        return image.path
    if whole:
        return layout.images.find_whole(image.name)
    matches = layout.images.find(image.name, image.split)
    if len(matches) > 1:
        names = ", ".join(map(str, matches[:3]))
        raise LabelError(
            f"{image.file}: {image.name!r} matches {names}; keep one of them, or add the folder"
        )
    return matches[0] if matches else None


def _image(
    kind: type[LabelledImage], image: ParsedImage, numbers: Mapping[str, int], root: Path | None
) -> LabelledImage:
    """The image with its boxes in pixels; LabelError for an unknown class or an invalid score.

    root: folder that the default group, the image's name, is relative to
    """
    file, size = image.path or Path(image.name), image.size or (0, 0)
    labels, scores = [], []
    for box in image.boxes:
        label = box.label if isinstance(box.label, int) else numbers.get(box.label, -1)
        if not 0 <= label < len(numbers):
            known = ", ".join(f"{number} {name}" for name, number in numbers.items())
            raise LabelError(f"{image.where(box)}: unknown class {box.label!r}; known are {known}")
        score = 1.0 if box.score is None else box.score
        if not 0 <= score <= 1:
            raise LabelError(f"{image.where(box)}: the score must be from 0 to 1, got {score:g}")
        labels.append(label)
        scores.append(score)
    boxes = np.array([box.corners for box in image.boxes], np.float64).reshape(-1, 4)
    name = Path(image.name) if root is None else file.relative_to(root)
    return kind(
        path=file,
        size=size,
        boxes=boxes * np.array([*size, *size], np.float64) if image.fractions else boxes,
        labels=np.array(labels, np.int32),
        scores=np.array(scores, np.float32),
        group=image.group or without_suffix(plain_name(name)),
        split=image.split,
    )


def of_split(images: ImageSet, split: str, path: Path) -> ImageSet:
    """The images of one split; LabelError, listing the splits of the set, if there are none."""
    indices = [k for k, image in enumerate(images.images) if image.split == split]
    if not indices:
        known = sorted({image.split for image in images.images if image.split})
        raise LabelError(
            f"{path}: has no split {split!r}; its splits are {', '.join(known) or '(none)'}"
        )
    return images.chosen(indices)


def parse_labels(
    layout: LabelLayout,
    report: Report,
    *,
    first_pixel: int = 1,
    ids: coco.Ids | None = None,
    crowds: bool = False,
) -> ParsedLabels:
    """Parse the files of a layout.

    first_pixel: number of the first pixel in VOC, 1 by its definition, or 0
    ids: the ids in COCO results; crowds: keep COCO crowds, as boxes of score 0
    Raises LabelError if a file about many images (CSV, JSON, a list of classes or of images) is
    broken; problems with one image or box go to `report`.
    """
    folder, files = layout.folder, layout.files
    classes: tuple[str, ...] | None = None
    match layout.format:
        case "manifest":
            classes = yolo.read_classes([folder, folder.absolute().parent])
            return ParsedLabels(classes, _parse_manifest(files[0], report, first_pixel))
        case "csv":
            return csv.parse(files[0], report)
        case "yolo":
            images = [_parse_file(file, folder, report) for file in files]
            classes = yolo.read_classes([folder, folder.absolute().parent], layout.data_yaml)
        case "voc":
            images = [_parse_file(file, folder, report, first_pixel) for file in files]
        case _:
            documents = []
            for file in files:
                relative = file.relative_to(folder)
                split = split_of(relative) or split_of_stem(file.stem)
                document = coco.parse(file, report, ids, crowds=crowds, split=split)
                documents.append((relative.parent, document))
            classes = tuple(
                dict.fromkeys(name for _, document in documents for name in document.classes or ())
            )
            images = [
                replace(image, name=plain_name(parent / image.name))
                for parent, document in documents
                for image in document.images
            ]
    return ParsedLabels(classes, images, listed_splits(layout))


def _parse_file(file: Path, folder: Path, report: Report, first_pixel: int = 1) -> ParsedImage:
    """A label file of YOLO or VOC, which describes one image."""
    relative = file.relative_to(folder)
    name, split = without_suffix(plain_name(relative)), split_of(relative)
    if file.suffix.lower() == ".txt":
        return yolo.parse_file(file, name, report, split=split)
    return voc.parse_file(file, name, report, first_pixel=first_pixel, split=split)


def _parse_manifest(path: Path, report: Report, first_pixel: int) -> list[ParsedImage]:
    images = []
    lines: dict[Path, str] = {}
    optional = ("group", "view", "split", "offset")
    for where, cells in csv_rows(path, ("video", "labels"), optional):
        try:
            file = inside(path.parent, cells["video"]) if cells["video"] else None
            labels = inside(path.parent, cells["labels"]) if cells["labels"] else None
        except PlayheadError as error:
            raise LabelError(f"{where}: {error}") from error
        if file is None:
            raise LabelError(f"{where}: the video column is empty; give the image's path")
        if lines.setdefault(file, where) != where:
            raise LabelError(
                f"{where}: {cells['video']} is listed twice ({lines[file]}); remove one row"
            )
        if not file.is_file():
            report(Problem.MISSING_IMAGE, where, f"image {cells['video']!r} does not exist")
            continue
        if labels is None:
            image = ParsedImage("", path, ())
        elif not labels.is_file():
            report(Problem.UNREADABLE_LABELS, where, f"label file {cells['labels']!r} is missing")
            image = ParsedImage("", path, (), broken=True)
        elif labels.suffix.lower() in (".txt", ".xml"):
            image = _parse_file(labels, labels.parent, report, first_pixel)
        else:
            raise LabelError(
                f"{where}: {cells['labels']!r} is not a label file of an image; needs YOLO (.txt) "
                "or VOC (.xml)"
            )
        images.append(
            replace(
                image,
                name=file.relative_to(path.parent.resolve()).as_posix(),
                path=file,
                split=cells.get("split") or None,
                group=cells.get("group", ""),
            )
        )
    return images
