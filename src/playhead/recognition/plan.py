"""The input plans of recognition's bundles: clips of pixels, clips of keypoints, and fusions.

The last part of each gives logits (B, classes); what several frames or networks say of a clip is
combined outside of the graphs, see `networks.py`.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.config import Settings
from playhead.events.keypoints import Skeleton
from playhead.inference.bundle import InputPlan

__all__ = ["FusionMember", "FusionPlan", "KeypointClipPlan", "PixelClipPlan"]


class _ClipPlan(InputPlan):
    """The common part of plans of whole clips."""

    seconds: float = Field(gt=0, description="median length of the clips of training")
    people: Literal[1, 2] = Field(default=1, description="people whose action is recognised")
    estimator: dict[str, Any] = Field(
        default_factory=dict,
        description="how the keypoints of training were made; prediction makes them so too",
    )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, classes)."""
        return None, classes


class PixelClipPlan(_ClipPlan):
    """RGB frames that are spread evenly over a clip.

    The part `frames` takes uint8 (B, H, W, 3), the logits of a clip's frames are averaged; or, if
    the network sees a clip as a whole, the part `clip` takes uint8 (B, T, H, W, 3).
    """

    kind: ClassVar[str] = "pixel-clips"

    size: tuple[PositiveInt, PositiveInt] = Field(description="width and height, pixels")
    frames: PositiveInt = Field(description="frames of a clip")
    together: bool = Field(description="whether the network sees all frames at once")
    crop: Literal["none", "people"] = Field(
        default="none", description="the whole frame, or a square around the chosen people"
    )

    def describe(self) -> str:
        """The input in words, for the model card."""
        width, height = self.size
        what = "whole frames" if self.crop == "none" else "squares around the chosen people"
        how = "together" if self.together else "one by one"
        return f"{self.frames} RGB frames of {width}x{height} of a clip ({what}), {how}"


class KeypointClipPlan(_ClipPlan):
    """The joints of the chosen people, resampled to `length` points in time, see `poses.py`.

    The part `keypoints` takes float32 (B, length, people, joints, coordinates + 1).
    """

    kind: ClassVar[str] = "keypoint-clips"

    skeleton: Skeleton
    coordinates: Literal[2, 3] = 2
    length: PositiveInt = Field(description="points in time of a clip")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(length, people, joints, coordinates + 1) of a clip."""
        return self.length, self.people, len(self.skeleton.joints), self.coordinates + 1

    def describe(self) -> str:
        """The input in words, for the model card."""
        who = "the central person" if self.people == 1 else "the two people who interact"
        return (
            f"{len(self.skeleton.joints)} joints ({self.skeleton.name}) of {who} at {self.length} "
            "times of a clip"
        )


class FusionMember(Settings):
    """A network of a fusion, which is the part `name` of its bundle."""

    name: str = Field(min_length=1)
    kind: Literal["pixel-clips", "keypoint-clips"]
    input: dict[str, Any]
    weight: float = Field(ge=0)

    @property
    def plan(self) -> PixelClipPlan | KeypointClipPlan:
        """The input plan of the network. Raises a validation error if it is invalid."""
        plan = PixelClipPlan if self.kind == PixelClipPlan.kind else KeypointClipPlan
        return plan.model_validate(self.input)


class FusionPlan(InputPlan):
    """Several networks, whose log probabilities are averaged with weights."""

    kind: ClassVar[str] = "fused-clips"

    members: tuple[FusionMember, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _members_are_valid(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError(f"two members have one name: {', '.join(names)}")
        if not any(member.weight for member in self.members):
            raise ValueError("at least one member needs a weight above 0")
        for member in self.members:
            _ = member.plan
        return self

    def describe(self) -> str:
        """The input in words, for the model card."""
        total = sum(member.weight for member in self.members)
        return "; ".join(
            f"{member.plan.describe()} (weight {member.weight / total:.2f})"
            for member in self.members
        )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, classes), of each member."""
        return None, classes
