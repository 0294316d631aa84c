"""How well held-out documents are predicted: by a model, by counting, and by whoever knows the source."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, Estimate, ratio
from pipeline.evaluate.items import BITS, item_record
from pipeline.evaluate.ngram import MAX_CHARACTERS, MAX_ORDER, character_surprise
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.rows import open_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHARACTERS = "characters"  # a player among the models
_OTHER = "its tokens are others: bits a byte are compared"
_UNKNOWN = "the source of this text is not known, or its documents were cut"


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """A task of kind perplexity."""

    kind: Literal["perplexity"]
    documents: PositiveInt  # test documents, at most
    document_tokens: PositiveInt  # tokens read of each, at most
    overlap: Annotated[float, Field(ge=0, lt=1)]  # share of each window that was read before
    ngram: Annotated[int, Field(ge=1, le=MAX_ORDER)]  # tokens of the n-gram baseline
    characters: Annotated[int, Field(ge=1, le=MAX_CHARACTERS)] | None  # bytes of the one that knows no tokenizer; null: none

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Perplexity a token and bits a byte."""
        from pipeline.model.score import document_nats  # torch, which the baselines do without

        documents = self.read(given) if given.theirs is None else self.in_other_tokens(given)
        window = int(given.tokens.facts["length"])
        stride = max(1, round(window * (1 - self.overlap)))
        nats = document_nats(module, documents.ids, window=window, stride=stride, batch=given.batch_size).tolist()
        names = given.split.read("test", ["id"])["id"]
        records = [
            item_record(task, name, name, BITS, chance=None) | {BITS: cost / math.log(2) / size}
            for name, cost, size in zip((names[number].as_py() for number in documents.numbers), nats, documents.sizes, strict=True)
            if size
        ]
        if given.theirs is None:
            return Result(rows=_rows(given.name, task, nats, documents, given.bootstrap), records=records)
        rows = _in_bits(given.name, task, [cost / math.log(2) for cost in nats], documents, given.bootstrap)
        return Result(rows=[absent(given.name, task, "perplexity", _OTHER), *rows], records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """A unigram model, an n-gram model and a model of characters, counted on the training documents, and the entropy of the source:
        what no model goes below, but by luck."""
        documents, rows = self.read(given), []
        if documents.bits is None:
            rows.append(absent("source", task, BITS, _UNKNOWN))
        else:
            rows.append(row("source", task, BITS, ratio(documents.bits, documents.sizes, bootstrap=given.bootstrap)))
        for name, order in (("unigram", 1), (f"{self.ngram}-gram", self.ngram)):
            counted = given.ngram(order)
            nats = [counted.surprise(ids) * math.log(2) for ids in documents.ids]
            rows += _rows(name, task, nats, documents, given.bootstrap)
        return rows + (self._of_characters(task, given, documents, self.characters) if self.characters else [])

    def _of_characters(self, task: str, given: HeldOut, documents: "Documents", order: int) -> list[Row]:
        """Of the same bytes, but for a tokenizer that does not keep them all."""
        texts = given.split.read("test", ["text"])["text"]
        cut = [texts[number].as_py().encode()[:size] for number, size in zip(documents.numbers, documents.sizes, strict=True)]
        bits = [character_surprise(given.characters(order), text) for text in cut]
        return _in_bits(CHARACTERS, task, bits, replace(documents, sizes=[len(text) for text in cut]), given.bootstrap)

    def in_other_tokens(self, given: HeldOut) -> "Documents":
        """The same bytes as the tokens of another tokenizer; but for those of a character that is cut in two."""
        documents = self.read(given)
        texts = given.split.read("test", ["text"])["text"]
        cut = zip(documents.numbers, documents.sizes, strict=True)
        read = [texts[number].as_py().encode()[:size].decode(errors="ignore") for number, size in cut]
        ids = [np.array([*given.codec.start, *given.ids(text)], dtype=np.int64) for text in read]
        return replace(documents, ids=ids, sizes=[len(text.encode()) for text in read])

    def read(self, given: HeldOut) -> "Documents":
        """The first documents of the test part, each up to `document_tokens` tokens; the source's bits only if all are whole."""
        rows = open_rows(given.tokens, "test", tokenizer_digest=given.digest)
        numbers = np.flatnonzero(rows.sizes)[: self.documents].tolist()
        if not numbers:
            raise PipelineError(f"{given.tokens.path} has no test documents", mend="a larger test share in split, or more text")
        whole = [rows.document(number) for number in numbers]
        known = given.split.read("test")["bits"].to_pylist()
        bits = [known[number] for number in numbers]
        complete = None not in bits and all(len(ids) <= self.document_tokens for ids in whole)
        cut = [ids[: self.document_tokens] for ids in whole]
        return Documents(numbers, cut, [int(given.widths[ids[1:]].sum()) for ids in cut], bits if complete else None)


@dataclass(frozen=True)
class Documents:
    """Held-out documents: ids with BOS in front, bytes of each, and the bits that their source puts into each, where known."""

    numbers: list[int]  # in the test part
    ids: list[npt.NDArray[np.int64]]
    sizes: list[int]  # bytes
    bits: list[float] | None


def _exp(value: float) -> float:
    """exp, and infinity where it is beyond what a float holds: the perplexity of a broken model."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _rows(name: str, task: str, nats: Sequence[float], documents: Documents, bootstrap: Bootstrap) -> list[Row]:
    """Perplexity a token, bits a byte, and the same as a multiple of the source's."""
    found = ratio(nats, [len(ids) - 1 for ids in documents.ids], bootstrap=bootstrap)
    perplexity = row(name, task, "perplexity", Estimate(_exp(found.value), _exp(found.low), _exp(found.high), found.n))
    return [perplexity, *_in_bits(name, task, [cost / math.log(2) for cost in nats], documents, bootstrap)]


def _in_bits(name: str, task: str, bits: Sequence[float], documents: Documents, bootstrap: Bootstrap) -> list[Row]:
    """Bits a byte, and the same as a multiple of the source's."""
    rows = [row(name, task, BITS, ratio(bits, documents.sizes, bootstrap=bootstrap))]
    if documents.bits is None:
        return [*rows, absent(name, task, "entropy_ratio", _UNKNOWN)]
    return [*rows, row(name, task, "entropy_ratio", ratio(bits, documents.bits, bootstrap=bootstrap))]
