"""Peak memory of a redaction at 1080p, from short videos to long ones: it must stay flat.

Each length is redacted in a process of its own, `playhead redaction run --hide face,plate`, from a
really encoded street (the demo's real clip, scaled and played forth and back).

    playhead weights get redaction
    python benchmarks/redaction_memory.py [--seconds 5 20 60] [--preset balanced]
"""

import argparse
import tempfile
from pathlib import Path

from environment import describe
from playhead.inference.weights import weight_path
from playhead.media import VideoWriter, open_video
from program import playhead_json

SIZE = (1920, 1080)
LIMIT = 1500
"""MB that no length may reach."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, nargs="+", default=[5, 20, 60])
    parser.add_argument("--preset", default="balanced")
    given = parser.parse_args()
    print(describe("openvino", "av", "numpy"))
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        for seconds in sorted(given.seconds):
            clip = write_clip(Path(name) / f"{seconds}.mp4", seconds)
            document = playhead_json("redaction", "run", clip, "--preset", given.preset)
            peaks.append(document["peak_memory_bytes"] / 1e6)
            rate = seconds * 25 / document["seconds"]
            print(f"  {seconds:4} s of 1080p: peak {peaks[-1]:6.0f} MB, {rate:5.1f} frames/s")
    print(
        f"  longest over shortest: {peaks[-1] / peaks[0]:.3f}; most {max(peaks):.0f} of {LIMIT} MB"
    )


def write_clip(path: Path, seconds: int) -> Path:
    """The clip scaled to 1080p, forth and back until it is long enough."""
    with open_video(weight_path("clip-bikes")) as video, VideoWriter(path, *SIZE, 25) as writer:
        last = video.frames - 1
        for frame in range(seconds * 25):
            place = last - abs(last - frame % (2 * last))
            writer.write(video.read([place], size=SIZE)[0])
    return path


if __name__ == "__main__":
    main()
