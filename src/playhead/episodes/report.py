"""The page of a season: timelines of all episodes, their segments, and boundaries to check.

The page is one file and is kept small: stills and snippets of sound are embedded for the segments
that a person should check first, those of the lowest confidence and one of each that repeats.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from playhead.episodes.outputs.edl import span_of
from playhead.episodes.results import EpisodeRecord, SeasonRecord
from playhead.episodes.segments import KINDS, Segment
from playhead.episodes.timeline import LEGEND, Row, State, bar_of, evidence_text, timeline
from playhead.errors import MediaError
from playhead.output import counted
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.provenance import provenance
from playhead.report.strips import film_strip, read_frames
from playhead.report.tables import Cell, table, tiles

__all__ = ["PACKAGE", "EpisodeMedia", "counted_kind", "snippet_uri", "write_season_page"]

PACKAGE = "playhead.episodes"
SNIPPETS = 80
"""Segments with snippets of sound, about 35 kB each."""
STILLS = 24
"""Segments with stills, about 25 kB each; a still costs decoding some seconds of video."""
AROUND = 2.0
"""Seconds of sound before and after a boundary."""
BESIDE = (-0.3, 0.1)
"""Seconds from a boundary to its stills, the last moment before it and the first after."""
STILL_WIDTH = 176
BIT_RATE = 24_000


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeMedia:
    """What the page takes stills and snippets from.

    samples: mono sound at `rate`, (M,) int16, of which the first is at `start` seconds; None
    without
    """

    path: Path
    samples: NDArray[np.int16] | None = None
    rate: int = 11_025
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A segment on the page; id: of its card."""

    record: EpisodeRecord
    segment: Segment
    state: State
    id: str

    @property
    def name(self) -> str:
        number = "" if self.segment.cluster is None else f" {self.segment.cluster}"
        return f"{self.segment.kind}{number}"


def write_season_page(season: SeasonRecord, path: Path, media: Mapping[str, EpisodeMedia]) -> Path:
    """Write the page of a season and return its path.

    media: by the names of the videos; without it an episode has no stills and snippets
    """
    shown = [
        _Shown(record, segment, state, f"segment-{number}-{index}")
        for number, record in enumerate(season.episodes, start=1)
        for index, (segment, state) in enumerate(_segments(record), start=1)
    ]
    first = _worth_checking(shown)
    carded = {entry.id for entry in first[:SNIPPETS]}
    rows = [
        Row(
            name=record.result.video,
            duration=record.result.duration,
            lanes=[
                [
                    bar_of(
                        entry.segment,
                        span_of(entry.segment),
                        entry.state,
                        entry.id if entry.id in carded else "",
                    )
                    for entry in shown
                    if entry.record is record
                ]
            ],
            note=_note(record),
        )
        for record in season.episodes
    ]
    written = [entry for entry in shown if entry.state in {"written", "locked"}]
    counts: dict[str, Cell] = {"episodes": len(season.episodes)}
    for kind in KINDS:
        number = sum(entry.segment.kind == kind for entry in written)
        if number:
            counts[counted_kind(kind, number).partition(" ")[2]] = number
    counts["corrected"] = sum(entry.state == "locked" for entry in shown)
    counts["rejected"] = sum(entry.state == "rejected" for entry in shown)
    failed = [record for record in season.episodes if record.status != "ok"]
    cards = "".join(
        _card(entry, media.get(entry.record.result.video), stills=number < STILLS)
        for number, entry in enumerate(first[:SNIPPETS])
    )
    return write_page(
        asset("season.html", PACKAGE),
        path,
        title=season.title,
        parts={
            "summary": escape(_summary(season, written)),
            "notes": "".join(
                element("p", escape(f"{r.result.video}: {r.status}: {r.reason}"), "warn")
                for r in failed
            ),
            "tiles": tiles(counts),
            "timeline": element("section", element("h2", "Timeline") + LEGEND + timeline(rows)),
            "boundaries": _boundaries(cards, len(first), len(shown)),
            "segments": element(
                "section",
                element("h2", "All segments") + element("div", _table(shown), "list"),
            ),
            "provenance": provenance(
                {
                    **season.versions,
                    **{k: str(v) for k, v in season.settings.items() if v is not None},
                }
            ),
        },
        styles=asset("pages.css", PACKAGE),
        scripts=[asset("pages.js", PACKAGE)],
    )


def counted_kind(kind: str, number: int) -> str:
    """A number of segments of a kind in words: `1 opening`, `2 eyecatches`."""
    plural = {"eyecatch": "es", "credits": ""}.get(kind, "s")
    return counted(number, kind, plural)


def snippet_uri(samples: NDArray[np.int16], rate: int) -> str:
    """Mono sound, (M,) int16, as the data URI of an MP3, which every browser plays."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=rate)
        stream.codec_context.layout, stream.codec_context.bit_rate = "mono", BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _segments(record: EpisodeRecord) -> list[tuple[Segment, State]]:
    states: list[tuple[Segment, State]] = [
        *((s, "locked" if s.locked else "written") for s in record.result.segments),
        *((s, "rejected") for s in record.result.rejected),
        *((s, "deleted") for s in record.deleted),
    ]
    return sorted(states, key=lambda entry: entry[0].start)


def _worth_checking(shown: Sequence[_Shown]) -> list[_Shown]:
    """What a person should check first: one of each repeated thing, then by rising confidence."""
    candidates = sorted(
        (entry for entry in shown if entry.state in {"written", "rejected"}),
        key=lambda entry: entry.segment.confidence,
    )
    best: dict[tuple[str, int | None], _Shown] = {}
    for entry in candidates:  # of each, the one of the highest confidence
        if entry.state == "written":
            best[entry.segment.kind, entry.segment.cluster] = entry
    typical = [*best.values()]
    return [*typical, *(entry for entry in candidates if entry not in typical)]


def _summary(season: SeasonRecord, written: Sequence[_Shown]) -> str:
    threshold = season.settings.get("threshold")
    text = f"{counted(len(season.episodes), 'episode')}, {counted(len(written), 'segment')}"
    return text if threshold is None else f"{text} of a confidence of at least {threshold:g}"


def _note(record: EpisodeRecord) -> str:
    told = [*record.result.notes]
    if record.status != "ok":
        told.insert(0, record.status)
    return "; ".join(told)


def _boundaries(cards: str, checked: int, total: int) -> str:
    if not cards:
        return ""
    note = (
        f"{min(checked, SNIPPETS)} of {counted(total, 'segment')}: first one of each that repeats, "
        f"then those of the lowest confidence. Each snippet holds {AROUND:g} s before the boundary "
        f"and {AROUND:g} s after it; of the two stills, one lies before it and one after."
    )
    return element(
        "section", element("h2", "Boundaries to check") + element("p", note, "note") + cards
    )


def _card(entry: _Shown, media: EpisodeMedia | None, *, stills: bool) -> str:
    segment, (start, end) = entry.segment, span_of(entry.segment)
    state = "" if entry.state == "written" else f", {entry.state}"
    title = (
        f"{entry.name} of {entry.record.result.video}, {clock(start)} to {clock(end)}, "
        f"confidence {segment.confidence:.2f}{state}"
    )
    evidence = "".join(
        element("li", escape(f"{e.kind} {e.score:.2f}: {e.detail}")) for e in segment.evidence
    )
    ends = "".join(
        element(
            "div",
            element("h4", escape(f"{name} at {clock(time)}"))
            + (_stills(media, time) if stills and media is not None else "")
            + (_player(media, time, f"{entry.name}, {name.lower()}") if media is not None else ""),
        )
        for name, time in (("Start", start), ("End", end))
    )
    return (
        f'<article class="segment {segment.kind}" id="{entry.id}">'
        + element("h3", escape(title))
        + (element("ul", evidence) if evidence else "")
        + element("div", ends, "ends")
        + "</article>"
    )


def _stills(media: EpisodeMedia, time: float) -> str:
    try:
        frames = read_frames(
            media.path, [max(0.0, time + offset) for offset in BESIDE], width=STILL_WIDTH
        )
    except MediaError:  # a damaged file still has a page
        frames = []
    return film_strip(frames, name=media.path.name)


def _player(media: EpisodeMedia, time: float, name: str) -> str:
    if media.samples is None:
        return ""
    middle = (time - media.start) * media.rate
    reach = AROUND * media.rate
    first, last = (
        int(min(max(0, at), len(media.samples))) for at in (middle - reach, middle + reach)
    )
    if last - first < media.rate // 4:  # the sound ends before it
        return ""
    source = snippet_uri(np.ascontiguousarray(media.samples[first:last]), media.rate)
    return f'<audio controls preload="metadata" aria-label="{escape(name)}" src="{source}"></audio>'


def _table(shown: Sequence[_Shown]) -> str:
    rows: list[list[Cell]] = []
    for entry in shown:
        segment = entry.segment
        snapped = [
            "" if time is None else clock(time)
            for time in (segment.snapped_start, segment.snapped_end)
        ]
        rows.append(
            [
                entry.record.result.video,
                entry.name,
                clock(segment.start),
                clock(segment.end),
                " to ".join(snapped) if any(snapped) else "–",
                f"{segment.confidence:.2f}",
                entry.state,
                evidence_text(segment),
            ]
        )
    titles = ("episode", "segment", "start", "end", "snapped", "confidence", "", "evidence")
    return table(titles, rows)
