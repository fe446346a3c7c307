"""Score files: what is written comes back, and a damaged file is one clear error."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import PlayheadError
from playhead.inference.scores import Scores, read_scores, write_scores


def some_scores() -> Scores:
    points = 200
    times = np.arange(points) / 25
    values = np.random.default_rng(0).random((points, 2)).astype(np.float32)
    frames = np.arange(points, dtype=np.int32)
    return Scores("match.mp4", times, frames, times, ("pass", "drive"), values, {"min_height": 0.1})


def test_scores_come_back_as_they_were_written(tmp_path: Path) -> None:
    scores = some_scores()
    write_scores(scores, tmp_path / "a.scores.npz")
    again = read_scores(tmp_path / "a.scores.npz")
    assert np.array_equal(again.values, scores.values)
    assert np.array_equal(again.times, scores.times)
    assert (again.video, again.classes) == (scores.video, scores.classes)
    assert again.decisions == scores.decisions


@pytest.mark.slow
def test_a_file_with_one_wrong_byte_is_read_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.scores.npz"
    write_scores(some_scores(), path)
    content = path.read_bytes()
    refused = 0
    places = [*range(0, len(content), 11), *range(len(content) - 600, len(content))]
    for place, change in itertools.product(places, (0x01, 0x5A)):
        path.write_bytes(content[:place] + bytes([content[place] ^ change]) + content[place + 1 :])
        try:
            read_scores(path)
        except PlayheadError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_score_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.scores.npz"
    path.write_bytes(content)
    with pytest.raises(PlayheadError, match="not a score file"):
        read_scores(path)
