"""How boxes become tracks: every choice of following, joining, filling and extending."""

import math

from pydantic import Field

from playhead.config import Settings

__all__ = ["TrackConfig"]


class TrackConfig(Settings):
    """How detections become tracks; the defaults would rather hide too much than show a face.

    A size is the square root of a box's area: speeds and distances are counted in it, so that a
    small face far away and a large one near by are followed alike.
    """

    start_score: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="a box with this score or more starts a track and is matched first",
    )
    low_score: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="a box with this score or more prolongs a track that is there; lower are left",
    )
    min_hits: int = Field(
        default=1, ge=1, description="a track of fewer sightings is dropped; 1: none is"
    )
    gap_seconds: float = Field(
        default=1.0,
        ge=0,
        description="a track unseen for no longer than this is taken up again, and the gap filled",
    )
    extend_seconds: float = Field(
        default=0.25,
        ge=0,
        description="a track begins so much early and ends so much late",
    )
    extend_looks: int = Field(
        default=2,
        ge=1,
        description="both ends reach over so many frames that were looked at, however far apart: "
        "the first or last sightings may have been missed",
    )
    edge_seconds: float = Field(
        default=1.5,
        ge=0,
        description="a track that begins or ends near an edge of the picture and goes out over it "
        "is extended until it is out, at most so much; half as much where it may stand still",
    )
    edge_sizes: float = Field(
        default=1.0,
        ge=0,
        description="a box is near an edge from so many sizes inside the picture on; half as many "
        "where it may stand still",
    )
    smooth_seconds: float = Field(
        default=0.2,
        ge=0,
        description="the centre follows a line fitted so far to either side; 0: to its neighbours",
    )
    hold_seconds: float = Field(
        default=0.1,
        ge=0,
        description="width and height are held at their largest so far to either side, smoothly",
    )
    margin: float = Field(
        default=2.0,
        ge=0,
        description="boxes nobody saw grow on each side by this many standard deviations of where "
        "the object may be, at most by `growth_limit`",
    )
    growth_limit: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="boxes nobody saw grow on each side by at most this share of their width and "
        "height; people's by at most a quarter",
    )
    start_speed: float = Field(
        default=16.0,
        gt=0,
        description="standard deviation of the speed of an object seen once, sizes a second",
    )
    agility: float = Field(
        default=4.0,
        gt=0,
        description="standard deviation of the change of speed in one second, sizes a second",
    )
    jitter: float = Field(
        default=0.07, gt=0, description="standard deviation of a detected centre, in sizes"
    )
    gate: float = Field(
        default=3.0,
        gt=0,
        description="a box farther from its prediction than so many standard deviations is another",
    )
    near: float = Field(
        default=0.6, ge=0, description="a box within so many sizes of a prediction is never too far"
    )
    reach: float = Field(
        default=3.5, gt=0, description="a box more sizes away from its prediction is always another"
    )
    resize: float = Field(
        default=2.2, ge=1, description="a box wider or higher by a greater factor is another"
    )

    clip: bool = Field(
        default=False,
        description="cut boxes at the edges of the picture; an ellipse in a box that is cut shows "
        "corners of what the one in the whole box would hide",
    )

    @property
    def log_resize(self) -> float:
        """The logarithm of `resize`, since sizes are compared by their logarithms."""
        return math.log(self.resize)
