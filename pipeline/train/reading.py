"""Which rows of which view of the data each step reads, phase by phase."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from torch import nn

from pipeline.core.seed import seed_of
from pipeline.train import ranks
from pipeline.train.objective import Numbers, Objective, Phased
from pipeline.train.phases import ALL, WHOLE, Course, Phase, View, micro_rows, refuse_uneven
from pipeline.train.schedule import rows_from


@dataclass(frozen=True)
class Batch:
    """The rows of a step, and how many of them are read at once."""

    objective: Objective
    numbers: Numbers
    at_once: int  # of each rank

    @property
    def tokens(self) -> int:
        """Of all ranks."""
        return len(self.numbers) * self.objective.tokens


class Reader:
    """The batches of all steps; without a seed in the order of the data."""

    def __init__(
        self, objective: Objective, phases: Sequence[Phase] | None, *, steps: int, batch_tokens: int, micro_batch: int, seed: int | None
    ) -> None:
        self.course = Course(phases or ALL, steps, batch_tokens, objective.tokens)
        self._objective, self._micro_batch, self._seed = objective, micro_batch, seed
        self._views: dict[View, Objective] = {WHOLE: objective}
        self._theta: float | None = None

    def batch(self, step: int) -> Batch:
        """What a step reads."""
        reading = self.course.reading(step)
        if reading.view not in self._views:
            whole: Any = self._objective  # a Phased, or refuse_phases had stopped it
            self._views[reading.view] = whole.view(*astuple(reading.view))
        own = self._views[reading.view]
        order = self._seed if reading.view == WHOLE or self._seed is None else seed_of(self._seed, "view", *astuple(reading.view))
        numbers = rows_from(reading.first, count=reading.count, rows=own.rows, seed=order)
        room = {"micro_batch": self._micro_batch, "length": self._objective.tokens, "ranks": ranks.world()}
        return Batch(own, numbers, micro_rows(len(numbers), tokens=own.tokens, **room))

    def prepare(self, module: nn.Module, step: int) -> None:
        """Give the module what the phase of a step asks for, also after a resume in its middle."""
        if (theta := self.course.rope_theta(step)) != self._theta:
            self._theta, whole = theta, self._objective
            if theta is not None and isinstance(whole, Phased):
                whole.rope(module, theta)

    def hand_over(self, module: nn.Module) -> None:
        """The same for another module that gets the weights."""
        if self._theta is not None and isinstance(self._objective, Phased):
            self._objective.rope(module, self._theta)


def refuse_phases(
    phases: Sequence[Phase], objective: Objective, module: nn.Module, *, batch_tokens: int, micro_batch: int, section: str
) -> None:
    """PipelineError for a phase that data or module can't do, before the first of them begins."""
    batch = {"batch_tokens": batch_tokens, "micro_batch": micro_batch, "length": objective.tokens}
    refuse_uneven(phases, **batch, context=None, ranks=ranks.world(), section=section)
    for phase in phases:
        view = phase.view(objective.tokens)
        if view == WHOLE and phase.rope_theta is None:
            continue
        if not isinstance(objective, Phased):
            raise TypeError(f"{type(objective).__name__} reads its data in one way, the phase {phase.name} asks for another")
        if view != WHOLE:
            objective.view(*astuple(view))
        if phase.rope_theta is not None:
            objective.refuse_rope(module)
