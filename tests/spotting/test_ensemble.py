"""Ensembles: the mean of saved scores of several folders, and bundles saved as one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import PlayheadError
from playhead.events.formats import native
from playhead.inference.bundle import Bundle, load_bundle
from playhead.inference.scores import Scores, read_scores, write_scores
from playhead.spotting.ensemble import decide_again, ensemble_bundles, ensemble_scores
from playhead.spotting.predict import PredictOptions, predict_videos
from tests.command import playhead, playhead_json, run
from tests.spotting.conftest import Tiny

CLASSES = ("pass", "drive")


def values_of(seed: int, points: int = 50) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((points, 2), dtype=np.float32)


def scores_of(values: NDArray[np.float32], **more: Any) -> Scores:
    times = np.arange(len(values)) / 25
    frames = np.arange(len(values), dtype=np.int32)
    return Scores("a.mp4", times, frames, times, CLASSES, values, {"min_height": 0.3}, **more)


def folder_of(folder: Path, videos: Mapping[str, NDArray[np.float32]], **more: Any) -> Path:
    for name, values in videos.items():
        write_scores(scores_of(values, **more), folder / f"{name}.scores.npz")
    return folder


def test_a_video_is_the_weighted_mean_of_the_members_that_have_a_score_there(
    tmp_path: Path,
) -> None:
    a, b = values_of(0), values_of(1)
    b[10:20] = np.nan
    a[15:25] = np.nan
    folders = [folder_of(tmp_path / "a", {"x": a}), folder_of(tmp_path / "b", {"x": b})]
    result = ensemble_scores(folders, tmp_path / "out", weights=(1, 3))
    mean = read_scores(tmp_path / "out/x.scores.npz")
    expected = (a + 3 * b) / 4
    expected[10:15], expected[20:25], expected[15:20] = a[10:15], b[20:25], np.nan
    np.testing.assert_allclose(mean.values, expected, atol=1e-6)
    assert mean.members == 2
    assert mean.decisions["min_height"] == 0.3
    assert result.notes() == ()
    assert result.outputs == (tmp_path / "out/x.events.json",)
    assert native.read(result.outputs[0]).events


def test_members_of_members_are_counted(tmp_path: Path) -> None:
    folders = [
        folder_of(tmp_path / "a", {"x": values_of(0)}, members=5),
        folder_of(tmp_path / "b", {"x": values_of(1)}),
    ]
    ensemble_scores(folders, tmp_path / "out")
    assert read_scores(tmp_path / "out/x.scores.npz").members == 6


def test_a_video_of_some_folders_counts_with_those_and_is_told(tmp_path: Path) -> None:
    x, y, z = values_of(0), values_of(1), values_of(2)
    folders = [
        folder_of(tmp_path / "a", {"x": x, "y": y, "z": z}),
        folder_of(tmp_path / "b", {"x": y, "z": x}),
        folder_of(tmp_path / "c", {"x": z}),
    ]
    result = ensemble_scores(folders, tmp_path / "out", weights=(5, 1, 1))
    assert result.members == {"x": 3, "y": 1, "z": 2}
    assert result.notes() == ("in 1 of 3 folders only: y", "in 2 of 3 folders only: z")
    np.testing.assert_array_equal(read_scores(tmp_path / "out/y.scores.npz").values, y)
    mean = read_scores(tmp_path / "out/z.scores.npz").values
    np.testing.assert_allclose(mean, (5 * z + x) / 6, atol=1e-6)


def test_folders_without_a_common_video_are_gathered_and_that_is_told(tmp_path: Path) -> None:
    folders = [
        folder_of(tmp_path / "a", {"x": values_of(0)}),
        folder_of(tmp_path / "b", {"y": values_of(1)}),
    ]
    result = ensemble_scores(folders, tmp_path / "out")
    assert len(result.outputs) == 2
    [note] = result.notes()
    assert "no video is in two of the 2 folders" in note


def test_a_name_that_lacks_its_folders_is_the_same_video(tmp_path: Path) -> None:
    """`predict` mirrors the folders of the videos that it gets together."""
    a, b, c = values_of(0), values_of(1), values_of(2)
    folders = [
        folder_of(tmp_path / "a", {"1": a}),
        folder_of(tmp_path / "b", {"cup/derby/1": b, "cup/derby/11": c}),
        folder_of(tmp_path / "c", {"derby/1": c}),
    ]
    result = ensemble_scores(folders, tmp_path / "out")
    assert result.members == {"cup/derby/1": 3, "cup/derby/11": 1}
    mean = read_scores(tmp_path / "out/cup/derby/1.scores.npz").values
    np.testing.assert_allclose(mean, (a + b + c) / 3, atol=1e-6)


def test_videos_that_a_folder_tells_apart_stay_apart(tmp_path: Path) -> None:
    both = {"1": values_of(0), "derby/1": values_of(1)}
    folders = [folder_of(tmp_path / "a", both), folder_of(tmp_path / "b", both)]
    result = ensemble_scores(folders, tmp_path / "out")
    assert result.members == {"1": 2, "derby/1": 2}


@pytest.mark.parametrize(
    ("first", "second"), [(["1"], ["derby/1", "final/1"]), (["1", "derby/1"], ["cup/derby/1"])]
)
def test_names_that_fit_two_videos_are_refused(
    tmp_path: Path, first: list[str], second: list[str]
) -> None:
    folders = [
        folder_of(tmp_path / "a", {name: values_of(0) for name in first}),
        folder_of(tmp_path / "b", {name: values_of(0) for name in second}),
    ]
    with pytest.raises(PlayheadError, match="tell them apart"):
        ensemble_scores(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scores_of_another_video_or_other_classes_are_refused(tmp_path: Path) -> None:
    a = folder_of(tmp_path / "a", {"x": values_of(0)})
    b = folder_of(tmp_path / "b", {"x": values_of(0, points=49)})
    with pytest.raises(PlayheadError, match="49 grid points up to 1.920 s, but .* 50 grid points"):
        ensemble_scores([a, b], tmp_path / "out")
    other = scores_of(values_of(0))
    c = tmp_path / "c/x.scores.npz"
    write_scores(Scores(**{**fields(other), "classes": ("drive", "pass")}), c)
    with pytest.raises(PlayheadError, match="has the classes drive, pass, but"):
        ensemble_scores([a, c.parent], tmp_path / "out")


def fields(scores: Scores) -> dict[str, Any]:
    return {name: getattr(scores, name) for name in scores.__dataclass_fields__}


def test_an_output_that_is_a_member_is_refused(tmp_path: Path) -> None:
    folders = [folder_of(tmp_path / name, {"x": values_of(0)}) for name in ("a", "b")]
    for out in (tmp_path / "b", tmp_path / "a" / "mean"):
        with pytest.raises(PlayheadError, match="is one of the folders of the ensemble"):
            ensemble_scores(folders, out)
    with pytest.raises(PlayheadError, match="at least two folders"):
        ensemble_scores(folders[:1], tmp_path / "out")


def test_deciding_from_folders_of_other_videos_names_the_video(tmp_path: Path) -> None:
    a = folder_of(tmp_path / "a", {"x": values_of(0), "y": values_of(1)})
    b = folder_of(tmp_path / "b", {"x": values_of(0)})
    with pytest.raises(PlayheadError, match=r"b: has no scores of y, but .*a has"):
        decide_again([a, b], tmp_path / "out", [])


def test_the_command_prints_what_it_wrote_and_which_videos_lack_members(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", {"x": values_of(0), "y": values_of(1)})
    folder_of(tmp_path / "b", {"x": values_of(2)})
    options = ("--set", "min_height=0.9", "--set", "smoothing_seconds=0")
    arguments = ("spotting", "ensemble", tmp_path / "a", tmp_path / "b", *options)
    printed = playhead(*arguments, "--out", tmp_path / "out")
    assert "2 videos" in printed
    assert "in 1 of 2 folders only: y" in printed
    events = native.read(tmp_path / "out/y.events.json").events
    assert events
    assert all(event.score >= 0.9 for event in events)
    document = playhead_json(*arguments, "--weights", "2,1", "--out", tmp_path / "json")
    assert document["members"] == {"x": 2, "y": 1}
    assert document["outputs"] == [str(tmp_path / f"json/{n}.events.json") for n in ("x", "y")]
    finished = run(*arguments, "--weights", "2", "--out", tmp_path / "no")
    assert finished.code == 2
    assert "2 folders need 2 numbers above 0" in finished.err


@pytest.fixture(scope="session")
def two(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The bundle of the tiny run and that of its first epoch."""
    other = tmp_path_factory.mktemp("bundles") / "first epoch"
    playhead("bundle", "export", tiny.run, "--epoch", 1, "--out", other)
    return tiny.bundle, other


@pytest.mark.slow
def test_a_bundle_of_bundles_predicts_the_mean_of_their_scores(
    tiny: Tiny, two: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "both"
    printed = playhead("bundle", "ensemble", tiny.run, two[1], "--weights", "1,3", "--out", out)
    assert printed.startswith(f"{out}: the mean of 2 models: 00 at 25%, 01 at 75% (luma, 64x36")
    assert "members/01/encode.onnx" in playhead_json("bundle", "verify", out)["verified"]
    assert playhead_json("bundle", "info", out)["kind"] == "ensemble"
    assert "predict BUNDLE" in playhead("bundle", "info", out)

    result = playhead_json("spotting", "predict", out, tiny.test_video, "--out", tmp_path / "mean")
    assert [file["status"] for file in result["files"]] == ["ok"]
    mean = read_scores(tmp_path / "mean/match-003.scores.npz")
    folders = []
    for number, bundle in enumerate(two):
        folders.append(tmp_path / f"{number}")
        playhead("spotting", "predict", bundle, tiny.test_video, "--out", folders[-1])
    ensemble_scores(folders, tmp_path / "saved", weights=(1, 3))
    saved = read_scores(tmp_path / "saved/match-003.scores.npz")
    np.testing.assert_allclose(mean.values, saved.values, atol=1e-6)
    assert np.abs(mean.values - read_scores(folders[0] / "match-003.scores.npz").values).max() > 0
    assert mean.members == saved.members == 2
    assert mean.decisions == load_bundle(tiny.bundle).manifest.post_processing


@pytest.mark.slow
def test_decisions_of_a_bundle_of_bundles_are_given_or_tuned(
    tiny: Tiny, two: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "both"
    playhead("bundle", "ensemble", *two, "--set", "min_height=0.95", "--out", out)
    assert load_bundle(out).manifest.post_processing["min_height"] == 0.95
    finished = run("bundle", "ensemble", *two, "--out", out)
    assert "--overwrite" in finished.err
    finished = run("bundle", "ensemble", *two, "--set", "height=1", "--out", tmp_path / "no")
    assert "height is not a setting" in finished.err
    finished = run(
        "bundle", "ensemble", *two, "--set", "per_class.goal.min_height=1", "--out", tmp_path / "no"
    )
    assert "per_class.goal: the scores have no such class" in finished.err
    assert not (tmp_path / "no").exists()

    videos, scores = tiny.manifest.parent, tmp_path / "scores"
    playhead("spotting", "predict", out, videos, "--out", scores)
    playhead("spotting", "tune", scores, "--truth", tiny.manifest, "--bundle", out)
    tuned = load_bundle(out).manifest
    assert tuned.metrics["tuned_on_videos"] == 4
    assert "| tuned_on_videos | 4 |" in (out / "README.md").read_text(encoding="utf-8")
    assert "min_height" in tuned.post_processing


@pytest.mark.slow
def test_the_members_of_an_ensemble_run_in_torch_as_on_the_cpu(
    tiny: Tiny, two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playhead.learning.cuda import CudaBackend

    opened = []

    def open_on_the_cpu(
        bundle: Bundle, precision: str, build: Any, *, compile_parts: bool
    ) -> CudaBackend:
        opened.append(bundle.folder.name)
        return CudaBackend(bundle, build, device="cpu")

    out = tmp_path / "both"
    ensemble_bundles(two, out, weights=(1, 2))
    scores = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setattr("playhead.learning.cuda.open_cuda", open_on_the_cpu)
        options = PredictOptions(device=device, threads=1, precision="fp32", every=5)
        result = predict_videos(out, [tiny.test_video], tmp_path / device, options)
        assert [file.status for file in result.files] == ["ok"]
        scores[device] = read_scores(tmp_path / device / "match-003.scores.npz").values
    assert opened == ["00", "01"]
    np.testing.assert_allclose(scores["cuda"], scores["cpu"], atol=1e-4)
