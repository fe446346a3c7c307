"""Writing of a data set, whole or not at all, and of its report; other files are not replaced."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from playhead.detection.labels.layout import MANIFEST
from playhead.detection.labels.write import write_set
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.report import NormaliseReport
from playhead.errors import ConfigError, StorageError
from playhead.events.images import ImageSet
from playhead.files import write_text
from playhead.progress import progress

__all__ = ["REPORT", "check_out", "check_report", "write_normalised", "write_report"]

REPORT = "report.json"


def check_out(config: NormaliseConfig, out: Path, *, overwrite: bool) -> None:
    """Raise ConfigError for an `out` in or around a source, or with other content."""
    whole = out.resolve()
    for source in config.sources:
        for path in (source.path, source.images, config.images):
            if path is None:
                continue
            other = path.resolve()
            if whole.is_relative_to(other) or other.is_relative_to(whole):
                raise ConfigError(
                    f"{out}: is inside a source or contains it ({path}); choose another --out"
                )
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is a file; give a folder for the data set")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise ConfigError(f"{out}: is not empty; choose another folder, or use --overwrite")
    if not ((out / MANIFEST).is_file() and (out / REPORT).is_file()):
        raise ConfigError(
            f"{out}: was not written by `normalise` (no {MANIFEST} and {REPORT}), so it is not "
            "replaced; choose another folder"
        )


def write_normalised(report: NormaliseReport, files: Sequence[Path], out: Path) -> None:
    """Copy the images and write labels, manifest and report; `out` is replaced at the end.

    files: the source file of each image, in order. Raises StorageError if writing fails; `out` is
    then unchanged.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise StorageError(f"{out}: cannot write here: {error.strerror or error}") from error
    new, old = temporary / "new", temporary / "old"
    try:
        images = []
        with progress("copying images", len(files)) as bar:
            for image, file in zip(report.images.images, files, strict=True):
                target = new / "images" / image.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                images.append(replace(image, path=target))
                bar.advance(1, file.name)
        write_set(ImageSet(report.images.classes, tuple(images)), new)
        write_report(report, new / REPORT)
        if out.exists():
            out.rename(old)
        new.rename(out)
    except OSError as error:
        raise StorageError(f"{out}: writing failed: {error.strerror or error}") from error
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(temporary, ignore_errors=True)


def write_report(report: NormaliseReport, path: Path) -> None:
    """Write the report as one JSON document; replaces only an earlier report.

    Raises ConfigError for a path inside a source, or an existing file that is not a report.
    """
    check_report((source.path for source in report.sources), path)
    write_text(path, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")


def check_report(sources: Iterable[Path], path: Path) -> None:
    """Raise ConfigError for a report inside a source, or that would replace another file."""
    for source in sources:
        if path.resolve().is_relative_to(source.resolve()):
            raise ConfigError(f"{path}: is inside the source {source}; choose another file")
    if not path.exists():
        return
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError):
        document = None
    if not isinstance(document, dict) or not {"job", "dry_run", "sources"} <= document.keys():
        raise ConfigError(f"{path}: exists and is not a report; choose another file")
