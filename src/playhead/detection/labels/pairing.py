"""Pairing: labels with image files, and predictions with the ground truth.

Names are compared from the end: of the images with the same file name, the one that shares most
folders with the name matches (folders `images` and `labels` are ignored). A tie is ambiguous.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.detection.labels.names import (
    composed,
    image_name,
    plain_name,
    split_of,
    without_suffix,
)
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage

__all__ = ["ImageIndex", "pair"]


class _Key(NamedTuple):
    """The compared parts of a name; own: the parts after the last folder `images`."""

    parts: tuple[str, ...]
    own: tuple[str, ...]
    suffix: str
    split: str | None


class ImageIndex:
    """The images of a set, searched by the names in label files.

    paths: of the images; root: the folder that names are relative to, None for whole paths
    """

    def __init__(self, paths: Iterable[Path], root: Path | None = None) -> None:
        self.root = root
        self.paths = list(paths)
        self._exact = {path.absolute(): path for path in self.paths}
        self._by_stem: defaultdict[tuple[str, ...], list[tuple[_Key, Path]]] = defaultdict(list)
        for path in self.paths:
            key = _key(path if root is None else path.relative_to(root))
            self._by_stem[key.parts[-1:]].append((key, path))

    def find(self, name: str, split: str | None = None) -> list[Path]:
        """The images that match a label's name: ideally one, or none, or several.

        split: of the label, by default from its folders; images in another split do not match.
        """
        key = _key(Path(name))
        split = split or key.split
        return self._nearest(
            key, lambda other, _: None in (split, other.split) or split == other.split
        )

    def find_whole(self, name: str) -> Path | None:
        """The image whose path ends in `name`, or in the part of it after a folder `images`.

        Raises LabelError if several match.
        """
        path = Path(name)
        for whole in (path.absolute(), path.resolve() if path.is_absolute() else path):
            if whole in self._exact:
                return self._exact[whole]
        key = _key(path)
        matches = self._nearest(
            key,
            lambda other, shared: shared >= len(key.own) and key.suffix in ("", other.suffix),
        )
        if len(matches) > 1:
            names = ", ".join(map(str, matches[:3]))
            raise LabelError(f"{name}: matches {names}; add the image's folder to the name")
        return matches[0] if matches else None

    def _nearest(self, key: _Key, fits: Callable[[_Key, int], bool]) -> list[Path]:
        """Of the images that fit, those that share most of the name, from the end."""
        best, nearest = (0, False, False), list[Path]()
        for other, path in self._by_stem.get(key.parts[-1:], ()):
            pairs = zip(reversed(key.parts), reversed(other.parts), strict=False)
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            rank = (shared, other.own == key.own, other.suffix == key.suffix)
            if fits(other, shared) and rank >= best:
                nearest = [path] if rank > best else [*nearest, path]
                best = rank
        return nearest


def _key(path: Path) -> _Key:
    plain, own = composed(plain_name(path)), composed(image_name(path))
    return _Key(
        parts=Path(without_suffix(plain)).parts,
        own=Path(without_suffix(own)).parts,
        suffix=path.suffix.lower() if without_suffix(plain) != plain else "",
        split=split_of(path),
    )


def pair(truth: ImageSet, predictions: ImageSet, *, ignore_classes: bool = False) -> ImageSet:
    """The predictions in the order of the truth's images and classes, with its paths and sizes.

    An image without predictions has no boxes.
    ignore_classes: drop classes that the truth does not have, instead of raising
    Raises LabelError for predictions of an image or a class that the truth does not have, of
    another image size, or for one image twice.
    """
    numbers = {name: number for number, name in enumerate(truth.classes)}
    used = [name for name, count in predictions.count().items() if count]
    unknown = [name for name in used if name not in numbers]
    if unknown and not ignore_classes:
        raise LabelError(
            f"the predictions have boxes of {', '.join(unknown)}, but the ground truth only has "
            f"{', '.join(truth.classes)}"
        )
    # The extra -1 lets a set without classes be indexed.
    new: NDArray[np.int32] = np.array(
        [*(numbers.get(name, -1) for name in predictions.classes), -1], np.int32
    )
    index = ImageIndex(image.path for image in truth.images)
    sizes = {image.path: image.size for image in truth.images}
    predicted: dict[Path, LabelledImage] = {}
    for image in predictions.images:
        path = index.find_whole(str(image.path))
        if path is None:
            raise LabelError(
                f"{image.path}: the predictions list this image, but the ground truth does not; "
                "compare sets with the same images"
            )
        if predicted.setdefault(path, image) is not image:
            raise LabelError(f"{image.path}: the predictions list {path} twice; keep one of them")
        if all(image.size) and all(sizes[path]) and image.size != sizes[path]:
            raise LabelError(
                f"{image.path}: the predictions are for {image.size[0]}x{image.size[1]} pixels, "
                f"but the image has {sizes[path][0]}x{sizes[path][1]}; predict on the original"
            )
    empty = (np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32))
    images = []
    for true in truth.images:
        match = predicted.get(true.path)
        boxes, labels, scores = (
            empty if match is None else (match.boxes, match.labels, match.scores)
        )
        labels = new[labels]
        known = labels >= 0
        images.append(replace(true, boxes=boxes[known], labels=labels[known], scores=scores[known]))
    return ImageSet(truth.classes, tuple(images))
