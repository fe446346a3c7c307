"""Labels of clips: from the contest's rows, from a manifest, or from events beside the videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playhead.episodes.features.clips import Clip, boundary
from playhead.episodes.features.contest import read_labels
from playhead.episodes.features.table import part_of
from playhead.errors import LabelError
from playhead.events.formats import native, read_row
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import Event
from playhead.execution.items import Item

__all__ = ["ClipLabels", "clip_names"]

EVENTS = ".events.json"


@dataclass(frozen=True, slots=True)
class ClipLabels:
    """The labels of a data set: contest rows by name, or rows of a manifest by path."""

    root: Path
    rows: Mapping[str, float | None] | None = None
    manifest: Mapping[Path, ManifestRow] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Path | None, items: Sequence[Item], root: Path) -> "ClipLabels":
        if labels is None:
            truth = cls(root)
        elif labels.suffix.lower() == ".csv":
            truth = cls(root, manifest={row.video: row for row in read_manifest(labels)})
        else:
            truth = cls(root, read_labels(labels))
        for item in items:  # wrong labels are found before the work
            truth.events(item)
        named = {name for item in items for name in clip_names(item)}
        if truth.rows is not None and named.isdisjoint(truth.rows):
            raise LabelError(f"{labels}: has none of the {len(items)} videos; check their names")
        return truth

    def events(self, item: Item) -> Sequence[Event] | None:
        """The events of a video; None if it has no labels."""
        if self.rows is not None:
            return None
        row = self.manifest.get(item.path.resolve())
        if row is not None and row.labels is not None:
            return read_row(row).events
        beside = item.path.with_name(item.path.stem + EVENTS)
        return native.read(beside).events if not self.manifest and beside.is_file() else None

    def label(self, item: Item, clip: Clip) -> tuple[float | None, bool]:
        """The label of a clip, and whether there is one."""
        if self.rows is not None:
            name = Path(clip.name).name
            label = self.rows.get(name, self.rows.get(clip.name))
            return label, name in self.rows or clip.name in self.rows
        events = self.events(item)
        return (None, False) if events is None else (boundary(events, clip), True)


def clip_names(item: Item) -> tuple[str, ...]:
    """The names of the clips of a video."""
    stem = item.stem.as_posix()
    return (stem,) if part_of(stem) else (f"{stem}_start", f"{stem}_end")
