"""What the world gestures leaves on disk: clips, keypoints and an index that agree."""

import csv
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import ConfigError
from playhead.events.formats import native
from playhead.events.formats.keypoints import KeypointFile, read_keypoints
from playhead.events.keypoints import COCO_17
from playhead.events.manifest import read_manifest
from playhead.media import open_video
from playhead.worlds import generate, kept, processes, redraw
from playhead.worlds.gestures import (
    CLASSES,
    GesturesConfig,
    draw_performance,
    generate_gestures,
    render,
)

SETTINGS = ("seconds=0.5", "width=96", "height=72", "rate=10", "takes=1", "train=0.5", "valid=0.5")
CONFIG = GesturesConfig(
    seconds=0.5, width=96, height=72, rate="10", takes=1, train=0.5, valid=0.5
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of two performers, written by one process."""
    out = tmp_path_factory.mktemp("gestures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "DEFAULT_PROCESSES", 1)
        return generate("gestures", out, count=2, seed=3, settings=SETTINGS)


def rows(index: Path) -> list[dict[str, str]]:
    with index.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_index_lists_every_clip_with_class_group_and_split(world: Path) -> None:
    assert world.name == "index.csv"
    listed = rows(world)
    assert list(listed[0]) == ["video", "label", "group", "split"]
    assert len(listed) == 2 * len(CLASSES)
    for row in listed:
        group = re.search(r"_(g\d+)_", row["video"])
        assert group is not None
        assert row["group"] == group[1]
        assert row["video"] == f"{row['label']}/{row['label']}_{row['group']}_t1.mp4"
        assert row["split"] == {"g01": "train", "g02": "valid"}[row["group"]]
    on_disk = {path.relative_to(world.parent).as_posix() for path in world.parent.glob("*/*.mp4")}
    assert {row["video"] for row in listed} == on_disk


def test_the_keypoints_of_a_clip_are_those_of_its_plan(world: Path) -> None:
    performance = draw_performance(3, 1, "squat", 0, CONFIG)
    assert performance.video == "squat_g02_t1.mp4"
    written = read_keypoints(world.parent / "squat" / "squat_g02_t1.keypoints.npz")
    assert_same(written, performance.keypoints)
    assert written.video == performance.video
    assert written.size == (96, 72)
    assert written.skeleton == COCO_17
    assert len(written.chosen) == 1
    assert np.array_equal(written.times, np.arange(5) / 10)


def assert_same(first: KeypointFile, second: KeypointFile) -> None:
    assert first.chosen == second.chosen
    assert [person.track for person in first.people] == [person.track for person in second.people]
    for one, other in zip(first.people, second.people, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.points, other.points)


def test_a_video_shows_the_images_that_were_drawn(world: Path) -> None:
    with open_video(world.parent / "wave" / "wave_g01_t1.mp4") as video:
        assert video.frames == 5
        assert video.rate == 10
        shown = video.read(range(5)).astype(int)
    for frame, image in enumerate(render(draw_performance(3, 0, "wave", 0, CONFIG))):
        assert np.abs(shown[frame] - image).mean() < 8


@pytest.mark.slow
def test_two_processes_and_another_count_write_the_same_clips(world: Path, tmp_path: Path) -> None:
    generate_gestures(tmp_path, count=1, seed=3, config=CONFIG, processes=2)
    for label in ("bow", "clap"):
        name = f"{label}/{label}_g01_t1"
        assert decoded(tmp_path / f"{name}.mp4") == decoded(world.parent / f"{name}.mp4")
        assert_same(
            *(read_keypoints(out / f"{name}.keypoints.npz") for out in (tmp_path, world.parent))
        )


def decoded(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


def test_a_video_of_several_gestures_has_their_spans(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"acts": 4, "seconds": 1.5})
    manifest = generate_gestures(tmp_path, count=1, seed=3, config=config, processes=1)
    (row,) = read_manifest(manifest)
    assert (row.video.name, row.group) == ("acts_g01_t1.mp4", "g01")
    keypoints = read_keypoints(tmp_path / "acts_g01_t1.keypoints.npz")
    assert len(keypoints.times) == 60
    assert row.labels is not None
    truth = native.read(row.labels)
    assert truth.classes == CLASSES
    performer = [event for event in truth.events if event.track == keypoints.chosen[0]]
    assert len(performer) == 4
    for number, event in enumerate(performer):
        assert event.end is not None
        assert 1.5 * number < event.start < event.end < 1.5 * (number + 1)
    for first, second in pairwise(performer):
        assert first.label != second.label
    assert {event.track for event in truth.events} <= {person.track for person in keypoints.people}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("takes=0", "takes"),
        ("bystanders=13", "bystanders"),
        ("seconds=0.1", "seconds"),
        ("width=97", "width"),
        ("rate=fast", "rate"),
        ("people=3", "people"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(setting: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        generate("gestures", tmp_path, count=1, settings=(setting,))
    assert len(str(refused.value).splitlines()) <= 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "refused",
    [
        lambda out: generate("gestures", out, count=0),
        lambda _: redraw("gestures", "wave_g01_t1", [0], seed=0, settings=(), size=(320, 240)),
    ],
)
def test_no_performers_and_another_size_are_refused(
    refused: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        refused(tmp_path)


def test_a_kept_world_is_generated_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(processes, "DEFAULT_PROCESSES", 1)
    world = kept.WorldConfig(name="gestures", count=1, seed=3, settings=(*SETTINGS, "bystanders=0"))
    index = kept.world_manifest(world)
    assert index.name == "index.csv"
    monkeypatch.setattr(kept, "generate", None)
    assert kept.world_manifest(world) == index
