"""Drawings are well-formed, keep their scale, and are the same bytes each time."""

import xml.etree.ElementTree as Tree

import pytest

from pipeline.report.charts import Curve, Interval, Level, bar, interval_bar, interval_chart, line_chart, smoothed, thinned
from pipeline.report.svg import coordinate, linear, log_ticks, logarithmic, ticks

LOSSES = [Curve("training", [(step, 5 / (step + 1)) for step in range(700)]), Curve("held out", [(0, 4.9), (699, 0.4)])]


def chart() -> str:
    return line_chart(LOSSES, title="loss", x="step", levels=[Level("entropy", 0.3)], log=True)


def test_every_drawing_is_well_formed_xml() -> None:
    rows = [Interval("a < b", 0.5, 0.4, 0.7), Interval("b", 0.9, 0.9, 0.9)]
    for drawing in (chart(), interval_chart(rows, title="wins", reference=0.5, unit="share"), bar(3, 7)):
        Tree.fromstring(drawing)


def test_a_drawing_is_the_same_bytes_each_time() -> None:
    assert chart() == chart()


def test_a_name_in_a_drawing_is_text_not_markup() -> None:
    drawing = line_chart([Curve("<script>", [(0, 1.0), (1, 2.0)])], title="<b>", x="step", levels=[], log=False)
    assert "<script>" not in drawing
    assert "&lt;script&gt;" in drawing
    assert "<b>" not in drawing


def test_one_point_and_equal_values_are_drawn_too() -> None:
    Tree.fromstring(line_chart([Curve("once", [(3, 1.0)])], title="t", x="step", levels=[], log=False))
    Tree.fromstring(line_chart([Curve("flat", [(0, 0.0), (9, 0.0)])], title="t", x="step", levels=[], log=False))


def test_thinning_keeps_the_ends_and_the_mean() -> None:
    points = [(float(step), float(step % 7)) for step in range(1002)]
    few = thinned(points, 102)
    assert len(few) == 102
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert sum(y for _, y in few[1:-1]) / 100 == pytest.approx(sum(y for _, y in points[1:-1]) / 1000)
    assert [x for x, _ in few] == sorted(x for x, _ in few)


def test_few_points_are_not_thinned() -> None:
    assert thinned([(0.0, 1.0), (1.0, 2.0)], 5) == [(0.0, 1.0), (1.0, 2.0)]


def test_smoothing_leaves_a_straight_line_as_it_is() -> None:
    line = [(float(step), 3.0 - 0.5 * step) for step in range(100)]
    assert [y for _, y in smoothed(line)] == pytest.approx([y for _, y in line])


def test_one_odd_last_value_does_not_turn_the_smoothed_line() -> None:
    points = [(float(step), 1.0) for step in range(99)] + [(99.0, 9.0)]
    assert smoothed(points)[-1][1] < 6.0
    assert [y for _, y in smoothed(points)[:90]] == pytest.approx([1.0] * 90)


def test_a_smoothed_share_stays_between_its_neighbours() -> None:
    shares = [(float(step), 0.0 if step < 2 else 1.0) for step in range(60)]
    assert min(y for _, y in smoothed(shares)) >= 0.0
    assert max(y for _, y in smoothed(shares)) <= 1.0


def test_ticks_are_round_and_within_the_range() -> None:
    assert ticks(0.0, 1.0, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(37, 912, 4) == [500]
    assert ticks(0.031, 0.072, 4) == [0.04, 0.06]
    assert log_ticks(0.3, 12) == [0.5, 1, 2, 5, 10]


def test_scales_put_the_ends_at_the_ends() -> None:
    for scale in (linear(2, 8, 10, 20), logarithmic(2, 8, 10, 20)):
        assert (scale(2), scale(8)) == pytest.approx((10, 20))
    assert logarithmic(1, 100, 0, 2)(10) == pytest.approx(1)


def test_coordinates_are_short() -> None:
    assert [coordinate(value) for value in (1.0, 0.125, 33.333333, 0, -0.001)] == ["1", "0.12", "33.33", "0", "0"]


def test_an_interval_outside_the_axis_stays_in_its_cell() -> None:
    drawing = Tree.fromstring(interval_bar(Interval("x", 3.0, -1.0, 9.0), low=0.0, high=1.0, reference=0.5))
    circle = next(node for node in drawing.iter() if node.tag == "circle")
    assert 0 < float(circle.attrib["cx"]) < 120


def test_powers_on_the_horizontal_axis_lie_at_equal_distances() -> None:
    drawing = line_chart(
        [Curve("law", [(10**power, 1.0 / power) for power in (3, 4, 5)])], title="t", x="size", levels=[], log=False, log_x=True
    )
    line = next(part for part in Tree.fromstring(drawing).iter() if part.get("class") == "curve s0")
    left, middle, right = (float(point.split()[0]) for point in line.attrib["d"][1:].split("L"))
    assert middle - left == pytest.approx(right - middle)


def test_an_axis_of_powers_has_marks_that_can_be_read() -> None:
    wide = line_chart([Curve("kl", [(1, 2e-7), (2, 5e-3)])], title="t", x="step", levels=[], log=True)
    assert [mark for mark in (">1e-6<", ">1e-4<", ">0.001<") if mark not in wide] == []
    assert ">5e-6<" not in wide
    short = line_chart([Curve("kl", [(1.1e6, 1.0), (1.9e6, 2.0)])], title="t", x="bytes", levels=[], log=False, log_x=True)
    assert ">1.4 M<" in short
