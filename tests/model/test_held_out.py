"""The objective and the measures on held-out text: each byte counts once, padding never."""

import copy
import math

import numpy as np
import pytest
import tokenizers
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model.build import build
from pipeline.model.generate import generate
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
from pipeline.model.objective import NextToken
from pipeline.tokens.pack import Packing
from pipeline.tokens.rows import Rows
from pipeline.tokens.special import ENDOFTEXT, ENDS, IDS
from pipeline.tokens.tokenizer import encode, load
from tests.model.conftest import SHAPE, SIZE
from tests.model.every_kind import shape_of
from tests.packed import packed

BEGIN = IDS[ENDOFTEXT]
TEXTS = ["the old mill and the old fox", "", "fox " * 30, "an old é"]
EVALUATION = Evaluation(rows=3, batch_size=2, samples=2, prompt_tokens=4, max_new_tokens=5, temperature=0.7)


@pytest.fixture(scope="module")
def codec(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    return load(tokenizer)


def rows_of(codec: tokenizers.Tokenizer, texts: list[str], bits: float | None = None) -> Rows:
    return packed(encode(texts, codec), row=16, facts={"bytes": sum(len(text.encode()) for text in texts), "bits": bits})


def cost(module: PreTrainedModel, ids: list[int]) -> float:
    """Nats of every id after the first, read alone."""
    logprobs = module(input_ids=torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
    return -sum(float(logprobs[place, token].detach()) for place, token in enumerate(ids[1:]))


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
def test_documents_that_share_a_row_cost_what_they_cost_alone_and_their_ends_are_learned(module: PreTrainedModel, packing: Packing) -> None:
    documents = [[9, 8, 7], [20, 21, 22, 23, 24], [30], [40, 41, 42]]
    rows = packed(documents, row=16, packing=packing)
    assert len(rows) == 1
    nats, count = NextToken(rows, context=16).loss(module, np.array([0]), "cpu")
    assert count == sum(len(ids) + 1 for ids in documents) == 16
    assert float(nats.detach()) == pytest.approx(sum(cost(module, [BEGIN, *ids, BEGIN]) for ids in documents), rel=1e-5)


def test_a_cut_end_predicts_what_follows_it_in_its_document(module: PreTrainedModel) -> None:
    ids = list(range(10, 35))
    first, second = NextToken(packed([ids], row=16), context=16).loss(module, np.array([0]), "cpu"), [BEGIN, *ids[:16]]
    assert first[1] == 16
    assert float(first[0].detach()) == pytest.approx(cost(module, second), rel=1e-5)


def test_the_balance_of_experts_counts_while_a_module_learns_and_never_when_it_is_measured() -> None:
    module = build(shape_of("mixtral", balance_loss=0.5), vocabulary=SIZE, seed=1)
    rows = packed([[9, 8, 7], [20, 21, 22, 23, 24]], row=16)
    objective = NextToken(rows, context=16)
    [plain, count], [learning, _] = (objective.loss(one, np.array([0]), "cpu") for one in (module.eval(), copy.deepcopy(module).train()))
    balance = module(input_ids=torch.tensor(rows.read(np.array([0])).ids), use_cache=False).aux_loss
    assert float((learning - plain).detach()) == pytest.approx(0.5 * count * float(balance.detach()), rel=0.05)
    assert objective.mean(module, np.array([0]), "cpu", batch=1) == pytest.approx(float(plain.detach()) / count)


def test_padding_costs_nothing(module: PreTrainedModel) -> None:
    nats, count = NextToken(packed([[9, 8, 7]], row=16), context=16).loss(module, np.array([0]), "cpu")
    assert count == 4
    assert float(nats.detach()) == pytest.approx(cost(module, [BEGIN, 9, 8, 7, BEGIN]), rel=1e-5)


def test_by_sentence_each_document_of_a_row_weighs_alike_and_only_while_a_module_learns() -> None:
    module, documents = build(SHAPE, vocabulary=SIZE, seed=1), [[9, 8, 7], [20, 21, 22, 23, 24], [30]]
    objective = NextToken(packed(documents, row=16), context=16, loss_mean="sentence")
    nats, count = objective.loss(copy.deepcopy(module).train(), np.array([0]), "cpu")
    assert count == 3
    means = [cost(module, [BEGIN, *ids, BEGIN]) / (len(ids) + 1) for ids in documents]
    assert float(nats.detach()) == pytest.approx(sum(means), rel=1e-5)
    assert objective.loss(module, np.array([0]), "cpu")[1] == sum(len(ids) + 1 for ids in documents)


def test_a_model_that_has_learned_where_its_texts_end_stops_by_itself() -> None:
    learner = build(SHAPE, vocabulary=SIZE, seed=1).train()
    objective = NextToken(packed([[20, 21, 22]] * 8, row=16), context=16)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        objective.loss(learner, np.arange(objective.rows), "cpu")[0].backward()
        optimizer.step()
    told = {"max_new": 9, "temperature": 0, "seed": 1, "batch": 1}
    assert generate(learner.eval(), [[BEGIN, 20]], ends=ENDS, **told) == [[21, 22]]


def test_the_mean_over_rows_does_not_depend_on_the_batch(module: PreTrainedModel, codec: tokenizers.Tokenizer) -> None:
    objective = NextToken(rows_of(codec, TEXTS), context=16)
    numbers = np.arange(objective.rows)
    one, many = (objective.mean(module, numbers, "cpu", batch=batch) for batch in (1, 50))
    assert one == pytest.approx(many, rel=1e-5)


def test_a_model_that_knows_nothing_pays_the_logarithm_of_the_vocabulary(module: PreTrainedModel, codec: tokenizers.Tokenizer) -> None:
    rows = rows_of(codec, TEXTS, bits=100.0)
    tokens = sum(len(ids) for ids in encode(TEXTS, codec))
    blank = type(module)(module.config).eval()
    torch.nn.init.zeros_(blank.get_output_embeddings().weight)
    found = bits_per_byte(blank, rows, SlidingWindow(window=16, stride=8, batch_size=4))
    cost = tokens * math.log2(module.config.vocab_size)
    assert found["bits_per_byte"] == pytest.approx(cost / rows.facts["bytes"], rel=1e-5)
    assert (found["window"], found["stride"]) == (16, 8)
    assert found["ratio"] == pytest.approx(cost / 100.0, rel=1e-5)


def test_an_unknown_source_has_no_ratio_and_no_text_no_measure(module: PreTrainedModel, codec: tokenizers.Tokenizer) -> None:
    settings = SlidingWindow(window=16, stride=8, batch_size=4)
    assert bits_per_byte(module, rows_of(codec, TEXTS), settings)["ratio"] is None
    assert set(bits_per_byte(module, rows_of(codec, []), settings).values()) == {None}


def test_an_evaluation_repeats_itself_and_its_texts_go_on_from_the_documents(module: PreTrainedModel, codec: tokenizers.Tokenizer) -> None:
    rows = rows_of(codec, TEXTS)
    first, again = (evaluate(module, rows, codec, EVALUATION, seed=1) for _ in range(2))
    assert first == again
    numbers, texts = first
    assert numbers["val_loss"] > 0
    assert texts[0].startswith("the")
    assert texts[1].startswith("fox")
    assert evaluate(module, rows_of(codec, []), codec, EVALUATION, seed=1) == ({}, [])


def test_rows_longer_than_the_context_are_refused_with_the_mend(codec: tokenizers.Tokenizer) -> None:
    with pytest.raises(PipelineError, match="a context of 8"):
        NextToken(rows_of(codec, TEXTS), context=8)


def test_a_stride_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="below window 16"):
        SlidingWindow(window=16, stride=16, batch_size=1)
