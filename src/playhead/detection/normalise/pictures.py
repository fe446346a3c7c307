"""Pictures: which one each label speaks of, which are the same, and what they are called."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from playhead.detection.labels.finding import (
    Shelf,
    composed,
    is_other_kind,
    plain_name,
    shelf_of,
    split_of,
    without_suffix,
)
from playhead.detection.labels.names import is_text
from playhead.detection.labels.raw import Fault, RawPicture, RawSet
from playhead.detection.labels.sources import Manner, parse
from playhead.detection.normalise.boxes import Naming, Saying
from playhead.detection.normalise.config import NormaliseConfig, SourceConfig
from playhead.detection.normalise.report import Repair, SourceTally
from playhead.errors import LabelError, MediaError
from playhead.media.stills import read_still, still_size
from playhead.progress import Progress

__all__ = ["Draft", "gather", "named", "readable", "without_copies"]


@dataclass(slots=True)
class Draft:
    """A picture that goes into the set, and all that the sources say of it.

    name: under the folder of pictures; tally: of the first source that speaks of it
    size: as displayed; digest: of the file
    split: as names, lists and manifests have it; held: as a source is given it, which goes over it
    """

    path: Path
    name: str
    tally: SourceTally
    sayings: list[Saying] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    digest: str = ""
    split: str | None = None
    held: str | None = None
    group: str = ""


@dataclass(slots=True)
class _Shelves:
    """The folders of pictures; sources with the same folder share one.

    unsure: pictures that a label may mean which was left out, and that are not without objects
    """

    config: NormaliseConfig
    out: Path
    by_folder: dict[Path, Shelf] = field(default_factory=dict)
    unsure: set[Path] = field(default_factory=set)

    def of(self, source: SourceConfig) -> Shelf:
        """The pictures of a source."""
        key = self._key(source)
        if key not in self.by_folder:
            images = source.images or self.config.images
            self.by_folder[key] = shelf_of(source.path, images, self.out)
        return self.by_folder[key]

    def take(self, source: SourceConfig) -> Shelf | None:
        """The pictures of a source, once; None where it has none, or they were taken before."""
        return self.by_folder.pop(self._key(source), None)

    def _key(self, source: SourceConfig) -> Path:
        return (source.images or self.config.images or source.path).resolve()


def gather(
    config: NormaliseConfig, tallies: Sequence[SourceTally], out: Path
) -> tuple[list[Draft], tuple[str, ...]]:
    """The pictures that the sources speak of, in the order of their first mention, and the classes.

    Pictures under `out` are those of an earlier run, and passed over.
    Raises LabelError for a source whose classes are numbers that nothing names.
    """
    drafts: dict[Path, Draft] = {}
    shelves = _Shelves(config, out)
    classes: list[str] = []
    for source, tally in zip(config.sources, tallies, strict=True):
        shelf = None if tally.format == "manifest" else shelves.of(source)
        raws = _read(source, tally, shelf, shelves.unsure)
        own = raws.classes or config.classes
        naming = Naming(source, own, config.map, config.classes)
        _require_names(source, naming, raws.pictures)
        tally.names = naming.names(_spoken(raws.pictures))
        known = _known(naming, raws.pictures)
        classes += known
        folder = source.path if source.path.is_dir() else source.path.parent
        tally.roots = (folder,) if shelf is None else (folder, shelf.root)
        root = (source.path if shelf is None else shelf.root).resolve()
        for raw in raws.pictures:
            path = raw.path or _find(raw, shelf, tally, shelves.unsure)
            if path is None:
                continue
            name = plain_name(Path(raw.names[0])) if shelf is None else shelf.pictures[path]
            draft = drafts.setdefault(path.resolve(), _draft(path, name, source, tally))
            _take_split(draft, raw.split, source.split, tally)
            draft.group = draft.group or raw.group
            draft.sayings.append(Saying(raw, naming, tally, known, root))
    _tell_unread(config, shelves, tallies)
    _add_unlabelled(config, drafts, shelves, tallies)
    return list(drafts.values()), tuple(dict.fromkeys(config.classes or classes))


def readable(drafts: Sequence[Draft], config: NormaliseConfig, bar: Progress) -> list[Draft]:
    """The drafts whose pictures can be read, each with its size and digest."""
    kept = []
    for draft in drafts:
        bar.advance(1, draft.path.name)
        try:
            if not is_text(draft.name):
                raise MediaError(f"{draft.path}: its name is not UTF-8; rename it")
            draft.size = _checked_size(draft.path, whole=config.check == "pixels")
        except MediaError as error:
            what = str(error).removeprefix(f"{draft.path}: ")
            draft.tally.add(Repair.UNREADABLE_PICTURE, str(draft.path), what)
            continue
        with draft.path.open("rb") as file:
            draft.digest = hashlib.file_digest(file, "sha256").hexdigest()
        kept.append(draft)
    return kept


def without_copies(drafts: Sequence[Draft]) -> list[Draft]:
    """The same file under the same name becomes one picture, with the labels of all.

    Under another name it stays a picture, which is to be in the group of the first: were it on the
    other side of a split, the figures would flatter.
    """
    first: dict[tuple[str, str], Draft] = {}
    alike: dict[str, Draft] = {}
    kept = []
    for draft in drafts:
        key = (draft.digest, PurePosixPath(draft.name).name.casefold())
        twin = first.setdefault(key, draft)
        if twin is not draft:
            draft.tally.add(Repair.COPY, str(draft.path), f"is {twin.path}")
            _take_split(twin, draft.split, draft.held, draft.tally)
            twin.sayings += draft.sayings
            continue
        other = alike.setdefault(draft.digest, draft)
        if other is not draft:
            draft.tally.add(Repair.OTHER_NAME, str(draft.path), f"is {other.path}")
        kept.append(draft)
    return kept


def named(drafts: Sequence[Draft]) -> dict[str, Draft]:
    """The drafts by names that differ, also without their suffix, whatever the case or the accents.

    Pictures of one name are kept apart by the name of their source, and then by a number.
    """
    count: defaultdict[str, int] = defaultdict(int)
    for draft in drafts:
        count[_key(draft.name)] += 1
    taken: set[str] = set()
    names: dict[str, Draft] = {}
    for draft in drafts:
        name = draft.name
        if count[_key(name)] > 1:
            draft.tally.add(Repair.SAME_NAME, str(draft.path))
            name = f"{draft.tally.name}/{name}"
        name = _free(name, taken)
        taken.add(_key(name))
        names[name] = draft
    return names


def _read(
    source: SourceConfig, tally: SourceTally, shelf: Shelf | None, unsure: set[Path]
) -> RawSet:
    """What a source says, its classes without the spaces that may stand around them.

    The pictures of label files that are not read become `unsure`.
    """

    def report(fault: Fault, where: str, what: str) -> None:
        tally.fault(fault, where, what)
        if fault in {Fault.UNREAD, Fault.BESIDE}:
            name = plain_name(Path(where).relative_to(source.path))
            unsure.update(path.resolve() for path in _candidates([without_suffix(name)], shelf))

    manner = Manner(in_pixels=source.units == "pixels", first_pixel=source.first_pixel, shelf=shelf)
    raws = parse(source.path, tally.format, report, manner)
    # What the reader could not give a picture for was a label too.
    tally.labels = len(raws.pictures) + tally.count(Fault.MISSING_PICTURE, Fault.NAMELESS)
    for name in dict.fromkeys([*(raws.classes or ()), *_spoken(raws.pictures)]):
        if name != name.strip():
            tally.add(Repair.SPACES, str(source.path), repr(name))
    classes = None if raws.classes is None else tuple(name.strip() for name in raws.classes)
    return RawSet(classes, [_with_plain_labels(raw) for raw in raws.pictures])


def _with_plain_labels(raw: RawPicture) -> RawPicture:
    if not any(isinstance(box.label, str) and box.label != box.label.strip() for box in raw.boxes):
        return raw
    boxes = (
        replace(box, label=box.label.strip()) if isinstance(box.label, str) else box
        for box in raw.boxes
    )
    return replace(raw, boxes=tuple(boxes))


def _known(naming: Naming, raws: Iterable[RawPicture]) -> list[str]:
    """The classes that a source knows: those it lists, and those it speaks of by name."""
    names = (naming.name(label) for label in _spoken(raws))
    said = [name for name in names if name is not None and naming.is_wanted(name)]
    return list(dict.fromkeys([*naming.known(), *said]))


def _spoken(raws: Iterable[RawPicture]) -> list[str]:
    """The classes that boxes have by name."""
    return sorted({box.label for raw in raws for box in raw.boxes if isinstance(box.label, str)})


def _require_names(source: SourceConfig, naming: Naming, raws: Iterable[RawPicture]) -> None:
    numbers = any(isinstance(box.label, int) for raw in raws for box in raw.boxes)
    if numbers and source.class_ is None and not naming.own and not source.classes:
        raise LabelError(
            f"{source.path}: its classes are numbers without names; say CLASS={source.path} where "
            "all are of one class, put a classes.txt beside the labels, or name --classes"
        )


def _find(
    raw: RawPicture, shelf: Shelf | None, tally: SourceTally, unsure: set[Path]
) -> Path | None:
    """The picture that a label speaks of, or None, which is counted; those it may mean: unsure."""
    where = str(raw.file) if raw.file.suffix.lower() in {".txt", ".xml"} else raw.names[0]
    found = _candidates(raw.names, shelf)
    if len(found) == 1:
        return found[0]
    if found:
        unsure.update(path.resolve() for path in found)
        names = ", ".join(str(path) for path in found[:3])
        tally.add(Fault.AMBIGUOUS, where, f"{raw.names[0]!r} can be {names}")
        return None
    other = None if shelf is None else shelf.unusable(raw.names[0])
    if other is not None and is_other_kind(other):
        tally.add(Repair.OTHER_PICTURE, where, other.name)
    else:
        dead = "" if other is None else f": {other.name} leads nowhere"
        tally.add(Fault.MISSING_PICTURE, where, f"no picture {raw.names[0]!r}{dead}")
    return None


def _candidates(names: Sequence[str], shelf: Shelf | None) -> Sequence[Path]:
    """The pictures that the first known of several names can mean."""
    if shelf is None:
        return ()
    return next((found for name in names if (found := shelf.find(name))), ())


def _draft(path: Path, name: str, source: SourceConfig, tally: SourceTally) -> Draft:
    split = split_of(PurePosixPath(name))
    return Draft(path, name, tally, split=split, held=source.split, group=source.group or "")


def _take_split(draft: Draft, split: str | None, held: str | None, tally: SourceTally) -> None:
    """Of several splits of a picture the first holds; one that was given goes over those found."""
    if held is None:
        known, new = draft.split, split
        draft.split = known or new
    else:
        known, new = draft.held, held
        draft.held = known or new
    if known is not None and new is not None and new != known:
        tally.add(Fault.OTHER_SPLIT, str(draft.path), f"{known}, then {new}")


def _tell_unread(
    config: NormaliseConfig, shelves: _Shelves, tallies: Sequence[SourceTally]
) -> None:
    """Count the folders of pictures that cannot be listed, but for those of labels as well."""
    for source, tally in zip(config.sources, tallies, strict=True):
        for folder, why in [] if tally.format == "manifest" else shelves.of(source).unread:
            if not any(str(folder) in one.broken for one in tallies):
                tally.fault(Fault.UNREADABLE_FOLDER, str(folder), why)


def _add_unlabelled(
    config: NormaliseConfig,
    drafts: dict[Path, Draft],
    shelves: _Shelves,
    tallies: Sequence[SourceTally],
) -> None:
    """Count the pictures that no label speaks of, and take them as empty where that is asked.

    Labels in a folder that cannot be listed, and those that name none, may speak of any of them.
    """
    all_unsure = any(tally.count(Fault.UNREADABLE_FOLDER, Fault.NAMELESS) for tally in tallies)
    for source, tally in zip(config.sources, tallies, strict=True):
        shelf = shelves.take(source)
        for path, name in () if shelf is None else shelf.pictures.items():
            if path.resolve() in drafts:
                continue
            if path.resolve() in shelves.unsure or all_unsure:
                tally.add(Repair.UNSURE, str(path))
            elif config.unlabelled == "leave":
                tally.add(Repair.NO_LABEL, str(path))
            else:
                tally.add(Repair.HELD_EMPTY, str(path))
                drafts[path.resolve()] = _draft(path, name, source, tally)


def _checked_size(path: Path, *, whole: bool) -> tuple[int, int]:
    if not whole:
        return still_size(path)
    height, width = read_still(path).shape[:2]
    return width, height


def _key(name: str) -> str:
    return composed(without_suffix(name)).casefold()


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number at its end where that is taken."""
    path = PurePosixPath(name)
    number = 2
    while _key(name) in taken:
        name = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
        number += 1
    return name
