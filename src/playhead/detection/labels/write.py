"""Writing of labelled images, ground truth or predictions, in any format.

An image's name is its path relative to a root, so that equal file names in different folders do not
clash.
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
    """Write a set in these formats to the folder `out`, each file whole or not at all.

    yolo: `labels/<name>.txt` and `classes.txt`; voc: `Annotations/<name>.xml`
    coco: `annotations.coco.json`, or `predictions.coco.json`; csv: `boxes.csv`, or `submission.csv`
    root: the folder that images are named relative to, see `names_of`
    predictions: write scores, and COCO as a list of results, with the ids of the document `ids`
    Returns the paths. Raises LabelError for an unknown format or names that clash.
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
                raise LabelError(f"unknown label format {kind!r}; choose from {', '.join(KINDS)}")
    return written


def write_set(images: ImageSet, folder: Path) -> Path:
    """Write `labels`, `classes.txt` and `manifest.csv` for images that lie in `folder/images`.

    Returns the manifest. Raises LabelError for no images, or one outside that folder.
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
    """A unique name for each image, in order.

    Relative to `root`; without one, the path after the last folder `images`, or, if those are not
    unique, relative to the common folder.
    Raises LabelError for an image outside `root`, or one that is listed twice.
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
                f"{path} and {first[name]} would both be named {name}; give the folder that "
                "contains all images, or leave one out"
            )
    return names


def label_names(names: Sequence[str], suffix: str) -> tuple[str, ...]:
    """The name of the label file of each image.

    Raises LabelError if two would share one, such as `a.jpg` and `a.png`.
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
    """Whether a file name is valid UTF-8, which is needed to write it to a text file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _relative(path: Path, root: Path) -> str:
    for file, folder in ((path, root), (path.resolve(), root.resolve())):
        if file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    raise LabelError(f"{path}: lies outside {root}; give the folder that contains all images")


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
    """Write each label file whole or not at all, without fsync, since there are many."""
    texts = [text_of(image) for image in images.images]
    paths = [inside(folder, name) for name in names]
    for path, text in zip(paths, texts, strict=True):
        temporary = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8", newline="\n")
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):  # the folder may not exist either
                temporary.unlink(missing_ok=True)
            raise StorageError(f"{path}: writing failed: {error.strerror or error}") from error
    return paths
