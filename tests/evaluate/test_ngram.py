"""The counting baseline is a probability, and the one that its authors wrote down."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram

VOCABULARY = 7
ROWS = stream(1, "rows").choice(VOCABULARY - 1, size=(5, 40), p=np.array([5, 4, 3, 2, 1, 1]) / 16)  # token 6 is never seen


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_probabilities_sum_to_one_after_every_history(order: int) -> None:
    model = Ngram(ROWS, order=order, vocabulary=VOCABULARY, padding=99)
    for known in range(order):
        for history in itertools.product(range(VOCABULARY), repeat=known):
            histories = np.tile(np.array(history, dtype=np.int64), (VOCABULARY, 1)).reshape(VOCABULARY, known)
            found = model.probabilities(histories, np.arange(VOCABULARY))
            assert found.sum() == pytest.approx(1)
            assert (found > 0).all()


def test_a_bigram_has_the_probability_of_the_formula() -> None:
    rows = np.array([[0, 1, 0, 1, 0, 2, 1, 1]])
    found = Ngram(rows, order=2, vocabulary=3, padding=99).probabilities(np.array([[0]]), np.array([1]))[0]
    pairs = [(0, 1), (1, 0), (0, 1), (1, 0), (0, 2), (2, 1), (1, 1)]  # by eye: 0 is followed by 1, 1, 2
    kinds = set(pairs)
    once, twice = 3, 2
    discount = once / (once + 2 * twice)
    continuation = {token: sum(pair[1] == token for pair in kinds) for token in range(3)}  # 1 stands after 0, 2, 1
    assert continuation == {0: 1, 1: 3, 2: 1}
    lower_discount = 2 / (2 + 0)  # two tokens continue one kind of pair, none two
    lower = max(3 - lower_discount, 0) / 5 + lower_discount * 3 / 5 * (1 / 3)
    assert found == pytest.approx((2 - discount) / 3 + discount * 2 / 3 * lower)


def test_surprise_is_the_sum_over_the_tokens_after_the_first() -> None:
    model = Ngram(ROWS, order=3, vocabulary=VOCABULARY, padding=99)
    ids = [0, 1, 2, 0, 6]
    chances = [_one(model, ids[max(0, place - 2) : place], ids[place]) for place in range(1, 5)]
    assert model.surprise(ids) == pytest.approx(-sum(math.log2(chance) for chance in chances))


def _one(model: Ngram, history: list[int], token: int) -> float:
    histories: npt.NDArray[np.int64] = np.array([history], dtype=np.int64)
    return float(model.probabilities(histories, np.array([token]))[0])


def test_padding_is_never_counted() -> None:
    padded = np.concatenate([ROWS, np.full((5, 9), 6)], axis=1)
    one, other = (Ngram(rows, order=3, vocabulary=VOCABULARY, padding=6) for rows in (ROWS, padded))
    assert one.surprise([0, 1, 2, 3, 0, 1]) == other.surprise([0, 1, 2, 3, 0, 1])


def test_more_context_foresees_a_text_with_memory_better() -> None:
    text = np.array([[0, 1, 2, 0, 2, 1] * 60])
    bits = [Ngram(text, order=order, vocabulary=3, padding=99).surprise([0, 1, 2, 0, 2, 1] * 5) for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]


def test_an_order_that_does_not_fit_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        Ngram(ROWS, order=5, vocabulary=VOCABULARY, padding=99)
