"""Segments, their evidence and the result of an episode refuse what cannot be true."""

import math

import pytest

from playhead.episodes.segments import KINDS, EpisodeResult, Evidence, Segment
from playhead.errors import LabelError


def test_every_kind_makes_a_segment() -> None:
    for kind in KINDS:
        assert Segment(kind=kind, start=0.0, end=1.0, confidence=0.5).kind == kind


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "intro"}, "opening, ending, recap"),
        ({"start": -0.1}, "must start at 0 s"),
        ({"start": math.nan}, "must start at 0 s"),
        ({"end": 10.0}, "end after it starts"),
        ({"end": math.inf}, "end after it starts"),
        ({"confidence": 1.01}, "not between 0 and 1"),
        ({"confidence": math.nan}, "not between 0 and 1"),
        ({"snapped_end": -1.0}, "snapped_end is -1.0"),
    ],
)
def test_a_segment_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    values = {"kind": "opening", "start": 10.0, "end": 100.0, "confidence": 0.9} | change
    with pytest.raises(LabelError, match=message):
        Segment(**values)  # type: ignore[arg-type]


def test_evidence_of_an_unknown_kind_or_a_score_above_1_is_refused() -> None:
    with pytest.raises(LabelError, match="sound, image"):
        Evidence(kind="smell", score=0.5, detail="")
    with pytest.raises(LabelError, match="not between 0 and 1"):
        Evidence(kind="sound", score=1.5, detail="")


def test_a_duration_that_is_not_finite_is_refused() -> None:
    with pytest.raises(LabelError, match="duration is nan"):
        EpisodeResult(video="a.mkv", duration=math.nan, segments=())
