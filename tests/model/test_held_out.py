"""The objective and the measures on held-out text: each byte counts once, padding never."""

import math

import numpy as np
import pytest
import tokenizers
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
from pipeline.model.objective import NextToken
from pipeline.tokens.pack import pack_rows
from pipeline.tokens.shards import Rows
from pipeline.tokens.tokenizer import encode, load

TEXTS = ["the old mill and the old fox", "", "fox " * 30, "an old é"]
EVALUATION = Evaluation(rows=3, batch_size=2, samples=2, prompt_tokens=4, max_new_tokens=5, temperature=0.7)


@pytest.fixture(scope="module")
def codec(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    return load(tokenizer)


def rows_of(codec: tokenizers.Tokenizer, texts: list[str], bits: float | None = None) -> Rows:
    rows, pieces = pack_rows(encode(texts, codec), row=16, dtype=np.uint16)
    table = np.array([(p.document, p.offset, p.row, p.column, p.tokens) for p in pieces], dtype=np.int64).reshape(-1, 5)
    return Rows(rows, table, {"bytes": sum(len(text.encode()) for text in texts), "bits": bits})


def test_the_loss_is_the_cost_of_each_piece_after_its_first_token(module: PreTrainedModel, codec: tokenizers.Tokenizer) -> None:
    rows = rows_of(codec, TEXTS[:1])
    [ids] = [document.tolist() for document in rows.documents()]
    logprobs = module(input_ids=torch.tensor([ids[:16]])).logits[0].log_softmax(-1)
    expected = -sum(float(logprobs[place, token].detach()) for place, token in enumerate(ids[1:16]))
    nats, count = NextToken(rows, context=16).loss(module, np.array([0]), "cpu")
    assert count == min(len(ids), 16) - 1
    assert float(nats.detach()) == pytest.approx(expected, rel=1e-5)


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
