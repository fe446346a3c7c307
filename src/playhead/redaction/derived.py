"""Heads derived from faces and people by fixed proportions, without a head detector.

If a face or a person is missed or badly localised, so is the head. The proportions are round
figures of adult anthropometry: a head is 23 cm high (vertex to chin), 20 cm long and 15 cm wide
without hair and ears; a standing person is about 7.5 heads high.

- The face networks were trained on boxes around chin, cheeks and forehead (WIDER FACE), but their
  boxes often start at the brow, some 14 cm above the chin. Then 9 cm of the skull, more than .6 of
  the face's height, are above; this is added, a little below for the chin, and the width is that of
  a head turned sideways, 20 cm to a face of 14 cm. Tall hair and hats extend further.
- A person's box starts at the top of the head. For a standing person, the head is the top 1 / 7.5;
  a person whose box is less than twice as high as wide sits, bends or is truncated, and the head is
  derived from the width of the shoulders, about 45 cm. Since the pose is unknown, the derived box
  is wider and higher than the head, at the middle of the top.
"""

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover

__all__ = ["heads_of"]

ABOVE, BELOW, WIDER = 0.65, 0.1, 1.45  # shares of the face's height, height and width
HEADS_HIGH = 7.5  # a standing person
SHOULDERS = 0.5  # height of the head to the width of the person's box, of those who do not stand
BREADTH = 0.87  # a head's width from the side to its height
ROOM = 1.4  # size of the derived box relative to the head of a person
UPPER = 0.5  # a face in this upper part of a person's box belongs to the person
INSIDE = 0.5  # the share of a face that must lie there


def heads_of(faces: Boxes, people: Boxes, *, threshold: float) -> Boxes:
    """Head boxes of one image: one for every face, then one for every person without a face.

    A person has a face if at least half of a face box with a score of `threshold` or more lies in
    the upper half of the person's box; then the head is derived from the face, which localises it
    better, with the higher of the two scores. A face belongs to the person whose head is nearest.
    Other heads have the score of their box. Heads may extend past the image. Boxes without area
    give no head. In tracks such boxes have `Origin.DERIVED`.
    """
    faces, people = faces.valid(), people.valid()
    by_face, by_person = _from_faces(faces.boxes), _from_people(people.boxes)
    owned, owner = _owners(faces, people, _apart(by_face, by_person), threshold)
    scores = faces.scores.copy()
    scores[owned] = np.maximum(scores[owned], people.scores[owner])
    faceless = np.setdiff1d(np.arange(len(people)), owner)
    return Boxes.joined(
        [Boxes(by_face, scores), Boxes(by_person[faceless], people.scores[faceless])]
    )


def _owners(
    faces: Boxes, people: Boxes, apart: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The faces above the threshold that belong to a person, and the person of each."""
    upper = people.boxes.copy()
    upper[:, 3] = upper[:, 1] + UPPER * (upper[:, 3] - upper[:, 1])
    possible = cover(faces.boxes, upper) >= INSIDE
    owned = np.flatnonzero(possible.any(axis=1) & (faces.scores >= threshold))
    owner = np.where(possible[owned], apart[owned], np.inf)
    return owned, owner.argmin(axis=1) if len(owned) else owned


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """The distances between the centres of boxes `a` and `b` → (N, M), pixels."""
    middles = [(boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2 for boxes in (a, b)]
    apart: NDArray[np.float64] = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2)
    return apart


def _from_faces(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    x1, y1, x2, y2 = boxes.T
    middle, half, height = (x1 + x2) / 2, WIDER * (x2 - x1) / 2, y2 - y1
    sides = (middle - half, y1 - ABOVE * height, middle + half, y2 + BELOW * height)
    return np.stack(sides, axis=1).astype(np.float32)


def _from_people(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The head at the top of each person's box, never wider than the box."""
    x1, y1, x2, y2 = boxes.T
    width, height = x2 - x1, y2 - y1
    standing = height > 2 * width
    head = np.where(standing, height / HEADS_HIGH, np.minimum(SHOULDERS * width, height))
    half = np.minimum(ROOM * BREADTH * head, width) / 2
    middle, bottom = (x1 + x2) / 2, np.minimum(y1 + ROOM * head, y2)
    return np.stack((middle - half, y1, middle + half, bottom), axis=1).astype(np.float32)
