"""Detection: prepare labels, train a custom detector, predict, evaluate."""

__all__ = ["WEIGHTS"]

WEIGHTS = ("mobilenet-v2", "plates", "objectron")
"""Names of the weights that `playhead weights get detection` downloads."""
