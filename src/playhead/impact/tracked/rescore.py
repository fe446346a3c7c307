"""Rescoring: candidates are joined into tracks, whose helmets a second network classifies.

The frames are streamed once more. Crops of the latest frames are kept, so that memory does not grow
with the length of the video. Nothing here imports torch on a CPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from playhead.decisions.boxes import Boxes, kept_indices
from playhead.errors import BundleError
from playhead.impact.candidates import Candidates
from playhead.impact.grids import Member
from playhead.impact.meetings import track_ids
from playhead.impact.networks import PredictOptions, open_network
from playhead.impact.plan import ClipGridPlan
from playhead.impact.tracked.crops import marked_crops
from playhead.impact.tracked.motion import FilledTracks, motion_features
from playhead.impact.tracked.plan import TrackClipPlan
from playhead.inference.bundle import BundleManifest, InputPlan, load_bundle
from playhead.inference.dense import VideoStream
from playhead.samples.grid import make_grid

__all__ = ["TrackRescorer", "mixed_scores", "open_tracks", "tracks_of_candidates"]

START_SCORE, LOW_SCORE = 0.3, 0.1
"""The least helmet scores of a candidate that starts a track, and of one that continues it."""

OVERLAP = 0.25
"""IoU above which the weaker of two candidates is in no track."""

BATCH = 64
LEAST = 1e-6
"""Scores are kept this far from 0 and 1, where a logit is infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackRescorer:
    """Gives candidates the impact scores of a network of tracked helmets, in part or alone.

    weight: of the network's logits; 0 leaves the scores as they are, 1 takes the network's alone
    """

    member: Member
    weight: float = 0.5

    @property
    def plan(self) -> TrackClipPlan:
        """The input plan of the network."""
        return self.member.manifest.plan(TrackClipPlan)

    def rescore(self, video: VideoStream, candidates: Candidates) -> Candidates:
        """The candidates with other `impact` scores, and `tracks` in their settings.

        A candidate keeps its score if it is in no track, since it is too weak or overlaps a
        stronger one, or if a frame of its clip cannot be decoded.
        """
        ids = tracks_of_candidates(candidates)
        impact, scored = candidates.impact.copy(), 0
        if self.weight > 0 and (ids >= 0).any():
            for rows, scores in self._scores(video, candidates, ids):
                impact[rows] = mixed_scores(impact[rows], scores, self.weight)
                scored += len(rows)
        noted = {
            "weight": self.weight,
            "inputs": self.plan.inputs,
            "tracks": int(ids.max(initial=-1)) + 1,
            "scored": scored,
            "precision": self.member.backend.precision,
        }
        settings = {**candidates.settings, "tracks": noted}
        return replace(candidates, impact=impact, settings=settings)

    def _scores(
        self, video: VideoStream, candidates: Candidates, ids: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
        """Rows of candidates and their scores, (B,) each, in order of time."""
        plan = self.plan
        frames = make_grid(video.times, video.duration, plan.grid_rate).frames
        rows = np.flatnonzero(ids >= 0)
        first = np.searchsorted(frames, candidates.frames[rows], "left")
        past = np.searchsorted(frames, candidates.frames[rows], "right")
        # A grid finer than the video repeats frames, and so boxes; a candidate is scored once.
        points = np.concatenate([np.arange(*span) for span in zip(first, past, strict=True)])
        repeated = np.repeat(rows, past - first)
        scale = np.tile(np.divide(plan.size, candidates.size), 2)
        filled = FilledTracks.of(ids[repeated], points, candidates.boxes[repeated] * scale)
        tracks = np.searchsorted(filled.ids, ids[rows])
        around = {"radius": plan.radius, "neighbours": plan.neighbours}
        for chosen, crops in self._batches(video, filled, tracks, first, frames):
            inputs = [] if crops is None else [self.member.backend.run("crops", crops)]
            if plan.sees_motion:
                inputs.append(motion_features(filled, tracks[chosen], first[chosen], **around))
            scores = self.member.backend.run("tracks", np.concatenate(inputs, 1))
            yield rows[chosen], scores[:, 0]

    def _batches(
        self,
        video: VideoStream,
        filled: FilledTracks,
        tracks: NDArray[np.intp],
        points: NDArray[np.intp],
        frames: NDArray[np.int32],
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.uint8] | None]]:
        """Indices of tracks at rising points, and their clips, (B, T, side, side, C)."""
        plan = self.plan
        if not plan.sees_pixels:
            for start in range(0, len(points), BATCH):
                yield np.arange(start, min(start + BATCH, len(points))), None
            return
        last, after = len(frames) - 1, plan.frames - 1 - plan.before
        wanted = np.unique((points[:, None] + np.arange(-plan.before, after + 1)).clip(0, last))
        images = video.stream(pixels=plan.pixels, size=plan.size, wanted=np.unique(frames[wanted]))
        reached, image = -1, None
        ring: dict[int, tuple[NDArray[np.intp], NDArray[np.uint8]]] = {}
        chosen: list[int] = []
        clips: list[NDArray[np.uint8]] = []
        ready = 0  # tracks before this one have all the frames of their clips
        for point in wanted.tolist():
            while reached < frames[point]:
                reached, image = next(images, (len(video.times), None))
            for old in [held for held in ring if held < point - plan.frames + 1]:
                del ring[old]
            if image is not None and reached == frames[point]:
                near = (filled.first - plan.before <= point) & (point <= filled.last + after)
                followed = np.flatnonzero(near)
                ring[point] = followed, marked_crops(image, filled, followed, point, plan)
            while ready < len(points) and min(points[ready] + after, last) <= point:
                steps = points[ready] + np.arange(-plan.before, after + 1)
                held = [ring.get(step) for step in steps.clip(0, last).tolist()]
                seen = [pair for pair in held if pair is not None]
                if len(seen) == plan.frames:
                    chosen.append(ready)
                    track = tracks[ready]
                    clips.append(np.stack([c[np.searchsorted(of, track)] for of, c in seen]))
                ready += 1
                if len(chosen) == BATCH:
                    yield np.array(chosen), np.stack(clips)
                    chosen, clips = [], []
        if chosen:
            yield np.array(chosen), np.stack(clips)


def tracks_of_candidates(candidates: Candidates) -> NDArray[np.int64]:
    """The track of each candidate, (M,), or -1; they do not depend on decisions."""
    usable = np.flatnonzero(candidates.helmet >= LOW_SCORE)
    kept = []
    ends = np.flatnonzero(np.diff(candidates.frames[usable])) + 1
    for rows in np.split(usable, ends):
        detections = Boxes(candidates.boxes[rows], candidates.helmet[rows])
        kept.append(rows[np.sort(kept_indices(detections, OVERLAP))])
    chosen = np.concatenate(kept)
    ids = np.full(len(candidates), -1, np.int64)
    ids[chosen] = track_ids(
        candidates.times,
        candidates.frames[chosen],
        candidates.boxes[chosen],
        candidates.helmet[chosen],
        start_score=START_SCORE,
    )
    return ids


def mixed_scores(
    own: NDArray[np.float32], tracked: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """The weighted mean of the logits of two scores, as a score; weight: of `tracked`."""
    if weight == 0:
        return own
    logits = [logit(np.clip(part.astype(np.float64), LEAST, 1 - LEAST)) for part in (own, tracked)]
    mixed: NDArray[np.float32] = expit((1 - weight) * logits[0] + weight * logits[1]).astype(
        np.float32
    )
    return mixed


def open_tracks(path: Path, plan: ClipGridPlan, options: PredictOptions) -> TrackRescorer:
    """Open the bundle of a network of tracked helmets, for the candidates of a collision network.

    Raises BundleError if it is of another kind, or for another frame rate than `plan`.
    """
    bundle = load_bundle(path)
    if bundle.manifest.kind != TrackClipPlan.kind:
        raise BundleError(
            f"{bundle.folder}: is not a bundle of a network of tracked helmets; train one with "
            "`playhead impact train tracks-demo`"
        )
    rate = bundle.manifest.plan(TrackClipPlan).rate
    if rate != plan.rate:
        raise BundleError(
            f"{bundle.folder}: sees {rate} frames per second, the collision network {plan.rate}; "
            "train both with the same data.rate"
        )
    return TrackRescorer(open_network(bundle, _network, options), options.tracks_weight)


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.impact.tracked.model import build_from_manifest

    return build_from_manifest(manifest)
