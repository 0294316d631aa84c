"""Schedules: each by its formula, all of them between a rise and a final ratio."""

import math
from functools import cache

import pytest

from pipeline.core.errors import PipelineError
from pipeline.train.fit import Fitting
from tests.train.conftest import fitting

KINDS = ["warmup_stable_decay", "linear", "cosine", "inverse_sqrt"]


@cache
def recipe(schedule: str, *, ratio: float | None = 0.1, steps: int | None = None, final: float = 0.0, decay: float = 0.4) -> Fitting:
    falls = {"decay_ratio": decay if schedule == "warmup_stable_decay" else None, "final_ratio": final}
    return fitting(duration=100, seed=1, schedule=schedule, warmup_ratio=ratio, warmup_steps=steps, **falls)


def factors(schedule: str, **changes: object) -> list[float]:
    own = recipe(schedule, **changes)
    return [own.factor(step, steps=100) for step in range(100)]


@pytest.mark.parametrize("kind", KINDS)
def test_it_rises_in_a_line_to_one_by_a_share_or_by_steps(kind: str) -> None:
    by_share, by_steps = factors(kind), factors(kind, ratio=None, steps=10)
    assert by_share[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert by_steps == by_share


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("final", [0.0, 0.5])
def test_after_the_rise_it_never_rises_and_never_falls_below_the_final_ratio(kind: str, final: float) -> None:
    fall = factors(kind, final=final)[9:]
    assert fall[0] == 1.0
    assert fall == sorted(fall, reverse=True)
    assert final <= fall[-1] <= final + (0.32 if kind == "inverse_sqrt" else 0.03)


def test_warmup_stable_decay_stays_and_falls_in_a_line() -> None:
    assert factors("warmup_stable_decay")[10:60] == [1.0] * 50
    assert factors("warmup_stable_decay")[60:] == pytest.approx([1 - step / 40 for step in range(40)])
    assert factors("warmup_stable_decay", final=0.2)[60:] == pytest.approx([1 - 0.8 * step / 40 for step in range(40)])


def test_linear_cosine_and_inverse_sqrt_are_their_formulas() -> None:
    assert factors("linear", final=0.1)[10:] == pytest.approx([1 - 0.9 * step / 90 for step in range(90)])
    waves = [0.1 + 0.9 * (1 + math.cos(math.pi * step / 90)) / 2 for step in range(90)]
    assert factors("cosine", final=0.1)[10:] == pytest.approx(waves)
    assert factors("inverse_sqrt")[9:] == pytest.approx([math.sqrt(10 / (step + 1)) for step in range(9, 100)])


def test_without_a_rise_and_a_fall_the_rate_is_constant() -> None:
    assert set(factors("warmup_stable_decay", ratio=0.0, decay=0.0)) == {1.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"warmup_ratio": None}, "one of warmup_ratio and warmup_steps"),
        ({"warmup_steps": 5}, "one of warmup_ratio and warmup_steps"),
        ({"schedule": "cosine"}, "decay_ratio=null"),
        ({"decay_ratio": None}, "decay_ratio has a value where"),
        ({"warmup_ratio": 0.6}, "overlap"),
        ({"final_ratio": 1.5}, "final_ratio"),
        ({"schedule": "steep"}, "warmup_stable_decay"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        fitting(duration=100, seed=1, **changes)


def test_a_warmup_of_more_steps_than_there_are_is_refused(train) -> None:
    with pytest.raises(PipelineError, match="never reach its value"):
        train(warmup_ratio=None, warmup_steps=30)
