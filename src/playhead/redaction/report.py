"""The report of redacted videos: metrics, and frames before and after under a slider.

One self-contained HTML file. It contains original frames, and says so at the top.
"""

from pathlib import Path
from urllib.parse import quote

from playhead.redaction.report_data import Moment, RedactedVideo, RedactionReport
from playhead.report.images import image_tag, resize
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.provenance import provenance
from playhead.report.tables import tiles

__all__ = ["write_redaction_report"]

PACKAGE = "playhead.redaction"
MOMENT_SIZE = 640  # pixels of the longer side


def write_redaction_report(report: RedactionReport, path: Path) -> Path:
    """Write the report as one self-contained file and return its path.

    Raises ValueError for a metric that is NaN or infinite.
    """
    return write_page(
        asset("report.html", PACKAGE),
        path,
        title=report.title,
        parts={
            "summary": escape(report.summary),
            "videos": "".join(map(_video, report.videos)),
            "provenance": provenance(report.versions, report.config),
        },
        styles=asset("pages.css", PACKAGE),
        scripts=[asset("report.js", PACKAGE)],
    )


def _video(video: RedactedVideo) -> str:
    figures = {name: "not known" if value is None else value for name, value in video.tiles.items()}
    links = " · ".join(
        f'<a href="./{escape(quote(file))}">{escape(text)}</a>'
        for text, file in video.files.items()
    )
    return element(
        "section",
        element("h2", escape(video.name))
        + element("p", escape(video.note), "note")
        + tiles(figures, digits=2)
        + element("p", links)
        + element("div", "".join(map(_moment, video.moments)), "moments-grid"),
    )


def _moment(moment: Moment) -> str:
    time = clock(moment.time)
    after = image_tag(resize(moment.after, MOMENT_SIZE), f"After, {time}")
    before = image_tag(resize(moment.before, MOMENT_SIZE), f"Before, {time}", css_class="before")
    return (
        f'<figure class="moment">{element("div", after + before, "wipe")}'
        f'<input type="range" value="50" aria-label="Before and after at {time}">'
        f"<figcaption>{time} · before on the left, after on the right</figcaption></figure>"
    )
