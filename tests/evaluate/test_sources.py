"""A source's weight follows what is left to learn of it."""

import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import PARTS, TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.seed import stream
from pipeline.evaluate.sources import Loss, Reading, losses, proposals
from pipeline.model.build import build
from pipeline.model.score import document_nats
from pipeline.tokens.kinds import bpe
from pipeline.tokens.rows import open_rows
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.packed import write_tokens
from tests.tiny_shape import SHAPE as TINY

SHAPE = TINY | {"layers": 1, "hidden_size": 16, "intermediate_size": 24}
READING = Reading(documents=50, counted=100_000, order=3, batch=4, seed=1)
SOURCES = ("drone", "noise", "absent")  # one that repeats itself, one that does not, one that is held out nowhere


def text(source: str, number: int) -> str:
    if source == "drone":
        return "the mill went on and on and " * 12
    return " ".join("".join(stream(1, source, number, word).choice(list("abcdefgh"), 5)) for word in range(60))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Split, Tokenizer, Tokens]:
    folder = tmp_path_factory.mktemp("sources")
    split, tokenizer, tokens = Split(folder / "split"), Tokenizer(folder / "tokenizer"), Tokens(folder / "tokenize")

    def rows(part: str) -> list[dict[str, object]]:
        names = SOURCES if part == "train" else SOURCES[:2]
        return [
            {"id": f"{part}-{source}-{n}", "source": source, "text": text(source, n + 100 * PARTS.index(part)), "bits": 70.0}
            for n in range(4)
            for source in names
        ]

    split.write({part: pa.Table.from_pylist(rows(part), schema=TEXTS) for part in PARTS}, sides={})
    save_tokenizer(bpe.train(split.read("train")["text"].to_pylist(), vocab_size=300, pattern="gpt2"), tokenizer)
    write_tokens(split, tokenizer, tokens, length=32)
    return split, tokenizer, tokens


@pytest.fixture(scope="module")
def found(chain: tuple[Split, Tokenizer, Tokens]) -> dict[str, Loss]:
    split, tokenizer, tokens = chain
    module = build(SHAPE, vocabulary=300, seed=1)
    return {loss.source: loss for loss in losses(module, split, tokens, digest=tokenizer.digest, reading=READING)}


def test_the_loss_of_a_source_is_that_of_its_held_out_documents(chain: tuple[Split, Tokenizer, Tokens], found: dict[str, Loss]) -> None:
    split, tokenizer, tokens = chain
    table = split.read("val").to_pylist()
    documents = list(open_rows(tokens, "val", tokenizer_digest=tokenizer.digest).documents())
    mine = [number for number, row in enumerate(table) if row["source"] == "noise"]
    nats = document_nats(build(SHAPE, vocabulary=300, seed=1), [documents[number] for number in mine], window=32, stride=16, batch=2)
    size = sum(len(table[number]["text"]) for number in mine)
    assert found["noise"].model == pytest.approx(float(nats.sum()) / math.log(2) / size)
    assert found["noise"].entropy == pytest.approx(4 * 70.0 / size)
    assert found["noise"].documents == 4


def test_text_that_repeats_itself_is_cheap_to_count_and_noise_is_not(found: dict[str, Loss]) -> None:
    drone, noise = found["drone"].ngram, found["noise"].ngram
    assert drone is not None
    assert noise is not None
    assert drone < 0.1
    assert 2 < noise < math.log2(8) + 1  # three bits a letter, five letters of six signs


def test_a_source_that_is_held_out_nowhere_is_not_measured_and_keeps_its_weight(found: dict[str, Loss]) -> None:
    assert found["absent"].model is None
    rows, _ = proposals(list(found.values()), {"absent": 3.0}, baseline="auto", temperature=0.2, smoothing=0.0)
    assert {row.source: (row.excess, row.new) for row in rows}["absent"] == (None, 3.0)


def test_the_choice_of_documents_does_not_depend_on_other_sources(chain: tuple[Split, Tokenizer, Tokens]) -> None:
    split, tokenizer, tokens = chain
    module = build(SHAPE, vocabulary=300, seed=1)
    few = replace(READING, documents=2)
    one = losses(module, split, tokens, digest=tokenizer.digest, reading=few)
    assert [loss.documents for loss in one] == [0, 2, 2]
    assert losses(module, split, tokens, digest=tokenizer.digest, reading=few) == one


def test_tokens_of_another_split_are_an_error(chain: tuple[Split, Tokenizer, Tokens], tmp_path: Path) -> None:
    split, tokenizer, tokens = chain
    other = Split(tmp_path / "split")
    other.write({part: split.read(part).slice(1) for part in PARTS}, sides={})
    with pytest.raises(ArtifactError, match="dvc repro tokenize"):
        losses(build(SHAPE, vocabulary=300, seed=1), other, tokens, digest=tokenizer.digest, reading=READING)


def loss(source: str, tokens: int, model: float | None, *, ngram: float | None = 2.0, entropy: float | None = None) -> Loss:
    return Loss(source=source, tokens=tokens, documents=1, model=model, ngram=ngram, entropy=entropy)


def test_weights_grow_with_the_excess_and_the_tokens_stay_as_many() -> None:
    given = [loss("a", 1000, 2.5), loss("b", 3000, 2.1), loss("c", 500, 1.8)]
    weights = {"a": 1.0, "b": 2.0, "c": 0.5}
    rows, baseline = proposals(given, weights, baseline="auto", temperature=0.2, smoothing=0.1)
    factors = [row.new / row.old for row in rows]
    assert baseline == "ngram"
    assert factors == sorted(factors, reverse=True)
    assert sum(one.tokens * factor for one, factor in zip(given, factors, strict=True)) == pytest.approx(4500)
    assert min(factors) > 0.1


def test_two_weights_stand_as_the_exponentials_of_their_excess() -> None:
    rows, _ = proposals([loss("a", 10, 2.5), loss("b", 30, 2.1)], {}, baseline="ngram", temperature=0.2, smoothing=0.0)
    assert rows[0].new / rows[1].new == pytest.approx(math.exp(0.4 / 0.2))


def test_smoothing_of_one_and_equal_losses_change_nothing() -> None:
    unequal, equal = [loss("a", 10, 2.5), loss("b", 30, 2.1)], [loss("a", 10, 2.5), loss("b", 30, 2.5)]
    for given, smoothing in ((unequal, 1.0), (equal, 0.0)):
        rows, _ = proposals(given, {"a": 2.0}, baseline="ngram", temperature=0.01, smoothing=smoothing)
        assert [row.new for row in rows] == pytest.approx([2.0, 1.0])


def test_one_baseline_serves_all_sources() -> None:
    known = [loss("a", 10, 2.5, entropy=1.0), loss("b", 30, 2.1, entropy=1.5)]
    assert proposals(known, {}, baseline="auto", temperature=1, smoothing=0)[1] == "entropy"
    assert proposals([*known, loss("c", 5, 2.0)], {}, baseline="auto", temperature=1, smoothing=0)[1] == "ngram"
    with pytest.raises(PipelineError, match="the entropy of c is not known"):
        proposals([*known, loss("c", 5, 2.0)], {}, baseline="entropy", temperature=1, smoothing=0)
