"""Cut-outs moved along known paths: what the truth says is what the pixels of the file show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.cutouts import LEAST_SHARE, MOST_OVERLAP, Cutout, cut, paste_along
from playhead.errors import LabelError, PlayheadError
from playhead.events.formats.tracks import TrackFile, by_frame, read_tracks, write_tracks
from playhead.media import VideoWriter, open_video

SIZE = (320, 192)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven frames, each of one grey of its own, at another size."""
    path = tmp_path_factory.mktemp("clip") / "grey.mp4"
    with VideoWriter(path, 160, 96, 25, crf=4) as writer:
        for level in range(40, 75, 5):
            writer.write(np.full((96, 160, 3), level, np.uint8))
    return path


def block(label: str = "face") -> Cutout:
    """A white box of 60x80 with a hard edge, in an empty rim of 10 pixels."""
    mask = np.zeros((100, 80), np.float32)
    mask[10:90, 10:70] = 1
    return Cutout(np.full((100, 80, 3), 255, np.uint8), mask, (10, 10, 70, 90), label)


def moved(clip: Path, out: Path, seed: int = 3, **wishes: object) -> TrackFile:
    asked = {"seconds": 6.0, "together": 1, "brightness": 0.0, "crf": 6} | wishes
    return paste_along(clip, [block()], out, size=SIZE, seed=seed, **asked)  # type: ignore[arg-type]


def bright(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(image.min(axis=-1) > 150)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


@pytest.mark.slow
def test_a_box_is_where_the_file_shows_the_cutout(clip: Path, tmp_path: Path) -> None:
    truth = moved(clip, tmp_path / "out.mp4")
    boxes_of = by_frame(truth)
    seen = 0
    with open_video(tmp_path / "out.mp4") as video:
        for frame, image in video.stream():
            for _, box in boxes_of(frame):
                np.testing.assert_allclose(bright(image), box, atol=1.5)
                seen += 1
    assert seen > 50


@pytest.mark.slow
def test_the_background_plays_forth_and_back(clip: Path, tmp_path: Path) -> None:
    truth = moved(clip, tmp_path / "out.mp4")
    with open_video(tmp_path / "out.mp4") as video:
        assert video.frames == truth.frames == 150
        assert video.rate == 25
        assert (video.width, video.height) == SIZE
        corner = [float(np.median(image)) for _, image in video.stream(stop=20)]
    wave = [abs(k % 12 - 12 * (k % 12 > 6)) for k in range(20)]
    np.testing.assert_allclose(corner, [40 + 5 * step for step in wave], atol=3)


@pytest.mark.slow
def test_paths_are_smooth_and_sizes_are_as_asked(clip: Path, tmp_path: Path) -> None:
    truth = moved(clip, tmp_path / "out.mp4", together=4, heights=(0.2, 0.3))
    inside = entering = 0
    for track in truth.tracks:
        boxes = track.boxes.astype(float)
        assert np.all(np.diff(track.frames) == 1)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert np.hypot(*np.diff(middle, axis=0).T).max(initial=0) < 15
        free = np.all((boxes > 0) & (boxes < (*SIZE, *SIZE)), axis=1)
        tall = (boxes[free, 3] - boxes[free, 1]) / SIZE[1]
        assert np.all((tall > 0.2 - 1e-3) & (tall < 0.3 + 1e-3))
        inside += len(tall)
        entering += (~free).sum()
    assert inside > 100
    assert entering > 5
    assert len(truth.tracks) > 3


@pytest.mark.slow
def test_cutouts_hardly_cover_each_other(clip: Path, tmp_path: Path) -> None:
    truth = moved(clip, tmp_path / "out.mp4", together=5)
    boxes_of = by_frame(truth)
    most = 0
    for frame in range(truth.frames):
        boxes = [np.array(box) for _, box in boxes_of(frame)]
        most = max(most, len(boxes))
        for number, one in enumerate(boxes):
            for other in boxes[:number]:
                common = np.clip(np.minimum(one, other)[2:] - np.maximum(one, other)[:2], 0, None)
                areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
                # What the image's edge cuts off a box makes the common part a larger share.
                assert np.prod(common) <= MOST_OVERLAP / LEAST_SHARE * min(areas) + 1e-3
    assert 2 <= most <= 5


@pytest.mark.slow
def test_the_same_seed_is_the_same_file_and_another_is_not(clip: Path, tmp_path: Path) -> None:
    first, same, other = (
        moved(clip, tmp_path / f"{name}.mp4", seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    frames = []
    for name in "ab":
        with open_video(tmp_path / f"{name}.mp4") as video:
            frames.append(video.read(range(0, 150, 10)))
    assert np.array_equal(*frames)
    columns = [np.concatenate([t.boxes for t in file.tracks]) for file in (first, same, other)]
    assert np.array_equal(columns[0], columns[1])
    assert not np.array_equal(columns[0], columns[2])


@pytest.mark.slow
def test_the_truth_is_a_track_file(clip: Path, tmp_path: Path) -> None:
    truth = moved(clip, tmp_path / "out.mp4")
    write_tracks(tmp_path / "out.tracks.npz", truth)
    back = read_tracks(tmp_path / "out.tracks.npz")
    assert (back.video, back.classes, back.frames) == ("out.mp4", ("face",), 150)
    assert all(
        np.array_equal(a.boxes, b.boxes) for a, b in zip(truth.tracks, back.tracks, strict=True)
    )


@pytest.mark.parametrize("shape", ["ellipse", "box"])
def test_what_is_cut_out_is_whole_within_and_fades_to_nothing(shape: str) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    one = cut(photo, (40.0, 30.0, 90.0, 80.0), 0.3, shape=shape)  # type: ignore[arg-type]
    x1, y1, x2, y2 = (round(side) for side in one.box)
    assert np.array_equal(one.image[y1:y2, x1:x2], photo[30:80, 40:90])
    assert one.mask[(y1 + y2) // 2, x1 + 1 : x2 - 1].min() > 0.99
    assert one.mask[y1 + 1 : y2 - 1, (x1 + x2) // 2].min() > 0.99
    corner = float(one.mask[y1 + 1, x1 + 1])
    assert corner > 0.9 if shape == "box" else corner < 0.6
    border = [one.mask[0], one.mask[-1], one.mask[:, 0], one.mask[:, -1]]
    assert max(side.max() for side in border) < 0.02
    steps = np.abs(np.diff(one.mask, axis=1))
    assert steps.max() < 0.3


def test_near_the_end_of_a_photo_the_edge_is_soft_too() -> None:
    one = cut(np.full((100, 100, 3), 200, np.uint8), (1.0, 30.0, 41.0, 70.0))
    assert one.mask[:, 0].max() < 0.2
    assert one.mask[20:40, 10:30].max() > 0.99


def test_what_has_no_box_or_no_cutout_is_refused(clip: Path, tmp_path: Path) -> None:
    photo = np.zeros((50, 50, 3), np.uint8)
    for box in ((10.0, 10.0, 10.0, 20.0), (-1.0, 0.0, 20.0, 20.0), (0.0, 0.0, 51.0, 20.0)):
        with pytest.raises(LabelError, match="no area"):
            cut(photo, box)
    with pytest.raises(LabelError, match="of its size"):
        Cutout(photo, np.ones((50, 40), np.float32), (0, 0, 10, 10), "face")
    with pytest.raises(PlayheadError, match="no cut-out"):
        paste_along(clip, [], tmp_path / "out.mp4", size=SIZE, seed=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.weights
def test_a_real_network_finds_real_faces_that_were_pasted(
    real_data: Path, packaged_weights: Callable[[str], Path], clip: Path, tmp_path: Path
) -> None:
    packaged_weights("centerface")
    from playhead.inference.detectors import open_detector

    faces = real_faces(real_data / "face_dlib_examples")
    truth = paste_along(
        clip, faces, tmp_path / "out.mp4", size=(640, 384), seed=1, heights=(0.12, 0.3)
    )
    detector, boxes_of = open_detector("centerface", threads=1), by_frame(truth)
    found = wanted = 0
    with open_video(tmp_path / "out.mp4") as video:
        for frame, image in video.stream(wanted=np.arange(0, video.frames, 25)):
            boxes = detector.detect([image], threshold=0.3)[0]["face"].boxes
            middles = (boxes[:, :2] + boxes[:, 2:]) / 2
            for _, (x1, y1, x2, y2) in boxes_of(frame):
                within = (middles > (x1, y1)) & (middles < (x2, y2))
                wanted += 1
                found += bool(within.all(axis=1).any())
    assert wanted > 10
    assert found >= 0.85 * wanted


def real_faces(folder: Path) -> list[Cutout]:
    faces = []
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as image:
            photo = np.asarray(image.convert("RGB"))
        high, wide = photo.shape[:2]
        for line in (folder / "labels" / f"{path.stem}.txt").read_text().splitlines():
            _, x, y, w, h = (float(number) for number in line.split())
            box = ((x - w / 2) * wide, (y - h / 2) * high, (x + w / 2) * wide, (y + h / 2) * high)
            if h * high > 60 and min(box) >= 0 and box[2] <= wide and box[3] <= high:
                faces.append(cut(photo, box))
    return faces
