"""A network's answers as a prior of the segments that a season gives."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from playhead.episodes.features.table import Features, Part
from playhead.episodes.network.answers import BoundaryAnswer
from playhead.episodes.network.prior import CHANCE, LEAST, add_network_evidence, weigh
from playhead.episodes.segments import EpisodeResult, Evidence, Segment
from tests.episodes.episode_files import write_episode

SECONDS, DURATION = 200, 360.0
RIGHT = {"opening": 1.0, "ending": 1.0}  # a network that was always right
SOUND = Evidence(kind="sound", score=0.8, detail="same sound in S01E02.mkv")


def opening(start: float, end: float, confidence: float) -> Segment:
    return Segment(kind="opening", start=start, end=end, confidence=confidence, evidence=(SOUND,))


def answer(part: Part, seconds: float, *, presence: float = 1.0) -> tuple[float, BoundaryAnswer]:
    """All probability in the moment of the answer."""
    moments = tuple(float(index == int(seconds)) for index in range(SECONDS))
    start = 0.0 if part == "start" else DURATION - SECONDS
    found = BoundaryAnswer(
        clip=f"X_{part}", seconds=seconds, first=seconds, presence=presence, moments=moments
    )
    return start, found


def result(*segments: Segment, rejected: tuple[Segment, ...] = ()) -> EpisodeResult:
    return EpisodeResult(
        video="S01E01.mkv", duration=DURATION, segments=segments, rejected=rejected
    )


def weighed(
    before: EpisodeResult, opening_ends: float, *, presence: float = 1.0, right: float = 1.0
) -> EpisodeResult:
    answers = {
        "start": answer("start", opening_ends, presence=presence),
        "end": answer("end", 150.0, presence=0.0),
    }
    trust = {"opening": right, "ending": right}
    return weigh(before, answers, threshold=0.5, trust=trust)  # type: ignore[arg-type]


def test_an_answer_at_the_boundary_accepts_what_the_season_left_uncertain() -> None:
    after = weighed(result(rejected=(opening(10, 50, 0.4),)), 50.2)
    (found,) = after.segments
    odds = 0.4 / 0.6 / CHANCE
    assert found.confidence == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert [evidence.kind for evidence in found.evidence] == ["sound", "network"]
    assert after.rejected == ()


def test_an_answer_elsewhere_rejects_what_was_hardly_accepted() -> None:
    after = weighed(result(opening(10, 50, 0.6)), 90.0)
    (found,) = after.rejected
    odds = 0.6 / 0.4 * LEAST / CHANCE
    assert found.confidence == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert after.segments == ()


@pytest.mark.parametrize(("seconds", "near"), [(50.2, 1.0), (90.0, 0.0)])
def test_a_network_that_was_right_in_half_of_the_clips_counts_half(
    seconds: float, near: float
) -> None:
    after = weighed(result(opening(10, 50, 0.8)), seconds, right=0.5)
    odds = 0.8 / 0.2 * (0.5 * near + 0.5 * CHANCE) / CHANCE
    assert after.segments[0].confidence == pytest.approx(odds / (1 + odds), abs=1e-4)


def test_a_network_that_was_never_right_changes_nothing() -> None:
    after = weighed(result(opening(10, 50, 0.6)), 90.0, right=0.0)
    assert after.segments[0].confidence == pytest.approx(0.6)


def test_of_two_candidates_the_one_at_the_answer_is_accepted() -> None:
    after = weighed(result(opening(10, 50, 0.6), rejected=(opening(60, 100, 0.45),)), 100.4)
    assert [(segment.start, segment.end) for segment in after.segments] == [(60, 100)]
    assert [(segment.start, segment.end) for segment in after.rejected] == [(10, 50)]


def test_what_overlaps_another_segment_stays_rejected() -> None:
    recap = Segment(kind="recap", start=0, end=30, confidence=0.9, evidence=(SOUND,))
    after = weighed(result(recap, rejected=(opening(10, 50, 0.45),)), 50.0)
    assert after.segments == (recap,)


def test_without_a_candidate_the_answer_is_a_note_and_no_segment() -> None:
    after = weighed(result(), 61.5)
    assert after.segments == after.rejected == ()
    assert after.notes == ("a network says that the opening ends at 61.5 s",)


def test_the_answer_none_changes_nothing() -> None:
    before = result(opening(10, 50, 0.6))
    assert weighed(before, 90.0, presence=0.2) == before


def test_the_boundary_of_an_ending_is_its_start_in_the_last_seconds() -> None:
    ending = Segment(kind="ending", start=310, end=350, confidence=0.4, evidence=(SOUND,))
    answers = {"start": answer("start", 50.0, presence=0.0), "end": answer("end", 150.3)}
    after = weigh(
        result(rejected=(ending,)),
        answers,  # type: ignore[arg-type]
        threshold=0.5,
        trust=RIGHT,
    )
    assert [(segment.kind, segment.start) for segment in after.segments] == [("ending", 310)]


@dataclass
class Network:
    """Says that every opening ends after 2 s, and that no ending starts."""

    asked: list[tuple[str, float]]
    plan = SimpleNamespace(inputs=("sound",), seconds=SECONDS)
    trust = RIGHT

    def answer(self, clip: Features, part: Part) -> BoundaryAnswer:
        self.asked.append((part, clip.seconds))
        return answer(part, 2.0, presence=float(part == "start"))[1]


def test_only_unsure_episodes_are_asked_about_and_a_broken_one_keeps_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_CACHE", str(tmp_path / "cache"))
    good, sure = (write_episode(tmp_path / name) for name in ("S01E01.mkv", "S01E03.mkv"))
    broken = tmp_path / "S01E02.mkv"
    broken.write_bytes(b"no video")
    unsure = result(rejected=(opening(0.5, 2.4, 0.4),))
    ending = Segment(kind="ending", start=3, end=4, confidence=0.95, evidence=(SOUND,))
    certain = result(opening(0.5, 2.4, 0.95), ending)
    network, told = Network([]), list[str]()
    first, second, third = add_network_evidence(
        [good, broken, sure],
        [unsure, unsure, certain],
        network,  # type: ignore[arg-type]
        threshold=0.5,
        tell=told.append,
    )
    assert [segment.kind for segment in first.segments] == ["opening"]
    assert replace(second, notes=()) == unsure
    assert second.notes[0].startswith("the network cannot be asked: ")
    assert third == certain
    assert told == ["network: S01E01.mkv", "network: S01E02.mkv"]
    assert [part for part, _ in network.asked] == ["start", "end"]
    assert network.asked[0][1] == pytest.approx(4.0, abs=0.1)
