"""What every benchmark says first: the machine, the versions, the day."""

import datetime
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

__all__ = ["data_folder", "describe", "silence"]


def describe(*packages: str) -> str:
    """One line: processor, cores, Python, versions of playhead and `packages`, date."""
    named = packages or ("torch", "openvino", "numpy", "av")
    versions = ", ".join(f"{name} {version(name)}" for name in ("playhead", *named))
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{versions}, {today}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def data_folder(name: str) -> Path:
    """A data set in the folder that PLAYHEAD_DATA names; ends the program if it is not there."""
    folder = Path(os.environ.get("PLAYHEAD_DATA", "")) / name
    if "PLAYHEAD_DATA" not in os.environ or not folder.is_dir():
        sys.exit(f"set PLAYHEAD_DATA to the folder that holds {name}")
    return folder


def silence() -> None:
    """Send the progress of a worker process to nowhere; its errors are raised in the main one."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
