"""Places in the documents of the test part, and items made of how a document goes on there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipeline.core.artifact.split import Split
from pipeline.evaluate.items import Item
from pipeline.evaluate.task import HeldOut

T = TypeVar("T")
SOURCE = "held-out text"  # a baseline: what really stands there
_ENOUGH = 32  # places for each item: then no further document is looked into
_WIDEST = 16  # characters a token, of which a context is cut before it is encoded


@dataclass(frozen=True)
class Document:
    """A document, or the chapter that was cut from one."""

    id: str
    book: str  # the whole document
    source: str
    text: str


def places(given: HeldOut, look: Callable[[str], Iterable[T]], task: str, *, count: int) -> list[tuple[Document, T]]:
    """What `look` finds in the held-out documents, for a choice of `count`; of many documents, as many by lot as have enough."""
    return places_in(given.split, look, given.stream(task, "documents"), count=count)


def places_in(split: Split, look: Callable[[str], Iterable[T]], rng: np.random.Generator, *, count: int) -> list[tuple[Document, T]]:
    """The same of a split, its documents in an order by lot."""
    table = split.read("test", ["id", "book", "source", "text"])
    names, books, sources, texts = (table[name] for name in ("id", "book", "source", "text"))
    found: list[tuple[Document, T]] = []
    for number in rng.permutation(len(table)).tolist():
        if len(found) > _ENOUGH * count:
            break
        name = names[number].as_py()
        document = Document(name, books[number].as_py() or name, sources[number].as_py(), texts[number].as_py())
        found += [(document, place) for place in look(document.text)]
    return found


def item_at(given: HeldOut, document: Document, start: int, choices: Sequence[str]) -> Item | None:
    """How a document goes on at `start`, or might, after as much of it as a row of tokens has room for; None for what fits in no row.

    Blanks before `start` belong to what follows, as a tokenizer takes them.
    """
    before = document.text[:start].rstrip()
    blank = document.text[len(before) : start]
    texts = [f"{blank}{text}" for text in choices]
    ids = [given.ids(text) for text in texts]
    room = int(given.tokens.facts["length"]) - max(map(len, ids))
    if room < 1:
        return None
    seen = before[-_WIDEST * room :]
    context = given.codec.start * (len(seen) == len(before)) + given.ids(seen)
    sizes = [len(text.encode()) for text in texts]
    return Item(id=f"{document.id}:{start}", cluster=document.book, context=context[-room:], choices=ids, sizes=sizes)
