"""Randomness has a name: every stream is derived from one seed and the words that say what it is for."""

import hashlib
from typing import Annotated

import numpy as np
from pydantic import Field

Seed = Annotated[int, Field(ge=0, lt=1 << 63)]  # as a setting


def seed_of(seed: int, *names: str | int) -> int:
    """A 63-bit integer that depends on the seed and on every name, and on nothing else.

    The same arguments give the same integer on every machine and Python version.
    """
    words = "\x1f".join([str(seed), *(f"{type(name).__name__}:{name}" for name in names)])
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest()) >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for the purpose that the names spell out."""
    return np.random.Generator(np.random.PCG64(seed_of(seed, *names)))
