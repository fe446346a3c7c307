"""The data of a spotting report: metrics, timelines, and the worst mistakes with their frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.report.curves import Line
from playhead.report.images import RGB

__all__ = ["Report", "ShownMistake", "Timeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One video: its annotated events, its predictions, and the scores they come from.

    duration: seconds
    """

    name: str
    duration: float
    truth: VideoEvents
    predictions: VideoEvents
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """A miss or a false positive, with frames around it.

    time: seconds; score: of the prediction, or the highest near a missed event; None without any
    frames: (seconds, RGB (H, W, 3)) in time order; none if the video is missing or damaged there
    """

    video: str
    kind: Literal["miss", "false positive"]
    label: str
    time: float
    score: float | None
    frames: Sequence[tuple[float, RGB]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a report.

    tiles: metrics by name
    tolerance: seconds; threshold: minimum score; both can be changed on the page
    ap: for each class, and for their mean, the AP at each of `ap_tolerances` (seconds)
    training: lines of kind `loss` (over steps) and `metric` (over epochs)
    config: YAML; versions: by name of package
    """

    title: str
    summary: str
    tiles: Mapping[str, float]
    classes: Sequence[str]
    timelines: Sequence[Timeline] = ()
    tolerance: float = 1.0
    threshold: float = 0.2
    ap_tolerances: Sequence[float] = ()
    ap: Mapping[str, Sequence[float]] = field(default_factory=dict)
    precision_recall: Sequence[Line] = ()
    mistakes: Sequence[ShownMistake] = ()
    training: Sequence[Line] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
