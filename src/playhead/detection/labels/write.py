"""Writing labelled images, ground truth or predictions, in any format.

An image is named by its path relative to a root, so that two of one file name in different folders
do not clash.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from playhead.detection.labels import coco, csv, voc, yolo
from playhead.detection.labels.layout import MANIFEST, SUBMISSION
from playhead.detection.labels.names import image_name, plain_name, without_suffix
from playhead.errors import LabelError, StorageError
from playhead.events.images import ImageSet, LabelledImage
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.files import inside, write_text

__all__ = ["KINDS", "is_text", "label_names", "names_of", "write_images", "write_set"]

KINDS = ("yolo", "voc", "coco", "csv")


def write_images(
    images: ImageSet,
    out: Path,
    kinds: Iterable[str],
    *,
    root: Path | None = None,
    predictions: bool = False,
    ids: Path | None = None,
) -> list[Path]:
    """Write a set in these formats into the folder `out`, each file whole or not at all.

    yolo: `labels/<name>.txt` and `classes.txt`; voc: `Annotations/<name>.xml`
    coco: `annotations.coco.json`, or `predictions.coco.json`; csv: `boxes.csv`, or `submission.csv`
    root: the folder that images are named relative to, see `names_of`
    predictions: scores are written, and COCO is a list of results; with `ids` numbered as there
    Returns the paths. Raises LabelError for an unknown format, and names that clash.
    """
    names = names_of([image.path for image in images.images], root)
    written: list[Path] = []
    for kind in kinds:
        match kind:
            case "yolo":
                written += _write_yolo(images, out, names, predictions)
            case "voc":

                def xml_text(image: LabelledImage) -> str:
                    return voc.label_text(image, images.classes, scores=predictions)

                files = label_names(names, ".xml")
                written += _write_each(images, out / "Annotations", files, xml_text)
            case "coco" if predictions:
                known = None if ids is None else coco.Ids.read(ids)
                text = coco.results_text(images, names, known)
                written.append(_write(out / "predictions.coco.json", text))
            case "coco":
                text = coco.truth_text(images, names)
                written.append(_write(out / "annotations.coco.json", text))
            case "csv":
                path = out / (SUBMISSION if predictions else "boxes.csv")
                written.append(_write(path, csv.boxes_text(images, names)))
            case _:
                raise LabelError(f"{kind!r} is no format of labels; known are {', '.join(KINDS)}")
    return written


def write_set(images: ImageSet, folder: Path) -> Path:
    """Write `labels`, `classes.txt` and `manifest.csv` for images that lie in `folder/images`.

    Returns the manifest. Raises LabelError for no images, or one that lies elsewhere.
    """
    names = names_of([image.path for image in images.images], folder / "images")
    labels = _write_yolo(images, folder, names, False)
    rows = [
        ManifestRow(video=image.path, labels=path, group=image.group, split=image.split)
        for image, path in zip(images.images, labels, strict=False)
    ]
    write_manifest(rows, folder / MANIFEST)
    return folder / MANIFEST


def names_of(paths: Sequence[Path], root: Path | None = None) -> tuple[str, ...]:
    """The name of each image, in order, no two the same.

    Relative to `root`; without one what stands after the last folder `images`, and where that is no
    name for each, relative to the folder that holds them all.
    Raises LabelError for an image outside `root`, or one that stands there twice.
    """
    if root is not None:
        names = tuple(_relative(path, root) for path in paths)
    else:
        names = tuple(image_name(path) for path in paths)
        clear = len(set(names)) == len(names) and not any(Path(n).is_absolute() for n in names)
        if not clear and len({path.is_absolute() for path in paths}) == 1:
            folder = os.path.commonpath([path.parent for path in paths])
            names = tuple(plain_name(path.relative_to(folder)) for path in paths)
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        if first.setdefault(name, path) is not path:
            raise LabelError(
                f"{path} and {first[name]} would both be called {name}; name the folder that "
                "holds all images, or leave one out"
            )
    return names


def label_names(names: Sequence[str], suffix: str) -> tuple[str, ...]:
    """The name of the label file of each image.

    Raises LabelError where two would share one, as those of `a.jpg` and `a.png`.
    """
    first: dict[str, str] = {}
    for name in names:
        stem = without_suffix(name)
        if first.setdefault(stem.casefold(), name) != name:
            raise LabelError(
                f"{name} and {first[stem.casefold()]} would share the label file {stem}{suffix}; "
                "rename one"
            )
    return tuple(without_suffix(name) + suffix for name in names)


def is_text(name: str) -> bool:
    """Whether a name is UTF-8; one of other bytes can stand in a file system and in no file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _relative(path: Path, root: Path) -> str:
    for file, folder in ((path, root), (path.resolve(), root.resolve())):
        if file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    raise LabelError(f"{path}: lies outside {root}; name the folder that holds all images")


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path


def _write_yolo(images: ImageSet, out: Path, names: Sequence[str], scores: bool) -> list[Path]:
    def text_of(image: LabelledImage) -> str:
        return yolo.label_text(image, scores=scores)

    written = _write_each(images, out / "labels", label_names(names, ".txt"), text_of)
    yolo.write_classes(images.classes, out)
    return [*written, out / yolo.CLASSES]


def _write_each(
    images: ImageSet,
    folder: Path,
    names: Sequence[str],
    text_of: Callable[[LabelledImage], str],
) -> list[Path]:
    """Each label file whole or not at all, without waiting for the disk: there are many."""
    texts = [text_of(image) for image in images.images]
    paths = [inside(folder, name) for name in names]
    for path, text in zip(paths, texts, strict=True):
        temporary = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8", newline="\n")
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):  # where there is no such folder either
                temporary.unlink(missing_ok=True)
            raise StorageError(f"{path}: writing failed: {error.strerror or error}") from error
    return paths
