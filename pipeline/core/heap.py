"""How malloc treats what was freed, and Python what is left at the end."""

import atexit
import ctypes
import gc

# Numbers of glibc's mallopt, bytes: what may be free at the heap's end, by how much the heap grows, what no longer lies in it.
_OPTIONS = {"TRIM_THRESHOLD": (-1, 64 << 20), "TOP_PAD": (-2, 4 << 20), "MMAP_THRESHOLD": (-3, 32 << 20)}
ENVIRONMENT = {f"MALLOC_{name}_": str(size) for name, (_, size) in _OPTIONS.items()}  # the same for processes that are started later


def keep_freed() -> None:
    """Let malloc keep freed memory for what comes next: up to 64 MB at the heap's end, and arrays below 32 MB lie in the heap.

    Given back to the system, each page of it is cleared anew: 7 % of the CPU time of dedup on 84 MB of text. Another C library
    than glibc is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for number, size in _OPTIONS.values():
            mallopt(number, size)


def leave_at_end() -> None:
    """Let the process end without a last look for cycles among all that it imported: 0.1 s, and a whole second behind torch and trl."""
    atexit.register(gc.freeze)
