"""How malloc treats what was freed."""

import ctypes

_TRIM, _PAD, _MAP = -1, -2, -3  # M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of glibc's mallopt
_LARGEST = 32  # MB that malloc takes from its heap at all
_STEP = 4  # MB by which the heap grows


def keep_freed() -> None:
    """Let malloc keep freed memory for what comes next: up to 64 MB at the heap's end, and arrays below 32 MB lie in the heap.

    Given back to the system, each page of it is cleared anew: 7 % of the CPU time of dedup on 84 MB of text. Another C library
    than glibc is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MAP, _LARGEST << 20)
        mallopt(_PAD, _STEP << 20)
        mallopt(_TRIM, _LARGEST << 21)
