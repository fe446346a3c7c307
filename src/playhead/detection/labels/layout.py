"""Layout: which files of a folder are labels, in which format, for which images, in which split.

Detected without options are the layouts that tools export: `train/images` with `train/labels`,
`images/train` with `labels/train`, a `data.yaml` of YOLO with its lists of folders or files, COCO's
`annotations/instances_train.json` with `train/`, `train2017/` or `images/train/`, and VOC's
`JPEGImages`, `Annotations` and `ImageSets/Main`. An ambiguous layout is refused.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playhead.detection.labels import yolo
from playhead.detection.labels.names import without_suffix
from playhead.detection.labels.pairing import ImageIndex
from playhead.errors import LabelError
from playhead.events.source import read_text
from playhead.media.stills import IMAGE_SUFFIXES

__all__ = [
    "FORMATS",
    "MANIFEST",
    "SUBMISSION",
    "LabelLayout",
    "find_images",
    "find_layout",
    "image_files",
    "listed_splits",
]

FORMATS = ("manifest", "yolo", "voc", "coco", "csv")
MANIFEST = "manifest.csv"
SUBMISSION = "submission.csv"
_BOXES = "boxes.csv"
_CLASS_LISTS = frozenset({"classes.txt", "predefined_classes.txt", "labelmap.txt"})
_OTHER_TEXTS = frozenset(
    {
        *("readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "notes.txt"),
        *("license.txt", "licence.txt", "copying.txt", "changelog.txt"),
        *("train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt"),
        *("autosplit_train.txt", "autosplit_val.txt", "autosplit_test.txt"),
    }
)
"""Text files that often lie beside labels; they are labels only if an image has the same name."""
_YAML_SPLITS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
_VOC_SPLITS = {"train": "train", "val": "valid", "test": "test"}


@dataclass(frozen=True, slots=True)
class LabelLayout:
    """The label files of a source.

    folder: that names are relative to; files: label files, all in one format
    images: the images that they may belong to; data_yaml: the given `data.yaml`, if any
    """

    format: str
    folder: Path
    files: Sequence[Path] = field(repr=False)
    images: ImageIndex = field(repr=False)
    data_yaml: Path | None = None


def find_layout(
    path: Path,
    format: str = "auto",
    images: Path | None = None,
    *,
    index: ImageIndex | None = None,
    without: Path | None = None,
) -> LabelLayout:
    """Detect the label files and the images of a file or folder.

    images: the folder of the images, by default beside the labels; index: the images themselves
    without: a folder whose images are ignored
    Raises LabelError for a path without labels, labels in several formats, or a folder that cannot
    be listed.
    """
    if not path.exists():
        raise LabelError(f"{path}: no such file or folder; give the labels' path")
    data_yaml = None
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        path, format, data_yaml = path.parent, "yolo", path
    if format == "auto":
        format = _format_by_name(path)
    if format == "manifest":
        manifest = path / MANIFEST if path.is_dir() else path
        return LabelLayout(format, manifest.parent, [manifest], ImageIndex(()))
    index = find_images(path, images, without) if index is None else index
    if path.is_file():
        return LabelLayout(format, path.parent, [path], index)
    files = walk(path)
    if format == "auto":
        format = _format_of_folder(path, files, index)
    match format:
        case "yolo":
            files = _yolo_files(path, files, index)
        case "voc":
            files = _of_suffix(files, ".xml")
        case "coco":
            documents = _of_suffix(files, ".json")
            instances = [file for file in documents if file.stem.startswith("instances")]
            files = instances or documents  # the others are captions and keypoints
        case "csv":
            tables = (path / SUBMISSION, path / _BOXES)
            files = [next((table for table in tables if table.is_file()), tables[0])]
        case _:
            raise LabelError(
                f"{path}: unknown label format {format!r}; choose from {', '.join(FORMATS)}"
            )
    return LabelLayout(format, path, files, index, data_yaml)


def _format_by_name(path: Path) -> str:
    """The format by a file's suffix or a folder's manifest or CSV; auto for other folders."""
    if path.is_dir():
        known = ((MANIFEST, "manifest"), (SUBMISSION, "csv"))
        return next((format for name, format in known if (path / name).is_file()), "auto")
    match path.suffix.lower():
        case ".json":
            return "coco"
        case ".xml":
            return "voc"
        case ".txt":
            return "yolo"
        case ".csv":
            header = read_text(path).partition("\n")[0]
            return "manifest" if "labels" in {cell.strip() for cell in header.split(",")} else "csv"
    raise LabelError(
        f"{path}: no label format has the suffix {path.suffix!r}; known formats are "
        f"{', '.join(FORMATS)}"
    )


def _format_of_folder(folder: Path, files: Sequence[Path], index: ImageIndex) -> str:
    """YOLO or VOC, else COCO, else CSV; LabelError for YOLO with VOC, and for no labels."""
    annotations, documents = _of_suffix(files, ".xml"), _of_suffix(files, ".json")
    texts = _yolo_files(folder, files, index)
    if annotations or documents:  # then a text file without an image is a note, not labels
        texts = [text for text in texts if index.find(_name(text, folder))]
    if texts and annotations:
        raise LabelError(
            f"{folder}: has both YOLO labels ({len(texts)}, first {texts[0].name}) and VOC labels "
            f"({len(annotations)}, first {annotations[0].name}); give the folder of one format, or "
            "set the `format` of each source in a YAML file for `normalise`"
        )
    if texts or annotations:
        return "yolo" if texts else "voc"
    if documents:
        return "coco"
    if (folder / _BOXES).is_file():
        return "csv"
    if yolo.read_classes([folder]) is not None:
        return "yolo"
    raise LabelError(
        f"{folder}: has no labels; needs {MANIFEST}, {SUBMISSION}, {_BOXES}, YOLO files (.txt), "
        "VOC files (.xml) or COCO documents (.json)"
    )


def _yolo_files(folder: Path, files: Sequence[Path], index: ImageIndex) -> list[Path]:
    """The YOLO label files: those in folders `labels`, or all text files if there are none."""
    texts = [
        file
        for file in _of_suffix(files, ".txt")
        if file.name.lower() not in _CLASS_LISTS
        and "ImageSets" not in file.relative_to(folder).parts
        and (file.name.lower() not in _OTHER_TEXTS or index.find(_name(file, folder)))
    ]
    inner = [file for file in texts if "labels" in file.relative_to(folder).parts[:-1]]
    if not inner:
        return texts
    for file in set(texts).difference(inner):
        if index.find(_name(file, folder)):
            raise LabelError(
                f"{file}: is a label file outside the folders `labels`; move it into one, or make "
                "its folder a separate source"
            )
    return inner


def walk(root: Path) -> list[Path]:
    """The files under a folder, sorted; skips hidden ones, follows each linked folder once.

    Raises LabelError for a folder that cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise LabelError(
            f"{error.filename}: cannot be listed: {error.strerror}; make it readable, or move it "
            "out"
        )

    files: list[Path] = []
    seen = set(root.resolve().parents)
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        real = Path(folder).resolve()
        if real in seen:  # a link to a parent
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "lost+found"
        )
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(files)


def image_files(root: Path) -> list[Path]:
    """The image files under a folder, sorted; skips hidden ones."""
    return [path for path in walk(root) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def find_images(path: Path, images: Path | None, without: Path | None = None) -> ImageIndex:
    """The images that labels in `path` may belong to: in `images`, or else beside the labels.

    Beside the labels means the same folder; if that has no images, `images` or `JPEGImages` next to
    it, or the parent of a folder called `labels` or `annotations`.
    without: a folder whose images are ignored
    """
    if images is not None and not images.is_dir():
        raise LabelError(f"{images}: is not a folder; give the folder of the images")
    folder = images or (path if path.is_dir() else path.parent)
    files = image_files(folder)
    if not files and images is None:
        above = folder.absolute().parent
        beside = (above / name for name in ("images", "JPEGImages"))
        other = next((path for path in beside if path.is_dir()), None)
        if other is None and folder.absolute().name.lower() in {"labels", "annotations"}:
            other = above
        if other is not None:
            folder, files = other, image_files(other)
    if without is not None:
        files = [file for file in files if not file.absolute().is_relative_to(without.absolute())]
    return ImageIndex(files, folder)


def listed_splits(layout: LabelLayout) -> dict[Path, str]:
    """The split of each image that a `data.yaml` or a list in `ImageSets/Main` names.

    Raises LabelError for an image in two splits, or an invalid list.
    """
    splits: dict[Path, str] = {}
    for where, split, paths in _lists(layout):
        for path in paths:
            if splits.setdefault(path, split) != split:
                raise LabelError(
                    f"{where}: {path} is listed in both {split} and {splits[path]}; keep it in one "
                    "of them"
                )
    return splits


def _lists(layout: LabelLayout) -> Iterator[tuple[str, str, Sequence[Path]]]:
    folders = (layout.folder, layout.folder.absolute().parent)
    if layout.format == "voc":
        lists = next(
            (f / "ImageSets" / "Main" for f in folders if (f / "ImageSets").is_dir()), None
        )
        for stem, split in _VOC_SPLITS.items() if lists is not None else ():
            file = (lists or Path()) / f"{stem}.txt"
            if file.is_file():
                yield str(file), split, _listed(file, layout.images)
    if layout.format == "yolo":
        data_yaml = layout.data_yaml or yolo.find_data_yaml(folders)
        document = {} if data_yaml is None else yolo.read_data_yaml(data_yaml)
        for key, split in _YAML_SPLITS.items():
            entries = document.get(key)
            for entry in entries if isinstance(entries, list) else [entries] if entries else ():
                assert data_yaml is not None
                where = f"{data_yaml}: {key}"
                yield where, split, _yaml_images(where, data_yaml, document, entry, layout.images)


def _yaml_images(
    where: str, data_yaml: Path, document: dict[str, Any], entry: Any, index: ImageIndex
) -> Sequence[Path]:
    """The images of an entry of `data.yaml`: a folder, or a list of files.

    Relative to `path`, or else to the file; Roboflow writes `../train/images` for a folder beside
    the file.
    """
    if not isinstance(entry, str):
        raise LabelError(f"{where}: needs a folder or a list of files, got {entry!r:.60}")
    root = _normal(data_yaml.parent)
    bases = [root / text for text in (document.get("path"), ".") if isinstance(text, str)]
    plain = entry.replace("\\", "/")
    texts = (plain, re.sub(r"^(\.\./)+", "", plain))
    candidates = [_normal(base / text) for base in bases for text in texts]
    existing = [path for path in candidates if path.exists()]
    listed = next((path for path in existing if path.is_relative_to(root)), None)
    if listed is None and existing:
        raise LabelError(
            f"{where}: {entry} lies outside {root}; move {data_yaml.name} to the folder that "
            "contains the images and the labels"
        )
    if listed is None:
        elsewhere = index.root is None or not index.root.absolute().is_relative_to(root)
        if elsewhere or where.endswith(": test"):  # exports often list a test folder they lack
            return []
        raise LabelError(f"{where}: there is no {entry} under {root}; correct it, or remove it")
    if listed.is_file():
        return _listed(listed, index)
    return [path for path in index.paths if _normal(path).is_relative_to(listed)]


def _listed(file: Path, index: ImageIndex) -> list[Path]:
    """The images in a list, one a line; missing images are ignored."""
    listed = []
    text = read_text(file) if file.stat().st_size else ""
    for number, line in enumerate(text.split("\n"), start=1):
        matches = index.find(line.strip()) if line.strip() else []
        if len(matches) > 1:
            names = ", ".join(map(str, matches[:3]))
            raise LabelError(
                f"{file}: line {number}: {line.strip()} matches {names}; add the image's folder"
            )
        listed += matches
    return listed


def _normal(path: Path) -> Path:
    """An absolute path without `..`; links are kept, since images are often on another disk."""
    return Path(os.path.normpath(path.absolute()))


def _of_suffix(files: Sequence[Path], suffix: str) -> list[Path]:
    return [file for file in files if file.suffix.lower() == suffix]


def _name(file: Path, folder: Path) -> str:
    return without_suffix(file.relative_to(folder).as_posix())
