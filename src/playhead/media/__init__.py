"""Exact frames and sound: read, written, checked for damage.

Frame k is the k-th frame that the decoder gives out, everywhere. Only this room knows how to find
it, and only its table of times turns a frame into a time. To write one anew frame for frame see
`playhead.media.rewrite`.
"""

from playhead.media.audio import Audio, read_audio, stream_audio
from playhead.media.damage import Damage
from playhead.media.inspection import VideoInfo, inspect
from playhead.media.planes import Planes
from playhead.media.source import Limits, require_file
from playhead.media.video import Pixels, Video, open_video
from playhead.media.write import VideoWriter

__all__ = [
    "Audio",
    "Damage",
    "Limits",
    "Pixels",
    "Planes",
    "Video",
    "VideoInfo",
    "VideoWriter",
    "inspect",
    "open_video",
    "read_audio",
    "require_file",
    "stream_audio",
]
