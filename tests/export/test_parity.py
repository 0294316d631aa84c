"""The measures of likeness, against their definitions."""

import math

import numpy as np
import pytest

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.export.parity import Bounds, compare, faults, mean_kl, perplexity, require, token_differences
from pipeline.export.strings import strings

LOGITS = stream(1, "logits").normal(size=(50, 11)).astype(np.float32)
BOUNDS = Bounds(max_logit_share=0.02, mean_logit=0.02, argmax=0.98, kl=0.02)
GOOD = {"ids_differ": 0.0, "kl": 0.0, "mean_logit": 0.0, "argmax": 1.0, "max_logit_share": 0.0}


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


@pytest.mark.parametrize(
    ("measure", "value", "quantized"),
    [("ids_differ", 1.0, True), ("kl", 0.03, True), ("mean_logit", 0.03, True), ("argmax", 0.9, True), ("max_logit_share", 0.03, False)],
)
def test_each_measure_beyond_its_bound_is_a_fault_of_its_own(measure: str, value: float, quantized: bool) -> None:
    assert faults("x.gguf", GOOD, BOUNDS, quantized=quantized) == []
    assert [fault.measure for fault in faults("x.gguf", GOOD | {measure: value}, BOUNDS, quantized=quantized)] == [measure]
    assert [fault.measure for fault in faults("x.gguf", GOOD | {measure: math.nan}, BOUNDS, quantized=quantized)] == [measure]


def test_all_faults_are_told_at_once() -> None:
    one = faults("a.gguf", GOOD | {"kl": 1.0}, BOUNDS, quantized=True)
    other = faults("b.gguf", GOOD | {"argmax": 0.1}, BOUNDS, quantized=True)
    with pytest.raises(PipelineError, match=r"(?s)a\.gguf: kl.*b\.gguf: argmax"):
        require([*one, *other], section="export.gguf", drop="types")


def test_the_strings_hold_corpus_and_noise_and_depend_on_the_seed() -> None:
    found = strings(["a tale of two mills " * 50], count=400, seed=1)
    assert len(found) == 400
    assert found == strings(["a tale of two mills " * 50], count=400, seed=1) != strings(["a tale of two mills " * 50], count=400, seed=2)
    assert all(text in "a tale of two mills " * 50 for text in found[:200])
    assert any("<|user|>" in text for text in found)
    assert any("\x00" in text for text in found)


def test_strings_that_are_cut_differently_are_named() -> None:
    assert token_differences(["a", "b"], lambda text: [1], lambda text: [1] if text == "a" else [2]) == ["b"]
