"""Bundles of recognition at work: one network or a fusion answers clips; no torch on a CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.config import validate
from playhead.errors import BundleError, PlayheadError
from playhead.events.formats.keypoints import KeypointFile
from playhead.inference.bundle import Bundle, BundleManifest, InputPlan, load_bundle
from playhead.inference.precision import PrecisionChoice
from playhead.inference.runtime import Backend, open_backend
from playhead.learning.backends import cuda_factory
from playhead.media import Video
from playhead.recognition.answers import probabilities_of
from playhead.recognition.config import RecognitionDecisions
from playhead.recognition.pixels import box_of_people, read_clip, spread_times
from playhead.recognition.plan import FusionPlan, KeypointClipPlan, PixelClipPlan
from playhead.recognition.poses import keypoints_between

__all__ = ["ClipNetworks", "ClipSource", "Member", "open_networks", "read_members"]

KINDS = (PixelClipPlan.kind, KeypointClipPlan.kind, FusionPlan.kind)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Member:
    """A network, the part of the bundle that runs it, and its weight."""

    plan: PixelClipPlan | KeypointClipPlan
    part: str
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class ClipSource:
    """What a clip is cut from: the video, its keypoints, or both."""

    name: str
    video: Video | None
    keypoints: KeypointFile | None

    def require_keypoints(self) -> KeypointFile:
        """The keypoints. Raises PlayheadError if there are none."""
        if self.keypoints is None:
            raise PlayheadError(f"{self.name}: the network needs keypoints, but there are none")
        return self.keypoints

    def require_video(self) -> Video:
        """The video. Raises PlayheadError if there is none."""
        if self.video is None:
            raise PlayheadError(f"{self.name}: the network needs frames, but there is no video")
        return self.video


@dataclass(frozen=True, slots=True, eq=False)
class ClipNetworks:
    """An opened bundle that answers clips."""

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    decisions: RecognitionDecisions
    backend: Backend

    @property
    def seconds(self) -> float:
        """The length of a window of a long video."""
        return self.decisions.window_seconds or self.members[0].plan.seconds

    @property
    def people(self) -> int:
        """How many people an answer is about."""
        return max(member.plan.people for member in self.members)

    @property
    def needs_keypoints(self) -> bool:
        """Whether a network sees keypoints, or frames that are cut around people."""
        return any(
            isinstance(member.plan, KeypointClipPlan) or member.plan.crop == "people"
            for member in self.members
        )

    @property
    def needs_frames(self) -> bool:
        """Whether a network sees frames."""
        return any(isinstance(member.plan, PixelClipPlan) for member in self.members)

    @property
    def estimator(self) -> dict[str, Any]:
        """How the keypoints of training were made; empty if elsewhere, or if none are needed."""
        for member in self.members:
            if member.plan.estimator:
                return dict(member.plan.estimator)
        return {}

    def probabilities(
        self, source: ClipSource, people: Sequence[int], span: tuple[float, float]
    ) -> Floats:
        """The probabilities of the classes (C,) in a span of a video, of the people in it.

        people: ids in the keypoints; empty if they are not needed or nobody was found
        """
        total = np.zeros(len(self.classes))
        for member in self.members:
            if member.weight:
                total += member.weight * self._log_probabilities(member, source, people, span)
        total /= sum(member.weight for member in self.members)
        return probabilities_of(total, self.decisions.temperature)

    def _log_probabilities(
        self,
        member: Member,
        source: ClipSource,
        people: Sequence[int],
        span: tuple[float, float],
    ) -> Floats:
        plan = member.plan
        if isinstance(plan, KeypointClipPlan):
            file = source.require_keypoints()
            if (file.skeleton, file.coordinates) != (plan.skeleton, plan.coordinates):
                raise PlayheadError(
                    f"{source.name}: its keypoints are {file.skeleton.name} in {file.coordinates} "
                    f"dimensions, the network learnt from {plan.skeleton.name} in "
                    f"{plan.coordinates}; they lie beside the video or in --keypoints: name a "
                    "folder with those that were extracted as for training, or move them away"
                )
            points = keypoints_between(file, people, plan, span)
            logits = self.backend.run(member.part, points[None])
        else:
            box = None
            if plan.crop == "people":
                box = box_of_people(source.require_keypoints(), people, *span)
            times = spread_times(*span, plan.frames)
            frames = read_clip(source.require_video(), times, plan.size, box)
            logits = self.backend.run(member.part, frames[None] if plan.together else frames)
        mean = logits.astype(np.float64).mean(0)
        log_probabilities: Floats = mean - np.logaddexp.reduce(mean)
        return log_probabilities


def read_members(bundle: Bundle) -> tuple[Member, ...]:
    """The networks of a bundle. Raises BundleError if it is not one of recognition."""
    manifest = bundle.manifest
    if manifest.kind not in KINDS:
        raise BundleError(
            f"{bundle.folder}: is a bundle of {manifest.job}; use `playhead {manifest.job} predict`"
        )
    match manifest.kind:
        case FusionPlan.kind:
            members = manifest.plan(FusionPlan).members
            return tuple(Member(member.plan, member.name, member.weight) for member in members)
        case PixelClipPlan.kind:
            pixels = manifest.plan(PixelClipPlan)
            return (Member(pixels, "clip" if pixels.together else "frames", 1.0),)
        case _:
            return (Member(manifest.plan(KeypointClipPlan), "keypoints", 1.0),)


def open_networks(
    path: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: PrecisionChoice = "fp32",
    decisions: Mapping[str, Any] | None = None,
) -> ClipNetworks:
    """Open a bundle. Raises BundleError if it is of another kind.

    decisions: over those of the bundle
    """
    bundle = load_bundle(path)
    members = read_members(bundle)
    manifest = bundle.manifest
    values = {**manifest.post_processing, **(decisions or {})}
    backend = open_backend(
        bundle,
        device=device,
        threads=threads,
        precision=precision,
        cuda_factory=cuda_factory(_network),
        parts=[member.part for member in members if member.weight],
    )
    return ClipNetworks(
        manifest.classes,
        members,
        validate(RecognitionDecisions, values, source="the decisions"),
        backend,
    )


def _network(manifest: BundleManifest) -> tuple[Any, InputPlan]:
    from playhead.recognition.model import build_from_manifest

    return build_from_manifest(manifest)
