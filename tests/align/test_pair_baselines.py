"""What can be told of pairs without reading them."""

import numpy as np
import pytest
import torch

from pipeline.align.pair_baselines import FEATURES, RIDGE, Unigram, baselines, bradley_terry_weights
from pipeline.tokens.dialogues import Pair


def made(count: int, seed: int) -> list[Pair]:
    """The chosen answer repeats nothing; lengths tell nothing."""
    generator, found = np.random.default_rng(seed), []
    for number in range(count):
        prompt, answer = (generator.permutation(200)[:8].tolist() for _ in range(2))
        again = [*answer[:4], *answer[:4]]
        found.append(Pair(prompt, answer, again, ("rude", "wrong")[number % 2], f"fact-{number}"))
    return found


def test_the_longer_answer_wins_ties_are_half_right() -> None:
    sides = [([2, 3], [2], "a"), ([2], [2, 3], "a"), ([4], [2], "b"), ([2, 3], [4], "b")]
    some = [Pair([1], chosen, rejected, kind, f"fact-{number}") for number, (chosen, rejected, kind) in enumerate(sides)]
    found = baselines(some, some, seed=1)["length"]
    assert found["accuracy"] == pytest.approx(2.5 / 4)
    assert {kind: (one["accuracy"], one["n"]) for kind, one in found["kinds"].items()} == {"a": (0.5, 2), "b": (0.75, 2)}


def test_the_linear_model_finds_what_tells_the_pairs_apart_and_length_does_not() -> None:
    found = baselines(made(60, 1), made(40, 2), seed=1)
    assert found["linear"]["accuracy"] == 1.0
    assert found["length"]["accuracy"] == 0.5
    weights = found["linear"]["weights"]
    assert min(weights, key=weights.__getitem__) == "repetition"
    assert found["linear"]["accuracy_low"] < 1.0


def test_features_are_those_of_the_chosen_answer_less_those_of_the_rejected() -> None:
    pair = Pair([1, 2], [1, 3, 4], [2, 1, 2, 1], "a")
    unigram = Unigram([pair])  # counts: 1 three times, 2 twice, 3 and 4 once; 7 + 4 + 1 in all
    length, overlap, repetition, nats = unigram.features(pair)
    assert (length, overlap, repetition) == pytest.approx((-1, 1 / 3 - 1, 0 - 1 / 3))
    assert nats == pytest.approx((np.log(4 / 12) + 2 * np.log(2 / 12)) / 3 - (np.log(3 / 12) + np.log(4 / 12)) / 2)
    assert len(FEATURES) == 4


def test_the_weights_are_those_of_the_greatest_likelihood() -> None:
    """Against torch's own descent on the same sum."""
    differences = np.random.default_rng(1).normal([0.5, -0.3, 0.0, 1.0], size=(50, 4))
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = -torch.nn.functional.logsigmoid(torch.from_numpy(differences) @ weights).sum() + RIDGE * 50 / 2 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    assert bradley_terry_weights(differences) == pytest.approx(weights.detach().numpy(), rel=1e-5)


def test_pairs_that_a_feature_parts_wholly_leave_its_weight_finite() -> None:
    assert np.isfinite(bradley_terry_weights(np.ones((9, 1)))).all()
