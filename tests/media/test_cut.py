"""Spans are cut exactly: every frame carries its number, in both ways of cutting."""

from fractions import Fraction

import numpy as np
import pytest

from playhead.errors import PlayheadError
from playhead.media import VideoWriter, open_video, read_audio, stream_copy
from playhead.media.cut import encode_frames
from playhead.media.sound_span import sound_form, stream_span
from playhead.media.stream_copy import closed_around, copy_frames
from playhead.progress import progress
from tests.media.encode import HEIGHT, WIDTH, encode, image, numbers

VARIABLE = [Fraction(i * 40 + 11 * (i * i % 7), 1000) for i in range(60)]
KINDS = {
    "plain.mp4": {},
    "bframes.mp4": {"bframes": 3, "options": {"x264-params": "open-gop=0"}},
    "open.mp4": {"bframes": 3, "options": {"x264-params": "open-gop=1"}},
    "bframes.mkv": {"bframes": 2},
    "late.mp4": {"bframes": 2, "first": Fraction(7)},
    "ntsc.mp4": {"rate": Fraction(30000, 1001), "bframes": 2},
    "variable.mp4": {"times": VARIABLE, "bframes": 2},
    "hevc.mp4": {"codec": "libx265", "bframes": 3},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "turned.mp4": {"rotation": -90, "bframes": 2},
    "stream.ts": {"bframes": 2},
    "old.avi": {"codec": "mpeg4", "bframes": 2},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")

    def get(name):
        path = folder / name
        return path if path.exists() else encode(path, 60, **KINDS[name])

    return get


def silent():
    return progress("cutting", 1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("frames", [range(12, 36), range(12, 31), range(17, 40), range(59, 60)])
def test_whichever_way_a_clip_is_cut_its_frames_are_those_of_the_span(
    videos, tmp_path, name, frames
):
    copied, encoded = tmp_path / "copied.mp4", tmp_path / "encoded.mp4"
    with open_video(videos(name)) as video, silent() as live:
        by_copy = copy_frames(video, frames, copied)
        assert encode_frames(video, frames, encoded, 1, live) == 0
        times = video.times[frames.start : frames.stop] - video.times[frames.start]
        key = frames.start in video.table.key_frames
    assert by_copy <= key
    for path in (copied, encoded) if by_copy else (encoded,):
        assert numbers(path) == list(frames)
        with open_video(path) as clip:
            assert np.abs(clip.times - times).max() < 0.001
    assert copied.exists() == by_copy


@pytest.mark.parametrize(
    ("name", "frames", "is_copied"),
    [
        ("plain.mp4", range(12, 36), True),
        ("plain.mp4", range(12, 31), True),  # without B-frames it may end anywhere
        ("plain.mp4", range(13, 36), False),
        ("bframes.mp4", range(12, 36), True),
        ("bframes.mp4", range(12, 15), False),  # its last B-frame needs a frame after it
        ("open.mp4", range(12, 36), False),  # frames before the key frame are decoded after it
        ("hevc.mp4", range(0, 60), True),
        ("vp9.webm", range(12, 36), True),
        ("stream.ts", range(12, 36), False),
        ("old.avi", range(12, 36), False),
    ],
)
def test_packets_are_copied_where_the_frames_need_no_others(
    videos, tmp_path, name, frames, is_copied
):
    with open_video(videos(name)) as video:
        assert copy_frames(video, frames, tmp_path / "clip.mp4") == is_copied


def test_a_copy_that_is_off_by_a_frame_does_not_count(videos, tmp_path, monkeypatch):
    """Where the rule for copying is wrong about a file, the comparison refuses the copy."""
    monkeypatch.setattr(stream_copy, "is_closed", lambda table, frames: True)
    with open_video(videos("bframes.mp4")) as video:
        assert not copy_frames(video, range(12, 15), tmp_path / "clip.mp4")
        assert not copy_frames(video, range(14, 36), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_frame_before_stands_in_for_one_that_cannot_be_decoded(videos, tmp_path):
    with open_video(videos("plain.mp4")) as video:
        read = video.stream
        video.stream = lambda *span, **how: (
            pair for pair in read(*span, **how) if pair[0] not in (17, 20, 24)
        )
        assert encode_frames(video, range(17, 25), tmp_path / "clip.mp4", 1) == 3
        video.stream = lambda *span, **how: iter(())
        with pytest.raises(PlayheadError, match="no frame of the clip can be decoded"):
            encode_frames(video, range(17, 25), tmp_path / "none.mp4", 1)
    assert numbers(tmp_path / "clip.mp4") == [18, 18, 19, 19, 21, 22, 23, 23]
    assert not (tmp_path / "none.mp4").exists()


@pytest.mark.parametrize(
    ("name", "wanted", "around"),
    [
        ("plain.mp4", range(17, 30), range(12, 30)),
        ("plain.mp4", range(12, 30), range(12, 30)),
        ("bframes.mp4", range(17, 27), range(12, 29)),  # its last B-frames need frame 28
        ("bframes.mp4", range(30, 60), range(24, 60)),
    ],
)
def test_the_frames_to_copy_begin_with_the_key_frame_before(videos, tmp_path, name, wanted, around):
    with open_video(videos(name)) as video:
        assert closed_around(video.table, wanted) == around
        assert copy_frames(video, around, tmp_path / "clip.mp4")
    assert numbers(tmp_path / "clip.mp4") == list(around)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory):
    """Ten seconds with stereo sound that is at no two moments alike, in two containers."""
    folder = tmp_path_factory.mktemp("sounding")
    t = np.arange(10 * 44100) / 44100
    chirp = 0.4 * np.sin(2 * np.pi * (200 * t + 60 * t**2))
    sound = np.stack([chirp, 0.5 * chirp]).astype(np.float32)
    for name in ("sound.mp4", "sound.mkv"):
        with VideoWriter(
            folder / name, WIDTH, HEIGHT, 25, gop=12, audio=(sound, 44100), options={"bf": "0"}
        ) as writer:
            for k in range(250):
                writer.write(image(k))
    return folder, sound


def delay(sound, expected):
    """Seconds by which the first channel comes later than expected, and how alike they are."""
    n = min(sound.shape[1], expected.shape[1])
    a, b = sound[0, :n], expected[0, :n]
    lags = np.arange(-1500, 1501)
    alike = [
        float(np.corrcoef(a[1500:-1500], b[1500 - lag : n - 1500 - lag])[0, 1]) for lag in lags
    ]
    return lags[int(np.argmax(alike))] / 44100, max(alike)


@pytest.mark.parametrize("name", ["sound.mp4", "sound.mkv"])
@pytest.mark.parametrize("is_copied", [True, False])
def test_a_cut_keeps_the_sound_of_its_frames(sounding, tmp_path, name, is_copied):
    folder, sound = sounding
    path = tmp_path / "clip.mp4"
    with open_video(folder / name) as video:
        if is_copied:
            frames = range(144, 200)
            assert copy_frames(video, frames, path, sound=True)
        else:
            frames = range(151, 200)
            encode_frames(video, frames, path, 1, sound=True)
    assert numbers(path) == list(frames)
    heard = read_audio(path)
    first = round((frames.start / 25 + heard.start) * 44100)
    expected = sound[:, first : frames.stop * 1764]
    late, alike = delay(heard.samples, expected)
    assert abs(late) < 0.002
    assert alike > 0.9
    assert abs(heard.start) < 0.03
    assert heard.samples.shape[1] / 44100 + heard.start == pytest.approx(len(frames) / 25, abs=0.05)


def test_a_span_of_sound_is_silent_where_there_is_none(sounding):
    folder, sound = sounding
    with open_video(folder / "sound.mp4") as video:
        form = sound_form(video)
        blocks = list(stream_span(video, 9.5, 12.0, form))
    heard = np.concatenate(blocks, axis=1)
    assert (form.layout, form.rate) == ("stereo", 44100)
    assert heard.shape == (2, round(2.5 * 44100))
    assert np.abs(heard[:, 25000:]).max() < 1e-3
    late, alike = delay(heard[:, :22050], sound[:, round(9.5 * 44100) :])
    assert abs(late) < 0.002
    assert alike > 0.9
