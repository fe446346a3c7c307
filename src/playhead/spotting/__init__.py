"""Spotting: when do these actions happen?"""

__all__ = ["WEIGHTS"]

WEIGHTS = ("mobilenet-v2", "efficientnet-lite0")
"""What `playhead weights get spotting` fetches."""
