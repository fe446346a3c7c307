"""The page of an impact report: one HTML file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from playhead.impact.outcomes import COLOURS, TRUTH_COLOUR, Kind, Outcome
from playhead.impact.report_data import (
    ImpactReport,
    Mark,
    PlayTimeline,
    ShownImpact,
    ShownView,
)
from playhead.metrics.box_events import MAX_FRAMES, MIN_IOU, Counts
from playhead.report.curves import TRAINING_SECTION
from playhead.report.images import image_tag
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.provenance import provenance
from playhead.report.tables import Cell, table, tiles

__all__ = ["write_report_page"]

PACKAGE = "playhead.impact"
OPEN_PLAYS = 12
"""Plays whose timelines are shown at once; the others are folded away."""

TICKS = 5
GLYPHS: dict[Kind, str] = {"hit": "●", "miss": "✕", "false positive": "◆", "impact": "●"}
CLASSES: dict[Kind, str] = {
    "hit": "good",
    "miss": "bad",
    "false positive": "false-positive",
    "impact": "",
}
LANES: dict[Kind, str] = {"hit": "hit", "miss": "miss", "false positive": "extra", "impact": ""}
HEADINGS: dict[Kind, tuple[str, str]] = {
    "miss": ("Misses", "first those whose best candidate scored lowest"),
    "false positive": ("False positives", "first those with the highest score"),
    "hit": ("Hits", "first those with the lowest score"),
}
FIGURES = ("f1", "precision", "recall", "tp", "fp", "fn")
TITLES = ("F1", "precision", "recall", "hits", "false positives", "misses")
CURVE = """<section><h2>The impact threshold</h2>
<div id="curve-chart" class="chart"></div>
<p class="note">{}</p></section>"""


def write_report_page(report: ImpactReport, path: Path) -> Path:
    """Write the report as one self-contained file and return its path.

    Raises ValueError for a figure that is NaN or infinite.
    """
    return write_page(
        asset("report.html", PACKAGE),
        path,
        title=report.title,
        parts={
            "summary": escape(report.summary),
            "notes": "".join(element("p", escape(note), "warn") for note in report.notes),
            "tiles": _tiles(report),
            "min_iou": f"{MIN_IOU:g}",
            "max_frames": str(MAX_FRAMES),
            "intervals": "The ranges are 95 % intervals over plays drawn with replacement."
            if report.intervals
            else "Intervals need at least two plays.",
            "views": _views(report),
            "references": _references(report),
            "curve": _curve(report),
            "timelines": _timelines(report.plays),
            "impacts": _impacts(report),
            "training": TRAINING_SECTION if report.training else "",
            "provenance": provenance(report.versions, report.config),
        },
        styles=asset("report.css", PACKAGE),
        data={
            "curve": [line.to_json() for line in report.curve],
            "threshold": report.threshold,
            "training": [line.to_json() for line in report.training],
        },
        scripts=[asset("report.js", PACKAGE)],
        charts=True,
    )


def _tiles(report: ImpactReport) -> str:
    counts = report.counts
    values: dict[str, Cell] = {}
    for name, title in zip(FIGURES, TITLES, strict=True):
        interval = report.intervals.get(name)
        extent = "" if interval is None else f", {interval.low:.2f} to {interval.high:.2f}"
        values[f"{title}{extent}"] = getattr(counts, name)
    return tiles(values)


def _figures(counts: Counts) -> list[Cell]:
    return [getattr(counts, name) for name in FIGURES]


def _views(report: ImpactReport) -> str:
    if len(report.per_view) < 2:
        return ""
    rows = [[view, *_figures(counts)] for view, counts in report.per_view.items()]
    return table(("view", *TITLES), [*rows, ["all", *_figures(report.counts)]], bold=[len(rows)])


def _references(report: ImpactReport) -> str:
    if not report.references:
        return ""
    rows: list[list[Cell]] = [["these predictions", *_figures(report.counts)]]
    for name, figures in report.references.items():
        rows.append([name, *(figures.get(figure) for figure in FIGURES)])
    heading = element("h2", "Beside simple references")
    return element("section", heading + table(("", *TITLES), rows, bold=[0]))


def _curve(report: ImpactReport) -> str:
    if not report.curve:
        return ""
    if report.threshold is None:
        return CURVE.format("The predictions were decided with several thresholds.")
    return CURVE.format(
        f"Dashed: {report.threshold:.2f}, the threshold that was chosen. Computed from the saved "
        "candidates with the other decisions as they were."
    )


def _timelines(plays: Sequence[PlayTimeline]) -> str:
    if not plays:
        return ""
    legend = " ".join(element("span", f"{GLYPHS[kind]} {kind}", CLASSES[kind]) for kind in HEADINGS)
    first = "".join(map(_play, plays[:OPEN_PLAYS]))
    rest = plays[OPEN_PLAYS:]
    folded = ""
    if rest:
        summary = element("summary", f"{len(rest)} more plays")
        folded = element("details", summary + "".join(map(_play, rest)))
    note = (
        f"{legend} — both views of a play stand on one clock; a coloured mark leads to its film "
        "strip, if it has one."
    )
    heading = element("h2", "Plays") + element("p", note, "legend")
    return element("section", heading + first + folded)


def _play(play: PlayTimeline) -> str:
    start = min(lane.start for lane in play.lanes)
    length = max(max(lane.end for lane in play.lanes) - start, 1e-6)

    def at(seconds: float) -> float:
        return 100 * (seconds - start) / length

    lanes = ""
    for lane in play.lanes:
        extent = f"left:{at(lane.start):.2f}%;width:{at(lane.end) - at(lane.start):.2f}%"
        marks = "".join(_mark(mark, at(mark.time)) for mark in lane.marks)
        name = escape(lane.view) + (f"<br>{escape(lane.note)}" if lane.note else "")
        bar = f'<i style="{extent}"></i>'
        lanes += element(
            "div", element("span", name) + element("div", bar + marks, "marks"), "lane"
        )
    ticks = "".join(
        f'<span style="left:{100 * k / (TICKS - 1):g}%">'
        f"{escape(f'{start + length * k / (TICKS - 1):.2f} s')}</span>"
        for k in range(TICKS)
    )
    axis = element("div", "<span></span>" + element("div", ticks, "ticks"), "lane")
    counts = _counts(mark for lane in play.lanes for mark in lane.marks)
    return element("div", element("h3", f"{escape(play.name)} — {counts}") + lanes + axis, "play")


def _counts(marks: Iterable[Mark]) -> str:
    totals: dict[Kind, int] = dict.fromkeys(HEADINGS, 0)
    for mark in marks:
        totals[mark.kind] = totals.get(mark.kind, 0) + mark.count
    plurals = {"hit": "hits", "miss": "misses", "false positive": "false positives"}
    return ", ".join(
        f"{count} {kind if count == 1 else plurals[kind]}" for kind, count in totals.items()
    )


def _mark(mark: Mark, left: float) -> str:
    count = f"{mark.count} × " if mark.count > 1 else ""
    score = "" if mark.score is None else f", score {mark.score:.2f}"
    title = escape(f"{count}{mark.kind} at {clock(max(0.0, mark.time))}{score}")
    place = f'class="{LANES[mark.kind]}" style="left:{left:.2f}%" title="{title}"'
    glyph = GLYPHS[mark.kind]
    if mark.shown is None:
        return f"<span {place}>{glyph}</span>"
    return f'<a {place} href="#impact-{mark.shown}" aria-label="{title}">{glyph}</a>'


def _impacts(report: ImpactReport) -> str:
    sections = ""
    for kind, (heading, order) in HEADINGS.items():
        total = report.totals.get(kind, 0)
        if not total:
            continue
        shown = [impact for impact in report.impacts if impact.kind == kind]
        count = f"All {total}" if len(shown) == total else f"{len(shown)} of {total}"
        note = f"{count} moments shown, {order}."
        sections += element(
            "section",
            element("h2", heading)
            + element("p", note, "note")
            + (_LEGEND if not sections else "")
            + "".join(map(_impact, shown)),
        )
    return sections


def _key(colour: tuple[int, int, int]) -> str:
    return '<b class="key" style="border-color:rgb({},{},{})"></b>'.format(*colour)


_LEGEND = element(
    "p",
    f"Boxes: {_key(TRUTH_COLOUR)} true impact that was hit, {_key(COLOURS['hit'])} the prediction "
    f"that hit it, {_key(COLOURS['miss'])} missed, {_key(COLOURS['false positive'])} false "
    "positive. Each is drawn in the frame nearest to its own; the outlined frame is the middle. "
    "Outcomes near each other, and those of the same contact in the other view, share a strip, "
    "which stands under the worst of them.",
    "legend",
)


def _impact(impact: ShownImpact) -> str:
    outcomes = [outcome for view in impact.views for outcome in view.outcomes]
    kind = element("span", f"{GLYPHS[impact.kind]} {impact.kind}", CLASSES[impact.kind])
    where = escape(f" {impact.play} at {clock(max(0.0, impact.time))}{_met(outcomes)}")
    views = "".join(map(_view, impact.views))
    rows = [_row(view.view, outcome) for view in impact.views for outcome in view.outcomes]
    titles = ("view", "outcome", "helmet", "true frame", "predicted", "score", "labelled as")
    return (
        f'<article class="impact" id="impact-{impact.number}">'
        + element("h3", kind + where)
        + views
        + table(titles, rows, digits=2)
        + "</article>"
    )


def _met(outcomes: Sequence[Outcome]) -> str:
    """Who met whom, if the ground truth says so."""
    pairs = dict.fromkeys(tuple(sorted(outcome.pair)) for outcome in outcomes if outcome.pair)
    met = [" and ".join(map(str, pair)) for pair in pairs]
    return f": helmets {', '.join(met)} meet" if met else ""


def _view(view: ShownView) -> str:
    figures = ""
    for image in view.images:
        caption = (
            f"frame {image.frame} ({image.offset:+d})" if image.offset else (f"frame {image.frame}")
        )
        alt = f"{view.view}, frame {image.frame} at {clock(image.seconds)}"
        figure = image_tag(image.image, alt) + element("figcaption", caption)
        figures += element("figure", figure, "nearest" if image.offset == 0 else "")
    note = element("p", escape(view.note), "note") if view.note else ""
    strip = element("div", figures, "frames") if figures else ""
    return element("div", element("div", escape(view.view)) + element("div", strip + note), "view")


def _row(view: str, outcome: Outcome) -> list[Cell]:
    truth, prediction = outcome.truth, outcome.prediction
    predicted: Cell = "–"
    if prediction is not None and prediction.frame is not None:
        late = "" if truth is None or truth.frame is None else prediction.frame - truth.frame
        predicted = str(prediction.frame) + (f" ({late:+d})" if isinstance(late, int) else "")
    score: Cell = "–" if outcome.score is None else f"{outcome.score:.2f}"
    if outcome.candidate is not None:
        score = f"candidate {outcome.candidate:.2f}"
    helmet = "–" if truth is None or truth.track is None else str(truth.track)
    return [
        view,
        outcome.kind,
        helmet,
        "–" if truth is None else str(truth.frame),
        predicted,
        score,
        (truth.note or "–") if truth is not None else "–",
    ]
