"""Bounds that several settings share: told by the plan with the key, the value and the bound."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Field(gt=0, le=1)]  # some of it
ProperFraction = Annotated[float, Field(ge=0, lt=1)]  # not all of it
OpenFraction = Annotated[float, Field(gt=0, lt=1)]  # some of it, and not all
Name = Annotated[str, Field(min_length=1)]


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as fault:
        raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault
    return pattern


Regex = Annotated[str, AfterValidator(_compiled)]
