"""How kernels are compiled: by numba, for the types that they are called with, once for all processes, and without the interpreter's lock.

Before it looks for what it compiled earlier, numba prepares all that compiling needs, which takes longer than most shards: 0.18 s of
each process. What is compiled needs its runtime only; whatever must be compiled is prepared for then.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
from numba.core.runtime import rtsys

_KNOWN = "0.68."  # releases in which the cache was read: others go the long way


def kernel(function: Callable[..., Any] | None = None, *, allocates: bool = False, **options: Any) -> Any:
    """A decorator: the function in machine code. Options are those of numba.njit.

    `allocates`: it makes arrays. Others leave out numba's management of memory, which each process that has such a kernel compiles anew
    (0.04 s).
    """
    if function is None:
        return partial(kernel, allocates=allocates, **options)
    made = numba.njit(function, cache=True, nogil=True, _nrt=allocates, **options)
    cache = getattr(made, "_cache", None)  # none where NUMBA_DISABLE_JIT is set
    if cache is not None and numba.__version__.startswith(_KNOWN):
        cache.load_overload = partial(_load, cache, allocates)
        made._compilation_chain_init_hook = _no_extensions
    return made


def _load(cache: Any, allocates: bool, signature: Any, context: Any) -> Any:
    if allocates:
        rtsys.initialize(context)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, context)


def _no_extensions() -> None:
    """Looking through all packages for extensions of numba, of which kernels use none, takes 0.02 s."""
