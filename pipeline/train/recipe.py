"""What every method that learns by steps is told."""

from dataclasses import dataclass

from pydantic import PositiveFloat, PositiveInt


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that all trainers share; each method's own recipe extends it. Steps are optimizer steps, or rounds of a rollout."""

    steps: PositiveInt
    max_grad_norm: PositiveFloat  # gradients are clipped to this norm
    checkpoint_every: PositiveInt  # steps
    seed: int
