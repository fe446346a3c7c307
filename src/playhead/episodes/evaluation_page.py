"""The page of an evaluation: figures, timelines of truth and predictions, and the mistakes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from playhead.episodes.evaluate import EpisodeEvaluation, Pairs
from playhead.episodes.report import PACKAGE
from playhead.episodes.segments import KINDS
from playhead.episodes.timeline import LEGEND, Bar, Row, timeline
from playhead.events.model import Event
from playhead.output import counted
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.provenance import provenance, versions
from playhead.report.tables import Cell, table, tiles

__all__ = ["write_evaluation_page"]

LATE = 0.5
"""Seconds: hits with a larger error at a boundary are listed as mistakes."""
MOST = 60
"""Mistakes that are listed."""


def write_evaluation_page(
    evaluation: EpisodeEvaluation,
    pairs: Pairs,
    path: Path,
    *,
    networks: Sequence[Mapping[str, Cell]] = (),
) -> Path:
    """Write the page and return its path.

    networks: rows of a table of networks that were measured beside, if any
    """
    predicted = {video.video: video.events for video in pairs.predictions}
    rows, mistakes = [], list[list[Cell]]()
    hits = {(name, id(real)): guess for name, real, guess in evaluation.result.total.pairs}
    taken = {id(guess) for guess in hits.values()}
    for video in pairs.truth:
        real = [e for e in video.events if e.end is not None and e.label in KINDS]
        guesses = [e for e in predicted.get(video.video, ()) if e.end is not None]
        ends = [event.end or 0.0 for event in (*real, *guesses)]
        duration = pairs.durations.get(video.video) or max(ends, default=0.0)
        lanes = [[_bar(e, "true") for e in real], [_bar(e, "predicted") for e in guesses]]
        rows.append(Row(video.video, duration, lanes))
        for event in real:
            guess = hits.get((video.video, id(event)))
            if guess is None:
                mistakes.append([video.video, "missed", event.label, *_span(event), None, None])
                continue
            errors = [guess.start - event.start, (guess.end or 0.0) - (event.end or 0.0)]
            if max(map(abs, errors)) > LATE:
                mistakes.append([video.video, "late or early", event.label, *_span(event), *errors])
        for event in guesses:
            if id(event) not in taken:
                why = "false positive"
                mistakes.append([video.video, why, event.label, *_span(event), None, None])
    metrics = evaluation.to_json()["metrics"]
    figures: dict[str, Cell] = {
        "median error, s": metrics["median_error"],
        "90 % of errors below, s": metrics["p90_error"],
        "precision": metrics["precision"],
        "recall": metrics["recall"],
        "false skips, s an hour": metrics["false_skip_seconds_per_hour"],
        "score of the contest, s": metrics["score"],
    }
    table_rows = [list(row.values()) for row in evaluation.rows()]
    titles = ("video", "", "kind", "start", "end", "error at start, s", "error at end, s")
    listed = table(titles, mistakes[:MOST])
    if len(mistakes) > MOST:
        listed += element("p", f"{len(mistakes) - MOST} more are not listed.", "note")
    return write_page(
        asset("evaluation.html", PACKAGE),
        path,
        title="Episodes: evaluation",
        parts={
            "summary": escape(
                f"{counted(evaluation.videos, 'video')}, "
                f"{counted(evaluation.result.total.overlap.truths, 'true segment')}"
            ),
            "tiles": tiles(figures),
            "kinds": table(
                [
                    *("kind", "median", "p90", "max", "precision", "recall"),
                    *("precision at .5 s", "recall at .5 s", "true", "predicted"),
                ],
                table_rows,
                bold=[len(table_rows) - 1],
            ),
            "timeline": element(
                "section",
                element("h2", "Timeline")
                + LEGEND
                + element("p", "Above the true segments, below the predicted ones.", "note")
                + timeline(rows),
            ),
            "networks": _networks(networks),
            "mistakes": element("section", element("h2", "Mistakes") + listed),
            "provenance": provenance(versions()),
        },
        styles=asset("pages.css", PACKAGE),
        scripts=[asset("pages.js", PACKAGE)],
    )


def _networks(rows: Sequence[Mapping[str, Cell]]) -> str:
    if not rows:
        return ""
    note = (
        "The boundary in a clip of 200 s: where the opening ends, where the ending starts. Mean of "
        "the errors past 1 s, in seconds, over clips of the series above, which no network has "
        "seen."
    )
    listed = table(tuple(rows[0]), [list(row.values()) for row in rows])
    return element(
        "section", element("h2", "Networks of single clips") + element("p", note, "note") + listed
    )


def _bar(event: Event, whose: str) -> Bar:
    start, end = event.start, event.end or event.start
    score = "" if whose == "true" else f", confidence {event.score:.2f}"
    text = f"{whose} {event.label}, {clock(start)} to {clock(end)}{score}"
    return Bar(event.label, start, end, "written", text)


def _span(event: Event) -> tuple[str, str]:
    return clock(event.start), clock(event.end or event.start)
