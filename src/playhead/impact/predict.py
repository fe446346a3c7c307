"""Prediction: raw candidates, then impacts decided in them; does not import torch on a CPU.

Outputs mirror the inputs' relative paths: `X.candidates.npz` and `X.events.json`. Videos are
analysed one by one; impacts are decided when both views of a play are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playhead.config import load_config, override, validate
from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import native
from playhead.events.formats.detect import detect
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.execution.items import Item, find_items
from playhead.execution.outcomes import BatchResult
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, run_items
from playhead.impact.candidates import (
    CANDIDATES,
    Candidates,
    read_candidates,
    read_folder,
    write_candidates,
)
from playhead.impact.decide import decide_play
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.networks import PredictOptions
from playhead.impact.views import PlayView, plays_of, views_of_manifest, views_of_paths
from playhead.impact.work import EVENTS, ImpactWork, find_candidates

__all__ = [
    "EVENTS",
    "PredictOptions",
    "decide_again",
    "decide_files",
    "find_candidates",
    "find_plays",
    "play_names",
    "plays_in",
    "predict_plays",
    "read_decisions",
]


def find_plays(
    paths: Sequence[Path], *, split: str | None = None, root: Path | None = None
) -> tuple[list[Item], list[PlayView]]:
    """The videos in `paths`, and the play and view of each.

    paths: one manifest, of which `split` selects videos; or videos and folders of videos
    root: the folder whose structure the outputs mirror; by default that of the manifest, or the
        deepest common folder
    Raises LabelError for a manifest without the split, or more than two views of a play.
    """
    if len(paths) == 1 and paths[0].suffix == ".csv":
        if detect(paths[0]) != "manifest":
            raise LabelError(f"{paths[0]}: is not a manifest; it needs the columns video,labels")
        rows = [row for row in read_manifest(paths[0]) if split is None or row.split == split]
        if not rows:
            raise LabelError(f"{paths[0]}: no video has the split {split!r}; check the column")
        try:
            return plays_in(rows, root or paths[0].parent)
        except LabelError as error:
            raise LabelError(f"{paths[0]}: {error}") from error
    if split is not None:
        raise LabelError("--split needs a manifest with a split column as the only input")
    items = find_items(paths, root)
    return items, views_of_paths([item.path for item in items])


def plays_in(
    rows: Sequence[ManifestRow], root: Path | None = None
) -> tuple[list[Item], list[PlayView]]:
    """The videos of rows of a manifest, and the play and view of each."""
    return find_items([row.video for row in rows], root), views_of_manifest(rows)


def predict_plays(
    bundles: Sequence[Path],
    plays: tuple[Sequence[Item], Sequence[PlayView]],
    out: Path,
    options: PredictOptions,
    *,
    helmets: Sequence[Path] = (),
    tracks: Path | None = None,
    decisions: ImpactDecisions | None = None,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write candidates and events of every video; a bad file never stops the batch.

    bundles: their outputs are averaged
    helmets: bundles of helmet networks, whose mean heat map replaces the centres of `bundles`
    tracks: bundle of a network of tracked helmets, which changes the scores of the impacts
    plays: the videos, and the play and view of each, see `find_plays`
    decisions: by default those of the first bundle
    A video with frames that could not be analysed ends `partial`. If one view of a play fails, the
    impacts of the other are not compared.
    """
    check_folder(out)
    items, views = plays
    threads = executor.threads(options.threads, len(items))
    work = ImpactWork(
        tuple(bundles),
        replace(options, threads=threads),
        {view.video: view for view in views},
        decisions,
        tuple(helmets),
        tracks,
    )
    result = run_items(items, out, work, task="predicting", executor=executor)
    done = {outcome.outputs[0] for outcome in result.files if outcome.outputs}
    written = dict(decide_files({path: read_candidates(path) for path in sorted(done)}))
    files = tuple(
        replace(outcome, outputs=(*outcome.outputs, written[outcome.outputs[0]]))
        if outcome.outputs
        else outcome
        for outcome in result.files
    )
    return replace(result, files=files)


def decide_again(
    folder: Path,
    out: Path,
    settings: Sequence[str] = (),
    *,
    decisions: ImpactDecisions | None = None,
) -> list[Path]:
    """Decide impacts again in a folder of candidates; write candidates and events to `out`.

    decisions: by default those recorded in the candidates; settings: `key=value` over them
    """
    check_folder(out)
    targets: dict[Path, Candidates] = {}
    for name, candidates in read_folder(folder).items():
        values = (decisions or recorded_decisions(candidates)).model_dump()
        for setting in settings:
            override(values, setting)
        chosen = validate(ImpactDecisions, values, source="the decisions")
        recorded = {**candidates.settings, "decisions": chosen.model_dump(mode="json")}
        target = out / f"{name}{CANDIDATES}"
        targets[target] = replace(candidates, settings=recorded)
        write_candidates(targets[target], target)
    return [events for _, events in decide_files(targets)]


def play_names(candidates: Mapping[str, Candidates]) -> list[list[str]]:
    """The names of the candidates of each play: both views, or one.

    candidates: by any name, as of `read_folder`
    Raises PlayheadError for more than two views of a play.
    """
    names = list(candidates)
    views = [
        ("", None) if held.play is None else (held.play, held.view) for held in candidates.values()
    ]
    plays = [[names[at] for at in play] for play in plays_of(views)]
    for play in plays:
        if len(play) > 2:
            raise PlayheadError(
                f"{', '.join(play)}: are {len(play)} views of one play; a play has at most two"
            )
    return plays


def read_decisions(path: Path) -> ImpactDecisions:
    """Decisions from a YAML file, as `playhead impact tune` writes it."""
    return load_config(ImpactDecisions, path)


def decide_files(candidates: Mapping[Path, Candidates]) -> list[tuple[Path, Path]]:
    """Write the events of candidates beside them: (candidates, events), in their order."""
    by_name = {str(path): held for path, held in candidates.items()}
    events = {}
    for play in play_names(by_name):
        views = [by_name[name] for name in play]
        for name, decided in zip(
            play, decide_play(views, recorded_decisions(views[0])), strict=True
        ):
            target = Path(name[: -len(CANDIDATES)] + EVENTS)
            native.write(decided, target)
            events[Path(name)] = target
    return [(path, events[path]) for path in candidates]


def recorded_decisions(candidates: Candidates) -> ImpactDecisions:
    """The decisions that were made with candidates; ConfigError if they are not valid."""
    values: dict[str, Any] = dict(candidates.settings.get("decisions") or {})
    return validate(ImpactDecisions, values, source=candidates.video)
