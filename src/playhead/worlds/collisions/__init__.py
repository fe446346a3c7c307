"""Generated plays of a ball game with helmets, in two views, with the impacts of helmets labelled.

    play = draw_play(seed=7, number=0, config=CollisionsConfig())
    for frame in render(play, "sideline"): ...

`world` holds the configuration and writes the files; `script` plans who meets whom; `physics` moves
the players and finds the contacts; `pose` makes bodies of points; `views` holds the cameras;
`look`, `shapes` and `frames` draw.
"""

from playhead.worlds.collisions.views import VIEWS
from playhead.worlds.collisions.world import (
    CLASSES,
    CollisionsConfig,
    Play,
    draw_play,
    generate_collisions,
    render,
)

__all__ = [
    "CLASSES",
    "VIEWS",
    "CollisionsConfig",
    "Play",
    "draw_play",
    "generate_collisions",
    "render",
]
