"""Normalising: labels of several sources and formats become one set, every repair counted.

All that the sources say of one picture is merged; what is wrong is repaired where that is safe and
left out where it is not. The sources stay as they are: pictures are copied. The folder that is
written is whole, or it is not there.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from playhead.detection.labels.files import write_set
from playhead.detection.labels.finding import walk, without_suffix
from playhead.detection.labels.sources import MANIFEST, detect
from playhead.detection.labels.yolo import check_classes
from playhead.detection.normalise.boxes import merged
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.pictures import (
    Draft,
    gather,
    named,
    readable,
    without_copies,
)
from playhead.detection.normalise.report import NormaliseReport, Repair, SourceTally
from playhead.detection.normalise.split import deal_out, group_of
from playhead.detection.normalise.table import repair_rows
from playhead.detection.normalise.warnings import warnings_of
from playhead.errors import ConfigError, LabelError, StorageError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.files import write_text
from playhead.output import print_error, print_table
from playhead.progress import progress

__all__ = ["REPORT", "check_report", "normalise", "print_report", "write_report"]

REPORT = "report.json"


def normalise(
    config: NormaliseConfig, out: Path, *, dry_run: bool = False, overwrite: bool = False
) -> NormaliseReport:
    """Make one set of the sources in the folder `out`; a dry run only says what it would do.

    Raises ConfigError for an `out` that holds something, or touches a source; LabelError for a
    source that is no labels, a class that cannot be written, or where no picture is left;
    StorageError where the disk refuses.
    """
    _check_out(config, out, overwrite=overwrite)
    tallies = _tallies(config)
    drafts, classes = gather(config, tallies, out)
    check_classes(classes)
    with progress("reading pictures", len(drafts)) as bar:
        drafts = without_copies(readable(drafts, config, bar))
    made, sources = _assembled(drafts, classes, config)
    warnings = warnings_of(config, made, tallies, drafts)
    if not made.pictures:
        raise LabelError(
            f"no picture is left of {', '.join(one.name for one in tallies)}: "
            f"{'; '.join(warnings) or 'their labels are empty'}"
        )
    if not made.classes:
        raise LabelError("no source has a box or names a class; name them with --classes")
    report = NormaliseReport(None if dry_run else out, made, tallies, warnings)
    if not dry_run:
        _write(report, sources, out)
    return report


def _tallies(config: NormaliseConfig) -> list[SourceTally]:
    tallies: list[SourceTally] = []
    for source in config.sources:
        images = source.images or config.images
        kind = detect(source.path, images) if source.format == "auto" else source.format
        name = source.name or _name_of(source.path)
        taken = {one.name for one in tallies}
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        tallies.append(SourceTally(unique, source.path, kind, config.examples))
    return tallies


def _name_of(path: Path) -> str:
    whole = path.absolute()
    generic = {"labels", "annotations", "manifest"}
    name = whole.stem if whole.is_file() else whole.name
    return whole.parent.name if name.lower() in generic else name


def _assembled(
    drafts: Sequence[Draft], classes: Sequence[str], config: NormaliseConfig
) -> tuple[PictureSet, list[Path]]:
    """The set, its paths those under `images`, and the file of each of its pictures."""
    found = {draft.path: merged(draft.sayings, draft.size, config) for draft in drafts}
    kept = [draft for draft in drafts if not _is_all_broken(draft, found[draft.path][1])]
    place = {name: number for number, name in enumerate(classes)}
    groups: dict[str, str] = {}
    pictures = {}
    names = named(kept)
    for name, draft in names.items():
        boxes, labels = found[draft.path]
        pictures[name] = LabelledPicture(
            path=Path(name),
            size=draft.size,
            boxes=boxes,
            labels=np.array([place[label] for label in labels], np.int32),
            scores=np.ones(len(labels), np.float32),
            # The same pixels under another name are in one group, or a split would leak.
            group=groups.setdefault(draft.digest, _group(draft, name, config)),
            split=draft.held if config.split else draft.held or draft.split,
        )
    order = sorted(pictures)
    made = PictureSet(tuple(place), tuple(pictures[name] for name in order))
    return _with_splits(made, config), [names[name].path for name in order]


def _is_all_broken(draft: Draft, labels: Sequence[str]) -> bool:
    """Whether a picture has nothing but boxes that cannot be used: it is not without objects."""
    shown = next((saying for saying in draft.sayings if saying.shows_objects()), None)
    if labels or shown is None:
        return False
    where = str(shown.raw.file)
    shown.tally.add(Repair.ALL_BROKEN, where if shown.is_alone() else f"{where}: {draft.name}")
    return True


def _group(draft: Draft, name: str, config: NormaliseConfig) -> str:
    """What folds keep together: said by the name, by a source, or the picture alone."""
    if config.group_by is not None:
        found = group_of(without_suffix(draft.name), config.group_by)
        if found is not None:
            return found
        draft.tally.add(Repair.NO_GROUP, str(draft.path))
    return draft.group or without_suffix(name)


def _with_splits(made: PictureSet, config: NormaliseConfig) -> PictureSet:
    """The set with a split for each picture that has none: that of its group, or one dealt out."""
    if not config.split:
        return made
    splits: dict[str, str] = {}
    for one in made.pictures:
        if one.split is not None:
            splits.setdefault(one.group, one.split)
    left = [one for one in made.pictures if one.group not in splits]
    if left:
        classes = len(made.classes)
        counts = np.array([np.bincount(one.labels, minlength=classes) for one in left])
        groups = [one.group for one in left]
        dealt = deal_out(groups, counts.reshape(-1, classes), config.shares(), config.seed)
        splits |= dict(zip(groups, dealt, strict=True))
    pictures = (replace(one, split=one.split or splits[one.group]) for one in made.pictures)
    return PictureSet(made.classes, tuple(pictures))


def print_report(report: NormaliseReport) -> None:
    """Print what happened: every repair, what to look at, and the boxes of each class."""
    print_table(repair_rows(report.sources))
    for warning in report.warnings:
        print_error(f"warning: {warning}")
    print_table(report.rows())
    sys.stdout.write(f"{report.describe()}\n")
    if report.failed:
        sys.stdout.write(f"exit code 3: {report.describe_failed()}\n")


def _write(report: NormaliseReport, sources: Sequence[Path], out: Path) -> None:
    with _whole_folder(out) as folder, progress("copying pictures", len(sources)) as bar:
        pictures = []
        for picture, source in zip(report.made.pictures, sources, strict=True):
            target = folder / "images" / picture.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            pictures.append(replace(picture, path=target))
            bar.advance(1, source.name)
        write_set(PictureSet(report.made.classes, tuple(pictures)), folder)
        write_report(report, folder / REPORT)


def write_report(report: NormaliseReport, path: Path) -> None:
    """Write what happened as one JSON document, in the place of an earlier one at most.

    Raises ConfigError for a path in a source, or of a file that is no report.
    """
    check_report([tally.path for tally in report.sources], path)
    write_text(path, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")


def check_report(sources: Iterable[Path], path: Path) -> None:
    """Raise ConfigError for a report that would lie in a source, or replace what is no report."""
    for source in sources:
        if path.resolve().is_relative_to(source.resolve()):
            raise ConfigError(f"{path}: lies in the source {source}; name another file for it")
    if path.exists() and not _is_report(path):
        raise ConfigError(f"{path}: is there and is no report; name another file for it")


def _is_report(path: Path) -> bool:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError):
        return False
    return isinstance(document, dict) and {"job", "dry_run", "sources"} <= document.keys()


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, and else is removed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise StorageError(f"{out}: cannot write here: {error.strerror or error}") from error
    made, old = temporary / "new", temporary / "old"
    try:
        made.mkdir()
        yield made
        if out.exists():
            out.rename(old)
        made.rename(out)
    except OSError as error:
        raise StorageError(f"{out}: writing failed: {error.strerror or error}") from error
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(temporary, ignore_errors=True)


def _check_out(config: NormaliseConfig, out: Path, *, overwrite: bool) -> None:
    """Refuse an `out` that would lose something, or that would change a source."""
    whole = out.resolve()
    for source in config.sources:
        for path in (source.path, source.images, config.images):
            if path is None:
                continue
            # What a link in a source leads to is a part of it.
            for part in (path, *(walk(path).links if path.is_dir() else ())):
                other = part.resolve()
                if whole.is_relative_to(other) or other.is_relative_to(whole):
                    raise ConfigError(
                        f"{out}: lies in a source or around it ({part}); name another"
                    )
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is a file; name a folder to write the set into")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise ConfigError(f"{out}: is not empty; name another folder, or use --overwrite")
    if not ((out / MANIFEST).is_file() and (out / REPORT).is_file()):
        raise ConfigError(
            f"{out}: is no set that was made here ({MANIFEST} and {REPORT} are missing), "
            "and is not replaced; name another folder"
        )
