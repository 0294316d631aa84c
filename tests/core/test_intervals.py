"""Intervals, against values from the literature and against theory."""

import math

import numpy as np
import pytest

from pipeline.core.intervals import Bootstrap, mean, ratio, ratio_gap, share, wilson
from pipeline.core.seed import stream

MANY = Bootstrap(resamples=4000, seed=1)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_intervals_of_newcombes_table(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=6e-5)


def test_the_bootstrap_of_a_mean_agrees_with_the_normal_interval() -> None:
    values = stream(1, "values").normal(5, 2, size=400)
    found = mean(values.tolist(), range(400), bootstrap=MANY)
    half = 1.96 * values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_the_bootstrap_of_a_share_agrees_with_wilson() -> None:
    hits = [1.0] * 60 + [0.0] * 140
    found = mean(hits, range(200), bootstrap=MANY)
    assert (found.low, found.high) == pytest.approx(wilson(60, 200), abs=0.01)


def test_asking_each_fact_thrice_makes_nothing_surer() -> None:
    once = [float(number % 3 == 0) for number in range(90)]
    thrice = share([hit for hit in once for _ in range(3)], [number for number in range(90) for _ in range(3)], bootstrap=MANY)
    single = mean(once, range(90), bootstrap=MANY)
    assert (thrice.low, thrice.high) == pytest.approx((single.low, single.high))
    assert thrice.n == 270


def test_a_score_without_a_miss_still_has_an_interval() -> None:
    assert share([1.0] * 40, [number // 2 for number in range(40)], bootstrap=MANY).low == pytest.approx(wilson(20, 20)[0])


def test_a_ratio_weighs_long_documents_more() -> None:
    found = ratio([10, 300], [10, 100], bootstrap=MANY)
    assert found.value == pytest.approx(310 / 110)
    assert (found.low, found.high) == pytest.approx((1, 3))


def test_the_same_seed_draws_the_same_and_each_resample_draws_as_many_as_there_are() -> None:
    weights = MANY.weights(7)
    assert np.array_equal(weights, MANY.weights(7))
    assert set(weights.sum(axis=1)) == {7.0}


def test_a_gap_of_two_texts_is_as_wide_as_both_together() -> None:
    one, other = ([4.0, 6.0, 5.0, 7.0], [10] * 4), ([3.0, 5.0, 4.0, 2.0], [10] * 4)
    gap = ratio_gap(one, other, bootstrap=MANY)
    sides = [ratio(*side, bootstrap=MANY) for side in (one, other)]
    wide = math.hypot(*(side.high - side.low for side in sides))
    assert gap.value == pytest.approx(sides[0].value - sides[1].value)
    assert gap.high - gap.low == pytest.approx(wide, rel=0.1)
    assert math.isinf(ratio_gap(one, ([3.0], [10]), bootstrap=MANY).low)
