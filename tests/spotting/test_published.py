"""Published checkpoints, held against a network with their layers and names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from playhead.errors import WeightsError
from playhead.inference.bundle import load_bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.runtime import OpenVinoBackend
from playhead.spotting import published
from playhead.spotting.model import build_from_manifest
from playhead.spotting.predict import PredictOptions
from playhead.spotting.published import read_ball_2023
from tests.command import playhead_json, run

CHANNELS, HIDDEN, HEAD = 192, 576, 256


class Normed3d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn3d = nn.BatchNorm3d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        normed: Tensor = self.bn3d(maps)
        return normed


class Block(nn.Module):
    """An inverted residual over time and space under the published names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_pw = nn.Conv3d(CHANNELS, HIDDEN, 1, bias=False)
        self.bn1 = Normed3d(HIDDEN)
        self.conv_dw = nn.Conv3d(HIDDEN, HIDDEN, 3, padding=1, groups=HIDDEN, bias=False)
        self.bn2 = Normed3d(HIDDEN)
        self.se = nn.Module()
        self.se.conv_reduce = nn.Conv3d(HIDDEN, 24, 1)
        self.se.conv_expand = nn.Conv3d(24, HIDDEN, 1)
        self.conv_pwl = nn.Conv3d(HIDDEN, CHANNELS, 1, bias=False)
        self.bn3 = Normed3d(CHANNELS)

    def forward(self, maps: Tensor) -> Tensor:
        wide = nn.functional.silu(self.bn1(self.conv_pw(maps)))
        wide = nn.functional.silu(self.bn2(self.conv_dw(wide)))
        part: Any = self.se
        means = nn.functional.silu(part.conv_reduce(wide.mean((2, 3, 4), keepdim=True)))
        total: Tensor = self.bn3(self.conv_pwl(wide * part.conv_expand(means).sigmoid())) + maps
        return total


class Reference(nn.Module):
    """The published network: grey frames (B, T, H, W) in [0, 1] → logits (B, classes)."""

    def __init__(self, frames: int = 15, classes: int = 2) -> None:
        super().__init__()
        self.conv2d_encoder = timm.create_model(
            "tf_efficientnetv2_b0", features_only=True, out_indices=[4], in_chans=3
        )
        self.conv2d_projection = nn.Sequential(
            nn.Conv2d(192, CHANNELS, 1, bias=False), nn.BatchNorm2d(CHANNELS)
        )
        self.conv3d_encoder = nn.Sequential(*(Block() for _ in range(4)))
        self.conv3d_projection = nn.Sequential(
            nn.Conv2d(CHANNELS, HEAD, 1, bias=False), nn.BatchNorm2d(HEAD)
        )
        self.global_pool = nn.Module()
        self.global_pool.p = nn.Parameter(torch.tensor([3.0]))
        self.classifier = nn.Linear(frames // 3 * HEAD, classes)

    def forward(self, frames: Tensor) -> Tensor:
        logits = []
        for window in frames:  # (T, H, W)
            maps = self.conv2d_encoder(torch.stack(window.split(3)))[-1]  # (stacks, 192, h, w)
            maps = nn.functional.silu(self.conv2d_projection(maps))
            maps = self.conv3d_encoder(maps.transpose(0, 1)[None])[0]  # (192, stacks, h, w)
            maps = self.conv3d_projection(maps.transpose(0, 1))  # (stacks, 256, h, w)
            power = torch.clamp(nn.functional.silu(maps), min=1e-6) ** self.global_pool.p
            pooled = power.mean((2, 3)) ** (1 / self.global_pool.p)  # (stacks, 256)
            logits.append(self.classifier(pooled.flatten()))
        return torch.stack(logits)


def settled(reference: Reference, frames: int) -> Reference:
    """Random weights whose logits differ between inputs and between the stacks of a window."""
    with torch.no_grad():
        for module in reference.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        reference.global_pool.p.fill_(2.5)
        reference.train()(torch.rand(2, frames, 64, 96).round())
    return reference.eval()


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.manual_seed(0)
    return settled(Reference(), 15)


def checkpoint(state: dict[str, Tensor], path: Path, **params: Any) -> Path:
    """A file as the reference's training writes it."""
    params = {
        "nn_module": ("multidim_stacker", {"stack_size": 3, "act_layer": "silu"}),
        "frame_stack_step": 2,
        "image_size": (1280, 736),
        **params,
    }
    torch.save({"model_name": "BallActionModel", "params": params, "nn_state_dict": state}, path)
    return path


@pytest.mark.slow
def test_a_published_checkpoint_gives_the_same_logits(reference: Reference, tmp_path: Path) -> None:
    path = checkpoint(reference.state_dict(), tmp_path / "model.pth")
    model, window, classes = read_ball_2023(path)
    assert (window.frames, window.step, window.stack) == (15, 2, 3)
    assert classes == ("PASS", "DRIVE")
    frames = torch.rand(3, 15, 64, 96).round()
    with torch.inference_mode():
        expected, computed = reference(frames), model(frames)
        backwards = model(frames.flip(1))
    assert expected.std(0).min() > 0.05
    assert (expected - computed).abs().max() < 1e-4
    assert (expected - backwards).abs().max() > 0.05  # the order of frames and stacks counts


@pytest.mark.slow
def test_long_windows_of_a_compiled_parallel_network_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(1)
    reference = settled(Reference(33, 15), 33)
    state = {f"module._orig_mod.{k}": v.half() for k, v in reference.state_dict().items()}
    model, window, classes = read_ball_2023(checkpoint(state, tmp_path / "m.pth"))
    assert (window.frames, window.stacks, len(classes), classes[-1]) == (33, 11, 15, "Card")
    assert next(model.parameters()).dtype is torch.float32
    frames = torch.rand(1, 33, 64, 96).round()
    with torch.inference_mode():
        assert (reference(frames) - model(frames)).abs().max() < 0.05


@pytest.mark.slow
def test_a_checkpoint_becomes_a_bundle_that_predicts(
    reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert published.SIZE == (1280, 720)
    monkeypatch.setattr(published, "SIZE", (96, 40))  # padded as 720 rows are, in a second
    path, out = checkpoint(reference.state_dict(), tmp_path / "ö.pth"), tmp_path / "ball"
    command = ("bundle", "convert", path, "--as", "ball-2023", "--out", out)
    document = playhead_json(*command)
    assert document == {"input": str(path), "output": str(out), "classes": ["PASS", "DRIVE"]}
    bundle = load_bundle(out)
    plan = bundle.manifest.plan(WindowPlan)
    assert (plan.rate, plan.pixels, plan.window.frames) == ("25", "luma", 15)
    decisions = bundle.manifest.post_processing
    assert (decisions["smoothing_seconds"], decisions["min_height"]) == (0.12, 0.2)
    assert decisions["distance_seconds"] == 0.6
    assert PredictOptions().over(bundle.manifest).flip
    build_from_manifest(bundle.manifest)[0].load_state_dict(
        read_ball_2023(path)[0].state_dict()
    )  # as a CUDA backend or a further training builds it

    images = np.random.default_rng(0).integers(0, 2, (5, 3, 40, 96), dtype=np.uint8) * 255
    backend = OpenVinoBackend(bundle, threads=1)
    scores = backend.run("fuse", backend.run("encode", images)[None])
    padded = nn.functional.pad(torch.from_numpy(images).float() / 255, (0, 0, 12, 12))
    with torch.inference_mode():
        expected = reference(padded.reshape(1, 15, 64, 96)).sigmoid().numpy()
    assert np.abs(scores - expected).max() < 1e-4
    assert run(*command).err == f"playhead: {out}: exists already; --overwrite replaces it\n"


def without(name: str) -> Any:
    return lambda state: {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
    ("change", "params", "complaint"),
    [
        (without("classifier.weight"), {}, "has no classifier of two dimensions"),
        (without("global_pool.p"), {}, r"1 missing \(global_pool.p\)"),
        (lambda s: s | {"x": torch.zeros(1)}, {}, r"1 unexpected \(x\)"),
        (lambda s: s | {"global_pool.p": torch.zeros(2)}, {}, r"p is \(2,\) instead of \(1,\)"),
        (lambda s: s | {"classifier.weight": torch.zeros(3, 1280)}, {}, "has 3 classes"),
        (lambda s: s | {"classifier.weight": torch.zeros(2, 1024)}, {}, "has 1024 inputs"),
        (lambda s: s | {"classifier.weight": torch.zeros(2, 1300)}, {}, "has 1300 inputs"),
        (lambda s: s, {"image_size": (640, 352)}, r"images of \(640, 352\)"),
        (lambda s: s, {"frame_stack_step": "two"}, "frame_stack_step is 'two'"),
    ],
)
def test_checkpoints_of_other_networks_are_refused(
    reference: Reference, tmp_path: Path, change: Any, params: dict[str, Any], complaint: str
) -> None:
    path = checkpoint(change(reference.state_dict()), tmp_path / "other.pth", **params)
    with pytest.raises(WeightsError, match=complaint) as caught:
        read_ball_2023(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "the ball-action-spotting repository" in str(caught.value)


@pytest.mark.parametrize("content", [{"params": {}}, [1, 2], Path("code")])
def test_files_without_a_network_are_refused_in_one_line(tmp_path: Path, content: Any) -> None:
    path, out = tmp_path / "other.pth", tmp_path / "ball"
    torch.save(content, path)
    finished = run("bundle", "convert", path, "--as", "ball-2023", "--out", out)
    assert (finished.code, len(finished.err.splitlines())) == (2, 1)
    assert not out.exists()


def test_the_step_of_the_checkpoint_is_that_of_the_windows(
    reference: Reference, tmp_path: Path
) -> None:
    path = checkpoint(reference.state_dict(), tmp_path / "m.pth", frame_stack_step=1)
    assert read_ball_2023(path)[1].step == 1
