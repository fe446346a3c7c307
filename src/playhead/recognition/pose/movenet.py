"""MoveNet multipose: up to six people with 17 keypoints each, from the whole image at 256 pixels.

The network sees people close to each other better than BlazePose does. It needs no tracking: every
image is analysed on its own.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import ConfigError, WeightsError
from playhead.events.keypoints import COCO_17
from playhead.inference.detectors.common import padded, rounded_up
from playhead.inference.detectors.graph import check_images
from playhead.inference.precision import Precision
from playhead.inference.runtime import available_cores, cpu_options, openvino_core
from playhead.inference.weights import weight_path
from playhead.media.scaling import resize
from playhead.recognition.pose.frozen_graph import frozen_graph
from playhead.recognition.pose.protocol import Pose
from playhead.recognition.pose.similarity import distinct

__all__ = ["MAX_PEOPLE", "MoveNet", "decode_poses"]

SIDE = 256
"""Pixels of the longer side; the network finds less at larger sizes."""
MULTIPLE = 32
MAX_PEOPLE = 6
MIN_SCORE = 0.2
JOINTS = 17


class MoveNet:
    """Finds up to six people in an image.

    max_people: of those found, the ones with the highest scores
    min_score: minimum score of a person
    threads: by default every core this process may use
    Raises ConfigError for another number of people, WeightsError if a file is missing.
    """

    name = "movenet"
    skeleton = COCO_17

    def __init__(
        self,
        *,
        max_people: int = MAX_PEOPLE,
        min_score: float = MIN_SCORE,
        threads: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if not 1 <= max_people <= MAX_PEOPLE:
            raise ConfigError(
                f"movenet: finds 1 to {MAX_PEOPLE} people in an image, not {max_people}"
            )
        self._max_people, self._min_score = max_people, min_score
        self._options = cpu_options(threads or available_cores(), 1, precision)
        self._options |= {"PERFORMANCE_HINT": "LATENCY"}
        self._model = _model()
        self._requests: dict[tuple[int, ...], Any] = {}

    def restart(self, *, rate: float = 30.0) -> None:
        """Images are analysed on their own: there is nothing to forget."""

    def people(self, image: NDArray[np.uint8]) -> list[Pose]:
        """The people of an RGB image (H, W, 3), in descending order of score."""
        check_images([image])
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        inner = max(round(width * scale), 1), max(round(height * scale), 1)
        scaled = resize(image, inner)
        seen = padded(scaled, rounded_up(scaled.shape, MULTIPLE))
        request = self._request(seen.shape)
        request.infer([np.ascontiguousarray(seen[None])], share_inputs=True)
        raw = np.array(request.get_output_tensor(0).data[0], np.float32)
        if not np.isfinite(raw).all():
            raise WeightsError(
                f"weights movenet-values: the output is not finite for an image of "
                f"{width}x{height}; fetch them again with `playhead weights get movenet-values`"
            )
        size = np.array([width * seen.shape[1] / inner[0], height * seen.shape[0] / inner[1]])
        poses = decode_poses(raw, size.astype(np.float32), self._min_score)
        if len(poses) > 1:
            poses = [poses[k] for k in distinct(np.stack([pose.points for pose in poses]))]
        return poses[: self._max_people]

    def _request(self, shape: tuple[int, ...]) -> Any:
        """The inference request for images of a shape, compiled on first use."""
        if shape not in self._requests:
            from openvino import Layout, Type
            from openvino.preprocess import PrePostProcessor

            model = self._model.clone()
            model.reshape([1, *shape])
            steps = PrePostProcessor(model)
            steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
            steps.input().preprocess().convert_element_type(Type.i32)
            compiled = openvino_core().compile_model(steps.build(), "CPU", self._options)
            self._requests = {shape: compiled.create_infer_request()}  # of a video all are alike
        return self._requests[shape]


def decode_poses(
    raw: NDArray[np.float32], size: NDArray[np.float32], threshold: float
) -> list[Pose]:
    """The output (6, 56) of the network → people, in descending order of score.

    A row holds y, x and confidence of 17 keypoints, a box and a score.
    size: (2,) width and height in pixels of what the network has seen
    """
    scores = raw[:, 55]
    order = np.argsort(-scores, kind="stable")
    keypoints = raw[:, :51].reshape(-1, JOINTS, 3)[:, :, [1, 0, 2]]
    keypoints[..., :2] *= size
    return [Pose(keypoints[k], float(scores[k])) for k in order if scores[k] >= threshold]


def _model() -> Any:
    """The network, converted each time: that takes less than a second."""
    graph = frozen_graph(
        weight_path("movenet-graph").read_bytes(), weight_path("movenet-values").read_bytes()
    )
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        path = Path(folder) / "movenet.pb"
        path.write_bytes(graph)
        try:
            return openvino_core().read_model(path)
        except RuntimeError as error:
            raise WeightsError(
                f"weights movenet-graph: OpenVINO cannot read it: {error}"
            ) from error
