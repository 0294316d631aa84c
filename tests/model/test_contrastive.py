"""Passages of one piece of text are partners; those of the same document are no strangers to each other."""

import math

import numpy as np
import pytest
import torch

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.model import count
from pipeline.model.objectives.base import Data
from pipeline.model.objectives.contrastive import Contrastive, apart_in, cut, nearest
from pipeline.model.objectives.contrastive import _nats as nats_of
from pipeline.tokens.tokenizer import load
from tests.model.conftest import SIZE
from tests.model.lots import Lot
from tests.model.test_objectives import WINDOW, shape
from tests.packed import packed

OWN = Contrastive(kind="contrastive", group=2, min_tokens=3, temperature=0.05, candidates=64)
LONG = packed([list(range(20, 27)), [30, 31]], row=13)


def test_a_piece_is_cut_in_two_passages_and_one_too_short_is_none() -> None:
    batch = LONG.read([0])
    passages = cut(batch, LONG.owners([0]), [Lot(integers=[5])], min_tokens=3)
    assert batch.positions.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 0, 0]]
    assert passages.positions.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2, 0, 0]]
    assert passages.places.tolist() == [[0, 0, 5, 8]]
    assert passages.documents.tolist() == [0]
    assert passages.weights()[0].tolist() == [
        pytest.approx([0.2] * 5 + [0] * 8),
        pytest.approx([0] * 5 + [1 / 3] * 3 + [0] * 5),
    ]


def test_each_row_knows_the_documents_of_its_runs() -> None:
    rows = packed([list(range(20, 60)), [100, 101], [], list(range(110, 140))], row=16)
    batch, owners = rows.read(np.arange(len(rows))), rows.owners(np.arange(len(rows)))
    for row, own in enumerate(owners):
        starts = np.flatnonzero((batch.positions[row] == 0) & (batch.targets[row] != -100))
        for place, document in zip(starts, map(rows.document, own), strict=True):
            assert int(batch.ids[row, place]) in document
            assert int(batch.targets[row, place]) in [*document[1:], 0]
    assert sorted({int(one) for some in owners for one in some}) == [0, 1, 3]


def test_groups_are_of_so_many_rows_whatever_pairs_these_have() -> None:
    rows = packed([list(range(20, 27)), list(range(30, 37)), [50], list(range(40, 47))], row=8)
    lots = [Lot(integers=[4]) for _ in range(len(rows))]
    passages = cut(rows.read(np.arange(len(rows))), rows.owners(np.arange(len(rows))), lots, min_tokens=3)
    assert len(passages.places) == 3
    rows_of_pairs = passages.places[:, 0].tolist()
    assert [rows_of_pairs[one] for one in passages.groups(2)] == [[row for row in rows_of_pairs if row // 2 == group] for group in (0, 1)]


def test_the_loss_is_the_formula_and_passages_of_the_same_document_are_left_out() -> None:
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.6, 0.8])
    vectors = torch.stack([torch.stack([first, first]), torch.stack([second, second])])
    strange = nats_of(vectors, torch.from_numpy(apart_in(np.array([0, 1]))), temperature=0.5)
    assert float(strange) == pytest.approx(2 * math.log(1 + math.exp((0.6 - 1) / 0.5)), rel=1e-5)
    assert float(nats_of(vectors, torch.from_numpy(apart_in(np.array([4, 4]))), temperature=0.5)) == 0


def test_a_partner_is_found_where_no_stranger_is_nearer_and_ties_are_shared() -> None:
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    pairs = np.array([[one, one], [other, one], [other, other]])
    assert nearest(pairs, apart_in(np.arange(3))).tolist() == [0.5, 0.0, 1.0]
    assert nearest(pairs, apart_in(np.array([0, 1, 1]))).tolist() == [0.5, 0.5, 1.0]


def test_a_passage_is_embedded_as_alone(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    module, objective = OWN.start(shape(), tokenizer, seed=1), OWN.over(LONG, context=64, seed=1)
    monkeypatch.setattr(objective, "noise", lambda module, numbers: [Lot(integers=[5])])
    with torch.no_grad():
        found = objective._embedded(module, objective._passages(module, np.array([0])), "cpu")[0]
        for vector, ids in zip(found, ([0, 20, 21, 22, 23], [24, 25, 26]), strict=True):
            alone = module(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
            torch.testing.assert_close(vector, alone / alone.norm(), rtol=1e-4, atol=1e-5)


def test_a_reader_has_no_head_and_is_counted(tokenizer: Tokenizer) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    assert module.get_output_embeddings() is None
    assert "head" not in count.size(module, length=16)["parameters_by_part"]
    assert count.training_flops(module, length=16) > 0


def test_chance_is_a_share_of_the_strangers_and_common_tokens_are_a_rival(tokenizer: Tokenizer) -> None:
    """Documents that repeat words of their own: those who count them find every partner."""
    texts = [[20 + number, 60 + number] * 6 for number in range(8)]
    data = Data(LONG, packed(texts, row=13), load(tokenizer))
    found = OWN.figures(OWN.start(shape(), tokenizer, seed=1), data, WINDOW, seed=1)
    assert found["pairs"] == 8
    assert found["chance"] == pytest.approx(1 / 8)
    assert found["overlap_accuracy"] == 1
    assert found["accuracy_interval"][0] <= found["accuracy"] <= found["accuracy_interval"][1]
    assert SIZE > 100
