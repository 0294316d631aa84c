"""The arithmetic of groups against naive loops over plain numbers, and against finite differences."""

import math
from statistics import mean, stdev

import pytest
import torch
from torch import Tensor

from pipeline.align import group_losses
from pipeline.align.group_losses import ADVANTAGES, Loss, distance, spread, surrogate, token_weights

MASK = torch.tensor([[0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0]]).bool()
SCORES = torch.tensor([[1.0, 0.0, 0.0, 3.0], [0.5, 0.5, 0.5, 0.5]]).double()
CLIP = (0.2, 0.28)


def draw(seed: int) -> Tensor:
    return torch.randn(MASK.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 3


def test_advantages_are_above_the_mean_in_deviations_or_above_the_others() -> None:
    scores = SCORES[0].tolist()
    group = [(score - mean(scores)) / (stdev(scores) + 1e-4) for score in scores]
    others = [score - mean(scores[:at] + scores[at + 1 :]) for at, score in enumerate(scores)]
    assert ADVANTAGES["group"](SCORES)[0].tolist() == pytest.approx(group)
    assert ADVANTAGES["centered"](SCORES)[0].tolist() == pytest.approx([score - mean(scores) for score in scores])
    assert ADVANTAGES["leave_one_out"](SCORES)[0].tolist() == pytest.approx(others)


@pytest.mark.parametrize("name", ADVANTAGES)
def test_a_group_of_equal_answers_teaches_nothing(name: group_losses.Advantage) -> None:
    assert spread(SCORES).tolist() == [True, False]
    assert ADVANTAGES[name](SCORES)[1].tolist() == [0.0] * 4
    assert ADVANTAGES[name](SCORES).sum(1).tolist() == pytest.approx([0.0, 0.0])


def test_what_a_token_counts_is_what_the_papers_say() -> None:
    values, lengths = draw(1), MASK.sum(1).tolist()
    rows = [[value for value, real in zip(*both, strict=True) if real] for both in zip(values.tolist(), MASK.tolist(), strict=True)]
    flat = [value for row in rows for value in row]
    expected: dict[Loss, float] = {
        "grpo": mean(mean(row) for row in rows),
        "bnpo": mean(flat),
        "dapo": sum(flat) / (3 * 4.5),
        "dr_grpo": sum(flat) / (3 * 8),
    }
    assert lengths == [3, 6, 1]
    for loss, value in expected.items():
        weights = token_weights(MASK, loss, mean_tokens=4.5, most_tokens=8)
        assert (values * weights).sum().item() == pytest.approx(value), loss


def test_the_surrogate_is_the_pessimistic_one_and_the_upper_bound_is_higher() -> None:
    new, old, worth = draw(1), draw(2), torch.tensor([1.5, -0.7, 0.4]).double()
    terms, clipped = surrogate(new, old, worth, MASK, clip=CLIP)
    bitten = 0
    for row, at in MASK.nonzero().tolist():
        ratio, gain = math.exp((new - old)[row, at].item()), worth[row].item()
        bound = min(max(ratio, 0.8), 1.28)
        assert terms[row, at].item() == pytest.approx(-min(gain * ratio, gain * bound))
        assert clipped[row, at].item() == (gain * bound < gain * ratio)
        bitten += gain * bound < gain * ratio
    assert bitten == clipped.sum() > 0
    assert terms[~MASK].eq(0).all()


def test_the_estimate_of_kl_is_never_negative_and_right_on_average() -> None:
    """Over the reference's alternatives, weighed by the policy's own probabilities, it is KL."""
    policy, reference = draw(3)[0].log_softmax(0), draw(4)[0].log_softmax(0)
    everywhere = torch.ones(6, 1).bool()
    found = distance(policy[:, None], reference[:, None], everywhere)[:, 0]
    assert (found >= 0).all()
    kl = (policy.exp() * (policy - reference)).sum()
    assert (policy.exp() * found).sum().item() == pytest.approx(kl.item())


@pytest.mark.parametrize("junk", [1e9, math.nan])
def test_what_stands_in_the_padding_changes_neither_a_term_nor_a_slope(junk: float) -> None:
    worth = torch.ones(3).double()

    def found(fill: float) -> list[float]:
        new, old = draw(1).masked_fill(~MASK, fill).requires_grad_(), draw(2).masked_fill(~MASK, fill)
        terms, _ = surrogate(new, old, worth, MASK, clip=CLIP)
        (terms + distance(new, old, MASK)).sum().backward()
        assert new.grad is not None
        assert new.grad[~MASK].eq(0).all()
        return [terms.sum().item(), new.grad.sum().item()]

    assert found(junk) == found(0.0)


def test_their_slopes() -> None:
    new, old, worth = draw(1).requires_grad_(), draw(2), torch.tensor([1.5, -0.7, 0.4]).double()
    assert torch.autograd.gradcheck(lambda now: surrogate(now, old, worth, MASK, clip=CLIP)[0], new)
    assert torch.autograd.gradcheck(lambda now: distance(now, old, MASK), new)
