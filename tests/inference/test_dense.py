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
from playhead.inference.dense import WindowPlan, plan_windows, run_windows
from playhead.inference.runtime import Backend, OpenVinoBackend
from playhead.learning.export import export_bundle
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec
from tests.tiny_windows import PLAN, GeneratedVideo, TinyWhole, tiny, window_by_window


def outputs_of(
    video: GeneratedVideo, manifest: BundleManifest, backend: Backend, **options: Any
) -> NDArray[np.float32]:
    """The outputs of all windows, with a window for every grid point unless told otherwise."""
    grid = make_grid(video.times, video.duration, manifest.plan(WindowPlan).grid_rate)
    found = list(run_windows(video, grid, manifest, backend, **options))
    points = np.concatenate([one.points for one in found])
    if "every" not in options:
        assert points.tolist() == list(range(len(grid)))
    values = np.concatenate([one.values for one in found])
    seen = np.concatenate([one.seen for one in found])
    assert np.isnan(values).any(axis=1).tolist() == (~seen).tolist()
    return values


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
    scores = outputs_of(video, bundle.manifest, backend)
    expected = window_by_window(model, video, bundle.manifest)
    assert scores.shape == (frames, 2)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("rate", [12.0, 29.97, 50.0])
def test_a_video_of_another_rate_is_seen_on_the_grid(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module, rate: float
) -> None:
    video = GeneratedVideo.at(rate, round(2 * rate))
    scores = outputs_of(video, bundle.manifest, backend, batch=3)
    np.testing.assert_allclose(scores, window_by_window(model, video, bundle.manifest), atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_scores_do_not_depend_on_the_batch(
    bundle: Bundle, backend: OpenVinoBackend, batch: int
) -> None:
    video = GeneratedVideo.at(25, 50)
    expected = outputs_of(video, bundle.manifest, backend)
    scores = outputs_of(video, bundle.manifest, backend, batch=batch)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_the_flip_is_the_mean_with_the_mirrored_image(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module
) -> None:
    video = GeneratedVideo.at(25, 20)
    both = outputs_of(video, bundle.manifest, backend, flip=True)
    expected = window_by_window(model, video, bundle.manifest, flip=True)
    np.testing.assert_allclose(both, expected, atol=1e-4)
    assert np.abs(both - outputs_of(video, bundle.manifest, backend)).max() > 1e-3


def test_each_stack_is_encoded_once(bundle: Bundle, backend: OpenVinoBackend) -> None:
    counting = Counting(backend)
    outputs_of(GeneratedVideo.at(25, 200), bundle.manifest, counting)
    starts = np.arange(-14, 200 + 10)[:, None] + [0, 2, 4]
    assert sum(counting.batches["encode"]) == len(np.unique(starts.clip(0, 199), axis=0))
    assert sum(counting.batches["fuse"]) == 200


def test_every_second_window_reads_and_encodes_half(
    bundle: Bundle, backend: OpenVinoBackend
) -> None:
    counting, video = Counting(backend), GeneratedVideo.at(25, 201)
    outputs_of(video, bundle.manifest, counting, every=2)
    assert video.given == list(range(0, 201, 2))
    assert sum(counting.batches["encode"]) < 201 / 2 + 15


def test_repeated_frames_are_not_encoded_again(bundle: Bundle, backend: OpenVinoBackend) -> None:
    counting = Counting(backend)
    outputs_of(GeneratedVideo.at(0.5, 8), bundle.manifest, counting)  # 400 points of 8 frames
    # at each of 7 changes a stack of 3 frames shows 2 mixtures, a window of 15 shows 14
    assert sum(counting.batches["encode"]) == 8 + 7 * 2
    assert sum(counting.batches["fuse"]) == 8 + 7 * 14


def test_windows_that_touch_unreadable_frames_are_not_scored(
    bundle: Bundle, backend: OpenVinoBackend, model: torch.nn.Module
) -> None:
    video = GeneratedVideo.at(25, 120, unreadable=range(50, 53))
    scores = outputs_of(video, bundle.manifest, backend)
    offsets = bundle.manifest.plan(WindowPlan).window.offsets
    touched = [bool({50, 51, 52} & set((i + offsets).tolist())) for i in range(120)]
    assert np.isnan(scores).all(axis=1).tolist() == touched
    assert np.isnan(scores).any(axis=1).tolist() == touched
    whole = window_by_window(model, GeneratedVideo.at(25, 120), bundle.manifest)
    clear = ~np.array(touched)
    np.testing.assert_allclose(scores[clear], whole[clear], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("stack", [15, 5])
def test_a_model_that_stacks_otherwise_is_scored_by_its_own_stacks(
    tmp_path: Path, stack: int
) -> None:
    model = tiny(stack=stack)
    bundle = export_bundle(
        model, tmp_path / "b", job="spotting", classes=("pass", "drive"), plan=PLAN
    )
    video = GeneratedVideo.at(25, 40)
    scores = outputs_of(video, bundle.manifest, OpenVinoBackend(bundle, threads=1))
    expected = window_by_window(model, video, bundle.manifest)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.slow
def test_a_model_of_one_graph_is_scored_window_by_window(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TinyWhole().eval()
    bundle = export_bundle(
        model, tmp_path / "b", job="spotting", classes=("pass", "drive"), plan=PLAN
    )
    assert list(bundle.manifest.parts) == ["model"]
    video = GeneratedVideo.at(25, 40, unreadable=range(30, 31))
    scores = outputs_of(video, bundle.manifest, OpenVinoBackend(bundle, threads=1), batch=4)
    expected = window_by_window(model, GeneratedVideo.at(25, 40), bundle.manifest)
    seen = ~np.isnan(scores[:, 0])
    assert seen.tolist() == [30 not in (i + PLAN.window.offsets).clip(0, 39) for i in range(40)]
    np.testing.assert_allclose(scores[seen], expected[seen], atol=1e-4)


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
        outputs_of(GeneratedVideo.at(25, 5), manifest, backend)
