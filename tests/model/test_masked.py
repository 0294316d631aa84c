"""Hidden tokens: what stands for them, what is to be guessed, and what counts say of them."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.seed import stream
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.model.objectives.base import Data
from pipeline.model.objectives.masked import Masked, hide
from pipeline.model.objectives.runs import unigram
from pipeline.model.sight import both_ways
from pipeline.model.start import start
from pipeline.tokens.tokenizer import load
from tests.model.conftest import SIZE
from tests.model.lots import ROW, Lot, row
from tests.model.test_objectives import WINDOW, shape
from tests.packed import packed

OWN = Masked(kind="masked", mask_ratio=0.6, random_ratio=0.1, keep_ratio=0.1)
NONE = -100


def test_the_mask_another_token_or_itself_stands_for_a_hidden_token_and_it_alone_is_a_target() -> None:
    """Three of five tokens: place 5 becomes another one, place 1 the mask, place 3 stays."""
    lot = Lot(permutation=[5, 1, 3, 2, 6], random=[0.05, 0.5, 0.95], integers=[40, 41, 42])
    ids, targets = hide(row(), [lot], OWN, mask=270)
    assert row().ids.tolist() == [[0, 20, 21, 22, 0, 30, 31, 1, 1]]
    assert ids.tolist() == [[0, 270, 21, 22, 0, 40, 31, 1, 1]]
    assert targets.tolist() == [[NONE, 20, NONE, 22, NONE, 30, NONE, NONE, NONE]]


def test_shares_are_as_told_and_what_begins_a_document_and_padding_are_never_hidden() -> None:
    rows = packed([np.random.default_rng(1).integers(8, 90, 47).tolist()] * 60, row=64)
    batch = rows.read(np.arange(len(rows)))
    ids, targets = hide(batch, [stream(1, "row", number, 0) for number in range(len(rows))], OWN, mask=270)
    hidden = targets != NONE
    assert hidden.sum() == round(0.6 * 47) * 60
    assert (batch.ids[hidden] > 1).all()
    assert (targets[hidden] == batch.ids[hidden]).all()
    assert (ids[~hidden] == batch.ids[~hidden]).all()
    assert (ids[hidden] == 270).mean() == pytest.approx(0.8, abs=0.04)
    assert (ids[hidden] == targets[hidden]).mean() == pytest.approx(0.1, abs=0.03)


def test_the_mask_has_a_row_of_its_own_and_the_others_are_as_they_were(tokenizer: Tokenizer) -> None:
    plain, module = start(shape(), tokenizer, seed=1), OWN.start(shape(), tokenizer, seed=1)
    table, before = module.get_input_embeddings().weight, plain.get_input_embeddings().weight
    assert torch.equal(table[:-1], before)
    torch.testing.assert_close(table[-1], before.mean(0))
    assert module.get_output_embeddings().weight is table
    assert (module.config.mask_token_id, module.config.vocab_size) == (SIZE, SIZE + 1)
    untied = OWN.start(shape(tie_embeddings=False), tokenizer, seed=1)
    assert len(untied.get_output_embeddings().weight) == SIZE + 1


def test_the_loss_is_of_the_hidden_tokens_alone_and_documents_count_as_alone(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)

    def found(ids: list[list[int]], hidden: list[int]) -> tuple[float, int]:
        objective = OWN.over(packed(ids, row=9), context=64, seed=1)
        lots = [Lot(permutation=hidden, random=[0.5] * 3, integers=[9] * 3)]
        monkeypatch.setattr(objective, "noise", lambda module, numbers: lots)
        nats, count = objective.loss(module, np.array([0]), "cpu")
        return float(nats.detach()), count

    both, first, second = found([[20, 21, 22], [30, 31]], [1, 3, 5]), found([[20, 21, 22]], [1, 3]), found([[30, 31]], [1])
    assert both[1] == first[1] + second[1] == 3
    assert both[0] == pytest.approx(first[0] + second[0], rel=1e-5)
    ids = torch.tensor([[0, SIZE, 21, SIZE]])
    logits = module(input_ids=ids, attention_mask=both_ways(torch.arange(4)[None])).logits[0].log_softmax(-1)
    assert first[0] == pytest.approx(-float((logits[1, 20] + logits[3, 22]).detach()), rel=1e-5)


def test_a_module_that_knows_nothing_is_as_good_as_guessing_and_counts_are_better(tokenizer: Tokenizer) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    torch.nn.init.zeros_(module.get_output_embeddings().weight)
    texts = [[20] * 6 + [30, 31]] * 20
    data = Data(packed(texts, row=9), packed(texts[:5], row=9), load(tokenizer))
    found = OWN.figures(module, data, WINDOW, seed=1)
    assert found["masked_nats"] == pytest.approx(math.log(SIZE + 1), rel=1e-5)
    assert found["unigram_nats"] < found["masked_nats"]
    assert found["unigram_accuracy"] > 0.5
    assert found["accuracy_interval"][0] <= found["accuracy"] <= found["accuracy_interval"][1]
    assert found["masked_tokens"] == 25


def test_counts_are_of_all_tokens_and_one_more() -> None:
    found = np.exp(unigram(ROW, vocabulary=50))
    assert found[0] == pytest.approx(3 / 57)
    assert found[20] == pytest.approx(2 / 57)
    assert found.sum() == pytest.approx(1)


def test_what_is_saved_is_read_by_transformers_in_both_directions(tokenizer: Tokenizer, tmp_path: Path) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    save(OWN.kept(module), Model(tmp_path / "model"), tokenizer=tokenizer, facts=OWN.facts)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids, positions = torch.tensor([[0, 20, SIZE, 22]]), torch.arange(4)[None]
    assert torch.allclose(again(input_ids=ids).logits, module(input_ids=ids, attention_mask=both_ways(positions)).logits, atol=1e-6)
    assert again.config.mask_token_id == SIZE


def test_an_encoder_can_be_gone_on_from_as_a_language_model_which_looks_back_alone(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(OWN.start(shape(), tokenizer, seed=1), Model(tmp_path / "model"), tokenizer=tokenizer, facts=OWN.facts)
    module = start(shape(init_from=str(tmp_path / "model")), tokenizer, seed=2)
    assert module.config.vocab_size == SIZE
    plain = build(asdict(shape()), vocabulary=SIZE, seed=1)
    ids = torch.tensor([[0, 20, 21, 22]])
    assert torch.equal(module(input_ids=ids).logits, plain(input_ids=ids).logits)
