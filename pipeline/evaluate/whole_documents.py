"""Documents of a part of the split, read from their beginnings on: ids, bytes, sources.

Of train and val as much is taken as of the test part, source by source, so that what a model makes of them compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.split import Part
from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.evaluate.task import HeldOut
from pipeline.tokens.rows import open_rows

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Documents:
    """Documents of a part: ids with BOS in front, bytes and source of each, and the bits that its source puts into it, where known."""

    numbers: list[int]  # in the part
    ids: list[Ids]
    sizes: list[int]  # bytes
    sources: list[str]
    bits: list[float] | None

    def only(self, places: Sequence[int]) -> "Documents":
        """Some of them."""
        numbers, ids = [self.numbers[place] for place in places], [self.ids[place] for place in places]
        sizes, sources = [self.sizes[place] for place in places], [self.sources[place] for place in places]
        return Documents(numbers, ids, sizes, sources, self.bits and [self.bits[place] for place in places])

    def places(self) -> dict[str, list[int]]:
        """The places of the documents of each source, by name."""
        found: dict[str, list[int]] = {}
        for place, source in sorted(enumerate(self.sources), key=lambda one: one[1]):
            found.setdefault(source, []).append(place)
        return found


def held_out(given: HeldOut, *, documents: int, tokens: int) -> Documents:
    """The first documents of the test part, each up to so many tokens; the source's bits only if all are whole."""
    rows = open_rows(given.tokens, "test", tokenizer_digest=given.digest)
    numbers = np.flatnonzero(rows.sizes)[:documents].tolist()
    if not numbers:
        raise PipelineError(f"{given.tokens.path} has no test documents", mend="a larger test share in split, or more text")
    whole = [rows.document(number) for number in numbers]
    table = given.split.read("test", ["bits", "source"])
    known, sources = (table[name].to_pylist() for name in ("bits", "source"))
    bits = [known[number] for number in numbers]
    complete = None not in bits and all(len(ids) <= tokens for ids in whole)
    return _documents(given, numbers, [ids[:tokens] for ids in whole], [sources[number] for number in numbers], bits if complete else None)


def as_much_of(part: Part, like: Documents, given: HeldOut, *, tokens: int) -> Documents:
    """Documents of another part, of each source as many tokens as `like` has of it, or all; each up to so many tokens.

    Which ones a hash of their ids says: the same for every model, and no other is moved by one that is added. A document that stands there
    several times counts once.
    """
    rows = open_rows(given.tokens, part, tokenizer_digest=given.digest)
    table = given.split.read(part, ["id", "source"])
    names, sources = (table[name].to_pylist() for name in ("id", "source"))
    room = {source: sum(len(like.ids[place]) for place in places) for source, places in like.places().items()}
    single = {names[number]: number for number in np.flatnonzero(rows.sizes)[::-1].tolist() if sources[number] in room}
    taken: dict[int, Ids] = {}
    for name in sorted(single, key=lambda name: seed_of(given.seed, "as much of", part, name)):
        number = single[name]
        if not room[sources[number]]:
            continue
        ids = rows.document(number)[: min(tokens, room[sources[number]])]
        if len(ids) > 1:
            taken[number] = ids
            room[sources[number]] -= len(ids)
    return _documents(given, list(taken), list(taken.values()), [sources[number] for number in taken], None)


def in_other_tokens(part: Part, documents: Documents, given: HeldOut) -> Documents:
    """The same bytes of a part as the tokens of another tokenizer; but for those of a character that is cut in two."""
    texts = zip(given.split.texts_of(part, documents.numbers), documents.sizes, strict=True)
    read = [text.encode()[:size].decode(errors="ignore") for text, size in texts]
    ids = [np.array([*given.codec.start, *given.ids(text)], dtype=np.int64) for text in read]
    return replace(documents, ids=ids, sizes=[len(text.encode()) for text in read])


def _documents(given: HeldOut, numbers: list[int], ids: list[Ids], sources: list[str], bits: Sequence[float] | None) -> Documents:
    sizes = [int(given.widths[some[1:]].sum()) for some in ids]
    return Documents(numbers, ids, sizes, sources, None if bits is None else list(bits))
