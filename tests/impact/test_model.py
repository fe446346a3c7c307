"""The impact networks, held against the recipe's figures and against their own parts."""

from pathlib import Path
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.impact.loss import collision_loss
from playhead.impact.model import (
    CollisionNetwork,
    FactoredCollisionNetwork,
    I3DCollisionNetwork,
    as_input,
    build_collision_network,
    pad_to_multiple,
)
from playhead.impact.network_config import (
    CollisionLossConfig,
    CollisionNetworkConfig,
    full_size_collision,
)
from playhead.impact.targets import grid_target
from playhead.inference.bundle import InputPlan
from playhead.learning.export import export_bundle
from tests.impact.networks import ignore_neighbours, parameters

SMALL = CollisionNetworkConfig()
TINY_I3D = CollisionNetworkConfig(kind="i3d", pixels="rgb", depths=(1, 1, 1, 1), width=4)
ARMS = {
    "factored": SMALL,
    "factored without marker": SMALL.model_copy(update={"marker": False}),
    "factored in colour": SMALL.model_copy(update={"pixels": "rgb", "before": 2}),
    "factored with a closer look": SMALL.model_copy(update={"fine_channels": 12}),
    "i3d": TINY_I3D,
    "i3d without marker": TINY_I3D.model_copy(update={"marker": False, "chunk_frames": 13}),
    "i3d with the small stem": TINY_I3D.model_copy(update={"stem": "3x7x7", "pixels": "luma"}),
}
ARM = pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)


def build(config: CollisionNetworkConfig) -> CollisionNetwork:
    torch.manual_seed(0)
    network = build_collision_network(config)
    for module in network.modules():  # as after a training
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


def factored(**values: object) -> FactoredCollisionNetwork:
    network = build(validate(CollisionNetworkConfig, values, source="test")).eval()
    assert isinstance(network, FactoredCollisionNetwork)
    return network


def clips(config: CollisionNetworkConfig, height: int = 64, width: int = 96) -> Tensor:
    colours = 3 if config.pixels == "rgb" else 1
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, colours, config.frames, height, width, generator=generator)


def test_the_full_size_collision_network_has_the_parameters_of_the_recipe() -> None:
    with torch.device("meta"):
        network = build_collision_network(full_size_collision())
        without = build_collision_network(
            full_size_collision().model_copy(update={"marker": False})
        )
    assert parameters(network.backbone) == 27_239_552
    assert parameters(network.pyramid) == 2_607_872
    assert parameters(network.head) == 6_918
    assert parameters(network) == 29_854_342
    assert parameters(without) == 29_854_342 - 64 * 5 * 7 * 7


@pytest.mark.parametrize(
    ("size", "grid"), [((224, 224), (56, 56)), ((720, 1280), (180, 320)), ((736, 1280), (184, 320))]
)
def test_the_grid_has_a_quarter_of_the_frame(size: tuple[int, int], grid: tuple[int, int]) -> None:
    with torch.device("meta"):
        for config in (full_size_collision(), SMALL):
            network = build_collision_network(config).eval()
            frames = torch.empty(1, network.colours, 8, *size)
            assert network(frames).shape == (1, 6, *grid)


def test_the_small_collision_network_has_about_120_thousand_parameters() -> None:
    assert parameters(build(SMALL)) == pytest.approx(120_000, rel=0.1)


@ARM
def test_padded_rows_and_columns_are_zeros_at_the_bottom_and_right(
    config: CollisionNetworkConfig,
) -> None:
    """Sizes that are no multiples give the grid of the padded frame, cut."""
    network = build(config.model_copy(update={"marker": False})).eval()
    frames = clips(config, 52, 70)
    padded = F.pad(frames, (0, (96 if config.kind == "i3d" else 80) - 70, 0, 64 - 52))
    with torch.inference_mode():
        torch.testing.assert_close(network(frames), network(padded)[..., :13, :18])


def test_padding_keeps_the_image_at_the_top_left() -> None:
    assert pad_to_multiple(torch.ones(1, 1, 720, 1280), 32).shape == (1, 1, 736, 1280)
    padded = pad_to_multiple(torch.ones(1, 1, 3, 5), 4)
    assert padded.shape == (1, 1, 4, 8)
    assert padded[..., :3, :5].all()
    assert padded.sum() == 15


@ARM
def test_every_parameter_is_trained(config: CollisionNetworkConfig) -> None:
    network, target = build(config), torch.zeros(2, 6, 16, 24)
    target[:] = torch.from_numpy(grid_target([[20, 10, 40, 30], [60, 20, 80, 50]], [1, 0], 64, 96))
    loss = collision_loss(network(clips(config)), target, CollisionLossConfig())
    torch.autograd.backward(loss)
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@ARM
def test_the_grid_depends_on_every_frame(config: CollisionNetworkConfig) -> None:
    network, frames = build(config).eval(), clips(config)
    with torch.inference_mode():
        plain = network(frames)
        for index in range(config.frames):
            changed = frames.clone()
            changed[:, :, index] = changed[:, :, index].flip(-1)
            assert not torch.allclose(network(changed), plain, atol=1e-5)


@pytest.mark.parametrize("arm", ["factored", "i3d"])
def test_the_marker_tells_which_frame_is_meant(arm: str) -> None:
    """The same weights and frames give another grid if another frame is marked."""
    config = ARMS[arm]
    network = build(config).eval()
    with torch.inference_mode():
        plain = network(clips(config))
        network.before = 1
        assert not torch.allclose(network(clips(config)), plain, atol=1e-5)


@pytest.mark.parametrize("arm", ["factored", "i3d"])
def test_a_frozen_backbone_keeps_its_weights_and_statistics(arm: str) -> None:
    config = ARMS[arm].model_copy(update={"freeze_backbone": True})
    network = build(config)
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    optimiser = torch.optim.AdamW(network.train().parameters(), 1e-2, weight_decay=0.1)
    network(clips(config)).square().sum().backward()
    optimiser.step()
    assert all(torch.equal(before[name], v) for name, v in network.backbone.state_dict().items())
    trained = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert trained == {"pyramid", "head"}


def test_equal_seeds_give_equal_networks() -> None:
    first, second = build(SMALL).state_dict(), build(SMALL).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def of_clip(features: Tensor, network: FactoredCollisionNetwork, first: int = 0) -> Tensor:
    """The features of the clip that starts at frame `first`, as a predictor picks them."""
    window = features[first : first + network.frames, 0].clone()
    if network.marker:
        window[network.before] = features[first + network.before, 1]
    return window[None]


@pytest.mark.parametrize("arm", ["factored", "factored without marker", "factored in colour"])
def test_clips_that_share_the_features_of_frames_get_the_grid_of_the_whole(arm: str) -> None:
    network = factored(**ARMS[arm].model_dump())
    video = torch.rand(11, network.colours, 60, 90)
    with torch.inference_mode():
        features = network.encode(video)
        assert features.shape == (11, 2 if network.marker else 1, 16, 16, 24)
        for first in range(4):
            expected = network(video[first : first + 8].transpose(0, 1)[None])
            shared = network.fuse(of_clip(features, network, first))[..., :15, :23]
            torch.testing.assert_close(shared, expected, atol=1e-5, rtol=0)


def test_the_mark_is_a_further_channel_of_the_first_convolution() -> None:
    network = factored()
    assert network.backbone.mark is not None
    weight = torch.cat([network.backbone.pixels.weight, network.backbone.mark.weight], 1)
    images = torch.rand(3, 1, 64, 96)
    for marked in (0, 1):
        joined = torch.cat([images, torch.full_like(images, marked)], 1)
        expected = network.backbone.after_first(F.conv2d(joined, weight, None, 2, 3))
        torch.testing.assert_close(network.encode(images)[:, marked], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 4, 6, 8, 10, 12])
def test_a_chunk_at_once_gives_the_grid_of_every_clip(frames: int) -> None:
    network = factored(marker=False, frames=frames, before=min(1, frames - 1))
    with torch.inference_mode():
        features = network.encode(torch.rand(frames + 4, 1, 32, 48))[:, 0]
        grids = network.fuse_chunks(features[None])
        assert grids.shape == (5, 6, 8, 12)
        for first, grid in enumerate(grids):
            clip = network.fuse(features[None, first : first + frames])[0]
            torch.testing.assert_close(grid, clip, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fine", [0, 12])
def test_chunks_of_frames_give_the_grids_of_their_clips_in_order(fine: int) -> None:
    network = factored(marker=False, fine_channels=fine)
    chunks = torch.rand(2, 1, 10, 40, 56)
    with torch.inference_mode():
        grids = network(chunks)
        single = [network(chunk[None, :, k : k + 8])[0] for chunk in chunks for k in range(3)]
    torch.testing.assert_close(grids, torch.stack(single), atol=1e-5, rtol=0)


def test_a_chunk_needs_a_network_without_marker() -> None:
    with pytest.raises(ValueError, match="marker"):
        factored().fuse_chunks(torch.rand(1, 9, 16, 8, 8))


def i3d(**values: object) -> I3DCollisionNetwork:
    network = build(TINY_I3D.model_copy(update={"marker": False, **values})).eval()
    assert isinstance(network, I3DCollisionNetwork)
    return network


def clip_by_clip(network: CollisionNetwork, chunks: Tensor) -> Tensor:
    clips = range(chunks.shape[2] - network.frames + 1)
    return torch.cat(
        [network(chunk[None, :, k : k + network.frames]) for chunk in chunks for k in clips]
    )


def test_an_i3d_takes_more_frames_than_a_clip_has_as_a_chunk() -> None:
    network = i3d()
    chunks = torch.rand(2, network.colours, network.frames + 3, 48, 64)
    with torch.inference_mode():
        grids = network(chunks)
        torch.testing.assert_close(grids, network.forward_chunks(chunks), atol=0, rtol=0)
        assert len(grids) == 2 * 4
        # One clip is padded by itself, so it is not the chunk's.
        assert not torch.allclose(grids[:1], network(chunks[:1, :, : network.frames]))


STEMS = pytest.mark.parametrize("stem", ["5x7x7", "3x7x7"])


@STEMS
@pytest.mark.parametrize("length", [15, 16])
def test_an_i3d_that_ignores_neighbours_gives_the_grids_of_every_second_clip(
    stem: str, length: int
) -> None:
    """Then only the steps of halved time differ, and those only of clips from an odd frame."""
    network = i3d(stem=stem)
    ignore_neighbours(network)
    chunks = torch.rand(2, 3, length, 40, 56)
    with torch.inference_mode():
        grids = network.forward_chunks(chunks).view(2, -1, 6, 10, 14)
        single = clip_by_clip(network, chunks).view(2, -1, 6, 10, 14)
    assert grids.shape == (2, length - 7, 6, 10, 14)
    torch.testing.assert_close(grids[:, ::2], single[:, ::2], atol=1e-5, rtol=0)
    apart = (grids - single).abs().amax((0, 2, 3, 4))
    assert apart[1::2].min() > 1e-4
    between = (single[:, 2:] - single[:, :-2]).abs().amax((0, 2, 3, 4))
    assert apart[1::2].max() < between.min()  # less than from one frame to the next but one


@STEMS
def test_a_clip_from_an_odd_frame_has_the_mean_of_the_two_windows_of_halved_time(stem: str) -> None:
    network = i3d(stem=stem)
    ignore_neighbours(network)
    chunk = torch.rand(1, 3, 15, 64, 64)
    with torch.inference_mode():
        grids = network.forward_chunks(chunk)
        of = [[m.mean(2) for m in network.backbone(chunk[:, :, k : k + 8])] for k in range(8)]
        for k in (1, 3, 5):
            coarse = [(a + b) / 2 for a, b in zip(of[k - 1][1:], of[k + 1][1:], strict=True)]
            expected = network.head(network.pyramid([of[k][0], *coarse]))[0]
            torch.testing.assert_close(grids[k], expected, atol=1e-5, rtol=0)


@STEMS
def test_a_chunk_of_one_clip_has_the_grid_of_that_clip(stem: str) -> None:
    network, chunks = i3d(stem=stem), torch.rand(2, 3, 8, 40, 56)
    with torch.inference_mode():
        grids = network.forward_chunks(chunks)
        torch.testing.assert_close(grids, network(chunks), atol=1e-6, rtol=0)


def test_the_inner_clips_of_a_still_chunk_have_one_grid() -> None:
    """17 frames from its ends no padding is seen: 5 of the stem and stage 2, 6 steps after."""
    network = i3d(depths=(3, 4, 6, 3))
    chunk = torch.rand(1, 3, 1, 32, 32).expand(-1, -1, 46, -1, -1)
    with torch.inference_mode():
        grids = network.forward_chunks(chunk)
    inner = grids[18 : 46 - 18 - 8 + 1]
    torch.testing.assert_close(inner, inner[:1].expand_as(inner), atol=1e-5, rtol=0)
    assert not torch.allclose(grids[0], inner[0], atol=1e-5)


def test_a_chunk_of_an_i3d_needs_a_network_without_marker_and_a_whole_clip() -> None:
    network = build(TINY_I3D)
    assert isinstance(network, I3DCollisionNetwork)
    with pytest.raises(ValueError, match="marker"):
        network.forward_chunks(torch.rand(1, 3, 9, 32, 32))
    with pytest.raises(ValueError, match="7 frames; a clip has 8"):
        i3d().forward_chunks(torch.rand(1, 3, 7, 32, 32))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "i3d", "marker": False, "chunk_frames": 8}, "above frames .8., or 0"),
        ({"before": 8}, "before .8. must be below frames .8."),
        ({"frames": 7}, "must be even, or 1"),
        ({"kind": "i3d", "frames": 1, "before": 0}, "a factored network can have 1"),
        ({"kind": "i3d", "stem": "3x7x7", "frames": 2, "before": 1}, "at least 4"),
    ],
)
def test_clips_that_a_network_cannot_see_are_refused(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(CollisionNetworkConfig, values, source="demo.yaml")


class GridPlan(InputPlan):
    kind: ClassVar[str] = "grids"
    size: tuple[int, int] = (70, 52)
    shape: tuple[int | None, ...] = (None, 6, 13, 18)

    def describe(self) -> str:
        return "clips"

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        return self.shape


@pytest.mark.slow
@pytest.mark.parametrize(
    "arm",
    ["factored", "factored without marker", "factored in colour", "i3d", "i3d without marker"],
)
def test_all_parts_run_as_graphs_and_equal_the_network(arm: str, tmp_path: Path) -> None:
    """The exporter refuses a graph that differs from its module for another batch size."""
    network = build(ARMS[arm])
    bundle = export_bundle(
        network, tmp_path / "bundle", job="impact", classes=("impact",), plan=GridPlan()
    )
    names = {
        "i3d": ["model"],
        "i3d without marker": ["chunk", "model"],
        "factored without marker": ["frames", "sequence"],
    }
    parts = bundle.manifest.parts
    assert list(parts) == names.get(arm, ["frames", "windows"])
    if "chunk" in parts:
        assert parts["chunk"].input.shape == (1, 13, 52, 70, 3)
        assert parts["chunk"].output.shape == (6, 6, 13, 18)


@pytest.mark.parametrize("pixels", ["luma", "rgb"])
def test_the_chunk_part_gives_the_probabilities_of_the_chunk(pixels: str) -> None:
    network = i3d(pixels=pixels, chunk_frames=11)
    chunk = network.export_parts(GridPlan())[0]
    with torch.inference_mode():
        expected = network.forward_chunks(as_input(chunk.example, network.colours)).sigmoid()
        torch.testing.assert_close(chunk.module(chunk.example), expected)
    assert [part.name for part in i3d().export_parts(GridPlan())] == ["model"]


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["factored", "factored in colour"])
def test_the_parts_of_bytes_give_the_probabilities_of_the_network(arm: str) -> None:
    network = factored(**ARMS[arm].model_dump())
    colours = (3,) if network.colours == 3 else ()
    video = torch.randint(0, 256, (8, 52, 70, *colours), dtype=torch.uint8)
    unit = (video.movedim(-1, 0) if colours else video[None]).float() / 255
    frames, windows = (part.module for part in network.export_parts(GridPlan()))
    with torch.inference_mode():
        probabilities = windows(of_clip(frames(video), network))
        torch.testing.assert_close(probabilities, network(unit[None]).sigmoid(), atol=1e-5, rtol=0)


def test_images_and_clips_of_bytes_become_planes_in_the_unit_range() -> None:
    grey = torch.full((2, 4, 6, 8), 255, dtype=torch.uint8)
    assert as_input(grey, 1).shape == (2, 1, 4, 6, 8)
    assert as_input(grey, 1).unique().tolist() == [1.0]
    colour = torch.arange(2 * 4 * 6 * 8 * 3, dtype=torch.int64).remainder(256).to(torch.uint8)
    clips = colour.view(2, 4, 6, 8, 3)
    for pixels, planes in ((clips, as_input(clips, 3)), (clips[:, 0], as_input(clips[:, 0], 3))):
        for channel in range(3):
            torch.testing.assert_close(planes[:, channel], pixels[..., channel] / 255)
