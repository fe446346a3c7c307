"""Redaction of every kind of video: what is found is hidden, all else is as it was.

The barcode of each frame stands for a face: it is found by its brightness, and hidden it is neither
bright nor a number any more.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.media import inspect, open_video
from playhead.redaction.config import RedactionConfig
from playhead.redaction.run import redact_files
from tests.media.encode import encode, number_of
from tests.redaction.conftest import FakeDetector, use_detector

FRAMES = 24
BRIGHT = 190  # of the barcode's lit cells alone
# The barcode's lit part jumps from frame to frame, as no face does.
CONFIG = RedactionConfig.model_validate(
    {"hide": ["face"], "threads": 1, "detection": {"every_seconds": 0}}
)
KINDS = {
    "plain.mp4": {},
    "b_frames.mkv": {"bframes": 3},
    "hevc.mp4": {"codec": "libx265", "bframes": 2},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "stream.ts": {"bframes": 2},
    "ten_bit.mp4": {"pixel_format": "yuv420p10le"},
    "full_chroma.mp4": {"pixel_format": "yuv444p"},
    "half_chroma.mov": {"pixel_format": "yuv422p"},
    "full_range.mp4": {"full_range": True},
    "interlaced.mp4": {"options": {"x264-params": "tff=1", "flags": "+ildct+ilme"}},
    "turned.mp4": {"rotation": 90},
    "upside_down.mp4": {"rotation": 180},
    "odd.mp4": {"pixel_format": "yuv444p", "width": 163, "height": 97},
    "variable.mp4": {"times": [Fraction(i * 40 + 11 * (i * i % 7), 1000) for i in range(FRAMES)]},
    "one_frame.mp4": {"frames": 1},
}


class BarcodeDetector(FakeDetector):
    """Detects what is bright."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        return [{"face": self._find(image)} for image in images]

    def _find(self, image: NDArray[np.uint8]) -> Boxes:
        rows, columns = np.nonzero(image.min(axis=2) > BRIGHT)
        assert len(rows)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([box], np.float32), np.array([0.9], np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_what_is_found_is_hidden_in_every_frame_of_every_kind_of_video(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_detector(monkeypatch, BarcodeDetector)
    source = encode(tmp_path / name, **{"frames": FRAMES, **KINDS[name]})
    [file] = redact_files([source], CONFIG).files
    assert file.status == "ok", file.reason
    before, after = inspect(source), inspect(file.outputs[0])
    same = ("frames", "width", "height", "rotation", "variable_rate")
    assert [getattr(before, one) for one in same] == [getattr(after, one) for one in same]
    with open_video(source) as one, open_video(file.outputs[0]) as other:
        assert np.abs(one.times - other.times).max() < 1e-3
        for k, image in other.stream(pixels="rgb"):
            assert image.max() < BRIGHT, f"frame {k} shows something bright"
        upright = [np.rot90(luma, other.rotation // 90) for _, luma in other.stream(pixels="luma")]
    assert {number_of(luma) for luma in upright} == {-1}
