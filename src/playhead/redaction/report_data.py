"""The data of a redaction report: videos with figures, and frames before and after."""

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

    tiles: figures by name, None for one that is not known
    files: the text of a link to the path of a file, relative to the report's folder, with `/`
    """

    name: str
    note: str = ""
    tiles: Mapping[str, Cell] = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """Everything that a report shows; config: YAML; versions: by name of package."""

    title: str
    summary: str
    videos: Sequence[RedactedVideo] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
