"""How well held-out documents are predicted: by a model, by counting, and by whoever knows the source."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.core.artifact.split import Part
from pipeline.core.bounds import ProperFraction
from pipeline.core.intervals import Bootstrap, Estimate, ratio, ratio_gap
from pipeline.evaluate.items import BITS, item_record
from pipeline.evaluate.ngram import MAX_CHARACTERS, MAX_ORDER, character_surprise
from pipeline.evaluate.table import Row, Windows, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.evaluate.whole_documents import Documents, as_much_of, held_out, in_other_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHARACTERS = "characters"  # a player among the models
PERPLEXITY, OVERFIT = "perplexity", "overfit"
PLAIN = "plain"  # TASK/plain: in windows that follow each other
_BESIDE: tuple[Part, ...] = ("train", "val")  # TASK/train, TASK/val: these parts, plain
_OTHER = "its tokens are others: bits a byte are compared"
_UNKNOWN = "the source of this text is not known, or its documents were cut"
_NOT_OURS = "what it was trained on is not known"
_NONE = "no training text is of a source of the held-out one"


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """A task of kind perplexity."""

    kind: Literal["perplexity"]
    documents: PositiveInt  # test documents, at most
    document_tokens: PositiveInt  # tokens read of each, at most
    overlap: ProperFraction  # share of each window that was read before
    ngram: Annotated[int, Field(ge=1, le=MAX_ORDER)]  # tokens of the n-gram baseline
    characters: Annotated[int, Field(ge=1, le=MAX_CHARACTERS)] | None  # bytes of the one that knows no tokenizer; null: none

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Perplexity a token and bits a byte of the test part, in windows that overlap.

        TASK/plain: in windows that follow each other, each told only the last token of the one before, the last of a document more (the
        harness's rolling), and `overfit`: its bits a byte less those of as much training text. TASK/train and TASK/val: of so much of
        these parts, plain.
        Of several sources each also by itself, as TASK/source_NAME.
        """
        from pipeline.model.score import document_nats  # torch, which the baselines do without

        def of_model(part: Part, documents: Documents) -> Documents:
            return documents if given.theirs is None else in_other_tokens(part, documents, given)

        def read(own: Documents, windows: Windows) -> Read:
            nats = document_nats(module, own.ids, window=windows.window, stride=windows.stride, batch=given.batch_size).tolist()
            return Read.of_nats(own, nats, windows)

        documents, window = self.read(given), int(given.tokens.facts["length"])
        sliding, plain = Windows(window, max(1, round(window * (1 - self.overlap)))), Windows(window, window - 1)
        parts = {part: as_much_of(part, documents, given, tokens=self.document_tokens) for part in _BESIDE}
        test = of_model("test", documents)
        found, alone = read(test, sliding), read(test, plain)
        beside = {part: read(of_model(part, some), plain) for part, some in parts.items() if some.ids}
        rows = _rows(given.name, task, found, given.bootstrap)
        for part, one in ((PLAIN, alone), *beside.items()):
            own = (given.name, f"{task}/{part}", one, given.bootstrap)
            rows += [*_figures(*own), *_by_source(*own)]
        rows.append(_overfit(given, f"{task}/{PLAIN}", alone, beside.get("train")))
        if given.theirs is not None:
            rows = [absent(one.model, one.task, PERPLEXITY, _OTHER) if one.metric == PERPLEXITY else one for one in rows]
        return Result(rows=rows, records=_records(task, found, given))

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """A unigram model, an n-gram model and a model of characters, counted on the training documents, and the entropy of the source:
        what no model goes below, but by luck. Of several sources each also by itself."""
        documents, rows = self.read(given), []
        if documents.bits is None:
            rows.append(absent("source", task, BITS, _UNKNOWN))
        else:
            own = Read(documents, documents.bits)
            rows += [row("source", task, BITS, own.in_bits(given.bootstrap)), *_by_source("source", task, own, given.bootstrap)]
        for name, order in (("unigram", 1), (f"{self.ngram}-gram", self.ngram)):
            counted = given.ngram(order)
            read = Read.of_nats(documents, [counted.surprise(ids) * math.log(2) for ids in documents.ids], None)
            rows += _rows(name, task, read, given.bootstrap)
        return rows + (self._of_characters(task, given, documents, self.characters) if self.characters else [])

    def _of_characters(self, task: str, given: HeldOut, documents: Documents, order: int) -> list[Row]:
        """Of the same bytes, but for a tokenizer that does not keep them all."""
        texts = given.split.texts_of("test", documents.numbers)
        cut = [text.encode()[:size] for text, size in zip(texts, documents.sizes, strict=True)]
        bits = [character_surprise(given.characters(order), text) for text in cut]
        read = Read(replace(documents, sizes=[len(text) for text in cut]), bits)
        return _rows(CHARACTERS, task, read, given.bootstrap)

    def read(self, given: HeldOut) -> Documents:
        """The held-out documents."""
        return held_out(given, documents=self.documents, tokens=self.document_tokens)


@dataclass(frozen=True)
class Read:
    """What documents cost whoever reads them."""

    documents: Documents
    bits: Sequence[float]  # of each
    nats: Sequence[float] | None = None  # of each, of its tokens; None: of who reads no tokens
    windows: Windows | None = None  # None: nothing is read in windows

    @classmethod
    def of_nats(cls, documents: Documents, nats: Sequence[float], windows: Windows | None) -> "Read":
        """By tokens."""
        return cls(documents, [cost / math.log(2) for cost in nats], nats, windows)

    def in_bits(self, bootstrap: Bootstrap) -> Estimate:
        """Bits a byte."""
        return ratio(self.bits, self.documents.sizes, bootstrap=bootstrap)

    def only(self, places: Sequence[int]) -> "Read":
        """Of some of the documents."""
        bits, nats = [self.bits[place] for place in places], self.nats and [self.nats[place] for place in places]
        return Read(self.documents.only(places), bits, nats, self.windows)


def _exp(value: float) -> float:
    """exp, and infinity where it is beyond what a float holds: the perplexity of a broken model."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _records(task: str, read: Read, given: HeldOut) -> list[dict[str, object]]:
    """Bits a byte of each document."""
    names = given.split.read("test", ["id"])["id"]
    known = zip((names[number].as_py() for number in read.documents.numbers), read.bits, read.documents.sizes, strict=True)
    return [item_record(task, name, name, BITS, chance=None) | {BITS: bits / size} for name, bits, size in known if size]


def _rows(name: str, task: str, read: Read, bootstrap: Bootstrap) -> list[Row]:
    """The figures of all and of each source, and bits as a multiple of the source's."""
    rows, known = _figures(name, task, read, bootstrap), read.documents.bits
    if known is None:
        rows.append(absent(name, task, "entropy_ratio", _UNKNOWN))
    else:
        rows.append(row(name, task, "entropy_ratio", ratio(read.bits, known, bootstrap=bootstrap), windows=read.windows))
    return [*rows, *_by_source(name, task, read, bootstrap)]


def _figures(name: str, task: str, read: Read, bootstrap: Bootstrap) -> list[Row]:
    """Perplexity a token, where there are tokens, and bits a byte."""
    rows = [row(name, task, BITS, read.in_bits(bootstrap), windows=read.windows)]
    if read.nats is None:
        return rows
    found = ratio(read.nats, [len(ids) - 1 for ids in read.documents.ids], bootstrap=bootstrap)
    perplexity = Estimate(_exp(found.value), _exp(found.low), _exp(found.high), found.n)
    return [row(name, task, PERPLEXITY, perplexity, windows=read.windows), *rows]


def _by_source(name: str, task: str, read: Read, bootstrap: Bootstrap) -> list[Row]:
    """The figures of each source; none where there is but one."""
    places = read.documents.places()
    if len(places) < 2:
        return []
    return [one for source, some in places.items() for one in _figures(name, f"{task}/source_{source}", read.only(some), bootstrap)]


def _overfit(given: Examined, task: str, held_out: Read, trained: Read | None) -> Row:
    """Bits a byte of held-out text less those of training text."""
    if given.theirs is not None or trained is None:
        return absent(given.name, task, OVERFIT, _NONE if given.theirs is None else _NOT_OURS)
    sides = [(one.bits, one.documents.sizes) for one in (held_out, trained)]
    return row(given.name, task, OVERFIT, ratio_gap(*sides, bootstrap=given.bootstrap), windows=held_out.windows)
