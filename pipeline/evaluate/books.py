"""How well held-out books are foreseen: by a model, by counting, and by whoever knows the source."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.evaluate.intervals import Bootstrap, Estimate, ratio
from pipeline.evaluate.ngram import Ngram
from pipeline.evaluate.table import Row, absent, row
from pipeline.model.score import document_nats
from pipeline.tokens.shards import open_rows
from pipeline.tokens.special import IDS, PAD
from pipeline.tokens.tokenizer import vocabulary

TASK = "books"


@dataclass(frozen=True, kw_only=True)
class Library:
    """Held-out documents: ids with BOS in front, bytes of each, and the bits that their source puts into each, where known."""

    documents: list[npt.NDArray[np.int64]]
    sizes: list[int]  # bytes
    bits: list[float] | None
    window: int  # tokens, the length of the rows that the models were trained on


def library(split: Split, tokens: Tokens, tokenizer: tokenizers.Tokenizer, *, documents: int, document_tokens: int, digest: str) -> Library:
    """The first documents of the test part, each up to `document_tokens` tokens; the source's bits only if all are whole."""
    rows = open_rows(tokens, "test", tokenizer_digest=digest)
    numbers = rows.pieces[rows.pieces[:, 1] == 0, 0][:documents].tolist()
    if not numbers:
        raise PipelineError(f"{tokens.path} has no test documents", mend="a larger test share in split, or more text")
    whole = [ids for ids, _ in zip(rows.documents(), numbers, strict=False)]
    cut = [ids[:document_tokens] for ids in whole]
    widths = np.array([len(token) for token in vocabulary(tokenizer)])  # the byte-level alphabet has a character a byte
    known = split.read("test")["bits"].to_pylist()
    bits = [known[number] for number in numbers]
    complete = None not in bits and all(len(ids) <= document_tokens for ids in whole)
    sizes = [int(widths[ids[1:]].sum()) for ids in cut]
    return Library(documents=cut, sizes=sizes, bits=bits if complete else None, window=int(tokens.facts["length"]))


def of_model(name: str, module: PreTrainedModel, books: Library, *, overlap: float, batch: int, bootstrap: Bootstrap) -> list[Row]:
    """Perplexity a token and bits a byte. `overlap` is the share of each window that was read before."""
    stride = max(1, round(books.window * (1 - overlap)))
    nats = document_nats(module, books.documents, window=books.window, stride=stride, batch=batch).tolist()
    tokens = [len(ids) - 1 for ids in books.documents]
    return [_perplexity(name, nats, tokens, bootstrap), *_bits(name, [cost / math.log(2) for cost in nats], books, bootstrap)]


def of_counting(books: Library, tokens: Tokens, *, order: int, digest: str, bootstrap: Bootstrap) -> list[Row]:
    """A unigram model and an n-gram model of that order, counted on the training documents."""
    documents = list(open_rows(tokens, "train", tokenizer_digest=digest).documents())
    text = np.concatenate(documents)[None] if documents else np.zeros((1, 0), dtype=np.int64)
    if text.shape[1] < order:
        raise PipelineError(f"{tokens.path} has too little training text to count", mend="larger shares in split, or more text")
    rows: list[Row] = []
    for name, length in (("unigram", 1), (f"{order}-gram", order)):
        counted = Ngram(text, order=length, vocabulary=int(tokens.facts["vocabulary"]), padding=IDS[PAD])
        bits = [counted.surprise(ids) for ids in books.documents]
        rows.append(_perplexity(name, [cost * math.log(2) for cost in bits], [len(ids) - 1 for ids in books.documents], bootstrap))
        rows += _bits(name, bits, books, bootstrap)
    return rows


def of_source(books: Library, *, bootstrap: Bootstrap) -> list[Row]:
    """The entropy of the source: what no model goes below, but by luck."""
    if books.bits is None:
        return [absent("source", TASK, "bits_per_byte", _UNKNOWN)]
    return [row("source", TASK, "bits_per_byte", ratio(books.bits, books.sizes, bootstrap=bootstrap))]


_UNKNOWN = "the source of this text is not known, or its documents were cut"


def _perplexity(name: str, nats: Sequence[float], tokens: Sequence[int], bootstrap: Bootstrap) -> Row:
    found = ratio(nats, tokens, bootstrap=bootstrap)
    return row(name, TASK, "perplexity", Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n))


def _bits(name: str, bits: Sequence[float], books: Library, bootstrap: Bootstrap) -> list[Row]:
    """Bits a byte, and the same as a multiple of the source's."""
    found = row(name, TASK, "bits_per_byte", ratio(bits, books.sizes, bootstrap=bootstrap))
    if books.bits is None:
        return [found, absent(name, TASK, "entropy_ratio", _UNKNOWN)]
    return [found, row(name, TASK, "entropy_ratio", ratio(bits, books.bits, bootstrap=bootstrap))]
