"""The interface of pose estimators: images of one video in, the people of each out."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.events.keypoints import Skeleton

__all__ = ["Pose", "PoseEstimator"]


class Pose(NamedTuple):
    """One person in one image.

    points: float32 (J, 3): x, y in pixels of the image and a confidence, 0 for a joint not seen
    score: how certain it is that there is a person, 0 to 1
    """

    points: NDArray[np.float32]
    score: float


class PoseEstimator(Protocol):
    """Finds the joints of people in the images of a video, which are given in order."""

    name: str
    skeleton: Skeleton

    def restart(self, *, rate: float = 30.0) -> None:
        """Forget the images so far: the next one is the first of another video.

        rate: images of it a second
        """

    def people(self, image: NDArray[np.uint8]) -> list[Pose]:
        """The people of an RGB image (H, W, 3), in descending order of score.

        Raises PlayheadError for another shape or type of image, WeightsError if the output of the
        network is not finite.
        """
