"""A bar for long work, on standard error, silent where nobody looks."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], what: str, *, total: int | None = None, start: int = 0) -> Iterator[T]:
    """Pass the items on and draw how far we are; `start` of `total` were done before (a resumed run)."""
    quiet = not sys.stderr.isatty()
    yield from tqdm(items, desc=what, total=total, initial=start, file=sys.stderr, disable=quiet, leave=False, dynamic_ncols=True)
