"""Numbers as people read them. A number that is not there is a dash, never a zero."""

from collections.abc import Mapping
from typing import Any

from pipeline.core.artifact.metadata import values_of

ABSENT = "–"
_UNITS = ("B", "kB", "MB", "GB", "TB")
_KILO = 1000


def number(value: float | int | None) -> str:
    """Three digits after the point, of small numbers three that count, of large ones fewer; whole numbers in full, thousands apart."""
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return f"{value:,}"
    if value and abs(value) < 1e-3:  # 0.000015 is read more easily as a power
        return f"{value:.1e}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.1:
        return f"{value:.3g}"
    return f"{value:.{1 if abs(value) >= 10 else 3}f}".rstrip("0").rstrip(".")


def fixed(value: float | None) -> str:
    """Three digits after the point, so that a column of scores lines up; one from ten on, none from a thousand on."""
    if value is None:
        return ABSENT
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < _KILO else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A part of one as per cent."""
    return ABSENT if value is None else f"{100 * value:.1f}%"


def size(count: float | None) -> str:
    """Bytes with a decimal unit."""
    if count is None:
        return ABSENT
    rest, unit = float(count), 0
    while rest >= _KILO and unit < len(_UNITS) - 1:
        rest, unit = rest / _KILO, unit + 1
    return f"{rest:.0f} {_UNITS[unit]}" if unit == 0 or rest >= 100 else f"{rest:.3g} {_UNITS[unit]}"


def large(value: float | int | None) -> str:
    """A count for a headline: 3,012,345 is 3.01 M. From 10^18 on as a power."""
    if value is None or abs(value) < 100_000:
        return number(value)
    if abs(value) >= 1e18:
        return f"{value:.2e}"
    for limit, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value / 1e3:.0f} k"


def found_in(dropped: Mapping[str, Any]) -> str:
    """What made a rule drop a document: what it measured, or what is known of the document."""
    if dropped["value"] is not None:
        return f"measured {number(dropped['value'])}"
    return ", ".join(f"{name} {value}" for name, value in values_of(dropped).items()) or "of which nothing is known"


def text(value: object) -> str:
    """Any plain value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int | float):
        return number(value)
    return str(value)
