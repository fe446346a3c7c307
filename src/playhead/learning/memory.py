"""Memory of a training on a CPU: what tensors free is kept for the next step.

By default glibc gives every array of over 32 MiB back to the system when it is freed. Each step
frees and takes the same large activations, and pays for their pages anew every time.
"""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as in glibc's malloc.h
_LARGEST = 1 << 30
"""Bytes of an array that is still kept, and of free memory at the end of the heap."""


def keep_freed_memory() -> bool:
    """Let this process reuse what it frees, from now on; whether its C library could be told.

    Only glibc is; the peak of memory stays, but after it less is given back.
    """
    if sys.platform != "linux":
        return False
    told = getattr(ctypes.CDLL(None), "mallopt", None)
    if told is None:  # another C library
        return False
    return all(told(which, _LARGEST) for which in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
