"""What every method that fine-tunes on dialogues is told."""

from dataclasses import dataclass
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.core.bounds import Fraction
from pipeline.tokens.dialogues import Length
from pipeline.train.recipe import Recipe

Precision = Literal["fp32", "bf16", "fp16"]  # fp8 is pretraining's


@dataclass(frozen=True, kw_only=True)
class FineTuning(Recipe):
    """Linear warm-up, then linear decay to zero; AdamW without weight decay."""

    max_length: Length  # tokens of a dialogue, or of a prompt with its longer answer
    max_dropped: Fraction  # share of the rows that may be longer
    batch_size: PositiveInt  # examples or pairs a step
    micro_batch: PositiveInt | None  # examples or pairs at once; None: the whole batch
    precision: Precision  # of the products; weights stay fp32
    learning_rate: PositiveFloat
    embedding_lr_scale: NonNegativeFloat  # times the learning rate, for the embeddings and the head that is tied to them
    warmup_steps: NonNegativeInt

    def __post_init__(self) -> None:
        if self.duration.unit == "steps" and self.warmup_steps >= self.steps:  # another unit is settled by the data, and checked then
            raise ValueError(
                f"warmup_steps {self.warmup_steps} must be below the {self.duration}, or the learning rate never reaches its value"
            )
        if self.micro_batch is not None and self.batch_size % self.micro_batch:
            fits = max(number for number in range(1, self.micro_batch) if self.batch_size % number == 0)
            raise ValueError(f"batch_size {self.batch_size} is no multiple of micro_batch {self.micro_batch}; it is one of {fits}")

    @property
    def least_steps(self) -> int:
        """One with the whole learning rate."""
        return self.warmup_steps + 1

    @property
    def at_once(self) -> int:
        """Examples or pairs that are in memory together."""
        return self.micro_batch or self.batch_size
