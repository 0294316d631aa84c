"""Order of rows, Newton-Schulz: each against an oracle of its own."""

import numpy as np
import pytest
import torch

from pipeline.train.optimizers.muon import COEFFICIENTS, newton_schulz
from pipeline.train.schedule import rows_of


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


def test_an_epoch_reads_each_row_once_and_the_next_in_another_order() -> None:
    read = np.concatenate([rows_of(step, batch=7, rows=50, seed=1) for step in range(100)])
    epochs = read.reshape(14, 50)
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_step_reads_the_same_rows_whatever_the_batch_is_cut_into() -> None:
    small = np.concatenate([rows_of(step, batch=5, rows=50, seed=1) for step in range(4)])
    assert rows_of(0, batch=20, rows=50, seed=1).tolist() == small.tolist()


def test_without_a_seed_rows_are_read_as_they_lie_pass_after_pass() -> None:
    read = np.concatenate([rows_of(step, batch=3, rows=5, seed=None) for step in range(4)])
    assert read.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
