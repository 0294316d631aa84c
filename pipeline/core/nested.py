"""Nested values by dotted names."""

from collections.abc import Mapping
from typing import Any


def flat(values: Any, at: str = "") -> list[tuple[str, Any]]:
    """Nested values as (dotted key, value); the items of a list by their place."""
    if isinstance(values, Mapping):
        return [pair for key, value in values.items() for pair in flat(value, f"{at}.{key}" if at else str(key))]
    if isinstance(values, list | tuple):
        return [pair for place, value in enumerate(values) for pair in flat(value, f"{at}.{place}" if at else str(place))]
    return [(at, values)]


def numbers_of(values: Any) -> dict[str, float]:
    """The numbers among them; a yes or no is none."""
    return {name: value for name, value in flat(values) if isinstance(value, int | float) and not isinstance(value, bool)}
