"""A video with a moving bright square, and a detector that knows nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.media import VideoWriter, open_video

FRAMES, WIDTH, HEIGHT, SIDE = 40, 160, 96, 20


def square_at(frame: int) -> tuple[int, int]:
    """The upper left corner of the square."""
    return 8 + 3 * frame, 20 + frame


def draw(frame: int, *, square: bool = True) -> NDArray[np.uint8]:
    """RGB (H, W, 3): dark stripes, and the white square."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[:, frame % 8 :: 8] = 60
    if square:
        x, y = square_at(frame)
        image[y : y + SIDE, x : x + SIDE] = 235
    return image


def write(path: Path, frames: int = FRAMES, *, square: bool = True, sound: bool = False) -> Path:
    """Encode the scene at 25 frames a second."""
    audio = (0.1 * np.sin(np.arange(frames * 1920) / 20)[None].astype(np.float32), 48000)
    with VideoWriter(path, WIDTH, HEIGHT, 25, gop=10, audio=audio if sound else None) as writer:
        for k in range(frames):
            writer.write(draw(k, square=square))
    return path


def brightest(path: Path) -> list[int]:
    """The brightest luma of each readable frame."""
    with open_video(path) as video:
        return [int(luma.max()) for _, luma in video.stream(pixels="luma")]


class FakeDetector:
    """Stands for a `RedactionDetector`: reads frames at their own size."""

    precisions: ClassVar[dict[str, str]] = {"fake": "fp32"}

    def read_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        raise NotImplementedError

    def detect_still(self, image: NDArray[np.uint8]) -> dict[str, Boxes]:
        return self.detect([image])[0]


class SquareDetector(FakeDetector):
    """Detects the bright square in an image; `fail` says in which batches it breaks."""

    batches = 0

    def __init__(self, fail: Callable[[int], bool] = lambda batch: False) -> None:
        self.fail = fail

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        self.batches += 1
        if self.fail(self.batches):
            raise RuntimeError("the planted fault")
        return [{"face": self._square(image)} for image in images]

    def _square(self, image: NDArray[np.uint8]) -> Boxes:
        rows, columns = np.nonzero(image[..., 1] > 150)
        if not len(rows):
            return Boxes.empty()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([box], np.float32), np.array([0.9], np.float32))


def use_detector(monkeypatch: pytest.MonkeyPatch, make: Callable[[], FakeDetector]) -> None:
    """Put another detector in the place of the packaged networks of `redaction run`."""
    run = "playhead.redaction.run"
    monkeypatch.setattr(f"{run}.require_weights", lambda names, group: None)
    monkeypatch.setattr(f"{run}.RedactionDetector", lambda redaction, *, threads: make())


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a detector of the square in the place of the packaged networks."""

    def use(fail: Callable[[int], bool] = lambda batch: False) -> None:
        use_detector(monkeypatch, lambda: SquareDetector(fail))

    use()
    return use
