"""ELAN: `X.eaf`, annotations in tiers, with times in milliseconds.

An annotation is a span; its value is the label and its tier the note, or the reverse with
`--columns label=tier`. An annotation without a value has the name of its tier.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo
from playhead.events.names import media_name
from playhead.events.source import Mistakes, read_xml

__all__ = ["parse"]


def parse(
    path: Path, *, columns: Mapping[str, str] | None = None, notes: list[str] | None = None
) -> tuple[RawVideo, ...]:
    """Parse the annotations that have times, without checking them against a video.

    columns: `{"label": "tier"}` makes tiers the labels, `{"label": "value"}` (the default) values
    Raises LabelError for other units than milliseconds.
    """
    notes = [] if notes is None else notes
    by_tier = _by_tier(path, columns)
    root = read_xml(path)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise LabelError(f"{path}: needs <ANNOTATION_DOCUMENT>, has <{root.tag}>")
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise LabelError(f"{path}: times in {units!r} are not read; save it with a newer ELAN")
    video, origin = _media(path, root)
    if origin:
        notes.append(f"{path}: the video is {float(origin):g} s ahead of the annotations; added")
    slots = {slot.get("TIME_SLOT_ID", ""): _seconds(path, slot) for slot in root.iter("TIME_SLOT")}
    events = []
    untimed = sum(1 for _ in root.iter("REF_ANNOTATION"))
    mistakes = Mistakes()
    for tier in root.iter("TIER"):
        name = (tier.get("TIER_ID") or "").strip()
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            where = f"{path}: tier {name!r}, annotation {annotation.get('ANNOTATION_ID')}"
            with mistakes.collect():
                ends = [annotation.get(f"TIME_SLOT_REF{number}", "") for number in (1, 2)]
                for slot in ends:
                    if slot not in slots:
                        raise LabelError(f"{where}: refers to the time slot {slot!r}, which is not")
                start, end = slots[ends[0]], slots[ends[1]]
                if start is None or end is None:
                    untimed += 1
                    continue
                value = " ".join((annotation.findtext("ANNOTATION_VALUE") or "").split())
                label, note = (name, value) if by_tier else (value or name, name)
                if not label:
                    raise LabelError(f"{where}: has no value, and its tier no name")
                event = RawEvent(
                    where=where,
                    label=label,
                    seconds=start + origin,
                    end_seconds=None if end == start else end + origin,
                    note=note or None,
                )
                event.check()
                events.append(event)
    mistakes.raise_any()
    if untimed:
        notes.append(f"{path}: left out annotations without times of their own: {untimed}")
    events.sort(key=lambda event: event.seconds or 0)
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    return (RawVideo(video=video or name, named=bool(video), events=events),)


def _by_tier(path: Path, columns: Mapping[str, str] | None) -> bool:
    told = dict(columns or {"label": "value"})
    if set(told) != {"label"} or told["label"] not in ("tier", "value"):
        raise LabelError(f"{path}: of ELAN, --columns is label=tier or label=value")
    return told["label"] == "tier"


def _media(path: Path, root: Element) -> tuple[str, Fraction]:
    """The name of the first video, and its time where the annotations have 0."""
    for media in root.iter("MEDIA_DESCRIPTOR"):
        if media.get("MIME_TYPE", "video").startswith("video"):
            origin = media.get("TIME_ORIGIN") or "0"
            if not origin.removeprefix("-").isdecimal() or len(origin) > 15:
                raise LabelError(f"{path}: TIME_ORIGIN needs milliseconds, got {origin[:40]!r}")
            url = media.get("MEDIA_URL") or media.get("RELATIVE_MEDIA_URL") or ""
            return media_name(url), Fraction(int(origin), 1000)
    return "", Fraction(0)


def _seconds(path: Path, slot: Element) -> Fraction | None:
    value = slot.get("TIME_VALUE")
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise LabelError(
            f"{path}: time slot {slot.get('TIME_SLOT_ID')}: needs milliseconds, got {value[:40]!r}"
        )
    return Fraction(int(value), 1000)
