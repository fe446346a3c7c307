"""A detector of one's own: prepare labels, train, predict, measure."""

__all__ = ["WEIGHTS"]

WEIGHTS = ("mobilenet-v2", "plates", "objectron")
"""What `playhead weights get detection` fetches."""
