"""Curves: the named lines that the charts of every report draw."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named line: precision over recall, or a quantity of the training log."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = ""
