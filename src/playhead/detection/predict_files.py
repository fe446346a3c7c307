"""Prediction of files: label files, COCO results and a CSV for images; track files for videos.

Outputs name an image by its path relative to the folder that holds all inputs, so that images with
the same file name stay apart. A file that cannot be read is reported as failed and left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from playhead.detection.labels import csv
from playhead.detection.labels.coco import Ids
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import KINDS, is_text, label_names, names_of, write_images
from playhead.detection.predict import MIN_SCORE, PredictOptions, iter_predictions, open_bundles
from playhead.detection.predict_earlier import earlier_files, remove_files
from playhead.detection.predict_videos import predict_videos, track_path
from playhead.detection.recorded_thresholds import RECORD, write_thresholds_of
from playhead.errors import ConfigError, LabelError, PlayheadError
from playhead.events.images import ImageSet, LabelledImage
from playhead.execution.items import Item, find_items
from playhead.execution.outcomes import BatchResult, FileOutcome, peak_memory_bytes
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor
from playhead.inference.detectors import CustomDetector
from playhead.media.kinds import is_image, kind_of
from playhead.media.source import require_file
from playhead.progress import progress

__all__ = ["DEFAULT_KINDS", "PredictedFiles", "parse_kinds", "predict_files"]

DEFAULT_KINDS = ("yolo", "coco", "csv")


@dataclass(frozen=True, slots=True)
class PredictedFiles:
    """The outcome of every input file, and the outputs that cover all images.

    files: such outputs; count: detections of each class at the thresholds of the bundles
    """

    result: BatchResult
    files: tuple[Path, ...]
    count: Counter[str]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            **self.result.to_json(),
            "predictions": [str(path) for path in self.files],
            "found": dict(self.count),
        }

    def describe(self) -> str:
        """A line for each output that covers all images and each track file, then the failures."""
        images = sum(is_image(file.path) and file.status == "ok" for file in self.result.files)
        lines = [str(path) for path in self.files]
        if images:
            count = ", ".join(f"{number} {label}" for label, number in self.count.items())
            lines.append(f"images: {images}; detections above their thresholds: {count}")
        others = [file for file in self.result.files if not is_image(file.path) or file.reason]
        rest = BatchResult(tuple(others), 0.0, 0).describe()
        return "\n".join([*lines, *([rest] if rest else [])])


def predict_files(
    bundles: Sequence[Path],
    inputs: Sequence[Path],
    out: Path,
    options: PredictOptions | None = None,
    *,
    kinds: Sequence[str] = DEFAULT_KINDS,
    split: str | None = None,
    ids: Path | None = None,
    overwrite: bool = False,
    executor: Executor = SERIAL,
) -> PredictedFiles:
    """Run bundles on every image and video in `inputs`; folders are searched.

    options: without a threshold, detections in images are kept down to a score of 0.001, and tracks
    start at the thresholds of the bundles.
    kinds: output formats for images: yolo, voc, coco, csv; split: inputs are labelled sets, of
    which only these images are predicted; ids: a COCO document whose ids the results get.
    overwrite: replace existing outputs, and remove other image outputs of an earlier run
    executor: for videos
    Raises PlayheadError before any work if outputs exist and `overwrite` is not set, names clash,
    or `out` has labels that may be ground truth.
    """
    options = options or PredictOptions(threshold=None)
    check_folder(out)
    for path in inputs:
        if not path.is_dir():
            require_file(path)
    items, root = _items(inputs, split)
    images = [item.path for item in items if is_image(item.path)]
    videos = [item for item in items if not is_image(item.path)]
    tracks = [track_path(item.target(out)) for item in videos]
    check_outputs([item.path for item in items], tracks, overwrite=overwrite)
    labels, earlier = _check_names(images, root, out, kinds, overwrite=overwrite)
    started, peak = monotonic(), 0
    outcomes: list[FileOutcome] = []
    written: list[Path] = []
    count = Counter[str]()
    if images:
        detector = open_bundles(bundles, options)
        if ids is not None and "coco" in kinds:
            _check_numbers(ids, names_of(images, root), detector.labels)
        predictions, outcomes = _predict_images(detector, images, labels, options)
        for number, label in enumerate(detector.labels):
            threshold = detector.decisions.threshold(label)
            scores = (image.scores[image.labels == number] for image in predictions)
            count[label] = sum(int((of_image >= threshold).sum()) for of_image in scores)
        # Removed first and written last, the record never lies beside predictions of another run.
        remove_files([*earlier, out / RECORD], out)
        predicted = ImageSet(detector.labels, tuple(predictions))
        written = write_images(predicted, out, kinds, root=root, predictions=True, ids=ids)
        written.append(write_thresholds_of(detector, out, minimum_score=options.threshold))
        peak = peak_memory_bytes()
    if videos:
        tracked = predict_videos(
            bundles, videos, out, options, overwrite=overwrite, executor=executor
        )
        outcomes += tracked.files
        peak = tracked.peak_memory_bytes
    result = BatchResult(tuple(outcomes), monotonic() - started, peak)
    of_one_image = {file.resolve() for files in labels.values() for file in files}
    shared = tuple(path for path in written if path.resolve() not in of_one_image)
    return PredictedFiles(result, shared, count)


def parse_kinds(text: str) -> tuple[str, ...]:
    """`yolo,csv` as formats; ConfigError lists the valid ones."""
    kinds = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(
            f"--format {text}: unknown format {', '.join(unknown) or '(empty)'}; choose from "
            f"{', '.join(KINDS)}"
        )
    return kinds


def _items(inputs: Sequence[Path], split: str | None) -> tuple[list[Item], Path]:
    """The files to predict, and the folder that image names are relative to."""
    paths = list(inputs)
    if split is not None:
        paths = [image.path for path in inputs for image in read_image_set(path, split).images]
    items = find_items(
        paths,
        accept=lambda path: kind_of(path) is not None,
        wanted="video or image",
        key=lambda path: path if is_image(path) else path.with_suffix(""),
    )
    first = items[0].path.parent.resolve() / items[0].path.name
    root = first.parents[len(items[0].stem.parts) - 1]
    folders = [item.path.parent.resolve() for item in items if is_image(item.path)]
    within = root / "images"
    # The folder `images` of a set is not part of the names of its images.
    return items, within if all(folder.is_relative_to(within) for folder in folders) else root


def _check_names(
    images: Sequence[Path], root: Path, out: Path, kinds: Sequence[str], *, overwrite: bool
) -> tuple[dict[Path, tuple[Path, ...]], list[Path]]:
    """The label files of each image, and stale files; raises if names clash or outputs exist."""
    if not images:
        return {}, []
    names = names_of(images, root)
    if "csv" in kinds:
        csv.check_names(names)
    unwritable = [name for name in names if not is_text(name)]
    if unwritable and set(kinds) - {"yolo"}:
        raise LabelError(
            f"{unwritable[0]!r}: the file name is not UTF-8; rename it, or use --format yolo"
        )
    folders = {"yolo": ("labels", ".txt"), "voc": ("Annotations", ".xml")}
    whole = {"yolo": "classes.txt", "coco": "predictions.coco.json", "csv": "submission.csv"}
    labels: dict[Path, tuple[Path, ...]] = dict.fromkeys(images, ())
    coming = [out / RECORD, *(out / whole[kind] for kind in kinds if kind in whole)]
    for kind in kinds:
        if kind in folders:
            folder, suffix = folders[kind]
            files = [out / folder / name for name in label_names(names, suffix)]
            coming += files
            for path, file in zip(images, files, strict=True):
                labels[path] += (file,)
    earlier = earlier_files(out, coming, overwrite=overwrite)
    check_outputs(images, coming, overwrite=overwrite)
    return labels, earlier


def _check_numbers(ids: Path, names: Sequence[str], labels: Sequence[str]) -> None:
    """Raise LabelError if the document does not have ids for these images and classes."""
    document = Ids.read(ids)
    for kind, needed, known in (
        ("image", names, document.images.values()),
        ("class", labels, document.classes.values()),
    ):
        unknown = set(needed).difference(known)
        missing = [name for name in needed if name in unknown]
        if missing:
            raise LabelError(
                f"{ids}: has no {kind} {', '.join(missing[:3])}, whose id the results need; it has "
                f"{', '.join(list(known)[:3]) or 'none'}"
            )


def _predict_images(
    detector: CustomDetector,
    images: Sequence[Path],
    labels: dict[Path, tuple[Path, ...]],
    options: PredictOptions,
) -> tuple[list[LabelledImage], list[FileOutcome]]:
    """The predictions for each image that can be read, and the outcome of each image."""
    predictions: list[LabelledImage] = []
    outcomes = []
    threshold = MIN_SCORE if options.threshold is None else options.threshold
    with progress("predicting", len(images)) as live:
        results = iter_predictions(detector, images, threshold)
        for path, result in zip(images, results, strict=True):
            if isinstance(result, PlayheadError):
                for stale in labels[path]:  # a failure must not pass for its earlier output
                    stale.unlink(missing_ok=True)
                outcomes.append(FileOutcome(path, "failed", reason=str(result)))
            else:
                predictions.append(result)
                outcomes.append(FileOutcome(path, "ok", labels[path]))
            live.advance(1, note=path.name)
    return predictions, outcomes
