"""Spans that a decoder writes: what the encoder reads in their place, and that documents of a row are read as alone."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.seed import stream
from pipeline.model import count
from pipeline.model.disk import save
from pipeline.model.objectives import span
from pipeline.model.objectives.span import Span, spans_of, split, take_out
from tests.model.conftest import SIZE
from tests.model.lots import row
from tests.model.test_objectives import shape
from tests.packed import packed

OWN = Span(kind="span", noise_density=0.15, mean_span=3.0, sentinels=4)
NONE = -100


def test_a_sentinel_stands_for_a_span_and_the_decoder_writes_both() -> None:
    ids = np.array([0, 20, 21, 22, 23, 24, 25])
    read, written = split(ids, np.array([[2, 4], [5, 6]]), first=270)
    assert read == [0, 20, 270, 23, 271, 25]
    assert written == [270, 21, 22, 271, 24, 0]
    assert split(ids[:1], np.zeros((0, 2), np.int64), first=270) == ([0], [])


def test_documents_of_a_row_begin_anew_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = iter([[[1, 3]], [[2, 3]]])
    monkeypatch.setattr(span, "spans_of", lambda *_: np.array(next(spans)))
    taken = take_out(row(), [stream(1, "row")], OWN, first=270)
    assert taken.read.ids.tolist() == [[0, 270, 22, 0, 30, 270]]
    assert taken.read.documents.tolist() == [[0, 0, 0, 1, 1, 1]]
    assert taken.targets.tolist() == [[270, 20, 21, 0, 270, 31, 0]]
    assert taken.inputs.tolist() == [[1, 270, 20, 21, 1, 270, 31]]
    assert taken.documents.tolist() == [[0, 0, 0, 0, 1, 1, 1]]


@pytest.mark.parametrize("size", [2, 3, 7, 20, 100])
def test_spans_hide_the_share_that_is_told_and_something_stands_between_them(size: int) -> None:
    for number in range(50):
        spans = spans_of(size, stream(1, "row", number), OWN)
        lengths, before = spans[:, 1] - spans[:, 0], spans[:, 0] - np.concatenate([[0], spans[:-1, 1]])
        assert lengths.sum() == max(1, round(0.15 * size))
        assert lengths.min() >= 1
        assert before.min() >= 1
        assert spans[-1, 1] <= size
        assert len(spans) == min(4, max(1, round(lengths.sum() / 3)))
    assert len(spans_of(1, stream(1, "row"), OWN)) == 0


def test_documents_that_share_a_row_lose_what_they_lose_alone(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    monkeypatch.setattr(span, "spans_of", lambda size, *_: np.array([[1, size - 1]]))
    losses = [OWN.over(packed(texts, row=12), context=64, seed=1).loss(module, np.array([0]), "cpu") for texts in (
        [[20, 21, 22, 23], [30, 31, 32]], [[20, 21, 22, 23]], [[30, 31, 32]],
    )]  # fmt: skip
    (both, many), (first, one), (second, two) = [(float(nats.detach()), count) for nats, count in losses]
    assert many == one + two == 5 + 4
    assert both == pytest.approx(first + second, rel=1e-4)
    theirs = module(input_ids=torch.tensor([[0, SIZE, 23]]), labels=torch.tensor([[SIZE, 20, 21, 22, 0]]))
    assert first == pytest.approx(5 * float(theirs.loss.detach()), rel=1e-4)


def test_it_has_layers_and_sentinels_of_its_own_is_counted_and_read_by_transformers(tokenizer: Tokenizer, tmp_path) -> None:
    module = OWN.start(shape(), tokenizer, seed=1)
    again = OWN.start(shape(), tokenizer, seed=1)
    assert all(map(torch.equal, module.parameters(), again.parameters()))
    assert module.config.vocab_size == SIZE + 4
    assert (len(module.encoder.block), len(module.decoder.block)) == (2, 2)
    parts = count.size(module, length=16)["parameters_by_part"]
    assert set(parts) == {"embedding", "attention", "feed_forward", "norms"}
    assert sum(parts.values()) == count.parameters(module)
    save(OWN.kept(module), Model(tmp_path / "model"), tokenizer=tokenizer, facts=OWN.facts)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model")
    words = {"input_ids": torch.tensor([[0, SIZE, 23]]), "decoder_input_ids": torch.tensor([[1, SIZE]])}
    assert torch.allclose(loaded(**words).logits, module(**words).logits, atol=1e-5)
    assert loaded.config.first_sentinel_id == SIZE
