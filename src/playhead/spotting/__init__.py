"""Spotting: find when actions happen in videos."""

__all__ = ["WEIGHTS"]

WEIGHTS = ("mobilenet-v2", "efficientnet-lite0")
"""Names of the weights that `playhead weights get spotting` downloads."""
