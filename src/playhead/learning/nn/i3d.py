"""I3D ResNet: a ResNet for clips whose bottlenecks look along time in their first convolution.

I3D is from "Quo Vadis, Action Recognition?" (2017), this form from "SlowFast Networks" (2019).
Space is halved five times, time once: after the first stage.
"""

from collections.abc import Sequence
from itertools import cycle, islice

from torch import Tensor, nn

__all__ = ["I3D"]

TEMPORAL_KERNELS = ((3,), (3, 1), (3, 1), (1, 3))
"""Of the first convolution of each bottleneck, repeated along each of the four stages."""


class I3D(nn.Module):
    """Clips in, the maps of the four stages out, at strides 4, 8, 16 and 32.

    depths: bottlenecks of each stage; (3, 4, 6, 3) is ResNet-50
    width: channels of the stem; the maps have 4, 8, 16 and 32 times as many, see `channels`
    stem_frames: temporal kernel of the stem; pad_stem: whether it keeps the number of frames
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        stem_frames: int = 5,
        pad_stem: bool = True,
    ) -> None:
        super().__init__()
        padding = (stem_frames // 2 if pad_stem else 0, 3, 3)
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, width, (stem_frames, 7, 7), (1, 2, 2), padding, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.stages = nn.ModuleList()
        inputs = width
        for index, (depth, kernels) in enumerate(zip(depths, TEMPORAL_KERNELS, strict=True)):
            hidden = width * 2**index
            stage = nn.Sequential()
            for block, kernel in enumerate(islice(cycle(kernels), depth)):
                stride = 2 if index and not block else 1
                stage.append(Bottleneck(inputs, hidden, temporal=kernel, stride=stride))
                inputs = 4 * hidden
            self.stages.append(stage)
        self.halve_time = nn.MaxPool3d((2, 1, 1), ceil_mode=True)
        self.channels = tuple(4 * width * 2**index for index in range(len(depths)))

    def forward(self, clips: Tensor) -> list[Tensor]:
        """clips: (B, in_channels, T, H, W) → four maps, finest first.

        The first is (B, 4 * width, T, H / 4, W / 4), the others have ceil(T / 2) frames.
        """
        res2, res3, res4, res5 = self.stages
        c2 = res2(self.stem(clips))  # 256, 8, 56, 56 for 3, 8, 224, 224
        c3 = res3(self.halve_time(c2))  # 512, 4, 28, 28
        c4 = res4(c3)  # 1024, 4, 14, 14
        c5 = res5(c4)  # 2048, 4, 7, 7
        return [c2, c3, c4, c5]


class Bottleneck(nn.Module):
    """Reduce by a `temporal` x1x1 convolution, 1x3x3, expand by 1x1x1, add to the input."""

    def __init__(self, inputs: int, hidden: int, *, temporal: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * hidden
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = _conv_norm(inputs, outputs, (1, 1, 1), stride)
        self.branch = nn.Sequential(
            _conv_norm(inputs, hidden, (temporal, 1, 1)),
            nn.ReLU(inplace=True),
            _conv_norm(hidden, hidden, (1, 3, 3), stride),
            nn.ReLU(inplace=True),
            _conv_norm(hidden, outputs, (1, 1, 1)),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, inputs, T, h, w) → (B, 4 * hidden, T, h / stride, w / stride)."""
        added: Tensor = self.activation(self.branch(maps) + self.shortcut(maps))
        return added


def _conv_norm(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1
) -> nn.Sequential:
    """Padded convolution with a spatial stride, without bias, and batch norm."""
    padding = tuple(size // 2 for size in kernel)
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), padding, bias=False),  # type: ignore[arg-type]
        nn.BatchNorm3d(outputs),
    )
