"""The work of prediction on one video: bundles are opened once, then each video gets candidates.

Nothing here imports torch on a CPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.config import validate
from playhead.errors import BundleError
from playhead.execution.items import output_path
from playhead.execution.outcomes import FileOutcome
from playhead.execution.runner import Work
from playhead.impact.candidates import CANDIDATES, Candidates, frame_ranges, write_candidates
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.grids import (
    CHUNK,
    Gate,
    GridBoxes,
    Member,
    common_plan,
    grid_candidates,
    run_clips,
)
from playhead.impact.helmets.heat import HelmetCentres, open_helmets
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.networks import PredictOptions, open_network
from playhead.impact.plan import ClipGridPlan
from playhead.impact.tracked.plan import TrackClipPlan
from playhead.impact.tracked.rescore import TrackRescorer, open_tracks
from playhead.impact.views import PlayView
from playhead.inference.bundle import Bundle, BundleManifest, InputPlan, load_bundle
from playhead.inference.dense import VideoStream
from playhead.media import open_video
from playhead.progress import Progress

__all__ = ["EVENTS", "ImpactWork", "find_candidates"]

EVENTS = ".events.json"


@dataclass(frozen=True, slots=True)
class ImpactWork:
    """The settings of a worker as plain data; `open` loads the bundles in the worker."""

    bundles: tuple[Path, ...]
    options: PredictOptions
    plays: Mapping[Path, PlayView]
    decisions: ImpactDecisions | None = None
    helmets: tuple[Path, ...] = ()
    tracks: Path | None = None

    def open(self) -> Work:
        """Load the bundles; BundleError if one is of another kind, or they cannot be averaged."""
        loaded = [load_bundle(path) for path in self.bundles]
        for bundle in loaded:
            if bundle.manifest.kind == HeatMapPlan.kind:
                raise BundleError(
                    f"{bundle.folder}: is a bundle of a helmet network; give that of a collision "
                    "network, and this one with --helmets"
                )
            if bundle.manifest.kind == TrackClipPlan.kind:
                raise BundleError(
                    f"{bundle.folder}: is a bundle of a network of tracked helmets; give that of a "
                    "collision network, and this one with --tracks"
                )
            if bundle.manifest.kind != ClipGridPlan.kind:
                job = bundle.manifest.job
                raise BundleError(
                    f"{bundle.folder}: is a bundle of {job}; use `playhead {job} predict`"
                )
        plan = common_plan([bundle.manifest for bundle in loaded])
        options = self.options
        chunks = options.mode == "fast" and all(CHUNK in b.manifest.parts for b in loaded)
        members = [
            open_network(
                bundle,
                _network,
                options,
                parts=[part for part in bundle.manifest.parts if (part == CHUNK) == chunks],
            )
            for bundle in loaded
        ]
        centres = open_helmets(self.helmets, plan, options) if self.helmets else None
        tracks = None if self.tracks is None else open_tracks(self.tracks, plan, options)
        decisions = self.decisions or _recorded(loaded[0])
        return _Predictor(
            members, options, self.plays, decisions, chunks=chunks, centres=centres, tracks=tracks
        ).predict


@dataclass(frozen=True, slots=True)
class _Predictor:
    """Finds the candidates of one video after another."""

    members: Sequence[Member]
    options: PredictOptions
    plays: Mapping[Path, PlayView]
    decisions: ImpactDecisions
    chunks: bool = False
    centres: HelmetCentres | None = None
    tracks: TrackRescorer | None = None

    def predict(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        output = output_path(target, CANDIDATES)
        for stale in (output, output_path(target, EVENTS)):
            stale.unlink(missing_ok=True)  # must not pass for the outputs of a failed run
        view = self.plays[path]
        gated = self.options.mode == "fast" and not self.chunks
        with open_video(path) as video:
            candidates = find_candidates(
                video,
                self.members,
                size=(video.width, video.height),
                gate=Gate() if gated else None,
                chunks=self.chunks,
                centres=self.centres,
                min_score=self.options.min_score,
                progress=progress,
            )
            if self.tracks is not None:
                candidates = self.tracks.rescore(video, candidates)
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
    chunks: bool = False,
    centres: HelmetCentres | None = None,
    min_score: float = 0.05,
    progress: Progress | None = None,
) -> Candidates:
    """The candidates of a video, in the pixels of frames of `size` (width, height).

    gate: skip frames by this rule; `settings` tell how many frames were computed
    chunks: approximate every frame by chunks, see `run_clips`
    centres: replace those of the networks
    """
    manifest = members[0].manifest
    plan = common_plan([member.manifest for member in members])
    frames: list[int] = []
    found: list[GridBoxes] = []
    unseen: list[int] = []
    computed = total = 0
    steps = len(video.times)
    for result in run_clips(video, members, gate=gate, chunks=chunks, centres=centres):
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
        unseen=frame_ranges(unseen),
        settings={
            "mode": "chunks" if chunks else "exact" if gate is None else "fast",
            "computed_frames": computed,
            "frames": total,
            "networks": len(members),
            "helmets": None if centres is None else centres.settings,
            "precision": members[0].backend.precision,
            "min_score": min_score,
        },
    )


def _recorded(bundle: Bundle) -> ImpactDecisions:
    values = dict(bundle.manifest.post_processing)
    return validate(ImpactDecisions, values, source=str(bundle.folder))


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.impact.model import build_from_manifest

    return build_from_manifest(manifest)
