"""Label formats: one module per format, read by `read_events` and written by `write_events`."""

from playhead.events.formats.detect import FORMATS
from playhead.events.formats.files import read_events, write_events
from playhead.events.formats.rows import read_row

__all__ = ["FORMATS", "read_events", "read_row", "write_events"]
