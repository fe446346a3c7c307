"""Text boxes: decoding of the detector's map, given boxes, and masks."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from playhead.episodes.features.text import TextDetector, decode_text, read_text_boxes, text_mask
from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile, write_tracks
from playhead.events.model import Track


def rectangle(*boxes, shape=(64, 96), value=0.9):
    heat = np.zeros(shape, np.float32)
    for x1, y1, x2, y2 in boxes:
        heat[y1:y2, x1:x2] = value
    return heat


def test_a_line_is_expanded_by_its_area_over_its_perimeter():
    border = 40 * 10 * 1.6 / 100
    expected = [[20 - border, 30 - border, 60 + border, 40 + border]]
    np.testing.assert_allclose(decode_text(rectangle((20, 30, 60, 40))), expected, rtol=1e-6)


def test_lines_apart_are_two_boxes_and_pixels_that_touch_at_a_corner_one():
    assert len(decode_text(rectangle((0, 0, 20, 8), (30, 0, 50, 8)))) == 2
    assert len(decode_text(rectangle((0, 0, 20, 8), (20, 8, 40, 16)))) == 1


@pytest.mark.parametrize(
    "heat",
    [
        rectangle(),
        rectangle((10, 10, 40, 12)),  # too thin
        rectangle((10, 10, 40, 20), value=0.4),  # too unsure
        rectangle((10, 10, 40, 27)),  # higher than a line can be
    ],
)
def test_what_is_no_line_gives_no_box(heat):
    assert decode_text(heat).shape == (0, 4)


def test_a_mask_is_letterboxed_like_its_frame():
    whole = text_mask(np.array([[0.0, 0.0, 160.0, 90.0]]), (160, 90))  # 36 x 20 cells
    assert whole.shape == (27, 36)
    np.testing.assert_array_equal(whole.any(axis=1), [3 <= row < 23 for row in range(27)])
    assert whole[3:23].all()
    tall = text_mask(np.array([[0.0, 0.0, 90.0, 160.0]]), (90, 160))  # 15 x 27 cells
    assert tall.sum() == 15 * 27
    assert tall[:, 10:25].all()


def test_every_cell_that_a_box_touches_is_set():
    mask = text_mask(np.array([[4.5, 8.2, 4.6, 8.3]]), (36, 27))
    assert np.argwhere(mask).tolist() == [[8, 4]]
    mask = text_mask(np.array([[3.5, 0.0, 6.5, 1.0]]), (36, 27))
    assert np.argwhere(mask).tolist() == [[0, 3], [0, 4], [0, 5], [0, 6]]


def test_boxes_outside_of_the_image_set_nothing_and_parts_inside_count():
    outside = np.array([[-9.0, 1, -1, 3], [40, 1, 50, 3], [3, 3, 3, 9]])
    assert not text_mask(outside, (36, 27)).any()
    assert np.argwhere(text_mask(np.array([[-5.0, -5, 1, 1]]), (36, 27))).tolist() == [[0, 0]]
    assert not text_mask(np.zeros((0, 4)), (36, 27)).any()


def write_boxes(path, label="text"):
    boxes = np.array([[0, 0, 10, 5], [1, 0, 11, 5]], np.float32)
    tracks = [
        Track(1, label, np.array([3, 4], np.int32), boxes, np.ones(2, "f4"), np.zeros(2, "u1")),
        Track(2, "face", np.array([4], np.int32), boxes[:1], np.ones(1, "f4"), np.zeros(1, "u1")),
        Track(3, label, np.array([4], np.int32), boxes[:1], np.ones(1, "f4"), np.zeros(1, "u1")),
    ]
    file = TrackFile(
        video="x.mp4",
        frames=9,
        width=64,
        height=48,
        classes=tuple({"face", label}),
        tracks=tuple(tracks),
    )
    write_tracks(path, file)
    return path


def test_the_boxes_of_each_frame_are_those_of_tracks_of_the_class_text(tmp_path):
    boxes = read_text_boxes(write_boxes(tmp_path / "x.tracks.npz"))
    assert boxes == {3: [(0, 0, 10, 5)], 4: [(1, 0, 11, 5), (0, 0, 10, 5)]}


def test_a_track_file_without_the_class_text_has_no_boxes_to_use(tmp_path):
    assert read_text_boxes(write_boxes(tmp_path / "x.tracks.npz", "person")) is None


def test_a_file_that_is_no_track_file_is_refused(tmp_path):
    path = tmp_path / "x.tracks.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(LabelError, match="track file"):
        read_text_boxes(path)


@pytest.mark.weights
@pytest.mark.slow
def test_the_detector_finds_the_lines_of_a_title_card_and_nothing_in_a_plain_image(
    packaged_weights,
):
    packaged_weights("text")
    image = Image.new("RGB", (640, 360), (40, 50, 90))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(36)
    lines = [((60, 40), "Directed by Ana"), ((60, 160), "THE LONG ROAD"), ((60, 280), "music")]
    for corner, words in lines:
        draw.text(corner, words, font=font, fill=(250, 250, 250))
    plain = np.full((360, 640, 3), (200, 30, 30), np.uint8)
    found, none = TextDetector(threads=1).detect([np.array(image), plain])
    assert none.shape == (0, 4)
    assert len(found) == 3
    for (corner, words), box in zip(lines, found[np.argsort(found[:, 1])], strict=True):
        x1, y1, x2, y2 = draw.textbbox(corner, words, font=font)
        assert box[0] <= x1 + 4
        assert box[1] <= y1 + 4
        assert box[2] >= x2 - 4
        assert box[3] >= y2 - 4
        assert (box[2] - box[0]) * (box[3] - box[1]) < 3 * (x2 - x1) * (y2 - y1)
