"""What a person should look at before training on a set that was made of several sources."""

from collections import defaultdict
from collections.abc import Sequence

from playhead.detection.labels.raw import Fault
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.partial import partly_labelled
from playhead.detection.normalise.pictures import Draft
from playhead.detection.normalise.report import Repair, SourceTally, counted
from playhead.events.images import PictureSet

__all__ = ["warnings_of"]


def warnings_of(
    config: NormaliseConfig,
    made: PictureSet,
    tallies: Sequence[SourceTally],
    drafts: Sequence[Draft],
) -> list[str]:
    """A sentence for each thing that may make the set worse than it looks."""
    found = [text for tally in tallies for text in _of_source(config, tally)]
    found += _unread(config, tallies)
    found += _needless_maps(config, tallies)
    empty = [name for name, count in made.count().items() if not count]
    if empty and made.pictures:
        found.append(
            f"no box of {', '.join(empty)}: a detector cannot learn a class without boxes; leave "
            "it out with --classes, or map it"
        )
    found += _half_labelled(drafts)
    leaks = _groups_in_two_splits(made)
    if leaks:
        # Where splits are dealt out, only those that sources are given can part a group.
        remedy = "deal them out anew with --split"
        if config.split:
            remedy = "give the sources that share a group one split"
        found.append(
            f"{counted(len(leaks), 'group')} with pictures in more than one split (first "
            f"{leaks[0]}): figures will flatter; {remedy}"
        )
    return found


def _of_source(config: NormaliseConfig, tally: SourceTally) -> list[str]:
    found = []
    lost = tally.count(Fault.MISSING_PICTURE, Fault.NAMELESS, Fault.AMBIGUOUS)
    if tally.labels and lost / tally.labels > config.loud:
        found.append(
            f"{tally.name}: {lost} of {tally.labels} labels ({lost / tally.labels:.0%}) have no "
            "picture; look whether --images names the right folder"
        )
    other = tally.counts.get(Repair.OTHER_PICTURE)
    if other is not None:
        found.append(
            f"{tally.name}: {counted(other.count, 'label')} of pictures of a kind that is not read "
            f"(first {other.what}); save them as PNG or JPEG"
        )
    in_pixels = tally.count(Fault.IN_PIXELS)
    if in_pixels:
        have = "1 box has" if in_pixels == 1 else f"{in_pixels} boxes have"
        found.append(
            f"{tally.name}: {have} numbers above 1.5, which are no shares of a "
            "side; if its labels are in pixels, say `units: pixels` for this source"
        )
    duplicates = tally.count(Repair.DUPLICATE)
    if tally.read and duplicates / tally.read > config.loud:
        found.append(
            f"{tally.name}: {duplicates} of {counted(tally.read, 'box', 'es')} "
            f"({duplicates / tally.read:.0%}) there twice; look whether a source is named twice"
        )
    broken = tally.count(Repair.ALL_BROKEN)
    if broken:
        said = "1 picture is" if broken == 1 else f"{broken} pictures are"
        found.append(
            f"{tally.name}: {said} left out, since no box of what they show can be used; the "
            f"report names them under {str(Repair.ALL_BROKEN)!r}"
        )
    unlabelled = tally.count(Repair.NO_LABEL)
    if unlabelled:
        found.append(
            f"{tally.name}: pictures without a label were left out ({unlabelled}); if they show "
            "nothing, say --set unlabelled=empty"
        )
    return found


def _unread(config: NormaliseConfig, tallies: Sequence[SourceTally]) -> list[str]:
    """Label files that a source has and was not read for; who names a format knows of others."""
    found = []
    for source, tally in zip(config.sources, tallies, strict=True):
        unread = tally.counts.get(Fault.UNREAD)
        if unread is not None and source.format == "auto":
            found.append(
                f"{tally.name}: {counted(unread.count, 'label file')} of another kind or place not "
                f"read (first {unread.where}); name their folder as a source of its own, or this "
                "one again with another `format` in a file of sources"
            )
    return found


def _needless_maps(config: NormaliseConfig, tallies: Sequence[SourceTally]) -> list[str]:
    known = sorted({name for tally in tallies for name in tally.names})
    wrong = [name for name in config.map if name not in known]
    if not wrong:
        return []
    return [f"no source has a class {', '.join(wrong)} to map; known are {', '.join(known)}"]


def _half_labelled(drafts: Sequence[Draft]) -> list[str]:
    return [
        f"{name} is labelled in {count} of {total} pictures only: where the others show it, a "
        "detector is taught that it is background; label it there, map what it is called there "
        "(--map), or leave it out (--classes)"
        for name, count, total in partly_labelled(drafts)
    ]


def _groups_in_two_splits(made: PictureSet) -> list[str]:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for one in made.pictures:
        splits[one.group].update([one.split] if one.split else [])
    return sorted(group for group, of_group in splits.items() if len(of_group) > 1)
