"""A video with a bright square that moves, and networks that know nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path

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
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    picture[:, frame % 8 :: 8] = 60
    if square:
        x, y = square_at(frame)
        picture[y : y + SIDE, x : x + SIDE] = 235
    return picture


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


class SquareNetworks:
    """Finds the bright square in a picture; `fail` says in which looks it breaks."""

    looks = 0

    def __init__(self, fail: Callable[[int], bool] = lambda look: False) -> None:
        self.fail = fail

    def look(self, pictures: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        self.looks += 1
        if self.fail(self.looks):
            raise RuntimeError("the planted fault")
        return [{"face": self._find(picture)} for picture in pictures]

    def look_closely(self, picture: NDArray[np.uint8]) -> dict[str, Boxes]:
        return self.look([picture])[0]

    def _find(self, picture: NDArray[np.uint8]) -> Boxes:
        rows, columns = np.nonzero(picture[..., 1] > 150)
        if not len(rows):
            return Boxes.empty()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([box], np.float32), np.array([0.9], np.float32))


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put networks that find the square in the place of the packaged ones."""

    def use(fail: Callable[[int], bool] = lambda look: False) -> None:
        monkeypatch.setattr("playhead.redaction.run.Networks", lambda config: SquareNetworks(fail))

    use()
    return use
