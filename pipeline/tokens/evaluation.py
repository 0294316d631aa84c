"""What a tokenizer does to text: bytes a token, tokens a word, what comes back unchanged, and which tokens are used."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers

from pipeline.core.artifact.split import Part, Split
from pipeline.core.artifact.tables import batches
from pipeline.tokens.sample import Sample
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import encode_arrays, unknown_id

LONGEST = 10  # tokens that are named
HELD_OUT: tuple[Part, ...] = ("val", "test")


@dataclass
class Tally:
    """Sums over documents."""

    documents: int = 0
    bytes: int = 0
    words: int = 0
    tokens: int = 0
    unknown: int = 0  # tokens
    unchanged: int = 0  # documents

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def ratios(self) -> dict[str, float | int]:
        """The counts and their ratios; 0 for no text."""
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "tokens": self.tokens,
            "bytes_per_token": self.bytes / max(1, self.tokens),
            "fertility": self.tokens / max(1, self.words),  # tokens a word between blanks
            "unknown": self.unknown / max(1, self.tokens),  # share of the tokens
            "round_trip": self.unchanged / max(1, self.documents),  # share of the documents
        }


@dataclass
class Usage:
    """How often each token stands in some text."""

    counts: npt.NDArray[np.int64]  # [vocabulary]
    documents: int = 0
    bytes: int = 0

    @property
    def unused(self) -> int:
        """Tokens that never occur, the special ones left out."""
        return int((self.counts[len(IDS) :] == 0).sum())


def figures(source: Split, sample: Sample, tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
    """The metrics of a tokenizer: its size, bytes a token on val, its longest tokens, what its sample never uses, and val and test."""
    used, parts = usage(sample.shards(), tokenizer), {part: held_out(source, part, tokenizer) for part in HELD_OUT}
    return {
        "vocabulary": tokenizer.get_vocab_size(),
        "bytes_per_token": parts["val"]["bytes_per_token"],
        "sample": {"documents": used.documents, "bytes": used.bytes},
        "unused": used.unused,
        "longest": longest(tokenizer),
    } | parts


def held_out(source: Split, part: Part, tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
    """The figures of a part, and under `sources` those of each source."""
    unknown = unknown_id(tokenizer)
    tallies: dict[str, Tally] = {}
    for table in batches(source.shards, part, ["source", "text"]):
        names, texts = table["source"].to_pylist(), table["text"].to_pylist()
        for name, tally in zip(names, tallies_of(texts, tokenizer, unknown), strict=True):
            tallies[name] = tallies.get(name, Tally()) + tally
    return sum(tallies.values(), Tally()).ratios() | {"sources": {name: tallies[name].ratios() for name in sorted(tallies)}}


def usage(shards: Iterable[list[str]], tokenizer: tokenizers.Tokenizer) -> Usage:
    """How often each token stands in the texts."""
    found = Usage(np.zeros(tokenizer.get_vocab_size(), np.int64))
    for texts in shards:
        found.counts += np.bincount(encode_arrays(texts, tokenizer)[0], minlength=len(found.counts))
        found.documents += len(texts)
        found.bytes += sum(len(text.encode()) for text in texts)
    return found


def longest(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The tokens of most characters, as text, longest first; of equals the lower ids."""
    texts = [tokenizer.decode([number]) for number in range(len(IDS), tokenizer.get_vocab_size())]
    return sorted(texts, key=len, reverse=True)[:LONGEST]


def tallies_of(texts: list[str], tokenizer: tokenizers.Tokenizer, unknown: int | None) -> Iterator[Tally]:
    """The counts of each text."""
    ids, ends = encode_arrays(texts, tokenizer)
    for text, own in zip(texts, np.split(ids, ends)[:-1], strict=True):
        strange = 0 if unknown is None else int((own == unknown).sum())
        same = tokenizer.decode(own.tolist(), skip_special_tokens=False) == text
        yield Tally(1, len(text.encode()), len(text.split()), len(own), strange, int(same))
