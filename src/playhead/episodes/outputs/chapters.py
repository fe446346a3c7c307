"""Chapters: of an episode's segments, as text and inside a copy of the video file.

A chapter starts at every segment and at every part of the story between them. The copy is remuxed:
packets of video, sound and subtitles are those of the original, with their times; only the list of
chapters differs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream

from playhead.episodes.outputs.edl import span_of
from playhead.episodes.segments import Segment
from playhead.errors import MediaError
from playhead.files import atomic_path, write_text
from playhead.media import open_video
from playhead.media.rewrite_tracks import kept_metadata
from playhead.media.source import open_container, packets_of

if TYPE_CHECKING:
    from av.container.core import Chapter as StoredChapter

__all__ = ["FORMATS", "Chapter", "chapters_of", "merge_chapters", "remux", "write_chapter_text"]

TITLES = {
    "opening": "Opening",
    "ending": "Ending",
    "recap": "Recap",
    "eyecatch": "Eyecatch",
    "credits": "Credits",
}
FORMATS = {
    ".mkv": "matroska",
    ".webm": "webm",
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
}
"""Containers with chapters, by suffix, and the muxer that writes them."""

SHORTEST = 1.0
"""Seconds: shorter gaps between segments are no part of the story."""
NEAR = 1.0
"""Seconds: a chapter of the file that starts this near to a new one is the same."""
GENERIC = re.compile(r"\s*((chapter|kapitel|chapitre|part|scene)?\s*\d*|[\d:.]+)\s*", re.IGNORECASE)
"""Titles that say nothing: "Chapter 03", "00:12:34.000", an empty one."""
PART = re.compile(r"Part \d+")
MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter; start: seconds from the first video frame."""

    start: float
    title: str


def chapters_of(segments: Sequence[Segment], duration: float) -> list[Chapter]:
    """The chapters of an episode in order; the first starts at 0.

    duration: of the episode in seconds, 0 if unknown
    Where segments overlap, the later one ends the earlier. Parts of the story are numbered.
    """
    spans = sorted((*span_of(segment), TITLES[segment.kind]) for segment in segments)
    chapters: list[Chapter] = []
    parts = itertools.count(1)
    end = 0.0
    for start, stop, title in spans:
        if start - end >= SHORTEST:
            chapters.append(Chapter(end, f"Part {next(parts)}"))
        chapters.append(Chapter(start if chapters else 0.0, title))
        end = max(end, stop)
    if not spans or duration - end >= SHORTEST or duration <= 0:
        chapters.append(Chapter(end, f"Part {next(parts)}"))
    return chapters


def write_chapter_text(chapters: Sequence[Chapter], path: Path) -> None:
    """Write chapters as OGM text, which mkvmerge and MP4Box read, atomically."""
    lines = []
    for number, chapter in enumerate(chapters, start=1):
        milliseconds = round(chapter.start * 1000)
        minutes, rest = divmod(milliseconds, 60_000)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
        lines += [f"CHAPTER{number:02d}={clock}\n", f"CHAPTER{number:02d}NAME={chapter.title}\n"]
    write_text(path, "".join(lines))


def merge_chapters(present: Sequence[Chapter], new: Sequence[Chapter]) -> list[Chapter]:
    """The chapters that a file has, with those of its segments, in order.

    A chapter of the file within a second of a new one is the same: it keeps its title if that says
    something, else it takes the new one. Chapters as an earlier run wrote them are replaced.
    """
    kinds = set(TITLES.values())
    named = {chapter.title for chapter in new} & kinds
    again = any(chapter.title.partition(": ")[0] in kinds for chapter in present)
    kept = [
        chapter
        for chapter in present
        if chapter.title not in named and not (again and PART.fullmatch(chapter.title))
    ]
    merged = [*new]
    for chapter in kept:
        nearest = min(range(len(new)), key=lambda k: abs(new[k].start - chapter.start))
        same = merged[nearest]
        if abs(new[nearest].start - chapter.start) > NEAR:
            merged.append(chapter)
        elif GENERIC.fullmatch(chapter.title):
            continue
        elif same.title in kinds:
            title = chapter.title.removeprefix(f"{same.title}: ")
            merged[nearest] = Chapter(same.start, f"{same.title}: {title}")
        elif PART.fullmatch(same.title):
            merged[nearest] = chapter
    return sorted(merged, key=lambda chapter: chapter.start)


def remux(source: Path, target: Path, segments: Sequence[Segment]) -> list[str]:
    """Write a copy of a video with chapters, atomically; return notes on what was left out.

    Streams are copied packet by packet, with times, languages and titles; so are fonts and other
    attachments, a cover and the file's metadata. Left out, with a note: data streams, such as time
    codes, and attachments where the container of `target` has none.
    Raises MediaError if the container has no chapters, or the file cannot be copied.
    """
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise MediaError(
            f"{source}: files of this kind have no chapters ({', '.join(FORMATS)} do); its "
            "chapters are in the text file, for a tool that converts it"
        )
    with open_video(source) as video:
        zero, duration = video.table.start, video.duration
    with atomic_path(target) as temporary, open_container(source) as opened:
        present = [
            Chapter(
                max(0.0, float(stored["start"] * (stored["time_base"] or 1)) - zero),
                stored["metadata"].get("title", ""),
            )
            for stored in opened.chapters()
        ]
        chapters = merge_chapters(present, chapters_of(segments, duration))
        try:
            with av.open(str(temporary), "w", format=FORMATS[suffix]) as copy:
                copy.metadata.update(kept_metadata(opened))
                copy.set_chapters(_stored(chapters, zero, duration))
                streams, notes = _add_streams(source, opened, copy)
                copy.start_encoding()
                for packet in packets_of(opened, [stream for stream, _ in streams.values()]):
                    packet.stream = streams[packet.stream_index][1]
                    copy.mux_one(packet)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{source}: cannot be copied with chapters ({error})") from error
    return notes


def _add_streams(
    path: Path, source: InputContainer, copy: OutputContainer
) -> tuple[dict[int, tuple[Stream, Stream]], list[str]]:
    """The streams whose packets are copied, each with its copy, by index; notes on the others."""
    streams: dict[int, tuple[Stream, Stream]] = {}
    notes = []
    matroska = copy.format.name == "matroska"
    for stream in source.streams:
        cover = bool(Disposition(stream.disposition) & Disposition.attached_pic)
        if isinstance(stream, AttachmentStream) or (cover and copy.format.name != "mp4"):
            name = stream.metadata.get("filename") or f"attachment {stream.index}"
            mime = stream.metadata.get("mimetype") or ""
            if not matroska:
                notes.append(f"{name} is left out: the container holds no attachments")
            elif isinstance(stream, AttachmentStream):
                copy.add_attachment(name, mime, stream.data)
            else:
                copy.add_attachment(name, mime, _cover(path, stream.index))
            continue
        if stream.type not in {"video", "audio", "subtitle"}:
            # Of MP4, one of these is the track of chapter titles, which the muxer writes anew.
            if "Subtitle" not in stream.metadata.get("handler_name", ""):
                notes.append(f"stream {stream.index} ({stream.type}) is left out")
            continue
        try:
            target = copy.add_stream_from_template(stream)
        except ValueError:
            notes.append(f"stream {stream.index} ({stream.type}) is left out: its codec is unknown")
            continue
        target.time_base = stream.time_base
        target.disposition = stream.disposition
        target.metadata.update(kept_metadata(stream))
        if "name" in stream.metadata:  # how MP4 names a track; its muxer takes the title for it
            target.metadata["title"] = stream.metadata["name"]
        streams[stream.index] = stream, target
    return streams, notes


def _cover(path: Path, index: int) -> bytes:
    """The image file of a cover; read apart, as reading moves a container forward."""
    with open_container(path) as opened:
        packet = next(packets_of(opened, [opened.streams[index]]), None)
        return b"" if packet is None else bytes(packet)


def _stored(chapters: Sequence[Chapter], zero: float, duration: float) -> list[StoredChapter]:
    """Chapters on the clock of the container, each until the next."""
    starts = [max(0, round((chapter.start + zero) * 1000)) for chapter in chapters]
    ends = [*starts[1:], max(round((duration + zero) * 1000), starts[-1] + 1)]
    return [
        {
            "id": number,
            "start": start,
            "end": max(end, start + 1),
            "time_base": MILLISECOND,
            "metadata": {"title": chapter.title},
        }
        for number, (chapter, start, end) in enumerate(zip(chapters, starts, ends, strict=True), 1)
    ]
