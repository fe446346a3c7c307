"""Cached and decoded frames are the right ones, whole or not at all, and damage is never shown."""

import multiprocessing
import os
import pickle
import shutil
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from playhead.errors import DamagedError, LabelError, MediaError, StorageError
from playhead.events.model import Event
from playhead.media.video import open_video
from playhead.samples import cache
from playhead.samples.augmentation import AugmentationConfig
from playhead.samples.cache import CachedFrames, DecodedFrames, estimate_cache
from playhead.samples.dataset import LabelledVideos, TrainingWindows, ValidationWindows
from playhead.samples.grid import make_grid
from playhead.samples.loader import batches
from playhead.samples.sampling import SamplingConfig, ShiftConfig
from playhead.samples.transforms import Augmentation
from playhead.samples.views import PairedFrames, ViewPair, partner_frames
from playhead.samples.windows import NearEvents, WindowSpec

SIZE = (32, 16)


def grey_of(frame):
    return 20 + 2 * (frame % 100)


def write_video(path, frames=60, rate=25, group=10):
    """H.264 whose every frame is one grey that tells its number; independent groups of 10."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {
            "crf": "1",
            "x264-params": f"keyint={group}:min-keyint={group}:scenecut=0:open-gop=0:threads=1",
        }
        rng = np.random.default_rng(
            0
        )  # texture: packets large enough to be damaged in their middle
        texture = rng.integers(-15, 16, (48, 64))
        for number in range(frames):
            luma = (grey_of(number) + texture).astype(np.uint8)
            planes = np.concatenate([luma.ravel(), np.full(64 * 48 // 2, 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes.reshape(-1, 64), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def damage(path, key_frame):
    """Overwrite the middle of one packet."""
    with av.open(str(path)) as container:
        packets = [(p.pts, p.pos, p.size) for p in container.demux(video=0) if p.size]
    _, position, size = sorted(packets)[key_frame]
    data = bytearray(path.read_bytes())
    data[position + 6 : position + size] = bytes(size - 6)
    path.write_bytes(data)
    return path


def numbers(images):
    return np.rint((images.mean(axis=(1, 2)) - 20) / 2).astype(int).tolist()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "Spiel größe 1.mp4")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    return damage(write_video(tmp_path_factory.mktemp("videos") / "broken.mp4", 90), 40)


def files_in(folder):
    return sorted((folder / "frames").iterdir())


def test_every_cached_frame_is_the_right_one(good, tmp_path):
    frames = CachedFrames.build([good], SIZE, folder=tmp_path)
    assert len(frames) == 1
    assert frames.readable(0).tolist() == [True] * 60
    wanted = np.array([0, 59, 30, 30, 7, 8, 9])
    images = frames.read(0, wanted)
    assert (images.dtype, images.shape) == (np.uint8, (7, 16, 32))
    assert numbers(images) == wanted.tolist()
    assert numbers(frames.read(0, np.arange(60))) == list(range(60))


def test_decoded_frames_equal_cached_ones_bit_for_bit(good, broken, tmp_path):
    cached = CachedFrames.build([good, broken], SIZE, folder=tmp_path)
    decoded = DecodedFrames([good, broken], SIZE, keep=1, folder=tmp_path)
    rng = np.random.default_rng(0)
    for _ in range(10):
        for video in (0, 1):
            readable = np.flatnonzero(cached.readable(video))
            assert readable.tolist() == np.flatnonzero(decoded.readable(video)).tolist()
            wanted = rng.choice(readable, 5)
            np.testing.assert_array_equal(cached.read(video, wanted), decoded.read(video, wanted))


def test_a_built_cache_is_used_without_the_decoder(good, tmp_path, monkeypatch):
    CachedFrames.build([good], SIZE, folder=tmp_path)
    monkeypatch.setattr(cache, "open_video", lambda *_, **__: pytest.fail("decoded again"))
    assert numbers(CachedFrames.build([good], SIZE, folder=tmp_path).read(0, np.array([3]))) == [3]


def test_a_changed_video_is_decoded_again_and_its_old_cache_removed(good, tmp_path):
    video = tmp_path / "video.mp4"
    shutil.copy(good, video)
    CachedFrames.build([video, good], SIZE, folder=tmp_path)
    before = files_in(tmp_path)
    write_video(video, 30)
    frames = CachedFrames.build([video, good], SIZE, folder=tmp_path)
    assert len(frames.readable(0)) == 30
    assert len(files_in(tmp_path)) == 2
    assert len(set(files_in(tmp_path)) & set(before)) == 1


def test_sizes_do_not_share_a_cache(good, tmp_path):
    small = CachedFrames.build([good], (8, 6), folder=tmp_path)
    large = CachedFrames.build([good], SIZE, folder=tmp_path)
    assert small.read(0, np.array([5])).shape == (1, 6, 8)
    assert large.read(0, np.array([5])).shape == (1, 16, 32)


def test_stretched_and_letterboxed_frames_do_not_share_a_cache(good, tmp_path):
    wide = (32, 8)  # of a video of 64x48: 11x8 in the middle
    stretched = CachedFrames.build([good], wide, folder=tmp_path).read(0, np.array([50]))
    cached = CachedFrames.build([good], wide, fit="letterbox", folder=tmp_path)
    decoded = DecodedFrames([good], wide, fit="letterbox", folder=tmp_path)
    (boxed,) = cached.read(0, np.array([50]))
    np.testing.assert_array_equal(boxed, decoded.read(0, np.array([50]))[0])
    assert (stretched > 100).all()
    assert np.flatnonzero((boxed > 100).all(axis=0)).tolist() == list(range(10, 21))


def test_unreadable_frames_are_marked_and_never_given_out(broken, tmp_path):
    frames = CachedFrames.build([broken], SIZE, folder=tmp_path)
    readable = frames.readable(0)
    assert not readable[40]
    assert readable[:30].all()  # groups of images before and after are whole
    assert readable[50:].all()
    assert numbers(frames.read(0, np.flatnonzero(readable))) == np.flatnonzero(readable).tolist()
    with pytest.raises(DamagedError, match=r"broken.mp4: frame 40 cannot be decoded"):
        frames.read(0, np.array([1, 40]))


def test_frames_that_do_not_exist_are_refused(good, tmp_path):
    frames = CachedFrames.build([good], SIZE, folder=tmp_path)
    for wanted in ([60], [-1], [5, 1000]):
        with pytest.raises(MediaError, match="it has 0 to 59"):
            frames.read(0, np.array(wanted))


def test_the_estimate_is_the_size_of_the_files_to_the_byte(good, broken, tmp_path):
    estimate = estimate_cache([good, broken, good], SIZE, folder=tmp_path)
    assert (estimate.videos, estimate.frames) == (2, 150)
    CachedFrames.build([good, broken], SIZE, folder=tmp_path)
    assert sum(file.stat().st_size for file in files_in(tmp_path)) == estimate.needed
    assert estimate_cache([good, broken], SIZE, folder=tmp_path).needed == 0


def test_a_cache_larger_than_the_free_disk_is_refused_before_decoding(good, tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 5000, 5000)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("decoded"))
    with pytest.raises(StorageError, match="PLAYHEAD_CACHE"):
        CachedFrames.build([good], SIZE, folder=tmp_path)


def test_an_interrupted_build_leaves_nothing_that_could_be_used(good, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "_write_pixels", stop)
    with pytest.raises(KeyboardInterrupt):
        CachedFrames.build([good], SIZE, folder=tmp_path)
    assert files_in(tmp_path) == []


def test_a_shortened_cache_file_is_refused(good, tmp_path):
    frames = CachedFrames.build([good], SIZE, folder=tmp_path)
    (file,) = files_in(tmp_path)
    os.truncate(file, file.stat().st_size - 100)
    with pytest.raises(StorageError, match="delete it"):
        CachedFrames(frames.files, frames.names, SIZE).readable(0)


def test_a_cache_folder_that_cannot_be_made_is_one_clear_error(good, tmp_path):
    (tmp_path / "frames").write_text("in the way")
    with pytest.raises(StorageError, match="PLAYHEAD_CACHE"):
        CachedFrames.build([good], SIZE, folder=tmp_path)


def test_a_missing_video_is_refused_by_name(tmp_path):
    with pytest.raises(MediaError, match=r"none.mp4: cannot be read"):
        CachedFrames.build([tmp_path / "none.mp4"], SIZE, folder=tmp_path)


def test_few_decoders_stay_open_and_pickles_hold_none(good, broken, tmp_path):
    decoded = DecodedFrames([good, broken, good], SIZE, keep=2, folder=tmp_path)
    for video in (0, 1, 2, 0, 2, 1):
        assert numbers(decoded.read(video, np.array([5]))) == [5]
    assert len(decoded._open.opened) == 2
    copy = pickle.loads(pickle.dumps(decoded))
    assert not copy._open.opened
    assert numbers(copy.read(1, np.array([7]))) == [7]


def test_a_forked_process_opens_its_own_decoder(good, tmp_path):
    decoded = DecodedFrames([good], SIZE, folder=tmp_path)
    decoded.read(0, np.array([5]))
    parent, (ours, theirs) = decoded._open.opened[0], multiprocessing.Pipe()

    def child():
        images = decoded.read(0, np.array([9]))
        theirs.send((numbers(images), decoded._open.opened[0] is parent))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert ours.recv() == ([9], False)
    process.join()
    assert numbers(decoded.read(0, np.array([6]))) == [6]


def labelled(source, videos, *events):
    grids = []
    for path in videos:
        with open_video(path) as video:
            grids.append(make_grid(video.times, video.duration, Fraction(25)))
    window = WindowSpec(frames=5, step=2, stack=1)
    return LabelledVideos(source, tuple(grids), events, window, NearEvents(("pass", "drive")))


@pytest.fixture
def two_videos(good, broken, tmp_path):
    source = CachedFrames.build([good, broken], SIZE, folder=tmp_path)
    events = ((Event(label="pass", start=1.0),), (Event(label="drive", start=2.8),))
    return labelled(source, [good, broken], *events)


def windows(videos, **settings):
    choice = {"length": 40, "seed": 3, "sampling": SamplingConfig(), "shift": ShiftConfig()}
    return TrainingWindows(videos, **(choice | settings))


def test_a_training_window_shows_its_middle_and_neighbours_with_the_targets_of_its_middle(
    two_videos,
):
    samples = windows(two_videos, shift=ShiftConfig(probability=0))
    positive = 0
    for index in range(len(samples)):
        sample = samples.sample(1, index)
        shown = numbers(sample["frames"])
        middle = shown[2]
        assert all(abs(b - a) in (0, 1, 2) for a, b in pairwise(shown))
        near = {0: abs(middle - 25) <= 7, 1: abs(middle - 70) <= 7}
        labels = np.flatnonzero(sample["target"]).tolist()
        assert all(near[label] for label in labels)
        positive += len(labels)
    assert positive >= 10


def test_a_training_window_is_a_function_of_seed_epoch_and_index(two_videos):
    samples = windows(two_videos, transform=Augmentation(AugmentationConfig()))
    again = windows(two_videos, transform=Augmentation(AugmentationConfig()))
    other = windows(two_videos, transform=Augmentation(AugmentationConfig()), seed=4)
    luma = samples.sample(2, 5)["frames"]
    np.testing.assert_array_equal(luma, again.sample(2, 5)["frames"])
    assert not np.array_equal(luma, samples.sample(3, 5)["frames"])
    assert not np.array_equal(luma, samples.sample(2, 6)["frames"])
    assert not np.array_equal(luma, other.sample(2, 5)["frames"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cached", "decoded"])
def test_workers_make_the_same_batches_from_files(good, broken, tmp_path, kind):
    source = {
        "cached": lambda: CachedFrames.build([good, broken], SIZE, folder=tmp_path),
        "decoded": lambda: DecodedFrames([good, broken], SIZE, folder=tmp_path),
    }[kind]()
    events = ((Event(label="pass", start=1.0),), (Event(label="drive", start=2.8),))
    samples = windows(
        labelled(source, [good, broken], *events),
        transform=Augmentation(AugmentationConfig()),
    )
    settings = {"batch_size": 8, "seed": 3, "epoch": 1}
    alone = list(batches(samples, **settings))
    shared = list(batches(samples, **settings, workers=2))
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one["frames"], other["frames"])
        np.testing.assert_array_equal(one["target"], other["target"])


def test_validation_windows_are_the_actions_and_midpoints_that_can_be_read(good, broken, tmp_path):
    source = CachedFrames.build([good, broken], SIZE, folder=tmp_path)
    events = (
        (Event(label="pass", start=0.4), Event(label="drive", start=2.0)),
        (Event(label="pass", start=1.6), Event(label="drive", start=2.8)),
    )
    samples = ValidationWindows(labelled(source, [good, broken], *events))
    first = [point for video, point in samples.middles if video == 0]
    second = [point for video, point in samples.middles if video == 1]
    assert first == [10, 30, 50]
    assert 40 not in second  # the window of that action touches frame 40
    assert second[-1] == 70
    targets = [samples.sample(1, index)["target"].tolist() for index in range(3)]
    assert targets == [[1, 0], [0, 0], [0, 1]]
    assert numbers(samples.sample(1, 1)["frames"]) == [26, 28, 30, 32, 34]


def test_videos_without_a_window_that_can_be_read_cannot_validate(broken, tmp_path):
    source = CachedFrames.build([broken], SIZE, folder=tmp_path)
    unseen = labelled(source, [broken], (Event(label="pass", start=1.6),))
    with pytest.raises(LabelError, match="nothing to validate on"):
        ValidationWindows(unseen)


def test_colour_frames_are_those_of_the_video_cached_or_decoded(good, tmp_path):
    with open_video(good) as video:
        expected = video.read([3, 30, 4], pixels="rgb", size=SIZE)
    wanted = np.array([3, 30, 4])
    cached = CachedFrames.build([good], SIZE, pixels="rgb", folder=tmp_path)
    decoded = DecodedFrames([good], SIZE, pixels="rgb", folder=tmp_path)
    np.testing.assert_array_equal(cached.read(0, wanted), expected)
    np.testing.assert_array_equal(decoded.read(0, wanted), expected)
    # The luma of the same video at the same size is another file.
    assert CachedFrames.build([good], SIZE, folder=tmp_path).read(0, wanted).shape == (3, 16, 32)


def test_a_window_s_target_is_what_the_function_of_the_job_gives(good, tmp_path):
    source = CachedFrames.build([good], SIZE, folder=tmp_path)
    with open_video(good) as video:
        grid = make_grid(video.times, video.duration, Fraction(25))

    def seconds_to_the_event(grid, events):
        return (grid.times - events[0].start).astype(np.float32)[:, None]

    events = ((Event(label="pass", start=1.0),),)
    window = WindowSpec(frames=5, step=2, stack=1)
    videos = LabelledVideos(source, (grid,), events, window, seconds_to_the_event)
    samples = windows(videos, shift=ShiftConfig(probability=0))
    for index in range(10):
        sample = samples.sample(1, index)
        middle = numbers(sample["frames"])[2]
        assert sample["target"] == pytest.approx([middle / 25 - 1.0])


def test_a_pair_of_views_shows_the_same_moments_of_both(good, tmp_path):
    slow = write_video(tmp_path / "slow.mp4", frames=40, rate=Fraction(25, 2))
    source = CachedFrames.build([good, slow], SIZE, folder=tmp_path)
    times = []
    for path in (good, slow):
        with open_video(path) as video:
            times.append(video.times)
    partner = partner_frames(times[0], times[1], offset=-0.4)  # the second began .4 s later
    pairs = PairedFrames(source, [ViewPair(0, 1, partner)])
    shown = pairs.read(0, np.array([0, 10, 11, 12]))
    assert shown.shape == (2, 4, 16, 32)
    assert numbers(shown[0]) == [0, 10, 11, 12]
    assert numbers(shown[1]) == [5, 10, 10, 11]  # (k / 25 + .4) * 12.5, ties the earlier


def test_a_pair_is_readable_where_both_views_are(good, broken, tmp_path):
    source = CachedFrames.build([good, broken], SIZE, folder=tmp_path)
    seen = source.readable(1)
    partner = np.arange(60, dtype=np.int32)
    pairs = PairedFrames(source, [ViewPair(0, 1, partner)])
    assert pairs.readable(0).tolist() == seen[partner].tolist()
    assert not pairs.readable(0).all()
