"""How this process holds memory."""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's malloc.h; mallopt(3)."""
KEPT_BYTES = 32 * 1024 * 1024
AT_ONCE_BYTES = 1024 * 1024
LARGE_BYTES = 4 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep up to 32 MB of freed memory instead of giving it back to the kernel and taking it again a moment later.

    Without this a callback costs one page fault, 5 µs (docs/performance.md). Only glibc has the switch; elsewhere
    nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in (
        (M_TRIM_THRESHOLD, KEPT_BYTES),
        (M_TOP_PAD, AT_ONCE_BYTES),
        (M_MMAP_THRESHOLD, LARGE_BYTES),
    ):
        mallopt(parameter, value)
