"""Charts as inline SVG: curves, intervals, bars. Colours are classes; the page's style gives them meaning."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup

from pipeline.report.figures import large, number
from pipeline.report.glossary import explained
from pipeline.report.svg import Scale, coordinate, drawing, element, linear, log_ticks, logarithmic, path_of, ticks

Point = tuple[float, float]
_WIDTH, _HEIGHT = 360.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 8.0, 24.0
_MOST_POINTS = 240  # of one curve: more than the drawing has pixels for
_NOISY = 20  # points from which on a curve is smoothed too
_ROW = 24.0
_COLOURS = 6
_MOST_TICKS = 8
_LARGE = 100_000  # from here on with a unit
_INSET = 10.0  # of a point that would lie on the axis
_LETTER = 5.4  # width of one at the size of a tick


@dataclass(frozen=True)
class Curve:
    """A named line. Where it has many points they are drawn thin, and bold the mean of neighbours.

    `spans` are intervals (x, low, high), drawn as vertical lines. A `reference` is drawn as what others are compared with.
    """

    name: str
    points: Sequence[Point]
    spans: Sequence[tuple[float, float, float]] = ()
    reference: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with."""

    name: str
    value: float


@dataclass(frozen=True)
class Interval:
    """A value with its interval, in the unit of the chart."""

    name: str
    value: float
    low: float
    high: float


def line_chart(curves: Sequence[Curve], *, title: str, x: str, levels: Sequence[Level], log: bool, log_x: bool = False) -> Markup:
    """Curves over one axis, with a legend. `log`: powers on the vertical axis, `log_x`: on the horizontal one (all values > 0)."""
    drawn = [replace(curve, points=thinned(curve.points, _MOST_POINTS)) for curve in curves if curve.points]
    values = [value for curve in drawn for _, value in curve.points] + [level.value for level in levels]
    values += [bound for curve in drawn for _, *bounds in curve.spans for bound in bounds]
    steps = [step for curve in drawn for step, _ in curve.points]
    low, high = _padded(min(values), max(values), log=log)
    inset = _INSET if any(len(curve.points) == 1 for curve in drawn) else 0.0
    across = (logarithmic if log_x else linear)(min(steps), max(steps), _LEFT + inset, _WIDTH - _RIGHT - inset)
    up = (logarithmic if log else linear)(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        *_grid_across(_marks(low, high, log=log), up),
        *_steps(_marks(min(steps), max(steps), log=log_x), across, x),
        *(_level(level, up(level.value)) for level in levels),
        *(_span(span, index, across, up) for index, curve in enumerate(drawn) for span in curve.spans),
        *(_curve(curve, index, across, up) for index, curve in enumerate(drawn)),
    ]
    legend = [_key(curve.name, "level" if curve.reference else _colour(index)) for index, curve in enumerate(drawn)]
    legend += [_key(f"{level.name} {number(level.value)}", "level") for level in levels]
    if len(legend) == 1 and drawn[0].name in title:  # said above the drawing
        legend = []
    svg = drawing(*parts, width=_WIDTH, height=_HEIGHT, label=f"{title}: {', '.join(curve.name for curve in drawn)} by {x}")
    key = element("ul", *legend, class_="legend") if legend else ""
    return element("figure", element("figcaption", explained(title)), svg, key, class_="chart")


def interval_chart(rows: Sequence[Interval], *, title: str, reference: float | None, unit: str) -> Markup:
    """One row a value: a dot and its interval, over a common axis."""
    bounds = [bound for row in rows for bound in (row.low, row.high)] + ([reference] if reference is not None else [])
    low, high = _padded(min(bounds), max(bounds), log=False)
    left, right, height = 108.0, 44.0, _ROW * len(rows) + 26
    across = linear(low, high, left, _WIDTH - right)
    parts: list[Markup] = []
    for tick in ticks(low, high, 4):
        x = across(tick)
        parts.append(element("line", x1=x, x2=x, y1=2, y2=height - 20, class_="grid"))
        parts.append(element("text", number(tick), x=x, y=height - 7, text_anchor="middle", class_="tick"))
    if reference is not None:
        parts.append(element("line", x1=across(reference), x2=across(reference), y1=2, y2=height - 20, class_="level"))
    for index, row in enumerate(rows):
        y = _ROW * index + _ROW / 2 + 2
        parts.append(element("text", row.name, x=left - 8, y=y + 4, text_anchor="end", class_="name"))
        parts.extend(_whisker(row, across, y))
        parts.append(element("text", number(row.value), x=_WIDTH - 2, y=y + 4, text_anchor="end", class_="value"))
    svg = drawing(*parts, width=_WIDTH, height=height, label=f"{title} in {unit}")
    return element("figure", element("figcaption", explained(title), " ", element("small", unit)), svg, class_="chart")


def interval_bar(row: Interval, *, low: float, high: float, reference: float | None) -> Markup:
    """The same for one cell of a table; low and high are the ends of the axis."""
    across = linear(low, high, 4.0, 116.0)
    parts = [element("line", x1=2, x2=118, y1=8, y2=8, class_="grid")]
    if reference is not None and low <= reference <= high:
        parts.append(element("line", x1=across(reference), x2=across(reference), y1=1, y2=15, class_="level"))
    inside = Interval(row.name, _clip(row.value, low, high), _clip(row.low, low, high), _clip(row.high, low, high))
    label = f"{number(row.value)}, interval {number(row.low)} to {number(row.high)}"
    return drawing(*parts, *_whisker(inside, across, 8.0), width=120, height=16, label=label, class_="cell")


def bar(value: float, most: float) -> Markup:
    """A bar for one cell of a table; `most` fills it."""
    width = 0.0 if most <= 0 else 116 * _clip(value / most, 0.0, 1.0)
    box = element("rect", x=2, y=4, width=max(width, 1.0 if value else 0.0), height=8, rx=1.5, class_="fill")
    return drawing(box, width=120, height=16, label=number(value), class_="cell")


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many points: each the mean of its neighbours, first and last kept."""
    if len(points) <= most:
        return list(points)
    inner, buckets = points[1:-1], most - 2
    edges = [index * len(inner) // buckets for index in range(buckets + 1)]
    groups = [inner[start:end] for start, end in pairwise(edges)]
    means = [(math.fsum(x for x, _ in group) / len(group), math.fsum(y for _, y in group) / len(group)) for group in groups]
    return [points[0], *means, points[-1]]


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Each value on the straight line through its neighbours on both sides (Cleveland 1979, all weights equal), so that a slope stays a
    slope and one last value is no turn; never beyond them, since a share below zero is none."""
    reach = max(1, len(points) // _NOISY)
    return [(x, _on_line(points[max(0, place - reach) : place + reach + 1], x)) for place, (x, _) in enumerate(points)]


def _on_line(near: Sequence[Point], at: float) -> float:
    """The least-squares line through some points, at one place."""
    middle, mean = math.fsum(x for x, _ in near) / len(near), math.fsum(y for _, y in near) / len(near)
    spread = math.fsum((x - middle) ** 2 for x, _ in near)
    slope = math.fsum((x - middle) * (y - mean) for x, y in near) / spread if spread else 0.0
    values = [y for _, y in near]
    return min(max(mean + slope * (at - middle), min(values)), max(values))


def _padded(low: float, high: float, *, log: bool) -> tuple[float, float]:
    if log:
        return low / 1.08, high * 1.08
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    return low - room, high + room


def _grid_across(values: Sequence[float], up: Scale) -> list[Markup]:
    parts = []
    for value in values:
        y = up(value)
        parts.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", _tick(value), x=_LEFT - 6, y=y + 4, text_anchor="end", class_="tick"))
    return parts


def _marks(low: float, high: float, *, log: bool) -> list[float]:
    """Where an axis has ticks: of powers few enough to be read, of a short range in powers those of a plain one."""
    found = log_ticks(low, high) if log else []
    if len(found) > _MOST_TICKS:
        found = [value for value in found if math.log10(value).is_integer()]
    return found if len(found) > 1 else ticks(low, high, 5)


def _tick(value: float) -> str:
    """A number that fits beside the axis: 5e-4."""
    if 0 < abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    return large(value) if abs(value) >= _LARGE else f"{value:,.6g}"


def _steps(values: Sequence[float], across: Scale, name: str) -> list[Markup]:
    """Ticks on the horizontal axis as far as the name of the axis, which stands at its right end, leaves room."""
    base = _HEIGHT - _BOTTOM
    room = _WIDTH - _RIGHT - _LETTER * (len(name) + 3)
    marks = [(across(value), large(value) if abs(value) >= _LARGE else f"{value:,.6g}") for value in values]
    known = [(x, mark) for x, mark in marks if x + _LETTER * len(mark) / 2 < room]
    ticks_ = [element("text", mark, x=x, y=base + 16, text_anchor="middle", class_="tick") for x, mark in known]
    return [*ticks_, element("text", name, x=_WIDTH - _RIGHT, y=base + 16, text_anchor="end", class_="tick")]


def _level(level: Level, y: float) -> Markup:
    return element("line", element("title", level.name), x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="level")


def _span(span: tuple[float, float, float], index: int, across: Scale, up: Scale) -> Markup:
    x, low, high = span
    return element("path", d=path_of([(across(x), up(low)), (across(x), up(high))]), class_=f"span {_colour(index)}")


def _curve(curve: Curve, index: int, across: Scale, up: Scale) -> Markup:
    if len(curve.points) == 1:
        x, y = curve.points[0]
        return element("circle", cx=across(x), cy=up(y), r=3, class_=f"dot {_colour(index)}")
    line = [(across(x), up(y)) for x, y in curve.points]
    if curve.reference:
        return element("path", d=path_of(line), class_="level curve")
    if len(line) < _NOISY:
        return element("path", d=path_of(line), class_=f"curve {_colour(index)}")
    calm = [(across(x), up(y)) for x, y in smoothed(curve.points)]
    raw = element("path", d=path_of(line), class_=f"curve {_colour(index)} raw")
    return Markup("").join([raw, element("path", d=path_of(calm), class_=f"curve {_colour(index)}")])


def _whisker(row: Interval, across: Scale, y: float) -> list[Markup]:
    low, high, middle = across(row.low), across(row.high), across(row.value)
    line = element("path", d=f"M{coordinate(low)} {coordinate(y)}H{coordinate(high)}", class_="whisker")
    return [line, element("circle", cx=middle, cy=y, r=3.5, class_="mark")]


def _colour(index: int) -> str:
    """The class of a curve; the page has six."""
    return f"s{index % _COLOURS}"


def _key(name: str, style: str) -> Markup:
    return element("li", element("i", "", class_=style), name)


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
