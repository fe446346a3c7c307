"""A network's answers as a prior: where a season is short, silent or a single episode.

The network sees the first and the last seconds of an episode, and says where the opening ends and
where the ending starts: one boundary each. A segment that the season gives becomes more certain if
the network puts its boundary there too, and less if elsewhere; the more, the more often it was
right on the clips that validated its training. The network alone gives no segment
that is skipped, since it says nothing about the other boundary.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from playhead.episodes.features.prepare import PrepareWork, TextSource
from playhead.episodes.features.table import FEATURES, Part, part_of, read_features
from playhead.episodes.network.answers import BoundaryAnswer
from playhead.episodes.network.clips import NAMES
from playhead.episodes.network.predict import BoundaryNetwork
from playhead.episodes.network.score import NEAR
from playhead.episodes.segments import EpisodeResult, Evidence, Segment, in_conflict
from playhead.errors import FileFailure
from playhead.execution.items import output_path
from playhead.files import cache_folder, fingerprint

__all__ = ["SURE", "add_network_evidence", "weigh"]

SURE = 0.9
"""Confidence from which the evidence of the season needs no network."""
LEAST = 0.05
"""The least probability of a boundary where the network gives none: it may be wrong."""
CHANCE = 0.2
"""The probability at which the answer says nothing either way."""

Answers = Mapping[Part, tuple[float, BoundaryAnswer]]
"""Of each part of an episode the second at which its clip starts, and the answer in it."""


def add_network_evidence(
    paths: Sequence[Path],
    results: Sequence[EpisodeResult],
    network: BoundaryNetwork,
    *,
    threshold: float,
    tell: Callable[[str], None],
) -> tuple[EpisodeResult, ...]:
    """The results with the answers of a network of clips where the season is not sure.

    tell: is called with a note before each file that is read
    An episode that the network cannot be asked about keeps its result, with a note.
    """
    text: TextSource = "auto" if "text" in network.plan.inputs else "none"
    weighed = list(results)
    for number, (path, result) in enumerate(zip(paths, results, strict=True)):
        if not _unsure(result) or part_of(path.stem):  # nor is a clip an episode
            continue
        tell(f"network: {path.name}")
        with FileFailure(path) as failure:
            answers = _ask(network, path, text)
            weighed[number] = weigh(result, answers, threshold=threshold, trust=network.trust)
        if failure.reason:
            note = f"the network cannot be asked: {failure.reason.removeprefix(f'{path}: ')}"
            weighed[number] = replace(result, notes=(*result.notes, note))
    return tuple(weighed)


def _ask(network: BoundaryNetwork, path: Path, text: TextSource) -> Answers:
    """The answers to the first and the last seconds of an episode; its features are kept."""
    seconds = network.plan.seconds
    folder = cache_folder() / "episodes" / "features" / fingerprint(path)
    target = folder / f"{seconds}-{text}"
    work = PrepareWork(path.parent.resolve(), text, float(seconds), False, None)
    work.open()(path, target, _Silent())
    answers: dict[Part, tuple[float, BoundaryAnswer]] = {}
    for part in NAMES:
        clip = read_features(output_path(target, f"_{part}{FEATURES}"))
        answers[part] = clip.start, network.answer(clip, part)
    return answers


def weigh(
    result: EpisodeResult, answers: Answers, *, threshold: float, trust: Mapping[str, float]
) -> EpisodeResult:
    """The segments of an episode with the answers of a network as a prior; see the module.

    trust: of each kind the share of validation clips in which the network was right
    Of each kind at most one segment is accepted, the most certain, if it overlaps no other.
    """
    segments, rejected = list(result.segments), list(result.rejected)
    notes = list(result.notes)
    for part, kind in NAMES.items():
        start, answer = answers[part]
        if answer.answer is None:
            continue
        time = start + answer.answer
        here = [segment for segment in (*segments, *rejected) if segment.kind == kind]
        if not here:
            edge = "opening ends" if kind == "opening" else "ending starts"
            notes.append(f"a network says that the {edge} at {time:.1f} s")
            continue
        weighed = [_weighed(segment, start, answer, trust[kind]) for segment in here]
        best = max(weighed, key=lambda segment: segment.confidence)
        others = [segment for segment in segments if segment.kind != kind]
        free = not any(in_conflict(best, other) for other in others)
        accepted = best.confidence >= threshold and free
        segments = sorted([*others, *([best] if accepted else [])], key=lambda s: s.start)
        rejected = [
            *(segment for segment in rejected if segment.kind != kind),
            *(segment for segment in weighed if not (accepted and segment is best)),
        ]
    return replace(result, segments=tuple(segments), rejected=tuple(rejected), notes=tuple(notes))


class _Silent:
    """Progress that is not shown."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Nothing."""


def _unsure(result: EpisodeResult) -> bool:
    """Whether an opening or an ending is missing or not certain."""
    sure = {segment.kind for segment in result.segments if segment.confidence >= SURE}
    return not set(NAMES.values()) <= sure


def _weighed(segment: Segment, start: float, answer: BoundaryAnswer, trust: float) -> Segment:
    """The segment with the network's evidence; start: of the answer's clip, seconds."""
    edge = (segment.end if segment.kind == "opening" else segment.start) - start
    near = answer.probability_near(edge, NEAR)
    if near is None:
        near = float(abs(edge - answer.seconds) <= NEAR) * answer.presence
    near = min(max(near, 0.0), 1.0)
    odds = segment.confidence / max(1 - segment.confidence, 1e-9)
    # Where the network is wrong, its answer says nothing.
    odds *= max(trust * near + (1 - trust) * CHANCE, LEAST) / CHANCE
    detail = (
        f"a network gives the boundary here a probability of {near:.2f}; its own answer is "
        f"{start + answer.seconds:.1f} s"
    )
    return replace(
        segment,
        confidence=round(odds / (1 + odds), 4) if math.isfinite(odds) else segment.confidence,
        evidence=(*segment.evidence, Evidence(kind="network", score=near, detail=detail)),
    )
