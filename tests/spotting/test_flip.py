"""`--flip` is the mean with the scores of a video that really is mirrored, whatever is run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from playhead.inference.bundle import load_bundle
from playhead.inference.ensemble import write_ensemble
from playhead.inference.runtime import OpenVinoBackend
from playhead.inference.scores import read_scores
from playhead.learning.cuda import CudaBackend
from playhead.learning.export import export_bundle
from playhead.media import VideoWriter
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig
from playhead.spotting.model import build_from_manifest, build_model
from playhead.spotting.predict import PredictOptions, predict_videos
from playhead.spotting.score import score_video
from tests.tiny_windows import PLAN, SIZE, GeneratedVideo, TinyFusion, TinyWhole, tiny

pytestmark = pytest.mark.slow

FRAMES = 40


def image(k: int) -> NDArray[np.uint8]:
    width, height = SIZE
    return np.random.default_rng(k).integers(16, 236, (height, width)).astype(np.uint8)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A video and the same mirrored, both without loss and at the size that the models see."""
    folder = tmp_path_factory.mktemp("videos")
    plain, mirrored = folder / "plain.mp4", folder / "mirrored.mp4"
    with VideoWriter(plain, *SIZE, rate=25, crf=0) as writer:
        for k in range(FRAMES):
            writer.write(image(k))
    with VideoWriter(mirrored, *SIZE, rate=25, crf=0) as writer:
        for k in range(FRAMES):
            writer.write(image(k)[:, ::-1])
    return plain, mirrored


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of two parts, one of the part `model`, and an ensemble with longer windows."""
    home = tmp_path_factory.mktemp("bundles")
    long = PLAN.model_copy(update={"window": WindowSpec(frames=33)})
    torch.manual_seed(0)
    networks = {
        "parts": (tiny(), PLAN),
        "model": (TinyWhole().eval(), PLAN),
        "long": (TinyFusion(stacks=11).eval(), long),
    }
    for name, (network, plan) in networks.items():
        export_bundle(network, home / name, job="spotting", classes=("pass", "drive"), plan=plan)
    members = [home / name for name in networks]
    write_ensemble(members, home / "ensemble", weights=(1, 2, 3))
    return {name: home / name for name in (*networks, "ensemble")}


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("kind", ["parts", "model", "ensemble"])
def test_the_flip_is_the_mean_with_a_mirrored_video(
    videos: tuple[Path, Path], bundles: dict[str, Path], tmp_path: Path, kind: str, every: int
) -> None:
    def scores(name: str, *, flip: bool) -> list[NDArray[np.float32]]:
        options = PredictOptions(device="cpu", threads=1, precision="fp32", every=every, flip=flip)
        result = predict_videos(bundles[kind], videos, tmp_path / name, options)
        assert [file.status for file in result.files] == ["ok", "ok"]
        return [
            read_scores(tmp_path / name / f"{video.stem}.scores.npz").values for video in videos
        ]

    plain, mirrored = scores("once", flip=False)
    both, both_mirrored = scores("both", flip=True)
    assert np.abs(plain - mirrored).max() > 1e-3
    np.testing.assert_allclose(both, (plain + mirrored) / 2, atol=1e-5)
    np.testing.assert_allclose(both, both_mirrored, atol=1e-5)


class ColourVideo(GeneratedVideo):
    """Colour images, perhaps mirrored."""

    mirrored = False

    def stream(
        self, *, pixels: str, size: tuple[int, int], fit: str, wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        assert pixels == "rgb"
        for k in wanted.tolist():
            drawn = np.random.default_rng(k).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
            yield k, np.ascontiguousarray(drawn[:, ::-1]) if self.mirrored else drawn


@pytest.mark.parametrize("every", [1, 3])
def test_colour_images_are_mirrored_and_keep_their_colours(tmp_path: Path, every: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        kind="slow_fusion",
        encoder="small",
        encoder_channels=8,
        channels=8,
        head_channels=8,
        pixels="rgb",
    )
    plan = PLAN.model_copy(update={"pixels": "rgb", "size": (64, 32)})
    bundle = export_bundle(
        build_model(config, 2, plan.window).eval(),
        tmp_path / "rgb",
        job="spotting",
        classes=("pass", "drive"),
        plan=plan,
        training={"model": config.model_dump(mode="json")},
    )
    plain, mirrored = ColourVideo.at(25, 30), ColourVideo.at(25, 30)
    mirrored.mirrored = True
    loaded = load_bundle(bundle.folder)
    for backend in (
        OpenVinoBackend(loaded, threads=1),
        CudaBackend(loaded, build_from_manifest, device="cpu"),
    ):
        once, turned = (
            score_video(video, loaded.manifest, backend, every=every).values
            for video in (plain, mirrored)
        )
        both = score_video(plain, loaded.manifest, backend, every=every, flip=True).values
        assert np.abs(once - turned).max() > 1e-5
        np.testing.assert_allclose(both, (once + turned) / 2, atol=1e-6)
