"""Bundles saved as one: what is written, what is refused, and what their models score."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.inference.bundle import (
    Bundle,
    load_bundle,
    note_in_bundle,
    verify_bundle,
)
from playhead.inference.dense import WindowPlan, run_windows
from playhead.inference.ensemble import members_of, write_ensemble
from playhead.inference.ring import ArrayRing
from playhead.inference.runtime import Backend, OpenVinoBackend
from playhead.inference.together import WindowModel, run_models
from playhead.learning.export import export_bundle
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec
from tests.tiny_windows import PLAN, GeneratedVideo, TinyFusion, TinyWhole, tiny

CLASSES = ("pass", "drive")
LONG = PLAN.model_copy(update={"window": WindowSpec(frames=33)})


def exported(folder: Path, model: Any, plan: WindowPlan = PLAN, **more: Any) -> Path:
    values = {"job": "spotting", "classes": CLASSES, "post_processing": {"min_height": 0.2}, **more}
    export_bundle(model.eval(), folder, plan=plan, **values)
    return folder


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles of equal windows, of longer windows, of one graph, and of another size."""
    home = tmp_path_factory.mktemp("members")
    large = PLAN.model_copy(update={"size": (48, 32)})
    wide = TinyFusion()
    wide.classify = type(wide.classify)(8 * 5 * 8 * 12, 2)
    long = TinyFusion(stacks=11)
    return {
        "a": exported(home / "a", tiny(0)),
        "b": exported(home / "b", tiny(1), post_processing={"min_height": 0.4}),
        "long": exported(home / "long", long, LONG),
        "whole": exported(home / "whole", TinyWhole()),
        "large": exported(home / "large", wide, large),
    }


def of(bundle: Bundle | Path, **options: Any) -> WindowModel:
    loaded = load_bundle(bundle) if isinstance(bundle, Path) else bundle
    return WindowModel(loaded.manifest, OpenVinoBackend(loaded, threads=1), **options)


def edited(folder: Path, source: Path, **values: object) -> Path:
    """A copy of a bundle with other values in its manifest, and checksums that fit."""
    shutil.copytree(source, folder)
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    note_in_bundle(folder)
    return folder


def by_itself(video: GeneratedVideo, model: WindowModel) -> NDArray[np.float32]:
    grid = make_grid(video.times, video.duration, PLAN.grid_rate)
    every, flip = model.every, model.flip
    found = run_windows(video, grid, model.manifest, model.backend, every=every, flip=flip)
    return np.concatenate([output.values for output in found])


def together(
    video: GeneratedVideo, models: list[WindowModel], **options: Any
) -> list[NDArray[np.float32]]:
    grid = make_grid(video.times, video.duration, PLAN.grid_rate)
    values: list[list[NDArray[np.float32]]] = [[] for _ in models]
    for number, output in run_models(video, grid, models, **options):
        values[number].append(output.values)
    return [np.concatenate(own) for own in values]


@pytest.mark.slow
def test_an_ensemble_holds_whole_bundles_and_verifies_all_of_them(
    members: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "both"
    written = write_ensemble([members["a"], members["long"]], out, weights=(1, 3))
    assert load_bundle(out) == written
    assert written.manifest.kind == "ensemble"
    assert (written.manifest.job, written.manifest.classes) == ("spotting", CLASSES)
    assert written.manifest.metrics == {}
    [first, second] = members_of(written)
    assert (first.weight, second.weight) == (1.0, 3.0)
    assert first.bundle.manifest == load_bundle(members["a"]).manifest
    assert second.bundle.manifest.plan(WindowPlan).window.frames == 33
    for inner in (out / "members/00", out / "members/01"):
        verify_bundle(inner)
    assert "members/01/model.safetensors" in verify_bundle(out)
    card = (out / "README.md").read_text()
    assert "the mean of 2 models: 00 at 25% (luma, 24x16" in card
    assert "windows of 33 frames" in card

    with (out / "members/01/fuse.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"members/01/fuse.onnx: does not match"):
        load_bundle(out)


@pytest.mark.slow
def test_decisions_are_those_of_the_first_member_unless_given(
    members: dict[str, Path], tmp_path: Path
) -> None:
    folders = [members["b"], members["a"]]
    assert write_ensemble(folders, tmp_path / "x").manifest.post_processing == {"min_height": 0.4}
    given = write_ensemble(folders, tmp_path / "y", post_processing={"min_height": 0.9})
    assert given.manifest.post_processing == {"min_height": 0.9}
    noted = note_in_bundle(
        tmp_path / "y", metrics={"map@1": 0.5}, post_processing={"min_height": 0.1}
    )
    assert load_bundle(tmp_path / "y").manifest == noted.manifest
    assert noted.manifest.post_processing == {"min_height": 0.1}
    assert len(members_of(noted)) == 2


@pytest.mark.slow
def test_an_ensemble_among_the_members_enters_with_its_members(
    members: dict[str, Path], tmp_path: Path
) -> None:
    write_ensemble([members["a"], members["b"]], tmp_path / "two", weights=(1, 3))
    outer = write_ensemble([tmp_path / "two", members["long"]], tmp_path / "three", weights=(2, 1))
    assert [weight for _, weight in members_of(outer)] == [0.5, 1.5, 1.0]
    assert not list((tmp_path / "three").glob("members/*/members"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"job": "counting"}, "has the job counting, but .* has spotting"),
        ({"classes": ["drive", "pass"]}, "has the classes drive, pass, but .* has pass, drive"),
        ({"input": PLAN.model_copy(update={"rate": "native"}).model_dump(mode="json")}, "the rate"),
        ({"kind": "clips"}, "kind clips"),
    ],
)
def test_members_without_a_common_mean_are_refused(
    members: dict[str, Path], tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    other = edited(tmp_path / "other", members["b"], **values)
    with pytest.raises(BundleError, match=words):
        write_ensemble([members["a"], other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_members_listed_twice_and_weights_that_do_not_fit_are_refused(
    members: dict[str, Path], tmp_path: Path
) -> None:
    a, b = members["a"], members["b"]
    with pytest.raises(BundleError, match="is listed twice"):
        write_ensemble([a, b, a.parent / "b" / ".." / "a"], tmp_path / "out")
    with pytest.raises(PlayheadError, match="2 models need as many weights above 0"):
        write_ensemble([a, b], tmp_path / "out", weights=(1, 0))
    with pytest.raises(BundleError, match="at least one bundle"):
        write_ensemble([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_models_together_give_what_each_gives_by_itself_from_one_pass(
    members: dict[str, Path],
) -> None:
    models = [of(members["a"]), of(members["long"], flip=True), of(members["whole"])]
    video = GeneratedVideo.at(25, 90, unreadable=range(40, 41))
    found = together(video, models, batch=7)
    assert video.given == [k for k in range(90) if k != 40]  # each frame once
    for values, model in zip(found, models, strict=True):
        expected = by_itself(GeneratedVideo.at(25, 90, unreadable=range(40, 41)), model)
        np.testing.assert_array_equal(values, expected)
    unseen = [int(np.isnan(values[:, 0]).sum()) for values in found]
    assert unseen == [15, 33, 15]


@pytest.mark.slow
def test_other_images_are_read_in_a_pass_of_their_own(members: dict[str, Path]) -> None:
    models = [of(members["a"]), of(members["large"]), of(members["b"], every=3), of(members["b"])]
    video = GeneratedVideo.at(25, 30)
    found = together(video, models)
    assert len(video.given) == 3 * 30
    for values, model in zip(found, models, strict=True):
        np.testing.assert_array_equal(values, by_itself(GeneratedVideo.at(25, 30), model))


@pytest.mark.slow
def test_frames_wait_for_the_slowest_model_and_no_longer(members: dict[str, Path]) -> None:
    """The frames from the first model to the last fit in a batch of windows and two read ahead."""
    models = [of(members["a"]), of(members["long"])]
    video = GeneratedVideo.at(25, 400)
    grid = make_grid(video.times, video.duration, PLAN.grid_rate)
    reached = [-1, -1]
    for number, output in run_models(video, grid, models, batch=8):
        reached[number] = int(output.points[-1])
        assert len(video.given) <= min(399, max(reached) + 32 + 2 * 8) + 1
        assert abs(reached[0] - reached[1]) <= 2 * 8
    assert reached == [399, 399]


@pytest.mark.slow
def test_the_progress_of_all_models_is_one(members: dict[str, Path]) -> None:
    class Total:
        steps = 0.0

        def advance(self, steps: float = 1, note: str = "") -> None:
            self.steps += steps

    total = Total()
    together(
        GeneratedVideo.at(25, 50), [of(members["a"]), of(members["b"], every=7)], progress=total
    )
    assert total.steps == pytest.approx(1)


class Ahead:
    """A backend with a ring of its own, for which frames are read ahead in a thread."""

    def __init__(self, backend: Backend, *, fails: bool = False) -> None:
        self.backend, self.fails = backend, fails
        self.precision = backend.precision

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if self.fails and part == "fuse":
            raise PlayheadError("the device is gone")
        return self.backend.run(part, inputs)

    def ring(self, slots: int) -> ArrayRing:
        return ArrayRing(self, slots)

    def batch_size(self, size: tuple[int, int]) -> int:
        return 4


class SlowVideo(GeneratedVideo):
    """Decodes slower than a model computes, so that its thread is always busy."""

    def stream(
        self, *, pixels: str, size: tuple[int, int], fit: str, wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for item in super().stream(pixels=pixels, size=size, fit=fit, wanted=wanted):
            time.sleep(0.01)
            yield item


@pytest.mark.slow
def test_models_that_read_ahead_share_one_pass_too(members: dict[str, Path]) -> None:
    models = [of(members["a"]), of(members["long"]), of(members["b"])]
    ahead = [replace(model, backend=Ahead(model.backend)) for model in models]
    video = SlowVideo.at(25, 60)
    found = together(video, ahead)
    assert video.given == list(range(60))
    for values, model in zip(found, models, strict=True):
        np.testing.assert_allclose(values, by_itself(GeneratedVideo.at(25, 60), model), atol=1e-5)


@pytest.mark.slow
def test_no_thread_reads_on_when_a_model_fails(members: dict[str, Path]) -> None:
    """The video is closed then, which must not happen while a frame is decoded."""
    a, b = of(members["a"]), of(members["b"])
    models = [
        replace(a, backend=Ahead(a.backend)),
        replace(b, backend=Ahead(b.backend, fails=True)),
    ]
    before = threading.active_count()
    with pytest.raises(PlayheadError, match="the device is gone"):
        try:
            together(SlowVideo.at(25, 200), models)
        finally:
            threads = threading.active_count()
    assert threads == before


@pytest.mark.slow
def test_a_member_outside_of_the_ensemble_or_of_another_kind_is_refused(
    members: dict[str, Path], tmp_path: Path
) -> None:
    inner = write_ensemble([members["a"], members["b"]], tmp_path / "inner")
    plan = {"members": [{"folder": "../a"}]}
    outside = edited(tmp_path / "outside", inner.folder, input=plan)
    with pytest.raises(PlayheadError, match="is outside of"):
        members_of(load_bundle(outside))
    nested = inner.folder / "members/00/bundle.json"
    nested.write_text(json.dumps({**json.loads(nested.read_text()), "kind": "ensemble"}))
    note_in_bundle(inner.folder)
    with pytest.raises(BundleError, match="kind ensemble"):
        members_of(load_bundle(inner.folder))
