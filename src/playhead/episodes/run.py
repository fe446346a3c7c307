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

from playhead.episodes.decide import THRESHOLD
from playhead.episodes.images.evidence import Images, add_image_segments
from playhead.episodes.images.snapping import Snap, snap_segments
from playhead.episodes.images.work import LooksWork
from playhead.episodes.match import Pair, match_season
from playhead.episodes.network.predict import BoundaryNetwork, PredictOptions, open_boundary_network
from playhead.episodes.network.prior import add_network_evidence
from playhead.episodes.outputs.edl import EdlAction
from playhead.episodes.outputs.files import planned_outputs, record_of, write_episode
from playhead.episodes.report import EpisodeMedia, counted_kind, write_season_page
from playhead.episodes.results import (
    EVENTS,
    SEASON,
    EpisodeRecord,
    SeasonRecord,
    read_corrections,
    read_season,
    write_season,
    write_table,
)
from playhead.episodes.season import Season, find_seasons
from playhead.episodes.segments import KINDS, EpisodeResult
from playhead.episodes.sound.reading import RATE, Sound
from playhead.episodes.sound.work import SoundWork, duration_of, sound_of
from playhead.errors import FileFailure, PlayheadError, StorageError
from playhead.execution.items import Item, output_path, require_paths
from playhead.execution.outcomes import FileOutcome, peak_memory_bytes
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, run_items
from playhead.files import fingerprint
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
    others alone. Raises PlayheadError, before anything is read, if a path or its videos are not
    there, a folder cannot be written to, the bundle is of another kind, or an earlier `season.json`
    cannot be read or is of another season.
    """
    started = time.monotonic()
    require_paths(paths)
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
    if options.images == "always":  # a file that fails here says so in its season
        readable = [item for item in items if outcomes[item.path].status != "failed"]
        if readable:
            run_items(readable, out, LooksWork(), task="reading images", executor=executor)
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
        earlier = read_season(results) if results.exists() else None
        if earlier is not None and _is_other(season, earlier):
            raise PlayheadError(
                f"{results}: is of {earlier.title}; match {season.title} into another --out, or "
                "all seasons at once by the folder above them"
            )
        return _Place(
            folder=folder,
            results=results,
            table=folder / f"{prefix}segments.csv",
            page=folder / ("specials.html" if season.apart else "index.html"),
            earlier=earlier,
        )


def _is_other(season: Season, earlier: SeasonRecord) -> bool:
    """Whether results have another title, and nothing that `season` has."""
    return season.title != earlier.title and not any(
        earlier.marks.get(item.path.name) == fingerprint(item.path)
        for item in season.episodes
        if item.path.name in earlier.marks
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
        outcome.path: sound_of(outcome.path, options.audio)
        for outcome in read
        if outcome.status != "failed"
    }
    before = place.earlier or SeasonRecord(name=season.name, title=season.title)
    found = _found(heard, before, options, network=network, live=live)
    records, unreadable = [], set()
    for item, outcome in zip(season.episodes, read, strict=True):
        record, kept = _record(
            item, outcome, found, before, target=item.target(out), options=options
        )
        records.append(record)
        if kept:  # what a person wrote is not overwritten
            unreadable.add(item.path)
    given = {record.result.video for record in records}
    whole = SeasonRecord(
        name=season.name,
        title=season.title,
        settings=_settings(options),
        versions=versions(),
        episodes=tuple(records),
        absent=tuple(
            record
            for record in (*before.episodes, *before.absent)
            if record.result.video not in given
        ),
        marks=found.marks,
        pairs=tuple(pair.as_dict() for pair in found.pairs),
    )
    write_season(whole, place.results)
    outcomes = []
    for item, record in zip(season.episodes, records, strict=True):
        outputs: tuple[Path, ...] = ()
        if item.path not in unreadable:
            owned = getattr(before.of(record.result.video), "outputs", ())
            outputs = write_episode(record, owned, item.target(out), edl=options.edl)
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


@dataclass(frozen=True, slots=True)
class _Found:
    """What sound, images and a network tell of a season; results and marks are by file name."""

    results: Mapping[str, EpisodeResult]
    pairs: Sequence[Pair]
    marks: Mapping[str, str]


def _found(
    heard: Mapping[Path, Sound],
    before: SeasonRecord,
    options: MatchOptions,
    *,
    network: BoundaryNetwork | None,
    live: Progress,
) -> _Found:
    """Match the sounds of a season, then ask its images and the network where they are wanted."""
    paths = list(heard)
    marks = {path.name: fingerprint(path) for path in paths}
    same_track = before.settings.get("sound track") == options.audio

    def tell(note: str) -> None:
        live.advance(0, note=note)

    matched = match_season(
        list(heard.values()),
        names=[path.name for path in paths],
        durations=[duration_of(path, sound) for path, sound in heard.items()],
        earlier=[
            Pair.from_dict(pair)
            for pair in (before.pairs if same_track else ())
            if all(before.marks.get(pair[k]) == marks.get(pair[k]) for k in ("a", "b"))
        ],
        threshold=options.threshold,
    )
    results = add_image_segments(
        paths,
        matched.episodes,
        speeds=matched.speeds,
        images=options.images,
        threshold=options.threshold,
        tell=tell,
    )
    if network is not None:
        results = add_network_evidence(
            paths, results, network, threshold=options.threshold, tell=tell
        )
    return _Found({result.video: result for result in results}, matched.pairs, marks)


def _record(
    item: Item,
    read: FileOutcome,
    found: _Found,
    before: SeasonRecord,
    *,
    target: Path,
    options: MatchOptions,
) -> tuple[EpisodeRecord, bool]:
    """The record of an episode, and whether its files must stay, as they cannot be understood."""
    name = item.path.name
    result = found.results.get(name, EpisodeResult(video=name, duration=0.0, segments=()))
    with FileFailure(item.path) as failure:
        snapped = snap_segments(item.path, result.segments, options.snap)
        result = replace(result, segments=snapped)
    if failure.reason:  # the raw times stay
        note = f"boundaries are not moved: {failure.reason.removeprefix(f'{item.path}: ')}"
        result = replace(result, notes=(*result.notes, note))
    earlier = before.of(name)
    with FileFailure(item.path) as failure:
        corrections = read_corrections(
            output_path(target, EVENTS), earlier, duration=result.duration
        )
        outputs = planned_outputs(
            read, target, corrections, earlier, srt=options.srt, overwrite=options.overwrite
        )
        return record_of(result, read, corrections, earlier, outputs), False
    kept = earlier or EpisodeRecord(result=result)
    return replace(kept, status="failed", reason=failure.reason), True


def _settings(options: MatchOptions) -> dict[str, Any]:
    """The options that decide what is found, as `season.json` holds them."""
    return {
        "threshold": options.threshold,
        "sound track": options.audio,
        "images": options.images,
        "bundle": None if options.bundle is None else str(options.bundle),
        "snap": options.snap,
        "edl": options.edl,
    }
