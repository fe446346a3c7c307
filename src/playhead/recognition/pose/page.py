"""The page of an extraction: a film strip of each clip with its skeletons, and who was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from playhead.errors import PlayheadError
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, read_keypoints
from playhead.execution.outcomes import FileOutcome
from playhead.inference.detectors.video import sampled_frames
from playhead.media import open_video
from playhead.recognition.pose.drawing import PosedFrames
from playhead.recognition.pose.people import seen_frames
from playhead.report.images import RGB
from playhead.report.markup import element, escape, write_page
from playhead.report.provenance import provenance, versions
from playhead.report.strips import film_strip
from playhead.report.tables import Cell, table, tiles

__all__ = ["ClipSummary", "summarise", "write_keypoint_page"]

MAX_STRIPS = 60
"""Clips with images; those whose chosen people were seen least come first."""
IMAGES = 6
WIDTH = 240  # pixels of an image

BODY = """<main>
<h1>{{title}}</h1>
<p class="note">Yellow and blue: the people whose action is recognised. Grey: others. Thin lines:
interpolated, nobody was seen there. This page holds frames of the videos.</p>
{{figures}}
<section><h2>Clips</h2>{{table}}</section>
{{strips}}
{{provenance}}
</main>
"""


@dataclass(frozen=True, slots=True)
class ClipSummary:
    """What was kept of a clip.

    seen: the share of analysed frames in which every chosen person was seen, 0 without any
    """

    frames: int
    people: int
    chosen: tuple[int, ...]
    seen: float


def summarise(file: KeypointFile) -> ClipSummary:
    """The summary of a keypoint file; frames are analysed ones if anybody is in them."""
    chosen = [file.person(track) for track in file.chosen]
    shares = [seen_frames(person).sum() / _analysed(file) for person in chosen]
    return ClipSummary(
        len(file.times), len(file.people), file.chosen, float(min(shares, default=0.0))
    )


def write_keypoint_page(outcomes: Sequence[FileOutcome], path: Path) -> Path:
    """Write the page of a batch as one self-contained file and return its path.

    Clips that failed are listed with the reason.
    """
    rows: list[tuple[float, tuple[Cell, ...]]] = []
    clips: list[tuple[float, FileOutcome, KeypointFile]] = []
    for outcome in outcomes:
        name = f"{outcome.path.parent.name}/{outcome.path.name}"
        keypoints = [output for output in outcome.outputs if output.name.endswith(SUFFIX)]
        if not keypoints:
            rows.append((0.0, (name, None, None, "", None, outcome.reason or "")))
            continue
        file = read_keypoints(keypoints[0])
        summary = summarise(file)
        clips.append((summary.seen, outcome, file))
        note = outcome.reason or "; ".join(outcome.notes)
        ids = ", ".join(map(str, summary.chosen)) or "nobody"
        cells = (name, summary.frames, summary.people, ids, summary.seen, note)
        rows.append((summary.seen, cells))
    titles = ("clip", "frames", "people", "chosen", "share of frames seen", "")
    least_first = sorted(clips, key=lambda clip: clip[0])
    shares = [seen for seen, _, _ in clips]
    figures: dict[str, Cell] = {
        "clips": len(outcomes),
        "with people": sum(bool(file.people) for _, _, file in clips),
        "failed": len(outcomes) - len(clips),
        "share of frames seen": float(np.mean(shares)) if shares else None,
    }
    return write_page(
        BODY,
        path,
        title="Keypoints",
        parts={
            "figures": tiles(figures, digits=2),
            "table": table(
                titles, [row for _, row in sorted(rows, key=lambda row: row[0])], digits=2
            ),
            "strips": "".join(_clip(*clip) for clip in least_first[:MAX_STRIPS]),
            "provenance": provenance(versions()),
        },
    )


def _analysed(file: KeypointFile) -> int:
    """The frames in which anybody was looked for: all, or those of the grid that was analysed."""
    rate = file.settings.get("extraction", {}).get("rate")
    return len(sampled_frames(file.times, 0 if rate is None else 1 / rate, None))


def _clip(seen: float, outcome: FileOutcome, file: KeypointFile) -> str:
    """A film strip with a title."""
    chosen = ", ".join(f"person {track}" for track in file.chosen) or "nobody"
    name = f"{outcome.path.parent.name}/{outcome.path.name}"
    title = f"{name}: {chosen}, seen in {seen:.0%} of its frames"
    return element(
        "section",
        element("h3", escape(title))
        + film_strip(_images(outcome.path, file), name=outcome.path.name),
    )


def _images(path: Path, file: KeypointFile) -> list[tuple[float, RGB]]:
    """Frames spread over the clip, with skeletons; those in which somebody is, if there are any."""
    posed = PosedFrames(file)
    somebody = np.unique(np.concatenate([np.zeros(0, int), *(p.frames for p in file.people)]))
    frames = somebody if len(somebody) else np.arange(len(file.times))
    wanted = np.unique(frames[np.linspace(0, len(frames) - 1, IMAGES).round().astype(int)])
    try:
        with open_video(path) as video:
            size = (WIDTH, max(1, round(video.height * WIDTH / video.width)))
            return [
                (float(file.times[k]), posed.drawn(k, image))
                for k, image in video.stream(size=size, wanted=wanted)
            ]
    except PlayheadError:  # a page shows what is there
        return []
