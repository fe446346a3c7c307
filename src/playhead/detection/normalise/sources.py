"""Sources: parsed labels of several origins, matched to their images."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from playhead.detection.labels.layout import LabelLayout, find_layout
from playhead.detection.labels.names import composed, plain_name, split_of, without_suffix
from playhead.detection.labels.pairing import ImageIndex
from playhead.detection.labels.parsed import ParsedImage, ParsedLabels, Problem
from playhead.detection.labels.read import parse_labels
from playhead.detection.labels.write import is_text
from playhead.detection.normalise.config import NormaliseConfig, SourceConfig
from playhead.detection.normalise.report import Repair, SourceReport
from playhead.errors import LabelError, MediaError
from playhead.media.stills import read_still, still_size
from playhead.progress import progress

__all__ = [
    "LabelSource",
    "MergedImage",
    "match_images",
    "read_images",
    "read_sources",
    "unique_names",
]


@dataclass(frozen=True, slots=True)
class LabelSource:
    """The labels of one source, and its report.

    numbered: the class names of its class numbers; settings: of the whole set
    """

    config: SourceConfig
    settings: NormaliseConfig
    layout: LabelLayout
    labels: ParsedLabels
    report: SourceReport
    numbered: Sequence[str]

    def class_of(self, label: int | str) -> str | None:
        """The class in the set for a label of the source; None for a dropped class.

        Raises IndexError for a number without a name.
        """
        renamed, name = self.config.classes, self.config.class_
        key = next((key for key in (label, str(label)) if key in renamed), None)
        if name is None and key is not None:
            name = renamed[key]
        elif name is None:
            name = self.numbered[label] if isinstance(label, int) else label
            name = renamed.get(name, name)
        if name is not None:
            name = self.settings.map.get(name, name)
        wanted = self.settings.classes
        return None if wanted and name not in wanted else name

    def name_of(self, label: int | str) -> int | str:
        """The source's name of a class, or its number if it has no name."""
        named = isinstance(label, int) and label < len(self.numbered)
        return self.numbered[int(label)] if named else label

    def used_names(self) -> list[str]:
        """The class names that its boxes use."""
        boxes = (box for image in self.labels.images for box in image.boxes)
        return sorted({box.label for box in boxes if isinstance(box.label, str)})

    def own_classes(self) -> list[str]:
        """The source's names of its classes, before `map`."""
        if self.config.class_ is not None:
            return [self.config.class_]
        renamed = (name for name in self.config.classes.values() if name is not None)
        return list(dict.fromkeys([*self.numbered, *renamed, *self.used_names()]))

    def classes(self) -> list[str]:
        """The classes of the set that this source labels."""
        labels: list[int | str] = [*range(len(self.numbered)), *self.config.classes]
        if self.config.class_ is not None:
            labels = [0]
        names = (self.class_of(label) for label in (*labels, *self.used_names()))
        return list(dict.fromkeys(name for name in names if name is not None))

    def root(self) -> Path:
        """The folder of its images."""
        return (self.layout.images.root or self.layout.folder).resolve()


@dataclass(slots=True)
class MergedImage:
    """An image of the set, and its labels in all sources.

    name: relative to the folder of images; source: the first source that has it
    size: as displayed; digest: of the file
    split: from folders, lists and manifests; given_split: set in the source, which overrides it
    """

    path: Path
    name: str
    source: LabelSource
    labels: list[tuple[LabelSource, ParsedImage]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    digest: str = ""
    split: str | None = None
    given_split: str | None = None
    group: str = ""

    def take_splits(self, split: str | None, given_split: str | None, source: LabelSource) -> None:
        """Set the splits of the image from a source, unless an earlier source did."""
        known, new = (self.given_split, given_split) if given_split else (self.split, split)
        if known and new and known != new:
            source.report.add(Repair.OTHER_SPLIT, str(self.path), f"{known}, then {new}")
        self.split = self.split or split
        self.given_split = self.given_split or given_split


def read_sources(settings: NormaliseConfig, out: Path) -> list[LabelSource]:
    """Parse the labels of every source; images under `out` are ignored.

    Raises LabelError for a source without labels, or whose classes are numbers without names.
    """
    sources: list[LabelSource] = []
    indexes: dict[Path, ImageIndex] = {}  # shared by sources with the same image folder
    names: set[str] = set()
    for config in settings.sources:
        images = config.images or settings.images
        key = (images or config.path).resolve()
        layout = find_layout(
            config.path, config.format, images, index=indexes.get(key), without=out
        )
        if layout.format != "manifest":
            indexes[key] = layout.images
        name = config.name or _name_of(config.path)
        number = 2
        while name in names:
            name, number = f"{config.name or _name_of(config.path)}-{number}", number + 1
        names.add(name)
        roots = [layout.folder, *([layout.images.root] if layout.images.root else [])]
        report = SourceReport(name, config.path, layout.format, roots)
        labels = parse_labels(layout, report.add, first_pixel=config.first_pixel)
        # A manifest's rows without an image count as labels too.
        report.labels = len(labels.images) + report.total(Problem.MISSING_IMAGE)
        numbered = labels.classes or settings.classes
        source = LabelSource(config, settings, layout, labels, report, numbered)
        numbers = any(isinstance(box.label, int) for image in labels.images for box in image.boxes)
        if numbers and config.class_ is None and not numbered and not config.classes:
            raise LabelError(
                f"{config.path}: the classes are numbers without names; write CLASS={config.path} "
                "if all boxes are of one class, add a classes.txt, or give --classes"
            )
        sources.append(source)
    return sources


def _name_of(path: Path) -> str:
    whole = path.absolute()
    name = whole.stem if whole.is_file() else whole.name
    return whole.parent.name if name.lower() in {"labels", "annotations", "manifest"} else name


def match_images(sources: Sequence[LabelSource], settings: NormaliseConfig) -> list[MergedImage]:
    """The labelled images, in the order of their first labels.

    Images without a label are counted, and kept as empty if `unlabelled` is `empty`; except images
    that an ambiguous label may belong to, and all of them if a document has boxes of images that it
    does not list.
    """
    images: dict[Path, MergedImage] = {}
    unsure: set[Path] = set()
    for source in sources:
        for parsed in source.labels.images:
            path = parsed.path or _find(parsed, source, unsure)
            if path is None:
                continue
            image = images.get(path.resolve()) or _image(path, parsed.name, source)
            images[path.resolve()] = image
            split = source.labels.splits.get(path) or parsed.split
            image.take_splits(split, source.config.split, source)
            image.group = image.group or parsed.group
            image.labels.append((source, parsed))
    all_unsure = any(source.report.total(Problem.UNKNOWN_IMAGE) for source in sources)
    indexes: list[ImageIndex] = []
    for source in sources:
        index = source.layout.images
        if any(index is other for other in indexes):
            continue
        indexes.append(index)
        for path in index.paths:
            if path.resolve() in images:
                continue
            if all_unsure or path.resolve() in unsure:
                source.report.add(Repair.UNSURE, str(path))
            elif settings.unlabelled == "leave":
                source.report.add(Repair.NO_LABEL, str(path))
            else:
                source.report.add(Repair.TAKEN_EMPTY, str(path))
                images[path.resolve()] = image = _image(path, "", source)
                image.given_split = source.config.split
    return list(images.values())


def _image(path: Path, name: str, source: LabelSource) -> MergedImage:
    root = source.layout.images.root
    name = plain_name(Path(name) if root is None else path.relative_to(root))
    split = source.labels.splits.get(path) or split_of(PurePosixPath(name))
    return MergedImage(path, name, source, split=split, group=source.config.group or "")


def _find(parsed: ParsedImage, source: LabelSource, unsure: set[Path]) -> Path | None:
    matches = source.layout.images.find(parsed.name, parsed.split)
    if len(matches) == 1:
        return matches[0]
    one_image = parsed.file.suffix.lower() in {".txt", ".xml"}
    where = str(parsed.file) if one_image else parsed.name
    if matches:
        unsure.update(path.resolve() for path in matches)
        names = ", ".join(str(path) for path in matches[:3])
        source.report.add(Repair.AMBIGUOUS, where, f"{parsed.name!r} matches {names}")
    else:
        source.report.add(Problem.MISSING_IMAGE, where, f"no image {parsed.name!r}")
    return None


def read_images(images: Sequence[MergedImage], settings: NormaliseConfig) -> list[MergedImage]:
    """The readable images, with size and digest; copies are merged.

    Copies with the same name become one image with the labels of both. Copies with other names stay
    separate images; their `digest` keeps them in one group.
    """
    merged: dict[tuple[str, str], MergedImage] = {}
    first_of: dict[str, MergedImage] = {}
    with progress("reading images", len(images)) as bar:
        for image in images:
            bar.advance(1, image.path.name)
            report = image.source.report
            try:
                if not is_text(image.name):
                    raise MediaError(f"{image.path}: the file name is not UTF-8; rename it")
                if settings.check == "pixels":
                    height, width = read_still(image.path).shape[:2]
                    image.size = width, height
                else:
                    image.size = still_size(image.path)
            except MediaError as error:
                what = str(error).removeprefix(f"{image.path}: ")
                report.add(Repair.UNREADABLE_IMAGE, str(image.path), what)
                continue
            with image.path.open("rb") as file:
                image.digest = hashlib.file_digest(file, "sha256").hexdigest()
            key = (image.digest, PurePosixPath(image.name).name.casefold())
            twin = merged.setdefault(key, image)
            if twin is not image:
                report.add(Repair.COPY, str(image.path), f"is {twin.path}")
                twin.take_splits(image.split, image.given_split, image.source)
                twin.labels += image.labels
            elif (other := first_of.setdefault(image.digest, image)) is not image:
                report.add(Repair.OTHER_NAME, str(image.path), f"is {other.path}")
    return list(merged.values())


def unique_names(images: Sequence[MergedImage]) -> dict[str, MergedImage]:
    """The images by unique names, which differ even without suffix, case and Unicode form.

    Images with the same name get the name of their source as a prefix, then a number as a suffix.
    """
    count: defaultdict[str, int] = defaultdict(int)
    for image in images:
        count[_folded(image.name)] += 1
    taken: set[str] = set()
    names: dict[str, MergedImage] = {}
    for image in images:
        path = PurePosixPath(image.name)
        if count[_folded(image.name)] > 1:
            image.source.report.add(Repair.SAME_NAME, str(image.path))
            path = image.source.report.name / path
        name, number = path.as_posix(), 2
        while _folded(name) in taken:
            name = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
            number += 1
        taken.add(_folded(name))
        names[name] = image
    return names


def _folded(name: str) -> str:
    return composed(without_suffix(name)).casefold()
