"""Sportscode XML: instances with a code, a start and an end in seconds, as analysis programs share.

The code is the label, the labels of an instance are the note. Sportscode has no instants: one is
written as a clip around it, with labels that keep its time, and read again as the instant.
"""

import colorsys
import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from playhead.errors import LabelError
from playhead.events.formats.edl import clip_of
from playhead.events.formats.raw import RawEvent, RawVideo, refuse_equal_rows
from playhead.events.formats.table import as_seconds
from playhead.events.model import Event, VideoEvents
from playhead.events.source import Mistakes, read_xml
from playhead.files import write_text

__all__ = ["parse", "write"]

INSTANT, SCORE = "Playhead instant", "Playhead score"
"""Groups of the labels that hold what Sportscode does not have."""
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the instances, without checking them against a video; the file does not name it.

    Raises LabelError with all mistakes.
    """
    root = read_xml(path)
    if root.tag != "file":
        raise LabelError(f"{path}: needs <file> with <ALL_INSTANCES>, has <{root.tag}>")
    events = []
    mistakes = Mistakes()
    for number, instance in enumerate(root.iter("instance"), start=1):
        with mistakes.collect():
            events.append(_parse_instance(f"{path}: instance {number}", instance))
    mistakes.raise_any()
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    return (RawVideo(video=name, named=False, events=events),)


def write(video: VideoEvents, path: Path) -> None:
    """Write instances in order of time, and a row with a colour for each class.

    Times are rounded to microseconds. Raises LabelError for a label that XML cannot hold.
    """
    events = sorted(video.events, key=lambda event: event.start)
    refuse_equal_rows(
        video.video,
        [(event.label, *_times(event), event.end is None, event.note) for event in events],
        "Sportscode XML",
    )
    root = Element("file")
    instances = SubElement(root, "ALL_INSTANCES")
    for number, event in enumerate(events, start=1):
        instance = SubElement(instances, "instance")
        start, end = _times(event)
        _add(instance, ID=str(number), start=start, end=end, code=_text(event.label))
        if event.end is None:
            _add(SubElement(instance, "label"), group=INSTANT, text=repr(float(event.start)))
        if event.score != 1.0:
            _add(SubElement(instance, "label"), group=SCORE, text=repr(float(event.score)))
        if event.note is not None:
            _add(SubElement(instance, "label"), group="Note", text=_text(event.note))
    rows = SubElement(root, "ROWS")
    for number, label in enumerate(video.classes):
        red, green, blue = (
            str(round(65535 * part))
            for part in colorsys.hsv_to_rgb(number / len(video.classes), 0.7, 0.9)
        )
        _add(SubElement(rows, "row"), code=_text(label), R=red, G=green, B=blue)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    write_text(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n')


def _parse_instance(where: str, instance: Element) -> RawEvent:
    code = (instance.findtext("code") or "").strip()
    if not code:
        raise LabelError(f"{where}: has no code")
    start, end = (_seconds(where, name, instance.findtext(name)) for name in ("start", "end"))
    labels = [
        (
            (label.findtext("group") or "").strip(),
            (label.findtext("text") or label.text or "").strip(),
        )
        for label in instance.iter("label")
    ]
    own = dict(labels)
    words = [
        text if group in ("", "Note") else f"{group}: {text}"
        for group, text in labels
        if text and group not in (INSTANT, SCORE)
    ]
    if INSTANT in own:
        start = _seconds(where, INSTANT, own[INSTANT])
    event = RawEvent(
        where=where,
        label=code,
        seconds=start,
        end_seconds=None if INSTANT in own or end == start else end,
        score=_seconds(where, SCORE, own[SCORE]) if SCORE in own else 1.0,
        note="; ".join(words) or None,
    )
    event.check()
    return event


def _seconds(where: str, name: str, text: str | None) -> float:
    try:
        return as_seconds((text or "").strip())
    except ValueError as error:
        raise LabelError(f"{where}: {name} needs a number, got {text!r}") from error


def _times(event: Event) -> tuple[str, str]:
    start, end = clip_of(event)
    return f"{start:.6f}", f"{max(end, start + 1e-6):.6f}"


def _text(text: str) -> str:
    if NOT_XML.search(text) or text != text.strip() or "\r" in text:
        raise LabelError(
            f"{text!r}: XML cannot hold it, for spaces around it or a control character; rename it"
        )
    return text


def _add(parent: Element, **values: str) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = value
