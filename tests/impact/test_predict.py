"""Prediction on files: outputs, plays of two views, partial and failed videos."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.errors import BundleError, ConfigError, LabelError, PlayheadError
from playhead.events.formats import native
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.impact.candidates import read_candidates
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.grids import Gate
from playhead.impact.predict import (
    PredictOptions,
    decide_again,
    find_candidates,
    find_plays,
    predict_plays,
)
from playhead.inference.bundle import load_bundle, write_bundle_files
from playhead.media.write import VideoWriter
from tests.impact.networks import CHUNKED, FACTORED, SIZE, Frames, member_of, write_bundle

CPU = PredictOptions(device="cpu", threads=1, precision="fp32")
ALL = ImpactDecisions(helmet_threshold=0.5, impact_threshold=0.3, two_views=False)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("impact") / "bundle"
    write_bundle(folder, post_processing=ALL.model_dump(mode="json"))
    return folder


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plays ö")
    for number, name in enumerate(("one/p_left", "one/p_right", "alone")):
        path = folder / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        with VideoWriter(path, 2 * SIZE[0], 2 * SIZE[1], Fraction(60)) as writer:
            for k in range(12):
                shape = (2 * SIZE[1], 2 * SIZE[0], 3)
                seed = np.random.default_rng([number, k])
                writer.write(seed.integers(0, 256, shape, dtype=np.uint8))
    return folder


def test_every_video_gets_candidates_and_events_that_name_its_play(
    bundle: Path, plays: Path, tmp_path: Path
) -> None:
    result = predict_plays([bundle], find_plays([plays]), tmp_path, CPU)
    assert [file.status for file in result.files] == ["ok"] * 3
    names = {
        path.relative_to(tmp_path).as_posix() for file in result.files for path in file.outputs
    }
    stems = ("alone", "one/p_left", "one/p_right")
    assert names == {
        f"{stem}.{kind}" for stem in stems for kind in ("candidates.npz", "events.json")
    }
    left = read_candidates(tmp_path / "one" / "p_left.candidates.npz")
    assert (left.video, left.view, left.size) == ("p_left.mp4", "left", (128, 96))
    assert left.play == read_candidates(tmp_path / "one" / "p_right.candidates.npz").play
    assert set(left.frames.tolist()) == set(range(12))
    assert left.boxes[:, 2].max() > 64  # in pixels of the video, not of the plan
    assert left.settings["decisions"] == ALL.model_dump(mode="json")
    assert left.settings["computed_frames"] == left.settings["frames"] == 12
    events = native.read(tmp_path / "one" / "p_left.events.json")
    assert events.events
    assert {event.view for event in events.events} == {"left"}
    again = decide_again(tmp_path, tmp_path / "again")
    assert [path.read_bytes() for path in again] == [
        (tmp_path / path.relative_to(tmp_path / "again")).read_bytes() for path in again
    ]


def test_a_failed_view_leaves_the_other_unchecked_and_old_outputs_are_removed(
    bundle: Path, plays: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(plays / "one", folder)
    out = tmp_path / "out"
    strict = ImpactDecisions(
        helmet_threshold=0.5, impact_threshold=0.3, keep_score=1, view_frames=0
    )
    predict_plays([bundle], find_plays([folder]), out, CPU, decisions=strict)
    confirmed = native.read(out / "p_left.events.json").events
    (folder / "p_right.mp4").write_bytes(b"no video")
    result = predict_plays([bundle], find_plays([folder]), out, CPU, decisions=strict)
    assert [file.status for file in result.files] == ["ok", "failed"]
    assert not list(out.glob("p_right*"))
    alone = native.read(out / "p_left.events.json").events
    assert len(alone) >= len(confirmed)


def test_a_manifest_gives_the_plays_the_split_and_the_offsets(
    bundle: Path, plays: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(plays, folder)
    rows = [
        ManifestRow(folder / "one" / "p_left.mp4", group="x", view="A", split="test", offset=0.05),
        ManifestRow(folder / "alone.mp4", group="x", view="B", split="test"),
        ManifestRow(folder / "one" / "p_right.mp4", group="y", view="B", split="train"),
    ]
    manifest = folder / "manifest.csv"
    write_manifest(rows, manifest)
    result = predict_plays([bundle], find_plays([manifest], split="test"), tmp_path / "out", CPU)
    assert len(result.files) == 2
    held = read_candidates(tmp_path / "out" / "one" / "p_left.candidates.npz")
    assert (held.play, held.view, held.offset) == ("x", "A", 0.05)
    with pytest.raises(LabelError, match="split 'valid'"):
        predict_plays([bundle], find_plays([manifest], split="valid"), tmp_path / "out", CPU)
    with pytest.raises(LabelError, match="needs a manifest"):
        predict_plays([bundle], find_plays([folder], split="test"), tmp_path / "out", CPU)


def test_a_bundle_of_another_kind_is_refused(bundle: Path, plays: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    manifest = load_bundle(other).manifest.model_copy(update={"kind": "windows", "job": "spotting"})
    write_bundle_files(other, manifest)
    with pytest.raises(BundleError, match="spotting predict"):
        predict_plays([bundle, other], find_plays([plays]), tmp_path / "out", CPU)


def test_unreadable_frames_are_named_as_unseen_ranges() -> None:
    found = find_candidates(Frames(30, unreadable=(0, 20)), [member_of(FACTORED)], size=SIZE)
    assert found.unseen.tolist() == [[0, 5], [17, 25]]
    assert not set(found.frames.tolist()) & {*range(5), *range(17, 25)}


def test_fast_mode_counts_the_frames_that_it_computed() -> None:
    found = find_candidates(
        Frames(21), [member_of(FACTORED)], size=SIZE, gate=Gate(helmet_score=0.999)
    )
    assert found.settings["mode"] == "fast"
    assert (found.settings["computed_frames"], found.settings["frames"]) == (6, 21)


@pytest.mark.slow
def test_fast_mode_predicts_by_chunks_if_all_bundles_have_the_part(
    bundle: Path, plays: Path, tmp_path: Path
) -> None:
    chunked = tmp_path / "chunked"
    write_bundle(chunked, CHUNKED.model_copy(update={"pixels": "luma", "chunk_frames": 11}))
    fast = replace(CPU, mode="fast")

    def settings(name: str, bundles: list[Path], options: PredictOptions) -> dict[str, Any]:
        result = predict_plays(bundles, find_plays([plays / "alone.mp4"]), tmp_path / name, options)
        assert [file.status for file in result.files] == ["ok"]
        return dict(read_candidates(tmp_path / name / "alone.candidates.npz").settings)

    assert settings("chunks", [chunked], fast)["mode"] == "chunks"
    assert settings("exact", [chunked], CPU)["mode"] == "exact"
    assert settings("gate", [chunked, bundle], fast)["mode"] == "fast"
    by_chunks, exact = (
        read_candidates(tmp_path / name / "alone.candidates.npz") for name in ("chunks", "exact")
    )
    assert by_chunks.settings["computed_frames"] == by_chunks.settings["frames"] == 12
    assert set(by_chunks.frames.tolist()) == set(exact.frames.tolist()) == set(range(12))
    assert by_chunks.helmet.mean() == pytest.approx(exact.helmet.mean(), abs=0.05)


def test_deciding_again_takes_settings_over_decisions_over_the_recorded(tmp_path: Path) -> None:
    from playhead.impact.candidates import write_candidates
    from tests.impact.helmets import of

    rows = [(10, 0, 0.9, 0.5), (20, 0, 0.9, 0.7)]
    recorded = {"decisions": {"impact_threshold": 0.6}}
    write_candidates(of(rows, settings=recorded), tmp_path / "in" / "a.candidates.npz")
    source, out = tmp_path / "in", tmp_path / "out"

    def frames(*settings: str, decisions: ImpactDecisions | None = None) -> list[int | None]:
        [path] = decide_again(source, out, settings, decisions=decisions)
        return [event.frame for event in native.read(path).events]

    assert frames() == [20]
    assert frames(decisions=ImpactDecisions()) == [10, 20]
    assert frames("impact_threshold=0.8", decisions=ImpactDecisions()) == []
    assert (
        read_candidates(out / "a.candidates.npz").settings["decisions"]["impact_threshold"] == 0.8
    )
    with pytest.raises(ConfigError, match="impact_thresold"):
        frames("impact_thresold=0.8")
    for name in "bcd":
        write_candidates(of(rows, view=name), source / f"{name}.candidates.npz")
    with pytest.raises(PlayheadError, match="views of one play"):
        frames()
