"""What a training does when it is not told: which networks, on which folds; torch-free.

Keypoints of all clips mean a network of keypoints; fetched weights mean one of frames. With
both there are both, and they are fused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.config import override, validate
from playhead.errors import ConfigError
from playhead.inference.weights import is_fetched
from playhead.output import counted
from playhead.recognition.config import (
    FOLDS,
    RecognitionConfig,
    RecognitionDataConfig,
    find_config,
    load_recognition_config,
)
from playhead.recognition.data import keypoint_path, load_clips, require_keypoints

__all__ = ["Choices", "choose_configs"]

WEIGHTS = "mobilenet-v2"
MODELS = ("frames", "clip", "tcn", "lstm")


@dataclass(frozen=True, slots=True)
class Choices:
    """The trainings of a run: configurations by name, validation folds, and why."""

    name: str
    configs: Mapping[str, RecognitionConfig]
    folds: tuple[int, ...]
    notes: tuple[str, ...]


def choose_configs(
    source: str,
    *,
    models: Sequence[str] | None = None,
    keypoints: Path | None = None,
    people: int | None = None,
    fold: str | None = None,
    group: str | None = None,
    settings: Sequence[str] = (),
) -> Choices:
    """The trainings for clips, or for a configuration.

    source: clips (a folder, an index or a manifest), a configuration's path or packaged name
    fold: a number, or `all`
    Raises ConfigError for options that contradict each other, LabelError for clips that cannot be
    used.
    """
    unknown = [name for name in models or () if name not in MODELS]
    if unknown or len(set(models or ())) < len(models or ()):
        raise ConfigError(
            f"--model {' --model '.join(models or ())}: choose from {', '.join(MODELS)}, each once"
        )
    path = Path(source)
    if source not in MODELS and not path.exists():
        raise ConfigError(
            f"{source}: there is no such folder of clips, index or configuration; check the name, "
            f"or choose a packaged configuration from {', '.join(MODELS)}"
        )
    given = {"data.keypoints": keypoints, "data.people": people, "data.group": group}
    options = [f"{key}={_yaml(value)}" for key, value in given.items() if value is not None]
    if fold is not None and not any(key.startswith("data.folds=") for key in settings):
        options.append(f"data.folds={FOLDS}")  # folds, even if the clips have a split
    if not (path.is_dir() or path.suffix == ".csv"):
        if models:
            raise ConfigError(f"{source}: is a configuration, which has its network: no --model")
        config = load_recognition_config(find_config(source), [*options, *settings])
        name = config.network.kind
        if config.needs_people:
            require_keypoints(config.data)
        folds, why = _folds(config.data, fold)
        return Choices(Path(source).stem, {name: config}, folds, why)
    options = [f"data.clips={_yaml(path)}", *options]
    data = _data_config([*options, *settings])
    notes: list[str] = []
    if not models:
        models, notes = _models(data)
    configs = {
        name: load_recognition_config(find_config(name), [*options, *settings]) for name in models
    }
    if any(config.needs_people for config in configs.values()):
        require_keypoints(data)
    folds, why = _folds(data, fold)
    return Choices(path.resolve().stem, configs, folds, (*notes, *why))


def _models(data: RecognitionDataConfig) -> tuple[list[str], list[str]]:
    """The networks for clips, and notes that say why."""
    clips = load_clips(data).clips
    posed = sum(keypoint_path(clip, data).is_file() for clip in clips)
    filmed = all(clip.has_video for clip in clips)
    models, notes = [], []
    if posed == len(clips):
        models.append("tcn")
        notes.append("all clips have keypoints: training tcn")
    elif posed:
        notes.append(
            f"only {posed} of {counted(len(clips), 'clip')} have keypoints, so they are not used; "
            "`playhead recognition prepare keypoints` makes those of the others"
        )
    if filmed and is_fetched(WEIGHTS):
        models.append("frames")
        notes.append(f"the weights {WEIGHTS} are there: training frames from them")
    elif filmed:
        notes.append(
            f"without pretrained weights frames are not learnt from; `playhead weights get "
            f"{WEIGHTS}` fetches some"
        )
    if not models:
        models.append("clip")
        notes.append(
            "training clip, a small 3D network; `playhead recognition prepare keypoints` makes "
            "keypoints, from which fewer clips are enough"
        )
    return models, notes


def _folds(
    data: RecognitionDataConfig, fold: str | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The validation folds, and a note."""
    count = data.number_of_folds
    match fold:
        case None:
            return (data.fold,), ()
        case "all":
            return tuple(range(count)), (f"training on {count} folds of whole groups",)
        case number if number.isdecimal() and int(number) < count:
            return (int(number),), ()
        case other:
            raise ConfigError(f"--fold {other}: needs all, or a number below {count}")


def _data_config(settings: Sequence[str]) -> RecognitionDataConfig:
    """The settings of the data, which are the same for all networks."""
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting)
    return validate(RecognitionDataConfig, values["data"], source="the settings of the data")


def _yaml(value: object) -> str:
    """A value as --set takes it."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
