"""Learning rates over the steps, and the rows that a step reads: pure functions, so that any step can be computed alone."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import NonNegativeInt

from pipeline.core.bounds import Fraction
from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The factor on every learning rate: a linear rise, then what its name says."""

    schedule: Literal["warmup_stable_decay", "linear", "cosine", "inverse_sqrt", "phases"]  # phases: each says its own rates
    warmup_ratio: Fraction | None  # share of the steps
    warmup_steps: NonNegativeInt | None  # instead of the share
    decay_ratio: Fraction | None  # share of the steps, of warmup_stable_decay alone
    final_ratio: Fraction  # of the learning rate: where the fall leads to; inverse_sqrt stays there

    def __post_init__(self) -> None:
        if self.schedule == "phases":
            if (self.warmup_ratio, self.warmup_steps, self.decay_ratio) != (None, None, None):
                raise ValueError("schedule=phases says the rates of each phase: warmup_ratio=null warmup_steps=null decay_ratio=null")
            if self.final_ratio:
                raise ValueError("schedule=phases ends at the rate of its last phase: final_ratio=0.0")
            return
        if (self.warmup_ratio is None) == (self.warmup_steps is None):
            raise ValueError("one of warmup_ratio and warmup_steps has a value, the other is null")
        if (self.decay_ratio is None) == (self.schedule == "warmup_stable_decay"):
            raise ValueError("decay_ratio has a value where schedule=warmup_stable_decay; the others fall all the way: decay_ratio=null")
        if (self.warmup_ratio or 0) + (self.decay_ratio or 0) > 1:
            raise ValueError(f"warmup_ratio {self.warmup_ratio} and decay_ratio {self.decay_ratio} overlap: together they are at most 1")

    def factor(self, step: int, *, steps: int) -> float:
        """For step 0..steps-1."""
        rise = float(self.warmup_steps or 0) if self.warmup_ratio is None else self.warmup_ratio * steps
        if self.decay_ratio is not None:
            return warmup_stable_decay(step, steps=steps, rise=rise, fall=self.decay_ratio * steps, final=self.final_ratio)
        return FALLS[self.schedule](step, steps=steps, rise=rise, final=self.final_ratio)


def warmup_stable_decay(step: int, *, steps: int, rise: float, fall: float, final: float) -> float:
    """A linear rise over `rise` steps, a plateau of 1, a linear fall over the last `fall` steps, from 1 towards `final`.

    Hu et al. 2024 (MiniCPM); linear decay: Bergsma et al. 2025.
    """
    down = final + (1 - final) * ((steps - step) / fall) if fall else 1.0
    return min(1.0, _up(step, rise), down)


def linear(step: int, *, steps: int, rise: float, final: float) -> float:
    """A linear rise, then a line towards `final`."""
    return warmup_stable_decay(step, steps=steps, rise=rise, fall=max(1.0, steps - rise), final=final)


def cosine(step: int, *, steps: int, rise: float, final: float) -> float:
    """A linear rise, then half a wave towards `final` (Loshchilov and Hutter 2017)."""
    done = max(0.0, step - rise) / max(1.0, steps - rise)
    return min(_up(step, rise), final + (1 - final) * (1 + math.cos(math.pi * done)) / 2)


def inverse_sqrt(step: int, *, steps: int, rise: float, final: float) -> float:
    """A linear rise, then 1 / sqrt(steps since the beginning), 1 where the rise ends; never below `final` (Vaswani et al. 2017)."""
    return min(_up(step, rise), max(final, math.sqrt(min(1.0, max(1.0, rise) / (step + 1)))))


def _up(step: int, rise: float) -> float:
    return min(1.0, (step + 1) / rise) if rise else 1.0


FALLS = {"linear": linear, "cosine": cosine, "inverse_sqrt": inverse_sqrt}


def linear_decay(step: int, *, steps: int) -> float:
    """The factor on a learning rate in step 0..steps-1: from 1 towards 0."""
    return 1 - step / steps


def rows_of(step: int, *, batch: int, rows: int, seed: int | None) -> npt.NDArray[np.int64]:
    """The numbers of the `batch` rows that a step reads: epoch after epoch, each in an order of its own; without a seed as they lie."""
    return rows_from(step * batch, count=batch, rows=rows, seed=seed)


def rows_from(first: int, *, count: int, rows: int, seed: int | None) -> npt.NDArray[np.int64]:
    """The same of `count` rows from the position `first` on, which counts all epochs."""
    positions = np.arange(first, first + count)
    if seed is None:
        return positions % rows
    epochs = positions // rows
    parts = [Permutation(rows, seed_of(seed, "shuffle", int(epoch)))[positions[epochs == epoch] % rows] for epoch in np.unique(epochs)]
    return np.concatenate(parts)
