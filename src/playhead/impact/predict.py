"""Prediction: raw candidates, then impacts decided in them; does not import torch on a CPU.

Outputs mirror the inputs' relative paths: `X.candidates.npz` and `X.events.json`. Videos are
analysed one by one; impacts are decided when both views of a play are.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.config import load_config, override, validate
from playhead.errors import BundleError, LabelError, PlayheadError
from playhead.events.formats import native
from playhead.events.formats.detect import detect
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.execution.items import Item, find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.impact.candidates import (
    CANDIDATES,
    Candidates,
    read_candidates,
    read_folder,
    write_candidates,
)
from playhead.impact.decide import decide_play
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.grids import Gate, GridBoxes, Member, common_plan, grid_candidates, run_clips
from playhead.impact.helmets.heat import HelmetCentres, open_helmets
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.plan import ClipGridPlan
from playhead.impact.views import PlayView, plays_of, views_of_manifest, views_of_paths
from playhead.inference.bundle import Bundle, BundleManifest, load_bundle
from playhead.inference.dense import VideoStream
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import Backend, open_backend
from playhead.media import open_video
from playhead.progress import Progress

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

EVENTS = ".events.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How bundles are run.

    mode: `exact` computes every frame, `fast` skips those in which helmets are not near each other
    min_score: least helmet score of a candidate
    scales: of the frames for helmet networks
    """

    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice = "auto"
    mode: Literal["exact", "fast"] = "exact"
    min_score: float = 0.05
    scales: tuple[float, ...] = (1.0,)


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
    decisions: ImpactDecisions | None = None,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write candidates and events of every video; a bad file never stops the batch.

    bundles: their outputs are averaged
    helmets: bundles of helmet networks, whose mean heat map replaces the centres of `bundles`
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


@dataclass(frozen=True, slots=True)
class ImpactWork:
    """The settings of a worker as plain data; `open` loads the bundles in the worker."""

    bundles: tuple[Path, ...]
    options: PredictOptions
    plays: Mapping[Path, PlayView]
    decisions: ImpactDecisions | None = None
    helmets: tuple[Path, ...] = ()

    def open(self) -> Work:
        """Load the bundles; BundleError if one is of another kind, or they cannot be averaged."""
        loaded = [load_bundle(path) for path in self.bundles]
        for bundle in loaded:
            if bundle.manifest.kind == HeatMapPlan.kind:
                raise BundleError(
                    f"{bundle.folder}: is a bundle of a helmet network; give that of a collision "
                    "network, and this one with --helmets"
                )
            if bundle.manifest.kind != ClipGridPlan.kind:
                job = bundle.manifest.job
                raise BundleError(
                    f"{bundle.folder}: is a bundle of {job}; use `playhead {job} predict`"
                )
        plan = common_plan([bundle.manifest for bundle in loaded])
        options = self.options
        members = [
            Member(
                bundle.manifest,
                open_backend(
                    bundle,
                    device=options.device,
                    threads=options.threads,
                    precision=options.precision,
                    cuda_factory=_cuda,
                ),
            )
            for bundle in loaded
        ]
        centres = None
        if self.helmets:
            centres = open_helmets(
                self.helmets,
                plan,
                scales=options.scales,
                device=options.device,
                threads=options.threads,
                precision=options.precision,
            )
        decisions = self.decisions or _recorded(loaded[0])
        return _Predictor(members, options, self.plays, decisions, centres).predict


@dataclass(frozen=True, slots=True)
class _Predictor:
    """Finds the candidates of one video after another."""

    members: Sequence[Member]
    options: PredictOptions
    plays: Mapping[Path, PlayView]
    decisions: ImpactDecisions
    centres: HelmetCentres | None = None

    def predict(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        output = output_path(target, CANDIDATES)
        for stale in (output, output_path(target, EVENTS)):
            stale.unlink(missing_ok=True)  # must not pass for the outputs of a failed run
        view = self.plays[path]
        with open_video(path) as video:
            candidates = find_candidates(
                video,
                self.members,
                size=(video.width, video.height),
                gate=Gate() if self.options.mode == "fast" else None,
                centres=self.centres,
                min_score=self.options.min_score,
                progress=progress,
            )
            damaged = ", ".join(f"{span.start}-{span.stop - 1}" for span in video.damage)
        settings = {**candidates.settings, "decisions": self.decisions.model_dump(mode="json")}
        if view.estimate is not None:
            settings["offset_estimate"] = dict(view.estimate)
        write_candidates(
            replace(
                candidates,
                video=path.name,
                play=view.play,
                view=view.view,
                offset=view.offset,
                settings=settings,
            ),
            output,
        )
        problem = None
        if damaged or len(candidates.unseen):
            unseen = ", ".join(f"{a}-{b - 1}" for a, b in candidates.unseen.tolist())
            lost = f"frames {damaged} cannot be decoded; " if damaged else ""
            problem = f"{lost}not analysed: {f'frames {unseen}' if unseen else 'nothing'}"
        notes = () if view.note is None else (view.note,)
        return FileOutcome(path, "partial" if problem else "ok", (output,), problem, notes)


def find_candidates(
    video: VideoStream,
    members: Sequence[Member],
    *,
    size: tuple[int, int],
    gate: Gate | None = None,
    centres: HelmetCentres | None = None,
    min_score: float = 0.05,
    progress: Progress | None = None,
) -> Candidates:
    """The candidates of a video, in the pixels of frames of `size` (width, height).

    gate: skip frames by this rule; `settings` tell how many frames were computed
    centres: replace those of the networks
    """
    manifest = members[0].manifest
    plan = common_plan([member.manifest for member in members])
    frames: list[int] = []
    found: list[GridBoxes] = []
    unseen: list[int] = []
    computed = total = 0
    steps = len(video.times)
    for result in run_clips(video, members, gate=gate, centres=centres):
        total += 1
        computed += result.grid is not None
        if not result.seen:
            unseen.append(result.frame)
        if result.grid is not None:
            boxes = grid_candidates(result.grid, plan, size, min_score=min_score)
            frames += [result.frame] * len(boxes.helmet)
            found.append(boxes)
        if progress is not None:
            progress.advance(1 / steps)
    return Candidates(
        video=video.path.name,
        label=manifest.classes[0],
        size=size,
        times=np.array(video.times, np.float64),
        frames=np.array(frames, np.int32),
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *(part.boxes for part in found)]),
        helmet=np.concatenate([np.zeros(0, np.float32), *(part.helmet for part in found)]),
        impact=np.concatenate([np.zeros(0, np.float32), *(part.impact for part in found)]),
        unseen=_ranges(unseen),
        settings={
            "mode": "exact" if gate is None else "fast",
            "computed_frames": computed,
            "frames": total,
            "networks": len(members),
            "helmets": None if centres is None else centres.settings,
            "precision": members[0].backend.precision,
            "min_score": min_score,
        },
    )


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


def _recorded(bundle: Bundle) -> ImpactDecisions:
    values = dict(bundle.manifest.post_processing)
    return validate(ImpactDecisions, values, source=str(bundle.folder))


def _ranges(frames: Sequence[int]) -> NDArray[np.int32]:
    """Half-open ranges (R, 2) of rising frames."""
    at = np.array(frames, np.int32)
    if not len(at):
        return np.zeros((0, 2), np.int32)
    edges = np.flatnonzero(np.diff(at) > 1)
    starts, stops = at[np.append(0, edges + 1)], at[np.append(edges, len(at) - 1)] + 1
    return np.stack([starts, stops], 1).astype(np.int32)


def _cuda(bundle: Bundle, precision: PrecisionChoice) -> Backend | None:
    """The CUDA backend if torch is installed and finds a device, else None."""
    if importlib.util.find_spec("torch") is None:
        return None
    from torch import nn

    from playhead.impact.model import build_collision_network
    from playhead.impact.network_config import CollisionNetworkConfig
    from playhead.inference.bundle import InputPlan
    from playhead.learning.cuda import open_cuda

    def build(manifest: BundleManifest) -> tuple[nn.Module, InputPlan]:
        values = dict(manifest.training.get("network") or {})
        network = validate(CollisionNetworkConfig, values, source="the bundle's network")
        return build_collision_network(network), manifest.plan(ClipGridPlan)

    return open_cuda(bundle, precision, build)
