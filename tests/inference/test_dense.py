import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.inference.bundle import Bundle, BundleManifest
from playhead.inference.dense import plan_windows, score_video, unseen_spans
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.export import export_bundle
from playhead.media import VideoWriter, open_video
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec

from .conftest import PLAN, SIZE, GeneratedVideo, TinyWhole, tiny


def window_by_window(
    model: torch.nn.Module, video: GeneratedVideo, manifest: BundleManifest, *, flip: bool = False
) -> NDArray[np.float32]:
    """The straightforward way: every window decoded, stacked and forwarded by itself."""
    plan = manifest.input
    grid = make_grid(video.times, video.duration, plan.grid_rate)
    scores = []
    for point in range(len(grid)):
        shown = grid.frames[plan.window.window_points(point, len(grid))]
        luma = torch.from_numpy(np.stack([video.picture(int(k), plan.size) for k in shown]))[None]
        views = [luma, luma.flip(-1)] if flip else [luma]
        with torch.inference_mode():
            each = [torch.sigmoid(model(view.float() / 255)) for view in views]
        scores.append(torch.stack(each).mean(0)[0].numpy())
    return np.array(scores)


class Counting:
    """A backend that notes the batches it is given."""

    def __init__(self, backend: OpenVinoBackend) -> None:
        self.backend = backend
        self.batches: dict[str, list[int]] = {"encode": [], "fuse": []}

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        self.batches[part].append(len(inputs))
        return self.backend.run(part, inputs)


@pytest.fixture(scope="module")
def backend(bundle: Bundle) -> OpenVinoBackend:
    return OpenVinoBackend(bundle, threads=1)


@pytest.mark.parametrize("frames", [1, 2, 7, 60])
def test_dense_scores_are_those_of_each_window_by_itself(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module, frames: int
) -> None:
    video = GeneratedVideo.at(25, frames)
    scores = score_video(video, bundle.manifest, backend)
    expected = window_by_window(model, video, bundle.manifest)
    assert scores.values.shape == (frames, 2)
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)


@pytest.mark.parametrize("rate", [12.0, 29.97, 50.0])
def test_a_video_of_another_rate_is_seen_on_the_grid(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module, rate: float
) -> None:
    video = GeneratedVideo.at(rate, round(2 * rate))
    scores = score_video(video, bundle.manifest, backend, batch=3)
    np.testing.assert_allclose(
        scores.values, window_by_window(model, video, bundle.manifest), atol=1e-4
    )


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_scores_do_not_depend_on_the_batch(
    bundle: Bundle, backend: OpenVinoBackend, batch: int
) -> None:
    video = GeneratedVideo.at(25, 50)
    expected = score_video(video, bundle.manifest, backend).values
    scores = score_video(video, bundle.manifest, backend, batch=batch)
    np.testing.assert_allclose(scores.values, expected, atol=1e-6)


def test_the_flip_is_the_mean_with_the_mirrored_picture(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module
) -> None:
    video = GeneratedVideo.at(25, 20)
    both = score_video(video, bundle.manifest, backend, flip=True).values
    expected = window_by_window(model, video, bundle.manifest, flip=True)
    np.testing.assert_allclose(both, expected, atol=1e-4)
    assert np.abs(both - score_video(video, bundle.manifest, backend).values).max() > 1e-3


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


def test_each_stack_is_encoded_once(bundle: Bundle, backend: OpenVinoBackend) -> None:
    counting = Counting(backend)
    score_video(GeneratedVideo.at(25, 200), bundle.manifest, counting)
    starts = np.arange(-14, 200 + 10)[:, None] + [0, 2, 4]
    assert sum(counting.batches["encode"]) == len(np.unique(starts.clip(0, 199), axis=0))
    assert sum(counting.batches["fuse"]) == 200


def test_every_second_window_reads_and_encodes_half(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    counting, video = Counting(backend), GeneratedVideo.at(25, 201)
    score_video(video, bundle.manifest, counting, every=2)
    assert video.given == list(range(0, 201, 2))
    assert sum(counting.batches["encode"]) < 201 / 2 + 15


def test_repeated_frames_are_not_encoded_again(bundle: Bundle, backend: OpenVinoBackend) -> None:
    counting = Counting(backend)
    score_video(GeneratedVideo.at(0.5, 8), bundle.manifest, counting)  # 400 points of 8 frames
    # at each of 7 changes a stack of 3 frames shows 2 mixtures, a window of 15 shows 14
    assert sum(counting.batches["encode"]) == 8 + 7 * 2
    assert sum(counting.batches["fuse"]) == 8 + 7 * 14


def test_windows_that_touch_unreadable_frames_are_not_scored(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module
) -> None:
    video = GeneratedVideo.at(25, 120, unreadable=range(50, 53))
    scores = score_video(video, bundle.manifest, backend)
    offsets = bundle.manifest.input.window.offsets
    touched = [bool({50, 51, 52} & set((i + offsets).tolist())) for i in range(120)]
    assert np.isnan(scores.values).all(axis=1).tolist() == touched
    assert np.isnan(scores.values).any(axis=1).tolist() == touched
    whole = window_by_window(model, GeneratedVideo.at(25, 120), bundle.manifest)
    clear = ~np.array(touched)
    np.testing.assert_allclose(scores.values[clear], whole[clear], atol=1e-4)


def test_a_video_of_which_nothing_is_readable_has_no_score(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    video = GeneratedVideo.at(25, 30, unreadable=range(30))
    scores = score_video(video, bundle.manifest, backend)
    assert np.isnan(scores.values).all()
    assert unseen_spans(scores) == [(0.0, pytest.approx(29 / 25))]


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


@pytest.mark.parametrize("stack", [15, 5])
def test_a_model_that_stacks_otherwise_is_scored_by_its_own_stacks(
    tmp_path: Path, stack: int
) -> None:
    model = tiny(stack=stack)
    bundle = export_bundle(
        model, tmp_path / "b", job="spotting", classes=("pass", "drive"), plan=PLAN
    )
    video = GeneratedVideo.at(25, 40)
    scores = score_video(video, bundle.manifest, OpenVinoBackend(bundle, threads=1))
    expected = window_by_window(model, video, bundle.manifest)
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)


def test_a_model_of_one_graph_is_scored_window_by_window(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TinyWhole().eval()
    bundle = export_bundle(
        model, tmp_path / "b", job="spotting", classes=("pass", "drive"), plan=PLAN
    )
    assert list(bundle.manifest.parts) == ["model"]
    video = GeneratedVideo.at(25, 40, unreadable=range(30, 31))
    scores = score_video(video, bundle.manifest, OpenVinoBackend(bundle, threads=1), batch=4)
    expected = window_by_window(model, GeneratedVideo.at(25, 40), bundle.manifest)
    seen = ~np.isnan(scores.values[:, 0])
    assert seen.tolist() == [30 not in (i + PLAN.window.offsets).clip(0, 39) for i in range(40)]
    np.testing.assert_allclose(scores.values[seen], expected[seen], atol=1e-4)


def test_a_native_grid_has_a_score_for_every_frame(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    native = PLAN.model_copy(update={"rate": "native"})
    manifest = bundle.manifest.model_copy(update={"input": native})
    video = GeneratedVideo(np.array([0, 0.04, 0.1, 0.11, 0.3, 0.31]))
    scores = score_video(video, manifest, backend, name="other name")
    assert scores.frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert scores.times.tolist() == video.times.tolist()
    assert scores.video == "other name"


def test_a_real_file_is_scored_by_its_own_pictures(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "spiel über.mp4"
    with VideoWriter(path, 64, 48, rate=30) as writer:
        for k in range(60):
            writer.write(np.random.default_rng(k).integers(16, 236, (48, 64)).astype(np.uint8))
    with open_video(path) as video:
        pictures = video.read(range(60), pixels="luma", size=SIZE)
        scores = score_video(video, bundle.manifest, backend, every=1)
        again = score_video(video, bundle.manifest, backend, every=1)
    same = GeneratedVideo(video.times)
    same.picture = lambda k, size=SIZE: pictures[k]
    expected = window_by_window(model, same, bundle.manifest)
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)
    np.testing.assert_array_equal(scores.values, again.values)
    np.testing.assert_array_equal(scores.frame_times, video.times[scores.frames])
    assert scores.video == path.name


class Made:
    """A backend that costs nothing, so that thousands of frames can pass."""

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
    bookkeeping = 2250 * 400  # times, indices and scores: bytes a grid point, not pictures or maps
    picture_and_map = 24 * 16 + 2 * 6 * 40 * 60 * 4
    assert long - short < bookkeeping < 2250 * picture_and_map / 50


class Forgetful(list[int]):
    def append(self, item: int) -> None:
        """Keep nothing, so that the measurement sees only the code under test."""


@settings(max_examples=60, deadline=None)
@given(
    points=st.integers(1, 80),
    repeat=st.integers(1, 4),
    every=st.integers(1, 9),
    stacks=st.sampled_from([1, 3, 5]),
    stack=st.sampled_from([1, 3]),
    step=st.integers(1, 3),
)
def test_a_plan_shows_each_window_the_frames_of_its_grid_points(
    *, points: int, repeat: int, every: int, stacks: int, stack: int, step: int
) -> None:
    window = WindowSpec(frames=stacks * stack, step=step, stack=stack)
    frames = (np.arange(points) // repeat).astype(np.int32)
    plan = plan_windows(frames, window, every=every)
    assert plan.points.tolist() == sorted({*range(0, points, every), points - 1})
    for point, row in zip(plan.points, plan.window_of, strict=True):
        shown = plan.stacks[plan.windows[row]].ravel()
        assert shown.tolist() == frames[window.window_points(int(point), points)].tolist()
    assert (np.diff(plan.stacks, axis=0) >= 0).all()
    assert len(np.unique(plan.stacks, axis=0)) == len(plan.stacks)


def test_a_window_for_every_zeroth_point_is_refused() -> None:
    with pytest.raises(PlayheadError, match="every 0"):
        plan_windows(np.arange(3, dtype=np.int32), WindowSpec(), every=0)


def test_a_bundle_of_unknown_parts_is_refused(bundle: Bundle, backend: OpenVinoBackend) -> None:
    parts = {"detect": bundle.manifest.parts["encode"]}
    manifest = bundle.manifest.model_copy(update={"parts": parts})
    with pytest.raises(BundleError, match="detect"):
        score_video(GeneratedVideo.at(25, 5), manifest, backend)
