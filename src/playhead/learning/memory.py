"""Memory reuse for training on a CPU.

By default glibc returns every freed array of over 32 MiB to the system. Each training step frees
and allocates the same large activations, and would pay for new pages every time.
"""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as in glibc's malloc.h
_LARGEST = 1 << 30
"""Bytes: the largest array that is kept, and the most free memory at the end of the heap."""


def keep_freed_memory() -> bool:
    """Make this process keep freed memory; return whether its C library supports that.

    Only glibc does. The peak memory is the same, but less is returned to the system after it.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return all(mallopt(which, _LARGEST) for which in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
