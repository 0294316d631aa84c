"""The counting baseline is a probability, and the one that its authors wrote down."""

import itertools
import math
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram, character_surprise, characters

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
    with pytest.raises(ValueError, match="64 bits holds 4 ids of 16"):
        Ngram(ROWS, order=5, vocabulary=257, padding=999)
    with pytest.raises(ValueError, match="64 bits holds 8 ids of 8"):
        Ngram(ROWS, order=9, vocabulary=VOCABULARY, padding=99)


def by_counting(rows: list[list[int]], history: tuple[int, ...], token: int, *, order: int) -> float:
    """Interpolated Kneser-Ney as Chen and Goodman 1999 write it down, n-gram by n-gram."""
    longest = [tuple(row[start : start + order]) for row in rows for start in range(len(row) - order + 1)]
    counts = {order: Counter(longest)}
    for length in range(order - 1, 0, -1):
        counts[length] = Counter(gram[1:] for gram in counts[length + 1])
    chance = 1 / VOCABULARY
    for length in range(1, len(history) + 2):
        here, before = counts[length], history[len(history) - length + 1 :]
        total = sum(count for gram, count in here.items() if gram[:-1] == before)
        kinds = sum(gram[:-1] == before for gram in here)
        once, twice = (sum(count == times for count in here.values()) for times in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        if total:
            chance = (max(here[(*before, token)] - discount, 0) + discount * kinds * chance) / total
    return chance


@pytest.mark.parametrize("order", [2, 3, 4])
def test_every_probability_is_that_of_counting_by_hand(order: int) -> None:
    model = Ngram(ROWS, order=order, vocabulary=VOCABULARY, padding=99)
    for known in range(order):
        for history in [(0, 1, 2)[:known], (3, 0, 1)[:known], (6, 6, 0)[:known]]:
            for token in range(VOCABULARY):
                assert _one(model, list(history), token) == pytest.approx(by_counting(ROWS.tolist(), history, token, order=order))


def test_a_model_of_characters_is_a_probability_over_bytes_after_any_of_them() -> None:
    model = characters([b"the old mill", b"the old mill", "the é fox".encode()], order=6)
    for history in (b"", b"\xffthe ", b"the o", "é".encode(), b"\x00\x01"):
        histories = np.tile(np.frombuffer(history, np.uint8), (256, 1)).reshape(256, len(history))
        found = model.probabilities(histories, np.arange(256))
        assert found.sum() == pytest.approx(1)
        assert (found > 0).all()
    assert _one(model, list(b"\xffthe "), ord("o")) > 0.5


def test_what_a_text_of_characters_costs_is_the_sum_over_all_its_bytes() -> None:
    model, text = characters([b"the old mill", b"the fox"], order=3), b"the mill"
    read = b"\xff" + text
    chances = [_one(model, list(read[max(0, place - 2) : place]), read[place]) for place in range(1, len(read))]
    assert character_surprise(model, text) == pytest.approx(-sum(map(math.log2, chances)))
