"""Tables and tiles: figures of a report as HTML."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from playhead.report.markup import element, escape

__all__ = ["Cell", "table", "tiles"]

Cell = str | int | float | None
"""Text, or a number that is formatted; None is shown as a dash."""


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    digits: int = 3,
    bold: Collection[int] = (),
) -> str:
    """A table: numbers are aligned to the right, text to the left; "None." without rows.

    digits: decimals of floats; bold: indices of rows to emphasise, such as that of the mean
    Raises ValueError for a NaN or an infinity.
    """
    body, numeric = "", [False] * len(titles)
    for index, row in enumerate(rows):
        cells = ""
        for column, cell in enumerate(row):
            number = not isinstance(cell, str)
            numeric[column] |= number
            text = escape(_formatted(titles[column], cell, digits))
            cells += element("td", text, "number" if number else "")
        body += element("tr", cells, "bold" if index in bold else "")
    if not body:
        return '<p class="note">None.</p>'
    head = "".join(
        element("th", escape(title), "number" if number else "")
        for title, number in zip(titles, numeric, strict=True)
    )
    return element("div", element("table", element("tr", head) + body), "scroll")


def tiles(values: Mapping[str, Cell], *, digits: int = 3) -> str:
    """A grid of tiles, one a figure: its value in large type above its name.

    digits: decimals of floats
    Raises ValueError for a NaN or an infinity.
    """
    shown = "".join(
        element(
            "div",
            element("b", escape(_formatted(name, value, digits))) + element("span", escape(name)),
            "tile",
        )
        for name, value in values.items()
    )
    return element("div", shown, "tiles")


def _formatted(name: str, value: Cell, digits: int) -> str:
    match value:
        case str():
            return value
        case None:
            return "–"
        case float() if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; a report needs finite numbers, or None")
        case float():
            return f"{value:,.{digits}f}"
        case _:
            return f"{value:,}"
