"""Preparation of a generated season by the command, with its own labels and boxes of text."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from playhead.episodes.features.commands import add_prepare_commands
from playhead.episodes.features.table import read_features, read_table
from playhead.episodes.features.text import text_mask
from playhead.events.formats import native
from playhead.events.formats.tracks import by_frame, read_tracks
from playhead.media import open_video
from playhead.worlds.season import SeasonConfig, generate_season

SECONDS = 30


def run(*arguments):
    app = typer.Typer()
    add_prepare_commands(app)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The folder of two short episodes, and that of their features."""
    folder = tmp_path_factory.mktemp("season")
    config = SeasonConfig(episodes=2, seconds=90, rate="5")
    generate_season(folder / "tv", count=1, seed=3, config=config, processes=1)
    options = ["--out", folder / "out", "--seconds", SECONDS, "--json"]
    code, document = run("prepare", folder / "tv", *options)
    assert code == 0
    assert [file["status"] for file in document["files"]] == ["ok", "ok"]
    return folder / "tv", folder / "out"


@pytest.mark.slow
def test_the_labels_are_the_ends_of_openings_and_the_starts_of_endings(prepared):
    folder, out = prepared
    rows = read_table(out)
    assert len(rows) == 4
    for row in rows:
        assert row.group == "Show 01"
        start = read_features(out / row.file).start
        episode, part = row.name.rsplit("_", 1)
        events = native.read(folder / f"{episode}.events.json").events
        label, side = ("opening", "end") if part == "start" else ("ending", "start")
        truth = [getattr(event, side) - start for event in events if event.label == label]
        expected = [time for time in truth if 0 <= time <= SECONDS]
        assert row.label == (pytest.approx(expected[0]) if expected else None)
    assert any(row.label is not None for row in rows)


@pytest.mark.slow
def test_the_masks_are_those_of_the_boxes_of_the_season(prepared):
    folder, out = prepared
    with_text = 0
    for row in read_table(out):
        features = read_features(out / row.file)
        episode = folder / row.name.rpartition("_")[0]
        boxes_of = by_frame(read_tracks(episode.with_suffix(".tracks.npz")))
        [path] = episode.parent.glob(f"{episode.name}.m*")
        with open_video(path) as video:
            frames = video.nearest(features.start + np.arange(len(features.text)))
        for frame, mask in zip(frames.tolist(), features.text, strict=True):
            boxes = [box for _, box in boxes_of(frame)]
            np.testing.assert_array_equal(mask, text_mask(boxes, (160, 90)))
            with_text += bool(boxes)
    assert with_text


@pytest.mark.slow
def test_a_second_run_prepares_nothing(prepared):
    folder, out = prepared
    times = [path.stat().st_mtime_ns for path in sorted(out.rglob("*.npz"))]
    code, document = run("prepare", folder, "--out", out, "--seconds", SECONDS, "--json")
    assert code == 0
    assert all(file["notes"] == ["done by an earlier run"] for file in document["files"])
    assert [path.stat().st_mtime_ns for path in sorted(out.rglob("*.npz"))] == times
