"""What every method that learns by steps is told."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

Share = Annotated[float, Field(ge=0, lt=1)]  # of what a running mean keeps: at 1 it would learn nothing


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that all trainers share; each method's own recipe extends it. Steps are optimizer steps, or rounds of a rollout."""

    steps: PositiveInt
    max_grad_norm: PositiveFloat  # gradients are clipped to this norm
    checkpoint_every: PositiveInt  # steps
    seed: int
