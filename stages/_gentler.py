"""A training that diverged, told with the words of a gentler one: half of every learning rate of its section."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.core.errors import SMALLER, Diverged

RATES = ("lr", "learning_rate", "critic_learning_rate")


@contextmanager
def gentler_told(section: Mapping[str, Any], *, at: str) -> Iterator[None]:
    """Diverged with the mend that follows from the section."""
    try:
        yield
    except Diverged as fault:
        if words := " ".join(halved(section, at)):
            fault.mend = fault.mend.replace(SMALLER, words)
        raise


def halved(section: Mapping[str, Any], at: str) -> Iterator[str]:
    """KEY=VALUE of half of each learning rate that is set."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from halved(value, f"{at}.{key}")
        elif key in RATES and isinstance(value, float):
            yield f"{at}.{key}={value / 2:g}"
