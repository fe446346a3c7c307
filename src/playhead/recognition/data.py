"""The data of a training: clips on both sides of a split, and the keypoints of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, read_keypoints
from playhead.media import open_video
from playhead.output import counted
from playhead.recognition.clips import Clip, ClipSet, read_clips
from playhead.recognition.config import RecognitionDataConfig
from playhead.recognition.tables import SPLITS
from playhead.samples.folds import Fold, chosen_fold, grouped_folds

__all__ = [
    "ClipData",
    "LoadedClip",
    "keypoint_path",
    "keypoints_of",
    "load_clip",
    "load_clips",
    "require_keypoints",
    "split_clips",
]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedClip:
    """A clip with what a network needs of it.

    span: seconds, half-open
    keypoints: None if they are not needed
    people: ids of the people whose action it is; empty if they are not needed or not seen
    target: index of its class
    """

    clip: Clip
    span: tuple[float, float]
    target: int
    keypoints: KeypointFile | None = None
    people: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipData:
    """The clips of a data set that are used, and what the user should know of them."""

    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    notes: tuple[str, ...]

    def split(self, config: RecognitionDataConfig) -> tuple[list[Clip], list[Clip]]:
        """The clips to train on and to validate on; clips of other splits are in neither.

        Raises LabelError if a side is empty that needs clips.
        """
        fold = split_clips(self.clips, config)
        train, valid = ([self.clips[k] for k in side] for side in (fold.train, fold.validation))
        for side, clips in (("training", train), ("validation", valid)):
            if not clips:
                raise LabelError(f"{config.clips}: there is no clip for {side}")
        return ([*train, *valid], []) if config.train_on_all else (train, valid)

    def lines(self, clips: Sequence[Clip]) -> list[str]:
        """A line per clip and its label, for the checkpoint of a run."""
        return [f"{clip.name} {clip.start} {clip.end} {clip.label}" for clip in clips]


def load_clips(config: RecognitionDataConfig) -> ClipData:
    """Read the clips, without rare classes.

    Raises LabelError if fewer than two classes are left.
    """
    found: ClipSet = read_clips(config.clips, group=config.group)
    counts = Counter(clip.label for clip in found.clips)
    rare = sorted(label for label, count in counts.items() if count < config.min_clips)
    notes = list(found.notes)
    if rare:
        few = f"fewer than {counted(config.min_clips, 'clip')}"
        notes.append(f"left out, because they have {few}: {', '.join(rare)}")
    clips = tuple(clip for clip in found.clips if clip.label not in rare)
    others = Counter(clip.split for clip in clips if clip.split not in {None, *SPLITS.values()})
    if others:
        named = ", ".join(f"{name} ({counted(count, 'clip')})" for name, count in others.items())
        notes.append(f"not used, since their split is not train or valid: {named}")
    classes = tuple(sorted({clip.label for clip in clips}))
    if len(classes) < 2:
        have = f"only the class {classes[0]}" if classes else "no class"
        remedy = "add clips, or lower data.min_clips" if rare else "add a folder of another class"
        raise LabelError(
            f"{config.clips}: {have} has {config.min_clips} clips or more; recognition needs at "
            f"least two classes with clips: {remedy}"
        )
    return ClipData(classes, clips, tuple(notes))


def split_clips(clips: Sequence[Clip], config: RecognitionDataConfig) -> Fold:
    """The split of the clips if they have one, or fold `config.fold` of whole groups.

    Clips of the split test, or of another name, are on neither side. Raises LabelError if a group
    is on both sides, or there are too few groups.
    """
    groups, splits = [clip.group for clip in clips], [clip.split for clip in clips]
    if config.folds is None and {"train", "valid"} <= set(splits):
        return chosen_fold(groups, splits, folds=None)
    used = [k for k, split in enumerate(splits) if split in {None, "train", "valid"}]
    if not used:
        names = ", ".join(sorted({str(split) for split in splits}))
        raise LabelError(f"no clip is to train on: all have the split {names}")
    count = config.number_of_folds
    if config.folds is None:  # fewer, if there are fewer groups
        count = max(2, min(count, len({groups[k] for k in used})))
    folds = grouped_folds(
        [groups[k] for k in used],
        count,
        labels=[clips[k].label for k in used],
    )
    if config.fold >= count:
        raise LabelError(f"fold {config.fold}: the clips have only {count} groups for folds")
    chosen = folds[config.fold]
    return Fold(
        train=tuple(used[k] for k in chosen.train),
        validation=tuple(used[k] for k in chosen.validation),
    )


def load_clip(
    clip: Clip,
    classes: Sequence[str],
    config: RecognitionDataConfig,
    *,
    needs_pixels: bool,
    needs_people: bool,
) -> LoadedClip:
    """The span of a clip, and its keypoints if the network needs them.

    Raises LabelError if keypoints or frames that are needed are not there.
    """
    if needs_pixels and not clip.has_video:
        raise LabelError(f"{clip.path}: are keypoints without a video, but the network sees frames")
    file = None
    if needs_people:
        path = keypoint_path(clip, config)
        if not path.is_file():
            raise LabelError(f"{path}: there are no keypoints of {clip.name}")
        file = read_keypoints(path)
    if file is not None:
        duration = file.duration
    else:
        with open_video(clip.path) as video:
            duration = video.duration
    start, end = clip.start or 0.0, duration if clip.end is None else min(clip.end, duration)
    if end <= start:
        raise LabelError(f"{clip.name}: starts at {start:g} s, but the video ends at {end:g} s")
    people: tuple[int, ...] = ()
    if file is not None:
        chosen = file.chosen or tuple(person.track for person in file.people[:1])
        everyone = tuple(person.track for person in file.people)
        people = everyone if config.everyone else chosen[: config.people]
    return LoadedClip(clip, (start, end), list(classes).index(clip.label), file, people)


def keypoint_path(clip: Clip, config: RecognitionDataConfig) -> Path:
    """Where the keypoints of a clip are: below `config.keypoints`, or beside it."""
    return keypoints_of(clip, config.keypoints)


def keypoints_of(clip: Clip, folder: Path | None) -> Path:
    """Where the keypoints of a clip are, whether they exist or not.

    folder: mirrors the folder of the clips; an index further up has longer names, so the ends of a
        name are tried too. None: beside the clip
    """
    if not clip.has_video:
        return clip.path
    if folder is None:
        return clip.path.with_name(clip.path.stem + SUFFIX)
    mirrored = Path(clip.name or clip.path.name).with_name(clip.path.stem + SUFFIX)
    places = [folder.joinpath(*mirrored.parts[k:]) for k in range(len(mirrored.parts))]
    return next((place for place in places if place.is_file()), places[0])


def require_keypoints(config: RecognitionDataConfig) -> None:
    """Raise LabelError if clips to train or validate on have no keypoints."""
    data = load_clips(config)
    train, valid = data.split(config)
    missing = [clip for clip in (*train, *valid) if not keypoint_path(clip, config).is_file()]
    if not missing:
        return
    shown = ", ".join(clip.name for clip in missing[:3]) + (", ..." if len(missing) > 3 else "")
    two = " --people 2" if config.people == 2 else ""
    raise LabelError(
        f"there are no keypoints of {len(missing)} of {counted(len(train) + len(valid), 'clip')} "
        f"({shown}), such as {keypoint_path(missing[0], config)}; `playhead recognition prepare "
        f"keypoints VIDEOS{two} --out FOLDER` makes them, and --keypoints FOLDER names them"
    )
