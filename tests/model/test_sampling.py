"""What may be drawn: exact probabilities for eight logits, transformers' own cuts, and drawing with a cache as without."""

import math

import numpy as np
import pytest
import torch
from transformers import MinPLogitsWarper, PreTrainedModel, RepetitionPenaltyLogitsProcessor, TopKLogitsWarper, TopPLogitsWarper

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.model.beam import beam_search
from pipeline.model.build import build
from pipeline.model.generate import generate
from pipeline.model.sampling import Cut, left, penalised, pick
from pipeline.model.speculative import speculate
from tests.model.every_kind import OWN
from tests.tiny_shape import SHAPE

HUNDREDTHS = [40, 20, 15, 10, 6, 4, 3, 2]
LOGITS = torch.tensor([[math.log(one) for one in HUNDREDTHS]], dtype=torch.float64)
NO_END = (1,)  # padding, which these models hardly write


def shares(kept: int, power: float = 1.0) -> list[float]:
    weights = [one**power for one in HUNDREDTHS[:kept]]
    return [one / sum(weights) for one in weights] + [0.0] * (8 - kept)


@pytest.mark.parametrize(
    ("cut", "temperature", "expected"),
    [
        (Cut(), 1.0, shares(8)),
        (Cut(), 0.5, shares(8, 2.0)),
        (Cut(), 2.0, shares(8, 0.5)),
        (Cut(top_k=3), 1.0, [40 / 75, 20 / 75, 15 / 75, 0, 0, 0, 0, 0]),
        (Cut(top_p=0.7), 1.0, [40 / 75, 20 / 75, 15 / 75, 0, 0, 0, 0, 0]),
        (Cut(top_p=0.5), 1.0, [40 / 60, 20 / 60, 0, 0, 0, 0, 0, 0]),
        (Cut(top_p=0.1), 1.0, [1, 0, 0, 0, 0, 0, 0, 0]),
        (Cut(min_p=0.2), 1.0, [40 / 85, 20 / 85, 15 / 85, 10 / 85, 0, 0, 0, 0]),
        (Cut(top_k=4), 0.5, shares(4, 2.0)),
        (Cut(top_k=3, top_p=0.75), 0.5, [1600 / 2000, 400 / 2000, 0, 0, 0, 0, 0, 0]),  # 1600 of 2225 are less than .75
    ],
)
def test_eight_logits_have_exact_probabilities(cut: Cut, temperature: float, expected: list[float]) -> None:
    found = left(LOGITS / temperature, cut).softmax(-1)[0].tolist()
    assert found == pytest.approx(expected, abs=1e-12)
    draws = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    tokens = pick(LOGITS.expand(10_000, -1), draws, temperature, cut)
    assert (torch.bincount(tokens, minlength=8) / 10_000).tolist() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_cuts_are_those_of_transformers(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits, ids = torch.randn(4, 50, generator=draw) * 3, torch.randint(50, (4, 9), generator=draw)
    seen = torch.zeros(4, 50, dtype=torch.bool).scatter(1, ids, True)
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(ids, logits.clone())
    assert torch.equal(penalised(logits, seen, 1.3), theirs)
    for mine, other in (
        (Cut(top_k=7), TopKLogitsWarper(7)),
        (Cut(top_p=0.8), TopPLogitsWarper(0.8)),
        (Cut(min_p=0.1), MinPLogitsWarper(0.1)),
    ):
        torch.testing.assert_close(left(logits, mine), other(ids, logits.clone()))


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    module = build(SHAPE, vocabulary=40, seed=1)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim == 2:
                weight *= 8
    return module


def without_cache(model: PreTrainedModel, prompt: list[int], choose, length: int) -> list[int]:
    ids = list(prompt)
    for step in range(length):
        with torch.no_grad():
            ids.append(choose(model(input_ids=torch.tensor([ids]), use_cache=False).logits[:, -1].float(), ids, step))
    return ids[len(prompt) :]


@pytest.mark.parametrize(
    "cut", [Cut(top_k=5), Cut(top_p=0.6), Cut(min_p=0.2), Cut(repetition_penalty=1.5), Cut(top_k=9, repetition_penalty=1.2)]
)
def test_drawn_with_the_cache_as_without_it(model: PreTrainedModel, cut: Cut) -> None:
    prompts = [[5, 9, 13], [7, 8, 9, 10, 11]]
    found = generate(model, prompts, max_new=12, temperature=0.9, seed=3, batch=2, ends=NO_END, cut=cut)
    for number, prompt in enumerate(prompts):
        draws = torch.from_numpy(stream(3, "sample", number).random(12))

        def choose(logits: torch.Tensor, ids: list[int], step: int, draws: torch.Tensor = draws) -> int:
            seen = torch.zeros(1, 40, dtype=torch.bool)
            seen[0, ids] = True
            return int(pick(logits, draws[step : step + 1], 0.9, cut, seen))

        assert found[number] == without_cache(model, prompt, choose, 12)[: len(found[number])]
        assert len(found[number]) > 3


def test_a_penalty_makes_greedy_answers_repeat_less(model: PreTrainedModel) -> None:
    plain, varied = (
        generate(model, [[5, 6, 7]], max_new=30, temperature=0, seed=1, batch=1, ends=NO_END, cut=Cut(repetition_penalty=penalty))[0]
        for penalty in (1.0, 3.0)
    )
    assert len(set(varied)) > len(set(plain))


@pytest.mark.parametrize("kind", ["qwen3", "gpt2"])
def test_one_beam_is_greedy_and_several_find_what_is_at_least_as_likely(kind: str) -> None:
    shape = SHAPE | {"kind": kind} | ({"kv_heads": 2} if kind == "gpt2" else {})
    module = build(shape, vocabulary=40, seed=2)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim == 2:
                weight *= 6
    prompt = [9, 10, 11]
    greedy = generate(module, [prompt], max_new=8, temperature=0, seed=1, batch=1, ends=NO_END)[0]
    (alone,) = beam_search(module, prompt, beams=1, max_new=8, length_penalty=0.0, ends=NO_END)
    assert alone.ids == greedy
    best, *_ = beam_search(module, prompt, beams=6, max_new=8, length_penalty=0.0, ends=NO_END)
    assert best.score >= alone.score
    for one in (best, alone):
        ids = torch.tensor([[*prompt, *one.ids]])
        with torch.no_grad():
            logprobs = module(input_ids=ids).logits[0].float().log_softmax(-1)
        whole = sum(float(logprobs[at - 1, ids[0, at]]) for at in range(len(prompt), ids.shape[1]))
        ended = float(logprobs[-1, 1]) if len(one.ids) < 8 else 0.0
        assert one.score == pytest.approx(whole + ended, abs=1e-3)


def test_all_beams_find_the_likeliest_answer_of_two_tokens(model: PreTrainedModel) -> None:
    prompt = [5, 6]
    with torch.no_grad():
        first = model(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
        rows = torch.tensor([[*prompt, token] for token in range(40)])
        second = model(input_ids=rows).logits[:, -1].log_softmax(-1)
    together = first[:, None] + second
    together[1] = together[:, 1] = -torch.inf  # token 1 ends an answer
    best = beam_search(model, prompt, beams=40, max_new=2, length_penalty=0.0, ends=NO_END)
    longer = next(one for one in best if len(one.ids) == 2)
    assert longer.ids == list(divmod(int(together.argmax()), 40))
    assert longer.score == pytest.approx(float(together.max()), abs=1e-4)


@pytest.mark.parametrize("ends", [(39,), (5, 6), (0, 1, 2, 3)])
def test_beams_end_where_greedy_decoding_ends(model: PreTrainedModel, ends: tuple[int, ...]) -> None:
    written = 0
    for first in range(8, 39):
        greedy = generate(model, [[first, 7]], max_new=6, temperature=0, seed=1, batch=1, ends=ends)[0]
        (alone,) = beam_search(model, [first, 7], beams=1, max_new=6, length_penalty=0.0, ends=ends)
        assert alone.ids == greedy
        written += len(greedy) < 6
        assert beam_search(model, [first, 7], beams=3, max_new=6, length_penalty=1.0, ends=ends)
    assert written, "some of these answers end"


@pytest.mark.parametrize("kind", ["mistral", "mamba2"])
def test_a_model_that_can_not_take_back_what_it_read_is_refused(model: PreTrainedModel, kind: str) -> None:
    other = build(SHAPE | {"kind": kind} | OWN[kind], vocabulary=40, seed=1)
    with pytest.raises(PipelineError, match="can't be taken back"):
        speculate(model, other, [5, 9], ahead=2, max_new=4, temperature=0, seed=1)


@pytest.mark.parametrize("ahead", [1, 3, 6])
def test_speculation_at_temperature_0_writes_the_greedy_answer(model: PreTrainedModel, ahead: int) -> None:
    greedy = generate(model, [[5, 9, 13]], max_new=20, temperature=0, seed=1, batch=1, ends=NO_END)[0]
    for draft in (build(SHAPE, vocabulary=40, seed=5), model):
        found = speculate(model, draft, [5, 9, 13], ahead=ahead, max_new=20, temperature=0, seed=1, ends=NO_END)
        assert found.ids == greedy
        assert found.taken <= found.proposed
    assert found.taken == found.proposed, "its own proposals are all taken"


def test_speculation_draws_from_the_large_model_whatever_the_draft_says() -> None:
    large, draft = (build(SHAPE | {"layers": 1, "tie_embeddings": False}, vocabulary=12, seed=seed) for seed in (1, 2))
    with torch.no_grad():
        for module in (large, draft):
            module.get_output_embeddings().weight.mul_(12)
        expected = large(input_ids=torch.tensor([[7, 8]])).logits[0, -1].double().softmax(-1).numpy()
        other = draft(input_ids=torch.tensor([[7, 8]])).logits[0, -1].double().softmax(-1).numpy()
    drawn = 1000
    firsts = [speculate(large, draft, [7, 8], ahead=1, max_new=2, temperature=1, seed=seed, ends=()).ids[0] for seed in range(drawn)]
    counts = np.bincount(firsts, minlength=12)
    spread = 4 * np.sqrt(expected * (1 - expected) / drawn) + 2e-3
    assert (np.abs(counts / drawn - expected) < spread).all()
    assert np.abs(expected - other).max() > 0.05, "the draft says something else"
