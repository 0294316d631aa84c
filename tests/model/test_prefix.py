"""A prefix is seen from both directions and never predicted; what follows it is."""

import math

import numpy as np
import pytest
import torch

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.seed import stream
from pipeline.model.objectives.base import Data
from pipeline.model.objectives.prefix import Prefix, hidden_before, prefixes
from pipeline.model.sight import with_prefix
from pipeline.tokens.tokenizer import encode, load
from tests.model.conftest import SIZE
from tests.model.lots import ROW, Lot, row
from tests.model.test_objectives import WINDOW, shape
from tests.packed import packed

OWN = Prefix(kind="prefix", causal_ratio=0.5)
NONE = -100


def test_the_last_token_of_a_prefix_is_the_first_that_predicts() -> None:
    """Three tokens of the first document, one of the second, which the lot makes causal."""
    prefix = prefixes(row(), [Lot(random=[0.7, 0.2], integers=[3, 2])], causal_ratio=0.5)
    assert row().targets.tolist() == [[20, 21, 22, 0, 30, 31, 0, NONE, NONE]]
    assert prefix.astype(int).tolist() == [[1, 1, 1, 0, 1, 0, 0, 0, 0]]
    assert hidden_before(row(), prefix).tolist() == [[NONE, NONE, 22, 0, 30, 31, 0, NONE, NONE]]


def test_prefixes_have_every_length_and_each_document_predicts_something() -> None:
    batch = packed([list(range(20, 27))] * 200, row=8).read(np.arange(200))
    prefix = prefixes(batch, [stream(1, "row", number, 0) for number in range(200)], causal_ratio=0.0)
    assert np.bincount(prefix.sum(1), minlength=9)[1:].min() > 10
    assert (hidden_before(batch, prefix) != NONE).sum(1).tolist() == (8 - prefix.sum(1) + 1).tolist()


def test_the_loss_is_of_what_follows_and_documents_count_as_alone(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = OWN.start(shape(), tokenizer, seed=1).train()

    def found(ids: list[list[int]], lengths: list[int]) -> tuple[float, int]:
        objective = OWN.over(packed(ids, row=9), context=64, seed=1)
        monkeypatch.setattr(objective, "noise", lambda module, numbers: [Lot(random=[0.9, 0.9], integers=lengths)])
        nats, count = objective.loss(module, np.array([0]), "cpu")
        return float(nats.detach()), count

    both, first, second = found([[20, 21, 22], [30, 31]], [2, 3]), found([[20, 21, 22]], [2]), found([[30, 31]], [3])
    assert both[1] == first[1] + second[1] == 4
    assert both[0] == pytest.approx(first[0] + second[0], rel=1e-5)
    mask = with_prefix(torch.arange(4)[None], torch.tensor([[True, True, False, False]]))
    logits = module(input_ids=torch.tensor([[0, 20, 21, 22]]), attention_mask=mask).logits[0].log_softmax(-1)
    assert first[0] == pytest.approx(-float((logits[1, 21] + logits[2, 22] + logits[3, 0]).detach()), rel=1e-5)


def test_a_module_that_knows_nothing_pays_for_each_token_that_follows_and_bytes_are_theirs(tokenizer: Tokenizer) -> None:
    module, codec = OWN.start(shape(), tokenizer, seed=1), load(tokenizer)
    torch.nn.init.zeros_(module.get_output_embeddings().weight)
    rows = packed(encode(["the old mill and the old fox", "fox fox"], codec), row=32, facts={"bytes": 36, "bits": None})
    objective = OWN.over(rows, context=64, seed=4)
    batch = rows.read([0])
    targets = hidden_before(batch, prefixes(batch, objective.noise(module, np.array([0])), causal_ratio=0.0))
    counted = targets[(targets != NONE) & (targets != 0)]
    size = len(codec.decode(counted.tolist()).encode())
    found = OWN.figures(module, Data(ROW, rows, codec), WINDOW, seed=4)
    assert found["suffix_bits_per_byte"] == pytest.approx(len(counted) * math.log2(SIZE) / size, rel=1e-5)
    assert found["causal_suffix_bits_per_byte"] == pytest.approx(found["suffix_bits_per_byte"], rel=1e-5)
    assert found["bits_per_byte"] > 0
