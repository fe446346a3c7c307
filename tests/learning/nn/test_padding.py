"""Constant padding: the same maps as "same", and no formula of the size for an exporter."""

import pytest
import timm
import torch
from timm.layers.conv2d_same import Conv2dSame

from playhead.learning.encoders import create_pyramid
from playhead.learning.nn.padding import pad_by_constants


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, (3, 5)])
@pytest.mark.parametrize("stride", [1, 2, 4, (2, 4)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_gives_what_it_gave_where_its_stride_divides_the_sides(
    kernel: int | tuple[int, int], stride: int | tuple[int, int], dilation: int
) -> None:
    torch.manual_seed(0)
    before = Conv2dSame(2, 4, kernel, stride=stride, dilation=dilation, groups=2)
    maps = torch.rand(1, 2, 32, 48)
    network = torch.nn.Sequential(before)
    expected = network(maps)
    pad_by_constants(network)
    assert network[0] is not before
    assert torch.equal(network(maps), expected)


@pytest.mark.slow
def test_a_pyramid_of_a_network_that_pads_by_size_has_its_maps_and_names_and_no_such_padding() -> (
    None
):
    pyramid = create_pyramid("tf_efficientnet_lite0", "none", (8, 16, 32)).eval()
    theirs = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=[2, 3, 4])
    assert any(isinstance(module, Conv2dSame) for module in theirs.modules())
    assert not any(isinstance(module, Conv2dSame) for module in pyramid.modules())
    theirs.load_state_dict(pyramid.network.state_dict())
    images = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        made, expected = pyramid(images), theirs.eval()(images)
    assert len(made) == len(expected) == 3
    assert all(torch.equal(one, other) for one, other in zip(made, expected, strict=True))


def test_padding_by_constants_takes_no_random_number() -> None:
    network = torch.nn.Sequential(Conv2dSame(3, 8, 3, stride=2))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    pad_by_constants(network)
    assert torch.equal(torch.rand(1), expected)
