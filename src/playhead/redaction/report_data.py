"""The data of a redaction report: videos with metrics, and frames before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playhead.report.images import RGB
from playhead.report.tables import Cell

__all__ = ["Moment", "RedactedVideo", "RedactionReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A frame before and after redaction, RGB (H, W, 3) of one size; time: seconds."""

    time: float
    before: RGB
    after: RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedVideo:
    """One video of a report.

    tiles: metrics by name, None if unknown
    files: paths by link text, relative to the report's folder, with `/`
    """

    name: str
    note: str = ""
    tiles: Mapping[str, Cell] = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """The content of a report; config: YAML; versions: by package name."""

    title: str
    summary: str
    videos: Sequence[RedactedVideo] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
