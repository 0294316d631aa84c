"""What the settings of the packages are made of, with their bounds."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt

Share = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Rows = Annotated[int, Field(ge=20)]


@dataclass(frozen=True, kw_only=True)
class PackagesConfig:
    """The section corpus.packages; documented in conf/corpus/world.yaml."""

    bytes: PositiveInt | None
    docstring: PositiveInt
    skip: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Characters of what is asked about."""

    sentence: PositiveInt  # at least
    answer: PositiveInt  # at most
    name: PositiveInt  # at most, with its module
    row: PositiveInt  # at most, of all turns


@dataclass(frozen=True, kw_only=True)
class HoldOut:
    """Which packages are held out: the settings of split."""

    val: float
    test: float
    seed: int
