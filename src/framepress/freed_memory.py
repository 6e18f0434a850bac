"""What malloc does with memory that a worker has freed: kept for the next of the same, or given back.

Nothing of it is known of other C libraries than glibc; there nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes

#: Of glibc's mallopt(3): free memory at the end of the heap before it is given back, sizes of blocks that are
#: mapped by themselves, and heaps.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_freed_memory() -> None:
    """Have glibc keep some of what is freed, in one heap: an encoder takes 200 MB and lives for a GOP, and
    the kernel would clear its pages anew for the next. 2 to 7 % of a worker's time; keeping all took 70 MB
    more at the peak.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        # The greatest that glibc takes.
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def give_back_memory() -> None:
    """Give the kernel all that is freed."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
