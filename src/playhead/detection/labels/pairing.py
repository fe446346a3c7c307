"""Pairing: labels with the image files they are of, and predictions with the ground truth.

Names are compared from their end: of the images with the same file name the one that shares most
folders with a name is meant, without the folders `images` and `labels`. Where several share as
many, the name is ambiguous.
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
    """A name in the parts that are compared; own: those behind the last folder `images`."""

    parts: tuple[str, ...]
    own: tuple[str, ...]
    suffix: str
    split: str | None


class ImageIndex:
    """The images of a set, found by the names that label files give them.

    paths: of the images; root: the folder that names are relative to, none for whole paths
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
        """The images that a label can be of: one at best, none, or several.

        split: that the label is in, by default by its folders; images in another do not match.
        """
        key = _key(Path(name))
        split = split or key.split
        return self._nearest(
            key, lambda other, _: None in (split, other.split) or split == other.split
        )

    def find_whole(self, name: str) -> Path | None:
        """The image whose path ends in `name`, or in what stands behind its folder `images`.

        Raises LabelError where that could be several.
        """
        path = Path(name)
        for whole in (path.absolute(), path.resolve() if path.is_absolute() else path):
            if whole in self._exact:
                return self._exact[whole]
        key = _key(path)
        found = self._nearest(
            key,
            lambda other, shared: shared >= len(key.own) and key.suffix in ("", other.suffix),
        )
        if len(found) > 1:
            names = ", ".join(map(str, found[:3]))
            raise LabelError(f"{name}: can be {names}; name the image with its folder")
        return found[0] if found else None

    def _nearest(self, key: _Key, fits: Callable[[_Key, int], bool]) -> list[Path]:
        """Of the images that fit those that share most with a name from its end."""
        best, found = (0, False, False), list[Path]()
        for other, path in self._by_stem.get(key.parts[-1:], ()):
            pairs = zip(reversed(key.parts), reversed(other.parts), strict=False)
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            rank = (shared, other.own == key.own, other.suffix == key.suffix)
            if fits(other, shared) and rank >= best:
                found = [path] if rank > best else [*found, path]
                best = rank
        return found


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

    An image that the predictions do not name has no boxes.
    ignore_classes: leave out classes that the truth does not have, instead of refusing them.
    Raises LabelError for predictions of an image or a class that the truth does not have, of an
    image of another size, or twice of one image.
    """
    numbers = {name: number for number, name in enumerate(truth.classes)}
    used = [name for name, count in predictions.count().items() if count]
    unknown = [name for name in used if name not in numbers]
    if unknown and not ignore_classes:
        raise LabelError(
            f"the predictions have boxes of {', '.join(unknown)}; the truth has "
            f"{', '.join(truth.classes)}"
        )
    # One more, so that a set without classes has something to index.
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
                f"{image.path}: the predictions are of an image that the truth does not have"
            )
        if predicted.setdefault(path, image) is not image:
            raise LabelError(f"{image.path}: the predictions name {path} twice")
        if all(image.size) and all(sizes[path]) and image.size != sizes[path]:
            raise LabelError(
                f"{image.path}: the predictions are of {image.size[0]}x{image.size[1]} pixels, the "
                f"image has {sizes[path][0]}x{sizes[path][1]}; predict on the image itself"
            )
    empty = (np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32))
    images = []
    for true in truth.images:
        image_of = predicted.get(true.path)
        boxes, labels, scores = (
            empty if image_of is None else (image_of.boxes, image_of.labels, image_of.scores)
        )
        labels = new[labels]
        known = labels >= 0
        images.append(replace(true, boxes=boxes[known], labels=labels[known], scores=scores[known]))
    return ImageSet(truth.classes, tuple(images))
