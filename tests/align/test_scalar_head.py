"""A reward model is the fine-tuned body with a fresh head, read at the last token."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch import nn

from pipeline.align.ppo_rollout import Scale, given, pack_answers, scale_of, scores_of, values_of
from pipeline.align.scalar_head import with_scalar_head
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.model.reward import load_reward, rewards_of
from pipeline.model.score import answer_logprobs
from pipeline.tokens.special import ASSISTANT, IDS
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.align.test_ppo import PROMPTS, WRITTEN, answers
from tests.align.tiny import VOCABULARY, pairs, same, tiny, weights
from tests.tiny_shape import SHAPE


def test_the_head_has_a_stream_of_its_own_and_the_body_is_kept() -> None:
    policy = tiny(1)
    torch.manual_seed(1)
    first = with_scalar_head(policy, heads=1, seed=5)
    torch.manual_seed(2)
    second, third = with_scalar_head(policy, heads=1, seed=5), with_scalar_head(policy, heads=1, seed=6)
    assert same(weights(first), weights(second))
    assert not torch.equal(first.score.weight, third.score.weight)
    body = weights(policy.base_model)
    assert same(body, weights(first.base_model))
    assert first.score.weight.std().item() == pytest.approx(1 / math.sqrt(33), rel=0.3)


def test_the_neighbours_in_a_batch_never_change_a_reward() -> None:
    reward = with_scalar_head(tiny(1), heads=1, seed=5)
    sequences = [[0, 9, 8, 5], [0, 5], [0, *range(6, 30), 5]]
    alone = torch.cat([rewards_of(reward, [sequence], batch=1) for sequence in sequences])
    torch.testing.assert_close(rewards_of(reward, sequences, batch=3), alone, rtol=1e-5, atol=1e-6)


def test_a_reward_is_the_head_s_answer_to_the_last_token() -> None:
    reward = with_scalar_head(tiny(1), heads=1, seed=5)
    hidden = reward.base_model(input_ids=torch.tensor([[0, 9, 8, 5]])).last_hidden_state[0, -1]
    expected = hidden @ reward.score.weight[0]
    torch.testing.assert_close(rewards_of(reward, [[0, 9, 8, 5]], batch=1)[0], expected)


@pytest.mark.parametrize("tied", [True, False])
def test_a_reward_with_likelihood_loads_back(tmp_path: Path, tokenizer: tokenizers.Tokenizer, tied: bool) -> None:
    words = Tokenizer(tmp_path / "tokenizer")
    save_tokenizer(tokenizer, words)
    reward = with_scalar_head(build(SHAPE | {"tie_embeddings": tied}, vocabulary=VOCABULARY, seed=1), heads=1, seed=5, likelihood=2.0)
    save(reward, RewardModel(tmp_path / "reward"), tokenizer=words, facts={})
    again = load_reward(RewardModel(tmp_path / "reward"), device="cpu")
    sequences = [[0, 9, 4, 8, 7, 5], [0, 4, 9, 5]]
    assert torch.equal(rewards_of(again, sequences, batch=2), rewards_of(reward, sequences, batch=2))
    assert not torch.equal(
        rewards_of(again, sequences, batch=2), rewards_of(with_scalar_head(tiny(1), heads=1, seed=5), sequences, batch=2)
    )


def test_what_a_policy_wrote_earns_the_reward_of_the_same_words() -> None:
    reward = with_scalar_head(tiny(1), heads=1, seed=5, likelihood=2.0)
    earned = scores_of(reward, answers(), Scale(0.0, 1.0, 99.0, 0.0), missing_eos_penalty=0.0, batch=2)
    ends = [[5] if ended else [] for ended in answers().ended.tolist()]
    whole = [[*prompt, *said, *end] for prompt, said, end in zip(PROMPTS, WRITTEN, ends, strict=True)]
    torch.testing.assert_close(earned, rewards_of(reward, whole, batch=3, begins=[len(prompt) for prompt in PROMPTS]))


def test_logits_that_are_no_product_of_the_head_are_refused_with_the_way_on() -> None:
    class Scaled(nn.Module):
        def __init__(self, whole: Any) -> None:
            super().__init__()
            self.whole, self.config, self.device, self.base_model = whole, whole.config, whole.device, whole.base_model

        def get_output_embeddings(self) -> Any:
            return self.whole.get_output_embeddings()

        def forward(self, **inputs: Any) -> Any:
            output = self.whole(**inputs)
            output.logits = output.logits / 2
            return output

    with pytest.raises(PipelineError, match="not the product") as fault:
        with_scalar_head(Scaled(tiny(1)), heads=1, seed=5, likelihood=2.0)  # type: ignore[arg-type]
    assert fault.value.mend == "reward.likelihood=0"


@pytest.mark.parametrize("last", [4, 9])
def test_a_policy_that_writes_a_header_gains_nothing_by_it(last: int) -> None:
    """Its tokens count from where it was asked on, whatever they are."""
    policy = tiny(1)
    reward, heads = (with_scalar_head(policy, heads=1, seed=5, likelihood=weight) for weight in (2.0, 0.0))
    prompt, wrote = [0, 9, 8, IDS[ASSISTANT]], [30, 31, IDS[ASSISTANT], 32, IDS[ASSISTANT] if last == 4 else last]
    likely = answer_logprobs(policy, [(prompt, wrote)], batch=1) / len(wrote)
    expected = rewards_of(heads, [[*prompt, *wrote]], batch=1) + 2.0 * likely
    some = pack_answers([prompt], [wrote], max_new_tokens=len(wrote), device="cpu")
    torch.testing.assert_close(scores_of(reward, some, Scale(0.0, 1.0, 99.0, 0.0), missing_eos_penalty=0.0, batch=1), expected)
    torch.testing.assert_close(rewards_of(reward, [[*prompt, *wrote]], batch=1, begins=[len(prompt)]), expected)


def test_the_critic_begins_with_what_the_heads_expect_and_not_with_the_likelihood() -> None:
    reward, some = with_scalar_head(tiny(1), heads=1, seed=5, likelihood=2.0), pairs(6)
    scale = scale_of(reward, some, clip=4.0, batch=4)
    asked = [(pair.prompt, answer) for pair in some for answer in (pair.chosen, pair.rejected)]
    whole = given([prompt for prompt, _ in asked], [answer for _, answer in asked], [True] * len(asked), device="cpu")
    heads = with_scalar_head(tiny(1), heads=1, seed=5)
    expected = rewards_of(heads, [[*prompt, *answer] for prompt, answer in asked], batch=4).mean()
    assert scale.expected == pytest.approx(expected.item(), rel=1e-5)
    assert abs(scale.mean - scale.expected) > 1
    before_end = values_of(reward, whole, scale)
    torch.testing.assert_close(before_end, values_of(heads, whole, replace(scale, mean=scale.expected)))
