"""Synthesis of new labelled images from a set, by cut and paste.

Every object is cut out; the holes are filled so that only background is left; cut-outs are pasted
at random positions of random backgrounds with their labels. Image k depends only on the set, the
settings, the seed and k, so a run can be continued with the same result.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from playhead.detection.labels import yolo
from playhead.detection.labels.layout import MANIFEST
from playhead.detection.labels.read import of_split, read_image_set, refuse_unseen
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
from playhead.events.images import ImageSet, LabelledImage
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest
from playhead.files import atomic_path, sha256, write_text
from playhead.media.stills import read_still
from playhead.progress import progress

__all__ = ["Synthesis", "synthesise"]

_TRAIN = "train"
_REASONS = {
    "small": "{} smaller than least",
    "neighbours": "{} would show part of another object",
    "memory": "{} over memory_mb",
}


@dataclass(frozen=True, slots=True)
class Synthesis:
    """The result of a synthesis.

    images: number of new images; total: of all images in `out`; boxes: new ones, of each class
    notes: sentences for the user; failed: errors of unreadable source images
    """

    out: Path
    images: int
    total: int
    boxes: dict[str, int]
    notes: tuple[str, ...]
    failed: tuple[str, ...]

    def describe(self) -> str:
        """A summary in lines."""
        boxes = ", ".join(f"{count} {label}" for label, count in self.boxes.items())
        first = f"{self.out}: {self.images} new images ({boxes}), {self.total} in all"
        return "\n".join([first, *self.notes, *(f"left out: {reason}" for reason in self.failed)])

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return asdict(self) | {"out": str(self.out)}


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
    """Write `count` new images to `out`, as a data set with a manifest and `synthesis.json`.

    source: a labelled set; start: number of the first image, by default after the last
    split: to cut objects from, by default train, or all images of an unsplit set
    backgrounds: a folder of images without objects, by default the set's images, filled
    `out` is new, or has images of the same set, settings and seed, which are kept.
    Raises LabelError for a set without objects to cut out or without backgrounds, ConfigError for
    an `out` with other content or inside an input. Unreadable images are left out and listed in
    `failed`.
    """
    config = config or SynthesisConfig()
    if count < 1 or (start or 0) < 0:
        raise ConfigError(
            f"got a count of {count} and a start of {start}; the count must be at least 1, and the "
            "start at least 0"
        )
    whole = out.resolve()
    for path in (source.parent if source.name == MANIFEST else source, backgrounds):
        other = whole if path is None else path.resolve()
        if path and (whole.is_relative_to(other) or other.is_relative_to(whole)):
            raise ConfigError(
                f"{out}: is inside the set or the backgrounds, or contains them ({path}); choose "
                "another --out"
            )
    labelled = _with_objects(source, split)
    scenery = (
        Backgrounds.of_set(labelled, config)
        if backgrounds is None
        else Backgrounds.of_folder(backgrounds, config)
    )
    record = Record(
        classes=labelled.classes,
        source=checksum(labelled),
        backgrounds=scenery.checksum(),
        seed=seed,
        settings=config.model_dump(mode="json"),
    ).with_existing(out)
    rows = _existing_rows(out, record)
    bank, cut_from, failed = _cut_all(source, labelled, config, seed)
    # Written first, so that an interrupted synthesis is recognised and can be continued.
    record.write(out)
    yolo.write_classes(labelled.classes, out)
    first = record.next_number if start is None else start
    maker = _Maker(out, bank, cut_from, scenery, config, seed, labelled.images[0].split)
    images: list[LabelledImage] = []
    faded = 0
    try:
        with progress("Pasting", total=count) as steps:
            for number in range(first, first + count):
                image, fades = maker.make(number, record)
                images.append(image)
                faded += fades
                steps.advance()
    finally:  # an interrupted synthesis is a valid set too
        _write_manifest(out, record, rows, images)
        record.write(out)
    return Synthesis(
        out=out,
        images=count,
        total=len(record.images),
        boxes=ImageSet(labelled.classes, tuple(images)).count(),
        notes=_notes(labelled, bank, scenery, images, faded),
        failed=(*failed, *scenery.failed.values()),
    )


def _with_objects(source: Path, split: str | None) -> ImageSet:
    """The images to cut objects from; LabelError if none has a box or the split is ambiguous."""
    labelled = read_image_set(source, split)
    refuse_unseen(labelled, source)
    if split is None and (splits := {image.split for image in labelled.images} - {None}):
        if _TRAIN not in splits:
            raise LabelError(
                f"{source}: has no split {_TRAIN}, only {', '.join(sorted(map(str, splits)))}; "
                "choose one with --split"
            )
        labelled = of_split(labelled, _TRAIN, source)
    if not sum(labelled.count().values()):
        raise LabelError(
            f"{source}: none of its {len(labelled)} images has a box; label the objects to cut out"
        )
    return labelled


def _cut_all(
    source: Path, labelled: ImageSet, config: SynthesisConfig, seed: int
) -> tuple[CutoutBank, tuple[Path, ...], tuple[str, ...]]:
    """All cut-outs, their source files, and the errors of unreadable images."""
    cut_from: list[Path] = []
    failed: list[str] = []

    def readable() -> Iterator[Labelled]:
        for image in labelled.images:
            steps.advance()
            if not len(image.labels):
                continue
            try:
                pixels = read_still(image.path)
            except MediaError as error:
                failed.append(str(error))
                continue
            cut_from.append(image.path)
            yield pixels, image.boxes, image.labels

    with progress("Cutting out", total=len(labelled)) as steps:
        bank = CutoutBank(readable(), config, seed=seed)
    if not len(bank):
        total, reasons = sum(labelled.count().values()), _reasons(bank) or failed[0]
        raise LabelError(
            f"{source}: none of {total} objects can be cut out ({reasons}); label larger or more "
            "separate objects, or change the settings"
        )
    return bank, tuple(cut_from), tuple(failed)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Creates images by their number; cut_from: the files of the bank's images, in order."""

    out: Path
    bank: CutoutBank
    cut_from: Sequence[Path]
    backgrounds: Backgrounds
    config: SynthesisConfig
    seed: int
    split: str | None
    checksums: dict[Path, str] = field(default_factory=dict)

    def make(self, number: int, record: Record) -> tuple[LabelledImage, int]:
        """Write image `number` and add it to the record; also returns how many pastes faded."""
        rng = np.random.default_rng([self.seed, number])
        background = self.backgrounds.draw(rng)
        scene = Scene(background.pixels, background.boxes, background.labels)
        pasted: tuple[Pasted, ...] = ()
        if rng.random() < self.config.probability:
            pasted = paste_some(rng, scene, self.bank, self.config)
        boxes, labels = scene.labels_left(
            hidden_most=self.config.hidden_most, least_part=self.config.least_part
        )
        path = self.out / "images" / synthesised_name(self.seed, number)
        with atomic_path(path) as temporary:
            Image.fromarray(scene.image).save(temporary, quality=self.config.quality)
        height, width, _ = scene.image.shape
        image = LabelledImage(
            path=path,
            size=(width, height),
            boxes=boxes,
            labels=labels,
            scores=np.ones(len(labels), np.float32),
            # Any of them may contain parts of any source image, so folds must not separate them.
            group=f"pasted-{self.seed}",
            split=self.split,
        )
        write_text(_label_file(path), yolo.label_text(image, scores=False))
        files = [background.path, *(self.cut_from[paste.origin] for paste in pasted)]
        for file in files:
            if file not in self.checksums:
                self.checksums[file] = sha256(file)
        made_of = [self.checksums[file] for file in files]
        record.add(number, path.name, background.name, pasted, made_of=made_of)
        return image, sum(paste.faded for paste in pasted)


def _label_file(image: Path) -> Path:
    return image.parents[1] / "labels" / f"{image.stem}.txt"


def _existing_rows(out: Path, record: Record) -> dict[str, ManifestRow]:
    """The manifest rows of the images already in `out`."""
    rows = read_manifest(out / MANIFEST) if record.images else ()
    named = {row.video.name: row for row in rows}
    lost = [name for name in record.in_order() if name not in named]
    if lost:
        raise LabelError(
            f"{out / MANIFEST}: has no row for {lost[0]} and {len(lost) - 1} more images that "
            f"{RECORD} lists; choose a new folder"
        )
    return named


def _write_manifest(
    out: Path, record: Record, rows: Mapping[str, ManifestRow], images: Sequence[LabelledImage]
) -> None:
    new = {
        image.path.name: ManifestRow(
            video=image.path, labels=_label_file(image.path), group=image.group, split=image.split
        )
        for image in images
    }
    if record.images:
        both = {**rows, **new}
        write_manifest([both[name] for name in record.in_order()], out / MANIFEST)


def _notes(
    labelled: ImageSet,
    bank: CutoutBank,
    backgrounds: Backgrounds,
    images: Sequence[LabelledImage],
    faded: int,
) -> tuple[str, ...]:
    notes = []
    carried = Counter(int(label) for cutout in bank for label in set(cutout.labels.tolist()))
    for label, (name, boxes) in enumerate(labelled.count().items()):
        if bank.count().get(label):
            continue
        if not boxes:
            notes.append(f"{name}: has no box, so it is never pasted")
        elif carried[label]:
            notes.append(
                f"{name}: none of {boxes} was cut out on its own; {carried[label]} cut-outs of "
                "other objects contain it"
            )
        else:
            notes.append(f"{name}: none of {boxes} could be cut out, so it is never pasted")
    if bank.left_out:
        notes.append(f"{bank.left_out.total()} objects were not cut out: {_reasons(bank)}")
    if backgrounds.filled_too_far:
        notes.append(
            f"{backgrounds.filled_too_far} of {len(labelled)} images were not used as backgrounds: "
            f"objects cover more than {backgrounds.config.filled_most:.0%} of them"
        )
    empty = sum(not len(image.labels) for image in images)
    if empty:
        notes.append(f"{empty} of {len(images)} images are background without objects")
    if faded:
        notes.append(f"{faded} pastes were feathered, since poisson blending would have faded them")
    return tuple(notes)


def _reasons(bank: CutoutBank) -> str:
    return ", ".join(_REASONS[key].format(count) for key, count in sorted(bank.left_out.items()))
