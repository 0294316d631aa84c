"""The measures of likeness, against their definitions."""

import math

import numpy as np
import pytest

from pipeline.core.seed import stream
from pipeline.export.parity import EXACT, Bounds, compare, faults, limits, mean_kl, perplexity, refusal, token_differences
from pipeline.export.strings import strings

LOGITS = stream(1, "logits").normal(size=(50, 11)).astype(np.float32)
ROUNDING = {"mean_logit": 0.01, "kl": 0.001}
LIMITS = limits(ROUNDING, Bounds(row_error=3, mean_logit=3, kl=2))
GOOD = {
    "ids_differ": 0.0,
    "ends_missed": 0.0,
    "row_error": 2.9,
    "worst": "a.weight",
    "mean_logit": 0.029,
    "max_logit": 9.0,
    "argmax": 0.1,
    "kl": 0.0019,
}


def test_the_kl_of_a_model_to_itself_is_zero() -> None:
    assert mean_kl(LOGITS, LOGITS) == 0
    assert mean_kl(LOGITS, LOGITS + 3) == pytest.approx(0, abs=1e-6)  # only differences of logits mean anything


def test_the_kl_of_a_fair_to_a_loaded_coin_is_known() -> None:
    fair, loaded = np.zeros((1, 2), np.float32), np.log(np.array([[0.9, 0.1]], np.float32))
    assert mean_kl(fair, loaded) == pytest.approx(0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1), rel=1e-5)


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary() -> None:
    assert perplexity(np.zeros((9, 11), np.float32), np.array([1, 2, -100, 4, 5, 6, 7, 8, -100])) == pytest.approx(11)


def test_one_moved_logit_is_measured() -> None:
    moved = LOGITS.copy()
    moved[3, 4] += 1
    found = compare(moved, LOGITS)
    assert found["max_logit"] == pytest.approx(1, rel=1e-5)
    assert found["mean_logit"] == pytest.approx(1 / LOGITS.size, rel=1e-5)
    assert found["argmax"] >= 49 / 50
    assert found["max_logit_share"] == pytest.approx(1 / LOGITS.std(), rel=1e-5)


def test_logits_that_are_all_equal_have_no_deviation_and_do_no_harm() -> None:
    assert set(compare(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)).values()) == {0, 1}


@pytest.mark.parametrize(
    ("measure", "value"), [("ids_differ", 1.0), ("ends_missed", 1.0), ("row_error", 3.1), ("mean_logit", 0.031), ("kl", 0.0021)]
)
def test_each_measure_beyond_so_many_times_what_rounding_makes_is_a_fault_of_its_own(measure: str, value: float) -> None:
    assert faults("x.gguf", GOOD, LIMITS) == []
    for wrong in (value, math.nan, math.inf):
        assert [fault.limit.measure for fault in faults("x.gguf", GOOD | {measure: wrong}, LIMITS)] == [measure]


def test_the_same_figures_are_right_where_rounding_makes_more_and_wrong_where_it_makes_less() -> None:
    for factor, found in ((10, []), (0.1, ["mean_logit", "kl"])):
        own = limits({name: factor * value for name, value in ROUNDING.items()}, Bounds(row_error=3, mean_logit=3, kl=2))
        assert [fault.limit.measure for fault in faults("x.gguf", GOOD, own)] == found


@pytest.mark.parametrize("measure", ["ids_differ", "ends_missed", "max_logit", "kl"])
def test_what_must_be_equal_to_the_bit_may_not_be_off_at_all(measure: str) -> None:
    equal = {"ids_differ": 0.0, "ends_missed": 0.0, "max_logit": 0.0, "kl": 0.0}
    assert faults("folder", equal, EXACT) == []
    assert [str(fault) for fault in faults("folder", equal | {measure: 1e-9}, EXACT)] == [f"folder: {measure} is 1e-09, allowed is 0"]


def test_all_faults_are_told_at_once_each_with_what_rounding_makes() -> None:
    found = [*faults("a.gguf", GOOD | {"kl": 1.0}, LIMITS), *faults("b.gguf", GOOD | {"row_error": 7.0}, LIMITS)]
    assert str(refusal(found, mend="export=[transformers]")).splitlines() == [
        "the exported files are not the model:",
        "  a.gguf: kl is 1, rounding alone makes 0.001, allowed is 2 times as much (bounds.kl)",
        "  b.gguf: row_error of a.weight is 7, rounding alone makes 1, allowed is 3 times as much (bounds.row_error)",
        "  mend: export=[transformers]",
    ]


def test_the_strings_hold_corpus_and_noise_and_depend_on_the_seed() -> None:
    found = strings(["a tale of two mills " * 50], count=400, seed=1)
    assert len(found) == 400
    assert found == strings(["a tale of two mills " * 50], count=400, seed=1) != strings(["a tale of two mills " * 50], count=400, seed=2)
    assert all(text in "a tale of two mills " * 50 for text in found[:200])
    assert any("<|user|>" in text for text in found)
    assert any("\x00" in text for text in found)


def test_strings_that_are_cut_differently_are_named() -> None:
    assert token_differences(["a", "b"], lambda text: [1], lambda text: [1] if text == "a" else [2]) == ["b"]
