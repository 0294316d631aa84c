"""A scaling law: found again where it was put in, and honest about what it can't know."""

import numpy as np
import pytest

from pipeline.model.scaling import Law, fitted, rungs

LAW = Law(0.5, 30.0, 0.4)
SIZES = [4e4, 1e5, 2e5, 5e5, 1e6]
POINTS = [(size, LAW.loss(size)) for size in SIZES]


def test_a_law_is_found_again_with_its_floor_known_or_not() -> None:
    known = fitted(POINTS, floor=0.5)
    assert (known.coefficient, known.exponent) == pytest.approx((30.0, 0.4))
    unknown = fitted(POINTS, floor=None)
    assert unknown.floor == pytest.approx(0.5, abs=0.002)
    assert unknown.loss(1e7) == pytest.approx(LAW.loss(1e7), rel=0.002)


def test_what_it_foretells_from_noisy_small_models_lies_near() -> None:
    draw = np.random.default_rng(1)
    noisy = [(size, loss * float(np.exp(draw.normal(0, 0.005)))) for size, loss in POINTS]
    assert fitted(noisy, floor=0.5).loss(5e6) == pytest.approx(LAW.loss(5e6), rel=0.03)
    assert 0 < fitted(noisy, floor=0.5).error(noisy) < 0.01


def test_too_few_points_and_a_floor_above_them_are_refused() -> None:
    with pytest.raises(ValueError, match="2 points don't tell a law, 3 may"):
        fitted(POINTS[:2], floor=None)
    with pytest.raises(ValueError, match="not above the floor"):
        fitted(POINTS, floor=1.0)


def test_rungs_are_smaller_and_keep_the_size_of_a_head_and_the_groups() -> None:
    whole = {"layers": 4, "hidden_size": 128, "heads": 4, "kv_heads": 4}
    assert rungs(whole) == [
        {"layers": 1, "hidden_size": 32, "heads": 1, "kv_heads": 1},
        {"layers": 2, "hidden_size": 64, "heads": 2, "kv_heads": 2},
        {"layers": 3, "hidden_size": 64, "heads": 2, "kv_heads": 2},
        {"layers": 3, "hidden_size": 96, "heads": 3, "kv_heads": 3},
    ]
    grouped = rungs({"layers": 12, "hidden_size": 768, "heads": 12, "kv_heads": 4})
    assert [(one["heads"], one["kv_heads"], one["hidden_size"] // one["heads"]) for one in grouped] == [
        (3, 1, 64),
        (4, 4, 64),
        (6, 2, 64),
        (8, 8, 64),
        (9, 3, 64),
    ]
