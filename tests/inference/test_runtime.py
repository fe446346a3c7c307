import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.inference import runtime
from playhead.inference.bundle import Bundle
from playhead.inference.precision import Precision
from playhead.inference.runtime import OpenVinoBackend, cpu_options, open_backend, openvino_core
from tests.detector_bundle import STRIDES, write_detector_bundle


class OnCuda:
    def run(self, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        raise NotImplementedError


def stacks(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 16, 24), dtype=np.uint8)


def cpu_has(precision: str) -> bool:
    return precision in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_part_takes_any_batch_and_its_results_do_not_depend_on_it(
    bundle: Bundle, threads: int
) -> None:
    backend = OpenVinoBackend(bundle, threads=threads)
    whole = backend.run("encode", stacks(7))
    assert whole.shape == (7, 6, 4, 6)
    assert whole.dtype == np.float32
    for index in range(7):
        one = backend.run("encode", stacks(7)[index : index + 1])
        np.testing.assert_allclose(one[0], whole[index], atol=1e-6)


def test_results_stay_as_they_were_when_more_is_run(bundle: Bundle) -> None:
    backend = OpenVinoBackend(bundle, threads=1)
    first = backend.run("encode", stacks(2))
    before = first.copy()
    backend.run("encode", 255 - stacks(2))
    np.testing.assert_array_equal(first, before)


def test_an_array_that_is_not_contiguous_is_read_right(bundle: Bundle) -> None:
    backend = OpenVinoBackend(bundle, threads=1)
    mirrored = stacks(2)[..., ::-1]
    expected = backend.run("encode", mirrored.copy())
    np.testing.assert_array_equal(backend.run("encode", mirrored), expected)


def test_an_unknown_part_is_answered_with_those_there_are(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="encode, fuse"):
        OpenVinoBackend(bundle, threads=1).run("decode", stacks(1))


def test_only_the_parts_that_will_run_are_compiled(bundle: Bundle, tmp_path: Path) -> None:
    shutil.copy(bundle.graph("encode"), tmp_path)
    (tmp_path / "fuse.onnx").write_bytes(b"no graph")
    broken = Bundle(tmp_path, bundle.manifest)
    backend = open_backend(broken, device="cpu", threads=1, parts=["encode"])
    assert len(backend.run("encode", stacks(1))) == 1


@pytest.mark.parametrize(("batch", "large"), [(1, 4_000_000), (None, 1000), (None, 4_000_000)])
def test_a_part_with_a_fixed_batch_or_large_rows_gets_all_threads(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, batch: int | None, large: int
) -> None:
    streams = []

    def options(threads: int, count: int, precision: Precision) -> dict[str, Any]:
        streams.append((threads, count))
        return cpu_options(threads, count, precision)

    monkeypatch.setattr(runtime, "cpu_options", options)
    monkeypatch.setattr(runtime, "LARGE", large)
    part = bundle.manifest.parts["encode"]
    shape = (batch, *part.input.shape[1:])
    fixed = part.model_copy(update={"input": part.input.model_copy(update={"shape": shape})})
    manifest = bundle.manifest.model_copy(update={"parts": {"encode": fixed}})
    backend = OpenVinoBackend(Bundle(bundle.folder, manifest), threads=3)
    small = batch is None and large > 1000
    assert streams == [(3, 3 if small else 1)]
    assert len(backend.run("encode", stacks(1))) == 1


def test_a_graph_that_is_none_is_a_bundle_error(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "encode.onnx").write_bytes(b"no graph")
    broken = Bundle(tmp_path, bundle.manifest)
    with pytest.raises(BundleError, match=r"encode\.onnx: OpenVINO cannot run"):
        OpenVinoBackend(broken, threads=1).run("encode", stacks(1))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_precision_is_what_the_caller_says_or_refused(bundle: Bundle, precision: str) -> None:
    if not cpu_has(precision.upper()):
        with pytest.raises(PlayheadError, match=f"precision {precision}: this processor"):
            open_backend(bundle, device="cpu", precision=precision)
        return
    exact = OpenVinoBackend(bundle, threads=1).run("encode", stacks(3))
    rough = open_backend(bundle, device="cpu", threads=1, precision=precision)
    apart = np.abs(rough.run("encode", stacks(3)) - exact).max()
    assert 0 < apart < 0.05 * np.abs(exact).max()


def test_an_unknown_precision_or_device_is_answered_with_the_valid_ones(bundle: Bundle) -> None:
    with pytest.raises(PlayheadError, match="fp32, bf16, fp16"):
        open_backend(bundle, precision="int4")
    with pytest.raises(PlayheadError, match="auto, cpu, cuda"):
        open_backend(bundle, device="tpu")


def test_cuda_that_is_not_there_is_refused_when_asked_for(bundle: Bundle) -> None:
    for factory in (None, lambda bundle, precision: None):
        with pytest.raises(PlayheadError, match="use --device cpu"):
            open_backend(bundle, device="cuda", cuda_factory=factory)


def test_auto_takes_cuda_only_where_a_driver_is(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def factory(bundle: Bundle, precision: str) -> OnCuda:
        asked.append(precision)
        return OnCuda()

    monkeypatch.setattr(runtime, "_has_driver", lambda: False)
    assert isinstance(open_backend(bundle, cuda_factory=factory), OpenVinoBackend)
    assert asked == []
    monkeypatch.setattr(runtime, "_has_driver", lambda: True)
    assert isinstance(open_backend(bundle, precision="bf16", cuda_factory=factory), OnCuda)
    assert asked == ["bf16"]
    nothing = open_backend(bundle, threads=1, cuda_factory=lambda bundle, precision: None)
    assert isinstance(nothing, OpenVinoBackend)


@pytest.mark.slow
def test_a_bundle_is_scored_where_torch_cannot_be_imported(bundle: Bundle) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"torch", "torchvision", "timm", "onnx", "safetensors"}:
                    raise ImportError(f"{name} is blocked")

        sys.meta_path.insert(0, Blocked())

        import numpy as np
        import playhead.execution.runner, playhead.inference.dense
        from playhead.inference.bundle import load_bundle
        from playhead.spotting.score import score_video
        from playhead.inference.runtime import open_backend

        class Video:
            path, times, duration = Path("v.mp4"), np.arange(20) / 25, 0.8

            def stream(self, *, pixels, size, fit, wanted):
                for k in wanted.tolist():
                    yield k, np.full(size[::-1], k, dtype=np.uint8)

        bundle = load_bundle(sys.argv[1])
        scores = score_video(Video(), bundle.manifest, open_backend(bundle, threads=1))
        assert scores.values.shape == (20, 2) and not np.isnan(scores.values).any()
        assert "torch" not in sys.modules
        print("scored")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(bundle.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "scored", done.stderr


@pytest.mark.parametrize("threads", [1, 8])
def test_images_of_any_size_go_through_one_graph_whatever_was_run_before(
    tmp_path: Path, threads: int
) -> None:
    backend = OpenVinoBackend(write_detector_bundle(tmp_path / "colours"), threads=threads)
    rng = np.random.default_rng(0)
    for height, width in [(32, 48), (96, 16), (32, 48), (16, 16)]:
        images = rng.integers(0, 256, (5, height, width, 3), dtype=np.uint8)
        found = backend.run("model", images)
        assert found.dtype == np.float32
        cells = [
            images.reshape(5, height // s, s, width // s, s, 3).mean(axis=(2, 4)).reshape(5, -1, 3)
            for s in STRIDES
        ]
        np.testing.assert_allclose(
            found[:, :, 4:], np.concatenate(cells, axis=1)[..., :2] / 255, atol=1e-5
        )


def test_an_image_that_a_graph_cannot_take_is_a_bundle_error(tmp_path: Path) -> None:
    backend = OpenVinoBackend(write_detector_bundle(tmp_path / "colours"), threads=1)
    with pytest.raises(BundleError, match=r"cannot run this graph on uint8 \(1, 32, 32, 4\)"):
        backend.run("model", np.zeros((1, 32, 32, 4), np.uint8))


@pytest.mark.slow
def test_ctrl_c_reaches_its_handler_after_networks_have_come_and_gone(bundle: Bundle) -> None:
    # A process of its own: what this test is about ends the process.
    script = f"""
import faulthandler, signal
import numpy as np
from playhead.inference.bundle import load_bundle
from playhead.inference.runtime import OpenVinoBackend
faulthandler.enable()
signal.signal(signal.SIGINT, lambda number, frame: print("handled"))
backends = [OpenVinoBackend(load_bundle({str(bundle.folder)!r}), threads=1) for _ in range(3)]
for backend in backends:
    backend.run("encode", np.zeros((1, 3, 16, 24), np.uint8))
del backend
while backends:
    backends.pop(0)
    signal.raise_signal(signal.SIGINT)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "handled\n" * 3), done.stderr
