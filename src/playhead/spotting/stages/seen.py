"""What a model has seen: the videos that a run trained on, also those of the runs it goes on from.

A score of a video is only worth something from a model that was not trained on it, so every run
folder notes its videos by the checksums of their files and by their groups.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playhead.errors import LabelError, PlayheadError
from playhead.events.manifest import ManifestRow
from playhead.files import fingerprint, write_text
from playhead.output import counted
from playhead.spotting.findings import listed

__all__ = ["SEEN", "Seen", "SeenVideo", "read_seen", "refuse_seen", "seen_of", "write_seen"]

SEEN = "seen.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SeenVideo:
    """A video by its name and group in a manifest, and a checksum of its file."""

    name: str
    group: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The videos of a run.

    trained: those it was trained on; before: those of the runs from whose weights it started
    validated: those that chose its best epoch and its decisions
    """

    trained: tuple[SeenVideo, ...]
    validated: tuple[SeenVideo, ...]
    before: tuple[SeenVideo, ...] = ()

    @property
    def fingerprints(self) -> dict[str, SeenVideo]:
        """All videos that the weights depend on, by the checksums of their files."""
        return {video.fingerprint: video for video in (*self.before, *self.trained)}


def seen_of(train: Sequence[ManifestRow], valid: Sequence[ManifestRow], start: Path | None) -> Seen:
    """The videos of a new run.

    start: the weights that it starts from, whose run folder notes what it has seen; weights from
        elsewhere note nothing
    """
    earlier = None if start is None else _near(start)
    before = () if earlier is None else tuple(earlier.fingerprints.values())
    return Seen(_videos(train), _videos(valid), before)


def refuse_seen(seen: Seen, start: Path | None) -> None:
    """Raise LabelError if the weights at `start` were trained on validation videos of the run."""
    known = {video.fingerprint for video in seen.before}
    leaked = [video.name for video in seen.validated if video.fingerprint in known]
    if leaked:
        raise LabelError(
            f"{start}: was trained on {counted(len(leaked), 'validation video')} "
            f"({listed(leaked)}), so the metrics would be too high; start from weights of the same "
            "fold, or of other videos"
        )


def write_seen(seen: Seen, run: Path) -> None:
    """Note the videos of a run in its folder."""
    document = {"schema": SCHEMA, **asdict(seen)}
    write_text(run / SEEN, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def read_seen(run: Path) -> Seen:
    """The videos of a run. Raises PlayheadError if its folder does not tell them."""
    path = run / SEEN
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] > SCHEMA:
            raise PlayheadError(
                f"{path}: has schema {document['schema']}, but this version reads {SCHEMA}; "
                "update playhead"
            )
        return Seen(*(_read(document[name]) for name in ("trained", "validated", "before")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlayheadError(
            f"{path}: does not tell on which videos the run was trained ({error}); train it again"
        ) from error


def _near(weights: Path) -> Seen | None:
    """What the run of a file of weights has seen: `RUN/best.safetensors`, `RUN/bundle/model...`."""
    for folder in (weights.parent, weights.parent.parent):
        if (folder / SEEN).is_file():
            return read_seen(folder)
    return None


def _videos(rows: Sequence[ManifestRow]) -> tuple[SeenVideo, ...]:
    return tuple(SeenVideo(row.name, row.group, fingerprint(row.video)) for row in rows)


def _read(entries: Any) -> tuple[SeenVideo, ...]:
    return tuple(SeenVideo(**entry) for entry in entries)
