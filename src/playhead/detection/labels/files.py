"""Files: reading and writing labelled pictures, true or found, whatever their format.

Reading is strict: LabelError names the file and the line of whatever is wrong. `redaction
normalise` repairs what can be repaired.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from playhead.detection.labels import coco, csv_rows, voc, yolo
from playhead.detection.labels.assembly import assemble
from playhead.detection.labels.names import label_names, names_of
from playhead.detection.labels.pairing import pair
from playhead.detection.labels.raw import refuse
from playhead.detection.labels.sources import MANIFEST, SUBMISSION, Manner, detect, parse
from playhead.errors import LabelError, StorageError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.files import inside, write_text

__all__ = ["KINDS", "of_split", "read_pair", "read_pictures", "write_pictures", "write_set"]

KINDS = ("yolo", "voc", "coco", "csv")


def read_pictures(
    path: Path | str,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    images: Path | str | None = None,
    *,
    like: PictureSet | None = None,
    ids: Path | None = None,
    crowds: bool = False,
) -> PictureSet:
    """Read the labels or predictions in `path`.

    path: a set (a folder with `manifest.csv`), a folder of YOLO or VOC labels, a COCO document or
    list of results, a CSV of boxes, or a folder that holds one of these.
    split: only the pictures of this one. classes: all that are known, in order.
    images: the folder that holds the pictures; without it they are looked for beside the labels.
    like: the true set that predictions are for: it gives the pictures and their sizes, and the
    classes where the predictions name none. ids: the COCO document that results count by.
    crowds: keep those of COCO, as boxes of score 0, which measuring neither misses nor counts.
    A size is (0, 0) where neither the file nor a picture tells it.
    Raises LabelError naming file and line for whatever is wrong, MediaError for a picture whose
    size is needed and cannot be read.

    >>> import pathlib, tempfile
    >>> rows = pathlib.Path(tempfile.mkdtemp(), "submission.csv")
    >>> _ = rows.write_text("picture,label,score,x1,y1,x2,y2\\na.jpg,car,0.9,4,6,20,18\\n")
    >>> read_pictures(rows).pictures[0].boxes.tolist()
    [[4.0, 6.0, 20.0, 18.0]]
    """
    path = Path(path)
    kind = detect(path)
    manner = Manner(ids=None if ids is None else coco.Ids.read(ids, refuse), crowds=crowds)
    raws = parse(path, kind, refuse, manner)
    found = assemble(
        path,
        kind,
        raws,
        classes=classes,
        images=None if images is None else Path(images),
        like=like,
    )
    return found if split is None else of_split(found, split, path)


def read_pair(
    truth: Path | str,
    predictions: Path | str,
    *,
    split: str | None = None,
    images: Path | str | None = None,
) -> tuple[PictureSet, PictureSet]:
    """Read a true set and what was found in it, the latter in the order of the former.

    Raises LabelError as `read_pictures` and `pair` do. Predictions may speak of the whole set where
    one `split` is asked for.
    """
    whole = read_pictures(truth, images=images, crowds=True)
    ids = Path(truth) if Path(truth).is_file() and detect(Path(truth)) == "coco" else None
    found = pair(whole, read_pictures(predictions, images=images, like=whole, ids=ids))
    if split is None:
        return whole, found
    places = [place for place, one in enumerate(whole.pictures) if one.split == split]
    return of_split(whole, split, Path(truth)), found.chosen(places)


def of_split(found: PictureSet, split: str, path: Path) -> PictureSet:
    """The pictures of one split; LabelError names the splits there are where it is none of them."""
    places = [place for place, one in enumerate(found.pictures) if one.split == split]
    if not places:
        known = sorted({one.split for one in found.pictures if one.split})
        raise LabelError(
            f"{path}: has no split {split!r}; its pictures are of {', '.join(known) or 'none'}"
        )
    return found.chosen(places)


def write_pictures(
    found: PictureSet,
    out: Path,
    kinds: Iterable[str],
    *,
    root: Path | None = None,
    predictions: bool = False,
    ids: Path | None = None,
) -> list[Path]:
    """Write a set in these formats into the folder `out`, each file whole or not at all.

    yolo: `labels/<name>.txt` and `classes.txt`; voc: `Annotations/<name>.xml`
    coco: `annotations.coco.json`, or `predictions.coco.json`; csv: `boxes.csv`, or `submission.csv`
    root: the folder that pictures are named relative to, see `names_of`
    predictions: scores are written, and COCO is a list of results; with `ids` numbered as there
    Returns the paths. Raises LabelError for an unknown kind, and names that clash.
    """
    names = names_of([one.path for one in found.pictures], root)
    written: list[Path] = []
    for kind in kinds:
        match kind:
            case "yolo":
                written += _write_yolo(found, out, names, predictions)
            case "voc":
                written += _write_voc(found, out, names, predictions)
            case "coco":
                written.append(_write_coco(found, out, names, predictions, ids))
            case "csv":
                path = out / (SUBMISSION if predictions else "boxes.csv")
                write_text(path, csv_rows.rows_text(found, names))
                written.append(path)
            case _:
                raise LabelError(f"{kind!r} is no format of pictures; known are {', '.join(KINDS)}")
    return written


def write_set(found: PictureSet, folder: Path) -> Path:
    """Write `labels`, `classes.txt` and `manifest.csv` for pictures that lie in `folder/images`.

    Returns the manifest. Raises LabelError for no pictures, or one that lies elsewhere.
    """
    names = names_of([one.path for one in found.pictures], folder / "images")
    labels = _write_yolo(found, folder, names, False)
    rows = [
        ManifestRow(video=one.path, labels=path, group=one.group, split=one.split)
        for one, path in zip(found.pictures, labels, strict=False)
    ]
    write_manifest(rows, folder / MANIFEST)
    return folder / MANIFEST


def _write_yolo(found: PictureSet, out: Path, names: Sequence[str], scores: bool) -> list[Path]:
    written = _write_each(
        found,
        out / "labels",
        label_names(names, ".txt"),
        lambda one: yolo.label_text(one, scores=scores),
    )
    yolo.write_classes(found.classes, out)
    return [*written, out / yolo.CLASSES]


def _write_voc(found: PictureSet, out: Path, names: Sequence[str], scores: bool) -> list[Path]:
    return _write_each(
        found,
        out / "Annotations",
        label_names(names, ".xml"),
        lambda one: voc.label_text(one, found.classes, scores=scores),
    )


def _write_each(
    found: PictureSet,
    folder: Path,
    names: Sequence[str],
    text_of: Callable[[LabelledPicture], str],
) -> list[Path]:
    texts = [text_of(one) for one in found.pictures]
    paths = [inside(folder, name) for name in names]
    for path, text in zip(paths, texts, strict=True):
        _write_label(path, text)
    return paths


def _write_label(path: Path, text: str) -> None:
    """Whole or not at all, without waiting for the disk: of these there are many."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # where there is no such folder either
            temporary.unlink(missing_ok=True)
        raise StorageError(f"{path}: writing failed: {error.strerror or error}") from error


def _write_coco(
    found: PictureSet, out: Path, names: Sequence[str], predictions: bool, ids: Path | None
) -> Path:
    if predictions:
        known = None if ids is None else coco.Ids.read(ids, refuse)
        path, text = out / "predictions.coco.json", coco.results_text(found, names, known)
    else:
        path, text = out / "annotations.coco.json", coco.truth_text(found, names)
    write_text(path, text)
    return path
