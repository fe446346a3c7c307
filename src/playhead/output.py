"""Output of commands: plain lines and tables, or the one JSON document of `--json`."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["counted", "print_error", "print_json", "print_table", "print_wide_table"]


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows with equal keys as aligned columns, numbers to the right; nothing without rows."""
    if not rows:
        return
    titles = list(rows[0])
    cells = [titles] + [[_cell(row[title]) for title in titles] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(titles))]
    right = [all(isinstance(row[title], int | float | None) for row in rows) for title in titles]
    for line in cells:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def print_wide_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """`print_table` in blocks of columns as wide as the terminal; the first column is in each.

    Long text is shortened. Where the output is no terminal there is one block with all of it.
    """
    if not rows or not sys.stdout.isatty():
        print_table(rows)
        return
    room, first, *titles = shutil.get_terminal_size().columns, *rows[0]
    short = [{title: _shortened(row[title]) for title in row} for row in rows]
    widths = {
        title: max(len(_cell(row[title])) for row in [*short, {title: title}]) for title in short[0]
    }
    while titles:
        block, used = [titles.pop(0)], widths[first]
        used += 2 + widths[block[0]]
        while titles and used + 2 + widths[titles[0]] <= room:
            used += 2 + widths[titles[0]]
            block.append(titles.pop(0))
        print_table([{title: row[title] for title in (first, *block)} for row in short])
        if titles:
            sys.stdout.write("\n")


def print_error(message: str) -> None:
    """Print one plain line on standard error."""
    sys.stderr.write(f"playhead: {' '.join(message.split())}\n")


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3f}"
        case _:
            return str(value)


def _shortened(value: Any) -> Any:
    return f"{value[:39]}…" if isinstance(value, str) and len(value) > 40 else value


def counted(number: int, noun: str, plural: str = "s") -> str:
    """A number with its noun: `1 box`, `1,200 boxes`; plural: the ending of the noun."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"
