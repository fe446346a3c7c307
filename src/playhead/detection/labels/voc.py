"""VOC: an XML file a picture, its boxes in pixels.

Pixels are counted as the development kit of Pascal VOC counts them: the first is 1, and `xmax` and
`ymax` name the last one that belongs to the box. So x1 is xmin - 1 and x2 is xmax. Tools that count
from 0 and mean half-open boxes are read with `first_pixel=0`. Objects that are truncated or
difficult are objects.
"""

import codecs
import math
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from playhead.detection.labels.raw import Fault, RawBox, Report
from playhead.errors import LabelError
from playhead.events.images import LabelledPicture

__all__ = ["VocFile", "label_text", "parse_labels"]

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_NO_XML = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape"})
"""Encodings that Python knows and no XML is in; some take time without end."""
_MOST_BYTES = 1 << 26
"""Of a label file; it is the text of one picture."""


class VocFile(NamedTuple):
    """What a file says: the picture's file name, where it gives one, its size, its boxes."""

    picture: str
    size: tuple[int, int] | None
    boxes: list[RawBox]


def parse_labels(path: Path, report: Report, *, first_pixel: int = 1) -> VocFile | None:
    """What an XML file says; None for one that cannot be read, which is reported."""
    root = _parse_xml(path, report)
    if root is None:
        return None
    boxes = []
    for number, element in enumerate(root.findall("object"), start=1):
        box = _parse_object(number, element, f"{path}: object {number}", report, first_pixel)
        if box is not None:
            boxes.append(box)
    return VocFile((root.findtext("filename") or "").strip(), _size(root), boxes)


def label_text(picture: LabelledPicture, classes: tuple[str, ...], *, scores: bool) -> str:
    """The XML file of a picture; `scores` gives each object a `score`, which VOC does not know."""
    width, height = picture.size
    lines = [
        "<annotation>",
        f"  <filename>{_text(picture.path.name)}</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for row, label in enumerate(picture.labels.tolist()):
        x1, y1, x2, y2 = picture.boxes[row].tolist()
        sides = zip(_CORNERS, (x1 + 1, y1 + 1, x2, y2), strict=True)
        box = "".join(f"<{name}>{_number(value)}</{name}>" for name, value in sides)
        score = f"<score>{picture.scores[row]}</score>" if scores else ""
        lines.append(
            f"  <object><name>{_text(classes[label])}</name>{score}<bndbox>{box}</bndbox></object>"
        )
    return "\n".join([*lines, "</annotation>", ""])


def _parse_xml(path: Path, report: Report) -> ElementTree.Element | None:
    try:
        text = _text_of(path)
        if re.search("<!(DOCTYPE|ENTITY)", text):
            raise LabelError("declares a document type, which no label file needs; remove it")
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (LabelError, ElementTree.ParseError, UnicodeError) as error:
        what = str(error).removeprefix(f"{path}: ")
        report(Fault.UNREADABLE_LABELS, str(path), f"not an XML file of labels: {what}")
        return None
    if root.tag != "annotation":
        report(Fault.UNREADABLE_LABELS, str(path), f"needs <annotation>, has <{root.tag}>")
        return None
    return root


def _text_of(path: Path) -> str:
    """The text of an XML file, in the encoding that its first bytes or its declaration tell."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise LabelError(f"cannot be read: {error.strerror or error}") from error
    if not data or len(data) > _MOST_BYTES:
        what = "longer than any label file is" if data else "the file is empty; needs <annotation>"
        raise LabelError(what)
    encoding = _encoding(data)
    try:
        if encoding.lower().replace("_", "-") in _NO_XML:
            raise LookupError
        return data.decode(encoding)
    except LookupError as error:
        raise LabelError(f"declares the unknown encoding {encoding!r}; save it as UTF-8") from error
    except UnicodeError as error:
        place = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise LabelError(f"not {encoding}{place}; save it as UTF-8") from error


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-16-le", "utf-16-be"):
        if data.startswith("<".encode(encoding)):
            return encoding
    found = _DECLARED.match(data)
    # What can be read byte by byte up to here is in no encoding of two bytes, whatever it says.
    if found is None or found[1].lower().startswith((b"utf-16", b"utf-8")):
        return "utf-8-sig"
    return found[1].decode()


def _parse_object(
    number: int, element: ElementTree.Element, where: str, report: Report, first_pixel: int
) -> RawBox | None:
    name = (element.findtext("name") or "").strip()
    box = element.find("bndbox")
    texts = [] if box is None else [box.findtext(corner) for corner in _CORNERS]
    if not name or not texts or None in texts:
        report(Fault.COLUMNS, where, f"needs a name and a bndbox of {', '.join(_CORNERS)}")
        return None
    score = element.findtext("score") or element.findtext("confidence")
    try:
        x1, y1, x2, y2 = (float(text or "") for text in texts)
        sure = None if score is None else float(score)
    except ValueError:
        report(Fault.NOT_A_NUMBER, where, f"needs numbers, got {texts} and the score {score}")
        return None
    if not all(map(math.isfinite, (x1, y1, x2, y2, sure or 0.0))):
        report(Fault.NOT_FINITE, where, f"needs finite numbers, got {texts}")
        return None
    corners = (x1 - first_pixel, y1 - first_pixel, x2, y2)
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        report(Fault.NO_AREA, where, "the box has no area; remove the object")
        return None
    return RawBox(number, name, corners, sure)


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    texts = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(text.isascii() and text.isdigit() and len(text) < 9 for text in texts):
        return None
    width, height = map(int, texts)
    return (width, height) if width and height else None


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _text(text: str) -> str:
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text):
        raise LabelError(f"{text!r}: XML cannot hold this name; rename it")
    return escape(text)
