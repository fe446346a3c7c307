"""Pictures: which one each label speaks of, which are the same, and what they are called."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from playhead.errors import LabelError, MediaError
from playhead.events.pictures.finding import Shelf, plain_name, split_of, without_suffix
from playhead.events.pictures.raw import Fault, RawPicture
from playhead.events.pictures.sources import Manner, parse, shelf_of
from playhead.media.stills import read_still, still_size
from playhead.progress import Progress
from playhead.redaction.detector.normalise_boxes import Naming, Saying
from playhead.redaction.detector.normalise_config import NormaliseConfig, SourceConfig
from playhead.redaction.detector.normalise_report import Repair, SourceTally

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


def gather(
    config: NormaliseConfig, tallies: Sequence[SourceTally], out: Path
) -> tuple[list[Draft], tuple[str, ...]]:
    """The pictures that the sources speak of, in the order of their first mention, and the classes.

    Pictures under `out` are those of an earlier run, and passed over.
    Raises LabelError for a source whose classes are numbers that nothing names.
    """
    drafts: dict[Path, Draft] = {}
    shelves: dict[Path, Shelf] = {}
    classes: list[str] = []
    for source, tally in zip(config.sources, tallies, strict=True):
        raws = parse(
            source.path,
            tally.format,
            tally.fault,
            Manner(in_pixels=source.units == "pixels", first_pixel=source.first_pixel),
        )
        # What the reader could not give a picture for was a label too.
        lost = (Fault.MISSING_PICTURE, Fault.UNREADABLE_LABELS)
        tally.labels = len(raws.pictures) + sum(tally.count(fault) for fault in lost)
        own = raws.classes or config.classes
        naming = Naming(source, own, config.map, config.classes)
        _require_names(source, naming, raws.pictures)
        tally.names = naming.names(_spoken(raws.pictures))
        known = _known(naming, raws.pictures)
        classes += known
        by_path = tally.format == "manifest"
        shelf = None if by_path else _shelf(config, source, shelves, out)
        folder = source.path if source.path.is_dir() else source.path.parent
        tally.roots = (folder,) if shelf is None else (folder, shelf.root)
        root = (source.path if shelf is None else shelf.root).resolve()
        for raw in raws.pictures:
            path = raw.path or _find(raw, shelf, tally)
            if path is None:
                continue
            name = plain_name(Path(raw.names[0])) if shelf is None else shelf.pictures[path]
            draft = drafts.setdefault(path.resolve(), _draft(path, name, source, tally))
            _take_split(draft, raw.split, source.split, tally)
            draft.group = draft.group or raw.group
            draft.sayings.append(Saying(raw, naming, tally, known, root))
    _add_unlabelled(config, drafts, shelves, tallies)
    return list(drafts.values()), tuple(dict.fromkeys(config.classes or classes))


def readable(drafts: Sequence[Draft], config: NormaliseConfig, bar: Progress) -> list[Draft]:
    """The drafts whose pictures can be read, each with its size and digest."""
    kept = []
    for draft in drafts:
        bar.advance(1, draft.path.name)
        try:
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
    """The drafts by names that differ, also without their suffix and whatever the case.

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


def _shelf(
    config: NormaliseConfig, source: SourceConfig, shelves: dict[Path, Shelf], out: Path
) -> Shelf:
    """The pictures of a source; sources with the same folder of pictures share them."""
    images = source.images or config.images
    key = (images or source.path).resolve()
    if key not in shelves:
        shelves[key] = shelf_of(source.path, images, out)
    return shelves[key]


def _find(raw: RawPicture, shelf: Shelf | None, tally: SourceTally) -> Path | None:
    """The picture that a label speaks of, or None, which is counted."""
    where = str(raw.file) if raw.file.suffix.lower() in {".txt", ".xml"} else raw.names[0]
    if shelf is not None:
        found = next((found for name in raw.names if (found := shelf.find(name))), [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(path) for path in found[:3])
            tally.add(Fault.AMBIGUOUS, where, f"{raw.names[0]!r} can be {names}")
            return None
    tally.add(Fault.MISSING_PICTURE, where, f"no picture {raw.names[0]!r}")
    return None


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
        tally.add(Repair.OTHER_SPLIT, str(draft.path), f"{known}, then {new}")


def _add_unlabelled(
    config: NormaliseConfig,
    drafts: dict[Path, Draft],
    shelves: dict[Path, Shelf],
    tallies: Sequence[SourceTally],
) -> None:
    """Count the pictures that no label speaks of, and take them as empty where that is asked."""
    for source, tally in zip(config.sources, tallies, strict=True):
        shelf = shelves.pop((source.images or config.images or source.path).resolve(), None)
        if shelf is None:
            continue
        for path, name in shelf.pictures.items():
            if path.resolve() in drafts:
                continue
            if config.unlabelled == "leave":
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
    return without_suffix(name).casefold()


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number at its end where that is taken."""
    path = PurePosixPath(name)
    number = 2
    while _key(name) in taken:
        name = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
        number += 1
    return name
