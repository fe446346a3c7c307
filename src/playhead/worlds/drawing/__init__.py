"""What all worlds are drawn with: people and scenes in metres, seen by a camera.

    camera = Camera.at((0, 0, 1.7), size=(640, 360), focal=600)
    person = PersonModel(look, light=(0.3, 0.8, 0.7), largest=80)
    frame = Composition(background)
    layer = person.layer(camera, (0.5, 6.0), walking(1.2), heading=0.0)
    frame.add(layer, 0)
    boxes = visible_boxes(frame, 0, layer, PERSON_LABELS)

`camera` projects points and intersects rays with the ground; `body`, `head` and `person` make
people; `layer` composes objects from far to near and `truth` derives the boxes of their visible
pixels; `stamp` blends small sprites fast; `texture` holds ground that is painted once; `noise` adds
the grain of a sensor; `motion` interpolates movement over time.
"""

from playhead.worlds.drawing.body import Joint, Limb, Pose, bend, hang, turned, walking
from playhead.worlds.drawing.camera import Camera
from playhead.worlds.drawing.head import FACE_HEIGHT, HeadLook, HeadModel, draw_head_look
from playhead.worlds.drawing.layer import (
    NOBODY,
    OWNED,
    Bounds,
    Canvas,
    Composition,
    Layer,
    Mask,
)
from playhead.worlds.drawing.motion import STEP, at_times
from playhead.worlds.drawing.noise import SensorNoise
from playhead.worlds.drawing.person import (
    CLOTHES,
    HEAD_HEIGHT,
    PERSON_LABELS,
    PersonLook,
    PersonModel,
)
from playhead.worlds.drawing.stamp import Stamp, capsule_cover, disc, lay
from playhead.worlds.drawing.texture import Texture
from playhead.worlds.drawing.truth import (
    LEAST_SHARE,
    PARTS,
    VisibleBox,
    box_tracks,
    visible_boxes,
)

__all__ = [
    "CLOTHES",
    "FACE_HEIGHT",
    "HEAD_HEIGHT",
    "LEAST_SHARE",
    "NOBODY",
    "OWNED",
    "PARTS",
    "PERSON_LABELS",
    "STEP",
    "Bounds",
    "Camera",
    "Canvas",
    "Composition",
    "HeadLook",
    "HeadModel",
    "Joint",
    "Layer",
    "Limb",
    "Mask",
    "PersonLook",
    "PersonModel",
    "Pose",
    "SensorNoise",
    "Stamp",
    "Texture",
    "VisibleBox",
    "at_times",
    "bend",
    "box_tracks",
    "capsule_cover",
    "disc",
    "draw_head_look",
    "hang",
    "lay",
    "turned",
    "visible_boxes",
    "walking",
]
