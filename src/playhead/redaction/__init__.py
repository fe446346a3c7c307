"""Redaction: find faces, heads, people, cars and plates, and hide them."""

__all__ = ["WEIGHTS"]

WEIGHTS = (
    "centerface",
    "blazeface",
    "plates",
    "people",
    "objectron",
    "mobilenet-v2",
    "clip-bikes",
    "clip-carphone",
)
"""Names of the weights that `playhead weights get redaction` downloads."""
