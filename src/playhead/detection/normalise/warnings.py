"""What a person should check before training on a set that was made of several sources."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from playhead.detection.labels.parsed import Problem
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.report import Repair, SourceReport, counted
from playhead.detection.normalise.sources import LabelSource, MergedImage
from playhead.events.images import ImageSet

__all__ = ["warnings_of"]

_MANY = 0.1
"""Share of the labels without an image, or of duplicate boxes, that is warned of."""
_LEAST_SHARE = 0.2
"""Of the images that two sources of one folder share by chance: below it they share none."""
_NEARLY_ALL = 0.8
_LEAST_CHANCE = 2.0
"""Images shared by chance: where they would be fewer, sharing none says nothing."""


def warnings_of(
    config: NormaliseConfig,
    made: ImageSet,
    sources: Sequence[LabelSource],
    images: Sequence[MergedImage],
) -> list[str]:
    """A sentence for each thing that may make the set worse than it looks."""
    warnings = [text for source in sources for text in _of_source(source.report)]
    own = sorted({name for source in sources for name in source.own_classes()})
    needless = [name for name in config.map if name not in own]
    if needless:
        warnings.append(
            f"no source has a class {', '.join(needless)} to map; known are {', '.join(own)}"
        )
    empty = [name for name, count in made.count().items() if not count]
    if empty and made.images:
        warnings.append(
            f"no box of {', '.join(empty)}: a detector cannot learn a class without boxes; leave "
            "it out with --classes, or map it"
        )
    warnings += [
        f"{name} is labelled in {count} of {total} images only: where the others show it, a "
        "detector is taught that it is background; label it there, map what it is called there "
        "(--map), or leave it out (--classes)"
        for name, count, total in _partly_labelled(images)
    ]
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for image in made.images:
        splits[image.group].update([image.split] if image.split else [])
    leaks = sorted(group for group, of_group in splits.items() if len(of_group) > 1)
    if leaks:
        remedy = "assign splits with --split"
        if config.split:  # then only those that sources are given can part a group
            remedy = "give the sources that share a group one split"
        warnings.append(
            f"{counted(len(leaks), 'group')} with images in more than one split (first "
            f"{leaks[0]}): figures will flatter; {remedy}"
        )
    return warnings


def _of_source(report: SourceReport) -> Iterator[str]:
    lost = report.total(Problem.MISSING_IMAGE, Repair.AMBIGUOUS)
    if report.labels and lost / report.labels > _MANY:
        yield (
            f"{report.name}: {lost} of {report.labels} labels ({lost / report.labels:.0%}) have no "
            "image; check whether --images names the right folder"
        )
    duplicates = report.total(Repair.DUPLICATE)
    if report.read and duplicates / report.read > _MANY:
        yield (
            f"{report.name}: {duplicates} of {counted(report.read, 'box', 'es')} "
            f"({duplicates / report.read:.0%}) are duplicates; check whether a source is named "
            "twice"
        )
    unusable = report.total(Repair.NO_USABLE_BOX)
    if unusable:
        verb = "is" if unusable == 1 else "are"
        yield (
            f"{report.name}: {counted(unusable, 'image')} {verb} left out, with no box that can be "
            f"used; the report lists this under {str(Repair.NO_USABLE_BOX)!r}"
        )
    unlabelled = report.total(Repair.NO_LABEL)
    if unlabelled:
        yield (
            f"{report.name}: images without a label were left out ({unlabelled}); if they show "
            "no objects, add --set unlabelled=empty"
        )


def _partly_labelled(images: Sequence[MergedImage]) -> Iterator[tuple[str, int, int]]:
    """Each class that was not labelled everywhere, with the images where it was, and all.

    Where a folder of labels is of one class, an image without that class has no file there: a
    missing file says that the class is absent, unless other sources are of images that those of the
    class never share. So a class counts as labelled in the images of a source if the source has it,
    or if sources of this class alone share a fair part of these images: a fifth, at least, of those
    that they would share by chance. Whoever labels several classes writes a file for each image
    that was annotated: such a source must have nearly all.
    """
    labelled = [image for image in images if image.labels]
    sources = {id(source): source for image in labelled for source, _ in image.labels}
    classes_of = {key: set(source.classes()) for key, source in sources.items()}
    alone = {key for key, source in sources.items() if len(source.own_classes()) == 1}
    places: defaultdict[int, set[int]] = defaultdict(set)  # of images, by source
    shown: defaultdict[object, set[int]] = defaultdict(set)  # of images, by folder of images
    for place, image in enumerate(images):
        for source, _ in image.labels:
            places[id(source)].add(place)
            shown[source.root()].add(place)
    for place, image in enumerate(images):
        if not image.labels:
            for root in {source.root() for source in sources.values()}:
                if image.path.resolve().is_relative_to(root):
                    shown[root].add(place)

    def of_all(keys: Sequence[int]) -> set[int]:
        return set[int]().union(*(places[key] for key in keys))

    def is_labelled(name: str, key: int) -> bool:
        if name in classes_of[key]:
            return True
        root = sources[key].root()
        having = [other for other in sources if name in classes_of[other]]
        near = [other for other in having if sources[other].root() == root] or having
        if len(places[key] & of_all(near)) >= _NEARLY_ALL * len(places[key]):
            return True
        single = [other for other in near if other in alone]
        roots = {sources[other].root() for other in (key, *single)}
        there = set[int]().union(*(shown[folder] for folder in roots))
        chance = len(of_all(single)) * len(places[key]) / len(there)
        shared = len(of_all(single) & places[key])
        if shared == 0:
            return 0 < chance < _LEAST_CHANCE and sources[single[0]].root() == root
        return shared >= _LEAST_SHARE * chance

    names = dict.fromkeys(name for key in sources for name in sorted(classes_of[key]))
    has = {key: {name for name in names if is_labelled(name, key)} for key in sources}
    count: Counter[str] = Counter()
    for image in labelled:
        count.update(set[str]().union(*(has[id(source)] for source, _ in image.labels)))
    for name in names:
        if count[name] < len(labelled):
            yield name, count[name], len(labelled)
