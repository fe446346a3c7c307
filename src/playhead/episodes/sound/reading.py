"""Sound of an episode: read once from the media, then kept in the store.

Memory stays flat: samples go to disk as they are decoded, and are memory-mapped afterwards.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.sound.fingerprint import RATE, Fingerprinter
from playhead.episodes.sound.store import entry_path, load_entry, new_entry
from playhead.errors import MediaError, StorageError
from playhead.media import stream_audio
from playhead.media.source import check_file, denied

__all__ = ["RATE", "Sound", "read_sound"]

_VERSION = 1
"""Changes when another version of this code gives other samples or words."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """The sound of an episode.

    words: uint32 (N,), chromaprint words; word k describes the samples from k * HOP on
    samples: int16 (M,), mono at RATE, memory-mapped and read-only
    start: seconds from the first video frame to the first sample, often not quite 0
    missing: spans (start, end) in seconds from the first video frame that could not be decoded:
        silence in `samples`, or after their end if the file is cut off
    """

    words: NDArray[np.uint32]
    samples: NDArray[np.int16]
    start: float
    missing: tuple[tuple[float, float], ...] = ()


def read_sound(path: Path, *, audio: int | None = None, folder: Path | None = None) -> Sound:
    """The sound of an episode, from the store if it is there, else from the file.

    audio: which sound track, counted from 0; if None the default one
    folder: the store; the default one in the cache if None
    Raises MediaError if the file has no such sound or none of it can be decoded, StorageError if
    the store cannot be written to.
    """
    path = Path(path)
    check_file(path, "video")
    name = f"sound-{'default' if audio is None else audio}-{_VERSION}"
    try:
        entry = entry_path(path, name, folder)
    except PermissionError as error:
        raise denied(path) from error
    sound = _stored(entry)
    if sound is None:
        _read(path, audio, entry)
        sound = _stored(entry)
    if sound is None:
        raise StorageError(f"{entry}: cannot be read after it was written; check the disk")
    return sound


def _stored(entry: Path) -> Sound | None:
    stored = load_entry(entry)
    if stored is None:
        return None
    arrays, values = stored
    try:
        missing = tuple((float(start), float(end)) for start, end in values["missing"])
        return Sound(np.array(arrays["words"]), arrays["samples"], float(values["start"]), missing)
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path, audio: int | None, entry: Path) -> None:
    fingerprinter = Fingerprinter()
    missing: list[tuple[float, float]] = []
    start = None
    with new_entry(entry) as writer:
        writer.append("words", np.empty(0, np.uint32))
        for block in stream_audio(path, rate=RATE, mono=True, track=audio, seconds=30):
            start = block.start if start is None else start
            samples = np.clip(np.rint(block.samples[0] * 32768), -32768, 32767).astype(np.int16)
            writer.append("samples", samples)
            writer.append("words", fingerprinter.add(samples))
            missing.extend(block.missing)
            if block.cut_off:
                end = block.start + len(samples) / RATE
                missing.append((end, end + block.cut_off))
        if start is None:
            raise MediaError(f"{path}: the sound cannot be decoded; it is empty or damaged")
        writer.values |= {"start": start, "missing": missing}
