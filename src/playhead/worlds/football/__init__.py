"""Generated football matches: broadcast-like videos with labelled passes and drives.

    match = draw_match(seed=7, number=0, config=FootballConfig(seconds=30))
    frames = render(match, (448, 256))

`world` holds the configuration and writes the files; `plan`, `play` and `shots` decide what happens
and what the camera shows; `look`, `figure` and `frames` draw it.
"""

from playhead.worlds.football.world import (
    CLASSES,
    FootballConfig,
    Match,
    draw_match,
    generate_football,
    render,
)

__all__ = ["CLASSES", "FootballConfig", "Match", "draw_match", "generate_football", "render"]
