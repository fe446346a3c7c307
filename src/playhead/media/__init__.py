"""Reading and writing video and sound: exact frames, exact times, damage reported.

Frame k is the k-th frame that the decoder outputs, everywhere. Only this package knows how to find
it, and only its table of times turns a frame index into a time. To copy a video frame for frame
with changed images see `playhead.media.rewrite`.
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
