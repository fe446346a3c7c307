"""The networks of spotting, held against the recipe's figures and against their own parts."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.inference.bundle import ArraySpec, BundleManifest, Part
from playhead.inference.dense import WindowPlan
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig, full_size
from playhead.spotting.model import (
    SpottingModel,
    build_from_manifest,
    build_model,
    middle_and_differences,
    pad_to_multiple,
)

SMALL = ModelConfig()
ARMS = {
    "small": SMALL,
    "inverted": ModelConfig(fusion="inverted", head="shared", drop_path=0.2, dropout=0.2),
    "without 3D blocks": ModelConfig(fusion_blocks=0),
    "luma": ModelConfig(stack_input="luma"),
    "early fusion": ModelConfig(kind="early_fusion"),
    "timm": ModelConfig(encoder="mobilenetv2_100", weights="none", drop_path=0.2),
}
ARM = pytest.mark.parametrize("config", ARMS.values(), ids=ARMS)


def build(config: ModelConfig, classes: int = 2, frames: int = 15) -> SpottingModel:
    torch.manual_seed(0)
    return build_model(config, classes, WindowSpec(frames=frames))


def luma(batch: int = 2, frames: int = 15, height: int = 64, width: int = 112) -> Tensor:
    return torch.rand(batch, frames, height, width, generator=torch.Generator().manual_seed(1))


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "count"), [(15, 6_770_547), (33, 6_773_619)])
def test_full_size_has_the_parameters_of_the_recipe(frames: int, count: int) -> None:
    assert parameters(build(full_size("none"), frames=frames)) == count


@pytest.mark.slow
def test_a_full_size_image_of_720_rows_gives_maps_of_736() -> None:
    model = build(full_size("none")).eval()
    with torch.inference_mode():
        assert model.encode(luma(1, 3, 720, 1280)).shape == (1, 192, 23, 40)


def test_the_small_model_has_about_the_parameters_of_the_feasibility_study() -> None:
    assert parameters(build(SMALL)) == pytest.approx(210_000, rel=0.05)


@pytest.mark.slow
@ARM
def test_a_window_gives_one_logit_a_class(config: ModelConfig) -> None:
    logits = build(config, classes=5).eval()(luma(3))
    assert logits.shape == (3, 5)
    assert logits.isfinite().all()


@pytest.mark.slow
@ARM
def test_forward_is_encode_then_fuse_whatever_the_batch(config: ModelConfig) -> None:
    model, windows = build(config).eval(), luma(2)
    with torch.inference_mode():
        together = model(windows)
        for window, logits in zip(windows, together, strict=True):
            stacks = window.view(model.stacks, model.stack, *window.shape[1:])
            maps = torch.cat([model.encode(stack[None]) for stack in stacks])
            torch.testing.assert_close(model.fuse(maps[None])[0], logits, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@ARM
def test_every_parameter_is_trained(config: ModelConfig) -> None:
    model = build(config.model_copy(update={"drop_path": 0.0})).train()
    model(luma(4)).square().sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.slow
@ARM
def test_equal_seeds_give_equal_models(config: ModelConfig) -> None:
    first, second = build(config).state_dict(), build(config).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_order_of_stacks_matters_only_through_their_features() -> None:
    model, windows = build(SMALL).eval(), luma(1)
    with torch.inference_mode():
        swapped = windows.view(1, 5, 3, 64, 112).flip(1).reshape(windows.shape)
        maps = model.encode(windows.view(5, 3, 64, 112))
        torch.testing.assert_close(model.encode(swapped.view(5, 3, 64, 112)), maps.flip(0))
        assert not torch.allclose(model(swapped), model(windows))


def test_a_shared_head_without_3d_blocks_sees_each_stack_alone() -> None:
    """One stack then moves the logits by the same amount, whatever the others hold."""
    model = build(ModelConfig(fusion_blocks=0, head="shared")).eval()
    with torch.inference_mode():
        first, second = model.encode(luma(10, 3)).view(2, 1, 5, 32, 8, 14)
        moved = [maps.clone() for maps in (first, second)]
        for maps in moved:
            maps[:, 2] += 1
            maps[:, 2] = first[:, 2] + 1
        first[:, 2] = second[:, 2] = first[:, 2]
        effects = [
            model.fuse(b) - model.fuse(a) for a, b in zip((first, second), moved, strict=True)
        ]
    torch.testing.assert_close(effects[0], effects[1], atol=1e-5, rtol=1e-4)


def test_3d_blocks_let_neighbouring_stacks_meet() -> None:
    """The same change has another effect where the other stacks differ."""
    model = build(ModelConfig(head="shared")).eval()
    with torch.inference_mode():
        maps = model.encode(luma(5, 3)).unsqueeze(0)
        others = maps.flip(1)
        others[:, 2] = maps[:, 2]
        effects = []
        for base in (maps, others):
            moved = base.clone()
            moved[:, 2] += 1
            effects.append(model.fuse(moved) - model.fuse(base))
    assert not torch.allclose(effects[0], effects[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["small", "timm", "early fusion"])
def test_a_frozen_encoder_keeps_weights_statistics_and_output(arm: str) -> None:
    model = build(ARMS[arm].model_copy(update={"freeze_encoder": True}))
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    model.train()
    for _ in range(2):
        optimiser.zero_grad()
        model(luma(4)).square().sum().backward()
        optimiser.step()
    after = model.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    images = luma(2, model.stack)
    in_training = model.train().encoder(images)
    assert torch.equal(in_training, model.eval().encoder(images))


def test_all_but_the_frozen_encoder_is_trained() -> None:
    model = build(SMALL.model_copy(update={"freeze_encoder": True})).train()
    model(luma(4)).square().sum().backward()
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {"project", "fusion", "mix", "pool", "classify"}
    assert model.project.training
    assert model.fusion.training


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.sampled_from([1, 8, 16, 32])
)
def test_padding_adds_black_and_keeps_the_image_whole(
    height: int, width: int, multiple: int
) -> None:
    image = torch.rand(1, 2, height, width) + 0.5
    padded = pad_to_multiple(image, multiple)
    assert padded.shape[2] % multiple == padded.shape[3] % multiple == 0
    assert 0 <= padded.shape[2] - height < multiple
    assert padded.sum().item() == pytest.approx(image.sum().item(), rel=1e-5)
    rows, columns = padded[0, 0].any(1), padded[0, 0].any(0)
    torch.testing.assert_close(padded[:, :, rows][..., columns], image)


def test_padding_720_rows_puts_8_above_and_8_below() -> None:
    padded = pad_to_multiple(torch.ones(1, 1, 720, 1280), 32)
    assert padded.shape == (1, 1, 736, 1280)
    assert not padded[0, 0, :8].any()
    assert not padded[0, 0, -8:].any()
    assert padded[0, 0, 8:-8].all()


def test_differences_are_those_of_neighbours_round_the_middle_frame() -> None:
    first, middle, last = 0.25, 0.5, 1.0
    stack = torch.tensor([first, middle, last]).view(1, 3, 1, 1)
    assert middle_and_differences(stack).flatten().tolist() == [middle, 0.25, 0.5]


def test_a_model_of_differences_hears_brightness_once_and_a_still_image_not_at_all() -> None:
    still = luma(1, 1).expand(1, 15, 64, 112)
    assert not middle_and_differences(still)[:, 1:].any()


@pytest.mark.parametrize("stack_input", ["luma", "difference"])
def test_a_model_of_colour_sees_the_planes_of_each_frame_in_turn(stack_input: Any) -> None:
    model = build(ModelConfig(pixels="rgb", stack_input=stack_input)).eval()
    seen: list[Tensor] = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    stacks = torch.rand(2, 3, 16, 32, 3, generator=torch.Generator().manual_seed(1))
    maps = model.encode(stacks)
    red, green, blue = (stacks[..., colour] for colour in range(3))  # each (2, 3, 16, 32)
    if stack_input == "difference":
        red, green, blue = (middle_and_differences(plane) for plane in (red, green, blue))
    frames = [
        torch.stack(planes, 1)
        for planes in zip(*(c.unbind(1) for c in (red, green, blue)), strict=True)
    ]
    torch.testing.assert_close(seen[0], torch.cat(frames, 1))
    windows = torch.rand(2, 15, 16, 32, 3)
    assert model(windows).shape == (2, 2)
    assert maps.shape == (2, 32, 2, 4)


@pytest.mark.slow
def test_normalisation_is_that_of_the_encoders_weights() -> None:
    """The same weights then see (luma - mean) / std, as they were trained to."""
    config = ModelConfig(
        encoder="tf_efficientnet_lite0", weights="none", stack_input="luma", pool_after=0
    )
    plain = build(config).eval()
    normal = build(config.model_copy(update={"normalisation": "encoder"})).eval()
    stacks = luma(2, 3, 64, 128)
    with torch.inference_mode():
        torch.testing.assert_close(normal.encode(stacks), plain.encode((stacks - 0.5) / 0.5))


def test_normalised_differences_are_refused() -> None:
    with pytest.raises(ConfigError, match="use it with stack_input: luma"):
        validate(
            ModelConfig,
            {"encoder": "resnet18", "weights": "none", "normalisation": "encoder"},
            source="demo.yaml",
        )


def test_the_stride_of_a_timm_encoder_is_chosen_by_config() -> None:
    config = ModelConfig(encoder="resnet18", weights="none", encoder_stride=8, pool_after=0)
    with torch.inference_mode():
        assert build(config).eval().encode(luma(1, 3)).shape == (1, 32, 8, 14)


@pytest.mark.slow
@ARM
def test_both_parts_are_graphs_for_any_number_of_stacks_and_windows(config: ModelConfig) -> None:
    """Captured once, with the batch left open, they give what the network gives."""

    class Fuse(nn.Module):
        def __init__(self, model: SpottingModel) -> None:
            super().__init__()
            self.model = model

        def forward(self, maps: Tensor) -> Tensor:
            return self.model.fuse(maps)

    class Encode(Fuse):
        def forward(self, maps: Tensor) -> Tensor:
            return self.model.encode(maps)

    model = build(config).eval()
    any_number = {0: torch.export.Dim("n", max=64)}
    stacks = luma(4 * model.stacks, model.stack)
    with torch.no_grad():
        maps = model.encode(stacks).view(4, model.stacks, -1, *model.encode(stacks).shape[2:])
        encode = torch.export.export(Encode(model), (stacks,), dynamic_shapes=(any_number,))
        fuse = torch.export.export(Fuse(model), (maps,), dynamic_shapes=(any_number,))
        torch.testing.assert_close(encode.module()(stacks[:3]), model.encode(stacks[:3]))
        torch.testing.assert_close(fuse.module()(maps[:3]), model.fuse(maps[:3]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (63, 111), (65, 17)])
def test_odd_sizes_are_padded_not_refused(height: int, width: int) -> None:
    assert build(SMALL).eval()(luma(1, 15, height, width)).isfinite().all()


def manifest(training: dict[str, object]) -> BundleManifest:
    array = ArraySpec(shape=(None, 3, 64, 112), dtype="uint8")
    scores = ArraySpec(shape=(None, 1), dtype="float32")
    return BundleManifest.of(
        WindowPlan(window=WindowSpec(), rate="25", size=(112, 64)),
        job="spotting",
        classes=("pass",),
        parts={"model": Part(file="model.onnx", input=array, output=scores)},
        training=training,
    )


@pytest.mark.slow
def test_a_bundle_names_its_network_and_needs_no_pretrained_start() -> None:
    config = ModelConfig(encoder="mobilenetv2_100", weights="mobilenet-v2", stack_input="luma")
    model, _ = build_from_manifest(manifest({"model": config.model_dump(mode="json")}))
    expected = build_model(config.without_start(), 1, WindowSpec())
    shapes = {name: tensor.shape for name, tensor in expected.state_dict().items()}
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == shapes


@pytest.mark.parametrize("training", [{}, {"model": "small"}, {"model": {"kind": "magic"}}])
def test_a_bundle_that_names_no_network_is_refused(training: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"training\.model of the bundle"):
        build_from_manifest(manifest(training))
