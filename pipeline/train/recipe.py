"""What every method that learns by steps is told."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.core.errors import PipelineError

Share = Annotated[float, Field(ge=0, lt=1)]  # of what a running mean keeps: at 1 it would learn nothing


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that all trainers share; each method's own recipe extends it. Steps are optimizer steps, or rounds of a rollout."""

    steps: PositiveInt
    max_grad_norm: PositiveFloat  # gradients are clipped to this norm
    checkpoint_every: PositiveInt  # steps
    seed: int


def rows_a_step(batch_tokens: int, *, micro_batch: int, tokens: int, section: str) -> int:
    """Rows of `tokens` tokens in a batch; PipelineError where micro-batches don't make it up."""
    unit = micro_batch * tokens
    if batch_tokens % unit or batch_tokens < unit:
        message = f"batch_tokens {batch_tokens} is no multiple of micro_batch {micro_batch} x length {tokens} = {unit}"
        raise PipelineError(message, mend=f"{section}.batch_tokens={max(1, batch_tokens // unit) * unit}")
    return batch_tokens // tokens
