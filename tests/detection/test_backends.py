"""The backend of torch under an own detector: it finds what the network's own answers say.

That the exported graph answers as the network does is tested where it is exported.
"""

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from playhead.decisions.detection import decide
from playhead.inference.bundle import (
    WEIGHTS,
    ArraySpec,
    Bundle,
    BundleManifest,
    Part,
    load_bundle,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.detectors.custom import BundleDetector, cells, view_of
from playhead.inference.detectors.plan import DetectorPlan
from playhead.inference.precision import PrecisionChoice
from playhead.learning.backends import cuda_detector
from playhead.learning.cuda import CudaBackend
from playhead.learning.nn.detector import DetectorNetwork, build_detector, build_from_manifest
from playhead.learning.settings import DetectorNetworkConfig
from playhead.learning.state import save_weights
from tests.detector_bundle import colour_graph

CLASSES = ("car", "plate", "face")
LONGEST = 160


@pytest.fixture(scope="module")
def network() -> DetectorNetwork:
    """A network whose weights are random."""
    torch.manual_seed(0)
    config = DetectorNetworkConfig(weights="none", channels=16, head_blocks=1)
    return build_detector(config, len(CLASSES)).eval()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, network: DetectorNetwork) -> Bundle:
    """Its weights, and a graph that is not run."""
    folder = tmp_path_factory.mktemp("bundles") / "random"
    config = DetectorNetworkConfig(weights="none", channels=16, head_blocks=1)
    size = len(CLASSES)
    part = Part(
        file="model.onnx",
        input=ArraySpec(shape=(None, None, None, 3), dtype="uint8"),
        output=ArraySpec(shape=(None, None, 4 + size), dtype="float32"),
    )
    manifest = BundleManifest.of(
        DetectorPlan(longest=LONGEST, strides=config.strides),
        job="detection",
        classes=CLASSES,
        parts={"model": part},
        training={"model": config.model_dump(mode="json")},
    )
    with new_bundle_folder(folder) as made:
        onnx.save(colour_graph(size, config.strides), made / "model.onnx")
        save_weights(network, made / WEIGHTS)
        write_bundle_files(made, manifest)
    return load_bundle(folder)


def images() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    sizes = [(120, 160), (160, 90), (33, 47), (300, 200)]
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def in_torch(one: Bundle, precision: PrecisionChoice) -> CudaBackend:
    return CudaBackend(one, build_from_manifest, precision=precision, device="cpu")


@pytest.mark.slow
@torch.inference_mode()
def test_torch_finds_what_the_network_says_in_images_of_any_size(
    bundle: Bundle, network: DetectorNetwork
) -> None:
    own = BundleDetector(bundle, device="cuda", cuda_factory=in_torch)
    for image, found in zip(images(), own.detect(images(), threshold=0.001), strict=True):
        view = view_of(image, LONGEST, network.strides[-1])
        answer = network.for_images()(torch.from_numpy(view.pixels)[None])[0].numpy()
        middles, _ = cells(*view.pixels.shape[:2], tuple(network.strides))
        boxes = np.concatenate([middles - answer[:, :2], middles + answer[:, 2:4]], axis=1)
        scale = np.array([view.sx, view.sy] * 2)
        expected = decide(boxes / scale, answer[:, 4:], CLASSES, own.decisions, 0.001)
        for label in CLASSES:
            assert len(found[label]) > 0
            # The surest box: random weights answer alike everywhere, and the last bit orders them.
            best = expected[label]
            assert found[label].scores[0] == pytest.approx(best.scores[0], abs=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_finds_what_torch_finds_on_a_processor(bundle: Bundle) -> None:
    there = BundleDetector(bundle, device="cuda", cuda_factory=cuda_detector)
    here = BundleDetector(bundle, device="cuda", cuda_factory=in_torch)
    found, again = (one.detect(images(), threshold=0.001) for one in (there, here))
    for one, other in zip(found, again, strict=True):
        for label in CLASSES:
            assert one[label].scores[0] == pytest.approx(other[label].scores[0], abs=1e-4)
