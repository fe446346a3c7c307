"""A data set and a configuration from a folder of videos and label files; asks nothing.

Writes `manifest.csv` with a split of whole groups, `labels.csv` with every label, and `config.yaml`
whose comments say why each setting is as it is. The videos stay where they are.
"""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from playhead.config import override, validate
from playhead.errors import LabelError, MediaError, PlayheadError
from playhead.events.formats import table
from playhead.events.games import is_games
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import VideoEvents
from playhead.files import write_text
from playhead.inference.weights import is_fetched
from playhead.output import counted
from playhead.progress import progress
from playhead.samples.groups import guess_groups
from playhead.samples.splits import assign_splits
from playhead.spotting.config import SpottingConfig, find_config
from playhead.spotting.init_labels import games_of, labelled_games, labelled_videos
from playhead.spotting.recipe import Choice, choose_settings
from playhead.spotting.survey import look_at_events, look_at_video

__all__ = ["NewSet", "config_of_folder", "init_set"]

ENCODER = "mobilenet-v2"
"""The weights that `quick` starts from."""

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}
WITHOUT_TEST = {"train": 0.75, "valid": 0.25}
TESTED_FROM = 20
"""Groups from which on a part of them is kept for a test."""

NAMED_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}

MOTION_VIDEOS = 8
"""Videos of which frames are compared, to tell whether the camera moves."""


@dataclass(frozen=True, slots=True)
class NewSet:
    """What `init_set` wrote and chose.

    choices: the settings that were derived, with their reasons; notes: what the user should know
    """

    manifest: Path
    labels: Path
    config: Path
    videos: Mapping[str, int]
    events: Mapping[str, int]
    choices: tuple[Choice, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "spotting",
            "config": str(self.config),
            "manifest": str(self.manifest),
            "labels": str(self.labels),
            "videos": dict(self.videos),
            "events": dict(self.events),
            "choices": {
                choice.key: {"value": choice.value, "reason": choice.reason}
                for choice in self.choices
            },
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """What was found and chosen, a line each."""
        split = ", ".join(f"{count} {name}" for name, count in self.videos.items())
        events = ", ".join(f"{count} {label}" for label, count in self.events.items())
        chosen = [
            f"  {choice.key}: {_flow(choice.value)} - {choice.reason}" for choice in self.choices
        ]
        return "\n".join(
            [
                f"videos: {split}",
                f"events: {events}",
                "chosen:",
                *chosen,
                *self.notes,
                str(self.config),
            ]
        )


def init_set(
    videos: Path,
    labels: Sequence[Path],
    out: Path,
    *,
    rate: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> NewSet:
    """Look at a folder of videos and its labels, and write a set and a configuration to `out`.

    labels: files or folders of any known format, whose videos are in the folder; none for a folder
        of SoccerNet games, which have their own
    rate: frame rate of labels by frame; by default that of their videos
    columns: of tables, see `read_events`
    Labels past the end of their video are written as they are: `check` tells them.
    Raises PlayheadError if `out` has a configuration, if no labelled video can be read, or if there
    are too few videos to train and to validate.
    """
    config = out / "config.yaml"
    if config.exists():
        raise PlayheadError(
            f"{config}: is there already; train it with `playhead spotting train {config}`, or "
            "give another --out"
        )
    if not videos.is_dir():
        raise PlayheadError(f"{videos}: is not a folder; give the one that holds the videos")
    games = games_of(videos, labels)
    if games:
        truth, notes = labelled_games(games)
    else:
        truth, notes = labelled_videos(videos, labels, rate, columns)
    facts, readable = [], []
    picked = set(np.linspace(0, len(truth) - 1, MOTION_VIDEOS).astype(int).tolist())
    with progress("Looking at the videos", len(truth)) as bar:
        for number, video in enumerate(truth):
            try:
                facts.append(look_at_video(videos / video.video, motion=number in picked))
                readable.append(video)
            except MediaError as error:
                notes.append(f"left out: {error}")
            bar.advance(1)
    if not any(video.events for video in readable):
        where = ", ".join(map(str, labels)) or videos
        raise LabelError(f"{where}: no event in a readable video of {videos}")
    splits, groups, told = _split(readable, games)
    notes.append(told)
    events = look_at_events(readable)
    validated = sum(len(v.events) for v, s in zip(readable, splits, strict=True) if s == "valid")
    base = "quick" if is_fetched(ENCODER) else "small"
    if base == "small":
        notes.append(
            f"the pretrained encoder is not here: run `playhead weights get {ENCODER}`, delete "
            f"{config} and repeat; without it the configuration is `small`, which learns much less"
        )
    choices = [
        Choice(
            "data.manifest", str(out / "manifest.csv"), "which video is for what; you may edit it"
        ),
        Choice("data.videos", str(videos), "the folder that its paths start at"),
        Choice("data.classes", list(events.counts), _counts(events.counts)),
        *choose_settings(facts, events, base=base, validation_events=validated),
    ]
    write = _text(base, choices)
    validate(SpottingConfig, yaml.safe_load(write), source=str(config))
    table.write(readable, out / "labels.csv")
    rows = [
        ManifestRow(videos / video.video, out / "labels.csv", group, split=split)
        for video, group, split in zip(readable, groups, splits, strict=True)
    ]
    write_manifest(rows, out / "manifest.csv", videos=videos)
    write_text(config, write)
    return NewSet(
        manifest=out / "manifest.csv",
        labels=out / "labels.csv",
        config=config,
        videos=Counter(splits),
        events=events.counts,
        choices=tuple(choices[3:]),
        notes=tuple(notes),
    )


def config_of_folder(
    folder: Path,
    labels: Sequence[Path],
    home: Path,
    *,
    resume: bool,
    columns: Mapping[str, str] | None = None,
) -> tuple[Path, str]:
    """The configuration for training on a folder, and a description of what was chosen for it.

    folder: of videos, with their labels; or, without labels, of SoccerNet games, or one that
        `init_set` wrote
    home: where a new set is written; with `resume` the one that is there already is used
    Raises PlayheadError as `init_set` does, and for a folder without labels or a configuration.
    """
    new = bool(labels) or (is_games(folder) and not (folder / "config.yaml").is_file())
    if new and not (resume and (home / "config.yaml").is_file()):
        written = init_set(folder, labels, home, columns=columns)
        return written.config, written.describe()
    config = (home if new else folder) / "config.yaml"
    if not config.is_file():
        raise PlayheadError(
            f"{folder}: has no config.yaml; give the labels of its videos too, as in "
            f"`playhead spotting train {folder} labels.csv --out my`"
        )
    return config, f"training as {config} says"


def _split(
    videos: Sequence[VideoEvents], games: Mapping[str, ManifestRow]
) -> tuple[list[str], list[str], str]:
    """The split and the group of each video, and in words how they were found."""
    names = [video.video for video in videos]
    if games:
        groups, reason = [games[name].group for name in names], "their games"
        named = [games[name].split for name in names]
    else:
        groups, reason = guess_groups(names)
        named = [_named_split(name) for name in names]
    if all(named) and {"train", "valid"} <= set(named):
        by = "SoccerNet's folders or lists" if games else "the folders of the videos"
        return [split or "" for split in named], groups, f"split: by {by}"
    eventful = {group for group, video in zip(groups, videos, strict=True) if video.events}
    if len(eventful) < 2:
        raise LabelError(
            f"{sorted(eventful)[0]}: is the only video with events; training and validation need "
            "at least one each: label another video, or cut this one in two"
        )
    classes = videos[0].classes
    counts = np.array(
        [[sum(e.label == label for e in v.events) for label in classes] for v in videos]
    )
    shares = SHARES if len(set(groups)) >= TESTED_FROM else WITHOUT_TEST
    splits = assign_splits(groups, counts, shares, 0)
    for needed in ("train", "valid"):
        if needed not in splits or not counts[[s == needed for s in splits]].any():
            splits = _forced(groups, counts.sum(axis=1), needed, splits)
    told = f"split: {counted(len(set(groups)), 'group')}, by {reason}"
    if "test" not in splits:
        told += "; too few for a test of their own"
    return splits, groups, told


def _forced(groups: Sequence[str], counts: Any, needed: str, splits: Sequence[str]) -> list[str]:
    """Move the smallest group with events to a split that has none."""
    sizes: Counter[str] = Counter()
    for group, count in zip(groups, counts, strict=True):
        sizes[group] += int(count)
    chosen = min(
        (group for group in sizes if sizes[group]), key=lambda group: (sizes[group], group)
    )
    return [needed if g == chosen else s for g, s in zip(groups, splits, strict=True)]


def _named_split(name: str) -> str | None:
    parts = [NAMED_SPLITS.get(part.lower()) for part in Path(name).parts[:-1]]
    return next((part for part in parts if part), None)


def _text(base: str, choices: Sequence[Choice]) -> str:
    """The packaged configuration with the choices in their places, each below its reason."""
    values = yaml.safe_load(find_config(base).read_text(encoding="utf-8"))
    for choice in choices:
        override(values, f"{choice.key}={_flow(choice.value)}")
    reasons = {choice.key: choice.reason for choice in choices}
    lines = [
        f"# Written by `playhead spotting init` over the packaged configuration `{base}`. Each",
        "# comment says why a setting is as it is; change what you know better.",
    ]
    for key, value in values.items():
        inner = {name.split(".", 1)[1] for name in reasons if name.startswith(f"{key}.")}
        if not inner:
            lines += [*_comment(reasons.get(key), ""), f"{key}: {_flow(value)}"]
            continue
        lines += [f"{key}:"]
        for name, entry in value.items():
            lines += [*_comment(reasons.get(f"{key}.{name}"), "  "), f"  {name}: {_flow(entry)}"]
    return "\n".join(lines) + "\n"


def _comment(reason: str | None, indent: str) -> list[str]:
    return textwrap.wrap(
        reason or "", 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
    )


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _counts(counts: Mapping[str, int]) -> str:
    return "events: " + ", ".join(f"{count:,} {label}" for label, count in counts.items())
