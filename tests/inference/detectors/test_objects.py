"""Detecting a set of labels: which network detects which, down to which score."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import ConfigError, PlayheadError
from playhead.inference.detectors.objects import ObjectDetector
from playhead.inference.detectors.video import detect_video
from playhead.inference.precision import PrecisionChoice
from playhead.media import VideoWriter, open_video
from playhead.progress import progress
from tests.detector_bundle import write_detector_bundle

RED = (220, 0, 14)
LEAST = {"person": 0.4, "car": 0.2, "dog": 0.1}


class Packaged:
    """Stands for a packaged network of people and cars; it notes how it is run."""

    labels = ("person", "car")
    runs: ClassVar[list[tuple[str, tuple[int, ...], float]]] = []
    opened: ClassVar[list[tuple[str, str]]] = []
    plate_sizes: ClassVar[list[int | None]] = []

    def __init__(
        self, name: str, threads: int | None, precision: str, plate_size: int | None
    ) -> None:
        self.name = name
        self.opened.append((name, precision))
        self.plate_sizes.append(plate_size)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        self.runs += [(self.name, image.shape[:2], threshold) for image in images]
        box = Boxes(np.array([[4, 4, 20, 24]], np.float32), np.array([0.7], np.float32))
        return [dict.fromkeys(self.labels, box) for _ in images]


@pytest.fixture(autouse=True)
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playhead.inference.detectors.objects.open_detector", Packaged)
    monkeypatch.setattr(Packaged, "runs", [])
    monkeypatch.setattr(Packaged, "opened", [])
    monkeypatch.setattr(Packaged, "plate_sizes", [])


def scene() -> NDArray[np.uint8]:
    image = np.zeros((96, 160, 3), np.uint8)
    image[32:48, 64:80] = RED
    return image


def detector(
    *labels: str,
    bundles: Sequence[Path] = (),
    tile: int | None = None,
    precision: PrecisionChoice = "auto",
) -> ObjectDetector:
    networks = {"person": "people", "car": "objectron"}
    return ObjectDetector(
        labels,
        minimum_scores=LEAST,
        packaged=networks,
        bundles=bundles,
        size=80,
        tile=tile,
        overlap=16,
        plate_size=72,
        threads=1,
        precision=precision,
    )


@pytest.mark.parametrize(("choice", "taken"), [("auto", "fp32"), ("bf16", "bf16")])
def test_packaged_networks_leave_fp32_only_when_told(choice: PrecisionChoice, taken: str) -> None:
    objects = detector("car", "person", precision=choice)
    assert Packaged.opened == [("objectron", taken), ("people", taken)]
    assert objects.precisions == {"objectron": taken, "people": taken}


def test_the_plate_network_sees_frames_at_its_size_and_tiles_whole() -> None:
    detector("car")
    detector("car", tile=64)
    assert Packaged.plate_sizes == [72, 64]


def test_each_label_comes_from_its_own_network_down_to_its_own_score() -> None:
    [found] = detector("car", "person").detect([scene()])
    assert list(found) == ["car", "person"]
    assert Packaged.runs == [("objectron", (96, 160), 0.2), ("people", (96, 160), 0.4)]


def test_a_custom_detector_replaces_the_network_of_what_it_knows(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "bundle", ("car",)).folder
    [found] = detector("car", "person", bundles=[bundle]).detect([scene()])
    assert {name for name, _, _ in Packaged.runs} == {"people"}
    assert found["car"].scores.max() == pytest.approx(220 / 255, abs=1e-4)


def test_a_label_that_nothing_detects_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "bundle", ("dog",)).folder
    with pytest.raises(ConfigError, match="cat: .* known are person, car, dog"):
        detector("dog", "cat", bundles=[bundle])


def test_every_pixel_of_a_still_is_detected_in_tiles_of_the_size() -> None:
    detector("person").detect_still(scene())
    assert [shape for _, shape, _ in Packaged.runs] == [(48, 80), *[(80, 80)] * 6]


@pytest.mark.parametrize(("tile", "size"), [(None, (80, 48)), (64, (160, 96))])
def test_frames_are_read_as_small_as_the_networks_need_and_boxes_scaled_back(
    tmp_path: Path, tile: int | None, size: tuple[int, int]
) -> None:
    with VideoWriter(tmp_path / "a.mp4", 160, 96, 25) as writer:
        for _ in range(6):
            writer.write(scene())
    networks = detector("person", tile=tile)
    assert networks.read_size(160, 96) == size
    with open_video(tmp_path / "a.mp4") as video, progress("detecting", 1) as live:
        detections = detect_video(
            video, networks, every_seconds=0.08, every_frames=None, progress=live
        )
    assert detections.frames.tolist() == [0, 2, 4, 5]
    assert (detections.reason, len(detections.unseen)) == ("", 0)
    if tile is None:
        assert detections.boxes["person"][0].boxes.tolist() == [[8, 8, 40, 48]]


def test_a_video_on_which_detection_always_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, threshold: float) -> None:
        raise RuntimeError("the planted fault")

    monkeypatch.setattr(Packaged, "detect", broken)
    with VideoWriter(tmp_path / "a.mp4", 160, 96, 25) as writer:
        writer.write(scene())
    with (
        open_video(tmp_path / "a.mp4") as video,
        progress("detecting", 1) as live,
        pytest.raises(PlayheadError, match="failed on every sampled frame.*the planted fault"),
    ):
        detect_video(video, detector("person"), every_seconds=0, every_frames=None, progress=live)
