"""Numeric precision of models, chosen alike by every job.

`auto` is bf16 if the processor supports it natively, else fp32: emulated bf16 is slower than fp32.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

from playhead.errors import PlayheadError

__all__ = ["Precision", "PrecisionChoice", "native_bf16", "parse_precision"]

Precision = Literal["fp32", "bf16", "fp16"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]


def parse_precision(name: str) -> PrecisionChoice:
    """Check the name of a precision. Raises PlayheadError if it is unknown."""
    if name not in get_args(PrecisionChoice):
        raise PlayheadError(
            f"precision {name!r} is unknown; choose from {', '.join(get_args(PrecisionChoice))}"
        )
    return cast(PrecisionChoice, name)


@cache
def native_bf16() -> bool:
    """Whether this processor has instructions for bf16 (AVX-512 BF16 or AMX, Arm's BF16).

    False if the system does not tell, as on Windows.
    """
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "hw.optional.arm.FEAT_BF16"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        return answer.stdout.strip() == "1"
    about = Path("/proc/cpuinfo")
    return about.is_file() and flags_have_bf16(about.read_text(encoding="utf-8", errors="replace"))


def flags_have_bf16(cpuinfo: str) -> bool:
    """Whether Linux lists bf16 among the features of the first processor."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(value.split())
    return False
