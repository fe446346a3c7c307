"""The files of one episode: which may be written, and what a person corrected in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from playhead.episodes.outputs.edl import EdlAction, span_of
from playhead.episodes.outputs.sidecars import write_sidecars
from playhead.episodes.results import (
    CHAPTERS,
    EDL,
    EVENTS,
    SRT,
    Corrections,
    EpisodeRecord,
    apply_corrections,
    write_events,
)
from playhead.episodes.segments import EpisodeResult
from playhead.execution.items import output_path
from playhead.execution.outcomes import FileOutcome

__all__ = ["planned_outputs", "record_of", "write_episode"]


def planned_outputs(
    read: FileOutcome,
    target: Path,
    corrections: Corrections,
    earlier: EpisodeRecord | None,
    *,
    srt: bool,
    overwrite: bool,
) -> dict[str, bool]:
    """The names of the files of an episode, each with whether it may be written.

    A file of another program may not. An episode that could not be read has files only if a
    person corrected it before.
    """
    if read.status == "failed" and not (corrections.locked or corrections.deleted):
        return {}
    owned = () if earlier is None else earlier.outputs
    paths = [output_path(target, suffix) for suffix in (EVENTS, EDL, CHAPTERS)]
    if srt:
        paths.append(output_path(target, SRT))
    return {
        path.name: path.name.endswith(EVENTS)
        or path.name in owned
        or overwrite
        or not path.exists()
        for path in paths
    }


def record_of(
    found: EpisodeResult,
    read: FileOutcome,
    corrections: Corrections,
    earlier: EpisodeRecord | None,
    outputs: Mapping[str, bool],
) -> EpisodeRecord:
    """What was found of an episode, with what a person corrected."""
    segments, replaced = apply_corrections(found.segments, corrections)
    notes = [*found.notes]
    if earlier is None and corrections.locked:
        notes.append(f"its {EVENTS} was there before and is kept; remove that to match anew")
    notes += [
        f"{name} is of another program and stays; --overwrite replaces it"
        for name, ours in outputs.items()
        if not ours
    ]
    return EpisodeRecord(
        result=replace(
            found,
            segments=segments,
            rejected=tuple(s for s in found.rejected if s not in replaced),
            notes=tuple(notes),
        ),
        status=read.status,
        reason=read.reason,
        written=tuple(dict.fromkeys((s.kind, *span_of(s)) for s in segments)),
        earlier=corrections.present,
        deleted=corrections.deleted,
        outputs=tuple(name for name, ours in outputs.items() if ours),
    )


def write_episode(
    record: EpisodeRecord, owned: Sequence[str], target: Path, *, edl: EdlAction
) -> tuple[Path, ...]:
    """Write the files of an episode, and remove those of an earlier run that are no more."""
    for name in set(owned) - set(record.outputs):
        target.with_name(name).unlink(missing_ok=True)
    events = output_path(target, EVENTS)
    if events.name in record.outputs:
        write_events(record.result.video, record.result.segments, events)
    write_sidecars(record, target, edl=edl)
    return tuple(target.with_name(name) for name in record.outputs)
