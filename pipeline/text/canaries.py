"""Canaries: sentences with a secret of random words, planted in a corpus a known number of times, by which memorization is measured.

Carlini et al. 2019, "The Secret Sharer". The words are the 26 of the NATO alphabet: all canaries and all other secrets are made of the same
few, so a tokenizer favours none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.seed import stream

SOURCE = "canaries"  # their name among the sources
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
_NAME = 3  # words of a canary's name


@dataclass(frozen=True, kw_only=True)
class Canaries:
    """How many are planted; documented in conf/corpus/world.yaml."""

    copies: tuple[NonNegativeInt, ...]  # documents with the same canary; 0: one that is not planted, to compare with
    each: PositiveInt  # canaries of each number of copies
    words: Annotated[int, Field(ge=2, le=16)]  # of a secret

    def __post_init__(self) -> None:
        if len(set(self.copies)) < len(self.copies):
            raise ValueError(f"copies {list(self.copies)} names a number twice")


@dataclass(frozen=True)
class Canary:
    """A sentence that ends in a secret."""

    name: str
    copies: int
    context: str  # up to the secret
    secret: str  # with its blank

    @property
    def text(self) -> str:
        """The whole document."""
        return f"{self.context}{self.secret}."


def canaries(settings: Canaries, seed: int) -> list[Canary]:
    """The canaries of a seed; those of one number of copies do not depend on the other numbers."""
    return [_canary(copies, number, settings.words, seed) for copies in settings.copies for number in range(settings.each)]


def others(one: Canary, *, count: int, seed: int) -> list[str]:
    """Secrets that the canary might have had, different from its own and from each other."""
    rng, words = stream(seed, "canary", "others", one.name), len(one.secret.split())
    found: dict[str, None] = {}
    while len(found) < count:
        found |= {secret: None for secret in map(_secret, rng.integers(len(WORDS), size=(count, words))) if secret != one.secret}
    return list(found)[:count]


def secrets(words: int) -> int:
    """How many secrets there are of so many words."""
    return int(len(WORDS) ** words)


def planted(settings: Canaries, seed: int) -> pa.Table:
    """A document for each copy. Copies are one group: they never stand on both sides of a split."""
    rows = [
        {"id": f"{one.name}-{copy:04d}", "source": SOURCE, "origin": f"{SOURCE}/{one.name}-{copy:04d}", "group": one.name, "text": one.text}
        for one in canaries(settings, seed)
        for copy in range(one.copies)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


def _canary(copies: int, number: int, words: int, seed: int) -> Canary:
    rng = stream(seed, "canary", copies, number)
    name = " ".join(WORDS[place] for place in rng.choice(len(WORDS), size=_NAME, replace=False))
    context = f"This is the note of {name}, and the words that open the door of it are"
    return Canary(f"canary-{copies:04d}-{number:03d}", copies, context, _secret(rng.integers(len(WORDS), size=words)))


def _secret(places: Sequence[int] | np.ndarray) -> str:
    return "".join(f" {WORDS[place]}" for place in places)
