"""Exact frames and sound: read, written, checked for damage.

Frame k is the k-th frame that the decoder gives out, everywhere. Only this room knows how to find
it, and only its table of times turns a frame into a time.
"""

from playhead.media.damage import Damage
from playhead.media.source import Limits
from playhead.media.video import Pixels, Video, open_video
from playhead.media.write import VideoWriter

__all__ = ["Damage", "Limits", "Pixels", "Video", "VideoWriter", "open_video"]
