"""Credits are text on black near the end; a sign, or a letter that is read, is not."""

import numpy as np
import pytest

from playhead.episodes.images.credits import find_credits
from playhead.episodes.images.looks import LOOKS_RATE, Looks

SECONDS = 300


def looks(
    start: float, end: float, *, cards: int = 0, black: tuple[float, float] = (0, 0)
) -> Looks:
    """A bright episode with text on black from start to end, which rolls or stands in cards."""
    count = SECONDS * LOOKS_RATE
    random = np.random.default_rng(0)
    hashes = random.integers(1, 2**64, count, dtype=np.uint64)
    columns = np.tile(np.array([90, 40, 0.2, 0.2, 0.0, 0.3], np.float32), (count, 1))
    first, last = round(start * LOOKS_RATE), round(end * LOOKS_RATE)
    columns[first:last] = [24, 40, 0.9, 0.04, 0.0 if cards else 0.1, 0.9]
    if cards:
        shown = np.arange(last - first) * cards // max(last - first, 1)
        hashes[first:last] = random.integers(1, 2**64, cards, dtype=np.uint64)[shown]
    dark = slice(round(black[0] * LOOKS_RATE), round(black[1] * LOOKS_RATE))
    columns[dark] = [16, 0, 1, 0, 0, 0]
    hashes[dark] = 0
    return Looks(hashes, *columns.T)


def test_rolling_text_at_the_end_is_credits() -> None:
    found = find_credits(looks(270, 290), SECONDS)
    assert found is not None
    assert found.kind == "credits"
    assert found.start == pytest.approx(270, abs=0.5)
    assert found.end == pytest.approx(290, abs=0.5)
    assert [evidence.kind for evidence in found.evidence] == ["credits"]
    assert 0.5 < found.confidence < 0.85


def test_cards_of_text_are_credits_of_lower_confidence() -> None:
    found, rolled = (
        find_credits(looks(270, 290, cards=6), SECONDS),
        find_credits(looks(270, 290), SECONDS),
    )
    assert found is not None
    assert rolled is not None
    assert found.confidence < rolled.confidence
    assert "6 cards" in found.evidence[0].detail


def test_black_before_the_text_raises_the_confidence_and_is_told() -> None:
    with_black = find_credits(looks(270, 290, black=(268, 270)), SECONDS)
    without = find_credits(looks(270, 290), SECONDS)
    assert with_black is not None
    assert without is not None
    assert with_black.confidence > without.confidence
    assert "after black frames" in with_black.evidence[0].detail


def test_credits_that_reach_the_last_frame_end_with_the_file() -> None:
    found = find_credits(looks(280, SECONDS), SECONDS)
    assert found is not None
    assert found.end == SECONDS


@pytest.mark.parametrize(
    "episode",
    [looks(100, 130), looks(290, 293), looks(280, 290, cards=1), looks(0, 0)],
    ids=["in the middle", "short", "one sign", "none"],
)
def test_other_text_is_no_credits(episode: Looks) -> None:
    assert find_credits(episode, SECONDS) is None
