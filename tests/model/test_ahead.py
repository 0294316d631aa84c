"""Batches made ready ahead: the same tensors and the same weights, read by a thread before they are asked for."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.model import count
from pipeline.model.ahead import Ahead
from pipeline.model.build import build
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import Batch, Rows, rows_by_lot
from pipeline.train.fit import fit
from tests.tiny_shape import SHAPE
from tests.train.conftest import RECIPE, workspace

ROWS = rows_by_lot(24, length=16, vocabulary=64)


class Watched(Rows):
    """Notes which rows were read, and by which thread."""

    def read(self, numbers: np.ndarray) -> Batch:
        seen.append((numbers.tolist(), threading.current_thread() is threading.main_thread()))
        return super().read(numbers)


class Hasty(NextToken):
    """Never looks ahead."""

    def expect(self, numbers: np.ndarray, device: str) -> None:
        return


seen: list[tuple[list[int], bool]] = []


@pytest.fixture
def ahead() -> Ahead:
    seen.clear()
    return Ahead(Watched(ROWS.length, ROWS.shards, ROWS.facts))


def test_expected_rows_are_read_once_by_another_thread_and_are_the_rows(ahead: Ahead) -> None:
    ahead.expect(np.array([3, 1]), "cpu")
    found = ahead.take(np.array([3, 1]), "cpu")
    truth = ROWS.read([3, 1])
    for mine, theirs in ((found.ids, truth.ids), (found.positions, truth.positions), (found.targets, truth.targets)):
        assert mine.numpy().tolist() == theirs.tolist()
    assert found.predictions == 2 * ROWS.length
    assert seen == [([3, 1], False)]


def test_other_rows_are_read_at_once_and_those_expected_are_still_there(ahead: Ahead) -> None:
    ahead.expect(np.array([5]), "cpu")
    ahead.take(np.array([2]), "cpu")
    ahead.take(np.array([5]), "cpu")
    assert sorted(seen) == [([2], True), ([5], False)]


def test_what_can_not_be_read_is_told_where_it_is_taken(ahead: Ahead) -> None:
    ahead.expect(np.array([999]), "cpu")
    with pytest.raises(IndexError):
        ahead.take(np.array([999]), "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_has_the_same_rows(ahead: Ahead) -> None:
    for numbers in ([3, 1], [2, 0]):
        ahead.expect(np.array([3, 1]), "cuda")
        found = ahead.take(np.array(numbers), "cuda")
        assert found.ids.cpu().numpy().tolist() == ROWS.read(numbers).ids.tolist()


def weights(objective: NextToken, folder: Path) -> list[torch.Tensor]:
    """What four steps of two micro-batches leave."""
    module = build(SHAPE, vocabulary=64, seed=1)
    recipe = replace(RECIPE.lasting(4), batch_tokens=8 * ROWS.length, micro_batch=4)
    fit(module, objective, recipe, workspace(folder), matrices=count.matrices(module), evaluate=lambda module: ({}, []), seed=3)
    return list(module.parameters())


def test_a_fit_gives_the_same_bits_and_waits_for_its_first_rows_only(tmp_path: Path) -> None:
    seen.clear()
    watched = NextToken(Watched(ROWS.length, ROWS.shards, ROWS.facts), context=64)
    for ours, theirs in zip(weights(watched, tmp_path / "a"), weights(Hasty(ROWS, context=64), tmp_path / "b"), strict=True):
        assert torch.equal(ours, theirs)
    assert [main for _, main in seen] == [True, *[False] * 7]
