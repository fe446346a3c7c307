"""The run of `match`: files to sounds, seasons of sounds to segments, segments to outputs.

Each file's sound is read once; then each season is matched as a whole. What a person corrected
since an earlier run is kept. `season.json` is written before the files of the episodes, so that a
run that is killed between them does not pass for a person's corrections.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.episodes.decide import THRESHOLD
from playhead.episodes.edl import EdlAction, span_of
from playhead.episodes.images import Images, add_image_segments
from playhead.episodes.match import Pair, match_season
from playhead.episodes.network_prior import add_network_evidence
from playhead.episodes.predict import BoundaryNetwork, PredictOptions, open_boundary_network
from playhead.episodes.report import EpisodeMedia, counted_kind, write_season_page
from playhead.episodes.results import (
    CHAPTERS,
    EDL,
    EVENTS,
    SEASON,
    SRT,
    Corrections,
    EpisodeRecord,
    SeasonRecord,
    apply_corrections,
    notes_of,
    read_corrections,
    read_season,
    write_events,
    write_season,
    write_table,
)
from playhead.episodes.season import Season, find_seasons
from playhead.episodes.segments import KINDS, EpisodeResult
from playhead.episodes.sidecars import write_sidecars
from playhead.episodes.snapping import Snap, snap_segments
from playhead.episodes.sound import RATE, Sound, read_sound
from playhead.errors import FileFailure, MediaError, StorageError
from playhead.execution.items import output_path
from playhead.execution.outcomes import FileOutcome, peak_memory_bytes
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import fingerprint
from playhead.media import open_video
from playhead.media.late import count_sound
from playhead.output import counted
from playhead.progress import Progress, progress
from playhead.report.provenance import versions

__all__ = ["MatchOptions", "MatchResult", "SeasonOutcome", "match_seasons"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchOptions:
    """How seasons are matched and written.

    audio: which sound track, counted from 0 one
    threshold: minimum confidence of a segment that is written; None for the default
    images: whose images are read: auto for those of episodes in which sound finds too little
    bundle: a network of clips whose answers are a prior where the season is not sure
    snap: what boundaries are moved to, if it is near
    edl: what players do with a segment; srt: whether subtitles are written too
    overwrite: whether files of other programs under the names of outputs are replaced
    """

    audio: int | None = None
    threshold: float = THRESHOLD
    images: Images = "auto"
    bundle: Path | None = None
    snap: Snap = "none"
    edl: EdlAction = "skip"
    srt: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class SeasonOutcome:
    """The outputs of one season; segments: how many of each kind were written."""

    title: str
    episodes: int
    segments: Mapping[str, int]
    page: Path
    results: Path

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "title": self.title,
            "episodes": self.episodes,
            "segments": dict(self.segments),
            "page": str(self.page),
            "results": str(self.results),
        }


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The results of all files and seasons, the seconds it took, and the peak memory."""

    files: tuple[FileOutcome, ...]
    seasons: tuple[SeasonOutcome, ...]
    seconds: float
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "files": [file.to_json() for file in self.files],
            "seasons": [season.to_json() for season in self.seasons],
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def describe(self) -> str:
        """A line for each season, each note, and each file that is not ok."""
        lines = []
        for season in self.seasons:
            kinds = [counted_kind(kind, n) for kind, n in season.segments.items() if n]
            told = ", ".join([counted(season.episodes, "episode"), *kinds])
            lines.append(f"{season.title}: {told}: {season.page}")
        for file in self.files:
            lines += [f"{file.path}: {note}" for note in file.notes]
            if file.status != "ok":
                reason = (file.reason or "").removeprefix(f"{file.path}: ")
                lines.append(f"{file.path}: {file.status}: {reason}")
        return "\n".join(lines)


def match_seasons(
    paths: Sequence[Path],
    out: Path | None,
    options: MatchOptions,
    *,
    executor: Executor = SERIAL,
) -> MatchResult:
    """Match the seasons in folders and files, and write the outputs of every episode and season.

    out: the folder to write into; None writes beside the videos
    A file that cannot be read, or whose corrected events cannot, ends `failed` and leaves the
    others alone. Raises PlayheadError, before anything is read, if there are no videos, a folder
    cannot be written to, the bundle is of another kind, or an earlier `season.json` cannot be read.
    """
    started = time.monotonic()
    seasons = find_seasons(paths)
    network = None  # a bundle of another kind is refused now, not after all sound was read
    if options.bundle is not None:
        network = open_boundary_network(options.bundle, PredictOptions(device="cpu"))
    if out is not None:
        check_folder(out)
    places = [_Place.of(season, out) for season in seasons]
    for folder in dict.fromkeys(place.folder for place in places):
        _check_writable(folder)
    items = [item for season in seasons for item in season.episodes]
    read = run_items(items, out, SoundWork(options.audio), task="reading sound", executor=executor)
    outcomes = {outcome.path: outcome for outcome in read.files}
    files: list[FileOutcome] = []
    matched = []
    with progress("matching", len(seasons)) as live:
        for season, place in zip(seasons, places, strict=True):
            live.advance(0, note=season.title)
            outcome, written = _match_one(
                season,
                place,
                [outcomes[item.path] for item in season.episodes],
                out,
                options,
                network=network,
                live=live,
            )
            matched.append(outcome)
            files += written
            live.advance()
    peak = max(read.peak_memory_bytes, peak_memory_bytes())
    return MatchResult(tuple(files), tuple(matched), time.monotonic() - started, peak)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the files of a season are written, and what an earlier run wrote there."""

    folder: Path
    results: Path
    table: Path
    page: Path
    earlier: SeasonRecord | None

    @staticmethod
    def of(season: Season, out: Path | None) -> "_Place":
        """Specials beside other episodes get names of their own."""
        folder = season.episodes[0].target(out).parent
        prefix = "specials." if season.apart else ""
        results = folder / f"{prefix}{SEASON}"
        return _Place(
            folder=folder,
            results=results,
            table=folder / f"{prefix}segments.csv",
            page=folder / ("specials.html" if season.apart else "index.html"),
            earlier=read_season(results) if results.exists() else None,
        )


def _check_writable(folder: Path) -> None:
    """Raise StorageError now, not after the sound of a whole season was read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot write here ({error.strerror}); name a folder that can be written to "
            "with --out"
        ) from error


@dataclass(frozen=True, slots=True)
class SoundWork:
    """Reads the sound of one file after another into the store of sounds."""

    audio: int | None

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._read

    def _read(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        sound = _sound_of(path, self.audio)
        if sound.missing:
            return FileOutcome(path, "partial", reason=_missing(sound))
        return FileOutcome(path, "ok")


def _sound_of(path: Path, audio: int | None) -> Sound:
    """The sound of an episode, from the store where it is there; empty for a silent film.

    Raises MediaError if it cannot be read, or there is no such track.
    """
    try:
        return read_sound(path, audio=audio)
    except MediaError:
        with open_video(path) as video:  # a file that is no video fails
            if audio is not None or video.has_audio or count_sound(path):
                raise
    return Sound(words=np.zeros(0, np.uint32), samples=np.zeros(0, np.int16), start=0.0)


def _duration(path: Path, sound: Sound) -> float:
    """Seconds of an episode: of its sound where it has any, as that needs no look at the video."""
    if len(sound.samples):
        return max(0.0, sound.start + len(sound.samples) / RATE)
    with open_video(path) as video:
        return video.duration


def _missing(sound: Sound) -> str:
    """Which spans of the sound could not be read."""
    spans = [f"{start:.1f} to {end:.1f} s" for start, end in sound.missing[:3]]
    more = ", ..." if len(sound.missing) > 3 else ""
    return f"the sound from {', '.join(spans)}{more} cannot be read"


def _match_one(
    season: Season,
    place: _Place,
    read: Sequence[FileOutcome],
    out: Path | None,
    options: MatchOptions,
    *,
    network: BoundaryNetwork | None,
    live: Progress,
) -> tuple[SeasonOutcome, list[FileOutcome]]:
    """Match one season and write its files; read: the outcomes of reading, in its order."""
    heard = {
        outcome.path: _sound_of(outcome.path, options.audio)
        for outcome in read
        if outcome.status != "failed"
    }
    names = {path: path.name for path in heard}
    marks = {name: fingerprint(path) for path, name in names.items()}
    before = place.earlier or SeasonRecord(name=season.name, title=season.title)
    same_track = before.settings.get("sound track") == options.audio
    matched = match_season(
        list(heard.values()),
        names=list(names.values()),
        durations=[_duration(path, sound) for path, sound in heard.items()],
        earlier=[
            Pair.from_dict(pair)
            for pair in (before.pairs if same_track else ())
            if all(before.marks.get(pair[k]) == marks.get(pair[k]) for k in ("a", "b"))
        ],
        threshold=options.threshold,
    )
    results = add_image_segments(
        list(heard),
        matched.episodes,
        speeds=matched.speeds,
        images=options.images,
        threshold=options.threshold,
        tell=lambda note: live.advance(0, note=note),
    )
    if network is not None:
        results = add_network_evidence(
            list(heard),
            results,
            network,
            threshold=options.threshold,
            tell=lambda note: live.advance(0, note=note),
        )
    found = {result.video: result for result in results}

    records, unreadable = [], set()
    for item, outcome in zip(season.episodes, read, strict=True):
        name, target = item.path.name, item.target(out)
        result = found.get(name, EpisodeResult(video=name, duration=0.0, segments=()))
        with FileFailure(item.path) as failure:
            snapped = snap_segments(item.path, result.segments, options.snap)
            result = replace(result, segments=snapped)
        if failure.reason:  # the raw times stay
            note = f"boundaries are not moved: {failure.reason.removeprefix(f'{item.path}: ')}"
            result = replace(result, notes=(*result.notes, note))
        earlier = before.of(name)
        with FileFailure(item.path) as failure:
            corrections = read_corrections(output_path(target, EVENTS), earlier)
            planned = _outputs(outcome, target, corrections, earlier, options)
            records.append(_record(result, outcome, corrections, earlier, planned))
        if failure.reason:  # what a person wrote is not overwritten
            unreadable.add(name)
            kept = earlier or EpisodeRecord(result=result)
            records.append(replace(kept, status="failed", reason=failure.reason))

    given = {record.result.video for record in records}
    whole = SeasonRecord(
        name=season.name,
        title=season.title,
        settings={
            "threshold": options.threshold,
            "sound track": options.audio,
            "images": options.images,
            "bundle": None if options.bundle is None else str(options.bundle),
            "snap": options.snap,
            "edl": options.edl,
        },
        versions=versions(),
        episodes=tuple(records),
        absent=tuple(
            record
            for record in (*before.episodes, *before.absent)
            if record.result.video not in given
        ),
        marks=marks,
        pairs=tuple(pair.as_dict() for pair in matched.pairs),
    )
    write_season(whole, place.results)
    outcomes = []
    for item, record in zip(season.episodes, records, strict=True):
        outputs: tuple[Path, ...] = ()
        if record.result.video not in unreadable:
            owned = getattr(before.of(record.result.video), "outputs", ())
            outputs = _write_episode(record, owned, item.target(out), options)
        outcomes.append(
            FileOutcome(item.path, record.status, outputs, record.reason, record.result.notes)
        )
    write_table(records, place.table)
    media = {
        path.name: EpisodeMedia(path, sound.samples, RATE, sound.start)
        for path, sound in heard.items()
    }
    write_season_page(whole, place.page, media)
    kinds = [segment.kind for record in records for segment in record.result.segments]
    counts = {kind: kinds.count(kind) for kind in KINDS}
    return (
        SeasonOutcome(season.title, len(records), counts, place.page, place.results),
        outcomes,
    )


def _outputs(
    read: FileOutcome,
    target: Path,
    corrections: Corrections,
    earlier: EpisodeRecord | None,
    options: MatchOptions,
) -> dict[str, bool]:
    """The names of the files of an episode, each with whether it may be written.

    A file of another program may not. An episode that could not be read has files only if a
    person corrected it before.
    """
    if read.status == "failed" and not (corrections.locked or corrections.deleted):
        return {}
    owned = () if earlier is None else earlier.outputs
    paths = [output_path(target, suffix) for suffix in (EVENTS, EDL, CHAPTERS)]
    if options.srt:
        paths.append(output_path(target, SRT))
    return {
        path.name: path.name.endswith(EVENTS)
        or path.name in owned
        or options.overwrite
        or not path.exists()
        for path in paths
    }


def _record(
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


def _write_episode(
    record: EpisodeRecord, owned: Sequence[str], target: Path, options: MatchOptions
) -> tuple[Path, ...]:
    """Write the files of an episode, and remove those of an earlier run that are no more."""
    for name in set(owned) - set(record.outputs):
        target.with_name(name).unlink(missing_ok=True)
    events = output_path(target, EVENTS)
    if events.name in record.outputs:
        write_events(record.result.video, record.result.segments, events, notes_of(events))
    write_sidecars(record, target, edl=options.edl)
    return tuple(target.with_name(name) for name in record.outputs)
