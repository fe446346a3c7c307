"""Synthesise: new labelled pictures out of a set, by cut and paste, as many as are asked for.

Every object is cut out; the holes are filled so that only background is left; cut-outs are pasted
at random places of random backgrounds with their labels. Picture k depends on the set, the
settings, the seed and k alone: going on from picture 100 gives what 200 at once would have given.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from playhead.detection.labels import yolo
from playhead.detection.labels.layout import MANIFEST
from playhead.detection.labels.read import read_pictures, refuse_unseen
from playhead.detection.synthesis.backgrounds import Backgrounds
from playhead.detection.synthesis.config import SynthesisConfig
from playhead.detection.synthesis.cutouts import CutoutBank, Labelled
from playhead.detection.synthesis.pasting import Pasted, Scene, paste_some
from playhead.detection.synthesis.record import (
    RECORD,
    Record,
    checksum,
    synthesised_name,
)
from playhead.errors import ConfigError, LabelError, MediaError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest
from playhead.files import atomic_path, sha256, write_text
from playhead.media.stills import read_still
from playhead.progress import Progress, progress

__all__ = ["Synthesis", "synthesise"]

_TRAIN = "train"
_REASONS = {
    "small": "{} smaller than least",
    "neighbours": "{} would show a part of another object",
    "memory": "{} past memory_mb",
}


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What was made.

    pictures: made now; total: in `out` by now; boxes: of each class, in the pictures made now
    notes: what to know, a sentence each; failed: why pictures of the source could not be read
    """

    out: Path
    pictures: int
    total: int
    boxes: dict[str, int]
    notes: tuple[str, ...]
    failed: tuple[str, ...]

    def describe(self) -> str:
        """In lines, for a person."""
        boxes = ", ".join(f"{count} {label}" for label, count in self.boxes.items())
        first = f"{self.out}: {self.pictures} new pictures ({boxes}), {self.total} in all"
        return "\n".join([first, *self.notes, *(f"left out: {one}" for one in self.failed)])

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "out": str(self.out),
            "pictures": self.pictures,
            "total": self.total,
            "boxes": self.boxes,
            "notes": list(self.notes),
            "failed": list(self.failed),
        }


def synthesise(
    source: Path,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    start: int | None = None,
    config: SynthesisConfig | None = None,
    split: str | None = None,
    backgrounds: Path | None = None,
) -> Synthesis:
    """Write `count` new pictures into `out`, a set of the standard shape, and `synthesis.json`.

    source: a labelled set. start: the number of the first picture; None goes on after the last.
    split: the one to cut up; None is train, or all where nothing is split.
    backgrounds: a folder of pictures without objects; None takes those of the set, filled.
    `out` is new, or holds pictures of the same set, settings and seed, which stay.
    Raises LabelError for a set without objects to cut out or without backgrounds, ConfigError for
    an `out` that holds something else or lies in what is read. A picture that cannot be read is
    left out and said.
    """
    config = config or SynthesisConfig()
    if count < 1 or (start or 0) < 0:
        raise ConfigError(f"{count} pictures from {start}: needs at least 1, from 0 or later")
    _refuse_inside(out, source, backgrounds)
    labelled = _of_split(source, split)
    places = _backgrounds(labelled, config, backgrounds)
    record = _record(labelled, places, config, seed).with_standing(out)
    standing = _standing(out, record)
    numbers = _numbers(record, start, count)
    bank, cut_from, failed = _cut_all(source, labelled, config, seed)
    # So that what an interruption leaves is known as this synthesis, and gone on with.
    record.write(out)
    maker = _Maker(out, bank, cut_from, places, config, seed, labelled.pictures[0].split)
    yolo.write_classes(labelled.classes, out)
    made: list[LabelledPicture] = []
    try:
        faded = _make_all(maker, numbers, record, made)
    finally:  # where it is interrupted, the pictures there are by then are a set too
        _write_manifest(out, record, standing, made)
        record.write(out)
    return Synthesis(
        out=out,
        pictures=count,
        total=len(record.pictures),
        boxes=PictureSet(labelled.classes, tuple(made)).count(),
        notes=_notes(labelled, bank, places, made, faded),
        failed=(*failed, *places.failed.values()),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes pictures by their number; cut_from: the files of the bank's pictures, in order."""

    out: Path
    bank: CutoutBank
    cut_from: Sequence[Path]
    places: Backgrounds
    config: SynthesisConfig
    seed: int
    split: str | None
    checksums: dict[Path, str] = field(default_factory=dict)

    def make(self, number: int, record: Record) -> tuple[LabelledPicture, int]:
        """Write picture `number` and add it to the record; how many of its pastes faded."""
        rng = np.random.default_rng([self.seed, number])
        background = self.places.draw(rng)
        scene = Scene(background.pixels, background.boxes, background.labels)
        pasted: tuple[Pasted, ...] = ()
        if rng.random() < self.config.probability:
            pasted = paste_some(rng, scene, self.bank, self.config)
        boxes, labels = scene.labels_left(
            hidden_most=self.config.hidden_most, least_part=self.config.least_part
        )
        path = self.out / "images" / synthesised_name(self.seed, number)
        with atomic_path(path) as temporary:
            Image.fromarray(scene.picture).save(temporary, quality=self.config.quality)
        height, width, _ = scene.picture.shape
        made = LabelledPicture(
            path=path,
            size=(width, height),
            boxes=boxes,
            labels=labels,
            scores=np.ones(len(labels), np.float32),
            # All may hold pieces of any picture of the source, so no fold may part them.
            group=f"pasted-{self.seed}",
            split=self.split,
        )
        write_text(_labels_of(path), yolo.label_text(made, scores=False))
        files = [background.path, *(self.cut_from[one.origin] for one in pasted)]
        made_of = [self.checksum_of(file) for file in files]
        record.add(number, path.name, background.name, pasted, made_of=made_of)
        return made, sum(one.faded for one in pasted)

    def checksum_of(self, path: Path) -> str:
        if path not in self.checksums:
            self.checksums[path] = sha256(path)
        return self.checksums[path]


def _refuse_inside(out: Path, source: Path, backgrounds: Path | None) -> None:
    """Refuse an `out` in what is read, or around it."""
    whole = out.resolve()
    for path in (source.parent if source.name == MANIFEST else source, backgrounds):
        other = None if path is None else path.resolve()
        if other is not None and (whole.is_relative_to(other) or other.is_relative_to(whole)):
            raise ConfigError(
                f"{out}: lies in the set or the backgrounds, or around them ({path}); name another"
            )


def _of_split(source: Path, split: str | None) -> PictureSet:
    found = read_pictures(source, split)
    refuse_unseen(found, source)
    if split is None and (splits := {one.split for one in found.pictures} - {None}):
        if _TRAIN not in splits:
            raise LabelError(
                f"{source}: is split into {', '.join(sorted(map(str, splits)))} and none is "
                f"{_TRAIN}; name one with --split"
            )
        of_train = [place for place, one in enumerate(found.pictures) if one.split == _TRAIN]
        found = found.chosen(of_train)
    if not sum(found.count().values()):
        raise LabelError(
            f"{source}: its {len(found)} pictures have no box; label the objects to cut out"
        )
    return found


def _backgrounds(found: PictureSet, config: SynthesisConfig, folder: Path | None) -> Backgrounds:
    if folder is None:
        return Backgrounds.of_set(found, config)
    return Backgrounds.of_folder(folder, config)


def _record(found: PictureSet, places: Backgrounds, config: SynthesisConfig, seed: int) -> Record:
    return Record(
        classes=found.classes,
        source=checksum(found),
        backgrounds=places.checksum(),
        seed=seed,
        settings=config.model_dump(mode="json"),
    )


def _numbers(record: Record, start: int | None, count: int) -> range:
    first = record.next_number if start is None else start
    return range(first, first + count)


def _cut_all(
    source: Path, found: PictureSet, config: SynthesisConfig, seed: int
) -> tuple[CutoutBank, tuple[Path, ...], tuple[str, ...]]:
    """All cut-outs, the files they are of, and why some pictures could not be read."""
    cut_from: list[Path] = []
    failed: list[str] = []
    with progress("Cutting out", total=len(found)) as steps:
        bank = CutoutBank(_readable(found, cut_from, failed, steps), config, seed=seed)
    if not len(bank):
        reasons = _reasons(bank) or failed[0]
        raise LabelError(
            f"{source}: none of {sum(found.count().values())} objects can be cut out ({reasons})"
        )
    return bank, tuple(cut_from), tuple(failed)


def _readable(
    found: PictureSet, read: list[Path], failed: list[str], steps: Progress
) -> Iterator[Labelled]:
    """Pixels, boxes and labels of the pictures with objects, one after the other."""
    for one in found.pictures:
        steps.advance()
        if not len(one.labels):
            continue
        try:
            pixels = read_still(one.path)
        except MediaError as error:
            failed.append(str(error))
            continue
        read.append(one.path)
        yield pixels, one.boxes, one.labels


def _make_all(maker: _Maker, numbers: range, record: Record, made: list[LabelledPicture]) -> int:
    """Add each picture to `made` and to the record; how many pastes would have faded."""
    faded = 0
    with progress("Pasting", total=len(numbers)) as steps:
        for number in numbers:
            picture, fades = maker.make(number, record)
            made.append(picture)
            faded += fades
            steps.advance()
    return faded


def _labels_of(picture: Path) -> Path:
    return picture.parents[1] / "labels" / f"{picture.stem}.txt"


def _standing(out: Path, record: Record) -> dict[str, ManifestRow]:
    """The rows of the pictures that `out` holds already, which are not looked at again."""
    rows = read_manifest(out / MANIFEST) if record.pictures else ()
    named = {row.video.name: row for row in rows}
    lost = [name for name in record.in_order() if name not in named]
    if lost:
        raise LabelError(
            f"{out / MANIFEST}: has no row for {lost[0]} and {len(lost) - 1} more that "
            f"{RECORD} speaks of; name a new folder"
        )
    return named


def _write_manifest(
    out: Path,
    record: Record,
    standing: Mapping[str, ManifestRow],
    made: Sequence[LabelledPicture],
) -> None:
    rows = dict(standing)
    for one in made:
        rows[one.path.name] = ManifestRow(
            video=one.path, labels=_labels_of(one.path), group=one.group, split=one.split
        )
    if record.pictures:
        write_manifest([rows[name] for name in record.in_order()], out / MANIFEST)


def _notes(
    found: PictureSet,
    bank: CutoutBank,
    places: Backgrounds,
    made: Sequence[LabelledPicture],
    faded: int,
) -> tuple[str, ...]:
    notes = [_note_of_class(label, found, bank) for label in range(len(found.classes))]
    if bank.left_out:
        notes.append(f"{bank.left_out.total()} objects were not cut out: {_reasons(bank)}")
    if places.filled_too_far:
        notes.append(
            f"{places.filled_too_far} of {len(found)} pictures are no background: objects take "
            f"more than {places.config.filled_most:.0%} of them"
        )
    empty = sum(not len(one.labels) for one in made)
    if empty:
        notes.append(f"{empty} of {len(made)} pictures are background alone")
    if faded:
        notes.append(f"{faded} pastes would have faded under poisson and got a feather")
    return tuple(note for note in notes if note)


def _note_of_class(label: int, found: PictureSet, bank: CutoutBank) -> str:
    """What to know of a class that has no cut-outs of its own; empty where it has some."""
    name, boxes = found.classes[label], found.count()[found.classes[label]]
    if bank.count().get(label):
        return ""
    if not boxes:
        return f"{name}: has no box, so it is never pasted"
    along = Counter(int(one) for cutout in bank for one in set(cutout.labels.tolist()))[label]
    if along:
        return f"{name}: none of {boxes} was cut out on its own, it moves along in {along} cut-outs"
    return f"{name}: none of {boxes} could be cut out, so it is never pasted"


def _reasons(bank: CutoutBank) -> str:
    return ", ".join(_REASONS[key].format(count) for key, count in sorted(bank.left_out.items()))
