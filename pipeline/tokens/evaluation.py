"""What a tokenizer does to text: bytes a token, tokens a word, what comes back unchanged, and which tokens are used."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers

from pipeline.core.artifact.split import Part, Split
from pipeline.tokens.sample import Sample
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import encode_arrays, unknown_id

NO_IDS = np.zeros(0, np.uint32)
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


def figures(source: Split, sample: Sample, tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
    """The metrics of a tokenizer: its size, bytes a token on val, its longest tokens, what its sample never uses, and val and test."""
    parts = {part: held_out(source, part, tokenizer) for part in HELD_OUT}
    facts = {"vocabulary": tokenizer.get_vocab_size(), "bytes_per_token": parts["val"]["bytes_per_token"], "longest": longest(tokenizer)}
    return facts | usage(sample.shards(), tokenizer) | parts


def held_out(source: Split, part: Part, tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
    """The figures of a part, and under `sources` those of each source."""
    unknown = unknown_id(tokenizer)
    tallies: dict[str, Tally] = {}
    for table in source.batches(part, ["source", "text"]):
        names, texts = table["source"].to_pylist(), table["text"].to_pylist()
        for name, tally in zip(names, tallies_of(texts, tokenizer, unknown), strict=True):
            tallies[name] = tallies.get(name, Tally()) + tally
    return sum(tallies.values(), Tally()).ratios() | {"sources": {name: tallies[name].ratios() for name in sorted(tallies)}}


def usage(shards: Iterable[list[str]], tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
    """Documents and bytes of the texts, and the tokens that never stand in them, special ones and the unknown left out."""
    counts = np.zeros(tokenizer.get_vocab_size(), np.int64)
    documents, size = 0, 0
    for texts in shards:
        counts += np.bincount(np.concatenate([NO_IDS, *encode_arrays(texts, tokenizer)]), minlength=len(counts))
        documents += len(texts)
        size += sum(len(text.encode()) for text in texts)
    apart = {*IDS.values(), unknown_id(tokenizer)}
    unused = sum(number not in apart for number in np.flatnonzero(counts == 0).tolist())
    return {"sample": {"documents": documents, "bytes": size}, "unused": unused}


def longest(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The tokens of most characters, as text, longest first; of equals the lower ids."""
    texts = [tokenizer.decode([number]) for number in range(len(IDS), tokenizer.get_vocab_size())]
    return sorted(texts, key=len, reverse=True)[:LONGEST]


def tallies_of(texts: list[str], tokenizer: tokenizers.Tokenizer, unknown: int | None) -> Iterator[Tally]:
    """The counts of each text."""
    for text, own in zip(texts, encode_arrays(texts, tokenizer), strict=True):
        strange = 0 if unknown is None else int((own == unknown).sum())
        same = tokenizer.decode(own.tolist(), skip_special_tokens=False) == text
        yield Tally(1, len(text.encode()), len(text.split()), len(own), strange, int(same))
