"""The arithmetic of PPO against naive loops over plain numbers."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.align import ppo_losses

MASK = torch.tensor([[0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0]]).bool()
DISCOUNT, SMOOTHING = 0.9, 0.8


def draw(seed: int) -> Tensor:
    return torch.randn(MASK.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def answer(row: Tensor, mask: Tensor) -> list[float]:
    return [value for value, real in zip(row.tolist(), mask.tolist(), strict=True) if real]


def test_an_advantage_is_the_discounted_sum_of_the_surprises_that_follow() -> None:
    rewards, values = draw(1), draw(2)
    advantages, returns = ppo_losses.gae(rewards, values, MASK, discount=DISCOUNT, smoothing=SMOOTHING)
    for number in range(len(MASK)):
        earned, expected = answer(rewards[number], MASK[number]), answer(values[number], MASK[number])
        surprises = [r + DISCOUNT * after - v for r, v, after in zip(earned, expected, [*expected[1:], 0.0], strict=True)]
        for at, found in enumerate(answer(advantages[number], MASK[number])):
            oracle = sum((DISCOUNT * SMOOTHING) ** (later - at) * surprises[later] for later in range(at, len(surprises)))
            assert found == pytest.approx(oracle)
            assert answer(returns[number], MASK[number])[at] == pytest.approx(oracle + expected[at])


def test_without_smoothing_and_discount_a_return_is_the_sum_of_what_is_still_earned() -> None:
    rewards = draw(1)
    _, returns = ppo_losses.gae(rewards, draw(2), MASK, discount=1.0, smoothing=1.0)
    earned = answer(rewards[1], MASK[1])
    assert answer(returns[1], MASK[1]) == pytest.approx([sum(earned[at:]) for at in range(len(earned))])


def test_the_policy_loss_is_the_pessimistic_one_of_two_surrogates() -> None:
    new, old, advantages = draw(1) / 3, draw(2) / 3, draw(3)
    loss, clipped = ppo_losses.policy_loss(new, old, advantages, MASK, clip=(0.2, 0.2))
    terms, bitten = [], 0
    for number in range(len(MASK)):
        for p, q, a in zip(*(answer(tensor[number], MASK[number]) for tensor in (new, old, advantages)), strict=True):
            ratio = math.exp(p - q)
            bound = min(max(ratio, 0.8), 1.2)
            terms.append(min(a * ratio, a * bound))
            bitten += a * bound < a * ratio
    assert loss.item() == pytest.approx(-sum(terms) / len(terms))
    assert clipped.item() == pytest.approx(bitten / len(terms))
    assert bitten > 0


def test_the_value_loss_takes_the_larger_error_of_the_free_and_the_bounded_move() -> None:
    new, old, returns = draw(1), draw(2), draw(3)
    loss = ppo_losses.value_loss(new, old, returns, MASK, clip=0.2)
    terms = []
    for number in range(len(MASK)):
        for v, o, r in zip(*(answer(tensor[number], MASK[number]) for tensor in (new, old, returns)), strict=True):
            terms.append(max((v - r) ** 2, (o + min(max(v - o, -0.2), 0.2) - r) ** 2))
    assert loss.item() == pytest.approx(0.5 * sum(terms) / len(terms))


def test_the_score_is_paid_at_the_last_token_and_kl_at_each() -> None:
    rewards = ppo_losses.token_rewards(torch.tensor([5.0, 6.0, 7.0]).double(), draw(1), MASK, kl_coef=0.1)
    for number, score in enumerate((5.0, 6.0, 7.0)):
        penalties = [-0.1 * kl for kl in answer(draw(1)[number], MASK[number])]
        assert answer(rewards[number], MASK[number]) == pytest.approx([*penalties[:-1], penalties[-1] + score])
    assert rewards[~MASK].eq(0).all()


def test_whitened_advantages_have_mean_zero_and_variance_one_over_the_answers() -> None:
    found = ppo_losses.whiten(3 * draw(1) + 7, MASK)[MASK]
    assert found.mean().item() == pytest.approx(0, abs=1e-9)
    assert found.var(correction=0).item() == pytest.approx(1)


@pytest.mark.parametrize("junk", [0.0, 1e9, math.nan])
def test_what_stands_in_the_padding_never_changes_a_loss(junk: float) -> None:
    def losses(fill: float) -> list[float]:
        new, old, third = (draw(seed).masked_fill(~MASK, fill) for seed in (1, 2, 3))
        advantages, returns = ppo_losses.gae(third, old, MASK, discount=DISCOUNT, smoothing=SMOOTHING)
        rewards = ppo_losses.token_rewards(torch.ones(3).double(), new, MASK, kl_coef=0.1)
        return [
            *(loss.item() for loss in ppo_losses.policy_loss(new, old, advantages, MASK, clip=(0.2, 0.2))),
            ppo_losses.value_loss(new, old, returns, MASK, clip=0.2).item(),
            rewards.sum().item(),
            ppo_losses.whiten(new, MASK).abs().sum().item(),
        ]

    assert losses(junk) == losses(1.0)


def test_padding_leaves_no_gradient_behind() -> None:
    new = draw(1).masked_fill(~MASK, 50.0).requires_grad_()
    loss, _ = ppo_losses.policy_loss(new, draw(2), draw(3), MASK, clip=(0.2, 0.2))
    loss.backward()
    assert new.grad is not None
    assert new.grad.isfinite().all()
    assert new.grad[~MASK].eq(0).all()


def test_the_entropy_of_equal_choices_is_the_logarithm_of_their_number() -> None:
    assert ppo_losses.entropy(torch.zeros(1, 1, 8)).item() == pytest.approx(math.log(8))


def test_whitened_rewards_keep_their_mean() -> None:
    values = draw(4) * 3 + 2
    found = ppo_losses.scaled(values, MASK)
    assert found[MASK].mean().item() == pytest.approx(values[MASK].mean().item(), rel=1e-5)
    assert found[MASK].std(correction=0).item() == pytest.approx(1.0, rel=1e-5)
    assert found[~MASK].eq(0).all()


def test_the_ratio_is_bound_below_and_above_by_bounds_of_their_own() -> None:
    ratio = torch.tensor([[0.5, 1.25, 1.25]])
    mask, advantages = torch.ones(1, 3, dtype=torch.bool), torch.tensor([[-1.0, 1.0, -1.0]])
    loss, clipped = ppo_losses.policy_loss(ratio.log(), torch.zeros(1, 3), advantages, mask, clip=(0.3, 0.2))
    assert loss.item() == pytest.approx((0.7 - 1.2 + 1.25) / 3)  # at a loss, above the bound, nothing is spared
    assert clipped.item() == pytest.approx(2 / 3)


def test_a_critic_without_a_bound_is_judged_by_its_squared_error() -> None:
    values, old, returns = draw(1), draw(2), draw(3)
    free = ppo_losses.value_loss(values, old, returns, MASK, clip=None)
    assert free.item() == pytest.approx(0.5 * ((values - returns)[MASK] ** 2).mean().item(), rel=1e-5)
    assert ppo_losses.value_loss(values, old, returns, MASK, clip=0.01) > free


def test_the_weight_of_kl_rises_above_the_target_and_falls_below_it() -> None:
    weights = [ppo_losses.adapted_kl_coef(1.0, kl, target=2.0, gain=0.1) for kl in (0.0, 1.9, 2.0, 2.1, 90.0)]
    assert weights == pytest.approx([0.98, 0.995, 1.0, 1.005, 1.02])
