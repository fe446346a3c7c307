"""Provenance: the last section of a report, with the versions and the configuration behind it."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from playhead.report.markup import element, escape
from playhead.report.tables import table

__all__ = ["provenance", "versions"]


def provenance(versions: Mapping[str, str], config: str = "") -> str:
    """The section "How it was made": a table of versions, and the configuration folded away.

    versions: by name of package; config: YAML, left out when empty
    """
    section = "<h2>How it was made</h2>" + table(("", ""), versions.items())
    if config:
        summary = element("summary", "Configuration")
        section += element("details", summary + element("pre", escape(config)))
    return element("section", section)


def versions() -> dict[str, str]:
    """The versions of Python, Playhead and the packages it computes with, where installed."""
    known = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("playhead", "numpy", "openvino", "av", "torch", "timm"):
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known
