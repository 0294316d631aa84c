"""Where a method does its work, and the history that it gives back."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import PipelineError

Row = dict[str, int | float]
History = list[Row]  # a row a step; equal on every run, resumed or not


@dataclass(frozen=True, kw_only=True)
class Place:
    """The surroundings of a training run; none of them changes its result on one kind of device."""

    scratch: Path  # for checkpoints
    device: str
    track: Callable[[int, dict[str, float]], None]  # numbers that pass


def refuse_nan(loss: float, *, step: int, section: str) -> None:
    """PipelineError when training has left the numbers: all that follows would be lost."""
    if not math.isfinite(loss):
        raise PipelineError(f"the loss of {section} is {loss} in step {step}", mend=f"lower {section}.learning_rate")
