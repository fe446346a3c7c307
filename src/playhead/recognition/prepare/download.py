"""Downloading the videos of a list: several at a time, again after a failure, never twice.

A video is `out/ID.mp4` (or another suffix) once it is complete; until then it lies in a temporary
folder. What could not be had is in `out/missing.csv` with its reason. A video that is gone is not
asked for again by the next run, one that failed is.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from playhead.errors import FileFailure, StorageError
from playhead.execution.outputs import check_folder
from playhead.files import remove_leftovers, temporary_folder
from playhead.media.kinds import VIDEO_SUFFIXES
from playhead.progress import progress
from playhead.recognition.prepare.lists import ListedClip, Missing, read_missing, write_missing
from playhead.recognition.prepare.sources import (
    Downloader,
    DownloadError,
    Video,
    check_video,
    is_disk_full,
)

__all__ = ["DownloadResult", "Retries", "download", "find_source"]

_POLL = 0.2
"""Seconds between two looks at an interrupt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When to try again: after `first` seconds, then each time `factor` times later."""

    count: int = 4
    first: float = 2.0
    factor: float = 3.0
    longest: float = 300.0

    def delay(self, attempt: int, asked: float | None = None) -> float:
        """Seconds before another try after `attempt` failures; asked: what the server wants."""
        return min(self.longest, max(self.first * self.factor ** (attempt - 1), asked or 0.0))


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What a run did. Videos are named by their ids.

    downloaded: in this run; kept: there already; missing: with their reasons
    """

    downloaded: tuple[str, ...]
    kept: tuple[str, ...]
    missing: tuple[Missing, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "videos": len(self.downloaded) + len(self.kept) + len(self.missing),
            "downloaded": list(self.downloaded),
            "kept": len(self.kept),
            "missing": [row.to_json() for row in self.missing],
            "seconds": round(self.seconds, 3),
        }


def download(
    clips: Sequence[ListedClip],
    out: Path,
    source: Downloader,
    *,
    jobs: int = 4,
    retries: Retries | None = None,
    again: bool = False,
) -> DownloadResult:
    """Download the videos of listed clips into `out`, each once.

    jobs: how many at a time; again: whether also to ask for videos that an earlier run recorded as
        gone
    Raises StorageError if a file cannot be written, as on a full disk: nothing half-written is
    left, and complete videos stay.
    """
    check_folder(out)
    started = time.monotonic()
    retries = retries or Retries()
    videos = {clip.video: Video(clip.video, clip.url) for clip in clips}
    labels: dict[str, str] = {}
    for clip in clips:
        known = labels.get(clip.video, "")
        if clip.label not in known.split("; "):
            labels[clip.video] = f"{known}; {clip.label}" if known else clip.label
    present = _present(out)
    kept = tuple(name for name in videos if name in present)
    # Rows of videos of other lists stay.
    missing = {name: row for name, row in read_missing(out).items() if name not in present}
    todo = [
        video
        for name, video in videos.items()
        if name not in present and (again or name not in missing or missing[name].kind != "gone")
    ]
    downloaded: list[str] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot write here: {error.strerror or error}") from error

    def record(video: Video, failure: DownloadError | None) -> None:
        if failure is None:
            downloaded.append(video.id)
            missing.pop(video.id, None)
        else:
            kind = "gone" if failure.gone else "failed"
            missing[video.id] = Missing(video.id, labels[video.id], kind, str(failure))
        write_missing(out, missing.values())

    fetch = partial(_download_one, out=out, source=source, retries=retries)
    _run(todo, fetch, record, jobs)
    return DownloadResult(
        tuple(downloaded),
        kept,
        tuple(missing[name] for name in videos if name in missing),
        time.monotonic() - started,
    )


def find_source(folder: Path, video: str) -> Path | None:
    """The downloaded file of a video; None if it is not there."""
    for suffix in (".mp4", *sorted(VIDEO_SUFFIXES)):
        path = folder / f"{video}{suffix}"
        if path.is_file():
            return path
    return None


def _run(
    todo: Sequence[Video],
    fetch: Callable[..., DownloadError | None],
    record: Callable[[Video, DownloadError | None], None],
    jobs: int,
) -> None:
    """Download in threads; outcomes are recorded here, in the thread that called."""
    stop = threading.Event()
    waiting = list(reversed(todo))
    running: dict[Future[DownloadError | None], Video] = {}
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        with progress("downloading", len(todo)) as live:
            while waiting or running:
                while waiting and len(running) < jobs:
                    video = waiting.pop()
                    running[pool.submit(fetch, video, stop=stop)] = video
                done, _ = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
                for task in done:
                    video = running.pop(task)
                    record(video, task.result())
                    live.advance(note=video.id)
    finally:
        # After an error or an interrupt the other transfers end at their next chunk.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _download_one(
    video: Video, *, out: Path, source: Downloader, retries: Retries, stop: threading.Event
) -> DownloadError | None:
    """Download one video; None if it is there now. Raises StorageError if writing fails."""
    attempt = 0
    while True:
        attempt += 1
        failure = _attempt(video, out, source, stop)
        if failure is None or failure.gone or stop.is_set():
            return failure
        if attempt > retries.count:
            return DownloadError(f"{failure} ({attempt} tries)")
        stop.wait(retries.delay(attempt, failure.wait))


def _attempt(
    video: Video, out: Path, source: Downloader, stop: threading.Event
) -> DownloadError | None:
    failure = FileFailure(out / video.id)
    full: Exception | None = None
    with failure:
        try:
            with temporary_folder(out) as folder:
                path = source.fetch(video, folder, stop)
                check_video(path)
                path.rename(out / f"{video.id}{path.suffix.lower()}")
        except DownloadError as error:
            return error
        except (OSError, StorageError) as error:
            full = error if is_disk_full(error) else None
            raise
    if full is not None:
        raise StorageError(
            f"{out}: no space is left on the disk; free some and run this again: complete videos "
            "stay, and nothing half-written is left"
        ) from full
    return DownloadError(failure.reason) if failure.reason else None


def _present(out: Path) -> set[str]:
    if not out.is_dir():
        return set()
    return {path.stem for path in out.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES}
