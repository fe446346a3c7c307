"""The helmet network: its heat map, its parameters and its graph."""

from pathlib import Path

import pytest
import torch

from playhead.impact.helmets.model import HelmetNetwork, build_helmet_network
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.loss import helmet_loss
from playhead.impact.network_config import HelmetNetworkConfig, full_size_helmet
from playhead.impact.targets import disc_target
from playhead.learning.export import export_bundle
from tests.impact.networks import parameters

# Group norms, since an untrained batch norm does not normalise in evaluation mode.
TINY_HELMET = HelmetNetworkConfig(
    encoder="mobilenetv2_035",
    weights="none",
    pyramid_channels=16,
    branch_channels=16,
    norm="group",
)


def helmets(config: HelmetNetworkConfig = TINY_HELMET) -> HelmetNetwork:
    torch.manual_seed(0)
    return build_helmet_network(config)


@pytest.mark.parametrize("size", [(64, 96), (50, 70)])
def test_the_heat_map_has_the_resolution_of_the_frame(size: tuple[int, int]) -> None:
    network = helmets().eval()
    with torch.inference_mode():
        heat = network(torch.rand(2, 3, *size))
    assert heat.shape == (2, *size)
    assert -6 < float(heat.mean()) < -2  # nearly all is background


def test_the_full_size_helmet_network_is_a_pyramid_on_resnet_34() -> None:
    with torch.device("meta"):
        network = helmets(full_size_helmet("none")).eval()
        assert network(torch.empty(1, 3, 720, 1280)).shape == (1, 720, 1280)
    # ResNet-34 without its classifier; laterals are narrower than on ResNet-50.
    assert parameters(network.encoder) == 21_284_672
    assert parameters(network.pyramid) == 2_607_872 - 256 * (3840 - 960)


def test_every_parameter_of_the_helmet_network_is_trained() -> None:
    network, target = helmets(), torch.from_numpy(disc_target([[20, 10, 40, 30]], 64, 96))
    loss = helmet_loss(network(torch.rand(2, 3, 64, 96)), target.expand(2, -1, -1))
    torch.autograd.backward(loss)
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.slow
def test_the_helmet_network_is_a_graph_for_sides_of_multiples_of_32(tmp_path: Path) -> None:
    plan = HeatMapPlan(size=(96, 64), pixels="rgb")
    network = helmets(TINY_HELMET.model_copy(update={"encoder": "resnet10t"}))  # exports quickly
    export_bundle(network, tmp_path / "bundle", job="impact", classes=("helmet",), plan=plan)
