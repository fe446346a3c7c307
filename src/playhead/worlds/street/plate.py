"""Number plates: styles of many regions, with characters of Pillow's own font and drawn strokes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["BASIC", "PLATES", "PlateRange", "PlateStyle", "draw_number", "draw_plate"]

PlateRange = Literal["basic", "worldwide"]
Colour = tuple[int, int, int]
_WIDE = 360  # pixels
_GAP = 0.35  # of a character's width
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_DIGITS = "0123456789"
_DIRT = (92, 82, 68)

_BLACK: Colour = (20, 20, 22)
_WHITE: Colour = (234, 234, 230)
_GREEN: Colour = (18, 92, 58)
_RED: Colour = (168, 28, 34)
_NAVY: Colour = (24, 48, 112)
_BLUE: Colour = (24, 60, 160)
_YELLOW: Colour = (238, 190, 40)
_GREY: Colour = (164, 168, 170)


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """Size in metres, colours and rows of characters of a kind of number plate.

    rows: from the top, layout and height as a share of the plate's. In a layout `A` is a letter,
    `0` a digit, `X` either, `#` a sign of strokes, a space a gap and `.` a gap with a dot.
    fill: height of the characters as a share of their row's
    strip: a blue strip lies at the left of the first row
    band: colour of the ground of the first row, whose characters are then white
    rim: a line in the colour of the ink runs around the plate
    weight: how often the style occurs among worldwide plates, relative to the others
    """

    metres: tuple[float, float]
    ground: Colour
    ink: Colour
    rows: tuple[tuple[str, float], ...]
    fill: float = 0.8
    strip: bool = False
    band: Colour | None = None
    rim: bool = True
    weight: float = 1.0


def _basic(
    metres: tuple[float, float], ground: Colour, ink: Colour, layout: str, *, strip: bool = False
) -> PlateStyle:
    return PlateStyle(metres, ground, ink, ((layout, 1.0),), fill=0.64, strip=strip)


def _european(
    ground: Colour, ink: Colour, layout: str, *, strip: bool = True, rim: bool = True,
    weight: float = 1.0,
) -> PlateStyle:  # fmt: skip
    """One row on 0.52 by 0.11 metres."""
    return PlateStyle(
        (0.52, 0.11), ground, ink, ((layout, 1.0),), fill=0.7, strip=strip, rim=rim, weight=weight
    )


def _square(
    metres: tuple[float, float], ground: Colour, ink: Colour, above: str, below: str, *,
    strip: bool = False, weight: float = 1.0,
) -> PlateStyle:  # fmt: skip
    """Two rows of the same height."""
    rows = ((above, 0.45), (below, 0.45))
    return PlateStyle(metres, ground, ink, rows, strip=strip, weight=weight)


def _american(
    ground: Colour, ink: Colour, layout: str, *, band: Colour | None = None, below: str = ""
) -> PlateStyle:
    """A small row, a large one and sometimes another small one, on 0.305 by 0.152 metres."""
    rows = (("AAAAAAAA", 0.2), (layout, 0.62), *(((below, 0.16),) if below else ()))
    return PlateStyle((0.305, 0.152), ground, ink, rows, band=band, rim=False)


def _japanese(ground: Colour, ink: Colour) -> PlateStyle:
    return PlateStyle((0.33, 0.165), ground, ink, (("##000", 0.32), ("#00.00", 0.6)), rim=False)


BASIC = 4
"""So many of the styles, the first ones, are the basic range."""

PLATES: tuple[PlateStyle, ...] = (
    _basic((0.44, 0.14), (24, 62, 150), (236, 238, 240), "#A.XXXXX"),
    _basic((0.47, 0.135), (232, 232, 228), (22, 22, 24), "AA XXXXX", strip=True),
    _basic((0.44, 0.14), (226, 178, 36), (20, 20, 20), "#A.XXXXX"),
    _basic((0.48, 0.15), (120, 200, 150), (18, 22, 20), "#A.XXXXX"),
    # One row: the European Union, then the United Kingdom, the Netherlands, Switzerland, Turkey.
    _european(_WHITE, _BLACK, "AA 000 AA", weight=2.0),
    _european(_WHITE, _BLACK, "A AA 0000", weight=2.0),
    _european(_WHITE, _BLACK, "0000 AAA", rim=False),
    _european(_WHITE, (150, 30, 36), "A AAA 000", strip=False),
    _european(_WHITE, _GREEN, "AA AA 00A"),
    _european(_YELLOW, _BLACK, "AA00 AAA", strip=False, rim=False, weight=1.5),
    _european(_WHITE, _BLACK, "AA00 AAA", strip=False, rim=False),
    _european(_YELLOW, _BLACK, "AA.000.A", weight=2.0),
    _european(_YELLOW, _BLACK, "0.AAA.00"),
    _european(_WHITE, _BLACK, "#AA.000000", strip=False),
    _european(_WHITE, _BLACK, "00 AA 000"),
    # Two rows in Europe, for cars and for motorcycles.
    _square((0.28, 0.2), _WHITE, _BLACK, "AA", "000 AA", strip=True, weight=1.5),
    _square((0.28, 0.2), _WHITE, _BLACK, "AA A", "0000", weight=1.5),
    _square((0.28, 0.2), _YELLOW, _BLACK, "AA00", "AAA"),
    _square((0.21, 0.145), _YELLOW, _BLACK, "AA.00", "AA.A"),
    _square((0.22, 0.2), _WHITE, _BLACK, "AAA", "A 00", strip=True),
    _square((0.18, 0.18), _WHITE, _BLACK, "AA 0", "0000"),
    # The United States, Canada and Mexico.
    _american(_WHITE, _NAVY, "AAA 0000"),
    _american(_WHITE, _RED, "AAAA 000", below="AAAA AA AAAAA"),
    _american((196, 216, 234), _NAVY, "000 AAA", below="AAA AAAAAA"),
    _american((242, 226, 190), _GREEN, "AAA.000"),
    _american((206, 226, 200), _BLACK, "AA0 0AA"),
    _american(_NAVY, (238, 204, 84), "0AAA000"),
    _american(_BLACK, (238, 204, 84), "AAA 000"),
    _american(_GREEN, _WHITE, "000.AAA"),
    _american(_WHITE, _NAVY, "AA0 0000", band=_NAVY, below="AAAAAA"),
    _american((238, 196, 66), _NAVY, "AAA 0000"),
    # Mercosur, and older plates of Brazil and Argentina.
    PlateStyle(
        (0.4, 0.13), _WHITE, _BLACK, (("AAAAAA", 0.24), ("AAA0A00", 0.7)), band=_BLUE, weight=2.5
    ),
    PlateStyle((0.4, 0.13), _WHITE, _RED, (("AAAAAA", 0.24), ("AAA0A00", 0.7)), band=_BLUE),
    PlateStyle(
        (0.2, 0.17), _WHITE, _BLACK, (("AAAA", 0.18), ("AAA", 0.38), ("0A00", 0.38)), band=_BLUE
    ),
    PlateStyle(
        (0.4, 0.13), _GREY, _BLACK, (("AA AAAAAAA", 0.2), ("AAA.0000", 0.74)), rim=False, weight=2.5
    ),
    PlateStyle((0.4, 0.13), _RED, _WHITE, (("AA AAAAA", 0.2), ("AAA.0000", 0.74)), rim=False),
    PlateStyle((0.294, 0.129), _BLACK, _WHITE, (("AAAAAAAAA", 0.2), ("AAA 000", 0.74))),
    # India, Pakistan and their neighbours.
    _square((0.34, 0.2), _WHITE, _BLACK, "AA 00", "AA 0000", weight=1.5),
    _square((0.34, 0.2), _YELLOW, _BLACK, "AA 00 A", "0000", weight=1.5),
    _square((0.2, 0.1), _WHITE, _BLACK, "AA00A", "0000"),
    _european(_WHITE, _BLACK, "AA 00 AA 0000", strip=False),
    _square((0.3, 0.16), _GREEN, _WHITE, "AAA", "0000"),
    # Japan, Korea, China, Thailand and the Arabian Peninsula.
    _japanese(_WHITE, _GREEN),
    _japanese(_YELLOW, _BLACK),
    _japanese(_GREEN, _WHITE),
    _european(_WHITE, _BLACK, "000# 0000", strip=False),
    _square((0.335, 0.17), (232, 184, 44), _NAVY, "##00", "#0000"),
    _square((0.44, 0.2), _YELLOW, _BLACK, "#A", "XXXXX"),
    _square((0.34, 0.15), _WHITE, _BLACK, "0##0000", "####"),
    _square((0.31, 0.16), _WHITE, _BLACK, "0000 ###", "0000 AAA"),
    # White on a dark ground: old, diplomatic, official and commercial plates.
    _european(_BLACK, _WHITE, "AAA 0000", strip=False, weight=1.5),
    _european(_RED, _WHITE, "00 AA 00", strip=False),
    _european(_BLUE, _WHITE, "000 A 00", strip=False),
    _european(_GREEN, _WHITE, "AA 0000", strip=False),
    _square((0.28, 0.2), _BLACK, _WHITE, "AAA", "0000"),
    _square((0.28, 0.2), _RED, _WHITE, "AA", "0000"),
    _square((0.28, 0.2), _BLUE, _WHITE, "00A", "000 00"),
)


def draw_number(rng: np.random.Generator, number: int) -> str:
    """A random number for a plate of style `number`: its characters from the top, without gaps."""
    kinds = {"A": _LETTERS, "#": _LETTERS, "0": _DIGITS, "X": _DIGITS + _LETTERS}
    layout = "".join(row for row, _ in PLATES[number].rows)
    return "".join(str(rng.choice(list(kinds[place]))) for place in layout if place in kinds)


def draw_plate(number: int, text: str, *, fade: float = 0.0, dirt: float = 0.0) -> Image.Image:
    """A plate of style `number` that reads `text`, RGB, 360 pixels wide.

    fade: 0 to 1, how far the ink has the colour of the ground
    dirt: 0 to 1, how much of the plate is covered at most
    """
    style = PLATES[number]
    high = round(_WIDE * style.metres[1] / style.metres[0])
    plate = Image.new("RGB", (_WIDE, high), style.ground)
    draw = ImageDraw.Draw(plate)
    ink = _mixed(style.ink, style.ground, fade)
    top = high * (1 - sum(share for _, share in style.rows)) / 2
    first = high * style.rows[0][1]
    if style.band is not None:
        draw.rectangle((0, 0, _WIDE, round(top + first)), fill=style.band)
    if style.rim:
        rim = max(min(high // 22, 5), 2)
        corners = (rim, rim, _WIDE - rim - 1, high - rim - 1)
        draw.rounded_rectangle(corners, min(high // 10, 11), outline=ink, width=rim)
    if style.strip:
        draw.rectangle((0, 0, round(first * 0.4), round(top + first)), fill=(24, 60, 160))
    index = 0
    for row, (layout, share) in enumerate(style.rows):
        tall, left = high * share, high * share * (0.5 if style.strip and row == 0 else 0.16)
        colour = ink
        if style.band is not None and row == 0:
            colour = _mixed(_WHITE, style.band, fade)
        places = sum(_GAP if place in " ." else 1.0 for place in layout)
        room = _WIDE - left - tall * 0.14
        step = min(room / places, tall * style.fill * 0.8)
        left += (room - step * places) / 2
        font = ImageFont.load_default(tall * 0.8)
        at = 0.0  # characters from the left
        for place in layout:
            if place in " .":
                if place == ".":
                    dot, column, middle = tall * 0.045, left + step * (at + 0.17), top + tall / 2
                    box = (column - dot, middle - dot, column + dot, middle + dot)
                    draw.ellipse(box, fill=colour)
                at += _GAP
                continue
            column = left + step * (at + 0.5)
            if place == "#":
                span, rows = (column, step * 0.4), (top + tall / 2, tall * style.fill / 2)
                _sign(draw, span, rows, colour, lean=ord(text[(index + 1) % len(text)]) % 2)
            else:
                size = (step * 0.84, round(tall * style.fill))
                _character(
                    plate, text[index], (column, top + tall / 2), size, font=font, ink=colour
                )
            index, at = index + 1, at + 1
        top += tall
    return _soiled(plate, text, dirt) if dirt else plate


def _character(
    plate: Image.Image, character: str, middle: tuple[float, float], size: tuple[float, int],
    *, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, ink: Colour,
) -> None:  # fmt: skip
    """One character, bold and stretched to a size of pixels."""
    wide, high = size
    stroke = max(round(high * 0.04), 1)
    left, top, right, low = (round(side) for side in font.getbbox(character, stroke_width=stroke))
    mask = Image.new("L", (right - left, low - top))
    ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=font, stroke_width=stroke)
    narrow = 0.45 if character in "1I" else 1.0
    mask = mask.resize((max(round(wide * narrow), 2), high))
    corner = (round(middle[0] - mask.width / 2), round(middle[1] - high / 2))
    plate.paste(ink, corner, mask)


def _sign(
    draw: ImageDraw.ImageDraw, columns: tuple[float, float], rows: tuple[float, float],
    ink: Colour, *, lean: int,
) -> None:  # fmt: skip
    """A sign of a few strokes that no alphabet has; columns, rows: its middle and half its size."""
    middle, half = columns
    top, low = rows[0] - rows[1], rows[0] + rows[1]
    width = max(round((low - top) / 9), 2)
    steps = [top + (low - top) * part for part in (0.0, 0.36, 0.66, 1.0)]
    for row, part in zip(steps, (0.7, 1.0, 0.8, 1.0), strict=True):
        draw.line((middle - half * part, row, middle + half * part, row), fill=ink, width=width)
    draw.line((middle, top, middle, low), fill=ink, width=width)
    slant = half * (0.9 if lean else 0.5)
    draw.line((middle - slant, steps[1], middle - slant, steps[3]), fill=ink, width=width)
    draw.line((middle + slant, steps[0], middle + slant, steps[2]), fill=ink, width=width)


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _soiled(plate: Image.Image, text: str, dirt: float) -> Image.Image:
    """The plate under blotches of dirt, more of it below; the same text has the same blotches."""
    rng = np.random.default_rng(list(text.encode()))
    thick = rng.uniform(0.3, 1.0, (5, 9)) * np.linspace(0.7, 1.0, 5)[:, None] * dirt
    mask = Image.fromarray((thick * 255).astype(np.uint8)).resize(plate.size)
    return Image.composite(Image.new("RGB", plate.size, _DIRT), plate, mask)
