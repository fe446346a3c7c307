"""Hiding: replace regions of an image in place, on its stored planes, before it is encoded.

The result of `solid`, `image` and `fill` in a region does not depend on the hidden samples, bit for
bit. That of `mosaic` and `blur` does, and faces remain detectable: these styles are weak, and only
used on request. Nothing outside a region is changed (see `hide_masks` for what a region hides).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from playhead.config import Settings
from playhead.media.filling import RING, fill
from playhead.media.planes import Planes
from playhead.media.table import Layout
from playhead.redaction.hide_masks import Cover, Region, Shape, cover_of, grouped
from playhead.redaction.hide_overlay import Overlay
from playhead.redaction.hide_styles import blur, mosaic
from playhead.redaction.images import ImageInfo

__all__ = ["WEAK", "HideConfig", "Hider", "Region", "Shape", "Style", "colour_of", "hide_image"]

Style = Literal["solid", "image", "fill", "mosaic", "blur"]

WEAK: tuple[Style, ...] = ("mosaic", "blur")
"""Styles whose result depends on the hidden samples."""

_MID_GREY = (128, 128, 128)


class HideConfig(Settings):
    """What hidden regions are replaced with."""

    style: Style = Field(
        default="solid",
        description="`solid`: a colour; `image`: an image; `fill`: smoothly from the "
        "surroundings; these keep nothing of what they hide. Weak: `mosaic` and `blur`, under "
        "which faces remain detectable",
    )
    shape: Shape = Field(
        default="ellipse",
        description="`ellipse`: the ellipse inside the region's box; `box`: the whole box",
    )
    colour: str = Field(
        default="#000000",
        description="for `solid`, and behind transparent parts of `image`: a CSS name or #rrggbb",
    )
    image: Path | None = Field(
        default=None, description="for `image`: an image file; null: a plain hatching"
    )
    cells: int = Field(
        default=4, ge=1, le=32, description="for `mosaic`: cells across and down a region"
    )
    strength: float = Field(
        default=0.2,
        ge=0.05,
        le=1,
        description="for `blur`: sigma of the Gaussian as a share of the box's width and height",
    )

    @field_validator("colour")
    @classmethod
    def _opaque_colour(cls, colour: str) -> str:
        colour_of(colour)
        return colour

    @model_validator(mode="after")
    def _image_is_used(self) -> Self:
        if self.image is not None and self.style != "image":
            raise ValueError(
                f'image needs the style "image", but the style is "{self.style}"; set style.style'
            )
        return self


class Hider:
    """Hides regions of images, all in the same style.

    Raises ConfigError if the image file does not exist, MediaError and LimitError if it cannot be
    read.
    """

    def __init__(self, config: HideConfig) -> None:
        self._config = config
        self._colour = colour_of(config.colour)
        self._overlay = Overlay(config.image, self._colour)

    def hide(self, image: Planes, regions: Sequence[Region]) -> None:
        """Hide `regions`, in displayed pixels, in the planes of `image`."""
        covers = [cover for region in regions if (cover := cover_of(image, region)) is not None]
        match self._config.style:
            case "solid":
                self._paint(image, covers)
            case "image":
                for cover in covers:
                    self._overlay.draw(image, cover)
            case "fill":
                _fill(image, covers)
            case "mosaic" | "blur":
                self._weaken(image, covers)

    def hide_whole(self, image: Planes) -> None:
        """Paint the whole image in the colour, whatever the style."""
        for plane, value in zip(image.planes, image.values(self._colour), strict=True):
            plane[...] = value

    def _paint(self, image: Planes, covers: Sequence[Cover]) -> None:
        values = image.values(self._colour)
        for cover in covers:
            for plane, step, value in zip(image.planes, image.steps, values, strict=True):
                part, hidden = cover.on(plane, step)
                np.copyto(part, plane.dtype.type(value), where=hidden)

    def _weaken(self, image: Planes, covers: Sequence[Cover]) -> None:
        for cover in covers:
            for plane, step in zip(image.planes, image.steps, strict=True):
                part, hidden = cover.on(plane, step)
                box = cover.box_on(step)
                if self._config.style == "mosaic":
                    mosaic(part, hidden, box, self._config.cells)
                else:
                    blur(part, hidden, box, self._config.strength)


def hide_image(
    hider: Hider, pixels: NDArray[np.uint8], info: ImageInfo, regions: Sequence[Region] | None
) -> None:
    """Hide `regions` in the result of `read_image`, in place; None hides everything.

    Hidden pixels become opaque, since the outline of a transparent cut-out would identify a person.
    In 16-bit grey, the colour becomes its grey.
    """
    height, width = pixels.shape[:2]
    image = Planes.of_rgb(pixels)
    images = [image]
    if info.deep is not None:
        layout = Layout(width, height)
        images.append(Planes((info.deep,), ((1, 1),), 16, "grey", True, 2, layout))
    for stored in images:
        if regions is None:
            hider.hide_whole(stored)
        else:
            hider.hide(stored, regions)
    everything = [Region((0, 0, width, height), "box")]
    for region in everything if regions is None else regions:
        cover = cover_of(image, region)
        if info.alpha is not None and cover is not None:
            part, hidden = cover.on(info.alpha, (1, 1))
            part[hidden] = 255


def _fill(image: Planes, covers: Sequence[Cover]) -> None:
    """Fill regions; nearby ones are filled as one, so that no ring lies in another region."""
    margin = RING * max(max(step) for step in image.steps)
    greys = image.values(_MID_GREY)
    for cover in grouped(covers, margin):
        for plane, step, grey in zip(image.planes, image.steps, greys, strict=True):
            fill(*cover.on(plane, step, margin=RING), grey)


def colour_of(colour: str) -> tuple[int, int, int]:
    """RGB of a name or #rrggbb; ValueError if it is not a colour, or has transparency."""
    red, green, blue, *alpha = ImageColor.getrgb(colour)
    if alpha:
        raise ValueError("the colour must be opaque; leave out its transparency")
    return red, green, blue
