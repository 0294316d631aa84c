"""What every method that learns by steps is told."""

from dataclasses import dataclass, replace
from typing import Self

from pydantic import PositiveFloat, PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.seed import Seed
from pipeline.train.duration import Duration


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that all trainers share; each method's own recipe extends it. Steps are optimizer steps, or rounds of a rollout."""

    duration: Duration
    max_grad_norm: PositiveFloat  # gradients are clipped to this norm
    checkpoint_every: PositiveInt  # steps
    seed: Seed

    @property
    def steps(self) -> int:
        """The steps to take. ValueError while the duration is told in another unit: train/settle makes them of it."""
        if self.duration.unit != "steps":
            raise ValueError(f"a duration of {self.duration} is no number of steps yet: settle it by the data")
        return int(self.duration.amount)

    @property
    def step_share(self) -> float:
        """Of what a trial times as a step, what the mean step takes."""
        return 1.0

    @property
    def least_steps(self) -> int:
        """Fewer make no sense."""
        return 1

    def lasting(self, steps: int) -> Self:
        """The same for so many steps."""
        return replace(self, duration=Duration(steps, "steps"))


def rows_a_step(batch_tokens: int, *, micro_batch: int, tokens: int, ranks: int, section: str) -> int:
    """Rows of `tokens` tokens in a batch; PipelineError where the micro-batches of all ranks don't make it up."""
    unit = micro_batch * ranks * tokens
    if batch_tokens % unit or batch_tokens < unit:
        each, apart = divmod(batch_tokens, ranks * tokens)  # rows of a rank
        fits = max((rows for rows in range(1, min(micro_batch, each) + 1) if each % rows == 0), default=None)
        alone = ranks == 1 or apart or not fits  # another batch is another training, a smaller micro-batch is not
        mend = f"{section}.batch_tokens={max(1, batch_tokens // unit) * unit}" if alone else f"{section}.micro_batch={fits}"
        factors = f"micro_batch {micro_batch} x length {tokens}" + (f" x {ranks} ranks" if ranks > 1 else "")
        raise PipelineError(f"batch_tokens {batch_tokens} is no multiple of {factors} = {unit}", mend=mend)
    return batch_tokens // tokens
