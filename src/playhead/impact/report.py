"""The report of impacts: figures, timelines of plays in both views, and film strips of impacts.

Written from saved events and candidates, without a model. Film strips need the videos; where they
are not found, the page says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from playhead.decisions.boxes import iou
from playhead.errors import MediaError
from playhead.events.model import Event, VideoEvents
from playhead.events.pairing import pair_videos
from playhead.impact.candidates import CANDIDATES, Candidates, read_candidates
from playhead.impact.curve import threshold_curve
from playhead.impact.evaluate import (
    Truth,
    evaluate_truth,
    is_scored,
    paired,
    read_impacts,
    read_predictions,
)
from playhead.impact.outcomes import Kind, Moment, Outcome, moments_of, outcomes_of
from playhead.impact.page import write_report_page
from playhead.impact.predict import recorded_decisions
from playhead.impact.report_data import (
    ImpactReport,
    Lane,
    Mark,
    PlayTimeline,
    ShownImpact,
    ShownView,
    StripImage,
)
from playhead.impact.strips import FrameReader, strip_image, strip_middle, video_frames
from playhead.impact.views import named_view, plays_of
from playhead.metrics.box_events import MAX_FRAMES, MIN_IOU
from playhead.output import counted
from playhead.report.curves import training_curves
from playhead.report.provenance import versions

__all__ = ["FrameReader", "report_of", "write_report"]

SHOWN: dict[Kind, int] = {"miss": 12, "false positive": 12, "hit": 8}


def write_report(
    truth: Path,
    predictions: Path,
    page: Path,
    *,
    split: str | None = None,
    videos: Path | None = None,
    run: Path | None = None,
) -> Path:
    """Write the report of a folder of saved events, or of a submission, and return its path.

    videos: the folder with the videos, by default that of `truth`; run: the training run
    """
    return report_of(
        read_impacts(truth, split=split),
        predictions,
        page,
        run=run,
        videos=videos or (truth if truth.is_dir() else truth.parent),
    )


def report_of(
    truth: Truth,
    predictions: Path,
    page: Path,
    *,
    title: str = "Impacts",
    run: Path | None = None,
    references: Mapping[str, Mapping[str, float]] | None = None,
    videos: Path | None = None,
    frames: FrameReader | None = None,
) -> Path:
    """Write the report and return its path.

    predictions: a folder of `X.events.json`, with the `X.candidates.npz` beside them if there are
        any, or a submission
    run: the training run, for its curves and configuration
    references: figures of other methods on the same truth, by name: f1, precision, recall, ...
    videos: the folder with videos that the truth does not name by their path
    frames: reads the frames of film strips, by default from the video files
    """
    groups = {truth.groups[video.video] for video in truth.videos}
    evaluation = evaluate_truth(truth, predictions, intervals=len(groups) > 1)
    predicted = {
        video.video: video for video in paired(truth, read_predictions(predictions), predictions)
    }
    candidates = _candidates(truth, predictions)
    offsets = _offsets(truth, candidates)
    matches = {video.video: video for video in evaluation.result.videos}
    views = {
        video.video: _View(
            events=video,
            name=_view_name(video, predicted.get(video.video), candidates.get(video.video)),
            outcomes=_with_candidates(
                outcomes_of(video, predicted.get(video.video), matches[video.video]),
                candidates.get(video.video),
            ),
            candidates=candidates.get(video.video),
            predicted=predicted.get(video.video),
            offset=offsets.get(video.video, 0.0),
        )
        for video in truth.videos
    }
    plays = _plays(list(views.values()), truth.groups)
    moments = {
        name: moments_of([view.outcomes for view in play], [view.offset for view in play])
        for name, play in plays.items()
    }
    ranked = _ranked([(name, moment) for name in plays for moment in moments[name]])
    shown = [entry for kind, limit in SHOWN.items() for entry in ranked[kind][:limit]]
    numbers = {id(moment): number for number, (_, moment) in enumerate(shown, start=1)}
    read = frames or video_frames(videos)
    impacts, notes = _shown_impacts(shown, plays, read)
    curve, threshold = threshold_curve(candidates, truth.videos)
    decisions = {
        yaml.safe_dump(recorded_decisions(held).model_dump(mode="json"), sort_keys=False)
        for held in candidates.values()
    }
    configs = [] if run is None else [(run / "config.yaml").read_text(encoding="utf-8")]
    if len(decisions) == 1:
        configs.append(f"# The decisions of these predictions\n{decisions.pop()}")
    return write_report_page(
        ImpactReport(
            title=title,
            summary=_summary(truth, plays),
            counts=evaluation.result.counts,
            per_view=evaluation.result.views,
            intervals=evaluation.intervals,
            references=references or {},
            curve=curve,
            threshold=threshold,
            plays=[
                PlayTimeline(name, _lanes(play, moments[name], numbers))
                for name, play in plays.items()
            ],
            impacts=impacts,
            totals={kind: len(ranked[kind]) for kind in SHOWN},
            notes=notes,
            training=[] if run is None else training_curves(run),
            config="\n".join(configs),
            versions=versions(),
        ),
        page,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One video of the ground truth, and what is known of it.

    offset: seconds from the play's clock to the times of the video
    """

    events: VideoEvents
    name: str | None
    outcomes: list[Outcome]
    candidates: Candidates | None
    predicted: VideoEvents | None
    offset: float

    @property
    def video(self) -> str:
        return self.events.video

    @property
    def label(self) -> str:
        return self.name or Path(self.video).stem

    @property
    def end(self) -> float:
        """The time of the last frame in seconds; of the last event, if no frames are known."""
        times = [outcome.event.start for outcome in self.outcomes]
        if self.candidates is not None and len(self.candidates.times):
            times.append(float(self.candidates.times[-1]))
        return max(times, default=0.0)


def _candidates(truth: Truth, folder: Path) -> dict[str, Candidates]:
    """The candidates below a folder, by the names of their videos in the truth."""
    paths = sorted(folder.rglob(f"*{CANDIDATES}")) if folder.is_dir() else []
    names = [video.video for video in truth.videos]
    offered = [*names, *truth.excluded]
    wanted = [path.relative_to(folder).as_posix()[: -len(CANDIDATES)] for path in paths]
    return {
        names[index]: read_candidates(path)
        for path, index in zip(paths, pair_videos(wanted, offered), strict=True)
        if index is not None and index < len(names)
    }


def _offsets(truth: Truth, candidates: Mapping[str, Candidates]) -> dict[str, float]:
    """The offset of each video: of the manifest if it has any for the play, else of candidates."""
    plays = {truth.groups[video] for video, offset in truth.offsets.items() if offset}
    offsets = {video: held.offset for video, held in candidates.items()}
    return offsets | {
        video: offset for video, offset in truth.offsets.items() if truth.groups[video] in plays
    }


def _with_candidates(outcomes: list[Outcome], candidates: Candidates | None) -> list[Outcome]:
    """Misses with the highest impact score of the candidates that could have hit them."""
    if candidates is None:
        return outcomes
    return [
        replace(outcome, candidate=_highest_near(candidates, outcome.event))
        if outcome.kind == "miss"
        else outcome
        for outcome in outcomes
    ]


def _highest_near(candidates: Candidates, event: Event) -> float | None:
    assert event.frame is not None
    low, high = np.searchsorted(
        candidates.frames, [event.frame - MAX_FRAMES, event.frame + MAX_FRAMES + 1]
    )
    near = iou(np.array([event.box]), candidates.boxes[low:high])[0] >= MIN_IOU
    scores = candidates.impact[low:high][near]
    return float(scores.max()) if len(scores) else None


def _view_name(
    events: VideoEvents, predicted: VideoEvents | None, candidates: Candidates | None
) -> str | None:
    if candidates is not None and candidates.view:
        return candidates.view
    labels = [*events.events, *(() if predicted is None else predicted.events)]
    named = named_view(events.video)
    return next((event.view for event in labels if event.view), None if named is None else named[1])


def _plays(views: Sequence[_View], groups: Mapping[str, str]) -> dict[str, list[_View]]:
    """The views of each play, by the play's name."""
    plays: dict[str, list[_View]] = {}
    for indices in plays_of([(groups[view.video], view.name) for view in views]):
        play = [views[index] for index in indices]
        if len(play) > 2 or len({view.name for view in play}) < len(play):
            separate = [[view] for view in play]  # the group holds several plays
        else:
            separate = [play]
        for part in separate:
            named = len(part) > 1 or (part[0].name is not None and len(separate) == 1)
            name = groups[part[0].video] if named else Path(part[0].video).stem
            plays[name if name not in plays else part[0].video] = part
    return plays


def _summary(truth: Truth, plays: Mapping[str, Sequence[_View]]) -> str:
    events = [event for video in truth.videos for event in video.events]
    scored = sum(map(is_scored, events))
    numbers = {"play": len(plays), "video": len(truth.videos), "impact": scored}
    text = ", ".join(counted(number, noun) for noun, number in numbers.items())
    rest = len(events) - scored
    return (
        f"{text}; {rest} more are labelled as hidden or doubtful and not scored" if rest else text
    )


def _ranked(
    moments: Sequence[tuple[str, Moment]],
) -> dict[Kind, list[tuple[str, Moment]]]:
    """The moments of each kind, with the name of their play: the worst mistakes first.

    Misses and hits begin with the lowest score (of a miss, that of its best candidate), false
    positives with the highest.
    """

    def score(moment: Moment) -> float:
        values = [
            (outcome.candidate or 0.0) if outcome.score is None else outcome.score
            for outcome in moment.outcomes
            if outcome.kind == moment.kind
        ]
        return -max(values) if moment.kind == "false positive" else min(values)

    ranked: dict[Kind, list[tuple[str, Moment]]] = {kind: [] for kind in SHOWN}
    for entry in sorted(moments, key=lambda entry: score(entry[1])):
        ranked[entry[1].kind].append(entry)
    return ranked


def _lanes(
    play: Sequence[_View], moments: Sequence[Moment], numbers: Mapping[int, int]
) -> list[Lane]:
    lanes = []
    for index, view in enumerate(play):
        marks = []
        for moment in moments:
            for kind in SHOWN:
                outcomes = [entry for entry in moment.views[index] if entry.kind == kind]
                if outcomes:
                    scores = [entry.score for entry in outcomes if entry.score is not None]
                    marks.append(
                        Mark(
                            kind=kind,
                            time=outcomes[0].event.start - view.offset,
                            count=len(outcomes),
                            score=max(scores, default=None),
                            shown=numbers.get(id(moment)),
                        )
                    )
        lanes.append(
            Lane(
                view=view.label,
                start=-view.offset,
                end=view.end - view.offset,
                marks=marks,
                note="" if view.predicted is not None else "no predictions",
            )
        )
    return lanes


def _shown_impacts(
    shown: Sequence[tuple[str, Moment]], plays: Mapping[str, Sequence[_View]], read: FrameReader
) -> tuple[list[ShownImpact], list[str]]:
    """The shown moments with their strips, and a note if videos are missing.

    Every video is read once, and only crops are kept.
    """
    images: dict[tuple[int, int], list[StripImage]] = {}
    problems: dict[str, str] = {}
    for name, play in plays.items():
        numbers = [number for number, (of_play, _) in enumerate(shown) if of_play == name]
        for index, view in enumerate(play if numbers else ()):
            middles = [strip_middle(shown[number][1], index, view.offset) for number in numbers]
            try:
                for frame in read(view.video, middles):
                    number = numbers[frame.strip]
                    outcomes = shown[number][1].views[index]
                    image = strip_image(frame, outcomes)
                    images.setdefault((number, index), []).append(image)
            except MediaError as error:
                problems[view.video] = str(error)
    impacts = []
    for number, (name, moment) in enumerate(shown):
        views = []
        for index, view in enumerate(plays[name]):
            strip = sorted(images.get((number, index), []), key=lambda image: image.offset)
            notes = [] if strip else [problems.get(view.video, "This view has no frame here.")]
            if view.predicted is None:
                notes.append("This view has no predictions.")
            elif not moment.views[index] and strip:
                notes.append("Nothing is labelled or predicted here in this view.")
            views.append(
                ShownView(
                    view=view.label,
                    outcomes=moment.views[index],
                    images=strip,
                    note=" ".join(notes),
                )
            )
        impacts.append(
            ShownImpact(
                number=number + 1, play=name, kind=moment.kind, time=moment.time, views=views
            )
        )
    notes = []
    if problems:
        names = ", ".join(sorted({Path(video).name for video in problems})[:4])
        more = ", ..." if len(problems) > 4 else ""
        notes.append(
            f"Videos without film strips, since they were not found or cannot be read: "
            f"{names}{more} ({len(problems)} in all). Name their folder with --videos."
        )
    return impacts, notes
