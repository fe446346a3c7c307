"""The page of a comparison: curves of all runs in one chart each, settings and final metrics."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playhead.output import counted
from playhead.report.curves import log_curves
from playhead.report.markup import asset, element, escape, write_page
from playhead.report.provenance import provenance, versions
from playhead.report.tables import table
from playhead.runs.compare import ComparedRun, Comparison

__all__ = ["write_comparison"]

_PACKAGE = "playhead.runs"
_NONE = "–"


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Write the page as one file, with links to the reports of the runs, and return its path."""
    charts = _charts(comparison)
    names = [run.name for run in comparison.runs]
    settings = [
        [_NONE if value is None else value for value in row.values()]
        for row in comparison.setting_rows()
    ]
    final = _final_metrics(comparison)
    hosts = "".join(f'<div id="chart-{k}" class="chart"></div>' for k in range(len(charts)))
    return write_page(
        asset("compare.html", _PACKAGE),
        out,
        title=f"{counted(len(names), 'training run')} of {comparison.job}",
        parts={
            "summary": escape(
                "No run has measured a metric yet."
                if comparison.metric is None
                else f"Compared by {comparison.metric}, at the epoch whose weights are kept."
            ),
            "notes": "".join(element("p", escape(note), "warn") for note in comparison.notes),
            "runs": _runs(comparison, out),
            "curves": element("div", hosts, "pair") if charts else '<p class="note">None yet.</p>',
            "settings": table(["setting", *names], settings)
            if settings
            else '<p class="note">None: the configurations are the same.</p>',
            "final": final or '<p class="note">None: no run has a bundle yet.</p>',
            "provenance": provenance(versions()),
        },
        styles=asset("compare.css", _PACKAGE),
        data={"charts": charts},
        scripts=[asset("compare.js", _PACKAGE)],
        charts=True,
    )


def _charts(comparison: Comparison) -> list[dict[str, Any]]:
    """The loss, and each validation metric: the lines of the runs, by their numbers."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, run in enumerate(comparison.runs):
        for curve in log_curves(run.run.rows):
            if curve.x:
                line = {**curve.to_json(), "name": run.name, "run": number}
                found.setdefault((curve.kind, curve.name), []).append(line)
    first = [key for key in found if key[0] == "loss" or key[1] == comparison.metric]
    return [
        {"title": name, "x": "step" if kind == "loss" else "epoch", "lines": found[kind, name]}
        for kind, name in dict.fromkeys([*sorted(first), *found])
    ]


def _runs(comparison: Comparison, out: Path) -> str:
    titles = list(comparison.rows()[0])
    head = "".join(
        element("th", escape(title), "" if title == "run" else "number") for title in titles
    )
    body = ""
    for number, run in enumerate(comparison.runs):
        cells = element("td", _swatch(number) + _link(run, out))
        for value in list(run.row(comparison.metric).values())[1:]:
            cells += element("td", escape(_text(value)), "number")
        body += element("tr", cells)
    return element("div", element("table", element("tr", head) + body, "runs"), "scroll")


def _link(run: ComparedRun, out: Path) -> str:
    """The name of a run, linked to its report by a path relative to the page."""
    report = run.run.folder / "report.html"
    if not report.is_file():
        return escape(run.name)
    path = Path(os.path.relpath(report.resolve(), out.resolve().parent)).as_posix()
    return f'<a href="{escape(quote(path))}">{escape(run.name)}</a>'


def _swatch(number: int) -> str:
    """A mark in the colour of a run's lines, which the script gives it."""
    return f'<span class="swatch" data-run="{number}"></span>'


def _final_metrics(comparison: Comparison) -> str:
    """A row for each metric of the bundles, with a bar for each run; empty without any."""
    names = {name: None for run in comparison.runs for name in run.final}
    if not names:
        return ""
    head = element("th", "metric") + "".join(
        element("th", _swatch(number) + escape(run.name))
        for number, run in enumerate(comparison.runs)
    )
    body = ""
    for name in names:
        values = [run.final.get(name) for run in comparison.runs]
        longest = max(1.0, *(value for value in values if value is not None))
        cells = element("td", escape(name))
        for number, value in enumerate(values):
            share = 0.0 if value is None else max(0.0, value / longest)
            bar = f'<i class="bar" data-run="{number}" style="--share:{share:.3f}"></i>'
            cells += element("td", escape(_text(value)) + bar)
        body += element("tr", cells)
    return element("div", element("table", element("tr", head) + body, "final"), "scroll")


def _text(value: Any) -> str:
    match value:
        case None:
            return _NONE
        case float():
            return f"{value:,.3f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
