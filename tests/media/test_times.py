"""The table of times: what a frame's time is, which frame a time means, and the kept table."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import MediaError
from playhead.files import cache_folder
from playhead.media import open_video
from tests.media.conftest import KINDS, VARIABLE
from tests.media.encode import encode, number_of

Made = Callable[[str], Path]


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.timestamps == "container"])
def test_times_are_those_of_the_decoded_frames(name: str, made: Made) -> None:
    with av.open(str(made(name))) as given:
        frames = list(given.decode(video=0))
    with open_video(made(name)) as video:
        true = [float((f.pts - frames[0].pts) * f.time_base) for f in frames]
        assert video.times == pytest.approx(true, abs=1e-9)


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.timestamps == "synthesised"])
def test_made_times_lie_on_the_rate(name: str, made: Made) -> None:
    with open_video(made(name)) as video:
        assert video.times == pytest.approx(np.arange(video.frames) / 25)
        assert video.rate == 25
        assert video.duration == pytest.approx(video.frames / 25)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("gop12.mp4", 25), ("ntsc.mp4", Fraction(30000, 1001)), ("sixty.mkv", 60), ("open.ts", 25)],
)
def test_a_constant_rate_is_exact_and_the_duration_holds_the_last_frame(
    name: str, rate: Fraction, made: Made
) -> None:
    with open_video(made(name)) as video:
        assert video.rate == rate
        assert video.duration == pytest.approx(150 / float(rate), abs=0.002)


@pytest.mark.parametrize("name", ["variable.mp4", "variable.mkv"])
def test_a_variable_rate_keeps_every_time(name: str, made: Made) -> None:
    with open_video(made(name)) as video:
        assert video.times == pytest.approx([float(t) for t in VARIABLE], abs=0.001)
        assert float(video.rate) == pytest.approx(149 / float(VARIABLE[-1]), rel=1e-3)


def test_of_two_frames_equally_near_the_earlier_is_meant(made: Made) -> None:
    with open_video(made("gop12.mp4")) as video:
        times = np.array([-5.0, 0.0, 0.019, 0.02, 0.021, 0.06, 0.0601, 5.96, 1e9])
        assert video.nearest(times).tolist() == [0, 0, 0, 0, 1, 1, 2, 149, 149]
        with pytest.raises(MediaError, match="not a number"):
            video.nearest(np.array([np.nan]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2, 9), min_size=1, max_size=40))
def test_nearest_is_what_a_search_through_all_times_finds(made: Made, wanted: list[float]) -> None:
    with open_video(made("variable.mp4")) as video:
        distance = np.abs(video.times[None, :] - np.array(wanted)[:, None])
        assert video.nearest(np.array(wanted)).tolist() == distance.argmin(axis=1).tolist()


def test_a_second_opening_reads_no_packets(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from playhead.media import scan

    with open_video(made("open.ts")) as video:
        first = video.times
    monkeypatch.setattr(scan, "scan", lambda *_: pytest.fail("the kept table was not used"))
    with open_video(made("open.ts")) as video:
        assert np.array_equal(video.times, first)


@pytest.mark.parametrize("spoilt", [b"", b"PK\x03\x04 not a table", b"\x80\x04\x95pickle"])
def test_a_broken_cache_is_made_again(spoilt: bytes, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", 30)
    before = set((cache_folder() / "tables").glob("*.npz"))
    open_video(path).close()
    (kept,) = set((cache_folder() / "tables").glob("*.npz")) - before
    whole = kept.read_bytes()
    kept.write_bytes(spoilt or whole[: len(whole) // 2])
    with open_video(path) as video:
        assert number_of(video.read([17], pixels="luma")[0]) == 17
    with np.load(kept, allow_pickle=False) as stored:
        assert len(stored["times"]) == 30


def test_a_cache_that_cannot_be_written_costs_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "a.mp4", 30)
    (tmp_path / "occupied").write_text("a file, not a folder")
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "occupied"))
    with open_video(path) as video:
        assert video.frames == 30


def test_a_changed_file_gets_a_new_table(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", 30)
    open_video(path).close()
    encode(path, 45)
    with open_video(path) as video:
        assert video.frames == 45
