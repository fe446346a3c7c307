"""Clips as the networks see them, and the time shift."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playhead.episodes.features.table import FeatureRow, read_table
from playhead.episodes.network.clips import seen_part, split_clips
from playhead.episodes.network.plan import COLUMNS_PER_SECOND, columns_of
from playhead.episodes.network.samples import ClipSamples, shifted
from playhead.errors import LabelError
from tests.episodes.fake_clips import SECONDS, make_clip, write_clips
from tests.episodes.networks import plan_of, tiny

PLAN = plan_of(tiny())


@pytest.mark.parametrize("seconds", [-7, -1, 0, 3, 9])
def test_a_shift_moves_clip_and_boundary_alike(tmp_path: Path, seconds: int) -> None:
    row = read_table(write_clips(tmp_path, [11.0, 12.0]))[0]
    sample = ClipSamples([row], tmp_path, PLAN).sample(1, 0)
    moved = shifted(sample, seconds)
    boundary = float(moved["boundary"])
    assert boundary == 11 + seconds
    loud = moved["sound"][:4].mean(0) > 1
    assert np.flatnonzero(loud)[-1] + 1 == pytest.approx(boundary * COLUMNS_PER_SECOND, abs=1)
    assert np.flatnonzero(moved["frames"].mean((1, 2, 3)) > 100)[-1] + 1 == boundary
    assert np.flatnonzero(moved["text"].any((1, 2)))[-1] + 1 == boundary
    for name in ("sound", "frames", "text"):
        assert moved[name].shape == sample[name].shape
        assert moved[name].dtype == sample[name].dtype
    if seconds > 0:
        assert not moved["frames"][:seconds].any()


def test_shifts_keep_the_boundary_in_the_clip_and_depend_on_epoch_and_index(
    tmp_path: Path,
) -> None:
    rows = read_table(write_clips(tmp_path, [1.0, 23.0, None, 12.0]))
    samples = ClipSamples(rows, tmp_path, PLAN, seed=3, shift=20, repeats=4)
    shown = [samples.sample(2, index) for index in range(len(samples))]
    boundaries = [float(sample["boundary"]) for sample in shown if sample["present"]]
    assert len(shown) == 16
    assert len(boundaries) == 12
    assert all(0 <= boundary <= SECONDS for boundary in boundaries)
    assert len(set(boundaries)) > 6
    again = ClipSamples(rows, tmp_path, PLAN, seed=3, shift=20, repeats=4, cached=False)
    for index in (15, 4):
        np.testing.assert_array_equal(again.sample(2, index)["sound"], shown[index]["sound"])


def test_every_clip_is_shown_equally_often(tmp_path: Path) -> None:
    rows = read_table(write_clips(tmp_path, [5.0, 6.0, 7.0]))
    samples = ClipSamples(rows, tmp_path, PLAN, seed=0, repeats=2)
    shown = [float(samples.sample(1, index)["boundary"]) for index in range(6)]
    assert sorted(shown) == [5, 5, 6, 6, 7, 7]


def test_of_a_longer_clip_the_start_or_the_end_is_seen() -> None:
    clip = make_clip(35.0, seconds=40.6)
    assert len(clip.frames) == 41
    for part, start in (("start", 0), ("end", 16)):
        arrays, at = seen_part(clip, PLAN, part)  # type: ignore[arg-type]
        assert at == start
        np.testing.assert_array_equal(arrays["frames"], clip.frames[start : start + SECONDS])
        column = round(start * COLUMNS_PER_SECOND)
        expected = clip.mfcc[:, column : column + PLAN.columns]
        np.testing.assert_array_equal(arrays["sound"][:, : expected.shape[1]], expected)


def test_a_shorter_clip_is_followed_by_silence_and_black() -> None:
    clip = make_clip(5.0, seconds=10)
    arrays, start = seen_part(clip, PLAN, "end")
    assert start == 0
    assert arrays["sound"].shape == (20, columns_of(SECONDS))
    assert not arrays["sound"][:, columns_of(10) :].any()
    assert arrays["frames"].shape[0] == arrays["text"].shape[0] == SECONDS
    assert not arrays["frames"][10:].any()


def test_the_columns_of_a_clip_are_padded_to_a_multiple_of_eight() -> None:
    assert columns_of(200) == 8616
    assert columns_of(200.0) % 8 == columns_of(31.7) % 8 == 0


def test_a_boundary_outside_of_the_part_that_is_seen_is_refused(tmp_path: Path) -> None:
    row = replace(read_table(write_clips(tmp_path, [11.0, 12.0]))[0], label=30.0)
    with pytest.raises(LabelError, match=r"boundary at 30.0 s is not in the 24 s from 0 s"):
        ClipSamples([row], tmp_path, PLAN).sample(1, 0)


def row_of(name: str, group: str, label: float | None = 1.0, **more: object) -> FeatureRow:
    return FeatureRow(name=name, file="", group=group, seconds=SECONDS, label=label, **more)  # type: ignore[arg-type]


def test_folds_keep_a_series_on_one_side() -> None:
    rows = [row_of(f"{k}_start", f"show{k % 3}") for k in range(12)]
    rows.append(row_of("new_start", "show9", None, labelled=False))
    train, valid = split_clips(rows, folds=3, fold=1)
    assert len(train) == 8
    assert not {row.group for row in train} & {row.group for row in valid}
    assert all(row.labelled for row in train + valid)
    with pytest.raises(LabelError, match="0 validation clips with a boundary"):
        split_clips(rows, folds=None, fold=0)
