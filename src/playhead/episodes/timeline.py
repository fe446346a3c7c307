"""Timelines of episodes on a page: one row an episode, on a scale that all share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playhead.episodes.segments import KINDS, Segment
from playhead.report.markup import clock, element, escape

__all__ = ["LEGEND", "Bar", "Row", "bar_of", "evidence_text", "timeline"]

State = Literal["written", "locked", "rejected", "deleted"]

STATES: dict[State, str] = {
    "written": "",
    "locked": "corrected by a person",
    "rejected": "rejected: its confidence is too low",
    "deleted": "deleted by a person",
}
TICKS = 5
LEGEND = element(
    "p",
    " ".join(element("span", kind, f"key {kind}") for kind in KINDS)
    + " "
    + element("span", "rejected or deleted", "key rejected")
    + " "
    + element("span", "corrected", "key locked"),
    "legend keys",
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One segment of a timeline; text: what is shown when it is pointed at; link: an id, or ""."""

    kind: str
    start: float
    end: float
    state: State
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One episode.

    duration: in seconds; lanes: of bars, one below the other; note: below the name
    """

    name: str
    duration: float
    lanes: Sequence[Sequence[Bar]]
    note: str = ""


def evidence_text(segment: Segment) -> str:
    """All evidence of a segment in one line."""
    parts = [f"{e.kind} {e.score:.2f}: {e.detail}" for e in segment.evidence]
    return "; ".join(parts) or "no evidence recorded"


def bar_of(segment: Segment, span: tuple[float, float], state: State, link: str = "") -> Bar:
    """The bar of a segment at its written span."""
    number = "" if segment.cluster is None else f" {segment.cluster}"
    text = (
        f"{segment.kind}{number}, {clock(span[0])} to {clock(span[1])}, "
        f"confidence {segment.confidence:.2f}"
    )
    told = [text, STATES[state], evidence_text(segment)]
    return Bar(segment.kind, *span, state, ". ".join(part for part in told if part), link)


def timeline(rows: Sequence[Row]) -> str:
    """The rows, and an axis below; a script shows the text of the bar that is pointed at."""
    length = max((row.duration for row in rows), default=0.0) or 1.0
    shown = "".join(_row(row, length) for row in rows)
    ticks = "".join(
        f'<span style="left:{100 * k / (TICKS - 1):g}%">'
        f"{escape(clock(length * k / (TICKS - 1)).partition('.')[0])}</span>"
        for k in range(TICKS)
    )
    axis = element("div", "<span></span>" + element("div", ticks, "ticks"), "episode")
    return element("div", shown + axis, "timeline")


def _row(row: Row, length: float) -> str:
    width = 100 * row.duration / length
    lanes = ""
    for lane in row.lanes:
        bars = "".join(_bar(bar, length) for bar in lane)
        lanes += element("div", f'<i style="width:{width:.3f}%"></i>{bars}', "bars")
    name = escape(row.name) + (element("small", escape(row.note)) if row.note else "")
    told = '<p class="told" aria-live="polite"></p>'
    return element("div", element("span", name) + element("div", lanes + told), "episode")


def _bar(bar: Bar, length: float) -> str:
    left, width = 100 * bar.start / length, 100 * (bar.end - bar.start) / length
    link = f' data-link="{escape(bar.link)}"' if bar.link else ""
    text = escape(bar.text)
    return (
        f'<button type="button" class="bar {bar.kind} {bar.state}" title="{text}"{link} '
        f'style="left:{left:.3f}%;width:{width:.3f}%" aria-label="{text}"></button>'
    )
