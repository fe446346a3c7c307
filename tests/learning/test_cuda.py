"""The CUDA backend on the CPU: the same code, without pinned memory and streams."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from playhead.errors import PlayheadError
from playhead.inference.bundle import Bundle, BundleManifest
from playhead.inference.dense import WindowPlan, run_windows
from playhead.inference.ring import ArrayRing, RingBackend, StackBatch, open_ring
from playhead.inference.runtime import OpenVinoBackend
from playhead.inference.together import WindowModel, run_models
from playhead.learning.cuda import LARGEST_BATCH, PIXELS_PER_BATCH, CudaBackend
from playhead.samples.grid import make_grid
from tests.tiny_windows import (
    PLAN,
    SIZE,
    GeneratedVideo,
    TinyFusion,
    TinyWhole,
    tiny,
    window_by_window,
    write_tiny_bundle,
)


def build(manifest: BundleManifest) -> tuple[nn.Module, WindowPlan]:
    """The network of the tiny bundle, with other weights than it holds."""
    return tiny(seed=9), PLAN


@pytest.fixture(scope="module")
def model() -> TinyFusion:
    return tiny()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: TinyFusion) -> Bundle:
    return write_tiny_bundle(model, tmp_path_factory.mktemp("bundles") / "tiny")


def on_cpu(bundle: Bundle, **options: Any) -> CudaBackend:
    return CudaBackend(bundle, build, device="cpu", **options)


class SlowVideo(GeneratedVideo):
    """A video whose decoder lets other threads run before each frame."""

    def image(self, k: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
        time.sleep(0.0005)
        return super().image(k, size)


class Plain:
    """A backend whose arrays all pass through the CPU: that of `inner`, without its ring."""

    def __init__(self, inner: CudaBackend) -> None:
        self.inner, self.precision = inner, inner.precision

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        return self.inner.run(part, inputs)


def scores(
    bundle: Bundle, backend: Any, frames: int = 60, unreadable: range = range(0), **options: Any
) -> NDArray[np.float32]:
    video = GeneratedVideo.at(25, frames, unreadable)
    grid = make_grid(video.times, video.duration, PLAN.grid_rate)
    found = list(run_windows(video, grid, bundle.manifest, backend, **options))
    assert np.concatenate([one.points for one in found]).tolist() == list(range(frames))
    return np.concatenate([one.values for one in found])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("batch", [None, 7])
def test_maps_that_stay_on_the_device_give_the_scores_of_the_plain_way_in_fp32(
    bundle: Bundle, model: TinyFusion, flip: bool, pad: bool, batch: int | None
) -> None:
    backend = on_cpu(bundle, pad=pad)
    kept = scores(bundle, backend, flip=flip, batch=batch)
    plain = scores(bundle, Plain(on_cpu(bundle)), flip=flip, batch=batch)
    np.testing.assert_allclose(kept, plain, rtol=0, atol=1e-6)
    expected = window_by_window(model, GeneratedVideo.at(25, 60), bundle.manifest, flip=flip)
    np.testing.assert_allclose(kept, expected, rtol=0, atol=1e-5)


def test_bf16_is_within_a_hundredth_of_fp32_whether_or_not_the_maps_stay(bundle: Bundle) -> None:
    exact = scores(bundle, on_cpu(bundle))
    half = on_cpu(bundle, precision="bf16", pad=True)
    for rough in (scores(bundle, half), scores(bundle, Plain(half))):
        assert 0 < np.abs(rough - exact).max() < 0.01


@pytest.mark.slow
def test_compiled_parts_give_the_scores_of_those_that_are_not(bundle: Bundle) -> None:
    backend = on_cpu(bundle, compile_parts=True)
    kept = scores(bundle, backend, frames=20, batch=8)
    np.testing.assert_allclose(kept, scores(bundle, on_cpu(bundle), frames=20), rtol=0, atol=1e-6)


def test_a_machine_without_a_compiler_says_what_compiling_needs(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(PlayheadError, match=r"--compile: .* needs a C\+\+ compiler; install g"):
        on_cpu(bundle, compile_parts=True)


def test_windows_of_unreadable_frames_are_not_scored_on_the_device(bundle: Bundle) -> None:
    lost = range(30, 33)
    kept = scores(bundle, on_cpu(bundle), unreadable=lost, batch=4)
    plain = scores(bundle, OpenVinoBackend(bundle, threads=1), unreadable=lost, batch=4)
    assert np.isnan(kept).any()
    assert not np.isnan(kept).all()
    np.testing.assert_allclose(kept, plain, atol=1e-4)


def test_nothing_is_scored_of_a_video_without_a_readable_frame(bundle: Bundle) -> None:
    assert np.isnan(scores(bundle, on_cpu(bundle), unreadable=range(60))).all()


def test_a_model_of_one_part_is_kept_whole(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = TinyWhole().eval()
    bundle = write_tiny_bundle(whole, tmp_path / "whole")
    backend = CudaBackend(bundle, lambda manifest: (TinyWhole(), PLAN), device="cpu", pad=True)
    expected = window_by_window(whole, GeneratedVideo.at(25, 60), bundle.manifest)
    np.testing.assert_allclose(scores(bundle, backend, batch=7), expected, rtol=0, atol=1e-5)


def test_weights_of_2d_and_3d_convolutions_are_channels_last(bundle: Bundle) -> None:
    weights = list(on_cpu(bundle)._parts["encode"].parameters())
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    large = [weight for weight in weights if weight.ndim in layouts]
    assert {weight.ndim for weight in large} == {4, 5}
    for weight in large:
        assert weight.is_contiguous(memory_format=layouts[weight.ndim])


def test_windows_reach_3d_convolutions_channels_last(bundle: Bundle) -> None:
    seen = []
    backend = on_cpu(bundle)
    part = backend._parts["fuse"]
    part.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].transpose(1, 2)))
    scores(bundle, backend)
    assert all(maps.is_contiguous(memory_format=torch.channels_last_3d) for maps in seen)


def test_each_frame_is_sent_once_a_batch(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = on_cpu(bundle)
    sent = []
    send = CudaBackend.send

    def noted(self: CudaBackend, arrays: Any) -> torch.Tensor:
        if isinstance(arrays, list):
            sent.append(len(arrays))
        return send(self, arrays)

    monkeypatch.setattr(CudaBackend, "send", noted)
    images = [np.full((16, 24), k, np.uint8) for k in range(6)]
    ring = backend.ring(8)
    ring.encode("encode", StackBatch([0, 1, 2, 3], [images[k : k + 3] for k in range(4)]))
    assert sent == [6]


def test_padded_batches_are_powers_of_two_up_to_the_largest(bundle: Bundle) -> None:
    backend = on_cpu(bundle, pad=True)
    sizes = []
    backend._parts["encode"].register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]))
    )
    for count in (12, 3, 5, 9, 1, 12):
        images = np.zeros((count, 3, 16, 24), np.uint8)
        assert len(backend.run("encode", images)) == count
    assert sizes == [12, 4, 8, 12, 1, 12]


def test_a_batch_that_does_not_fit_into_memory_is_divided(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = scores(bundle, on_cpu(bundle), batch=16)
    backend = on_cpu(bundle)
    tried = []

    def little_memory(module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        tried.append(len(inputs[0]))
        if len(inputs[0]) > 4:
            raise torch.OutOfMemoryError("out of memory")

    backend._parts["fuse"].register_forward_pre_hook(little_memory)
    np.testing.assert_allclose(scores(bundle, backend, batch=16), expected, rtol=0, atol=1e-6)
    assert tried[:3] == [16, 8, 4]
    assert max(tried[3:]) == 4


def test_a_batch_of_one_that_does_not_fit_is_an_error(bundle: Bundle) -> None:
    backend = on_cpu(bundle)

    def no_memory(module: nn.Module, inputs: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    backend._parts["fuse"].register_forward_pre_hook(no_memory)
    with pytest.raises(PlayheadError, match="does not fit into the memory of cpu"):
        scores(bundle, backend)


def test_the_batch_of_a_device_is_a_power_of_two_by_the_size_of_the_frames(bundle: Bundle) -> None:
    backend = on_cpu(bundle)
    assert backend.batch_size((1280, 720)) == 32
    assert backend.batch_size((64, 36)) == LARGEST_BATCH
    assert backend.batch_size((PIXELS_PER_BATCH, 2)) == 1


def test_only_a_backend_with_memory_of_its_own_has_a_ring_of_its_own(bundle: Bundle) -> None:
    assert isinstance(on_cpu(bundle), RingBackend)
    assert isinstance(open_ring(OpenVinoBackend(bundle, threads=1), 5), ArrayRing)


def test_models_on_a_device_share_one_pass_over_a_video(bundle: Bundle) -> None:
    """Each reads ahead in a thread of its own, from one decoder, which takes its time."""
    video = SlowVideo.at(25, 200)
    grid = make_grid(video.times, video.duration, PLAN.grid_rate)
    models = [WindowModel(bundle.manifest, on_cpu(bundle)) for _ in range(3)]
    values: list[list[NDArray[np.float32]]] = [[] for _ in models]
    for number, output in run_models(video, grid, models, batch=4):
        values[number].append(output.values)
    assert video.given == list(range(200))
    expected = scores(bundle, on_cpu(bundle), frames=200)
    for own in values:
        np.testing.assert_allclose(np.concatenate(own), expected, rtol=0, atol=1e-6)
