"""Worlds: generated videos and images with exact ground truth, in real files.

    generate("football", Path("matches"), count=4, seed=7)

A world plans what happens before it draws anything, so its labels are exact. `football`, `street`,
`collisions`, `gestures` and `season` are worlds; `drawing` holds what the first four share: camera,
people, layers, textures, noise.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.config import Settings, override, validate
from playhead.errors import ConfigError

__all__ = ["WORLDS", "generate", "redraw"]

SettingsT = TypeVar("SettingsT", bound=Settings)

WORLDS = ("football", "street", "collisions", "gestures", "season")


def generate(
    name: str, out: Path, *, count: int, seed: int = 0, settings: Sequence[str] = ()
) -> Path:
    """Write `count` videos (images, series, performers) of a world; return their manifest.

    settings: `key=value`, settings of the world. The same name, seed and settings give the same
    labels and the same frames.
    Raises ConfigError for an unknown world or setting, or a count below 1.
    """
    if count < 1:
        raise ConfigError(f"count is {count}; at least one video is needed")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be 0 or more")
    match name:
        case "football":
            from playhead.worlds.football import FootballConfig, generate_football

            config = _config(FootballConfig, name, settings)
            return generate_football(Path(out), count=count, seed=seed, config=config)
        case "street":
            from playhead.worlds.street import StreetConfig, generate_street

            street = _config(StreetConfig, name, settings)
            return generate_street(Path(out), count=count, seed=seed, config=street)
        case "collisions":
            from playhead.worlds.collisions import CollisionsConfig, generate_collisions

            plays = _config(CollisionsConfig, name, settings)
            return generate_collisions(Path(out), count=count, seed=seed, config=plays)
        case "gestures":
            from playhead.worlds.gestures import GesturesConfig, generate_gestures

            people = _config(GesturesConfig, name, settings)
            return generate_gestures(Path(out), count=count, seed=seed, config=people)
        case "season":
            from playhead.worlds.season import SeasonConfig, generate_season

            seasons = _config(SeasonConfig, name, settings)
            return generate_season(Path(out), count=count, seed=seed, config=seasons)
        case _:
            raise _unknown(name)


def redraw(
    name: str,
    video: str,
    times: Sequence[float],
    *,
    seed: int,
    settings: Sequence[str],
    size: tuple[int, int],
) -> list[tuple[float, NDArray[np.uint8]]]:
    """Render frames of a generated video at another size: (seconds, RGB (H, W, 3)) each.

    video: its name without suffix, as `match-003` or `play-003_endzone`;
    seed, settings: those it was generated with;
    times: seconds; the frame nearest to each of them is rendered, and none twice.
    Raises ConfigError for an unknown world, and for street, gestures and season.
    """
    match name:
        case "football":
            from playhead.worlds.football import FootballConfig, draw_match, render

            config = _config(FootballConfig, name, settings)
            match_ = draw_match(seed, int(video.rsplit("-", 1)[1]), config)
            seconds = match_.seconds
            frames = sorted({int(np.argmin(np.abs(seconds - time))) for time in times})
            images = render(match_, size, frames)
            return list(zip(seconds[frames].tolist(), images, strict=True))
        case "street" | "gestures" | "season":
            raise ConfigError(
                f"{name}: cannot be rendered at another size; only football and collisions can"
            )
        case "collisions":
            from playhead.worlds import collisions

            plays = _config(collisions.CollisionsConfig, name, settings)
            number, _, view = video.rsplit("-", 1)[1].partition("_")
            play = collisions.draw_play(seed, int(number), plays)
            frames = sorted({int(np.argmin(np.abs(play.times - time))) for time in times})
            images = collisions.render(play, view, size, frames)
            return list(zip(play.times[frames].tolist(), images, strict=True))
        case _:
            raise _unknown(name)


def _config(model: type[SettingsT], name: str, settings: Sequence[str]) -> SettingsT:
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting)
    return validate(model, values, source=f"world {name}")


def _unknown(name: str) -> ConfigError:
    return ConfigError(f"{name}: unknown world; known are {', '.join(WORLDS)}")
