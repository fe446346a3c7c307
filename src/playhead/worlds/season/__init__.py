"""Generated seasons of episodes: openings, endings, recaps and eyecatches, labelled to the sample.

    season = draw_season(seed=7, number=0, config=SeasonConfig(seconds=120))
    sound = episode_sound(season, 0, rate=11025)
    spans = season.events(0)

`world` holds the configuration and writes the files; `plan` decides what happens; `song`, `talk`
and `sound` make what is heard, `look` and `frames` what is seen; `encode` writes both.
"""

from playhead.worlds.season.encode import CODECS, CONTAINERS, Source, write_video
from playhead.worlds.season.world import (
    CLASSES,
    PAL,
    TEXT,
    Season,
    SeasonConfig,
    draw_season,
    episode_sound,
    generate_season,
    render,
)

__all__ = [
    "CLASSES",
    "CODECS",
    "CONTAINERS",
    "PAL",
    "TEXT",
    "Season",
    "SeasonConfig",
    "Source",
    "draw_season",
    "episode_sound",
    "generate_season",
    "render",
    "write_video",
]
