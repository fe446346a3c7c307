"""The review page: all tracks of a video, on which a person decides what stays visible.

The page is one file and needs no server: it shows film strips, allows to add boxes and time spans,
and saves these decisions as a file of edits (see `edits`).
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
from playhead.execution.items import output_path
from playhead.media import Video, open_video
from playhead.progress import Progress
from playhead.redaction.edits import (
    SCHEMA,
    drawn_box,
    is_drawn,
    known_labels,
    tracks_identity,
)
from playhead.redaction.strips import (
    FilmStrips,
    best_score,
    overview_frames,
    read_film_strips,
    strip_frames,
)
from playhead.report.markup import asset, write_page
from playhead.times import display_ends

__all__ = ["EDITS_SUFFIX", "write_review"]

EDITS_SUFFIX = ".edits.json"
PACKAGE = "playhead.redaction"


def write_review(
    video: Path, tracks: TrackFile, tracks_path: Path, out: Path, progress: Progress | None = None
) -> Path:
    """Write the page of a video's tracks and return its path; the video is read once.

    tracks_path: the track file, for the names and the command on the page
    progress: advances by 1 in all
    Raises LabelError if the tracks belong to another video.
    """
    detected = [track for track in tracks.tracks if not is_drawn(track)]
    strips, few = strip_frames(detected)
    with open_video(video) as source:
        _check_video(source, tracks, tracks_path)
        images = read_film_strips(source, detected, strips, overview_frames(source.times), progress)
        document = {
            "schema": SCHEMA,
            "identity": tracks_identity(tracks),
            **_names(video, tracks_path),
            **_properties(source, tracks),
            "few": few,
            "tracks": [
                _track(track, source, images.crops[index]) for index, track in enumerate(detected)
            ],
            "moments": _moments(source, tracks, images),
            "shown": sorted(tracks.shown & {track.id for track in detected}),
            "boxes": [_drawn(track, source) for track in tracks.tracks if is_drawn(track)],
            "spans": tracks.spans.tolist(),
        }
    return write_page(
        asset("review.html", PACKAGE),
        out,
        title=f"Review of {video.name}",
        parts={},
        styles=asset("pages.css", PACKAGE),
        data=document,
        scripts=[asset("review.js", PACKAGE)],
    )


def _names(video: Path, tracks_path: Path) -> dict[str, str]:
    edits = tracks_path.name.removesuffix(SUFFIX) + EDITS_SUFFIX
    return {
        "video": video.name,
        "tracks_file": tracks_path.name,
        "edits_file": edits,
        "command": _command(video, tracks_path, edits),
    }


def _command(video: Path, tracks_path: Path, edits: str) -> str:
    """The command that applies the edits; with --tracks unless the file has the default path."""
    words = ["playhead redaction apply", _quoted(str(video))]
    if tracks_path.resolve() != output_path(video.with_suffix(""), SUFFIX).resolve():
        words += ["--tracks", _quoted(str(tracks_path))]
    return " ".join([*words, "--edits", _quoted(edits)])


def _quoted(argument: str) -> str:
    """Quoted for a shell, and never mistaken for an option."""
    return shlex.quote(f"./{argument}" if argument.startswith("-") else argument)


def _properties(video: Video, tracks: TrackFile) -> dict[str, Any]:
    return {
        "width": video.width,
        "height": video.height,
        "frames": video.frames,
        "duration": video.duration,
        "unseen": int(np.diff(tracks.unseen, axis=1).sum()),
        "labels": list(known_labels(tracks)),
    }


def _track(track: Track, video: Video, crops: Sequence[tuple[int, str]]) -> dict[str, Any]:
    counts = {origin.name.lower(): int((track.origin == origin).sum()) for origin in Origin}
    return {
        "id": track.id,
        "label": track.label,
        "start": float(video.times[track.frames[0]]),
        "end": float(display_ends(video.times, video.duration)[track.frames[-1]]),
        "score": round(best_score(track), 4),
        "counts": {name: count for name, count in counts.items() if count},
        "crops": [{"time": float(video.times[k]), "src": src} for k, src in crops],
    }


def _moments(video: Video, tracks: TrackFile, images: FilmStrips) -> list[dict[str, Any]]:
    """Frames of the overview, each with the detected boxes in it: (id of the track, box)."""
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
        for k, src in sorted(images.overview.items())
    ]


def _drawn(track: Track, video: Video) -> dict[str, Any]:
    """A drawn box as in the file of edits."""
    return {
        key: value
        for key, value in asdict(drawn_box(track, video.times, video.duration)).items()
        if value is not None
    }


def _check_video(video: Video, tracks: TrackFile, tracks_path: Path) -> None:
    actual = (video.path.name, video.frames, video.width, video.height)
    expected = (Path(tracks.video).name, tracks.frames, tracks.width, tracks.height)
    if actual != expected:
        raise LabelError(
            f"{tracks_path}: the tracks are of {_described(*expected)}, but the video is "
            f"{_described(*actual)}; give the tracks of this video or detect again"
        )


def _described(name: str, frames: int, width: int, height: int) -> str:
    return f"{name} ({frames} frames of {width}x{height})"
