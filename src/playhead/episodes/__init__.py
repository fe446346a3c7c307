"""Episodes: where the opening and the ending of each episode of a season lie."""

__all__ = ["WEIGHTS"]

WEIGHTS = ("text",)
"""Names of the weights that `playhead weights get episodes` downloads."""
