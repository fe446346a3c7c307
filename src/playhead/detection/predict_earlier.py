"""Outputs of an earlier prediction run in the output folder: list them, and remove them.

Outputs of two runs in one folder would contradict each other. Files that may be ground truth are
never removed.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from playhead.detection.labels.layout import MANIFEST, SUBMISSION
from playhead.detection.labels.yolo import CLASSES
from playhead.errors import PlayheadError

__all__ = ["earlier_files", "remove_files"]

_WHOLE = ("predictions.coco.json", SUBMISSION)


def earlier_files(out: Path, coming: Sequence[Path], *, overwrite: bool) -> list[Path]:
    """The files of an earlier run in `out` that this run, which writes `coming`, will not replace.

    Raises PlayheadError for such files unless `overwrite` is set, and even then if `out` is a
    labelled set or has labels without scores: ground truth is never replaced or removed.
    """
    if (out / MANIFEST).exists():
        raise PlayheadError(f"{out}: is a labelled data set; choose another --out for predictions")
    labels = sorted((out / "labels").rglob("*.txt"))
    existing = [*labels, *sorted((out / "Annotations").rglob("*.xml"))]
    if overwrite:
        for path in existing:
            _refuse_ground_truth(path)
    existing += [out / name for name in _WHOLE if (out / name).exists()]
    if labels and (out / CLASSES).exists():
        existing.append(out / CLASSES)
    replaced = {path.absolute() for path in coming}
    stale = [path for path in existing if path.absolute() not in replaced]
    if stale and not overwrite:
        raise PlayheadError(
            f"{stale[0]}: was written by an earlier run and would not be replaced by this one; "
            "choose another --out, or remove it with --overwrite"
        )
    return stale


def remove_files(files: Sequence[Path], out: Path) -> None:
    """Remove files below `out`, and folders below it that become empty."""
    for path in files:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == out or any(folder.iterdir()):
                break
            folder.rmdir()


def _refuse_ground_truth(path: Path) -> None:
    """Raise PlayheadError for a label file that has a box without a score."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".xml":
            objects = ElementTree.fromstring(text).iter("object")
            predicted = all(element.find("score") is not None for element in objects)
        else:
            predicted = all(len(line.split()) == 6 for line in text.splitlines() if line.strip())
    except (OSError, ValueError, ElementTree.ParseError):
        predicted = False
    if not predicted:
        raise PlayheadError(
            f"{path}: has boxes without scores, so it may be ground truth; choose another --out"
        )
