"""The settings of the packages, with their bounds."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class PackagesConfig:
    """The section corpus.packages; documented in conf/corpus/world.yaml."""

    bytes: PositiveInt | None
    docstring: PositiveInt  # characters
    skip: tuple[str, ...]
