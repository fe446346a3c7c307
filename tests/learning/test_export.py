from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from playhead.errors import BundleError
from playhead.inference.bundle import Bundle, DataSource, load_bundle, verify_bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.runtime import OpenVinoBackend, open_backend
from playhead.learning import export
from playhead.learning.cuda import CudaBackend, open_cuda
from playhead.learning.export import TOLERANCE, compact_bundle, export_bundle
from playhead.learning.parts import ExportPart, noise_images, split_parts
from playhead.samples.windows import WindowSpec

pytestmark = pytest.mark.slow

PLAN = WindowPlan(window=WindowSpec(), rate="25", size=(24, 16))
CLASSES = ("pass", "drive")


class Split(nn.Module):
    """A model in two parts, with all that behaves otherwise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.two = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.SiLU())
        self.drop = nn.Dropout(0.5)
        self.three = nn.Sequential(
            nn.Conv3d(4, 4, 3, padding=1, groups=4), nn.BatchNorm3d(4), nn.SiLU()
        )
        self.classify = nn.Linear(4, 2)

    def encode(self, stacks: Tensor) -> Tensor:
        maps: Tensor = self.two(stacks)
        return maps

    def fuse(self, maps: Tensor) -> Tensor:
        pooled = self.three(maps.transpose(1, 2)).mean((2, 3, 4))
        logits: Tensor = self.classify(self.drop(pooled))
        return logits

    def export_parts(self, plan: WindowPlan) -> list[ExportPart]:
        width, height = plan.size
        return split_parts(self, noise_images(2, 3, height, width), stacks=5)


class Whole(nn.Module):
    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(15 * 24 * 16, classes))

    def forward(self, luma: Tensor) -> Tensor:
        scores: Tensor = torch.sigmoid(self.net(luma.float() / 255))
        return scores

    def export_parts(self, plan: WindowPlan) -> list[ExportPart]:
        width, height = plan.size
        example = noise_images(2, plan.window.frames, height, width)
        return [ExportPart("model", self, example, {0: 1})]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def split() -> Split:
    torch.manual_seed(3)
    return Split()


def export_to(folder: Path, model: nn.Module, *, sources: Sequence[DataSource] = ()) -> Bundle:
    return export_bundle(model, folder, job="spotting", classes=CLASSES, plan=PLAN, sources=sources)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export_to(tmp_path_factory.mktemp("export") / "bundle", split())


def test_each_part_is_one_file_that_holds_its_weights(exported: Bundle) -> None:
    assert names(exported.folder) == sorted([*verify_bundle(exported.folder), "SHA256SUMS"])
    for part in ("encode", "fuse"):
        graph = onnx.load(exported.graph(part), load_external_data=False)
        assert not any(tensor.external_data for tensor in graph.graph.initializer)
        assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_the_graphs_hold_no_path_of_the_machine_they_were_made_on(exported: Bundle) -> None:
    here = [str(Path(__file__).parent), str(Path(export.__file__).parent), str(Path.cwd())]
    for part in ("encode", "fuse"):
        data = exported.graph(part).read_bytes()
        assert not any(path.encode() in data for path in here)
        assert b".py" not in data


def test_the_same_model_gives_the_same_bytes(exported: Bundle, tmp_path: Path) -> None:
    again = export_to(tmp_path / "again", split())
    sums = [(folder / "SHA256SUMS").read_text() for folder in (exported.folder, again.folder)]
    assert sums[0] == sums[1]


def test_the_graphs_give_the_scores_of_the_model(exported: Bundle) -> None:
    model = split().eval()
    luma = np.random.default_rng(1).integers(0, 256, (4, 5, 3, 16, 24), dtype=np.uint8)
    backend = OpenVinoBackend(exported, threads=1)
    maps = backend.run("encode", luma.reshape(20, 3, 16, 24))
    scores = backend.run("fuse", maps.reshape(4, 5, *maps.shape[1:]))
    with torch.inference_mode():
        made = model.encode(torch.from_numpy(luma.reshape(20, 3, 16, 24)).float() / 255)
        expected = torch.sigmoid(model.fuse(made.view(4, 5, *made.shape[1:])))
    np.testing.assert_allclose(scores, expected.numpy(), atol=TOLERANCE)


def test_export_leaves_the_model_in_training_and_its_weights_alone(tmp_path: Path) -> None:
    model = split().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    export_to(tmp_path / "bundle", model)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())


def test_graphs_that_differ_from_the_model_are_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Off(OpenVinoBackend):
        def run(self, part, inputs):
            return super().run(part, inputs) + np.float32(2 * TOLERANCE)

    monkeypatch.setattr(export, "OpenVinoBackend", Off)
    with pytest.raises(BundleError, match=r"encode differs from the model by 2\.0e-04"):
        export_to(tmp_path / "bundle", split())
    assert names(tmp_path) == []


def test_a_model_that_gives_nan_is_refused(tmp_path: Path) -> None:
    model = split()
    nn.init.constant_(model.classify.bias, float("nan"))
    with pytest.raises(BundleError, match="nan"):
        export_to(tmp_path / "bundle", model)


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="2 classes"):
        export_to(tmp_path / "bundle", Whole(classes=3))
    assert names(tmp_path) == []


def test_a_second_export_replaces_the_first(exported: Bundle, tmp_path: Path) -> None:
    export_to(tmp_path / "bundle", Whole())
    export_to(tmp_path / "bundle", split())
    assert list(load_bundle(tmp_path / "bundle").manifest.parts) == ["encode", "fuse"]


def build(manifest: object) -> tuple[nn.Module, WindowPlan]:
    torch.manual_seed(99)
    return Split(), PLAN


def test_the_torch_backend_gives_the_scores_of_the_graphs(exported: Bundle) -> None:
    graphs = OpenVinoBackend(exported, threads=1)
    torch_backend = CudaBackend(exported, build, device="cpu")
    luma = np.random.default_rng(2).integers(0, 256, (5, 3, 16, 24), dtype=np.uint8)[..., ::-1]
    maps = torch_backend.run("encode", luma)
    np.testing.assert_allclose(maps, graphs.run("encode", luma), atol=TOLERANCE)
    scores = torch_backend.run("fuse", maps[None])
    np.testing.assert_allclose(scores, graphs.run("fuse", maps[None]), atol=TOLERANCE)


def test_the_torch_backend_in_bf16_gives_float32_near_it(exported: Bundle) -> None:
    luma = np.random.default_rng(2).integers(0, 256, (5, 3, 16, 24), dtype=np.uint8)
    exact = CudaBackend(exported, build, device="cpu").run("encode", luma)
    rough = CudaBackend(exported, build, device="cpu", precision="bf16").run("encode", luma)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.05 * np.abs(exact).max()


def test_the_torch_backend_refuses_weights_of_another_network(exported: Bundle) -> None:
    with pytest.raises(BundleError, match="do not match the network"):
        CudaBackend(exported, lambda manifest: (Whole(), PLAN), device="cpu")


def test_the_torch_backend_names_its_parts(exported: Bundle) -> None:
    with pytest.raises(BundleError, match="encode, fuse"):
        CudaBackend(exported, build, device="cpu").run("model", np.zeros((1, 3, 16, 24), np.uint8))


def test_there_is_no_cuda_backend_without_a_device(
    exported: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert open_cuda(exported, "fp32", build) is None


def test_a_compact_copy_gives_nearly_the_same_scores_with_fp16_weights(
    exported: Bundle, tmp_path: Path
) -> None:
    compact = compact_bundle(exported.folder, tmp_path / "compact")
    verify_bundle(compact.folder)
    for name, part in exported.manifest.parts.items():
        rng = np.random.default_rng(3)
        shape = [2 if axis == 0 else size or 64 for axis, size in enumerate(part.input.shape)]
        noise = (
            rng.integers(0, 256, shape, dtype=np.uint8)
            if part.input.dtype == "uint8"
            else rng.random(shape, np.float32)
        )
        whole, small = (
            OpenVinoBackend(bundle, threads=1).run(name, noise) for bundle in (exported, compact)
        )
        assert 0 < np.abs(whole - small).max() < 0.02 * max(1, np.abs(whole).max())

    for part in exported.manifest.parts.values():
        types = [
            [value.data_type for value in onnx.load(bundle.folder / part.file).graph.initializer]
            for bundle in (exported, compact)
        ]
        assert onnx.TensorProto.FLOAT in types[0]
        assert onnx.TensorProto.FLOAT not in types[1]
        assert types[1].count(onnx.TensorProto.FLOAT16) == types[0].count(onnx.TensorProto.FLOAT)
    assert not (compact.folder / "model.safetensors").exists()


def test_the_card_names_the_data_sets_with_licences_and_attributions(tmp_path: Path) -> None:
    sources = [
        DataSource(name="matches", licence="MIT", attribution="the league", url="example.org"),
        DataSource(name="more matches"),
    ]
    bundle = export_to(tmp_path / "bundle", split(), sources=sources)
    assert load_bundle(bundle.folder).manifest.sources == tuple(sources)
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "- matches, MIT, the league, example.org\n- more matches\n" in card


def test_a_compact_bundle_runs_on_the_cpu_and_says_that_it_has_no_weights_for_torch(
    exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact = compact_bundle(exported.folder, tmp_path / "compact")

    def never(bundle: Bundle, precision: str) -> None:
        raise AssertionError("no CUDA without weights")

    monkeypatch.setattr("playhead.inference.runtime._has_driver", lambda: True)
    assert open_backend(compact, threads=1, cuda_factory=never).precision
    with pytest.raises(BundleError, match="compact bundle has no weights for torch"):
        print(compact.weights)
