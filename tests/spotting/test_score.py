import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from playhead.inference.bundle import Bundle
from playhead.inference.runtime import OpenVinoBackend
from playhead.media import VideoWriter, open_video
from playhead.spotting.score import score_video, unscored_spans
from tests.tiny_windows import (
    PLAN,
    SIZE,
    GeneratedVideo,
    TinyFusion,
    tiny,
    window_by_window,
    write_tiny_bundle,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> TinyFusion:
    return tiny()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: TinyFusion) -> Bundle:
    return write_tiny_bundle(model, tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def backend(bundle: Bundle) -> OpenVinoBackend:
    return OpenVinoBackend(bundle, threads=1)


@pytest.mark.parametrize("every", [2, 3, 5, 100])
def test_windows_for_every_nth_point_keep_their_scores_and_lie_linearly_between(
    bundle: Bundle, backend: OpenVinoBackend, every: int
) -> None:
    video = GeneratedVideo.at(25, 42)
    full = score_video(video, bundle.manifest, backend).values
    some = score_video(video, bundle.manifest, backend, every=every).values
    points = sorted({*range(0, 42, every), 41})
    for column in range(2):
        expected = np.interp(np.arange(42), points, full[points, column])
        np.testing.assert_allclose(some[:, column], expected, atol=1e-5)


def test_a_video_of_which_nothing_is_readable_has_no_score(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    video = GeneratedVideo.at(25, 30, unreadable=range(30))
    scores = score_video(video, bundle.manifest, backend)
    assert np.isnan(scores.values).all()
    assert unscored_spans(scores) == [(0.0, pytest.approx(29 / 25))]


def test_scores_between_an_unreadable_window_and_a_readable_one_are_unknown(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    video = GeneratedVideo.at(25, 120, unreadable=range(60, 61))
    values = score_video(video, bundle.manifest, backend, every=4).values
    full = score_video(video, bundle.manifest, backend).values
    computed = np.arange(0, 120, 4)
    np.testing.assert_array_equal(np.isnan(values[computed]), np.isnan(full[computed]))
    assert np.isnan(values[45:76]).all()
    assert not np.isnan(values[:44]).any()


def test_a_native_grid_has_a_score_for_every_frame(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    native = PLAN.model_copy(update={"rate": "native"})
    manifest = bundle.manifest.model_copy(update={"input": native.model_dump(mode="json")})
    video = GeneratedVideo(np.array([0, 0.04, 0.1, 0.11, 0.3, 0.31]))
    scores = score_video(video, manifest, backend, name="other name")
    assert scores.frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert scores.times.tolist() == video.times.tolist()
    assert scores.video == "other name"


def test_a_real_file_is_scored_by_its_own_images(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "spiel über.mp4"
    with VideoWriter(path, 64, 48, rate=30) as writer:
        for k in range(60):
            writer.write(np.random.default_rng(k).integers(16, 236, (48, 64)).astype(np.uint8))
    with open_video(path) as video:
        images = video.read(range(60), pixels="luma", size=SIZE)
        scores = score_video(video, bundle.manifest, backend, every=1)
        again = score_video(video, bundle.manifest, backend, every=1)
    same = GeneratedVideo(video.times)
    same.image = lambda k, size=SIZE: images[k]
    expected = window_by_window(model, same, bundle.manifest)
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)
    np.testing.assert_array_equal(scores.values, again.values)
    np.testing.assert_array_equal(scores.frame_times, video.times[scores.frames])
    assert scores.video == path.name


class Made:
    """A backend that costs nothing, so that thousands of frames can pass."""

    precision = "fp32"

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if part == "encode":
            return np.zeros((len(inputs), 6, 40, 60), dtype=np.float32)
        return np.full((len(inputs), 2), 0.5, dtype=np.float32)


def _peak(action: Callable[[], object]) -> int:
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length_of_the_video(bundle: Bundle) -> None:
    def score(frames: int) -> int:
        video = GeneratedVideo.at(25, frames)
        video.given = Forgetful()
        return _peak(lambda: score_video(video, bundle.manifest, Made(), flip=True))

    score(50)  # what is made once (caches) does not count
    short, long = score(250), score(2500)
    bookkeeping = 2250 * 400  # times, indices and scores: bytes a grid point, not images or maps
    image_and_map = 24 * 16 + 2 * 6 * 40 * 60 * 4
    assert long - short < bookkeeping < 2250 * image_and_map / 50


class Forgetful(list[int]):
    def append(self, item: int) -> None:
        """Keep nothing, so that the measurement sees only the code under test."""
