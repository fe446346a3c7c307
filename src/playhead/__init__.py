"""Playhead finds what happens in video, when and where.

>>> import playhead
>>> playhead.__version__
'0.1.0'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.events.formats import read_events
    from playhead.events.model import Event, VideoEvents
    from playhead.inference.bundle import load_bundle
    from playhead.media import open_video

__all__ = ["Event", "VideoEvents", "__version__", "load_bundle", "open_video", "read_events"]

__version__ = "0.1.0"

# Names are looked up when they are used, so that the command line starts without decoders.
_HOMES = {
    "Event": "playhead.events.model",
    "VideoEvents": "playhead.events.model",
    "load_bundle": "playhead.inference.bundle",
    "open_video": "playhead.media",
    "read_events": "playhead.events.formats",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'playhead' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
