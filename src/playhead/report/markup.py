"""Markup: pages that are one file each, need no network, and take nothing they show for code."""

import base64
import html
import io
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.files import write_text

__all__ = [
    "asset",
    "chart_parts",
    "clock",
    "escape",
    "json_in_html",
    "picture_uri",
    "write_page",
]

# Whatever the page holds, a browser lets it neither load nor send anything.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


# What every page begins with; a template is what stands in its body.
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="playhead">
<title>{{title}}</title>
<style>{{styles}}</style>
</head>
<body>
"""
FOOT = "</body>\n</html>\n"


def write_page(template: str, path: Path, *, title: str, parts: Mapping[str, str]) -> Path:
    """Fill a template, which is the body, write it as one file, and return its path.

    title: plain text; parts: `styles`, and HTML for each other {{name}} of the template.
    """
    known = {"title": escape(title), "policy": POLICY, **parts}
    # One pass over the template, so that nothing inside a part is taken for a place to fill.
    pieces = (HEAD + template + FOOT).split("{{")
    page = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        page += [known[name], rest]
    write_text(path, "".join(page))
    return path


def asset(name: str, package: str = "playhead.report") -> str:
    """The text of a template, style sheet or script in the `assets` folder of a package."""
    return (resources.files(package) / "assets" / name).read_text(encoding="utf-8")


def chart_parts(script: str, styles: str = "") -> dict[str, str]:
    """The parts `styles`, `uplot` and `script` of a page with charts, around what is its own."""
    return {
        "styles": asset("uPlot.min.css") + asset("report.css") + styles,
        "uplot": asset("uPlot.iife.min.js"),
        "script": asset("charts.js") + script,
    }


def escape(text: object) -> str:
    """Text as HTML, in an element or in a quoted attribute; half a character becomes a mark."""
    return html.escape(_whole(str(text)))


def clock(seconds: float) -> str:
    """`0:05.20`, and `1:02:03.00` from an hour on."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 100:05.2f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


def json_in_html(document: dict[str, Any]) -> str:
    """JSON that cannot end its script element; NaN is refused, since no figure is NaN."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _whole(text.replace("<", "\\u003c"))


def picture_uri(picture: NDArray[np.uint8], quality: int = 80) -> str:
    """An RGB picture (H, W, 3) as the data URI of a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _whole(text: str) -> str:
    """The text without lone surrogates, which a file name of undecodable bytes has."""
    return text.encode("utf-8", "replace").decode("utf-8")
