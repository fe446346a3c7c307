"""The data of a spotting report: metrics, timelines, and the worst mistakes with their moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.report.curves import Line
from playhead.report.images import RGB
from playhead.report.tables import Cell

__all__ = ["Report", "ShownMistake", "Table", "Timeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One video: its annotated events, its predictions, and the scores they come from.

    duration: seconds
    link: the relative URL of the video from the page, None if it is not beside it
    """

    name: str
    duration: float
    truth: VideoEvents
    predictions: VideoEvents
    scores: Scores | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """A miss or a false positive, with frames around it.

    time: seconds; score: of the prediction, or the highest near a missed event; None without any
    frames: (seconds, RGB (H, W, 3)) in time order; none if the video is missing or damaged there
    clip: an MP4 of the moment; link: the relative URL of the video from the page
    """

    video: str
    kind: Literal["miss", "false positive"]
    label: str
    time: float
    score: float | None
    frames: Sequence[tuple[float, RGB]] = ()
    clip: bytes | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report; bold: indices of rows to emphasise."""

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    bold: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a report.

    tiles: metrics by name; note: the metric to judge by, in a sentence
    metrics: every metric beside chance; per_class, per_video: numbers of events, hits and mistakes
    tolerance: width of the matching window in seconds; threshold: minimum score; both can be
        changed on the page
    ap_frames: tolerances in frames; ap: AP at each of them, by name of class, of their mean and of
        chance
    training: lines of kind `loss` (over steps) and `metric` (over epochs)
    config: YAML; versions: by name of package
    """

    title: str
    summary: str
    tiles: Mapping[str, Cell]
    classes: Sequence[str]
    note: str = ""
    metrics: Table | None = None
    per_class: Table | None = None
    per_video: Table | None = None
    timelines: Sequence[Timeline] = ()
    tolerance: float = 1.0
    threshold: float = 0.2
    ap_frames: Sequence[int] = ()
    ap: Mapping[str, Sequence[float]] = field(default_factory=dict)
    precision_recall: Sequence[Line] = ()
    mistakes: Sequence[ShownMistake] = ()
    training: Sequence[Line] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
