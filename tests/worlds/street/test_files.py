"""What the world street leaves on disk: videos or images, their truth and a manifest that agree."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from playhead.errors import ConfigError
from playhead.events.formats.tracks import by_frame, read_tracks
from playhead.events.manifest import read_manifest
from playhead.media import open_video
from playhead.worlds import generate, processes, redraw
from playhead.worlds.street import LABELS, StreetConfig, draw_scene, generate_street, render

pytestmark = pytest.mark.slow

SETTINGS = ("seconds=1", "width=320", "height=192", "rate=10", "people=4", "cars=2")
CONFIG = StreetConfig(seconds=1, width=320, height=192, rate="10", people=4, cars=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, written by two processes."""
    out = tmp_path_factory.mktemp("street")
    settings = (*SETTINGS, "train=0.5", "valid=0.5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "DEFAULT_PROCESSES", 2)
        return generate("street", out, count=2, seed=3, settings=settings)


def test_tracks_hold_the_boxes_of_every_frame_of_their_video(world: Path) -> None:
    for number, row in enumerate(read_manifest(world)):
        assert row.labels is not None
        truth = read_tracks(row.labels)
        assert (truth.video, truth.frames) == (row.video.name, 10)
        assert (truth.width, truth.height) == (320, 192)
        assert truth.classes == LABELS == ("car", "plate", "person", "head", "face")
        boxes_of = by_frame(truth)
        for frame, (_, seen) in enumerate(render(draw_scene(3, number, CONFIG))):
            told = {(truth.tracks[index].label, box) for index, box in boxes_of(frame)}
            assert told == {(one.label, one.box) for one in seen}


def test_a_video_shows_the_images_that_were_drawn(world: Path) -> None:
    row = read_manifest(world)[0]
    with open_video(row.video) as video:
        assert video.frames == 10
        assert video.rate == 10
        shown = video.read(range(10)).astype(int)
    for frame, (image, _) in enumerate(render(draw_scene(3, 0, CONFIG))):
        assert np.abs(shown[frame] - image).mean() < 6


def test_one_process_or_two_and_any_count_write_the_same_scenes(
    world: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"train": 0.5, "valid": 0.5})
    generate_street(tmp_path, count=1, seed=3, config=config, processes=1)
    assert decoded(tmp_path / "street-000.mp4") == decoded(world.parent / "street-000.mp4")
    name = "street-000.tracks.npz"
    mine, theirs = (read_tracks(folder / name) for folder in (tmp_path, world.parent))
    assert [track.id for track in mine.tracks] == [track.id for track in theirs.tracks]
    for one, other in zip(mine.tracks, theirs.tracks, strict=True):
        assert np.array_equal(one.boxes, other.boxes)


def decoded(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


def test_images_come_with_a_line_a_box_in_parts_of_the_image(tmp_path: Path) -> None:
    settings = ("kind=images", *SETTINGS[1:])
    manifest = generate("street", tmp_path, count=3, seed=5, settings=settings)
    assert (tmp_path / "classes.txt").read_text().split() == list(LABELS)
    lines = 0
    config = CONFIG.model_copy(update={"kind": "images"})
    for number, row in enumerate(read_manifest(manifest)):
        assert row.video == tmp_path / "images" / f"street-{number:06d}.jpg"
        assert row.labels == tmp_path / "labels" / f"street-{number:06d}.txt"
        with Image.open(row.video) as image:
            assert image.size == (320, 192)
        ((_, seen),) = render(draw_scene(5, number, config))
        told = [parsed(line) for line in row.labels.read_text().splitlines()]
        assert len(told) == len(seen)
        for (label, box), one in zip(told, seen, strict=True):
            assert label == one.label
            np.testing.assert_allclose(box, one.box, atol=0.01)
        lines += len(told)
    assert lines > 10


def parsed(line: str) -> tuple[str, list[float]]:
    number, x, y, w, h = line.split()
    wide, high = float(w) * 320, float(h) * 192
    left, top = float(x) * 320 - wide / 2, float(y) * 192 - high / 2
    return LABELS[int(number)], [left, top, left + wide, top + high]


def test_another_seed_or_number_is_another_scene() -> None:
    first = draw_scene(1, 0, CONFIG).plan
    assert first.camera != draw_scene(2, 0, CONFIG).plan.camera
    assert first.camera != draw_scene(1, 1, CONFIG).plan.camera


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("kind=photos",), "kind"),
        (("rate=fast",), "needs frames a second"),
        (("width=321",), "multiple of 2"),
        (("smallest_face=50", "largest_face=20"), "above largest_face"),
        (("peopel=3",), "did you mean people"),
        (("train=0.9", "valid=0.2"), "more than 1"),
    ],
)
def test_a_wrong_street_is_refused(settings: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        generate("street", tmp_path, count=1, settings=settings)
    assert not list(tmp_path.iterdir())


def test_a_street_is_not_drawn_again_at_another_size() -> None:
    with pytest.raises(ConfigError, match="only football"):
        redraw("street", "street-000", [0.0], seed=0, settings=(), size=(64, 36))


@pytest.mark.weights
def test_a_real_network_finds_the_drawn_faces(packaged_weights: Callable[[str], Path]) -> None:
    """At least nine in ten of those that look at the camera, whole and 20 pixels high or more."""
    packaged_weights("centerface")
    from playhead.inference.detectors import open_detector

    detector = open_detector("centerface", threads=1)
    found = wanted = 0
    for number in range(8):
        scene = draw_scene(21, number, StreetConfig(kind="images"))
        ((image, seen),) = render(scene)
        faces = detector.detect([image], threshold=0.3)[0]["face"].boxes
        for one in seen:
            if one.label == "face" and one.share > 0.85 and one.box[3] - one.box[1] >= 20:
                wanted += 1
                found += any(overlap(one.box, face.tolist()) > 0.3 for face in faces)
    assert wanted >= 10
    assert found >= 0.9 * wanted


def overlap(a: tuple[float, ...], b: list[float]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(wide, 0) * max(high, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (areas - common)
