"""Ground truth of a plan: the joints of everyone in the image, and when who makes which gesture."""

import numpy as np

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.events.model import Event, VideoEvents
from playhead.worlds.gestures.body import JOINTS
from playhead.worlds.gestures.moves import CLASSES
from playhead.worlds.gestures.plan import Plan
from playhead.worlds.gestures.projection import covered_joints

__all__ = ["HIDDEN", "LEAST_JOINTS", "plan_events", "plan_keypoints"]

HIDDEN = 0.3
"""The confidence of a joint in the image that is hidden by a body; its coordinates are true."""

LEAST_JOINTS = 3
"""In a frame with fewer joints in the image a person has no keypoints."""


def plan_keypoints(plan: Plan, video: str, settings: dict[str, object]) -> KeypointFile:
    """The joints of everyone who is in the image; chosen is the performer.

    The confidence is 1 for a visible joint, HIDDEN behind a body, and 0 outside of the image.
    """
    seen = plan.projected()
    heights = [person.who.build.height for person in plan.people]
    hidden = np.zeros((len(heights), len(plan.times), len(JOINTS)), bool)
    for near, height in enumerate(heights):
        for far in range(len(heights)):
            hidden[far] |= covered_joints(seen, near, far, height)
    places = seen.places[:, :, : len(JOINTS)]
    size = (plan.camera.width, plan.camera.height)
    ahead = seen.depths[:, :, : len(JOINTS)] > plan.camera.nearest
    inside = ((places >= 0) & (places < size)).all(axis=-1) & ahead
    confidence = np.where(hidden, HIDDEN, 1.0) * inside
    people = []
    for number in range(len(plan.people)):
        frames = np.flatnonzero(inside[number].sum(axis=1) >= LEAST_JOINTS)
        if len(frames):
            points = np.concatenate([places[number], confidence[number, ..., None]], axis=-1)
            points = points[frames].astype(np.float32)
            people.append(Keypoints(number, COCO_17, frames.astype(np.int32), points))
    return KeypointFile(
        video=video,
        times=plan.times,
        size=size,
        skeleton=COCO_17,
        people=tuple(people),
        chosen=(plan.performer,),
        settings=settings,
    )


def plan_events(plan: Plan, keypoints: KeypointFile) -> VideoEvents:
    """The gestures of everyone with keypoints as spans; the track is the person's id there."""
    events = [
        Event(
            label=move.label,
            start=max(move.start, 0.0),
            end=min(move.end, plan.seconds),
            track=person.track,
        )
        for person in keypoints.people
        for move in plan.people[person.track].moves
    ]
    events.sort(key=lambda event: (event.start, event.track or 0))
    return VideoEvents(
        video=keypoints.video, classes=CLASSES, events=tuple(events), frames=len(plan.times)
    )
