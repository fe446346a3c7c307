"""What a world leaves on disk: videos, sound, labels and a manifest that agree."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import ConfigError
from playhead.events.formats import native
from playhead.events.manifest import read_manifest
from playhead.worlds import generate, processes
from playhead.worlds.football import CLASSES, FootballConfig, draw_match, generate_football
from playhead.worlds.football.sound import RATE, crowd_sound

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four matches, written by two processes."""
    out = tmp_path_factory.mktemp("world")
    settings = ("seconds=12", "train=0.5", "valid=0.25")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "DEFAULT_PROCESSES", 2)
        return generate("football", out, count=4, seed=3, settings=settings)


def presented(path: Path) -> list[Fraction]:
    """The times of all frames, from the decoder alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return sorted(frame.pts * frame.time_base for frame in frames)


def test_a_file_decodes_to_the_promised_frames(world: Path) -> None:
    for row in read_manifest(world):
        assert presented(row.video) == [Fraction(number, 25) for number in range(300)]


def test_a_file_has_sound_as_long_as_its_images(world: Path) -> None:
    with av.open(str(read_manifest(world)[0].video)) as container:
        assert container.streams.audio[0].rate == RATE
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert abs(samples.shape[1] / RATE - 12) < 0.3
    assert 0.005 < np.sqrt(np.mean(samples**2)) < 0.5


def test_labels_name_their_video_and_lie_inside_it(world: Path) -> None:
    for row in read_manifest(world):
        assert row.labels is not None
        labels = native.read(row.labels)
        assert labels.video == row.video.name
        assert labels.classes == CLASSES == ("pass", "drive")
        assert labels.events
        for event in labels.events:
            assert event.frame is not None
            assert event.frame < 300
            assert event.start == event.frame / 25


def test_a_manifest_groups_by_match_and_splits_as_asked(world: Path) -> None:
    rows = read_manifest(world)
    assert [row.group for row in rows] == [f"match-{number:03d}" for number in range(4)]
    assert [row.split for row in rows] == ["train", "train", "valid", "test"]


def test_one_process_or_two_write_the_same_world(world: Path, tmp_path: Path) -> None:
    """And a match does not depend on how many others there are."""
    config = FootballConfig(seconds=12, train=0.5, valid=0.25)
    generate_football(tmp_path, count=2, seed=3, config=config, processes=1)
    for number in range(2):
        name = f"match-{number:03d}.events.json"
        assert (tmp_path / name).read_bytes() == (world.parent / name).read_bytes()
        video = f"match-{number:03d}.mp4"
        assert decoded(tmp_path / video) == decoded(world.parent / video)


def decoded(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


def test_another_seed_is_another_match() -> None:
    config = FootballConfig(seconds=30)
    assert draw_match(1, 0, config).events != draw_match(2, 0, config).events
    assert draw_match(1, 0, config).events != draw_match(1, 1, config).events


def test_at_a_variable_rate_events_lie_at_the_exact_frame(tmp_path: Path) -> None:
    config = FootballConfig(seconds=12, variable_rate=True, sound=False)
    generate_football(tmp_path, count=1, seed=8, config=config, processes=1)
    times = presented(tmp_path / "match-000.mp4")
    steps = np.diff([float(time) for time in times])
    assert steps.min() < 0.03
    assert steps.max() > 0.05
    events = native.read(tmp_path / "match-000.events.json").events
    assert events
    for event in events:
        assert event.frame is not None
        assert event.start == float(times[event.frame])


def test_the_ball_leaves_the_foot_at_the_labelled_frame_of_a_variable_rate() -> None:
    match = draw_match(8, 0, FootballConfig(seconds=60, variable_rate=True))
    frames = match.seconds
    for event in match.events[:-1]:
        if event.label == "pass":
            state = match.play.at(frames[event.frame - 1 : event.frame + 2])
            before, after = np.hypot(*np.diff(state.ball[:, :2], axis=0).T) / np.diff(
                frames[event.frame - 1 : event.frame + 2]
            )
            assert after > 5.5
            assert after > before


def test_a_world_without_sound_has_none(tmp_path: Path) -> None:
    generate_football(
        tmp_path, count=1, seed=0, config=FootballConfig(seconds=5, sound=False), processes=1
    )
    with av.open(str(tmp_path / "match-000.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("cricket", (), "known are football"),
        ("football", ("secnods=3",), "did you mean seconds"),
        ("football", ("rate=fast",), "needs frames a second"),
        ("football", ("width=111",), "multiple of 2"),
        ("football", ("train=0.9", "valid=0.2"), "more than 1"),
        ("football", ("seconds=1", "crf=99"), "2 mistakes"),
    ],
)
def test_a_wrong_world_is_refused(
    name: str, settings: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        generate(name, tmp_path, count=1, settings=settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (1, -1)])
def test_a_count_below_one_or_a_negative_seed_is_refused(
    count: int, seed: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        generate("football", tmp_path, count=count, seed=seed)


def test_a_crowd_swells_and_a_whistle_is_heard() -> None:
    rng = np.random.default_rng(0)
    sound = crowd_sound(rng, 20, kicks=[], whistles=[10.0], swells=[3.0])
    assert sound.shape == (1, 20 * RATE)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() <= 1

    def power(first: float, last: float, low: float, high: float) -> float:
        part = sound[0, int(first * RATE) : int(last * RATE)]
        spectrum = np.abs(np.fft.rfft(part)) ** 2
        frequency = np.fft.rfftfreq(len(part), 1 / RATE)
        return float(spectrum[(frequency > low) & (frequency < high)].sum() / len(part) ** 2)

    assert power(10, 10.5, 2700, 3000) > 20 * power(15, 15.5, 2700, 3000)
    assert power(3.7, 4.7, 200, 1500) > 2 * power(14, 15, 200, 1500)
