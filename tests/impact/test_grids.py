"""Grids of a video: what streaming and sharing compute is what each clip by itself gives."""

import weakref
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from playhead.errors import BundleError
from playhead.impact.grids import FrameGrid, Gate, Member, grid_candidates, run_clips
from playhead.impact.model import I3DCollisionNetwork
from playhead.impact.network_config import CollisionNetworkConfig
from playhead.impact.targets import grid_target
from tests.impact.networks import (
    CHUNKED,
    COLUMNS,
    FACTORED,
    I3D,
    ROWS,
    SIZE,
    Frames,
    TorchBackend,
    manifest_of,
    member_of,
    network_of,
    plan_of,
)

PLAN = plan_of(FACTORED)
ARMS = {
    "factored": FACTORED,
    "factored without marker": FACTORED.model_copy(update={"marker": False}),
    "i3d": I3D,
}


def run(member: Member, video: Frames, **options: Any) -> list[FrameGrid]:
    return list(run_clips(video, [member], **options))


def clip_by_clip(
    config: CollisionNetworkConfig, video: Frames, seed: int = 0
) -> NDArray[np.float32]:
    """The straightforward way: the whole network on each clip, edges replicated."""
    network = network_of(config, seed)
    grids = []
    for k in range(video.count):
        shown = (k - config.before + np.arange(config.frames)).clip(0, video.count - 1)
        images = [video.image(int(at), config.pixels).astype(np.float32) / 255 for at in shown]
        clip = torch.from_numpy(np.stack(images))  # T, H, W or T, H, W, 3
        clip = clip[None] if config.pixels == "luma" else clip.permute(3, 0, 1, 2)
        with torch.inference_mode():
            grids.append(torch.sigmoid(network(clip[None]))[0].numpy())
    return np.array(grids)


@pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)
def test_every_frame_has_the_grid_of_its_clip(config: CollisionNetworkConfig) -> None:
    video = Frames(11)
    results = run(member_of(config), video, batch=3)
    assert [result.frame for result in results] == list(range(11))
    grids = np.array([result.grid for result in results])
    np.testing.assert_allclose(grids, clip_by_clip(config, video), atol=1e-4)
    assert grids.std(axis=0).max() > 1e-2  # it differs from frame to frame


def test_a_video_shorter_than_a_clip_is_answered() -> None:
    for count in (1, 3):
        results = run(member_of(FACTORED), Frames(count))
        grids = np.array([result.grid for result in results])
        np.testing.assert_allclose(grids, clip_by_clip(FACTORED, Frames(count)), atol=1e-4)


class Watched(Frames):
    """Knows which of its images are still in memory."""

    def image(self, k: int, pixels: str = "luma") -> NDArray[np.uint8]:
        image = super().image(k, pixels)
        self.given = [*getattr(self, "given", []), weakref.ref(image)]
        return image

    @property
    def alive(self) -> int:
        return sum(reference() is not None for reference in self.given)


def test_a_frame_is_encoded_once_and_few_are_held() -> None:
    member, video = member_of(FACTORED), Watched(40)
    alive = [video.alive for _ in run_clips(video, [member], batch=4)]
    assert isinstance(member.backend, TorchBackend)
    assert member.backend.rows == {"frames": 40, "windows": 40}
    assert len(video.given) == 40
    assert max(alive) <= 8 + 4


def test_without_a_marker_clips_of_consecutive_frames_run_as_one_sequence() -> None:
    member = member_of(FACTORED.model_copy(update={"marker": False}))
    grids = [result.grid for result in run_clips(Frames(20, unreadable=(9,)), [member], batch=5)]
    assert isinstance(member.backend, TorchBackend)
    # Of 12 frames with whole clips, 6 before the lost one and 6 after it: 5, 1, 1 and 5.
    assert sum(grid is not None for grid in grids) == 12
    assert member.backend.rows == {"frames": 19, "sequence": 4}


def test_several_networks_are_averaged() -> None:
    members = [member_of(FACTORED, seed) for seed in (0, 1)]
    mean = [result.grid for result in run_clips(Frames(5), members)]
    each = [clip_by_clip(FACTORED, Frames(5), seed) for seed in (0, 1)]
    np.testing.assert_allclose(np.array(mean), np.mean(each, 0), atol=1e-4)


def test_networks_of_other_plans_or_parts_are_refused() -> None:
    other = member_of(FACTORED.model_copy(update={"before": 2}))
    with pytest.raises(BundleError, match="2 of them before"):
        next(run_clips(Frames(5), [member_of(FACTORED), other]))
    unmarked = member_of(FACTORED.model_copy(update={"marker": False}))
    assert next(run_clips(Frames(5), [member_of(FACTORED), unmarked])).grid is not None
    backend = member_of(FACTORED).backend
    with pytest.raises(BundleError, match="encode"):
        next(run_clips(Frames(5), [Member(manifest_of(PLAN, ("encode",)), backend)]))
    with pytest.raises(BundleError, match="crash"):
        members = [member_of(FACTORED), Member(manifest_of(PLAN, ("model",), ("crash",)), backend)]
        next(run_clips(Frames(5), members))


def test_frames_whose_clip_has_an_unreadable_frame_are_not_answered() -> None:
    results = run(member_of(FACTORED), Frames(20, unreadable=(10,)), batch=3)
    unseen = [result.frame for result in results if not result.seen]
    assert unseen == list(range(10 - 3, 10 + 4 + 1))
    assert all((result.grid is None) == (not result.seen) for result in results)
    lost = run(member_of(FACTORED), Frames(3, unreadable=(0, 1, 2)))
    assert [result.seen for result in lost] == [False] * 3


def test_a_coarse_grid_answers_its_frames_and_a_fine_one_each_frame_once() -> None:
    coarse = run(member_of(FACTORED, rate="30"), Frames(12, 60))
    assert [result.frame for result in coarse] == [0, 2, 4, 6, 8, 10]
    fine = run(member_of(FACTORED, rate="60"), Frames(6, 30))
    assert [result.frame for result in fine] == list(range(6))


def test_the_centres_of_another_network_replace_the_first_channel() -> None:
    def centres(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((ROWS, COLUMNS), image[0, 0] / 255, np.float32)

    video = Frames(5)
    plain = run(member_of(FACTORED), video)
    for before, after in zip(plain, run(member_of(FACTORED), video, centres=centres), strict=True):
        assert before.grid is not None
        assert after.grid is not None
        np.testing.assert_allclose(after.grid[0], video.image(after.frame)[0, 0] / 255)
        np.testing.assert_array_equal(after.grid[1:], before.grid[1:])


class ScriptedBackend:
    """Two helmets, `apart` pixels from each other in the frame that a clip's pixels name."""

    precision = "fp32"

    def __init__(self, apart: dict[int, float]) -> None:
        self.apart, self.rows = apart, 0

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        self.rows += len(inputs)
        grids = []
        for clip in inputs:
            x = self.apart.get(int(clip[4, 0, 0]), 50)
            boxes = [(2, 20, 10, 28), (2 + x, 20, 10 + x, 28)]
            grids.append(grid_target(boxes, [0, 0], *SIZE[::-1], unit=32))
        return np.array(grids)


class Numbered(Frames):
    def image(self, k: int, pixels: str = "luma") -> NDArray[np.uint8]:
        return np.full(SIZE[::-1], k, np.uint8)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_gate_computes_only_around_frames_with_two_helmets_near_each_other(
    batch: int,
) -> None:
    backend = ScriptedBackend({8: 18, 14: 10})  # 14 lies between two computed frames: missed
    member = Member(manifest_of(PLAN, ("model",)), backend)  # type: ignore[arg-type]
    results = run(member, Numbered(22), gate=Gate(every=4), batch=batch)
    assert [result.frame for result in results] == list(range(22))
    computed = [result.frame for result in results if result.grid is not None]
    assert computed == [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 20, 21]
    assert backend.rows == len(computed)
    assert all(result.seen for result in results)
    backend.apart = {8: 21}  # more than 2.5 widths of 8 pixels
    assert sum(result.grid is not None for result in run(member, Numbered(22), gate=Gate())) == 7


def test_the_gate_computes_with_real_networks_what_exact_prediction_does() -> None:
    video = Frames(19, unreadable=(9,))
    exact = run(member_of(FACTORED), video)
    fast = run(member_of(FACTORED), video, gate=Gate(every=4, helmet_score=0.9), batch=2)
    assert any(result.grid is not None for result in fast)
    for whole, part in zip(exact, fast, strict=True):
        if part.grid is not None:
            assert whole.grid is not None
            np.testing.assert_allclose(part.grid, whole.grid, atol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 19])
def test_chunks_answer_every_frame_once_and_every_second_one_as_its_clip(count: int) -> None:
    """If time steps do not see each other, clips from even frames of a chunk are the same."""
    member, video = member_of(CHUNKED, padded=False), Frames(count)
    results = run(member, video, chunks=True)
    assert [result.frame for result in results] == list(range(count))
    assert isinstance(member.backend, TorchBackend)
    assert member.backend.rows == {"chunk": -(-count // 6), "model": 0}
    exact = np.array([result.grid for result in run(member, video)])
    grids = np.array([result.grid for result in results])
    np.testing.assert_allclose(grids[::2], exact[::2], atol=1e-5)
    if count > 8:
        apart = np.abs(grids - exact).mean((1, 2, 3))[1::2]
        assert (apart > 1e-5).all()
        assert (apart < np.abs(exact[2:] - exact[:-2]).mean()).all()


def test_chunks_give_grids_near_those_of_exact_mode() -> None:
    """On average as near as that of the next frame: of noise, which no padding resembles."""
    exact, fast = (
        np.array([result.grid for result in run(member_of(CHUNKED), Frames(40), chunks=chunks)])
        for chunks in (False, True)
    )
    apart = np.abs(fast - exact).mean()
    assert apart < 1.1 * np.abs(exact[1:] - exact[:-1]).mean()
    assert apart < 0.8 * np.abs(exact[3:] - exact[:-3]).mean()


def test_the_seams_of_chunks_do_not_show() -> None:
    """A frame has one answer wherever it lies in its chunk, but for what is padded.

    Only the last clip of a chunk, from an odd frame, has a last step of a single frame.
    """
    other = CHUNKED.model_copy(update={"chunk_frames": 21})
    short, long = (
        np.array([r.grid for r in run(member_of(c, padded=False), Frames(33), chunks=True)])
        for c in (CHUNKED, other)
    )
    last = (np.arange(33) % 6 == 5) | (np.arange(33) % 14 == 13)
    np.testing.assert_allclose(short[~last], long[~last], atol=1e-5)
    np.testing.assert_allclose(short[last], long[last], atol=0.02)
    assert short.std(axis=0).max() > 1e-2


def test_a_chunk_goes_on_after_an_unreadable_frame_and_past_the_end_of_the_video() -> None:
    config = CHUNKED.model_copy(update={"chunk_frames": 21})  # 14 frames are answered
    video = Frames(30, unreadable=(6, 29))
    exact = run(member_of(config, padded=False), video)
    fast = run(member_of(config, padded=False), video, chunks=True)
    assert [result.frame for result in fast] == list(range(30))
    assert [result.seen for result in fast] == [result.seen for result in exact]
    assert [result.frame for result in fast if not result.seen] == [*range(3, 11), *range(26, 30)]
    for k in (0, 2, 11, 13, 14, 16, 18, 20, 22, 24):  # a new chunk starts at 11
        whole, part = exact[k].grid, fast[k].grid
        assert whole is not None
        assert part is not None
        np.testing.assert_allclose(part, whole, atol=1e-5)


def test_a_chunk_repeats_the_first_and_last_frame_as_a_clip_does() -> None:
    video, network = Frames(4), network_of(CHUNKED)
    shown = [video.image(int(k), "rgb") for k in (np.arange(13) - 4).clip(0, 3)]
    pixels = torch.from_numpy(np.stack(shown)).movedim(-1, 0)[None] / 255
    assert isinstance(network, I3DCollisionNetwork)
    with torch.inference_mode():
        expected = torch.sigmoid(network.forward_chunks(pixels))[:4].numpy()
    grids = np.array([result.grid for result in run(member_of(CHUNKED), video, chunks=True)])
    np.testing.assert_allclose(grids, expected, atol=1e-5)


def test_chunks_answer_frames_that_a_fine_grid_repeats_once() -> None:
    member, video = member_of(CHUNKED, rate="60", padded=False), Frames(9, 30)
    fast = run(member, video, chunks=True)
    assert [result.frame for result in fast] == list(range(9))
    assert isinstance(member.backend, TorchBackend)
    assert member.backend.rows["chunk"] == 3  # of 18 grid points
    for whole, part in zip(run(member, video), fast, strict=True):
        assert whole.grid is not None
        assert part.grid is not None
        np.testing.assert_allclose(part.grid, whole.grid, atol=1e-5)


def test_few_frames_are_held_for_chunks() -> None:
    video = Watched(60)
    alive = [video.alive for _ in run_clips(video, [member_of(CHUNKED)], chunks=True)]
    assert len(video.given) == 60
    assert max(alive) <= 13 + 1


def test_chunks_of_several_networks_are_averaged_and_need_the_part() -> None:
    longer = CHUNKED.model_copy(update={"chunk_frames": 21})
    members = [member_of(CHUNKED, 0, padded=False), member_of(longer, 1, padded=False)]
    mean = [result.grid for result in run_clips(Frames(15), members, chunks=True)]
    each = [[r.grid for r in run(member, Frames(15), chunks=True)] for member in members]
    within = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12]  # the last clips of both chunks differ a little
    mean_of_each = np.mean(np.array(each), 0)
    np.testing.assert_allclose(np.array(mean)[within], mean_of_each[within], atol=1e-5)
    with pytest.raises(BundleError, match="chunks need `chunk`"):
        run(member_of(I3D), Frames(5), chunks=True)


def test_candidates_are_the_boxes_of_a_grid_in_the_pixels_of_the_video() -> None:
    boxes = np.array([(4, 6, 16, 20), (30, 20, 44, 36), (56, 40, 64, 48)], np.float64)
    grid = grid_target(boxes, [0, 1, 0.5], *SIZE[::-1], unit=32)
    found = grid_candidates(grid, PLAN, (128, 144))
    order = np.argsort(found.boxes[:, 0])
    np.testing.assert_allclose(found.boxes[order], boxes * [2, 3, 2, 3], atol=1e-4)
    assert found.impact[order].tolist() == [0, 1, 0.5]
    assert found.helmet.tolist() == [1, 1, 1]


def test_a_candidate_is_the_highest_cell_of_nine_above_the_least_score() -> None:
    grid = np.zeros((6, ROWS, COLUMNS), np.float32)
    grid[3:5] = 0.25  # 8 pixels
    grid[0, 5, 5:7] = 0.4, 0.6
    grid[0, 2, 2] = 0.05
    grid[0, 9, 12] = 0.06
    found = grid_candidates(grid, PLAN, SIZE)
    assert found.helmet.tolist() == pytest.approx([0.6, 0.06])
    np.testing.assert_allclose(found.boxes[0], (20, 16, 28, 24))
    assert len(grid_candidates(grid, PLAN, SIZE, min_score=0.5).helmet) == 1


def test_boxes_are_clipped_and_those_without_area_dropped() -> None:
    grid = np.zeros((6, ROWS, COLUMNS), np.float32)
    grid[0, 0, 0] = grid[0, 6, 6] = 0.9
    grid[3:5, 0, 0] = 0.25
    found = grid_candidates(grid, PLAN, SIZE)
    assert found.boxes.tolist() == [[0, 0, 4, 4]]
