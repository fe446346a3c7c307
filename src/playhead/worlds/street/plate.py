"""Number plates: several styles, with characters of Pillow's own font and drawn strokes."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

__all__ = ["PLATES", "PlateStyle", "draw_plate"]

Colour = tuple[int, int, int]
_WIDE = 360  # pixels


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """Size in metres, colours, and whether a sign of strokes or a coloured strip comes first."""

    metres: tuple[float, float]
    ground: Colour
    ink: Colour
    sign: bool = False
    strip: bool = False


PLATES: tuple[PlateStyle, ...] = (
    PlateStyle((0.44, 0.14), (24, 62, 150), (236, 238, 240), sign=True),
    PlateStyle((0.47, 0.135), (232, 232, 228), (22, 22, 24), strip=True),
    PlateStyle((0.44, 0.14), (226, 178, 36), (20, 20, 20), sign=True),
    PlateStyle((0.48, 0.15), (120, 200, 150), (18, 22, 20), sign=True),
)


def draw_plate(number: int, text: str) -> Image.Image:
    """A plate of style `number` that reads `text`, RGB, 360 pixels wide."""
    style = PLATES[number]
    high = round(_WIDE * style.metres[1] / style.metres[0])
    plate = Image.new("RGB", (_WIDE, high), style.ground)
    draw = ImageDraw.Draw(plate)
    rim = max(high // 22, 2)
    draw.rounded_rectangle(
        (rim, rim, _WIDE - rim - 1, high - rim - 1), high // 10, outline=style.ink, width=rim
    )
    left = high * 0.16
    if style.strip:
        draw.rectangle((0, 0, round(high * 0.4), high), fill=(24, 60, 160))
        left = high * 0.5
    step = (_WIDE - left - high * 0.14) / (len(text) + 0.35)
    font = ImageFont.load_default(high * 0.8)
    for index, character in enumerate(text):
        # After the second character there is a dot or a gap.
        middle = left + step * (index + 0.5 + (0.35 if index >= 2 else 0.0))
        if index == 0 and style.sign:
            _sign(draw, (middle, step * 0.4), high, style.ink, lean=ord(text[1]) % 2)
        else:
            _character(
                plate, character, (middle, high / 2), wide=step * 0.84, font=font, ink=style.ink
            )
    if not style.strip:
        dot = high * 0.045
        middle = left + step * 2.17
        draw.ellipse((middle - dot, high / 2 - dot, middle + dot, high / 2 + dot), fill=style.ink)
    return plate


def _character(
    plate: Image.Image, character: str, middle: tuple[float, float], *, wide: float,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont, ink: Colour,
) -> None:  # fmt: skip
    """One character, bold and stretched to the height of a plate's characters."""
    high = round(plate.height * 0.64)
    left, top, right, low = (round(side) for side in font.getbbox(character, stroke_width=3))
    mask = Image.new("L", (right - left, low - top))
    ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=font, stroke_width=3)
    narrow = 0.45 if character in "1I" else 1.0
    mask = mask.resize((max(round(wide * narrow), 2), high))
    corner = (round(middle[0] - mask.width / 2), round(middle[1] - high / 2))
    plate.paste(ink, corner, mask)


def _sign(
    draw: ImageDraw.ImageDraw, span: tuple[float, float], high: int, ink: Colour, *, lean: int
) -> None:
    """A sign of a few strokes that no alphabet has; span: its middle and half its width."""
    middle, half = span
    top, low = high * 0.18, high * 0.82
    width = max(high // 14, 2)
    rows = [top + (low - top) * part for part in (0.0, 0.36, 0.66, 1.0)]
    for row, part in zip(rows, (0.7, 1.0, 0.8, 1.0), strict=True):
        draw.line((middle - half * part, row, middle + half * part, row), fill=ink, width=width)
    draw.line((middle, top, middle, low), fill=ink, width=width)
    slant = half * (0.9 if lean else 0.5)
    draw.line((middle - slant, rows[1], middle - slant, rows[3]), fill=ink, width=width)
    draw.line((middle + slant, rows[0], middle + slant, rows[2]), fill=ink, width=width)
