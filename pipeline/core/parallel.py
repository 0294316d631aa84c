"""A map over independent work that gives the same list whichever engine runs it."""

from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from joblib import Parallel, delayed

A = TypeVar("A")
B = TypeVar("B")
Engine = Literal["threading", "loky"]


def parallel_map(function: Callable[[A], B], items: Iterable[A], *, engine: Engine, workers: int) -> list[B]:
    """The function's results in the order of the items. One worker runs in this process."""
    if workers == 1:
        return [function(item) for item in items]
    results: list[B] = Parallel(n_jobs=workers, backend=engine)(delayed(function)(item) for item in items)
    return results
