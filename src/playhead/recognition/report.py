"""The report of a recognition: metrics, confusion matrix, curves, film strips of clips.

One self-contained HTML file. It contains frames of the clips, and says so.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playhead.errors import PlayheadError
from playhead.events.formats.keypoints import KeypointFile, read_keypoints
from playhead.media import open_video
from playhead.recognition.clips import Clip
from playhead.recognition.data import keypoints_of
from playhead.recognition.evaluate import Evaluation
from playhead.recognition.pixels import spread_times
from playhead.recognition.pose.drawing import PosedFrames
from playhead.report.curves import TRAINING_SECTION, training_curves
from playhead.report.images import RGB
from playhead.report.markup import asset, element, escape, write_page
from playhead.report.provenance import provenance, versions
from playhead.report.strips import film_strip
from playhead.report.tables import table, tiles

__all__ = ["write_recognition_report"]

PACKAGE = "playhead.recognition"
SHOWN = 12
"""Clips with a film strip, of the worst and of the best."""
IMAGES, WIDTH = 6, 200
MAX_CURVES = 8


def write_recognition_report(
    evaluation: Evaluation,
    out: Path,
    *,
    title: str,
    clips: Mapping[str, Clip],
    rows: Sequence[Mapping[str, Any]] = (),
    runs: Mapping[str, Path] | None = None,
    keypoints: Path | None = None,
) -> Path:
    """Write the report and return its path.

    clips: by name, for the film strips; rows: of the table of networks
    runs: run folders by name, for their training curves
    keypoints: a folder of keypoints that mirrors the clips; by default those beside them
    """
    result, answers = evaluation.result, evaluation.answers
    probabilities = answers.probabilities
    predicted = probabilities.argmax(1)
    true = probabilities[np.arange(len(predicted)), answers.targets]
    wrong = np.flatnonzero(predicted != answers.targets)
    right = np.flatnonzero(predicted == answers.targets)
    worst = wrong[np.argsort(true[wrong], kind="stable")][:SHOWN]
    best = right[np.argsort(-true[right], kind="stable")]
    interval = evaluation.intervals.get("macro_f1")

    def strips(chosen: Sequence[int]) -> str:
        return (
            "".join(_strip(evaluation, int(k), clips, keypoints) for k in chosen)
            or '<p class="note">None.</p>'
        )

    columns = list(evaluation.rows()[0])
    figures = {
        "macro F1": result.macro_f1,
        "top-1": result.top1,
        "top-5": result.top5,
        "chance": evaluation.chance,
        "clips": len(answers.clips),
        "groups": len(set(answers.groups)),
    }
    curves = []
    for name, run in list((runs or {}).items())[:MAX_CURVES]:
        many = len(runs or {}) > 1
        for line in training_curves(run):
            if not many:
                curves.append(line.to_json())
            elif line.kind == "loss" or line.name == "macro_f1":
                curves.append({**line.to_json(), "name": name})
    models = list(rows[0]) if rows else []
    return write_page(
        asset("recognition.html", PACKAGE),
        out,
        title=title,
        parts={
            "summary": escape("" if interval is None else "; ".join(evaluation.lines()[:1])),
            "tiles": tiles(figures),
            "models": table(models, [[row[key] for key in models] for row in rows])
            if len(rows) > 1
            else "",
            "classes": table(columns, [[row[key] for key in columns] for row in evaluation.rows()]),
            "confusion": _confusion(evaluation),
            "worst": strips(worst.tolist()),
            "best": strips(_one_of_each(best, answers.targets)),
            "training": TRAINING_SECTION if curves else "",
            "provenance": provenance(versions()),
        },
        styles=asset("recognition.css", PACKAGE),
        data={"training": curves},
        scripts=[asset("recognition.js", PACKAGE)] if curves else [],
        charts=bool(curves),
    )


def _confusion(evaluation: Evaluation) -> str:
    """The confusion matrix as a table, cells shaded by their share of the row."""
    classes, counts = evaluation.result.classes, evaluation.result.confusion
    sums = np.maximum(counts.sum(1), 1)
    head = element("th", "") + "".join(
        f'<th class="turned"><span>{escape(name)}</span></th>' for name in classes
    )
    body = ""
    for row, name in enumerate(classes):
        cells = f"<th>{escape(name)}</th>"
        for column in range(len(classes)):
            count = int(counts[row, column])
            share = count / int(sums[row])
            kind = "hit" if row == column else "miss"
            title = escape(f"{count} of {name} taken for {classes[column]}")
            cells += (
                f'<td class="{kind}" style="--share:{share:.2f}" title="{title}">'
                f"{count if count else ''}</td>"
            )
        body += element("tr", cells)
    matrix = element("table", element("tr", head) + body, "confusion")
    return element("div", matrix, "scroll")


def _strip(
    evaluation: Evaluation, row: int, clips: Mapping[str, Clip], keypoints: Path | None
) -> str:
    answers = evaluation.answers
    name, span = answers.clips[row], answers.spans[row]
    probabilities = answers.probabilities[row]
    order = np.argsort(-probabilities, kind="stable")[:3]
    guesses = ", ".join(f"{answers.classes[k]} {probabilities[k]:.2f}" for k in order)
    title = f"{name}: {answers.classes[answers.targets[row]]}; predicted {guesses}"
    clip = clips.get(name)
    frames = [] if clip is None else _frames(clip, span, keypoints)
    return element("section", element("h3", escape(title)) + film_strip(frames, name=name), "clip")


def _frames(
    clip: Clip, span: tuple[float, float], keypoints: Path | None
) -> list[tuple[float, RGB]]:
    """Frames spread over the clip, with skeletons where there are keypoints."""
    file = _keypoint_file(clip, keypoints)
    if not clip.has_video:
        return []
    try:
        with open_video(clip.path) as video:
            end = min(span[1], video.duration)
            wanted = np.unique(video.nearest(spread_times(span[0], end, IMAGES)))
            size = (WIDTH, max(1, round(video.height * WIDTH / video.width)))
            posed = None if file is None else PosedFrames(file)
            return [
                (float(video.times[k]), image if posed is None else posed.drawn(k, image))
                for k, image in video.stream(size=size, wanted=wanted)
            ]
    except PlayheadError:  # a report shows what is there
        return []


def _keypoint_file(clip: Clip, folder: Path | None) -> KeypointFile | None:
    places = (keypoints_of(clip, folder), keypoints_of(clip, None))
    return next((read_keypoints(place) for place in places if place.is_file()), None)


def _one_of_each(rows: np.ndarray, targets: np.ndarray) -> list[int]:
    """The first row of each class, at most `SHOWN`."""
    first: dict[int, int] = {}
    for row in rows.tolist():
        first.setdefault(int(targets[row]), row)
    return list(first.values())[:SHOWN]
