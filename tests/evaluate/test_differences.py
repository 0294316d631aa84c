"""Which differences are more than noise, and one figure over all tasks."""

import math

import numpy as np
import pytest

from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.core import core_row
from pipeline.evaluate.differences import between, by_chance, differences, in_words, points_of

DRAWS = Bootstrap(300, 5)


def points(values: list[float], *, cluster: int = 1) -> dict[str, tuple[str, float]]:
    return {str(number): (str(number // cluster), value) for number, value in enumerate(values)}


def test_a_clear_difference_is_told_with_its_interval() -> None:
    draw = np.random.default_rng(1)
    worse = (draw.random(200) < 0.4).astype(float)
    better = np.maximum(worse, draw.random(200) < 0.3)
    (found,) = differences("t", "choice", {"a": points(better.tolist()), "b": points(worse.tolist())}, DRAWS)
    assert found.value == pytest.approx(float((better - worse).mean()))
    assert 0 < found.low < found.value < found.high
    assert not found.noise
    assert "a is better by" in in_words(found)


def test_the_same_answers_are_no_difference() -> None:
    (found,) = differences("t", "choice", {"a": points([1.0, 0.0] * 30), "b": points([1.0, 0.0] * 30)}, DRAWS)
    assert (found.value, found.p, found.smallest) == (0.0, 1.0, None)
    assert "are alike on all 60 items" in in_words(found)


def test_where_few_items_differ_the_smallest_is_what_the_test_could_call() -> None:
    one = [1.0] + [0.0] * 199
    (found,) = differences("t", "choice", {"a": points(one), "b": points([0.0] * 200)}, DRAWS)
    assert found.smallest == pytest.approx(6 / 200)
    six = [1.0] * 6 + [0.0] * 194
    (shown,) = differences("t", "choice", {"a": points(six), "b": points([0.0] * 200)}, DRAWS)
    assert not shown.noise


def test_a_difference_that_is_the_same_in_clusters_of_any_size_has_no_spread() -> None:
    clusters = [0] * 9 + list(range(1, 10))
    models = {
        name: {str(number): (str(cluster), value) for number, cluster in enumerate(clusters)} for name, value in (("a", 0.5), ("b", 0.0))
    }
    (found,) = differences("t", "m", models, DRAWS)
    assert found.low == found.high == 0.5
    assert found.smallest is not None
    assert found.smallest == pytest.approx(6 * 0.9 / 18)  # six clusters of the mean size, half a point an item


def test_of_what_costs_less_is_better() -> None:
    (found,) = differences("text", "bits_per_byte", {"a": points([2.0] * 9), "b": points([1.0] * 9)}, DRAWS)
    assert "a costs 1.000 more than b" in in_words(found)


def test_of_two_hundred_comparisons_of_equals_about_one_in_twenty_is_called_a_difference() -> None:
    false = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        easy = draw.random(120)
        one, other = ((draw.random(120) < easy).astype(float).tolist() for _ in range(2))
        (found,) = differences("t", "choice", {"a": points(one), "b": points(other)}, Bootstrap(50, seed))
        false += not found.noise
    assert 0 < false <= 14  # 7 %


def test_items_of_one_cluster_are_one_draw() -> None:
    values = [1.0] * 8 + [0.0] * 8
    (alone,) = differences("t", "m", {"a": points(values), "b": points([0.0] * 16)}, DRAWS)
    (together,) = differences("t", "m", {"a": points(values, cluster=2), "b": points([0.0] * 16, cluster=2)}, DRAWS)
    assert alone.p < 0.05 < together.p
    assert alone.smallest is not None
    assert together.smallest is not None
    assert together.smallest > alone.smallest


def test_of_so_few_clusters_nothing_can_be_told() -> None:
    (found,) = differences("t", "m", {"a": points([3.0] * 5), "b": points([1.0] * 5)}, DRAWS)
    assert found.noise
    assert found.smallest is None
    assert "too few to tell" in in_words(found)
    (six,) = differences("t", "m", {"a": points([3.0] * 6), "b": points([1.0] * 6)}, DRAWS)
    assert not six.noise


def test_chance_by_all_signs_of_few_clusters_is_about_its_exact_share() -> None:
    assert by_chance(np.array([1.0, 1.0, 1.0, 1.0]), seed=1) == pytest.approx(2 / 16, abs=0.03)
    assert by_chance(np.zeros(4), seed=1) == 1.0


def test_the_smallest_difference_is_seen_four_times_of_five() -> None:
    seen, tried = 0, 200
    for seed in range(tried):
        draw = np.random.default_rng(seed)
        values = (draw.normal(0, 1, 60)).tolist()
        (found,) = differences("t", "m", {"a": points(values), "b": points([0.0] * 60)}, Bootstrap(20, seed))
        shifted = [value + (found.smallest or 0.0) for value in values]
        (moved,) = differences("t", "m", {"a": points(shifted), "b": points([0.0] * 60)}, Bootstrap(20, seed))
        seen += not moved.noise
    assert 0.72 < seen / tried < 0.88


def record(task: str, name: str, value: float, *, chance: float | None = 0.25) -> dict[str, object]:
    return {"task": task, "id": name, "cluster": name, "known_by": "choice", "chance": chance, "choice": value}


def test_points_come_of_items_and_of_questions() -> None:
    asked = {"task": "facts", "id": "q", "fact": "f", "trained": False, "sampled": {"exact": True, "right": True}}
    free = {"task": "prompts", "id": "p", "fact": None, "trained": False, "sampled": {"text": "x"}}
    found = points_of([record("t", "1", 1.0), asked, free])
    assert found == {("t", "choice"): {"1": ("1", 1.0)}, ("facts_held_out", "sampled_exact"): {"q": ("f", 1.0)}}


def test_all_pairs_are_compared_on_what_both_were_asked() -> None:
    models = {
        name: [record("t", str(number), float(number % 2 == 0)) for number in range(start, 12)]
        for name, start in (("a", 0), ("b", 2), ("c", 4))
    }
    assert [(one.one, one.other, one.n) for one in between(models, DRAWS)] == [("a", "b", 10), ("a", "c", 8), ("b", "c", 8)]


def test_the_core_centres_each_task_by_its_chance_and_weighs_them_alike() -> None:
    records = [record("four", str(number), float(number < 5)) for number in range(10)]
    records += [record("two", str(number), 1.0, chance=0.5) for number in range(200)]
    records += [record("text", "d", 2.0, chance=None)]
    found = core_row("m", records, DRAWS).estimate
    assert found is not None
    assert found.value == pytest.approx(((0.5 - 0.25) / 0.75 + 1.0) / 2)
    assert found.low < found.value < found.high
    assert found.n == 210
    guessing = core_row("m", [record("four", str(number), 0.25) for number in range(8)], DRAWS).estimate
    assert guessing is not None
    assert math.isclose(guessing.value, 0.0, abs_tol=1e-12)
    assert core_row("m", [], DRAWS).estimate is None
