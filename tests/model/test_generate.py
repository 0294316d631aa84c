"""Generation: transformers' own loop is the oracle for greedy, the distribution itself for sampling."""

import numpy as np
import torch
from transformers import PreTrainedModel

from pipeline.model.build import build
from pipeline.model.generate import generate, pick
from pipeline.tokens.special import END, IDS
from tests.model.conftest import SHAPE, SIZE

PROMPTS = [[0, 3, 50, 60, 4], [0, 3, 70, 4], [0, 3, *range(80, 95), 4], [0], [0, 3, 61, 60, 4]]


def test_greedy_answers_are_those_of_transformers(module: PreTrainedModel) -> None:
    ours = generate(module, PROMPTS, max_new=12, temperature=0, seed=1, batch=8)
    for prompt, answer in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([prompt])
        theirs = module.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        row = theirs[0, len(prompt) :].tolist()
        assert answer == (row[: row.index(IDS[END])] if IDS[END] in row else row)


def test_an_answer_does_not_depend_on_its_batch(module: PreTrainedModel) -> None:
    for temperature in (0.0, 1.0):
        one, all_at_once = (generate(module, PROMPTS, max_new=12, temperature=temperature, seed=3, batch=batch) for batch in (1, 5))
        assert one == all_at_once


def test_another_seed_gives_other_answers(module: PreTrainedModel) -> None:
    first, again, other = (generate(module, PROMPTS, max_new=12, temperature=1.0, seed=seed, batch=5) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_sampling_follows_the_distribution() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    draws = torch.rand(40_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = np.bincount(pick(logits.expand(40_000, 4), draws, 0.5).numpy(), minlength=4) / 40_000
    assert np.abs(found - (logits / 0.5).softmax(-1).numpy()).max() < 0.01


def test_a_likely_end_stops_the_answer() -> None:
    module = build(SHAPE | {"tie_embeddings": False}, vocabulary=SIZE, seed=1)
    with torch.no_grad():
        module.get_output_embeddings().weight.zero_()
        module.get_output_embeddings().weight[IDS[END]] = 100 * module.model.norm(module.get_input_embeddings().weight[70])
    answers = generate(module, [[0, 70], [0, 71]], max_new=4, temperature=0, seed=1, batch=2)
    assert answers[0] == []


def test_no_prompts_give_no_answers(module: PreTrainedModel) -> None:
    assert generate(module, [], max_new=4, temperature=0, seed=1, batch=2) == []
