"""Warnings: problems of a merged set that a person should check before training."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from playhead.detection.labels.parsed import Problem
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.report import Repair, SourceReport
from playhead.detection.normalise.sources import LabelSource, MergedImage
from playhead.events.images import ImageSet
from playhead.output import counted

__all__ = ["warnings_of"]

_MANY = 0.1
"""Share of labels without an image, or of duplicate boxes, above which to warn."""
_LEAST_SHARE = 0.2
"""Minimum number of shared images of two sources, relative to the number expected by chance."""
_NEARLY_ALL = 0.8
_LEAST_CHANCE = 2.0
"""Shared images expected by chance, below which sharing none is not significant."""


def warnings_of(
    config: NormaliseConfig,
    result: ImageSet,
    sources: Sequence[LabelSource],
    images: Sequence[MergedImage],
) -> list[str]:
    """A sentence for each possible problem of the set."""
    warnings = [text for source in sources for text in _of_source(source.report)]
    own = sorted({name for source in sources for name in source.own_classes()})
    needless = [name for name in config.map if name not in own]
    if needless:
        warnings.append(
            f"no source has a class {', '.join(needless)} to map; known are {', '.join(own)}"
        )
    empty = [name for name, count in result.count().items() if not count]
    if empty and result.images:
        warnings.append(
            f"no box of {', '.join(empty)}: a detector cannot learn a class without boxes; leave "
            "it out with --classes, or map another class to it (--map)"
        )
    warnings += [
        f"{name} is labelled in only {count} of {total} images: if the others show it too, the "
        "detector is trained to treat it as background; label it there, map its name in those "
        "labels (--map), or leave it out (--classes)"
        for name, count, total in _partly_labelled(images)
    ]
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for image in result.images:
        splits[image.group].update([image.split] if image.split else [])
    leaks = sorted(group for group, of_group in splits.items() if len(of_group) > 1)
    if leaks:
        remedy = "assign splits with --split"
        if config.split:  # then only the `split` of a source can divide a group
            remedy = "give the sources that share a group the same split"
        warnings.append(
            f"{counted(len(leaks), 'group')} with images in more than one split (first "
            f"{leaks[0]}): metrics will be optimistic; {remedy}"
        )
    return warnings


def _of_source(report: SourceReport) -> Iterator[str]:
    lost = report.total(Problem.MISSING_IMAGE, Repair.AMBIGUOUS)
    if report.labels and lost / report.labels > _MANY:
        yield (
            f"{report.name}: {lost} of {report.labels} labels ({lost / report.labels:.0%}) have no "
            "image; check that --images is the right folder"
        )
    duplicates = report.total(Repair.DUPLICATE)
    if report.read and duplicates / report.read > _MANY:
        yield (
            f"{report.name}: {duplicates} of {counted(report.read, 'box', 'es')} "
            f"({duplicates / report.read:.0%}) are duplicates; check whether a source is listed "
            "twice"
        )
    unusable = report.total(Repair.NO_USABLE_BOX)
    if unusable:
        verb = "is" if unusable == 1 else "are"
        yield (
            f"{report.name}: {counted(unusable, 'image')} {verb} left out, without a usable box; "
            f"see {str(Repair.NO_USABLE_BOX)!r} in the report"
        )
    unlabelled = report.total(Repair.NO_LABEL)
    if unlabelled:
        yield (
            f"{report.name}: images without a label were left out ({unlabelled}); if they show "
            "no objects, add --set unlabelled=empty"
        )


def _partly_labelled(images: Sequence[MergedImage]) -> Iterator[tuple[str, int, int]]:
    """Each class that is not labelled in all images: its name, and the numbers of images.

    In a label folder of one class, a missing file means that the image does not show the class, if
    the class was annotated in these images at all. So a class counts as labelled in the images of a
    source if the source has it, or if single-class sources of it share enough of these images: at
    least a fifth of the number expected by chance. A source of several classes has a file for every
    annotated image, so it must share nearly all.
    """
    labelled = [image for image in images if image.labels]
    sources = {id(source): source for image in labelled for source, _ in image.labels}
    classes_of = {key: set(source.classes()) for key, source in sources.items()}
    alone = {key for key, source in sources.items() if len(source.own_classes()) == 1}
    of_source: defaultdict[int, set[int]] = defaultdict(set)  # indices of images
    in_folder: defaultdict[object, set[int]] = defaultdict(set)
    for index, image in enumerate(images):
        for source, _ in image.labels:
            of_source[id(source)].add(index)
            in_folder[source.root()].add(index)
    for index, image in enumerate(images):
        if not image.labels:
            for root in {source.root() for source in sources.values()}:
                if image.path.resolve().is_relative_to(root):
                    in_folder[root].add(index)

    def of_all(keys: Sequence[int]) -> set[int]:
        return set[int]().union(*(of_source[key] for key in keys))

    def is_labelled(name: str, key: int) -> bool:
        if name in classes_of[key]:
            return True
        root = sources[key].root()
        having = [other for other in sources if name in classes_of[other]]
        near = [other for other in having if sources[other].root() == root] or having
        if len(of_source[key] & of_all(near)) >= _NEARLY_ALL * len(of_source[key]):
            return True
        single = [other for other in near if other in alone]
        roots = {sources[other].root() for other in (key, *single)}
        together = set[int]().union(*(in_folder[folder] for folder in roots))
        chance = len(of_all(single)) * len(of_source[key]) / len(together)
        shared = len(of_all(single) & of_source[key])
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
