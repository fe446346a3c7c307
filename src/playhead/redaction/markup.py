"""Markup of the pages of a redaction: their templates, and the style that they share."""

from collections.abc import Mapping
from pathlib import Path

from playhead.report import markup

__all__ = ["asset", "write_page"]


def write_page(template: str, path: Path, *, title: str, parts: Mapping[str, str]) -> Path:
    """Fill a template of the assets; see `playhead.report.markup.write_page`."""
    parts = {"styles": asset("pages.css"), **parts}
    return markup.write_page(asset(template), path, title=title, parts=parts)


def asset(name: str) -> str:
    """The text of a packaged template, style sheet or script."""
    return markup.asset(name, "playhead.redaction")
