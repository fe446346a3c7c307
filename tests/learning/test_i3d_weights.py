"""Weights of pytorchvideo's I3D, held against a small network with its layers and names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from playhead.errors import ConfigError, WeightsError
from playhead.learning.i3d_weights import convert_i3d, load_i3d, rename_i3d
from playhead.learning.nn.i3d import I3D
from playhead.learning.state import read_tensors, write_tensors
from tests.command import playhead_json, run

DEPTHS, WIDTH = (2, 2, 1, 3), 4
KERNELS = ((3, 3), (3, 1), (3,), (1, 3, 1))


class Block(nn.Module):
    """A residual block under pytorchvideo's names."""

    def __init__(self, inputs: int, hidden: int, kernel: int, stride: int, first: bool) -> None:
        super().__init__()
        outputs = 4 * hidden
        self.branch1_conv = self.branch1_norm = None
        if first:
            self.branch1_conv = nn.Conv3d(inputs, outputs, 1, (1, stride, stride), bias=False)
            self.branch1_norm = nn.BatchNorm3d(outputs)
        self.branch2 = nn.Module()
        layers = {
            "a": nn.Conv3d(inputs, hidden, (kernel, 1, 1), padding=(kernel // 2, 0, 0), bias=False),
            "b": nn.Conv3d(
                hidden, hidden, (1, 3, 3), (1, stride, stride), padding=(0, 1, 1), bias=False
            ),
            "c": nn.Conv3d(hidden, outputs, 1, bias=False),
        }
        for letter, layer in layers.items():
            self.branch2.add_module(f"conv_{letter}", layer)
            self.branch2.add_module(f"norm_{letter}", nn.BatchNorm3d(layer.out_channels))

    def forward(self, maps: Tensor) -> Tensor:
        added = maps
        if self.branch1_conv is not None and self.branch1_norm is not None:
            added = self.branch1_norm(self.branch1_conv(maps))
        part: Any = self.branch2
        maps = part.norm_a(part.conv_a(maps)).relu()
        maps = part.norm_b(part.conv_b(maps)).relu()
        total: Tensor = added + part.norm_c(part.conv_c(maps))
        return total.relu()


class Reference(nn.Module):
    """`create_resnet` with a `stage1_pool`: blocks 0 to 6."""

    def __init__(
        self, kernels_of: Sequence[Sequence[int]] = KERNELS, width: int = WIDTH, classes: int = 5
    ) -> None:
        super().__init__()
        stem = nn.Module()
        stem.conv = nn.Conv3d(3, width, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False)
        stem.norm = nn.BatchNorm3d(width)
        self.blocks = nn.ModuleList([stem])
        inputs = width
        for stage, kernels in enumerate(kernels_of):
            hidden = width * 2**stage
            blocks = nn.ModuleList()
            for at, kernel in enumerate(kernels):
                stride = 2 if stage and not at else 1
                blocks.append(Block(inputs, hidden, kernel, stride, first=not at))
                inputs = 4 * hidden
            self.blocks.append(nn.Module())
            self.blocks[-1].res_blocks = blocks
            if not stage:
                self.blocks.append(nn.MaxPool3d((2, 1, 1)))
        self.blocks.append(nn.Module())
        self.blocks[-1].proj = nn.Linear(inputs, classes)

    def forward(self, clips: Tensor) -> list[Tensor]:
        stem: Any = self.blocks[0]
        maps = stem.norm(stem.conv(clips)).relu()
        maps = nn.functional.max_pool3d(maps, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        levels = []
        for block in list(self.blocks)[1:-1]:
            if isinstance(block, nn.MaxPool3d):
                maps = block(maps)
                continue
            stage: Any = block
            for residual in stage.res_blocks:
                maps = residual(maps)
            levels.append(maps)
        return levels


def small(in_channels: int = 3, **options: Any) -> I3D:
    return I3D(in_channels, depths=DEPTHS, width=WIDTH, **options)


@pytest.fixture(scope="module")
def reference() -> Reference:
    """With statistics and scales that differ from layer to layer."""
    torch.manual_seed(0)
    network = Reference()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for values in (module.weight, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                assert values is not None
                nn.init.uniform_(values, -0.5, 0.5)
    return network.eval()


@pytest.fixture(scope="module")
def converted(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "i3d.safetensors"
    write_tensors(path, rename_i3d(reference.state_dict(), small()))
    return path


def test_the_converted_network_gives_the_maps_of_the_reference(
    reference: Reference, converted: Path
) -> None:
    network = small()
    report = load_i3d(network, converted, colours=3)
    assert set(report.loaded) == set(network.state_dict())
    assert report.missing + report.unexpected + report.reshaped == ()
    clips = torch.rand(2, 3, 8, 32, 32)
    with torch.inference_mode():
        for ours, theirs in zip(network.eval()(clips), reference(clips), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_marker_changes_nothing_before_training_and_grey_is_the_same_in_every_colour(
    reference: Reference, converted: Path
) -> None:
    marked, grey = small(4), small(2)
    load_i3d(marked, converted, colours=3)
    load_i3d(grey, converted, colours=1)
    clips, luma, mark = (
        torch.rand(1, 3, 8, 32, 32),
        torch.rand(1, 1, 8, 32, 32),
        torch.rand(1, 1, 8, 32, 32),
    )
    with torch.inference_mode():
        for network, colours in ((marked, clips), (grey, luma)):
            ours = network.eval()(torch.cat([colours, mark], 1))
            theirs = reference(colours.expand(1, 3, 8, 32, 32))
            torch.testing.assert_close(ours[-1], theirs[-1], rtol=1e-4, atol=1e-4)


def test_a_stem_of_another_temporal_kernel_is_left_as_initialised(converted: Path) -> None:
    network = small(4, stem_frames=3, pad_stem=False)
    before = network.state_dict()["stem.0.weight"].clone()
    report = load_i3d(network, converted, colours=3)
    assert report.reshaped == ("stem.0.weight",)
    assert "left as initialised: stem (1)" in report.describe(converted)
    assert torch.equal(network.state_dict()["stem.0.weight"], before)
    with pytest.raises(ConfigError, match="frozen"):
        load_i3d(network.requires_grad_(False), converted, colours=3)
    other = I3D(4, depths=(2, 2, 1, 2), width=WIDTH, stem_frames=3, pad_stem=False)
    with pytest.raises(WeightsError, match="unexpected"):
        load_i3d(other, converted, colours=3)


def test_weights_of_another_depth_are_refused(converted: Path) -> None:
    with pytest.raises(WeightsError, match="missing.*another model"):
        load_i3d(I3D(depths=(2, 2, 2, 3), width=WIDTH), converted, colours=3)


def test_missing_unexpected_and_reshaped_tensors_are_named(reference: Reference) -> None:
    state = reference.state_dict()
    counter = "blocks.0.norm.num_batches_tracked"
    assert rename_i3d({k: v for k, v in state.items() if k != counter}, small())
    del state["blocks.0.norm.bias"]
    with pytest.raises(WeightsError, match=r"1 missing \(blocks.0.norm.bias\)"):
        rename_i3d(state, small())
    state = reference.state_dict() | {"blocks.7.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"1 unexpected \(blocks.7.weight\)"):
        rename_i3d(state, small())
    state = reference.state_dict()
    state["blocks.0.conv.weight"] = state["blocks.0.conv.weight"][:, :, 2:3]
    with pytest.raises(
        WeightsError, match=r"conv.weight is \(4, 3, 1, 7, 7\) instead of \(4, 3, 5"
    ):
        rename_i3d(state, small())


@pytest.mark.slow
def test_a_checkpoint_of_full_size_is_converted_by_the_command(tmp_path: Path) -> None:
    path, out = tmp_path / "I3D ö.pyth", tmp_path / "i3d.safetensors"
    with torch.device("meta"):
        full = Reference(((3, 3, 3), (3, 1, 3, 1), (3, 1, 3, 1, 3, 1), (1, 3, 1)), 64, 400)
    state = {  # one number repeated takes no room in the file
        name: torch.ones((), dtype=value.dtype).expand(value.shape)
        for name, value in full.state_dict().items()
    }
    torch.save({"model_state": state, "epoch": 196, "cfg": "NUM_GPUS: 8"}, path)
    command = ("bundle", "convert", path, "--as", "i3d-r50", "--out", out)
    assert playhead_json(*command) == {"input": str(path), "output": str(out), "tensors": 318}
    network = I3D(4)
    report = load_i3d(network, out, colours=3)
    assert len(report.loaded) == 318
    assert network.state_dict()["stem.0.weight"][0, :, 0, 0, 0].tolist() == [1, 1, 1, 0]
    assert run(*command).err == f"playhead: {out}: exists already; --overwrite replaces it\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            {"model_state": {"blocks.0.conv.weight": torch.zeros(1)}},
            "i3d-r50 is the checkpoint I3D_8x8_R50",
        ),
        ({"epoch": 1}, "has no state dict"),
        (Path("code"), "not a file of plain tensors"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: Any, complaint: str) -> None:
    path, out = tmp_path / "other.pyth", tmp_path / "i3d.safetensors"
    torch.save(content, path)
    finished = run("bundle", "convert", path, "--as", "i3d-r50", "--out", out)
    assert (finished.code, len(finished.err.splitlines())) == (2, 1)
    assert complaint in finished.err
    assert not out.exists()


@pytest.mark.parametrize(
    "content", [b"job: impact\n", b"<html>", b"\x00\x01\x02", b"", b"PK\x03\x04x"]
)
def test_a_file_of_another_kind_is_refused_without_unsafe_advice(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other.pyth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a file of plain tensors") as caught:
        convert_i3d(path, tmp_path / "i3d.safetensors")
    assert "weights_only" not in str(caught.value)


def test_a_missing_file_and_another_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="none.pyth"):
        convert_i3d(tmp_path / "none.pyth", tmp_path / "i3d.safetensors")
    with pytest.raises(WeightsError, match="safetensors"):
        convert_i3d(tmp_path / "none.pyth", tmp_path / "i3d.pth")


def test_half_precision_becomes_float32(reference: Reference) -> None:
    half = {name: value.half() for name, value in reference.state_dict().items()}
    tensors = rename_i3d(half, small())
    assert tensors["stem.0.weight"].dtype is torch.float32
    assert tensors["stem.1.num_batches_tracked"].dtype is torch.int64


def test_the_file_keeps_three_colours(converted: Path) -> None:
    assert read_tensors(converted)[0]["stem.0.weight"].shape == (WIDTH, 3, 5, 7, 7)
