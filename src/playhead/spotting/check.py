"""Checks before training: mistakes in labels and splits, each with what mends it.

`check_settings` has those of settings that do not fit the data.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from playhead.errors import LabelError
from playhead.events.games import read_set
from playhead.files import fingerprint
from playhead.output import counted
from playhead.samples.folds import split_manifest
from playhead.spotting.check_settings import check_settings
from playhead.spotting.config import SpottingConfig
from playhead.spotting.findings import Finding, listed, short, warning
from playhead.spotting.labelled import BadVideo, Side, read_labels

__all__ = ["check", "check_sides", "refuse"]

FEW_TRAINING = 10
"""Training events of a class below which a model hardly learns it."""
FEW_VALIDATION = 3
"""Validation events of a class below which its metrics say little."""
EARLY_SHARE = 0.1
"""Events that all lie in so short a first part of their videos have times of another unit."""
EARLY_EVENTS = 10


def check(config: SpottingConfig, *, skip_bad: bool = False) -> list[Finding]:
    """Everything that is wrong with the labels, the split and the settings, the worst first.

    skip_bad: videos that cannot be used do not refuse the training
    Opens every video once, which reads files that were never opened before from end to end.
    """
    data = config.data
    try:
        rows = split_manifest(
            data.manifest, folds=data.folds, fold=data.fold, videos=data.videos, games=data.games
        )
    except LabelError as error:
        findings = [Finding("refuse", "split", str(error))]
        try:
            every = read_labels(
                read_set(data.manifest, videos=data.videos, games=data.games), config
            )
        except LabelError:  # it is the manifest that cannot be read
            return findings
        return [*findings, *_bad_videos(every.bad, skip_bad)]
    train, valid = (read_labels(side, config) for side in rows)
    return check_sides(config, train, valid, skip_bad=skip_bad)


def check_sides(
    config: SpottingConfig, train: Side, valid: Side, *, skip_bad: bool = False
) -> list[Finding]:
    """The findings on labels that were read already; see `check`."""
    findings = [*_bad_videos((*train.bad, *valid.bad), skip_bad)]
    for name, side in (("training", train), ("validation", valid)):
        findings += _empty(name, side)
    if train.videos and valid.videos:
        findings += [*_same_files(train, valid), *_classes(config, train, valid)]
        findings += _early(train, valid)
    findings += check_settings(config, train, valid)
    return sorted(findings, key=lambda finding: finding.severity)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise one LabelError with all findings that make training pointless, if there are any."""
    refused = [finding.describe() for finding in findings if finding.severity == "refuse"]
    if len(refused) > 1:
        numbered = (f"({number}) {text}" for number, text in enumerate(refused, start=1))
        raise LabelError(f"{len(refused)} mistakes: " + "; ".join(numbered))
    if refused:
        raise LabelError(refused[0])


def _bad_videos(bad: Sequence[BadVideo], skip_bad: bool) -> Iterator[Finding]:
    if not bad:
        return
    by_reason: dict[str, list[str]] = defaultdict(list)
    for video in bad:
        by_reason[video.reason].append(video.row.name)
    # A mistake in a labels file of many videos is told once.
    reasons = [
        reason if names[0] in reason and len(names) == 1 else f"{listed(names)}: {reason}"
        for reason, names in by_reason.items()
    ]
    what = "; ".join(reason.removesuffix(".") for reason in reasons)
    cannot = f"{counted(len(bad), 'video')} cannot be used: {what}"
    if skip_bad:
        yield warning("bad-video", cannot, "left out (--skip-bad)")
    else:
        them = "it" if len(bad) == 1 else "them"
        remedy = f"correct {them}, or leave {them} out with --skip-bad"
        yield Finding("refuse", "bad-video", cannot, remedy)


def _empty(name: str, side: Side) -> Iterator[Finding]:
    videos = len(side.videos)
    without = [video.row.name for video in side.videos if not video.truth.events]
    if not videos:
        if side.bad:
            yield Finding("refuse", "split", f"no {name} video is left", "correct the bad videos")
    elif len(without) == videos:
        what = "nothing can be learned" if name == "training" else "nothing can be measured"
        yield Finding(
            "refuse",
            "no-events",
            f"none of the {counted(videos, f'{name} video')} has an event: {what}",
            "label some, or move videos with events there by the manifest's column split, or set "
            "data.folds",
        )
    elif 2 * len(without) > videos:
        yield warning(
            "no-events",
            f"{len(without)} of {videos} {name} videos have no events ({listed(without)})",
            "if something happens in them, label it; else leave most of them out of the manifest",
        )


def _same_files(train: Side, valid: Side) -> Iterator[Finding]:
    known = {fingerprint(video.row.video): video.row.name for video in train.videos}
    pairs = [
        f"{known[print_]} and {video.row.name}"
        for video in valid.videos
        if (print_ := fingerprint(video.row.video)) in known
    ]
    if pairs:
        yield Finding(
            "refuse",
            "same-file",
            f"the same file under two names trains and validates ({listed(pairs)})",
            "remove one of the two from the manifest",
        )


def _classes(config: SpottingConfig, train: Side, valid: Side) -> Iterator[Finding]:
    trained, validated = train.counts(), valid.counts()
    if not trained or not validated:
        return
    classes = config.data.classes
    spread = Counter(
        label
        for label, _ in {
            (event.label, video.row.group) for video in train.videos for event in video.truth.events
        }
    )
    groups = len({video.row.group for video in train.videos})
    missing = [label for label in classes if not trained[label]]
    if missing:
        yield warning(
            "class-not-trained",
            f"no training video has an event of {listed(missing)}",
            "label some, move videos with them to the split train, or remove the class from "
            "data.classes",
        )
    few = [label for label in classes if 0 < trained[label] < FEW_TRAINING]
    if few:
        counts = listed(f"{label} ({trained[label]})" for label in few)
        yield warning(
            "few-events",
            f"few training events of {counts}",
            f"label more: below {FEW_TRAINING} a class is hardly learned, from 50 on it often is",
        )
    unmeasured = [label for label in classes if trained[label] and not validated[label]]
    if unmeasured:
        yield warning(
            "class-not-validated",
            f"no validation video has an event of {listed(unmeasured)}, which is not measured then",
            "give a group with it the split valid, or set data.folds",
        )
    rough = [label for label in classes if 0 < validated[label] < FEW_VALIDATION]
    if rough:
        counts = listed(f"{label} ({validated[label]})" for label in rough)
        yield warning(
            "few-validation-events",
            f"few validation events of {counts}: their metrics say little",
            "move more videos to the split valid, or set data.folds",
        )
    for label in classes:
        if groups > 2 and spread[label] == 1 and trained[label] >= FEW_TRAINING:
            [group] = {
                video.row.group
                for video in train.videos
                if any(event.label == label for event in video.truth.events)
            }
            yield warning(
                "one-group",
                f"all {trained[label]} training events of {label} are in one group ({group}) of "
                f"{groups}: the model may learn its scene instead",
                f"label {label} in other groups too, or check the column group",
            )
    twins = [
        f"{first} and {second}"
        for number, first in enumerate(classes)
        for second in classes[number + 1 :]
        if _plain(first) == _plain(second)
    ]
    if twins:
        yield warning(
            "class-spelling",
            f"classes differ only by their spelling ({listed(twins)})",
            "write them alike in the labels, and once in data.classes",
        )


def _early(train: Side, valid: Side) -> Iterator[Finding]:
    """Minutes, or seconds divided by a rate: all events at the beginning of long videos."""
    videos = [video for video in (*train.videos, *valid.videos) if video.truth.events]
    places = np.array(
        [e.start / max(v.grid.duration, 1e-9) for v in videos for e in v.truth.events]
    )
    if len(places) >= EARLY_EVENTS and len(videos) > 1 and places.max() < EARLY_SHARE:
        yield warning(
            "early-events",
            f"all {len(places)} events lie in the first {short(100 * places.max())} % of their "
            "videos: their times may have another unit",
            "give seconds in the column time, or frame numbers in a column frame",
        )


def _plain(label: str) -> str:
    return "".join(letter for letter in label.casefold() if letter.isalnum())
