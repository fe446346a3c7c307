"""Generated street scenes: videos or images with boxes of cars, number plates, people and faces.

    scene = draw_scene(seed=7, number=0, config=StreetConfig())
    frame, visible = next(render(scene))

`world` holds the configuration and writes the files; `plan` decides who moves where; `ground`,
`car`, `shell` and `plate` draw what only a street has; `frames` composes it with people and
derives the boxes.
"""

from playhead.worlds.street.world import (
    LABELS,
    StreetConfig,
    StreetScene,
    draw_scene,
    generate_street,
    render,
)

__all__ = ["LABELS", "StreetConfig", "StreetScene", "draw_scene", "generate_street", "render"]
