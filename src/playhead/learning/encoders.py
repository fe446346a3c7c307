"""2D encoders: `small` or any timm model, and their pretrained weights.

A timm encoder starts at random only with `weights: none`.
"""

import difflib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from huggingface_hub import constants as hub
from safetensors import SafetensorError
from torch import Tensor, nn

from playhead.errors import ConfigError, WeightsError
from playhead.inference.weights import find_weight, weight_path
from playhead.learning.nn.padding import pad_by_constants
from playhead.learning.nn.small import SmallEncoder
from playhead.learning.state import read_state_dict

__all__ = ["Encoder", "Pyramid", "create_encoder", "create_pyramid"]

State = dict[str, Tensor]


class Encoder(nn.Module):
    """A 2D network with one output map.

    channels, stride: of the map
    mean, std: per input channel, the normalisation of the pretrained weights (0 and 1: none)
    """

    def __init__(
        self,
        network: nn.Module,
        channels: int,
        stride: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.network = network
        self.channels, self.stride = channels, stride
        self.mean, self.std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        """images: (N, in_channels, H, W) → (N, channels, H / stride, W / stride)."""
        maps: Any = self.network(images)
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
    """Create the encoder `name` with its initial weights.

    weights: `none` (drawn from torch's generator), the name of packaged weights, `hub` (timm's own
    download), or the path of a .pth or .safetensors file; `small` takes none.
    stride: of the output map of a timm model; deeper layers are dropped
    Raises ConfigError for an unknown network, WeightsError if the weights do not exist or fit.
    """
    if name == "small":
        small = SmallEncoder(in_channels, small_channels)
        zeros, ones = (0.0,) * in_channels, (1.0,) * in_channels
        return Encoder(small, small.channels, small.stride, zeros, ones)
    _known(name)
    level = _level(name, stride)
    options: dict[str, Any] = {"features_only": True, "out_indices": [level]}
    options |= {"in_chans": in_channels} | ({"drop_path_rate": drop_path} if drop_path else {})
    network = _started(name, weights, options)
    _cut_after_map(network)
    cfg = network.pretrained_cfg
    return Encoder(
        network,
        network.feature_info.channels()[-1],
        stride,
        _one_each(cfg["mean"], in_channels),
        _one_each(cfg["std"], in_channels),
    )


class Pyramid(nn.Module):
    """A 2D network with a map at each of several strides, for detectors.

    channels, strides: of each map, strides rising
    mean, std: per colour, the normalisation of the pretrained weights
    """

    def __init__(self, network: Any, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.channels: tuple[int, ...] = tuple(network.feature_info.channels())
        self.strides = strides
        cfg = network.pretrained_cfg
        self.mean, self.std = _one_each(cfg["mean"], 3), _one_each(cfg["std"], 3)

    def forward(self, images: Tensor) -> list[Tensor]:
        """images: (N, 3, H, W) → for each stride s (N, its channels, H / s, W / s)."""
        maps: list[Tensor] = self.network(images)
        return maps


def create_pyramid(name: str, weights: str | None, strides: tuple[int, ...]) -> Pyramid:
    """Create the timm encoder `name` with a map at each stride; see `create_encoder`.

    Raises ConfigError for an unknown network, one without a map at a stride, or `small`, which has
    only one map; WeightsError if the weights do not exist or fit.
    """
    if name == "small":
        raise ConfigError("encoder small has one map; a pyramid needs a timm model")
    _known(name)
    levels = [_level(name, stride) for stride in strides]
    network = _started(name, weights, {"features_only": True, "out_indices": levels})
    _cut_after_map(network)
    pad_by_constants(network)
    return Pyramid(network, strides)


def _started(name: str, weights: str | None, options: Mapping[str, Any]) -> Any:
    match weights:
        case None:
            raise WeightsError(
                f"encoder {name} needs weights: none (a random start), a name of "
                "`playhead weights list`, hub, or the path of a file"
            )
        case "none":
            return _create(name, **options)
        case "hub":
            return _from_hub(name, options)
        case packaged if (row := find_weight(packaged)) is not None:
            if row.encoder != name:
                fits = f"for encoder {row.encoder}" if row.encoder else "not an encoder's"
                raise WeightsError(f"weights {packaged} are {fits}, the encoder is {name}")
            state = _by_order(name, read_state_dict(weight_path(packaged)), packaged)
        case path:
            state = _by_name(name, read_state_dict(_file(name, Path(path))), path)
    with _silenced("timm.models._builder"):
        return _create(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **options
        )


@contextmanager
def _silenced(logger: str) -> Iterator[None]:
    """Silence timm's warnings about the classifier's keys, which an encoder does not need.

    The needed keys have been checked before.
    """
    noisy = logging.getLogger(logger)
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        yield
    finally:
        noisy.setLevel(level)


def _create(name: str, **options: Any) -> Any:
    try:
        return timm.create_model(name, **{"pretrained": False, **options})
    except TypeError as error:
        raise ConfigError(f"encoder {name}: timm cannot build it so: {error}") from error


def _known(name: str) -> None:
    if timm.is_model(name):
        return
    close = difflib.get_close_matches(name, ["small", *timm.list_models()], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see timm.list_models()"
    raise ConfigError(f"encoder {name} is neither small nor a timm model ({hint})")


def _level(name: str, stride: int) -> int:
    """The index of the deepest map at `stride`, without using memory or random numbers."""
    with torch.device("meta"):
        strides = list(_create(name, features_only=True).feature_info.reduction())
    if stride not in strides:
        raise ConfigError(
            f"encoder {name} has no map at stride {stride}, only at "
            f"{', '.join(str(known) for known in sorted(set(strides)))}"
        )
    return len(strides) - 1 - strides[::-1].index(stride)


def _cut_after_map(network: Any) -> None:
    """Drop blocks past the map; timm does so itself except for its EfficientNet family."""
    folder, _, last = network.feature_info.module_name()[-1].rpartition(".")
    if folder == "blocks" and isinstance(getattr(network, "blocks", None), nn.Sequential):
        network.blocks = network.blocks[: int(last) + 1]


def _one_each(values: Iterable[float], in_channels: int) -> tuple[float, ...]:
    colours = tuple(values)
    return tuple(colours[channel % len(colours)] for channel in range(in_channels))


def _from_hub(name: str, options: Mapping[str, Any]) -> Any:
    try:
        return _create(name, pretrained=True, **options)
    except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
        cfg = timm.get_pretrained_cfg(name)
        repository = None if cfg is None else cfg.hf_hub_id
        copy = ""
        if repository:
            folder = f"models--{repository.replace('/', '--')}"
            copy = f"copy {folder} from the cache of a machine that has it to {hub.HF_HUB_CACHE}, "
        raise WeightsError(
            f"weights hub: timm could not load {name} ({str(error).splitlines()[0]}); {copy}"
            "give a file, or use packaged weights (`playhead weights list`)"
        ) from error


def _file(name: str, path: Path) -> Path:
    if path.is_file():
        return path
    raise WeightsError(
        f"weights {path} for encoder {name}: neither a file nor packaged weights; give none, hub, "
        "a name of `playhead weights list`, or the path of a .pth or .safetensors file"
    )


def _expected(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the complete timm model with its ImageNet head, in order."""
    with torch.device("meta"):
        return _shapes(_create(name).state_dict())


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Names and shapes without batch norm counters, which some files lack and are not needed."""
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


def _by_order(name: str, state: State, source: str) -> State:
    """Match tensors by order, for files with other names; every shape must agree."""
    expected, actual = _expected(name), _shapes(state)
    nothing: tuple[str, tuple[int, ...]] = ("nothing", ())
    for (key, shape), (other, got) in zip_longest(
        expected.items(), actual.items(), fillvalue=nothing
    ):
        if shape != got:
            raise WeightsError(
                f"weights {source} do not fit encoder {name}: has {other} {got} where "
                f"{key} {shape} is needed"
            )
    return {key: state[other] for key, other in zip(expected, actual, strict=True)}


def _by_name(name: str, state: State, source: str) -> State:
    """Match tensors by name and shape; the unused head may differ or be missing."""
    expected, actual = _expected(name), _shapes(state)
    needed = _used(name, expected)
    problems = {
        "are missing": [key for key in needed if key not in actual],
        "have another shape": [
            key for key in needed if actual.get(key, expected[key]) != expected[key]
        ],
        "belong to no layer": [key for key in actual if key not in expected],
    }
    details = [f"{_some(keys)} {what}" for what, keys in problems.items() if keys]
    if details:
        raise WeightsError(f"weights {source} do not fit encoder {name}: {'; '.join(details)}")
    return {
        key: state[key] if actual.get(key) == shape else torch.zeros(shape)
        for key, shape in expected.items()
    }


def _used(name: str, keys: Iterable[str]) -> list[str]:
    """The keys of the complete model that its feature maps need."""
    with torch.device("meta"):
        features = _create(name, features_only=True).state_dict()
    plain = {key.removeprefix("model.").replace(".", "_") for key in features}
    return [key for key in keys if key.replace(".", "_") in plain]


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"{', '.join(keys[:3])}{more}"
