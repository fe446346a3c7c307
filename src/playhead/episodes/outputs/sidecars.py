"""Sidecars: what players read of an episode, files beside its results or beside its video."""

from pathlib import Path

from playhead.episodes.outputs.chapters import chapters_of, write_chapter_text
from playhead.episodes.outputs.edl import EdlAction, write_edl, write_srt
from playhead.episodes.results import CHAPTERS, EDL, SRT, EpisodeRecord
from playhead.execution.items import output_path

__all__ = ["write_sidecars"]


def write_sidecars(record: EpisodeRecord, target: Path, *, edl: EdlAction) -> None:
    """Write the EDL, chapters and subtitles of an episode, as far as `record.outputs` names them.

    target: path of the outputs, without suffix; edl: what players do with a segment
    """
    segments, result = record.result.segments, record.result
    for suffix in (EDL, CHAPTERS, SRT):
        output = output_path(target, suffix)
        if output.name not in record.outputs:
            continue
        if suffix == EDL:
            write_edl(segments, output, action=edl)
        elif suffix == CHAPTERS:
            write_chapter_text(chapters_of(segments, result.duration), output)
        else:
            write_srt(segments, result.video, output)
