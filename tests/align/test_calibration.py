"""A model that is as sure as it is right has no calibration error; one that exaggerates has."""

import numpy as np
import pytest

from pipeline.align.calibration import calibration
from pipeline.core.intervals import Bootstrap

DRAWS = Bootstrap(400, 1)


def preferences(count: int, seed: int) -> np.ndarray:
    """How far the chosen answer is ahead, by a model that knows the probabilities with which people choose."""
    generator = np.random.default_rng(seed)
    ahead = np.abs(generator.normal(0, 2, count))
    return np.where(generator.random(count) < 1 / (1 + np.exp(-ahead)), ahead, -ahead)


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy_by_bin() -> None:
    """Confidences .62 (right, wrong, right) and .92 (right), by hand."""
    at = [np.log(0.62 / 0.38), np.log(0.92 / 0.08)]
    found = calibration(np.array([at[0], -at[0], at[0], at[1]]), ["a", "b", "c", "d"], DRAWS)
    assert found["ece"] == pytest.approx((3 * (2 / 3 - 0.62) + 1 * (1 - 0.92)) / 4)
    assert [(place, one["n"]) for place, one in found["curve"].items()] == [("0.60", 3), ("0.90", 1)]
    assert found["curve"]["0.60"]["accuracy"] == pytest.approx(2 / 3)
    assert found["curve"]["0.60"]["confidence"] == pytest.approx(0.62)
    assert found["curve"]["0.60"]["accuracy_low"] < 2 / 3 < found["curve"]["0.60"]["accuracy_high"]


def test_who_knows_the_probabilities_is_calibrated_and_who_triples_the_differences_is_not() -> None:
    ahead, names = preferences(4000, 1), [str(number) for number in range(4000)]
    honest, sure = calibration(ahead, names, DRAWS), calibration(3 * ahead, names, DRAWS)
    assert honest["ece"] < 0.03
    assert sure["ece_low"] > honest["ece_high"]
    assert sum(one["n"] for one in sure["curve"].values()) == 4000


def test_the_interval_is_over_clusters_and_absent_where_there_is_one() -> None:
    ahead = np.repeat(preferences(40, 2), 10)
    narrow, wide = (calibration(ahead, names, DRAWS) for names in ([str(n) for n in range(400)], [str(n // 10) for n in range(400)]))
    assert wide["ece_high"] - wide["ece_low"] > 1.5 * (narrow["ece_high"] - narrow["ece_low"])
    assert "ece_low" not in calibration(ahead, ["one"] * 400, DRAWS)


def test_a_model_without_a_favourite_is_half_right_and_half_sure() -> None:
    assert calibration(np.zeros(3), ["a", "b", "c"], DRAWS)["ece"] == 0.0
