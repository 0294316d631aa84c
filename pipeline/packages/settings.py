"""What the settings of the packages are made of, with their bounds."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt

Rows = Annotated[int, Field(ge=20)]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How often each kind of instruction stands beside the others."""

    purpose: PositiveInt
    parameters: PositiveInt
    yes_no: PositiveInt
    signature: PositiveInt
    package: PositiveInt


@dataclass(frozen=True, kw_only=True)
class Worse:
    """How often each kind of pair stands beside the others, by what is wrong with the rejected answer."""

    other: PositiveInt
    parameter: PositiveInt
    cut: PositiveInt
    terse: PositiveInt


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
    row: PositiveInt  # at most, of a question with its answer
