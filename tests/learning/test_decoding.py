"""Which decoder reads a video for prediction, and that its frames are PyAV's to the last bit."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.inference.dense import WindowPlan
from playhead.learning.decoding import COMPARED, Decoding, TorchcodecVideo, choose_decoder
from playhead.media import open_video
from playhead.media.video import Video
from playhead.samples.windows import WindowSpec
from tests.media.encode import encode

PLAN = WindowPlan(window=WindowSpec(), rate="25", size=(100, 60))
FRAMES = 40


@dataclass
class Faults:
    """What the torchcodec of a test does wrong."""

    missing: bool = False  # the package, or what it loads
    unreadable: str = ""  # the error on opening
    lost: int | None = None  # a frame that the packets have and the decoder does not give
    fewer: int = 0  # frames that the packets lack
    late: float = 0.0  # seconds by which the packets are late from the second on
    level: int = 0  # added to every image
    broken: int | None = None  # the frame before which decoding fails
    pixel_format: str = "nv12"
    bit_depth: int = 8


class FakeDemuxer:
    """The parts of torchcodec's Demuxer that are used, with PyAV inside and faults."""

    faults = Faults()
    devices: list[str]

    def __init__(self, path: str) -> None:
        if self.faults.unreadable:
            raise RuntimeError(self.faults.unreadable)
        with av.open(path) as container:
            self.decoded = list(container.decode(video=0))
        self.streams = [self]

    def scan(self) -> SimpleNamespace:
        times = [frame.time for frame in self.decoded][: len(self.decoded) - self.faults.fewer]
        late = [time + self.faults.late * (k > 0) for k, time in enumerate(times)]
        return SimpleNamespace(pts_seconds=torch.tensor(late, dtype=torch.float64))

    def make_decoder(self, device: str) -> "FakeDemuxer":
        self.devices.append(device)
        return self

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.decoded)))

    def decode(self, packet: int) -> list[SimpleNamespace]:
        if packet == self.faults.broken:
            raise RuntimeError("failed to send packet")
        if packet == self.faults.lost:
            return []
        frame = self.decoded[packet]
        luma = frame.to_ndarray(format="gray") if frame.format.name == "gray" else None
        luma = frame.to_ndarray()[: frame.height] if luma is None else luma
        return [
            SimpleNamespace(
                pts_seconds=frame.time,
                planes=(torch.from_numpy(luma + np.uint8(self.faults.level)),),
                color_range="tv",
                pixel_format=self.faults.pixel_format,
                bit_depth=self.faults.bit_depth,
            )
        ]

    def drain(self) -> list[SimpleNamespace]:
        return []


class OnDevice:
    """A backend of which only the device is asked."""

    precision = "fp32"

    def __init__(self, device: str) -> None:
        self.device = device

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        raise NotImplementedError

    def ring(self, slots: int) -> Any:
        raise NotImplementedError

    def batch_size(self, size: tuple[int, int]) -> int:
        raise NotImplementedError


CUDA, CPU = OnDevice("cuda:0"), OnDevice("cpu")


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """A torchcodec that does what these faults say, and a CUDA device without streams."""
    faults = Faults()
    monkeypatch.setattr(FakeDemuxer, "faults", faults)
    monkeypatch.setattr(FakeDemuxer, "devices", [], raising=False)
    package = ModuleType("torchcodec.decoders")
    package.Demuxer = FakeDemuxer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", package)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    return faults


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, bframes=2)


@pytest.fixture
def video(clip: Path) -> Iterator[Video]:
    with open_video(clip) as opened:
        yield opened


def frames_of(source: Any, plan: WindowPlan = PLAN, every: int = 1) -> dict[int, NDArray[np.uint8]]:
    wanted = np.arange(0, FRAMES, every)
    stream = source.stream(pixels="luma", size=plan.size, fit=plan.fit, wanted=wanted)
    return {k: image.copy() for k, image in stream}


def equal(ours: dict[int, NDArray[np.uint8]], theirs: dict[int, NDArray[np.uint8]]) -> bool:
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[k], theirs[k]) for k in ours)


def test_pyav_is_chosen_unless_the_model_runs_on_cuda(video: Video, faults: Faults) -> None:
    assert choose_decoder(video, [PLAN], CUDA, "pyav").video is video
    on_cpu = choose_decoder(video, [PLAN], CPU, "auto")
    assert on_cpu.video is video
    assert on_cpu.describe() == "decoded by pyav: the model runs on the CPU"
    assert FakeDemuxer.devices == []


@pytest.mark.parametrize("every", [1, 3])
def test_on_cuda_torchcodec_decodes_there_and_gives_the_same_frames(
    video: Video, faults: Faults, every: int
) -> None:
    chosen = choose_decoder(video, [PLAN], CUDA, "auto")
    assert isinstance(chosen.video, TorchcodecVideo)
    assert equal(frames_of(chosen.video, every=every), frames_of(video, every=every))
    assert set(FakeDemuxer.devices) == {"cuda:0"}
    assert chosen.video.times is video.times
    assert (chosen.video.path, chosen.video.duration) == (video.path, video.duration)
    assert chosen.describe() == (
        "decoded by torchcodec: on cuda:0, 40 frames at the times of the table, the first ones "
        "equal to pyav's"
    )


def test_asked_for_torchcodec_decodes_on_the_cpu_too(video: Video, faults: Faults) -> None:
    assert choose_decoder(video, [PLAN], CPU, "torchcodec").decoder == "torchcodec"
    assert set(FakeDemuxer.devices) == {"cpu"}


@pytest.mark.parametrize(
    ("fault", "value", "reason"),
    [
        ("unreadable", "Could not load libtorchcodec.\nLikely causes", "Could not load libtorch"),
        ("fewer", 1, "it counts 39 frames, the table 40"),
        ("late", 0.02, "its times are up to 0.0200 s from those of the table"),
        ("level", 1, "its frame 0 differs from pyav's by up to"),
        ("lost", 2, "its frame 2 is not the one of the table"),
        ("broken", 0, "it cannot decode the first frame"),
        ("broken", 5, "its frame 5 is not the one of the table"),
        ("pixel_format", "gbrp", "its frames are gbrp, not 8-bit YUV"),
        ("bit_depth", 10, "not 8-bit YUV"),
    ],
)
def test_frames_that_are_not_those_of_the_table_leave_the_file_to_pyav(
    video: Video, faults: Faults, fault: str, value: Any, reason: str
) -> None:
    setattr(faults, fault, value)
    chosen = choose_decoder(video, [PLAN], CUDA, "auto")
    assert chosen.video is video
    assert reason in chosen.reason
    with pytest.raises(MediaError, match=f"{re.escape(reason)}.*use --decoder auto or pyav"):
        choose_decoder(video, [PLAN], CUDA, "torchcodec")


def test_without_torchcodec_the_reason_says_what_to_install(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    assert "pip install 'torchcodec>=0.17'" in choose_decoder(video, [PLAN], CUDA).reason


def test_a_model_of_colour_is_left_to_pyav(video: Video, faults: Faults) -> None:
    colour = PLAN.model_copy(update={"pixels": "rgb"})
    assert "the model sees colour" in choose_decoder(video, [PLAN, colour], CUDA).reason


def test_a_file_without_times_is_left_to_pyav(tmp_path: Path, faults: Faults) -> None:
    with open_video(encode(tmp_path / "raw.264", FRAMES)) as raw:
        assert "no presentation times" in choose_decoder(raw, [PLAN], CUDA).reason


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_from_a_frame_that_does_not_fit_the_table_pyav_goes_on(
    video: Video, faults: Faults, fault: str
) -> None:
    setattr(faults, fault, COMPARED + 7)
    chosen = choose_decoder(video, [PLAN], CUDA)
    assert chosen.decoder == "torchcodec"
    assert equal(frames_of(chosen.video, every=2), frames_of(video, every=2))
    assert chosen.describe().endswith("; by pyav from frame 23 on, which did not fit")


def test_a_file_that_shrank_to_nothing_wanted_is_an_empty_stream(
    video: Video, faults: Faults
) -> None:
    chosen: Decoding = choose_decoder(video, [PLAN], CUDA)
    assert list(chosen.video.stream(pixels="luma", size=(8, 8), wanted=np.arange(0))) == []


REAL = {
    "plain.mp4": {},
    "reordered.mp4": {"bframes": 2},
    "hevc.mkv": {"codec": "libx265"},
    "full.mp4": {"full_range": True},
    "turned.mp4": {"rotation": 90},
    "stream.ts": {"bframes": 2},
    "odd.mkv": {"width": 161, "height": 97, "pixel_format": "yuv444p"},
    "ten.mkv": {"codec": "libx265", "pixel_format": "yuv420p10le"},
}


def decode_all(folder: Path) -> dict[str, str]:
    """For each file of `folder`, what decoded it and how far its frames are from PyAV's."""
    answers = {}
    for path in sorted(folder.iterdir()):
        with open_video(path) as opened:
            try:
                chosen = choose_decoder(opened, [PLAN], CPU, "torchcodec")
            except MediaError as error:
                answers[path.name] = str(error)
                continue
            same = equal(frames_of(chosen.video), frames_of(opened))
            answers[path.name] = f"{chosen.decoder} {same} {chosen.video.left_at}"  # type: ignore[attr-defined]
    return answers


@pytest.mark.slow
def test_the_luma_of_the_real_torchcodec_is_that_of_pyav_to_the_last_bit(tmp_path: Path) -> None:
    """In a process that finds the FFmpeg in PyAV's wheel, since torchcodec brings none."""
    libraries = Path(av.__file__).parent.parent / "av.libs"
    if not libraries.is_dir():
        pytest.skip("PyAV brings no FFmpeg of its own here")
    pytest.importorskip("torchcodec.decoders", reason="torchcodec is not installed")
    found, clips = tmp_path / "lib", tmp_path / "clips"
    found.mkdir()
    clips.mkdir()
    for library in libraries.glob("lib*.so.*"):
        plain = re.sub(r"-[0-9a-f]{8}(\.so\.\d+).*", r"\1", library.name)
        (found / plain).symlink_to(library)
    for name, how in REAL.items():
        encode(clips / name, FRAMES, **how)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, __file__, str(clips)],
        env=os.environ
        | {
            "LD_LIBRARY_PATH": f"{found}:{libraries}",
            "PYTHONPATH": ":".join([*filter(None, sys.path), str(Path(__file__).parents[2])]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    if any("Could not load" in answer for answer in answers.values()):
        pytest.skip("torchcodec does not load PyAV's FFmpeg here")
    assert "yuv420p10le, not 8-bit YUV" in answers.pop("ten.mkv")
    assert answers == dict.fromkeys(answers, "torchcodec True None")
    assert len(answers) == len(REAL) - 1


if __name__ == "__main__":
    print(json.dumps(decode_all(Path(sys.argv[1]))))
