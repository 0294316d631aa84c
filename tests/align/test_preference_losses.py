"""The losses of good and bad answers: against plain numbers, against TRL's own where it has them, against finite differences."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

from pipeline.align import preference_losses

CHOSEN, REJECTED = torch.tensor([-0.3, -2.0, -4.5]).double(), torch.tensor([-0.9, -1.0, -0.01]).double()
GOOD = torch.tensor([True, False, True])
CPU = SimpleNamespace(device="cpu")


def of_trl(**settings: object) -> SimpleNamespace:
    return SimpleNamespace(accelerator=CPU, alpha=0.0, label_smoothing=0.0, **settings)


def test_simpo_and_cpo_are_trl_s() -> None:
    simpo, *_ = CPOTrainer.cpo_loss(of_trl(loss_type="simpo", beta=2.0, simpo_gamma=1.0), CHOSEN, REJECTED)
    torch.testing.assert_close(preference_losses.contrast(CHOSEN, REJECTED, beta=2.0, gamma=1.0), simpo)
    cpo, *_ = CPOTrainer.cpo_loss(of_trl(loss_type="sigmoid", beta=0.3), CHOSEN, REJECTED)
    torch.testing.assert_close(preference_losses.contrast(CHOSEN, REJECTED, beta=0.3, gamma=0.0), cpo)


def test_the_odds_ratio_is_trl_s() -> None:
    theirs, *_ = ORPOTrainer.odds_ratio_loss(of_trl(beta=0.7), CHOSEN, REJECTED)
    torch.testing.assert_close(0.7 * preference_losses.odds_ratio(CHOSEN, REJECTED), -theirs.double(), rtol=1e-5, atol=1e-6)


def test_odds_are_p_over_one_minus_p_and_finite_for_what_is_certain() -> None:
    found = preference_losses.log_odds(torch.tensor([0.2, 0.5, 0.9, 0.9999], dtype=torch.float64).log())
    assert found.tolist() == pytest.approx([math.log(p / (1 - p)) for p in (0.2, 0.5, 0.9, 0.9999)])
    certain = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    odds = preference_losses.log_odds(certain)
    odds.sum().backward()
    assert odds.isfinite().all()
    assert certain.grad is not None
    assert certain.grad.isfinite().all()


def test_a_good_answer_gains_above_the_distance_and_a_bad_one_below_it() -> None:
    ratio, kl = torch.tensor([0.5, 0.5, -3.0]).double(), torch.tensor(0.2).double()
    found = preference_losses.kto(ratio, GOOD, kl, beta=0.4, desirable=1.0, undesirable=1.5)
    gains = [0.4 * (0.5 - 0.2), 0.4 * (0.2 - 0.5), 0.4 * (-3.0 - 0.2)]
    expected = [weight * (1 - 1 / (1 + math.exp(-gain))) for weight, gain in zip((1.0, 1.5, 1.0), gains, strict=True)]
    assert found.tolist() == pytest.approx(expected)


def test_their_slopes() -> None:
    def slopes(loss: object, *of: Tensor) -> None:
        assert torch.autograd.gradcheck(loss, tuple(one.clone().requires_grad_() for one in of))

    slopes(lambda chosen, rejected: preference_losses.contrast(chosen, rejected, beta=2.0, gamma=1.0), CHOSEN, REJECTED)
    slopes(preference_losses.odds_ratio, CHOSEN, REJECTED)
    kl = torch.tensor(0.2).double()
    slopes(lambda ratio: preference_losses.kto(ratio, GOOD, kl, beta=0.4, desirable=1.0, undesirable=1.5), CHOSEN)
