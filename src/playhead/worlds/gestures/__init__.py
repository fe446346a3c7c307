"""Generated people who gesture among bystanders: labelled clips with true keypoints.

    performance = draw_performance(7, performer=0, label="wave", take=0, config=GesturesConfig())
    frames, joints = render(performance), performance.keypoints

`world` holds the configuration and writes the files; `plan` decides who stands where and does what;
`moves` are the gestures and `body` the joints that follow from them; `projection` and `truth` tell
where the joints are in the image; `look` and `frames` draw; `disturbance` makes of true keypoints
what an extractor would have found.
"""

from playhead.worlds.gestures.disturbance import Disturbance, disturbed
from playhead.worlds.gestures.world import (
    CLASSES,
    GesturesConfig,
    Performance,
    draw_performance,
    generate_gestures,
    render,
)

__all__ = [
    "CLASSES",
    "Disturbance",
    "GesturesConfig",
    "Performance",
    "disturbed",
    "draw_performance",
    "generate_gestures",
    "render",
]
