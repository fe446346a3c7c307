"""Samples of impact: patches, frames, and clips that change with their boxes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.impact.augment import augment_clip, cut, move_window
from playhead.impact.config import ClipAugmentationConfig
from playhead.impact.data import HelmetVideo, ImpactVideos
from playhead.impact.samples import Sample, TrainingFrames, TrainingPatches, ValidationFrames
from playhead.impact.targets import grid_boxes
from tests.impact.tiny_plays import HEIGHT, PLAIN, SIDE, WIDTH, boxes_of, config, draw, plays


def equal(one: Sample, other: Sample) -> bool:
    return one.keys() == other.keys() and all((one[key] == other[key]).all() for key in one)


def centre(sample: Sample, channel: int = 5) -> NDArray[np.float64]:
    """The mean centre x, y of the boxes whose cells have this channel."""
    boxes = grid_boxes(sample["target"], unit=32)[sample["target"][channel] > 0]
    return np.asarray(boxes.reshape(-1, 2, 2).mean((0, 1)))


def test_the_positives_of_an_impact_are_a_grid_with_it_in_the_central_part() -> None:
    videos = plays(1)
    impact = videos.videos[0].boxes[videos.videos[0].impacts][:1]
    single = HelmetVideo(
        "one", videos.videos[0].grid, videos.videos[0].points, videos.videos[0].boxes,
        np.where((videos.videos[0].boxes == impact).all(1), 0, -1), videos.videos[0].tracks,
    )  # fmt: skip
    samples = TrainingPatches(ImpactVideos(videos.source, (single,)), config())
    x, y = (impact[0, :2] + impact[0, 2:]) / 2
    patches = samples.positives
    assert len(patches) == 16  # the central half of the side in steps of an eighth
    assert (np.abs(patches.left + SIDE / 2 - x) <= SIDE / 4).all()
    assert (np.abs(patches.top + SIDE / 2 - y) <= SIDE / 4).all()
    assert set((patches.left % 4).tolist()) == set((patches.top % 4).tolist()) == {0}


def test_an_impact_at_the_edge_of_the_frame_has_patches_inside_the_frame() -> None:
    videos = plays(1)
    labelled = videos.videos[0]
    edge = labelled.boxes.copy()
    edge[labelled.impacts] = (0, 0, 6, 6)
    corner = replace(labelled, name="edge", boxes=edge)
    samples = TrainingPatches(ImpactVideos(videos.source, (corner,)), config())
    assert {samples.positives[row][2:] for row in range(len(samples.positives))} == {(0, 0)}


@pytest.mark.parametrize("clear", [0, 2])
def test_no_box_of_an_impact_touches_a_negative_patch(clear: int) -> None:
    videos = plays(2)
    samples = TrainingPatches(videos, config(patches={"side": SIDE, "clear_frames": clear}))
    seen = set()
    for row in range(len(samples.negatives)):
        video, point, left, top = samples.negatives[row]
        seen.add((video, point, left, top))
        labelled = videos.videos[video]
        near = labelled.impacts & (np.abs(labelled.points - point) <= clear)
        x1, y1, x2, y2 = labelled.boxes[near].T
        apart = (x2 <= left) | (x1 >= left + SIDE) | (y2 <= top) | (y1 >= top + SIDE)
        assert apart.all()
    # In a frame without an impact, all patches of the grid of half a side.
    grid = {(0, 0, x, y) for x in range(0, 65, 16) for y in (0, 16, 32)}
    assert grid <= seen
    assert len(seen) == len(samples.negatives)


def test_an_epoch_has_all_positives_and_twice_as_many_negatives() -> None:
    samples = TrainingPatches(plays(2), config())
    rows = samples._rows(1)
    count = len(samples.positives)
    assert len(rows) == len(samples) == 3 * count
    assert sorted(rows[rows < count].tolist()) == list(range(count))
    assert len(set(rows.tolist())) == len(rows)
    assert (samples._rows(2) != rows).any()


def test_hard_negatives_come_first_and_random_ones_fill_up() -> None:
    samples = TrainingPatches(plays(2), config(), mine=lambda *_: np.array([7, 3], np.int64))
    count, model = len(samples.positives), torch.nn.Identity()
    assert not len(samples.begin_epoch(model, 1)["hard"])  # from the second epoch on
    state = samples.begin_epoch(model, 2)
    rows = samples._rows(2)
    assert {7 + count, 3 + count} <= set(rows.tolist())
    assert len(set(rows.tolist())) == len(rows) == len(samples)
    other = TrainingPatches(plays(2), config())
    other.resume_epoch(2, state)
    assert equal(other.sample(2, 5), samples.sample(2, 5))
    assert (other._rows(2) == rows).all()


def test_more_hard_negatives_than_needed_are_cut_to_the_hardest() -> None:
    many = TrainingPatches(plays(1), config())
    count = len(many.negatives)
    hardest = np.arange(count, dtype=np.int64)[::-1]
    samples = TrainingPatches(plays(1), config(), mine=lambda *_: hardest)
    kept = samples.begin_epoch(torch.nn.Identity(), 2)["hard"].numpy()
    assert (kept == hardest[: samples.drawn]).all()
    assert len(samples._rows(2)) == len(samples)


def test_a_sample_depends_only_on_seed_epoch_and_index() -> None:
    strong = {"augmentation": {"focus": 1, "light": 1, "move": 1, "median": 3}}
    samples, again = (TrainingPatches(plays(2), config(**strong)) for _ in range(2))
    later = samples.sample(2, 3)
    assert not equal(samples.sample(1, 3), later)
    assert equal(again.sample(2, 3), later)
    seeded = TrainingPatches(plays(2), config(**strong, training={"seed": 1}))
    assert not equal(seeded.sample(2, 3), later)


@pytest.mark.parametrize("jitter", [0, 7])
def test_a_patch_shows_its_boxes_where_its_target_says(jitter: int) -> None:
    """Also flipped, shifted and scaled: the bright squares lie under the boxes."""
    moves = {"augmentation": {**PLAIN, "flip": 0.5, "move": 1.0}}
    samples = TrainingPatches(plays(2), config(**moves, patches={"side": SIDE, "jitter": jitter}))
    checked = 0
    for index in range(len(samples)):
        sample = samples.sample(1, index)
        assert sample["clip"].shape == (4, SIDE, SIDE)
        assert sample["clip"].dtype == np.uint8
        assert sample["target"].shape == (6, 8, 8)
        assert sample["target"].dtype == np.float32
        marked = sample["clip"][2].astype(float)
        boxes = grid_boxes(sample["target"], unit=32)[sample["target"][0] > 0]
        if len(boxes) != 2 or boxes.min() < 1 or boxes.max() > SIDE - 1:
            continue
        bright = np.argwhere(marked > 150)
        found = bright.mean(0)[::-1] + 0.5  # pixel centres
        # Squares are drawn at whole pixels, half a pixel from their boxes at most.
        assert np.abs(found - centre(sample, 0)).max() < 0.8
        checked += 1
    assert checked > 20


def test_patches_around_helmets_hold_one_each_in_an_impact_or_not() -> None:
    videos = plays(2)
    patches = {"side": SIDE, "around": "helmets", "negatives_per_positive": 1}
    samples = TrainingPatches(videos, config(augmentation=PLAIN, patches=patches))
    for rows, in_impact in ((samples.positives, True), (samples.negatives, False)):
        usable = [
            np.isin(v.points, np.flatnonzero(u))
            for v, u in zip(videos.videos, samples.usable, strict=True)
        ]
        counts = [
            (v.impacts[u] == in_impact).sum() for v, u in zip(videos.videos, usable, strict=True)
        ]
        assert len(rows) == sum(counts) > 0
        for row in range(len(rows)):
            video, point, left, top = rows[row]
            labelled = videos.videos[video]
            boxes = labelled.boxes[(labelled.points == point) & (labelled.impacts == in_impact)]
            x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
            edge = np.array([left in (0, WIDTH - SIDE), top in (0, HEIGHT - SIDE)])
            apart = np.abs(np.stack([x - left, y - top], 1) - SIDE / 2)
            assert ((apart <= 0.5) | edge).all(1).any()
    shown = [samples.sample(1, index)["target"][5].any() for index in range(len(samples))]
    assert sum(shown) >= len(samples.positives)


def test_jitter_gives_a_patch_another_place_in_every_epoch() -> None:
    def places(jitter: int) -> set[bytes]:
        patches = {"side": SIDE, "positive_step": 16, "negatives_per_positive": 0, "jitter": jitter}
        samples = TrainingPatches(plays(1), config(augmentation=PLAIN, patches=patches))
        return {samples.sample(epoch, 0)["clip"].tobytes() for epoch in range(30)}

    assert len(places(0)) <= len(places(7)) / 3


CHUNKS = {
    "network": {"frames": 4, "before": 2, "marker": False, "box_unit": 32},
    "patches": {"side": SIDE, "windows": 3},
    "augmentation": PLAIN,
}


def test_a_patch_of_several_windows_has_the_grid_of_each_frame() -> None:
    videos = plays(2)
    samples = TrainingPatches(videos, config(**CHUNKS))
    frames = set()
    for index in range(len(samples)):
        sample = samples.sample(1, index)
        assert sample["clip"].shape == (6, SIDE, SIDE)
        assert sample["target"].shape == (3, 6, 8, 8)
        in_impact = sample["target"][:, 5].any((1, 2))
        frames.add(tuple(in_impact.tolist()))
        for k, grid in enumerate(sample["target"]):
            # The bright squares of the frame that window k describes lie under its boxes.
            boxes = grid_boxes(grid, unit=32)[grid[0] > 0]
            if len(boxes) == 2 and boxes.min() >= 1 and boxes.max() <= SIDE - 1:
                bright = np.argwhere(sample["clip"][2 + k].astype(float) > 150)
                middle = boxes.reshape(-1, 2, 2).mean((0, 1))
                assert np.abs(bright.mean(0)[::-1] + 0.5 - middle).max() < 0.8
    # An impact is at the first, the middle or the last frame of a patch, or not in it.
    assert frames == {
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False,) * 3,
    }


def test_frames_that_cannot_be_decoded_are_left_out() -> None:
    meeting, other = (boxes_of(play)[1] for play in range(2))
    damaged = meeting + 1  # seen by the clip of the first play's impact, not by that of the other's
    assert not other - 2 <= damaged <= other + 1
    samples = TrainingPatches(plays(2, damaged=(damaged,)), config())
    assert set(samples.positives.video.tolist()) == {1}
    for index in range(len(samples)):
        samples.sample(1, index)
    with pytest.raises(LabelError, match="cannot be decoded"):
        TrainingPatches(plays(1, damaged=(meeting,)), config())


def test_whole_frames_are_all_with_an_impact_and_a_share_of_the_others() -> None:
    samples = TrainingFrames(plays(2), config(frames={"others": 0.5}))
    assert len(samples) == 2 + 23
    drawn = [samples.sample(1, index) for index in range(len(samples))]
    assert sum(bool(sample["target"][5].any()) for sample in drawn) == 2
    assert {sample["target"].shape for sample in drawn} == {(6, 16, 24)}
    assert len({sample["clip"].tobytes() for sample in drawn}) == len(drawn)


def test_validation_frames_are_the_same_in_every_epoch_and_half_of_them_have_an_impact() -> None:
    strong = {"augmentation": {"focus": 1, "light": 1, "move": 1}}
    samples = ValidationFrames(plays(2), config(**strong, frames={"validation": 4}))
    assert len(samples) == 4
    assert all(equal(samples.sample(1, index), samples.sample(9, index)) for index in range(4))
    assert [bool(samples.sample(1, at)["target"][5].any()) for at in range(4)] == [1, 1, 0, 0]


def test_a_cut_at_whole_pixels_copies_and_beyond_the_edge_repeats() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (2, 10, 12), np.uint8)
    boxes = np.array([[3, 4, 6, 8]], np.float32)
    copied, moved = cut(clip, boxes, (2, 3, 8, 9), (6, 6))
    assert (copied == clip[:, 3:9, 2:8]).all()
    assert moved.tolist() == [[1, 1, 4, 5]]
    beyond, moved = cut(clip, boxes, (-2, -1, 4, 5), (6, 6))
    padded = np.pad(clip, ((0, 0), (1, 0), (2, 0)), "edge")
    assert (beyond == padded[:, :6, :6]).all()
    assert moved.tolist() == [[5, 5, 8, 9]]


@pytest.mark.parametrize("colour", [False, True])
def test_a_scaled_cut_scales_a_square_with_its_box(colour: bool) -> None:
    clip = np.zeros((1, 40, 40), np.uint8)
    clip[:, 10:20, 12:24] = 200
    clip = np.stack([clip] * 3, -1) if colour else clip
    scaled, boxes = cut(clip, np.array([[12, 10, 24, 20]], np.float32), (8, 4, 28, 24), (40, 40))
    plane = scaled[0, ..., 0] if colour else scaled[0]
    rows, columns = np.nonzero(plane > 100)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes[0].tolist() == [8, 12, 32, 32] == edges


def test_a_window_keeps_its_shape_and_moves_by_at_most_the_configured_part() -> None:
    rng, settings = np.random.default_rng(0), ClipAugmentationConfig(move=1, shift=0.2, scale=0.3)
    for _ in range(50):
        x1, y1, x2, y2 = move_window((10, 20, 42, 52), settings, rng)
        assert x2 - x1 == pytest.approx(y2 - y1)
        assert 32 / 1.3 <= x2 - x1 <= 32 / 0.7
        assert abs((x1 + x2) / 2 - 26) <= 6.4
        assert abs((y1 + y2) / 2 - 36) <= 6.4


@pytest.mark.parametrize("colour", [False, True])
def test_a_flip_mirrors_clip_and_boxes(colour: bool) -> None:
    shape = (2, 6, 8, 3) if colour else (2, 6, 8)
    clip = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    boxes = np.array([[1, 2, 4, 5]], np.float32)
    settings = ClipAugmentationConfig(flip=1, light=0, focus=0)
    flipped, mirrored = augment_clip(clip, boxes, settings, np.random.default_rng(0))
    assert (flipped == clip[:, :, ::-1]).all()
    assert mirrored.tolist() == [[4, 2, 7, 5]]
    assert boxes.tolist() == [[1, 2, 4, 5]]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("change", ["light", "focus"])
def test_light_and_focus_change_all_frames_alike_and_never_boxes(change: str, colour: bool) -> None:
    frame = draw(boxes_of(0)[0])[0]
    clip = np.stack([frame if colour else frame[..., 0]] * 3)
    boxes = np.array([[1, 2, 4, 5]], np.float32)
    settings = ClipAugmentationConfig(**{**PLAIN, change: 1, "noise": (0.01, 0.011)})
    changed = 0
    for seed in range(24):
        result, same = augment_clip(clip, boxes, settings, np.random.default_rng(seed))
        assert result.shape == clip.shape
        assert result.dtype == np.uint8
        assert same is boxes
        assert (result == result[:1]).all()
        changed += bool((result != clip).any())
    assert changed > 15 if change == "light" else changed > 8
