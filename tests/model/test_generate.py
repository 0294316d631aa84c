"""Generation: transformers' own loop is the oracle for greedy, the distribution itself for sampling."""

import copy

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.model import decode
from pipeline.model.batches import right_padded
from pipeline.model.build import build
from pipeline.model.decode import Fast, _Cached, decoder_of
from pipeline.model.generate import generate
from pipeline.model.sampling import pick
from pipeline.tokens.special import END, IDS
from tests.model.conftest import SHAPE, SIZE
from tests.model.every_kind import shape_of

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


@pytest.mark.parametrize("kind", ["qwen3", "llama", "mistral"])
@pytest.mark.parametrize("heads", [1, 2])
def test_the_fast_way_gives_the_logits_of_transformers_and_its_rows_may_leave(kind: str, heads: int) -> None:
    module = build(
        shape_of(kind) | {"heads": 2, "kv_heads": heads} | ({"window": None} if kind == "mistral" else {}), vocabulary=SIZE, seed=1
    )
    for name, weight in module.named_parameters():
        if "norm" in name:  # fresh ones are all 1
            weight.data = torch.linspace(0.5, 1.5, weight.numel())
    fast, slow = decoder_of(module), _Cached(module)
    assert type(fast) is Fast
    prompts = [*PROMPTS, PROMPTS[1], PROMPTS[1]]
    logits = fast.begin(prompts, room=4)
    torch.testing.assert_close(logits, slow.begin(prompts, room=4), rtol=0, atol=2e-5)
    rows = torch.arange(len(prompts))
    for step, staying in enumerate([rows, torch.tensor([1, 2, 5]), torch.tensor([2, 0])]):
        assert fast.keep(staying)
        rows = rows[staying]
        tokens = torch.arange(20, 20 + len(prompts)) + step
        wanted = slow.step(tokens)
        torch.testing.assert_close(fast.step(tokens[rows]), wanted[rows], rtol=0, atol=2e-5)


def test_equal_prompts_are_read_once(module: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(decode, "right_padded", lambda rows, **rest: read.extend(rows) or right_padded(rows, **rest))
    answers = generate(module, [PROMPTS[0]] * 9 + [PROMPTS[1]], max_new=4, temperature=0, seed=1, batch=10)
    assert sorted(map(list, read)) == sorted(PROMPTS[:2])
    assert answers[:9] == [answers[0]] * 9


def test_a_module_that_computes_otherwise_takes_the_way_of_transformers(module: PreTrainedModel) -> None:
    assert type(decoder_of(module)) is Fast
    for kind in ("gpt2", "bloom", "mixtral", "deepseek", "mamba2", "bamba"):
        assert type(decoder_of(build(shape_of(kind), vocabulary=SIZE, seed=1))) is _Cached
    windowed = build(shape_of("mistral"), vocabulary=SIZE, seed=1)
    assert windowed.config.sliding_window
    assert type(decoder_of(windowed)) is _Cached
    biased = copy.deepcopy(module)
    biased.model.layers[0].mlp.up_proj.bias = torch.nn.Parameter(torch.ones(biased.model.layers[0].mlp.up_proj.out_features))
    assert type(decoder_of(biased)) is _Cached


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
