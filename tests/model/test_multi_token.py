"""Heads that look further ahead: what each is to say, and the ordinary model that is left."""

import numpy as np
import pytest
import torch

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model import count
from pipeline.model.generate import generate
from pipeline.model.objective import NextToken
from pipeline.model.objectives.multi_token import APART, MultiToken, heads_of, shifted
from pipeline.model.shapes import checked
from pipeline.model.start import start
from tests.model.conftest import SIZE
from tests.model.every_kind import KINDS, shape_of
from tests.model.lots import ROW, row
from tests.model.test_objectives import Section, shape
from tests.packed import packed

OWN = MultiToken(kind="multi_token", heads=2, weight=0.5)
NONE = -100


def test_a_head_looks_no_further_than_the_end_of_its_document() -> None:
    targets, positions = (torch.from_numpy(one) for one in (row().targets, row().positions))
    assert targets.tolist() == [[20, 21, 22, 0, 30, 31, 0, NONE, NONE]]
    assert shifted(targets, positions, by=1).tolist() == [[21, 22, 0, NONE, 31, 0, NONE, NONE, NONE]]
    assert shifted(targets, positions, by=2).tolist() == [[22, 0, NONE, NONE, 0, NONE, NONE, NONE, NONE]]
    assert set(shifted(targets, positions, by=9).flatten().tolist()) == {NONE}


def test_while_it_learns_the_mean_loss_of_the_heads_counts_times_the_weight(tokenizer: Tokenizer) -> None:
    """At first each head says what the next token is."""
    module, objective = OWN.start(shape(), tokenizer, seed=1), OWN.over(ROW, context=64, seed=1)
    logits = module(input_ids=torch.tensor([[0, 20, 21, 22]])).logits[0].log_softmax(-1)
    other = module(input_ids=torch.tensor([[0, 30, 31]])).logits[0].log_softmax(-1)
    second = -(logits[0, 21] + logits[1, 22] + logits[2, 0] + other[0, 31] + other[1, 0])
    third = -(logits[0, 22] + logits[1, 0] + other[0, 0])
    plain, many = NextToken(ROW, context=64).loss(start(shape(), tokenizer, seed=1).train(), np.array([0]), "cpu")
    nats, counted = objective.loss(module.train(), np.array([0]), "cpu")
    assert counted == many == 7
    assert float((nats - plain).detach()) == pytest.approx(0.5 * float((second + third).detach()) / 2, rel=1e-5)
    assert objective.loss(module.eval(), np.array([0]), "cpu")[0].item() == pytest.approx(plain.item(), rel=1e-6)
    found = objective.nats_ahead(module, batch=1)
    assert found == {"2": pytest.approx(second.item() / 5, rel=1e-5), "3": pytest.approx(third.item() / 3, rel=1e-5)}
    assert not heads_of(module).said


@pytest.mark.parametrize("kind", APART)
def test_a_kind_that_reads_documents_one_by_one_is_refused(kind: str) -> None:
    with pytest.raises(PipelineError) as fault:
        OWN.agree(Section(shape=checked(shape_of(kind))))
    assert fault.value.mend == "objective=causal, or model=qwen3"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in APART])
def test_the_heads_of_every_kind_learn_and_are_gone_from_what_is_kept(kind: str, tokenizer: Tokenizer) -> None:
    made = checked(shape_of(kind))
    module, plain = OWN.start(made, tokenizer, seed=1), start(made, tokenizer, seed=1)
    rows = packed([list(range(20, 34)), list(range(40, 49))], row=25)
    matrices = count.matrices(module)
    OWN.over(rows, context=64, seed=1).loss(module.train(), np.array([0]), "cpu")[0].backward()
    assert all(bool(part.weight.grad.abs().max() > 0) for part in heads_of(module).ahead)
    assert len(matrices) == len(count.matrices(plain)) + 2
    kept = OWN.kept(module).eval()
    assert {name for name, _ in kept.named_parameters()} == {name for name, _ in plain.named_parameters()}
    assert count.size(kept, length=25) == count.size(plain, length=25)
    told = {"max_new": 5, "temperature": 0, "seed": 1, "batch": 1}
    assert generate(kept, [[0, 20]], **told) == generate(plain, [[0, 20]], **told)


def test_memory_is_reckoned_with_the_logits_of_the_heads(tokenizer: Tokenizer) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    ours, plain = (one.need(module) for one in (OWN.over(ROW, context=64, seed=1), NextToken(ROW, context=64)))
    assert ours.row - plain.row == 2 * 4 * 4 * 9 * SIZE
