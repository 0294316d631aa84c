"""A plot as a file of its own: curves over one axis, with a legend."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline.core.files import write_text
from pipeline.report.figures import number
from pipeline.report.svg import coordinate, element, linear, log_ticks, logarithmic, path_of, ticks

Point = tuple[float, float]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640.0, 400.0, 56.0, 190.0, 32.0, 44.0
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f", "#bcbd22", "#e377c2")
TRAIN = ", train"
STYLE = {"font_family": "sans-serif", "font_size": 12, "fill": "#222"}


def plot(path: Path, curves: Mapping[str, Sequence[Point]], *, title: str, x: str, y: str) -> None:
    """Write an SVG; x in powers. A name that ends in ", train" is drawn dashed in the colour of the same name without it."""
    points = [point for curve in curves.values() for point in curve]
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    room = (high - low) * 0.05 or 1.0
    across = logarithmic(left, right, LEFT, WIDTH - RIGHT)
    up = linear(low - room, high + room, HEIGHT - BOTTOM, TOP)
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts = [element("rect", width=WIDTH, height=HEIGHT, fill="#fff")]
    parts += [_text(title, middle, 18, "middle"), _text(x, middle, HEIGHT - 8, "middle"), _text(y, WIDTH - RIGHT + 8, 18)]
    for value in ticks(low - room, high + room, 6):
        parts += [_line(LEFT, up(value), WIDTH - RIGHT, up(value)), _text(number(value), LEFT - 6, up(value) + 4, "end")]
    for value in log_ticks(left, right):
        parts += [_line(across(value), TOP, across(value), HEIGHT - BOTTOM), _text(number(value), across(value), HEIGHT - 26, "middle")]
    names = list(dict.fromkeys(name.removesuffix(TRAIN) for name in curves))
    for turn, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[names.index(name.removesuffix(TRAIN)) % len(COLOURS)]
        parts += _curve(name, [(across(place), up(value)) for place, value in curve], colour, TOP + 8 + 18 * turn)
    box = f"0 0 {coordinate(WIDTH)} {coordinate(HEIGHT)}"
    drawn = element("svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=box, role="img", aria_label=title)
    write_text(path, f"{drawn}\n")


def _curve(name: str, places: Sequence[Point], colour: str, down: float) -> list[Markup]:
    """A line with its points, and its line of the legend, so far down."""
    style: dict[str, str | float] = {"fill": "none", "stroke": colour, "stroke_width": 2}
    style["stroke_dasharray"] = "5 4" if name.endswith(TRAIN) else "none"
    legend = [(WIDTH - RIGHT + 8, down), (WIDTH - RIGHT + 32, down)]
    lines = [element("path", d=path_of(points), **style) for points in (places, legend)]
    dots = [element("circle", cx=coordinate(x), cy=coordinate(y), r=3, fill=colour) for x, y in places]
    return [*lines, *dots, _text(name, WIDTH - RIGHT + 38, down + 4)]


def _text(text: str, x: float, y: float, anchor: str = "start") -> Markup:
    return element("text", text, x=coordinate(x), y=coordinate(y), text_anchor=anchor, **STYLE)  # type: ignore[arg-type]


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("path", d=path_of([(x1, y1), (x2, y2)]), stroke="#ddd", fill="none")
