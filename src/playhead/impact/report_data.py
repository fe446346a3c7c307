"""The data of an impact report: figures, timelines of plays, and impacts with their film strips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playhead.impact.outcomes import Kind, Outcome
from playhead.metrics.bootstrap import Interval
from playhead.metrics.box_events import Counts
from playhead.report.curves import Line
from playhead.report.images import RGB

__all__ = ["ImpactReport", "Lane", "Mark", "PlayTimeline", "ShownImpact", "ShownView", "StripImage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Outcomes of one kind at one moment in one view.

    time: seconds on the play's clock
    count: the number of outcomes; score: the highest of the predictions, None for misses
    shown: the number of the impact on the page; None if it has no strip
    """

    kind: Kind
    time: float
    count: int = 1
    score: float | None = None
    shown: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One view of a play on the play's clock, from `start` to `end` in seconds.

    note: what is to be known of the view, such as that it has no predictions
    """

    view: str
    start: float
    end: float
    marks: Sequence[Mark] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlayTimeline:
    """The views of one play."""

    name: str
    lanes: Sequence[Lane]


@dataclass(frozen=True, slots=True)
class StripImage:
    """A frame of a strip, cropped, with the boxes of this frame drawn.

    offset: frames from the middle of the strip; seconds: in the video
    """

    offset: int
    frame: int
    seconds: float
    image: RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownView:
    """A view of a shown impact: its outcomes, and frames by offset.

    note: why there are no images or no outcomes
    """

    view: str
    outcomes: Sequence[Outcome] = ()
    images: Sequence[StripImage] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImpact:
    """A moment of a play with the frames of both views.

    number: by which marks refer to it
    time: seconds on the play's clock
    """

    number: int
    play: str
    kind: Kind
    time: float
    views: Sequence[ShownView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactReport:
    """The content of a report.

    counts: over all videos; per_view: by name of the view
    intervals: of `f1`, `precision` and `recall`, over plays
    references: figures of other methods on the same truth, by name: `f1`, `precision`, ...
    curve: F1, precision and recall over the impact threshold; threshold: the chosen one
    totals: the number of moments of each kind, of which `impacts` are shown
    notes: what the reader has to know, as text
    training: lines of kind `loss` (over steps) and `metric` (over epochs)
    config: YAML; versions: by name of package
    """

    title: str
    summary: str
    counts: Counts
    per_view: Mapping[str, Counts] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: Sequence[Line] = ()
    threshold: float | None = None
    plays: Sequence[PlayTimeline] = ()
    impacts: Sequence[ShownImpact] = ()
    totals: Mapping[Kind, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    training: Sequence[Line] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
