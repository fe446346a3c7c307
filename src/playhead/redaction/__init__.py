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
"""What `playhead weights get redaction` fetches."""
