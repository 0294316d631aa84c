"""A start from pairs: what is learned, and that nothing else is."""

import math

import numpy as np
import pytest
import torch

from pipeline.core.errors import PipelineError
from pipeline.model.bigram_start import BigramStart, Pairs, start_from_bigrams
from pipeline.model.build import build
from pipeline.model.objective import NextToken
from pipeline.tokens.special import ENDOFTEXT, IDS
from tests.packed import packed
from tests.tiny_shape import SHAPE

VOCABULARY, BEGIN = 40, IDS[ENDOFTEXT]
SETTINGS = BigramStart(passes=80, lr=0.1, scale=0.2, tokens=10_000)
UNTIED = SHAPE | {"tie_embeddings": False}


def chain(seed: int, count: int = 60) -> list[list[int]]:
    """Documents of a Markov chain: each token is followed by one of three."""
    draw = np.random.default_rng(seed)
    follow = draw.integers(6, VOCABULARY, (VOCABULARY, 3))
    documents = []
    for _ in range(count):
        ids = [int(draw.integers(6, VOCABULARY))]
        while len(ids) < 30:
            ids.append(int(follow[ids[-1], draw.choice(3, p=[0.6, 0.3, 0.1])]))
        documents.append(ids)
    return documents


def entropy(documents: list[list[int]]) -> float:
    """Nats a pair of the counted pairs themselves: no bigram model costs less."""
    pairs = Pairs.of(packed(documents, row=32), vocabulary=VOCABULARY, tokens=10_000)
    of_context = np.bincount(pairs.contexts, pairs.counts)[pairs.contexts]
    return float(-(pairs.counts * np.log(pairs.counts / of_context)).sum() / pairs.counts.sum())


def test_pairs_are_counted_with_the_ends_and_never_across_a_cut() -> None:
    pairs = Pairs.of(packed([[7, 8], [7, 9]], row=4), vocabulary=VOCABULARY, tokens=100)
    told = {(int(a), int(b)): int(n) for a, b, n in zip(pairs.contexts, pairs.tokens, pairs.counts, strict=True)}
    assert told == {(BEGIN, 7): 2, (7, 8): 1, (7, 9): 1, (8, BEGIN): 1, (9, BEGIN): 1}


def test_it_is_the_best_bigram_model_and_the_module_begins_as_it() -> None:
    rows = packed(documents := chain(1), row=32)
    module = build(UNTIED, vocabulary=VOCABULARY, seed=1)
    objective = NextToken(rows, context=32)
    before = objective.mean(module, np.arange(objective.rows), "cpu", batch=8)
    told = start_from_bigrams(module, rows, SETTINGS)
    after = objective.mean(module, np.arange(objective.rows), "cpu", batch=8)
    assert before == pytest.approx(math.log(VOCABULARY), rel=0.05)
    assert after == pytest.approx(told, rel=1e-4)  # nothing but the pairs speaks, whatever stands before them
    assert told == pytest.approx(entropy(documents), abs=0.05)


def test_a_layer_that_was_silent_learns_at_once() -> None:
    rows = packed(chain(2), row=32)
    module = build(UNTIED, vocabulary=VOCABULARY, seed=1)
    start_from_bigrams(module, rows, SETTINGS)
    loss, _ = NextToken(rows, context=32).loss(module, np.arange(4), "cpu")
    loss.backward()
    assert all(float(layer.self_attn.o_proj.weight.grad.abs().max()) > 0 for layer in module.model.layers)


def test_the_same_rows_give_the_same_weights() -> None:
    rows, found = packed(chain(3), row=32), []
    for _ in range(2):
        module = build(UNTIED, vocabulary=VOCABULARY, seed=1)
        start_from_bigrams(module, rows, SETTINGS)
        found.append(module.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_a_tied_head_and_an_empty_text_are_refused_with_the_mend() -> None:
    with pytest.raises(PipelineError, match="direction") as fault:
        start_from_bigrams(build(SHAPE, vocabulary=VOCABULARY, seed=1), packed(chain(1), row=32), SETTINGS)
    assert "model.tie_embeddings=false" in fault.value.mend
    with pytest.raises(PipelineError, match="no pair"):
        start_from_bigrams(build(UNTIED, vocabulary=VOCABULARY, seed=1), packed([], row=32), SETTINGS)
