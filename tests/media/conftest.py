"""Real encoded files, made once a session: one of each kind that reading must get right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.encode import encode, remux

FRAMES = 150
VARIABLE = [Fraction(i * 40 + 11 * (i * i % 7), 1000) for i in range(FRAMES)]


@dataclass(frozen=True)
class Kind:
    """One kind of file: how it is made, its first frame's number, where its times come from."""

    name: str
    make: Callable[[Path], Path]
    first: int = 0
    timestamps: str = "container"
    variable: bool = False
    rotation: int = 0


def _kinds() -> Iterator[Kind]:
    def kind(name: str, **how: object) -> Kind:
        facts = {
            k: how.pop(k) for k in ("first_shown", "timestamps", "variable", "turn") if k in how
        }
        return Kind(
            name,
            lambda path: encode(path, FRAMES, **how),  # type: ignore[arg-type]
            first=facts.get("first_shown", 0),  # type: ignore[arg-type]
            timestamps=facts.get("timestamps", "container"),  # type: ignore[arg-type]
            variable=facts.get("variable", False),  # type: ignore[arg-type]
            rotation=facts.get("turn", 0),  # type: ignore[arg-type]
        )

    fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    open_gop, closed_gop = {"x264-params": "open-gop=1"}, {"x264-params": "open-gop=0"}
    yield kind("gop12.mp4")
    yield kind("gop250.mp4", gop=250)
    yield kind("bframes.mp4", bframes=3)
    yield kind("pyramid_gop250.mp4", gop=250, bframes=5)
    yield kind("all_intra.mp4", gop=1)
    yield kind("intra_refresh.mp4", gop=30, options={"x264-params": "intra-refresh=1"})
    yield kind("hevc.mp4", codec="libx265", bframes=3)
    yield kind("hevc_gop250.mkv", codec="libx265", gop=250)
    yield kind("variable.mp4", times=VARIABLE, bframes=2, variable=True)
    yield kind("variable.mkv", times=VARIABLE, variable=True)
    yield kind("ntsc.mp4", rate=Fraction(30000, 1001), bframes=2)
    yield kind("sixty.mkv", rate=60, bframes=2)
    yield kind("fragmented.mp4", bframes=2, container=fragments)
    yield kind("late_start.mp4", bframes=2, first=Fraction(7))
    yield kind("late_start.mkv", bframes=2, first=Fraction(7))
    yield Kind("edit_list.mp4", _edited, first=17)
    yield kind("bframes.mkv", bframes=2)
    yield kind("vp9.webm", codec="libvpx-vp9")
    hidden = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "b": "200k"}
    yield kind("vp8_hidden.webm", codec="libvpx", gop=60, options=hidden)
    yield kind("vp9_hidden.webm", codec="libvpx-vp9", gop=60, options=hidden)
    yield kind("mpeg4.avi", codec="mpeg4")
    yield kind("mpeg4_bframes.avi", codec="mpeg4", bframes=2, timestamps="synthesised")
    yield kind("h264_bframes.avi", bframes=3, timestamps="synthesised")
    yield kind("raw.h264", bframes=2, timestamps="synthesised")
    yield kind("raw.hevc", codec="libx265", bframes=2, timestamps="synthesised")
    yield kind("mpeg4_bframes.mp4", codec="mpeg4", bframes=2)
    yield kind("mpeg2_bframes.mkv", codec="mpeg2video", bframes=2)
    yield kind("closed.ts", bframes=2, options=closed_gop)
    yield kind("open.ts", bframes=2, options=open_gop)
    yield kind("open.mp4", bframes=2, options=open_gop)
    yield kind("open_hevc.ts", codec="libx265", bframes=3)
    yield kind("mpeg2.ts", codec="mpeg2video", bframes=2)
    yield Kind("cut_open.ts", _cut, first=12)
    yield kind("ten_bit.mp4", pixel_format="yuv420p10le", bframes=2)
    yield kind("full_range.mp4", full_range=True)
    yield kind("turned.mp4", rotation=-90, bframes=2, turn=90)


def _edited(path: Path) -> Path:
    """An edit list hides the first seventeen frames, a whole group and part of the next."""
    source = encode(path.with_name("unedited.mp4"), FRAMES, bframes=3)
    return remux(source, path, shift=-17 * 512)


def _cut(path: Path) -> Path:
    """A recording joined in the middle of an open group: its first images cannot be decoded."""
    options = {"x264-params": "open-gop=1"}
    source = encode(path.with_name("uncut.ts"), FRAMES, bframes=2, options=options)
    return remux(source, path, drop=7)


KINDS = {kind.name: kind for kind in _kinds()}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the path of a kind of file, made at its first use."""
    folder = tmp_path_factory.mktemp("videos")

    def get(name: str) -> Path:
        path = folder / name
        return path if path.exists() else KINDS[name].make(path)

    return get
