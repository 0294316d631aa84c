"""Bounds that several settings share: told by the plan with the key, the value and the bound."""

from typing import Annotated

from pydantic import Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]  # some of it, and not all
Name = Annotated[str, Field(min_length=1)]
