"""Findings: what is wrong with a data set, a configuration or a result, and what mends it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Finding", "listed", "short", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    severity: `refuse` makes training pointless or impossible; `warn` does not
    name: the same for every finding of a kind
    found: what was found, with its numbers
    remedy: the setting or command that mends it
    """

    severity: Literal["refuse", "warn"]
    name: str
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """As a plain mapping."""
        return asdict(self)

    def describe(self) -> str:
        """As one line, without the severity."""
        return f"{self.found}; {self.remedy}" if self.remedy else self.found


def warning(name: str, found: str, remedy: str) -> Finding:
    """A finding that refuses nothing."""
    return Finding("warn", name, found, remedy)


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names with commas, at most `most` of them."""
    chosen: Sequence[str] = list(dict.fromkeys(names))
    more = f" and {len(chosen) - most} more" if len(chosen) > most else ""
    return ", ".join(chosen[:most]) + more


def short(value: float) -> str:
    """A number with two significant digits, as one would type it: 0.064, 1.2, 25."""
    return f"{float(f'{value:.2g}'):g}"
