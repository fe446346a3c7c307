"""Sources: labels of pictures in any format, told by what is found, read into raw labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from playhead.errors import LabelError, PlayheadError
from playhead.events.pictures import coco, csv_rows, voc, yolo
from playhead.events.pictures.finding import Shelf, plain_name, split_of, without_suffix
from playhead.events.pictures.raw import Fault, RawPicture, RawSet, Report
from playhead.events.source import csv_rows as table_rows
from playhead.events.source import read_text
from playhead.files import inside

__all__ = ["FORMATS", "MANIFEST", "SUBMISSION", "Manner", "detect", "parse", "shelf_of"]

FORMATS = ("manifest", "yolo", "voc", "coco", "csv")
MANIFEST = "manifest.csv"
SUBMISSION = "submission.csv"
# Texts that lie beside labels and are none.
_NO_LABELS = frozenset({yolo.CLASSES, "predefined_classes.txt", "_darknet.labels", "notes.txt"})
_LISTS = frozenset({"train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt"})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a source is to be read where its files leave it open.

    in_pixels: YOLO with pixels instead of shares; first_pixel: of VOC, 1 as it defines or 0
    ids: what the numbers in a list of COCO results mean; crowds: keep those of COCO, of score 0
    """

    in_pixels: bool = False
    first_pixel: int = 1
    ids: coco.Ids | None = None
    crowds: bool = False


def detect(path: Path) -> str:
    """The format of labels in a file or folder; LabelError names the formats where it is none."""
    if path.is_dir():
        return _detect_folder(path)
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
            return csv_rows.parse(path / SUBMISSION if path.is_dir() else path, report)
    raise LabelError(f"{path}: {name!r} is no format of pictures; known are {', '.join(FORMATS)}")


def shelf_of(path: Path, images: Path | None, without: Path | None = None) -> Shelf:
    """The pictures that labels in `path` may speak of: those in `images`, or else beside them.

    Beside them is in the same folder; where that holds none, in `images` or `JPEGImages` next to
    it, or in the folder above one that is called `labels` or the like. Those under the folder
    `without` are passed over.
    """
    if images is not None:
        if not images.is_dir():
            raise LabelError(f"{images}: is no folder; name the one that holds the pictures")
        return Shelf(images, without)
    folder = path if path.is_dir() else path.parent
    shelf = Shelf(folder, without)
    if shelf.pictures:
        return shelf
    above = folder.absolute().parent
    beside = [above / name for name in ("images", "JPEGImages") if (above / name).is_dir()]
    if beside:
        return Shelf(beside[0], without)
    return Shelf(above, without) if folder.name.lower() in {"labels", "annotations"} else shelf


def _detect_folder(folder: Path) -> str:
    if (folder / MANIFEST).is_file():
        return "manifest"
    if (folder / SUBMISSION).is_file():
        return "csv"
    for name, look in _LOOKS.items():
        if look(folder):
            return name
    if yolo.read_classes(folder) is not None:
        return "yolo"
    raise LabelError(
        f"{folder}: holds no labels of pictures; looked for {MANIFEST}, {SUBMISSION}, label files "
        "(.txt) of YOLO, .xml of VOC and .json of COCO"
    )


def _label_files(folder: Path) -> list[Path]:
    """The label files of YOLO; once a folder `labels` is there, those in such folders alone."""
    texts = [
        path
        for path in sorted(folder.rglob("*.txt"))
        if path.name not in _NO_LABELS
        and "ImageSets" not in path.relative_to(folder).parts
        and not path.name.lower().startswith(("readme", "license", "."))
        and path.is_file()
    ]
    inner = [path for path in texts if "labels" in path.relative_to(folder).parts[:-1]]
    if inner:
        return inner
    if folder.name == "labels":
        return texts
    return [path for path in texts if not (path.parent == folder and path.name in _LISTS)]


def _xml_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.xml")) if path.is_file()]


def _json_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.json")) if path.is_file()]


_LOOKS: dict[str, Callable[[Path], list[Path]]] = {
    "yolo": _label_files,
    "voc": _xml_files,
    "coco": _json_files,
}


def _parse_yolo(path: Path, report: Report, manner: Manner) -> RawSet:
    folder = path if path.is_dir() else path.parent
    files = [path] if path.suffix.lower() == ".txt" else _label_files(folder)
    pictures = [_yolo_picture(file, folder, report, manner) for file in files]
    return RawSet(_classes_near(folder), pictures)


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
    files = [path] if path.is_file() else _xml_files(folder)
    pictures = [_voc_picture(file, folder, splits, report, manner) for file in files]
    return RawSet(None, [one for one in pictures if one is not None])


def _voc_picture(
    file: Path, folder: Path, splits: dict[str, str], report: Report, manner: Manner
) -> RawPicture | None:
    read = voc.parse_labels(file, report, first_pixel=manner.first_pixel)
    if read is None:
        return None
    relative = file.relative_to(folder)
    name = without_suffix(plain_name(relative))
    own = Path(read.picture.replace("\\", "/")).name
    stated = Path(name).with_name(own).as_posix() if own else name
    return RawPicture(
        # Renamed pictures often keep the old name in the file: that of the label comes first.
        names=(stated,) if without_suffix(stated) == name else (name, stated),
        file=file,
        boxes=read.boxes,
        unit="object",
        size=read.size,
        split=splits.get(file.stem) or split_of(relative),
    )


def _voc_splits(folder: Path) -> dict[str, str]:
    """The splits of the lists in `ImageSets/Main`, by the name of the picture."""
    lists = folder / "ImageSets" / "Main"
    splits: dict[str, str] = {}
    for stem, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        if (lists / f"{stem}.txt").is_file():
            splits |= dict.fromkeys(read_text(lists / f"{stem}.txt").split(), split)
    return splits


def _parse_coco(path: Path, report: Report, manner: Manner) -> RawSet:
    if path.is_file():
        return coco.parse(path, report, manner.ids, crowds=manner.crowds)
    classes: dict[str, None] = {}
    pictures = []
    for file in _json_files(path):
        found = coco.parse(file, report, manner.ids, crowds=manner.crowds)
        classes |= dict.fromkeys(found.classes or ())
        pictures += [_under(one, file.relative_to(path)) for one in found.pictures]
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
        if raw is not None:
            split, group = cells.get("split") or None, cells.get("group", "")
            names = (picture.relative_to(path.parent.resolve()).as_posix(),)
            pictures.append(replace(raw, names=names, path=picture, split=split, group=group))
    return RawSet(_classes_near(path.parent), pictures)


def _labels_of_row(
    path: Path, where: str, cells: dict[str, str], report: Report, manner: Manner
) -> RawPicture | None:
    labels = _inside(path, where, cells["labels"])
    if labels is None:
        return RawPicture((), path, ())
    if not labels.is_file():
        what = f"the labels {cells['labels']!r} are not there"
        report(Fault.UNREADABLE_LABELS, where, what)
        return None
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
