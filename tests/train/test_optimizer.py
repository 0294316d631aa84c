"""Schedule, order of rows, Muon and AdamW: each against an oracle of its own."""

import numpy as np
import pytest
import torch

from pipeline.train.muon import COEFFICIENTS, Muon, MuonSettings, newton_schulz
from pipeline.train.optimizer import AdamWSettings, Optimizers
from pipeline.train.schedule import rows_of, warmup_stable_decay
from tests.train.conftest import MATRICES, Toy


def matrices(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 16, 8), (2, 8, 24)])
def test_newton_schulz_is_its_polynomial_on_the_singular_values(shape: tuple[int, ...]) -> None:
    given = matrices(*shape).double()
    left, values, right = torch.linalg.svd(given, full_matrices=False)
    a, b, c = COEFFICIENTS
    values = values / values.norm(dim=1, keepdim=True)
    for _ in range(3):
        values = a * values + b * values**3 + c * values**5
    torch.testing.assert_close(
        newton_schulz(given, steps=3, dtype=torch.float64), left @ torch.diag_embed(values) @ right, rtol=1e-4, atol=1e-5
    )


def test_five_steps_come_close_to_the_orthogonal_factor() -> None:
    given = matrices(4, 16, 16) + 4 * torch.eye(16)
    left, _, right = torch.linalg.svd(given)
    found = left.mT @ newton_schulz(given, steps=5, dtype=torch.float32) @ right.mT
    inside = found.diagonal(dim1=1, dim2=2)
    assert inside.min() > 0.6
    assert inside.max() < 1.3
    assert (found - torch.diag_embed(inside)).abs().max() < 1e-4


def test_muon_steps_like_torchs_own() -> None:
    ours, theirs = (torch.nn.Parameter(matrices(16, 8)) for _ in range(2))
    settings = MuonSettings(lr=0.02, momentum=0.9, ns_steps=5, precision="bf16")
    mine = Muon([ours], settings)
    oracle = torch.optim.Muon([theirs], lr=0.02, momentum=0.9, ns_steps=5, weight_decay=0.0, nesterov=True, adjust_lr_fn="original")
    for number in range(4):
        for one in (ours, theirs):
            one.grad = matrices(16, 8 + number)[:, :8] * (number + 1)
        mine.step(1.0)
        oracle.step()
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.002)


def test_each_weight_has_one_optimizer_and_norms_are_not_decayed() -> None:
    toy = Toy()
    adamw = AdamWSettings(lr=0.1, beta1=0.9, beta2=0.95, weight_decay=0.5)
    muon = MuonSettings(lr=0.1, momentum=0.9, ns_steps=3, precision="fp32")
    before = {name: weight.detach().clone() for name, weight in toy.named_parameters()}
    both = Optimizers(toy, MATRICES, adamw, muon)
    for weight in toy.parameters():
        weight.grad = torch.zeros_like(weight)
    both.step(1.0)
    moved = {name for name, weight in toy.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {"embed.weight"}  # decayed by AdamW; Muon has no decay and the bias is a vector
    assert sorted(both.tensors()) == sorted(
        [
            "muon/momentum.0",
            "muon/momentum.1",
            *(f"adamw/{name}.{key}" for name in ("embed.weight", "back.bias") for key in ("exp_avg", "exp_avg_sq", "step")),
        ]
    )


def test_the_schedule_rises_stays_and_falls_in_lines() -> None:
    factors = [warmup_stable_decay(step, steps=100, warmup=0.1, decay=0.4) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert factors[10:60] == [1.0] * 50
    assert factors[60:] == pytest.approx([1 - step / 40 for step in range(40)])


def test_without_warmup_and_decay_the_rate_is_constant() -> None:
    assert {warmup_stable_decay(step, steps=10, warmup=0.0, decay=0.0) for step in range(10)} == {1.0}


def test_an_epoch_reads_each_row_once_and_the_next_in_another_order() -> None:
    read = np.concatenate([rows_of(step, batch=7, rows=50, seed=1) for step in range(100)])
    epochs = read.reshape(14, 50)
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_step_reads_the_same_rows_whatever_the_batch_is_cut_into() -> None:
    small = np.concatenate([rows_of(step, batch=5, rows=50, seed=1) for step in range(4)])
    assert rows_of(0, batch=20, rows=50, seed=1).tolist() == small.tolist()
