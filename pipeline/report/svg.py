"""Scalable drawings as text: elements, scales and ticks. Equal arguments give equal bytes."""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

Scale = Callable[[float], float]


def element(name: str, *content: str, **attributes: str | float) -> Markup:
    """One element. Text is escaped; Markup is not. `class_` is class, `stroke_width` is stroke-width."""
    pairs = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items())
    inside = Markup("").join(content)
    return Markup(f"<{name}{pairs}>{inside}</{name}>") if content else Markup(f"<{name}{pairs}/>")  # all parts are escaped above


def drawing(*content: str, width: float, height: float, label: str, class_: str = "drawing") -> Markup:
    """A drawing that takes the width it is given; `label` is read to those who do not see it."""
    box = f"0 0 {coordinate(width)} {coordinate(height)}"
    return element("svg", *content, viewBox=box, role="img", aria_label=label, class_=class_)


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of a line through the points."""
    return "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)


def coordinate(value: float) -> str:
    """At most two digits after the point."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """The scale that puts low at start and high at end. An empty range is put in the middle."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """The same in powers; low > 0."""
    inner = linear(math.log(low), math.log(high), start, end)
    return lambda value: inner(math.log(value))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers within the range, `about` so many: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within the range."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for power in powers for value in (round(factor * 10.0**power, 12) for factor in (1, 2, 5)) if low <= value <= high]


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else coordinate(value)
