"""Sources: labels of pictures in any format, told by what is found, read into raw labels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from playhead.detection.labels import coco, csv_rows, voc, yolo
from playhead.detection.labels.discovery import LabelFiles
from playhead.detection.labels.finding import (
    Shelf,
    plain_name,
    shelf_of,
    split_of,
    without_suffix,
)
from playhead.detection.labels.raw import Fault, RawPicture, RawSet, Report
from playhead.errors import LabelError, PlayheadError
from playhead.events.source import csv_rows as table_rows
from playhead.events.source import read_text
from playhead.files import inside

__all__ = ["FORMATS", "MANIFEST", "SUBMISSION", "Manner", "detect", "parse"]

FORMATS = ("manifest", "yolo", "voc", "coco", "csv")
MANIFEST = "manifest.csv"
SUBMISSION = "submission.csv"
_TABLES = (SUBMISSION, "boxes.csv")
"""A table of boxes that is the whole of a folder; only the first goes over other labels."""
_Splits = Mapping[str, Sequence[str]]
"""The splits of pictures by their names without suffix."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a source is to be read where its files leave it open.

    in_pixels: YOLO with pixels instead of shares; first_pixel: of VOC, 1 as it defines or 0
    ids: what the numbers in a list of COCO results mean; crowds: keep those of COCO, of score 0
    shelf: the pictures that the labels speak of, where that is known before they are read
    """

    in_pixels: bool = False
    first_pixel: int = 1
    ids: coco.Ids | None = None
    crowds: bool = False
    shelf: Shelf | None = None


def detect(path: Path, images: Path | None = None) -> str:
    """The format of labels in a file or folder; LabelError names the formats where it is none.

    images: the folder of the pictures, where they are not beside the labels
    """
    if path.is_dir():
        return _detect_folder(path, images)
    if not path.exists():
        raise LabelError(f"{path}: there is no such file or folder")
    match path.suffix.lower():
        case ".json":
            return "coco"
        case ".xml":
            return "voc"
        case ".yaml" | ".yml" | ".txt":
            return "yolo"
        case ".csv":
            header = read_text(path).partition("\n")[0]
            return "manifest" if "labels" in {cell.strip() for cell in header.split(",")} else "csv"
    raise LabelError(f"{path}: {path.suffix!r} tells no format; known are {', '.join(FORMATS)}")


def parse(path: Path, name: str, report: Report, manner: Manner | None = None) -> RawSet:
    """What the labels in `path` say in the format `name`.

    Raises LabelError where a file that speaks of all pictures (CSV, JSON, a list of classes) is
    broken; whatever is wrong with a single picture or box goes to `report`.
    """
    manner = manner or Manner()
    match name:
        case "manifest":
            return _parse_manifest(path / MANIFEST if path.is_dir() else path, report, manner)
        case "yolo":
            return _parse_yolo(path, report, manner)
        case "voc":
            return _parse_voc(path, report, manner)
        case "coco":
            return _parse_coco(path, report, manner)
        case "csv":
            return csv_rows.parse(_table(path) if path.is_dir() else path, report)
    raise LabelError(f"{path}: {name!r} is no format of pictures; known are {', '.join(FORMATS)}")


def _detect_folder(folder: Path, images: Path | None) -> str:
    if (folder / MANIFEST).is_file():
        return "manifest"
    if (folder / SUBMISSION).is_file():
        return "csv"
    files = LabelFiles(folder, None if images is None else shelf_of(folder, images))
    kind = files.kind()
    if kind is not None:
        return kind
    if _table(folder).is_file():
        return "csv"
    if yolo.read_classes(folder) is not None:
        return "yolo"
    for unread, why in files.unread:
        raise LabelError(f"{unread}: {why}")
    raise LabelError(
        f"{folder}: holds no labels of pictures; looked for {MANIFEST}, {', '.join(_TABLES)}, "
        "label files (.txt) of YOLO, .xml of VOC and .json of COCO"
    )


def _table(folder: Path) -> Path:
    """The table of boxes in a folder; its first name where there is none."""
    paths = [folder / name for name in _TABLES]
    return next((path for path in paths if path.is_file()), paths[0])


def _parse_yolo(path: Path, report: Report, manner: Manner) -> RawSet:
    folder = path if path.is_dir() else path.parent
    if path.suffix.lower() == ".txt" and not path.is_dir():
        return RawSet(_classes_near(folder), [_yolo_picture(path, folder, report, manner)])
    files = LabelFiles(folder, manner.shelf)
    pictures = [_yolo_picture(file, folder, report, manner) for file in files.texts]
    files.tell("yolo", _named(pictures), report)
    return RawSet(_classes_near(folder), pictures)


def _named(pictures: Sequence[RawPicture]) -> set[str]:
    """The pictures that are spoken of, without suffix."""
    return {without_suffix(name) for one in pictures for name in one.names}


def _yolo_picture(file: Path, folder: Path, report: Report, manner: Manner) -> RawPicture:
    relative = file.relative_to(folder)
    return RawPicture(
        names=(without_suffix(plain_name(relative)),),
        file=file,
        boxes=yolo.parse_labels(file, report, in_pixels=manner.in_pixels),
        shares=not manner.in_pixels,
        split=split_of(relative),
    )


def _classes_near(folder: Path) -> tuple[str, ...] | None:
    found = yolo.read_classes(folder)
    return yolo.read_classes(folder.parent) if found is None else found


def _parse_voc(path: Path, report: Report, manner: Manner) -> RawSet:
    folder = path if path.is_dir() else path.parent
    splits = _voc_splits(folder)
    if path.is_file():
        return RawSet(None, [_voc_picture(path, folder, splits, report, manner)])
    files = LabelFiles(folder, manner.shelf)
    pictures = [
        _voc_picture(file, folder, splits, report, manner) for file in files.documents["voc"]
    ]
    files.tell("voc", _named(pictures), report)
    return RawSet(None, pictures)


def _voc_picture(
    file: Path, folder: Path, splits: _Splits, report: Report, manner: Manner
) -> RawPicture:
    relative = file.relative_to(folder)
    name = without_suffix(plain_name(relative))
    split = _split_in(splits, file, report) or split_of(relative)
    read = voc.parse_labels(file, report, first_pixel=manner.first_pixel)
    if read is None:
        return RawPicture((name,), file, (), unit="object", split=split, broken=True)
    own = Path(read.picture.replace("\\", "/")).name
    stated = Path(name).with_name(own).as_posix() if own else name
    return RawPicture(
        # Renamed pictures often keep the old name in the file: that of the label comes first.
        names=(stated,) if without_suffix(stated) == name else (name, stated),
        file=file,
        boxes=read.boxes,
        unit="object",
        size=read.size,
        split=split,
    )


def _voc_splits(folder: Path) -> _Splits:
    """The splits of the lists in `ImageSets/Main`, in this order, by the name of the picture."""
    lists = folder / "ImageSets" / "Main"
    splits: defaultdict[str, list[str]] = defaultdict(list)
    for stem, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        if (lists / f"{stem}.txt").is_file():
            for name in dict.fromkeys(read_text(lists / f"{stem}.txt").split()):
                splits[name].append(split)
    return splits


def _split_in(splits: _Splits, file: Path, report: Report) -> str | None:
    """The split of a label file by the lists: the first that names it."""
    known = splits.get(file.stem, ())
    if len(known) > 1:
        what = f"the lists in ImageSets/Main have it in {' and '.join(known)}; keep it in one"
        report(Fault.OTHER_SPLIT, str(file), what)
    return known[0] if known else None


def _parse_coco(path: Path, report: Report, manner: Manner) -> RawSet:
    if path.is_file():
        return coco.parse(path, report, manner.ids, crowds=manner.crowds)
    classes: dict[str, None] = {}
    pictures = []
    files = LabelFiles(path, manner.shelf)
    documents = files.documents["coco"]
    for file, found in coco.parse_files(documents, report, manner.ids, crowds=manner.crowds):
        classes |= dict.fromkeys(found.classes or ())
        pictures += [_under(one, file.relative_to(path)) for one in found.pictures]
    files.tell("coco", set(), report)
    return RawSet(tuple(classes), pictures)


def _under(picture: RawPicture, file: Path) -> RawPicture:
    """A picture that is named relative to its document, named relative to the folder of all."""
    whole = (file.parent / picture.names[0]).as_posix()
    names = tuple(dict.fromkeys((plain_name(Path(whole)), *picture.names)))
    return replace(picture, names=names, split=picture.split or split_of(file))


def _parse_manifest(path: Path, report: Report, manner: Manner) -> RawSet:
    pictures = []
    lines: dict[Path, str] = {}
    optional = ("group", "view", "split", "offset")
    for where, cells in table_rows(path, ("video", "labels"), optional):
        picture = _inside(path, where, cells["video"])
        if picture is None:
            raise LabelError(f"{where}: names no picture")
        if lines.setdefault(picture, where) != where:
            raise LabelError(f"{where}: {cells['video']} stands there twice ({lines[picture]})")
        if not picture.is_file():
            report(Fault.MISSING_PICTURE, where, f"the picture {cells['video']!r} is not there")
            continue
        raw = _labels_of_row(path, where, cells, report, manner)
        split, group = cells.get("split") or None, cells.get("group", "")
        names = (picture.relative_to(path.parent.resolve()).as_posix(),)
        pictures.append(replace(raw, names=names, path=picture, split=split, group=group))
    return RawSet(_classes_near(path.parent), pictures)


def _labels_of_row(
    path: Path, where: str, cells: dict[str, str], report: Report, manner: Manner
) -> RawPicture:
    labels = _inside(path, where, cells["labels"])
    if labels is None:
        return RawPicture((), path, ())
    if not labels.is_file():
        what = f"the labels {cells['labels']!r} are not there"
        report(Fault.UNREADABLE_LABELS, where, what)
        return RawPicture((), path, (), broken=True)
    match labels.suffix.lower():
        case ".txt":
            return _yolo_picture(labels, labels.parent, report, manner)
        case ".xml":
            return _voc_picture(labels, labels.parent, {}, report, manner)
    raise LabelError(
        f"{where}: {cells['labels']!r}: a picture has labels of its own, in YOLO (.txt) or VOC "
        "(.xml); a manifest of videos is no set of pictures"
    )


def _inside(manifest: Path, where: str, cell: str) -> Path | None:
    if not cell:
        return None
    try:
        return inside(manifest.parent, cell)
    except PlayheadError as error:
        raise LabelError(f"{where}: {cell!r} leads out of {manifest.parent}") from error
