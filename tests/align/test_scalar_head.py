"""A reward model is the fine-tuned body with a fresh head, read at the last token."""

import math

import pytest
import torch

from pipeline.align.scalar_head import with_scalar_head
from pipeline.model.reward import rewards_of
from tests.align.tiny import same, tiny, weights


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
