"""A submission to SoccerNet's challenges: all that average precision ranks, as a ZIP."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from playhead.events.formats import write_events
from playhead.events.model import VideoEvents
from playhead.inference.scores import read_scores
from playhead.spotting.ensemble import scores_below
from playhead.spotting.predict import ranked_peaks

__all__ = ["write_submission"]


def write_submission(folder: Path, target: Path) -> Sequence[VideoEvents]:
    """Write every peak of the scores below a folder, also those below the minimum height.

    target: `results.zip`, or a folder; see `write_games`
    Raises PlayheadError for a folder without scores, LabelError for videos of no game.
    """
    videos = [
        replace(ranked_peaks(read_scores(path)), video=name)
        for name, path in scores_below(folder).items()
    ]
    write_events(videos, target, format="soccernet")
    return videos
