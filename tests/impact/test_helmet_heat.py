"""Heat maps of helmet networks: scales, sizes, and their place in prediction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from playhead.errors import BundleError, ConfigError, PlayheadError
from playhead.impact.candidates import read_candidates
from playhead.impact.grids import Gate, Member, run_clips
from playhead.impact.helmets.heat import (
    HelmetCentres,
    parse_scales,
    resized,
    scale_weights,
)
from playhead.impact.helmets.model import (
    HelmetNetwork,
    build_from_manifest,
    build_helmet_network,
)
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.network_config import CollisionNetworkConfig, HelmetNetworkConfig
from playhead.impact.predict import PredictOptions, find_candidates, find_plays, predict_plays
from playhead.impact.targets import disc_target
from playhead.inference.bundle import ArraySpec, BundleManifest, Part
from playhead.learning.cuda import CudaBackend
from playhead.learning.export import export_bundle
from playhead.media.write import VideoWriter
from tests.impact.networks import (
    FACTORED,
    I3D,
    SIZE,
    Frames,
    TorchBackend,
    member_of,
    plan_of,
    write_bundle,
)

GREY = HelmetNetworkConfig(
    encoder="resnet10t", weights="none", pixels="luma", pyramid_channels=16, branch_channels=16
)
COLOUR = GREY.model_copy(update={"pixels": "rgb"})
SCALES = (0.75, 1.0, 1.25, 1.5)
CPU = PredictOptions(device="cpu", threads=1, precision="fp32")


def network_of(config: HelmetNetworkConfig, seed: int = 0) -> HelmetNetwork:
    """A network whose output differs from pixel to pixel."""
    torch.manual_seed(seed)
    network = build_helmet_network(config)
    with torch.no_grad():
        assert network.head.bias is not None
        network.head.bias.zero_()
        network.head.weight *= 4
    return network.eval()


def heat_manifest(config: HelmetNetworkConfig, size: tuple[int, int] = SIZE) -> BundleManifest:
    plan = HeatMapPlan(size=size, pixels=config.pixels)
    spec = ArraySpec(shape=(None, None, None), dtype="float32")
    part = Part(file="model.onnx", input=spec, output=spec)
    return BundleManifest.of(plan, job="impact", classes=("helmet",), parts={"model": part})


def helmet_member(
    config: HelmetNetworkConfig = GREY, seed: int = 0, size: tuple[int, int] = SIZE
) -> Member:
    plan = HeatMapPlan(size=size, pixels=config.pixels)
    backend = TorchBackend(network_of(config, seed).export_parts(plan))
    return Member(heat_manifest(config, size), backend)


def write_helmets(folder: Path, config: HelmetNetworkConfig = GREY, seed: int = 0) -> Path:
    export_bundle(
        network_of(config, seed),
        folder,
        job="impact",
        classes=("helmet",),
        plan=HeatMapPlan(size=SIZE, pixels=config.pixels),
        training={"network": config.model_dump(mode="json")},
    )
    return folder


def by_torch(
    networks: Sequence[HelmetNetwork], image: NDArray[np.uint8], weights: dict[float, float]
) -> NDArray[np.float32]:
    """The straightforward way: resize, the whole network, sigmoid, resize back, weighted mean."""
    planes = torch.from_numpy(image).float()
    planes = planes[None] if image.ndim == 2 else planes.permute(2, 0, 1)
    height, width = image.shape[:2]

    def interpolated(maps: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(maps, size, mode="bilinear", align_corners=False)

    total = torch.zeros(height, width)
    with torch.inference_mode():
        for scale, weight in weights.items():
            size = round(height * scale), round(width * scale)
            scaled = interpolated(planes[None], size).round() / 255
            for network in networks:
                heat = network(scaled).sigmoid()[None]
                total += weight * interpolated(heat, (height, width))[0, 0] / len(networks)
    return np.asarray(total.numpy() / sum(weights.values()), np.float32)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (45, 63)])
@pytest.mark.parametrize("size", [(36, 48), (72, 96), (48, 80), (31, 200)])
def test_resizing_is_that_of_torch(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    planes = torch.from_numpy(image.reshape(*shape[:2], -1)).float().permute(2, 0, 1)[None]
    expected = F.interpolate(planes, size, mode="bilinear", align_corners=False)
    pixels = expected[0].permute(1, 2, 0).numpy().reshape(*size, *shape[2:])
    np.testing.assert_allclose(resized(image, *size), pixels, atol=1e-3)


@pytest.mark.parametrize("config", [GREY, COLOUR], ids=["luma", "rgb"])
def test_networks_and_scales_are_averaged_after_the_sigmoid(config: HelmetNetworkConfig) -> None:
    plan = plan_of(FACTORED.model_copy(update={"pixels": config.pixels}))
    members = [helmet_member(config, seed) for seed in (0, 1)]
    image = Frames(1).image(3, config.pixels)
    centres = HelmetCentres(members, plan, SCALES)
    expected = by_torch(
        [network_of(config, seed) for seed in (0, 1)],
        image,
        {0.75: 0.3, 1.0: 1.0, 1.25: 0.3, 1.5: 0.15},
    )
    np.testing.assert_allclose(centres.heat(image), expected, atol=2e-4)
    assert expected.std() > 1e-2
    cells = expected.reshape(12, 4, 16, 4).max((1, 3))
    np.testing.assert_allclose(centres(image), cells, atol=2e-4)


def test_a_scale_without_a_known_weight_weighs_one() -> None:
    assert scale_weights([1.0]) == [1]
    assert scale_weights([0.75, 1.0, 2.0]) == pytest.approx([0.3 / 2.3, 1 / 2.3, 1 / 2.3])
    assert sum(scale_weights(SCALES)) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "1,", "a", "0", "1,-1", "1,1.0", "nan", "5"])
def test_scales_are_distinct_numbers_above_0(text: str) -> None:
    with pytest.raises(PlayheadError, match="--scales"):
        parse_scales(text)
    assert parse_scales(".75, 1,1.5") == (0.75, 1, 1.5)


@pytest.mark.parametrize(
    ("collision", "helmets", "size", "message"),
    [
        (FACTORED, COLOUR, SIZE, "sees rgb of 64x48, the collision network luma of 64x48"),
        (I3D, GREY, SIZE, "sees luma of 64x48, the collision network rgb"),
        (FACTORED, GREY, (96, 48), "sees luma of 96x48"),
    ],
)
def test_helmet_networks_for_other_frames_are_refused(
    collision: CollisionNetworkConfig,
    helmets: HelmetNetworkConfig,
    size: tuple[int, int],
    message: str,
) -> None:
    with pytest.raises(BundleError, match=message):
        HelmetCentres([helmet_member(helmets, size=size)], plan_of(collision))


class DiscBackend:
    """Two discs, `apart` pixels from each other in the frame whose number is its grey value."""

    precision = "fp32"

    def __init__(self, apart: dict[int, float]) -> None:
        self.apart, self.rows = apart, 0

    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        self.rows += len(inputs)
        x = self.apart.get(int(inputs[0, 0, 0]), 40)
        boxes = [(1, 17, 13, 29), (1 + x, 17, 13 + x, 29)]
        return disc_target(boxes, *inputs.shape[1:3])[None]


class Numbered(Frames):
    def image(self, k: int, pixels: str = "luma") -> NDArray[np.uint8]:
        return np.full(SIZE[::-1], k, np.uint8)


def test_heat_maps_replace_the_centres_of_the_grid_and_nothing_else() -> None:
    video = Frames(5)
    centres = HelmetCentres([helmet_member()], plan_of(FACTORED), (1.0, 1.5))
    plain = list(run_clips(video, [member_of(FACTORED)]))
    for before, after in zip(
        plain, run_clips(video, [member_of(FACTORED)], centres=centres), strict=True
    ):
        assert before.grid is not None
        assert after.grid is not None
        expected = centres(video.image(after.frame))
        np.testing.assert_array_equal(after.grid[0], expected)
        np.testing.assert_array_equal(after.grid[1:], before.grid[1:])
        assert np.abs(expected - before.grid[0]).max() > 0.05


def test_candidates_lie_at_the_discs_and_note_how_they_were_found() -> None:
    backend = DiscBackend({})
    member = Member(heat_manifest(GREY), backend)  # type: ignore[arg-type]
    centres = HelmetCentres([member], plan_of(FACTORED))
    found = find_candidates(Numbered(3), [member_of(FACTORED)], size=SIZE, centres=centres)
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2]
    middles = np.sort((found.boxes[:, 0] + found.boxes[:, 2]).reshape(3, 2) / 2)
    assert (np.abs(middles - [7, 47]) < 4).all()
    assert found.settings["helmets"] == {"networks": 1, "scales": [1.0], "weights": [1.0]}
    assert find_candidates(Frames(1), [member_of(FACTORED)], size=SIZE).settings["helmets"] is None


def test_the_gate_opens_by_the_helmets_of_the_heat_map() -> None:
    collision = member_of(FACTORED)
    boxes = find_candidates(
        Numbered(1),
        [collision],
        size=SIZE,
        centres=HelmetCentres(
            [Member(heat_manifest(GREY), DiscBackend({}))],  # type: ignore[arg-type]
            plan_of(FACTORED),
        ),
    ).boxes
    width = float((boxes[:, 2] - boxes[:, 0]).mean())
    backend = DiscBackend({8: 20})
    member = Member(heat_manifest(GREY), backend)  # type: ignore[arg-type]
    centres = HelmetCentres([member], plan_of(FACTORED))
    gate = Gate(every=4, distance=30 / width)
    results = list(run_clips(Numbered(17), [collision], gate=gate, centres=centres))
    computed = [result.frame for result in results if result.grid is not None]
    assert computed == [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16]
    assert backend.rows == len(computed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collision bundle, helmet bundles, and a video."""
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder / "collisions")
    write_helmets(folder / "helmets")
    with VideoWriter(folder / "play.mp4", *SIZE, 30) as writer:
        for k in range(6):
            grey = Frames(1).image(k)
            writer.write(np.stack([grey] * 3, -1))
    return folder


@pytest.mark.slow
def test_a_bundle_predicts_by_its_graph_as_by_torch(folder: Path, tmp_path: Path) -> None:
    plays = find_plays([folder / "play.mp4"])
    options = PredictOptions(device="cpu", threads=1, precision="fp32", scales=(1.0, 1.25))
    bundles = [folder / "collisions"]
    result = predict_plays(bundles, plays, tmp_path, options, helmets=[folder / "helmets"])
    assert [file.status for file in result.files] == ["ok"]
    held = read_candidates(tmp_path / "play.candidates.npz")
    assert held.settings["helmets"] == {
        "networks": 1,
        "scales": [1.0, 1.25],
        "weights": [1 / 1.3, 0.3 / 1.3],
    }
    alone = tmp_path / "alone"
    predict_plays(bundles, plays, alone, CPU)
    assert read_candidates(alone / "play.candidates.npz").helmet.tolist() != held.helmet.tolist()


def test_a_bundle_that_does_not_say_its_network_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.network of the bundle"):
        build_from_manifest(heat_manifest(GREY))


@pytest.mark.slow
def test_the_torch_backend_gives_what_the_network_gives(folder: Path) -> None:
    from playhead.inference.bundle import load_bundle

    bundle = load_bundle(folder / "helmets")
    backend = CudaBackend(bundle, build_from_manifest, device="cpu")
    image = np.pad(Frames(1).image(2), ((0, 16), (0, 0)))
    with torch.inference_mode():
        expected = network_of(GREY)(torch.from_numpy(image)[None, None] / 255).sigmoid()
    np.testing.assert_allclose(backend.run("model", image[None]), expected.numpy(), atol=1e-5)


@pytest.mark.slow
def test_bundles_in_the_wrong_place_are_refused_with_the_option_that_takes_them(
    folder: Path, tmp_path: Path
) -> None:
    plays = find_plays([folder / "play.mp4"])
    with pytest.raises(BundleError, match="with --helmets"):
        predict_plays([folder / "helmets"], plays, tmp_path, CPU)
    collisions = folder / "collisions"
    with pytest.raises(BundleError, match="collisions: is not a bundle of a helmet network"):
        predict_plays([collisions], plays, tmp_path, CPU, helmets=[collisions])
