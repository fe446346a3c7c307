"""Which precision `auto` takes, and where it is written down."""

import pytest
import torch

from playhead.errors import PlayheadError
from playhead.inference import precision, runtime
from playhead.inference.precision import flags_have_bf16, parse_precision
from playhead.inference.runtime import cpu_precision
from playhead.learning import device
from playhead.learning.device import torch_precision

INTEL = "processor\t: 0\nflags\t\t: fpu sse4_2 avx512f avx512_bf16 amx_tile\n"
OLDER = "processor\t: 0\nflags\t\t: fpu sse4_2 avx2 avx512f f16c\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"


@pytest.mark.parametrize(
    ("cpuinfo", "native"), [(INTEL, True), (OLDER, False), (ARM, True), ("", False)]
)
def test_the_flags_of_a_processor_tell_whether_it_has_bf16(cpuinfo: str, native: bool) -> None:
    assert flags_have_bf16(cpuinfo) == native


@pytest.mark.parametrize(("native", "taken"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_only_where_the_processor_has_it(
    native: bool, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "BF16"]  # and no FP16

    monkeypatch.setattr(runtime, "native_bf16", lambda: native)
    monkeypatch.setattr(runtime, "openvino_core", Core)
    monkeypatch.setattr(device, "native_bf16", lambda: native)
    assert cpu_precision("auto") == taken
    assert torch_precision("auto", torch.device("cpu")) == taken
    assert cpu_precision("fp32") == "fp32"
    with pytest.raises(PlayheadError, match="fp16: this processor does not compute in it"):
        cpu_precision("fp16")


def test_an_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(
        PlayheadError, match="'int8' is unknown; choose from auto, fp32, bf16, fp16"
    ):
        parse_precision("int8")


def test_this_processor_says_what_it_has() -> None:
    assert isinstance(precision.native_bf16(), bool)
