"""Markup: pages that are one HTML file each, load nothing, and show every text as text."""

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from playhead.files import write_text

__all__ = ["asset", "clock", "element", "escape", "write_page"]

# With this policy a browser lets the page neither load nor send anything.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)

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
FOOT = "{{scripts}}</body>\n</html>\n"


def write_page(
    body: str,
    path: Path,
    *,
    title: str,
    parts: Mapping[str, str],
    styles: str = "",
    data: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    charts: bool = False,
) -> Path:
    """Fill a template with HTML, write it as one file, and return its path.

    body: the template, HTML in which {{title}} and each {{name}} of `parts` are replaced
    title: plain text; parts: HTML by name; styles: CSS after that of every report
    data: JSON that scripts read as `data`; scripts: JavaScript after `assets/page.js`
    charts: whether scripts draw charts with `assets/charts.js`
    Raises KeyError for a {{name}} without a part, ValueError for a NaN or infinity in `data`.
    """
    sheets, code = [asset("report.css"), styles], []
    if scripts:
        code.append(asset("page.js"))
    if charts:
        sheets.insert(0, asset("uPlot.min.css"))
        code = [asset("uPlot.iife.min.js"), *code, asset("charts.js")]
    document = "" if data is None else f'<script id="data" type="application/json">{_json(data)}'
    known = {
        "title": escape(title),
        "policy": POLICY,
        "styles": "".join(sheets),
        "scripts": document
        + ("</script>\n" if document else "")
        + "".join(f"<script>{script}</script>\n" for script in (*code, *scripts)),
        **parts,
    }
    # The template is split once, so a {{name}} inside a part is never replaced.
    pieces = (HEAD + body + FOOT).split("{{")
    page = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        page += [known[name], rest]
    write_text(path, "".join(page))
    return path


def asset(name: str, package: str = "playhead.report") -> str:
    """The text of a template, style sheet or script in the `assets` folder of a package."""
    return (resources.files(package) / "assets" / name).read_text(encoding="utf-8")


def element(tag: str, content: str, css_class: str = "") -> str:
    """An HTML element around `content`, which is HTML."""
    attribute = f' class="{css_class}"' if css_class else ""
    return f"<{tag}{attribute}>{content}</{tag}>"


def escape(text: object) -> str:
    """Text as HTML, in an element or a quoted attribute; lone surrogates become `?`."""
    return html.escape(_encodable(str(text)))


def clock(seconds: float) -> str:
    """A time in a video: `0:05.20`, and `1:02:03.00` from an hour on."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 100:05.2f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


def _json(document: Mapping[str, Any]) -> str:
    """JSON that cannot close the script element it stands in."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _encodable(text.replace("<", "\\u003c"))


def _encodable(text: str) -> str:
    # A file name of undecodable bytes has lone surrogates, which UTF-8 cannot encode.
    return text.encode("utf-8", "replace").decode("utf-8")
