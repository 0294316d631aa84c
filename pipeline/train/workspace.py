"""Where a method does its work, and what it leaves behind."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import SMALLER, Diverged
from pipeline.core.progress import progress
from pipeline.train.duration import Duration

Row = dict[str, int | float]
Parallel = Literal["data", "fsdp"]  # what each of several ranks has: all weights, or a part of every one
History = list[Row]  # rows by step; equal on every run, resumed or not


@dataclass(frozen=True)
class Trained:
    """What a training tells of itself."""

    history: History
    amount: dict[str, float]  # steps, epochs, tokens


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The surroundings of a training run; none of them changes its result on one kind of device."""

    scratch: Path  # for checkpoints
    device: str
    track: Callable[[int, dict[str, float]], None]  # numbers that pass
    section: str  # of the settings, for mends: align.dpo
    parallel: Parallel = "data"
    warn: Callable[[str], object] = lambda words: None  # of what a person should know
    measured: Duration | None = None  # of a trial: the time whose number of steps it is to tell

    @classmethod
    def of(cls, run: Any) -> "Workspace":
        """What a stage was given."""
        told = {"track": run.track, "warn": run.log.warning}
        return cls(scratch=run.scratch, device=run.device, section=run.section, parallel=run.hardware.parallel, **told)

    def steps(self, done: int, steps: int) -> Iterator[int]:
        """The numbers of the steps that are left, told as they are taken; of a trial without a total: it ends when its speed is known."""
        if self.measured is None:
            return progress(range(done, steps), self.section, total=steps, start=done)
        return progress(iter(range(done, steps)), f"{self.section}, measuring how many steps {self.measured} are")

    def refuse_nan(self, step: int, **figures: float) -> None:
        """Diverged when training has left the numbers: all that follows would be lost."""
        if wrong := [f"{name} is {value}" for name, value in figures.items() if not math.isfinite(value)]:
            message = f"{self.section} in step {step}: the {' and the '.join(wrong)}"
            raise Diverged(message, mend=self.gentler)

    @property
    def gentler(self) -> str:
        """What mends a training that leaves the numbers."""
        return f"{SMALLER}, or {self.section}.precision=fp32"

    def refuse_end(self, name: str, value: float | None, *, most: float | None, key: str) -> None:
        """Diverged when a figure of the finished training is beyond its bound: the model is broken, and all that reads it would be."""
        if value is not None and most is not None and not value <= most:
            message = f"{self.section} ends with a {name} of {value:.4g}, allowed is {most:g}"
            raise Diverged(message, mend=f"{SMALLER}, or {self.section}.{key}=null, which goes on with the broken model")


def tail_mean(history: Sequence[Row], name: str, *, steps: int = 10) -> float:
    """The mean of a column over the last rows: one step alone is noise."""
    return mean_of(history[-steps:], name)


def mean_of(rows: Sequence[Row], name: str) -> float:
    """The mean of a column."""
    return sum(row[name] for row in rows) / len(rows)
