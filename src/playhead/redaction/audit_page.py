"""The page of an audit: verdict, the network that checked each class, crops of exposed tracks.

One self-contained HTML file. It contains crops of the original, and says so at the top.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from playhead.output import counted
from playhead.redaction.audit_report import AuditReport, ExposedObject
from playhead.report.images import RGB, image_tag
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.tables import table

__all__ = ["write_audit_page"]

PACKAGE = "playhead.redaction"


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Write the findings of an audit as one self-contained file and return its path."""
    headline = report.headline()
    # Green only if independent networks checked every class in every frame.
    kind = "bad" if not report.passed else "good" if report.independent else "unsure"
    classes = [
        (
            label,
            audit.hidden_by or "checked because heads were hidden",
            audit.audited,
            audit.network or "nothing",
            f"{audit.frames_audited:,} of {report.frames:,}",
            audit.reason + (" (accepted)" if audit.accepted and not audit.frames_audited else ""),
        )
        for label, audit in report.classes.items()
    ]
    checks = [
        (check.name, "passed" if check.ok else "FAILED", check.detail) for check in report.checks
    ]
    tracks = "".join(_track(report, indices) for indices in _by_track(report.exposures))
    return write_page(
        asset("audit.html", PACKAGE),
        path,
        title=f"Audit of {report.redacted}",
        parts={
            "verdict": element(
                "ul", "".join(element("li", escape(line)) for line in report.verdict())
            ),
            "heading": escape(headline[:1].upper() + headline[1:]),
            "kind": kind,
            "files": escape(f"{report.redacted}, made from {report.original}"),
            "classes": table(
                ("class", "hidden by", "audited", "checked by", "frames", "note"), classes
            ),
            "checks": table(("check", "", "detail"), checks),
            "exposed": tracks or '<p class="note">None.</p>',
        },
        styles=asset("pages.css", PACKAGE),
    )


def _by_track(exposures: Sequence[ExposedObject]) -> list[list[int]]:
    """Indices of exposures by track, the track with the most exposed frames first."""
    order = sorted(range(len(exposures)), key=lambda i: (exposures[i].track, exposures[i].frame))
    tracks = [list(indices) for _, indices in groupby(order, key=lambda i: exposures[i].track)]
    return sorted(tracks, key=len, reverse=True)


def _track(report: AuditReport, indices: Sequence[int]) -> str:
    exposures = [report.exposures[i] for i in indices]
    first = exposures[0]
    crops = [_crops(*report.crops[i]) for i in indices if i in report.crops]
    rows = [
        (
            f"{exposure.frame:,}",
            clock(exposure.time),
            f"{exposure.score:.2f}",
            ", ".join(f"{value:.0f}" for value in exposure.box),
            exposure.kind,
        )
        for exposure in exposures
    ]
    description = _description(exposures, still=report.still)
    text = (
        element("h3", escape(f"{first.label}, exposed track {first.track}"))
        + element("p", escape(description), "note")
        + element(
            "details",
            "<summary>Every exposed frame</summary>"
            + table(("frame", "time", "score", "box", "evidence"), rows),
        )
    )
    images = "".join(crops) or '<p class="note">No image.</p>'
    return element("article", element("div", images) + element("div", text), "exposed")


def _description(exposures: Sequence[ExposedObject], *, still: bool) -> str:
    first, last = exposures[0], exposures[-1]
    worst = max(exposures, key=lambda exposure: exposure.score)
    if still:
        return f"score {worst.score:.2f}"
    return (
        f"{counted(len(exposures), 'frame')} between {clock(first.time)} and {clock(last.time)}, "
        f"the highest score {worst.score:.2f} in frame {worst.frame:,} at {clock(worst.time)}"
    )


def _crops(before: RGB, after: RGB) -> str:
    figures = [
        element(
            "figure", image_tag(image, f"In the {name}") + f"<figcaption>in the {name}</figcaption>"
        )
        for name, image in (("output", after), ("original", before))
    ]
    return element("div", "".join(figures), "pair")
