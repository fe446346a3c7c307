"""VOC: one XML file an image, boxes in pixels.

Pixels count from 1 as in the Pascal VOC development kit, and `xmax` and `ymax` are inclusive: x1 is
xmin - 1 and x2 is xmax. Labels with half-open boxes from 0 are read with `first_pixel=0`. Truncated
and difficult objects are kept.
"""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from playhead.detection.labels.names import without_suffix
from playhead.detection.labels.parsed import (
    ParsedBox,
    ParsedImage,
    Problem,
    Report,
    checked_box,
    finite_numbers,
)
from playhead.errors import LabelError
from playhead.events.images import LabelledImage

__all__ = ["label_text", "parse_file"]

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_MAX_BYTES = 1 << 26
"""Size limit of a label file, which describes one image."""


def parse_file(
    path: Path, name: str, report: Report, *, first_pixel: int = 1, split: str | None = None
) -> ParsedImage:
    """The objects of a file.

    name: of the image, from the path of the label file; the suffix comes from `<filename>` if its
    stem is the same
    """
    try:
        root = _parse_xml(path)
    except (OSError, LabelError, ElementTree.ParseError, LookupError, ValueError) as error:
        what = f"not an XML file of labels: {error}"
        if isinstance(error, LookupError | ValueError):
            what = f"not an XML file in a known encoding ({error}); save it as UTF-8"
        report(Problem.UNREADABLE_LABELS, str(path), what)
        return ParsedImage(name, path, (), unit="object", split=split, broken=True)
    parsed = [
        _parse_object(number, element, f"{path}: object {number}", report, first_pixel)
        for number, element in enumerate(root.findall("object"), start=1)
    ]
    boxes = [box for box in parsed if box is not None]
    named = Path((root.findtext("filename") or "").strip().replace("\\", "/")).name
    return ParsedImage(
        name=str(Path(name).with_name(named)) if without_suffix(named) == Path(name).name else name,
        file=path,
        boxes=boxes,
        unit="object",
        size=_size(root),
        split=split,
        broken=len(boxes) < len(parsed),
    )


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type, which can define entities that expand without end."""

    def doctype(self, *_: str | None) -> None:
        raise LabelError("declares a document type, which is not supported; remove it")


def _parse_xml(path: Path) -> ElementTree.Element:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if not data:
        raise LabelError("the file is empty; needs <annotation>")
    if len(data) > _MAX_BYTES:
        raise LabelError(f"longer than {_MAX_BYTES} bytes, the limit for a label file")
    root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Builder()))
    if root.tag != "annotation":
        raise LabelError(f"needs <annotation>, has <{root.tag}>")
    return root


def _parse_object(
    number: int, element: ElementTree.Element, where: str, report: Report, first_pixel: int
) -> ParsedBox | None:
    name = (element.findtext("name") or "").strip()
    texts = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    if not name or None in texts:
        report(Problem.COLUMNS, where, f"needs a name and a bndbox of {', '.join(_CORNERS)}")
        return None
    score = element.findtext("score") or element.findtext("confidence")
    numbers = finite_numbers([*texts, "1" if score is None else score], where, report)
    if numbers is None:
        return None
    x1, y1, x2, y2, confidence = numbers
    corners = (x1 - first_pixel, y1 - first_pixel, x2, y2)
    kept_score = None if score is None else confidence
    return checked_box(number, name, corners, kept_score, where=where, report=report)


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    texts = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(text.isascii() and text.isdigit() and len(text) < 9 for text in texts):
        return None
    width, height = map(int, texts)
    return (width, height) if width and height else None


def label_text(image: LabelledImage, classes: tuple[str, ...], *, scores: bool) -> str:
    """The XML file of an image; `scores` adds a `score` to each object, which VOC does not have."""
    width, height = image.size
    lines = [
        "<annotation>",
        f"  <filename>{_escaped(image.path.name)}</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for row, label in enumerate(image.labels.tolist()):
        x1, y1, x2, y2 = image.boxes[row].tolist()
        sides = zip(_CORNERS, (x1 + 1, y1 + 1, x2, y2), strict=True)
        box = "".join(
            f"<{name}>{int(value) if value == int(value) else repr(value)}</{name}>"
            for name, value in sides
        )
        score = f"<score>{image.scores[row]}</score>" if scores else ""
        name = f"<name>{_escaped(classes[label])}</name>"
        lines.append(f"  <object>{name}{score}<bndbox>{box}</bndbox></object>")
    return "\n".join([*lines, "</annotation>", ""])


def _escaped(text: str) -> str:
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text):
        raise LabelError(f"{text!r}: has characters that XML cannot represent; rename it")
    return escape(text)
