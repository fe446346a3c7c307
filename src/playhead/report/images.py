"""Images of a page: RGB arrays resized, and encoded as JPEG inside the HTML."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.report.markup import escape

__all__ = ["RGB", "image_tag", "image_uri", "resize"]

RGB = NDArray[np.uint8]
"""An image of shape (H, W, 3)."""


def image_uri(image: RGB, *, quality: int = 80) -> str:
    """An RGB image (H, W, 3) as the data URI of a JPEG; quality: 1 to 95."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def image_tag(image: RGB, alt: str, *, css_class: str = "", quality: int = 80) -> str:
    """An RGB image (H, W, 3) as an HTML element; alt: what it shows, in words."""
    attribute = f' class="{css_class}"' if css_class else ""
    source = image_uri(image, quality=quality)
    return f'<img{attribute} loading="lazy" alt="{escape(alt)}" src="{source}">'


def resize(image: RGB, longest: int, *, enlarge: bool = False) -> RGB:
    """An RGB image whose longer side has at most `longest` pixels, or exactly with `enlarge`."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale == 1 or (scale > 1 and not enlarge):
        return np.ascontiguousarray(image)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize(size, method))
