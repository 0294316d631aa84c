"""Scoring: padding and windows never change what a token costs."""

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.model.score import answer_logprobs, document_nats, token_logprobs

DRAW = np.random.default_rng(2)
DOCUMENTS = [DRAW.integers(6, 270, size=size) for size in (40, 1, 64, 2, 150)]


def plain(module: PreTrainedModel, ids: list[int]) -> list[float]:
    """The log-probability of each token after the first, the slow way."""
    with torch.no_grad():
        logprobs = module(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return [float(logprobs[place, token]) for place, token in enumerate(ids[1:])]


def test_token_logprobs_are_those_of_the_softmax(module: PreTrainedModel) -> None:
    rows = torch.from_numpy(np.stack([DRAW.integers(6, 270, size=9) for _ in range(3)]))
    found = token_logprobs(module, rows)
    assert found.requires_grad
    torch.testing.assert_close(found.detach().double(), torch.tensor([plain(module, row) for row in rows.tolist()], dtype=torch.float64))


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_padding_and_batch_never_change_an_answers_logprob(module: PreTrainedModel, batch: int) -> None:
    sequences = [(document[:cut].tolist(), document[cut:45].tolist()) for document in (DOCUMENTS[0], DOCUMENTS[2]) for cut in (3, 11, 30)]
    found = answer_logprobs(module, sequences, batch=batch)
    expected = [sum(plain(module, prompt + answer)[len(prompt) - 1 :]) for prompt, answer in sequences]
    torch.testing.assert_close(found.double(), torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-4)


def test_one_window_over_all_costs_what_the_document_costs(module: PreTrainedModel) -> None:
    found = document_nats(module, DOCUMENTS[:4], window=64, stride=32, batch=3)
    expected = [-sum(plain(module, document.tolist())) for document in DOCUMENTS[:4]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-3)


def test_a_long_document_is_read_in_windows_that_count_each_token_once(module: PreTrainedModel) -> None:
    [found] = document_nats(module, DOCUMENTS[4:], window=64, stride=32, batch=2).tolist()
    ids = DOCUMENTS[4].tolist()
    expected = -sum(plain(module, ids[:64])) - sum(plain(module, ids[32:96])[31:]) - sum(plain(module, ids[64:128])[31:])
    expected -= sum(plain(module, ids[86:150])[41:])
    assert found == pytest.approx(expected, rel=1e-5)
