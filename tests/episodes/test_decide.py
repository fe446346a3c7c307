"""What candidates become: kinds, and which of several is the segment of its kind."""

from playhead.episodes.decide import decide
from playhead.episodes.matching.clusters import Cluster, Occurrence
from playhead.episodes.sound.fingerprint import RATE

LENGTH = 360 * RATE


def heard(start: float, end: float, *, others: int, evidence: float) -> Occurrence:
    """In the first episode, as in the next `others`."""
    partners = tuple(range(1, others + 1))
    return Occurrence(0, round(start * RATE), round(end * RATE), partners, evidence, 300.0)


def decided(*items: Occurrence, threshold: float = 0.5) -> list[tuple[str, float, float]]:
    clusters = [Cluster((item,), length=(item.end - item.start) / RATE) for item in items]
    accepted, _ = decide(clusters, [LENGTH] * 6, threshold=threshold)[0]
    return [
        (candidate.kind, candidate.occurrence.start / RATE, candidate.occurrence.end / RATE)
        for candidate, _ in accepted
    ]


def test_a_whole_song_is_taken_before_a_more_certain_verse_of_it() -> None:
    whole = heard(30, 80, others=2, evidence=4000)
    verse = heard(1, 17, others=5, evidence=900)
    assert decided(whole, verse) == [("opening", 30, 80)]
    assert decided(verse, whole) == [("opening", 30, 80)]


def test_a_song_below_the_threshold_is_not_taken_for_its_evidence() -> None:
    whole = heard(120, 170, others=1, evidence=4000)
    short = heard(1, 30, others=5, evidence=900)
    assert decided(whole, short, threshold=0.9) == [("opening", 1, 30)]


def test_the_place_of_a_song_says_what_it_is() -> None:
    first, last = heard(1, 41, others=5, evidence=2000), heard(318, 358, others=5, evidence=2000)
    assert decided(first, last) == [("opening", 1, 41), ("ending", 318, 358)]


def test_short_sound_in_the_middle_is_an_eyecatch_any_number_of_times() -> None:
    jingles = [heard(start, start + 3, others=5, evidence=300) for start in (170, 174, 178)]
    assert decided(*jingles) == [("eyecatch", s, s + 3) for s in (170, 174, 178)]
