"""Frame k is the k-th frame that the decoder gives out, in every kind of file, by every way."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.media import open_video
from tests.media.conftest import KINDS, Kind
from tests.media.encode import number_of

Made = Callable[[str], Path]
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def upright(image: np.ndarray, kind: Kind) -> np.ndarray:
    return np.rot90(image, kind.rotation // 90)


@pytest.mark.slow
@every_kind
def test_there_are_as_many_frames_as_the_decoder_gives_out(kind: Kind, made: Made) -> None:
    with av.open(str(made(kind.name))) as given:
        decoded = sum(1 for _ in given.decode(video=0))
    with open_video(made(kind.name)) as video:
        assert video.frames == decoded
        assert video.timestamps == kind.timestamps
        assert video.variable_rate == kind.variable
        assert video.rotation == kind.rotation
        assert video.damage == ()


@pytest.mark.slow
@every_kind
def test_a_stream_gives_every_frame_once_and_in_order(kind: Kind, made: Made) -> None:
    with open_video(made(kind.name)) as video:
        seen = [(k, number_of(upright(luma, kind))) for k, luma in video.stream(pixels="luma")]
        assert seen == [(k, kind.first + k) for k in range(video.frames)]


@pytest.mark.slow
@every_kind
def test_every_frame_at_random_is_the_right_one(kind: Kind, made: Made) -> None:
    with open_video(made(kind.name)) as video:
        for k in np.random.default_rng(3).permutation(video.frames).tolist():
            (luma,) = video.read([k], pixels="luma")
            assert number_of(upright(luma, kind)) == kind.first + k


@pytest.mark.slow
@every_kind
@pytest.mark.parametrize("step", [2, 7, -1, -13])
def test_every_frame_by_step_is_the_right_one(kind: Kind, made: Made, step: int) -> None:
    with open_video(made(kind.name)) as video:
        for k in range(video.frames)[::step]:
            (luma,) = video.read([k], pixels="luma")
            assert number_of(upright(luma, kind)) == kind.first + k


@pytest.mark.slow
@every_kind
def test_a_first_read_in_the_middle_is_the_right_one(kind: Kind, made: Made) -> None:
    for k in (1, 30, 77, 101, -1):
        with open_video(made(kind.name)) as video:
            (luma,) = video.read([k % video.frames], pixels="luma")
            assert number_of(upright(luma, kind)) == kind.first + k % video.frames


@pytest.mark.slow
@every_kind
def test_windows_with_repeats_in_any_order_are_the_right_ones(kind: Kind, made: Made) -> None:
    rng = np.random.default_rng(5)
    with open_video(made(kind.name)) as video:
        for _ in range(6):
            wanted = rng.integers(0, video.frames, 9)
            read = video.read(wanted, pixels="luma")
            assert [number_of(upright(luma, kind)) - kind.first for luma in read] == wanted.tolist()


@pytest.mark.parametrize("name", ["bframes.mp4", "open.ts", "raw.h264", "vp9.webm", "hevc.mp4"])
def test_threads_change_no_frame(name: str, made: Made) -> None:
    with open_video(made(name)) as one, open_video(made(name), threads=3) as several:
        for k in (0, 70, 3, 149, 71):
            assert np.array_equal(one.read([k]), several.read([k]))


@pytest.mark.parametrize("name", ["gop12.mp4", "open.ts", "h264_bframes.avi"])
def test_pixels_equal_those_of_plain_decoding(name: str, made: Made) -> None:
    with av.open(str(made(name))) as given, open_video(made(name)) as video:
        planes = [np.asarray(f.to_ndarray(format="yuv420p"))[:96] for f in given.decode(video=0)]
        for k in (99, 5, 31, 148):
            assert np.array_equal(video.read([k], pixels="luma")[0], planes[k])


def test_wanted_frames_of_a_stream_are_the_only_ones_given_out(made: Made) -> None:
    wanted = np.array([2, 3, 50, 51, 120])
    with open_video(made("bframes.mp4")) as video:
        seen = [(k, number_of(y)) for k, y in video.stream(pixels="luma", wanted=wanted)]
        assert seen == [(k, k) for k in wanted.tolist()]
        part = [k for k, _ in video.stream(3, 121, pixels="luma", wanted=wanted)]
        assert part == [3, 50, 51, 120]


def test_a_part_of_a_stream_is_half_open(made: Made) -> None:
    with open_video(made("open.ts")) as video:
        seen = [(k, number_of(y)) for k, y in video.stream(40, 44, pixels="luma")]
        assert seen == [(40, 40), (41, 41), (42, 42), (43, 43)]


def test_a_sequential_read_never_seeks(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from playhead.media.source import Source

    seeks = []
    monkeypatch.setattr(Source, "seek", lambda self, point: seeks.append(point) or False)
    with open_video(made("gop12.mp4")) as video:
        for k in range(0, 150, 3):
            video.read([k, k + 1], pixels="luma")
    assert seeks == []


@pytest.mark.parametrize("name", ["gop12.mp4", "open.ts", "raw.h264"])
def test_a_container_that_cannot_seek_still_gives_the_right_frame(
    name: str, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playhead.media.source import Source

    monkeypatch.setattr(Source, "seek", lambda self, point: False)
    with open_video(made(name)) as video:
        for k in (100, 20, 60, 59):
            assert number_of(video.read([k], pixels="luma")[0]) == k


@pytest.mark.parametrize("name", ["gop12.mp4", "open.ts", "vp9.webm", "h264_bframes.avi"])
@pytest.mark.parametrize("error", [-3, -1, 1, 2, 4])
def test_a_seek_that_lands_on_another_key_frame_is_noticed(
    name: str, error: int, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playhead.media.source import Source

    with open_video(made(name)) as video:
        points = video._table.seek_points.tolist()
        true_seek = Source.seek

        def wrong(self: Source, point: int) -> bool:
            place = min(max(points.index(point) + error, 0), len(points) - 1)
            return true_seek(self, points[place])

        monkeypatch.setattr(Source, "seek", wrong)
        for k in (100, 20, 60, 59, 13):
            assert number_of(video.read([k], pixels="luma")[0]) == k


@pytest.mark.parametrize("name", ["pyramid_gop250.mp4", "raw.h264", "vp9.webm"])
def test_a_stream_holds_no_more_frames_than_the_decoder_reorders(name: str, made: Made) -> None:
    with open_video(made(name)) as video:
        held = [len(video._cursor._queue) for _ in video.stream(pixels="luma", size=(20, 12))]
        assert max(held) <= 8


def test_a_read_between_two_steps_of_a_stream_disturbs_neither(made: Made) -> None:
    with open_video(made("bframes.mp4")) as video:
        for k, luma in video.stream(20, 60, pixels="luma"):
            other = (k * 37) % 150
            assert number_of(video.read([other], pixels="luma")[0]) == other
            assert number_of(luma) == k
