"""What an earlier prediction left in a folder: found, told from true labels, and removed.

Outputs of two runs in one folder would disagree, and what reads the folder takes only some of them.
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
    """What an earlier run wrote into `out` and this one, which writes `coming`, does not.

    Raises PlayheadError for such files unless `overwrite` is said, and even then where `out` is a
    labelled set or holds labels without scores: nobody's labels are replaced or removed.
    """
    if (out / MANIFEST).exists():
        raise PlayheadError(f"{out}: is a labelled set; predict into a folder of its own")
    labels = sorted((out / "labels").rglob("*.txt"))
    found = [*labels, *sorted((out / "Annotations").rglob("*.xml"))]
    if overwrite:
        for path in found:
            _refuse_true(path)
    found += [out / name for name in _WHOLE if (out / name).exists()]
    if labels and (out / CLASSES).exists():
        found.append(out / CLASSES)
    kept = {path.absolute() for path in coming}
    stale = [path for path in found if path.absolute() not in kept]
    if stale and not overwrite:
        raise PlayheadError(
            f"{stale[0]}: is of an earlier run, and this one does not write it; name another "
            "--out, or --overwrite removes it"
        )
    return stale


def remove_files(files: Sequence[Path], out: Path) -> None:
    """Remove files below `out`, and the folders below it that are empty then."""
    for path in files:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == out or any(folder.iterdir()):
                break
            folder.rmdir()


def _refuse_true(path: Path) -> None:
    """Raise PlayheadError for a label file that no prediction wrote: a box in it has no score."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".xml":
            objects = ElementTree.fromstring(text).iter("object")
            predicted = all(one.find("score") is not None for one in objects)
        else:
            predicted = all(len(line.split()) == 6 for line in text.splitlines() if line.strip())
    except (OSError, ValueError, ElementTree.ParseError):
        predicted = False
    if not predicted:
        raise PlayheadError(
            f"{path}: has boxes without scores, so no prediction wrote it; name another --out"
        )
