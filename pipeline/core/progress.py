"""How far long work is: a bar with rate and time left in a terminal, elsewhere a plain line now and then. Both on standard error."""

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
DRAWN_S = 1.0  # work that ends sooner draws no bar: in a step of the training there may be some
QUIET_S, EVERY_S = 10.0, 30.0  # work that ends sooner leaves no line in a log; between two lines
_told = logging.getLogger(__name__)  # a stage writes it into its own log file too


def progress(items: Iterable[T], what: str, *, total: int | None = None, start: int = 0) -> Iterator[T]:
    """Pass the items on and tell how far we are; `start` of `total` were done before (a resumed run). Of several ranks the first tells."""
    if os.environ.get("RANK", "0") != "0":
        yield from items
    elif watched():
        yield from tqdm(items, desc=what, total=total, initial=start, file=sys.stderr, leave=False, dynamic_ncols=True, delay=DRAWN_S)
    else:
        yield from _by_lines(items, what, len(items) if total is None and isinstance(items, Sized) else total, start)


def watched() -> bool:
    """Whether a terminal shows what this process says."""
    return sys.stderr.isatty()


def _by_lines(items: Iterable[T], what: str, total: int | None, start: int) -> Iterator[T]:
    began = time.monotonic()
    due = began + QUIET_S
    for done, item in enumerate(items):
        if (now := time.monotonic()) >= due:
            line = f"{what}: {line_of(start + done, total, rate=done / (now - began))}"
            print(line, file=sys.stderr, flush=True)
            _told.info("%s", line)
            due = now + EVERY_S
        yield item


def line_of(done: int, total: int | None, *, rate: float) -> str:
    """`120 of 600, 12.5 a second, about 0:38 left`; a slow one by the minute. `rate`: a second."""
    pace = f"{rate:.3g} a second" if rate >= 1 else f"{60 * rate:.3g} a minute"
    left = f", about {clock((total - done) / rate)} left" if total is not None and rate > 0 else ""
    return f"{done}{f' of {total}' if total is not None else ''}, {pace}{left}"


def clock(seconds: float) -> str:
    """3:07, 1:02:09."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
