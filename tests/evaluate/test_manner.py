"""Length, ends, repetition and variety of the sampled answers, by player."""

import math

import pytest

from pipeline.core.intervals import Bootstrap, rate
from pipeline.evaluate.duels import NO_MODEL
from pipeline.evaluate.manner import METRICS, manners

DRAWS = Bootstrap(200, 1)


def line(name: str, fact: str | None, **said: dict) -> dict:
    return {"id": name, "fact": fact, "answers": {player: {"sampled": one} for player, one in said.items()}}


def said(*ids: int, whole: bool = True, **nats: float) -> dict:
    return {"ids": list(ids), "whole": whole} | nats


LINES = [
    line("1", "home", long=said(5, 6, 5, 6, 5, nats=-6.0), cut=said(7, 8, whole=False)),
    line("2", "home", long=said(5, nats=-1.0), cut=said(7, 8)),
    line("3", None, long=said(9, 8, 7, nats=-3.0), cut=said(1, whole=False)),
]


def found() -> dict:
    return {(one.model, one.metric): one for one in manners(LINES, bootstrap=DRAWS)}


def test_an_answer_counts_with_its_end_and_repetition_within_it_alone():
    rows = found()
    assert rows["long", "tokens"].estimate.value == pytest.approx((6 + 2 + 4) / 3)
    assert rows["cut", "tokens"].estimate.value == pytest.approx((2 + 3 + 1) / 3)
    assert rows["long", "ended"].estimate.value == 1.0
    assert rows["cut", "ended"].estimate.value == pytest.approx(1 / 3)
    assert rows["long", "distinct"].estimate.value == pytest.approx((2 / 4 + 1 + 1) / 3)


def test_entropy_is_nats_a_token_of_what_the_player_drew_and_of_models_alone():
    rows = found()
    assert rows["long", "entropy"].estimate.value == pytest.approx(10 / 12)
    assert rows["cut", "entropy"].estimate is None
    assert rows["cut", "entropy"].reason == NO_MODEL


def test_every_player_has_every_figure_and_who_drew_nothing_has_none():
    greedy = [one | {"answers": one["answers"] | {"file": {"greedy": {}}}} for one in LINES]
    assert {(one.model, one.metric) for one in manners(greedy, bootstrap=DRAWS)} == {(p, m) for p in ("long", "cut") for m in METRICS}
    assert manners([], bootstrap=DRAWS) == []


def test_a_rate_draws_together_what_belongs_together():
    one = rate([1.0, 3.0, 2.0], [1, 1, 4], ["a", "a", "b"], bootstrap=DRAWS)
    assert one.value == pytest.approx(1.0)
    assert (one.low, one.high) == (pytest.approx(0.5), pytest.approx(2.0))  # b alone, a alone
    assert rate([2.0], [4], ["a"], bootstrap=DRAWS).high == math.inf
