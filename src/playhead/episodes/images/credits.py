"""End credits without a repeated song: text that rolls or stands on black, near the end.

This is weaker evidence than a song, because a single episode gives it: a letter that somebody reads
at night looks alike. So only the last part of an episode is searched, the confidence is low, and
an episode that has an ending gets no credits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from playhead.episodes.images.looks import LOOKS_RATE, Looks, ScoredSpan, black_spans, rolling_spans
from playhead.episodes.images.matching import distinct_images
from playhead.episodes.segments import Evidence, Segment

__all__ = ["find_credits", "on_black"]

_PLACE = 0.7
"""Share of an episode before which no credits start."""
_LONGEST = 600.0
_SHORTEST = 5.0
_AROUND = 2.0
"""Seconds from a black frame to credits that it belongs to."""
_DARK = 0.8
"""Share of dark pixels of a frame that shows text on black and nothing else."""
_EMPTY = 0.98
"""The same of black without text."""


def on_black(looks: Looks) -> NDArray[np.bool_]:
    """Which frames show text on black: dark and bright pixels with few between, (N,)."""
    between = 1 - looks.dark - looks.text
    # Only the edges of letters are neither, and a thin letter is all edge.
    shown: NDArray[np.bool_] = (
        (looks.dark >= _DARK) & (looks.text > 0.002) & (between <= 0.04 + 2.5 * looks.text)
    )
    return shown


def find_credits(looks: Looks, duration: float) -> Segment | None:
    """The end credits of an episode, or None; boundaries are accurate to half a second.

    duration: of the video, in seconds
    """
    earliest = max(_PLACE * duration, duration - _LONGEST)
    text = on_black(looks)
    rolls = [span for span in rolling_spans(looks, shortest=_SHORTEST) if span.start >= earliest]
    if rolls:
        best = max(rolls, key=lambda span: (span.end - span.start) * span.score)
        told, score = "text rolls upward over a dark ground", best.score
        trust = 0.5 + 0.15 * score + 0.1 * min((best.end - best.start) / 20, 1)
    else:
        cards = [span for span in _cards(text) if span.start >= earliest]
        if not cards:
            return None
        best = max(cards, key=lambda span: span.end - span.start)
        part = slice(round(best.start * LOOKS_RATE), round(best.end * LOOKS_RATE))
        number = distinct_images(looks.hashes[part])
        if number < 2:  # a single sign: a date, a title
            return None
        told, score = f"{number} cards of text on black", min(number / 10, 1.0)
        trust = 0.45 + 0.02 * min(number, 10)
    start, end = _widened(best, text, earliest)
    if rolls:
        start = _before_text(start, looks)
    black = _black_beside(start, end, black_spans(looks), duration)
    if black:
        told, trust = f"{told}, {black}", trust + 0.05
    return Segment(
        kind="credits",
        start=max(start - 0.5 / LOOKS_RATE, 0.0),
        end=min(end - 0.5 / LOOKS_RATE, duration) if end < duration - 1 / LOOKS_RATE else duration,
        confidence=round(min(trust, 0.8), 4),
        evidence=(Evidence(kind="credits", score=round(score, 4), detail=told),),
    )


def _cards(text: NDArray[np.bool_]) -> list[ScoredSpan]:
    """Spans of text on black; a moment between two cards may be empty."""
    shown = ndimage.binary_closing(text, np.ones(5, np.bool_)) | text
    labels, count = ndimage.label(shown)
    spans = [
        ScoredSpan(run.start / LOOKS_RATE, run.stop / LOOKS_RATE, 1.0)
        for (run,) in ndimage.find_objects(labels, max_label=count)
    ]
    return [span for span in spans if span.end - span.start >= _SHORTEST]


def _widened(span: ScoredSpan, text: NDArray[np.bool_], earliest: float) -> tuple[float, float]:
    """Start and end with the text on black around it, which does not roll yet or any more."""
    first, last = round(span.start * LOOKS_RATE), round(span.end * LOOKS_RATE)
    while first > earliest * LOOKS_RATE and text[first - 1]:
        first -= 1
    while last < len(text) and text[last]:
        last += 1
    return first / LOOKS_RATE, last / LOOKS_RATE


def _before_text(start: float, looks: Looks) -> float:
    """The start of the dark ground from below which the first line comes, at most a second ago."""
    first = round(start * LOOKS_RATE)
    for _ in range(LOOKS_RATE):
        if first == 0 or looks.dark[first - 1] < _EMPTY:
            break
        first -= 1
    return first / LOOKS_RATE


def _black_beside(start: float, end: float, black: Sequence[ScoredSpan], duration: float) -> str:
    if any(abs(span.end - start) <= _AROUND for span in black):
        return "after black frames"
    if any(abs(span.start - end) <= _AROUND for span in black):
        return "before black frames"
    return "up to the end of the file" if duration - end <= _AROUND else ""
