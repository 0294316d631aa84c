"""What every method that fine-tunes on dialogues is told."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.train.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class FineTuning(Recipe):
    """Linear warm-up, then linear decay to zero; AdamW without weight decay."""

    max_length: PositiveInt  # tokens of a dialogue, or of a prompt with its longer answer
    max_dropped: Annotated[float, Field(ge=0, le=1)]  # share of the rows that may be longer
    batch_size: PositiveInt  # examples or pairs a step
    learning_rate: PositiveFloat
    embedding_lr_scale: NonNegativeFloat  # times the learning rate, for the embeddings and the head that is tied to them
    warmup_steps: NonNegativeInt

    def __post_init__(self) -> None:
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps {self.warmup_steps} must be below steps {self.steps}, or the learning rate never reaches its value"
            )
