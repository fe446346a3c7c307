"""Review: one page of all tracks of a video, on which a person decides what stays visible.

The page is a single file without a server: it shows film strips, takes added boxes and time spans,
and saves what was decided as a file of edits, which `edits` reads and applies.
"""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from playhead.errors import LabelError
from playhead.events.formats.tracks import SUFFIX, TrackFile, by_frame
from playhead.events.model import Origin, Track
from playhead.execution.batch import output_path
from playhead.media import Video, open_video
from playhead.progress import Progress
from playhead.redaction.edits import (
    SCHEMA,
    drawn_box,
    is_drawn,
    known_labels,
    tracks_identity,
)
from playhead.redaction.markup import asset, write_page
from playhead.redaction.strips import (
    Shots,
    best_score,
    moment_frames,
    strip_frames,
    take_shots,
)
from playhead.report.markup import json_in_html
from playhead.times import display_ends

__all__ = ["EDITS_SUFFIX", "write_review"]

EDITS_SUFFIX = ".edits.json"


def write_review(
    video: Path, tracks: TrackFile, tracks_path: Path, out: Path, progress: Progress | None = None
) -> Path:
    """Write the page of a video's tracks and return its path; the video is read once.

    tracks_path: where the tracks are, for the names and the command on the page
    progress: advances by 1 in all
    Raises LabelError where the tracks are not of this video.
    """
    found = [track for track in tracks.tracks if not is_drawn(track)]
    strips, few = strip_frames(found)
    with open_video(video) as source:
        _check_video(source, tracks, tracks_path)
        moments = moment_frames(source.times)
        shots = take_shots(source, found, strips, moments, progress)
        document = {
            "schema": SCHEMA,
            "identity": tracks_identity(tracks),
            **_names(video, tracks_path),
            **_facts(source, tracks),
            "few": few,
            "tracks": [_track(one, source, shots.strips[i]) for i, one in enumerate(found)],
            "moments": _moments(source, tracks, shots),
            "shown": sorted(tracks.shown & {one.id for one in found}),
            "boxes": [_drawn(one, source) for one in tracks.tracks if is_drawn(one)],
            "spans": tracks.spans.tolist(),
        }
    parts = {"data": json_in_html(document), "script": asset("review.js")}
    return write_page("review.html", out, title=f"Review of {video.name}", parts=parts)


def _names(video: Path, tracks_path: Path) -> dict[str, str]:
    edits = tracks_path.name.removesuffix(SUFFIX) + EDITS_SUFFIX
    return {
        "video": video.name,
        "tracks_file": tracks_path.name,
        "edits_file": edits,
        "command": _command(video, tracks_path, edits),
    }


def _command(video: Path, tracks_path: Path, edits: str) -> str:
    """What applies the edits; it names the tracks where they are not found without."""
    words = ["playhead redaction apply", _quoted(str(video))]
    if tracks_path.resolve() != output_path(video.with_suffix(""), SUFFIX).resolve():
        words += ["--tracks", _quoted(str(tracks_path))]
    return " ".join([*words, "--edits", _quoted(edits)])


def _quoted(argument: str) -> str:
    """As a shell takes it for one argument, and never for an option."""
    return shlex.quote(f"./{argument}" if argument.startswith("-") else argument)


def _facts(video: Video, tracks: TrackFile) -> dict[str, Any]:
    return {
        "width": video.width,
        "height": video.height,
        "frames": video.frames,
        "duration": video.duration,
        "unseen": int(np.diff(tracks.unseen, axis=1).sum()),
        "labels": list(known_labels(tracks)),
    }


def _track(track: Track, video: Video, pictures: Sequence[tuple[int, str]]) -> dict[str, Any]:
    counts = {origin.name.lower(): int((track.origin == origin).sum()) for origin in Origin}
    return {
        "id": track.id,
        "label": track.label,
        "start": float(video.times[track.frames[0]]),
        "end": float(display_ends(video.times, video.duration)[track.frames[-1]]),
        "score": round(best_score(track), 4),
        "counts": {name: count for name, count in counts.items() if count},
        "pictures": [{"time": float(video.times[k]), "src": src} for k, src in pictures],
    }


def _moments(video: Video, tracks: TrackFile, shots: Shots) -> list[dict[str, Any]]:
    """Pictures of the whole, each with what is found in it: (id of the track, box)."""
    boxes_of = by_frame(tracks)
    ids = [None if is_drawn(track) else track.id for track in tracks.tracks]
    ends = display_ends(video.times, video.duration)
    return [
        {
            "time": float(video.times[k]),
            "end": float(ends[k]),
            "src": src,
            "boxes": [
                (ids[index], *(round(value, 1) for value in box))
                for index, box in boxes_of(k)
                if ids[index] is not None
            ],
        }
        for k, src in sorted(shots.moments.items())
    ]


def _drawn(track: Track, video: Video) -> dict[str, Any]:
    """As the page and its file of edits have it."""
    return {
        key: value
        for key, value in asdict(drawn_box(track, video.times, video.duration)).items()
        if value is not None
    }


def _check_video(video: Video, tracks: TrackFile, tracks_path: Path) -> None:
    own = (video.path.name, video.frames, video.width, video.height)
    said = (Path(tracks.video).name, tracks.frames, tracks.width, tracks.height)
    if own != said:
        raise LabelError(
            f"{tracks_path}: tracks of {_sight(*said)}, the video is {_sight(*own)}; give the "
            "tracks of this video or detect again"
        )


def _sight(name: str, frames: int, width: int, height: int) -> str:
    return f"{name} ({frames} frames of {width}x{height})"
