"""Partly labelled pictures: the classes that nobody looked for in some of them.

Where a folder of labels is of one class, a picture without that class has no file there: a missing
file says that the class is absent. It says nothing of the kind where other sources speak of
pictures that those of the class pass by. So a class counts as looked for in the pictures of a
source if the source knows it, or if folders of this class alone speak of a fair part of the same
pictures: of a fifth of those, at least, that they would share by chance. Who labels several classes
writes a file for each picture that was looked at: such a source must speak of nearly all.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playhead.detection.normalise.pictures import Draft

__all__ = ["partly_labelled"]

_LEAST_SHARE = 0.2
"""Of the pictures that two of one folder share by chance: below it they share none to speak of."""
_NEARLY_ALL = 0.8
_LEAST_CHANCE = 2.0
"""Pictures shared by chance: where they would be fewer, sharing none says nothing."""


@dataclass(slots=True)
class _Source:
    """What a source speaks of.

    root: the folder of its pictures; of_one: it tells one class only
    pictures: places among the drafts
    """

    root: Path
    known: frozenset[str]
    of_one: bool
    pictures: set[int] = field(default_factory=set)


def partly_labelled(drafts: Sequence[Draft]) -> Iterator[tuple[str, int, int]]:
    """Each class that was not looked for everywhere, with the pictures where it was, and all.

    All are those that any label speaks of; the others were said to be empty.
    """
    sources = _sources(drafts)
    shown = _shown(drafts, sources)
    classes = dict.fromkeys(name for one in sources.values() for name in sorted(one.known))
    looked = {
        key: {name for name in classes if _looked_for(name, one, sources, shown)}
        for key, one in sources.items()
    }
    labelled = [draft for draft in drafts if draft.sayings]
    spoken: Counter[str] = Counter()
    for draft in labelled:
        spoken.update(set().union(*(looked[one.tally.name] for one in draft.sayings)))
    for name in classes:
        if spoken[name] < len(labelled):
            yield name, spoken[name], len(labelled)


def _sources(drafts: Sequence[Draft]) -> dict[str, _Source]:
    sources: dict[str, _Source] = {}
    for place, draft in enumerate(drafts):
        for one in draft.sayings:
            if one.tally.name not in sources:
                of_one = len(one.tally.names) == 1
                sources[one.tally.name] = _Source(one.root, frozenset(one.known), of_one)
            sources[one.tally.name].pictures.add(place)
    return sources


def _shown(drafts: Sequence[Draft], sources: dict[str, _Source]) -> dict[Path, set[int]]:
    """The pictures of each folder: those spoken of, and those that were said to be empty."""
    shown: dict[Path, set[int]] = {one.root: set() for one in sources.values()}
    for one in sources.values():
        shown[one.root] |= one.pictures
    for place, draft in enumerate(drafts):
        if not draft.sayings:
            path = draft.path.resolve()
            for root, pictures in shown.items():
                if path.is_relative_to(root):
                    pictures.add(place)
    return shown


def _looked_for(
    name: str, source: _Source, sources: dict[str, _Source], shown: dict[Path, set[int]]
) -> bool:
    """Whether a class counts as looked for in the pictures of a source."""
    if name in source.known:
        return True
    knowing = [one for one in sources.values() if name in one.known]
    near = [one for one in knowing if one.root == source.root] or knowing
    if len(source.pictures & _pictures(near)) >= _NEARLY_ALL * len(source.pictures):
        return True
    alone = [one for one in near if one.of_one]
    theirs = _pictures(alone)
    there = set[int]().union(*(shown[one.root] for one in (source, *alone)))
    chance = len(theirs) * len(source.pictures) / len(there)
    shared = len(theirs & source.pictures)
    if shared == 0:
        return 0 < chance < _LEAST_CHANCE and alone[0].root == source.root
    return shared >= _LEAST_SHARE * chance


def _pictures(sources: Sequence[_Source]) -> set[int]:
    return set[int]().union(*(one.pictures for one in sources))
