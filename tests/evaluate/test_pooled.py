"""Differences between experiments: paired item by item, and pooled over seeds."""

from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import InputError
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.items import item_record
from pipeline.evaluate.pooled import apart, mean_difference, pooled, student_quantile, student_tail

DRAWS = Bootstrap(200, 3)
KEY = ("base", "t", "choice")


def records(points: Any, *, first: int = 0) -> list[dict[str, Any]]:
    return [
        item_record("t", f"i{number}", f"c{number // 2}", "choice", chance=0.5) | {"choice": float(one)}
        for number, one in enumerate(points, first)
    ]


def test_two_experiments_are_paired_on_what_both_were_asked() -> None:
    old = {"base": records([0.0] * 40), "sft": records([1.0] * 40), "gone": records([1.0] * 40)}
    new = {"base": records([1.0] * 40, first=10), "sft": records([1.0] * 40), "come": records([1.0] * 40)}
    found = apart(old, new, DRAWS)
    assert list(found) == ["base", "sft"]
    ((base,), (sft,)) = found.values()
    assert (base.one, base.other, base.value, base.n, base.noise) == ("new", "old", 1.0, 30, False)
    assert (sft.value, sft.p) == (0.0, 1.0)


def test_students_t_is_that_of_the_tables() -> None:
    for freedom, quantile in ((1, 12.7062), (2, 4.30265), (3, 3.18245), (7, 2.36462), (10, 2.22814), (30, 2.04227), (1000, 1.95996)):
        assert student_quantile(freedom) == pytest.approx(quantile, rel=1e-4)
        assert student_tail(quantile, freedom) == pytest.approx(0.05, abs=1e-5)
    assert student_tail(0.0, 5) == 1.0


@pytest.mark.parametrize(("of_seed", "of_cluster", "of_cell"), [(0.3, 0.0, 1.0), (0.3, 1.0, 0.3)])
def test_of_two_hundred_pooled_comparisons_of_equals_at_most_seven_in_a_hundred_are_called_different(
    of_seed: float, of_cluster: float, of_cell: float
) -> None:
    clusters, false, held = [str(number // 2) for number in range(60)], 0, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        cells = of_seed * draw.normal(size=(3, 1)) + of_cluster * np.repeat(draw.normal(size=(1, 30)), 2, axis=1)
        found = mean_difference(KEY, cells + of_cell * draw.normal(size=(3, 60)), clusters)
        false += not found.noise
        held += found.low <= 0 <= found.high
        assert found.noise == (found.low <= 0 <= found.high)
    assert false <= 14
    assert held >= 186


def test_a_difference_that_every_seed_shows_is_found_and_one_that_seeds_make_is_not() -> None:
    draw = np.random.default_rng(1)
    asked = draw.random(100) < 0.5
    old = [{"base": records(asked ^ (draw.random(100) < 0.05))} for _ in range(3)]
    better = [{"base": records((asked ^ (draw.random(100) < 0.05)) | (draw.random(100) < 0.5))} for _ in range(3)]
    (found,) = pooled(old, better)
    assert (found.model, found.task, found.seeds, found.n) == ("base", "t", 3, 100)
    assert 0.1 < found.low < found.value < found.high < 0.4
    assert not found.noise
    lucky = [better[0], {"base": records(asked)}, {"base": records(np.zeros(100))}]
    (other,) = pooled(old, lucky)
    assert other.noise


def test_runs_that_do_not_pair_are_refused() -> None:
    run = {"base": records([1.0] * 8)}
    for old, new in (([run], [run]), ([run, run], [run, run, run])):
        with pytest.raises(InputError, match="can't be pooled"):
            pooled(old, new)
