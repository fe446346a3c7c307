"""Pages: the audit of a redaction, and a report of several with pictures before and after.

Both are one file each without a network. They hold originals, and say so on top.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from playhead.redaction.audit_report import AuditReport, Check, Exposure, counted
from playhead.redaction.markup import asset, write_page
from playhead.redaction.strips import shrunk
from playhead.report.markup import clock, escape, picture_uri

__all__ = [
    "Moment",
    "RedactedVideo",
    "RedactionReport",
    "write_audit_page",
    "write_redaction_report",
]

RGB = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A frame before and after, RGB pictures of one size; time: seconds."""

    time: float
    before: RGB
    after: RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedVideo:
    """One video of a report.

    tiles: figures by name, None where one is not known; files: by what a link says the path of a
    file relative to the report's folder, with `/` between its parts
    """

    name: str
    note: str = ""
    tiles: Mapping[str, str | int | float | None] = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """All that a report shows; config: as YAML."""

    title: str
    summary: str
    videos: Sequence[RedactedVideo] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Write what an audit found as one self-contained file and return its path."""
    headline = report.headline()
    parts = {
        "verdict": _tag("ul", (_tag("li", escape(line)) for line in report.verdict())),
        "heading": headline[:1].upper() + headline[1:],
        "kind": _kind(report),
        "files": escape(f"{report.redacted}, made from {report.original}"),
        "who": _table(
            ("class", "hidden by", "audited", "checked by", "frames", "note"), _who(report)
        ),
        "checks": _table(("check", "", "found"), map(_check_row, report.checks)),
        "exposed": "".join(_exposed_track(report, rows) for rows in _by_track(report.exposures))
        or '<p class="note">None.</p>',
    }
    return write_page("audit.html", path, title=f"Audit of {report.redacted}", parts=parts)


def write_redaction_report(report: RedactionReport, path: Path) -> Path:
    """Write the report as one self-contained file and return its path.

    Raises ValueError for a tile that is not a number, which no figure is.
    """
    parts = {
        "summary": escape(report.summary),
        "videos": "".join(map(_video, report.videos)),
        "versions": _table(("", ""), report.versions.items()),
        "config": escape(report.config),
        "script": asset("report.js"),
    }
    return write_page("report.html", path, title=report.title, parts=parts)


def _kind(report: AuditReport) -> str:
    """Green only where another network than those that hid checked every class everywhere."""
    if not report.passed:
        return "bad"
    return "good" if report.independent else "unsure"


def _who(report: AuditReport) -> list[tuple[str, ...]]:
    return [
        (
            label,
            one.hidden_by or "looked for because heads were hidden",
            one.audited,
            one.network or "nothing",
            f"{one.looked:,} of {report.frames:,}",
            one.reason + (" (accepted)" if one.accepted and not one.looked else ""),
        )
        for label, one in report.classes.items()
    ]


def _check_row(check: Check) -> tuple[str, str, str]:
    return check.name, "holds" if check.ok else "FAILED", check.detail


def _by_track(exposures: Sequence[Exposure]) -> list[list[int]]:
    """Indices of exposures, track by track, the track with the most first."""
    order = sorted(range(len(exposures)), key=lambda i: (exposures[i].track, exposures[i].frame))
    tracks = [list(rows) for _, rows in groupby(order, key=lambda i: exposures[i].track)]
    return sorted(tracks, key=len, reverse=True)


def _exposed_track(report: AuditReport, rows: Sequence[int]) -> str:
    members = [report.exposures[i] for i in rows]
    first, facts = members[0], _facts(members, still=report.still)
    shown = [report.pictures[i] for i in rows if i in report.pictures]
    pictures = "".join(_pair(*pair) for pair in shown) or '<p class="note">No picture.</p>'
    table = _table(("frame", "time", "score", "box", "how"), map(_exposure_row, members))
    return (
        f'<article class="exposed"><div>{pictures}</div><div>'
        f"<h3>{escape(first.label)}, exposed track {first.track}</h3>"
        f'<p class="note">{escape(facts)}</p>'
        f"<details><summary>Every exposed frame</summary>{table}</details></div></article>"
    )


def _facts(members: Sequence[Exposure], *, still: bool) -> str:
    first, last, worst = members[0], members[-1], max(members, key=lambda one: one.score)
    if still:
        return f"score {worst.score:.2f}"
    return (
        f"{counted(len(members), 'frame')} between {clock(first.time)} and {clock(last.time)}, "
        f"the surest with score {worst.score:.2f} in frame {worst.frame:,} at {clock(worst.time)}"
    )


def _exposure_row(one: Exposure) -> tuple[str, ...]:
    corners = ", ".join(f"{value:.0f}" for value in one.box)
    return f"{one.frame:,}", clock(one.time), f"{one.score:.2f}", corners, one.kind


def _pair(before: RGB, after: RGB) -> str:
    return (
        f'<div class="pair"><figure>{_image(after, "In the output")}'
        f"<figcaption>in the output</figcaption></figure>"
        f"<figure>{_image(before, 'In the original')}"
        f"<figcaption>in the original</figcaption></figure></div>"
    )


def _video(video: RedactedVideo) -> str:
    tiles = "".join(
        f'<div class="tile"><b>{escape(_figure(name, value))}</b><span>{escape(name)}</span></div>'
        for name, value in video.tiles.items()
    )
    links = " · ".join(
        f'<a href="./{escape(quote(place))}">{escape(words)}</a>'
        for words, place in video.files.items()
    )
    return (
        f'<section><h2>{escape(video.name)}</h2><p class="note">{escape(video.note)}</p>'
        f'<div class="tiles">{tiles}</div><p>{links}</p>'
        f'<div class="moments-grid">{"".join(map(_moment, video.moments))}</div></section>'
    )


def _moment(moment: Moment) -> str:
    at = clock(moment.time)
    return (
        f'<figure class="moment"><div class="wipe">{_image(shrunk(moment.after), f"After, {at}")}'
        f"{_image(shrunk(moment.before), f'Before, {at}', 'before')}</div>"
        f'<input type="range" value="50" aria-label="Before and after at {at}">'
        f"<figcaption>{at} · before on the left, after on the right</figcaption></figure>"
    )


def _figure(name: str, value: str | int | float | None) -> str:
    match value:
        case None:
            return "not known"
        case float() if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; a tile needs a number, or None")
        case float():
            return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case _:
            return value


def _image(picture: RGB, words: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<img{name} loading="lazy" alt="{escape(words)}" src="{picture_uri(picture)}">'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; words where it has no rows."""
    lines = [_tag("tr", (_tag("td", escape(cell)) for cell in row)) for row in rows]
    if not lines:
        return '<p class="note">None.</p>'
    head = _tag("tr", (_tag("th", escape(title)) for title in titles))
    return f'<div class="scroll">{_tag("table", [head, *lines])}</div>'


def _tag(name: str, inner: Iterable[str], kind: str = "") -> str:
    """An element around HTML."""
    given = f' class="{kind}"' if kind else ""
    return f"<{name}{given}>{''.join(inner)}</{name}>"
