"""2D encoders: `small` (our own) or any timm model, and where their weights come from.

A timm encoder never starts at random unless `weights: none` says so.
"""

from typing import Any

import timm
from torch import Tensor, nn

from playhead.learning.nn.small import SmallEncoder

__all__ = ["Encoder", "create_encoder"]


class Encoder(nn.Module):
    """A 2D network with one output map.

    channels: of the map; stride: pixels of the picture to one of the map;
    mean, std: one number for each input channel, what the weights were trained with.
    """

    def __init__(
        self,
        network: nn.Module,
        channels: int,
        stride: int,
        mean: tuple[float, ...] = (),
        std: tuple[float, ...] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.channels, self.stride = channels, stride
        self.mean, self.std = mean, std

    def forward(self, pictures: Tensor) -> Tensor:
        """pictures: (N, in_channels, H, W) → (N, channels, H / stride, W / stride)."""
        maps: Any = self.network(pictures)
        return maps if isinstance(maps, Tensor) else maps[-1]


def create_encoder(
    name: str,
    weights: str | None,
    in_channels: int = 3,
    *,
    stride: int = 32,
    small_channels: int = 48,
    drop_path: float = 0.0,
) -> Encoder:
    """The encoder `name` with its start; `stride` picks the map of a timm model."""
    if name == "small":
        network = SmallEncoder(in_channels, small_channels)
        return Encoder(network, network.channels, network.stride)
    network = timm.create_model(
        name,
        pretrained=weights == "hub",
        features_only=True,
        out_indices=[-1],
        in_chans=in_channels,
        drop_path_rate=drop_path,
    )
    return Encoder(
        network, network.feature_info.channels()[-1], network.feature_info.reduction()[-1]
    )
