"""A course of phases: what a step reads, how much of it, and at which rate. Pure functions of the step.

The shares are of the steps; they are normalised. Growing batches: McCandlish et al. 2018; annealing on the best data: Hu et al. 2024
(MiniCPM), Dubey et al. 2024 (Llama 3); a longer context with a higher RoPE base at the end: Xiong et al. 2023.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction as Ratio
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PositiveFloat

from pipeline.core.bounds import Fraction, PositiveFraction
from pipeline.core.errors import PipelineError
from pipeline.train.recipe import rows_a_step


@dataclass(frozen=True)
class View:
    """What of the training data is read, and in which rows."""

    best: PositiveFraction  # share of the tokens: those of the documents with the highest scores; 1: all
    sequence_length: Annotated[int, Field(ge=2)] | None  # tokens a row; None: as `tokenize` made them


WHOLE = View(1.0, None)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the steps."""

    name: Annotated[str, Field(pattern=r"[a-z][a-z0-9_]*")]
    share: PositiveFloat  # of the steps, in parts of the sum of all
    rate: tuple[Fraction, Fraction]  # factor on every learning rate, at the beginning and towards the end, on a line
    batch: Annotated[tuple[PositiveFraction, ...], Field(min_length=1)]  # parts of batch_tokens, each for as many steps as the others
    best: PositiveFraction  # as in View
    sequence_length: Annotated[int, Field(ge=2)] | None  # as in View
    rope_theta: PositiveFloat | None  # base of RoPE from here on; None: as it was

    def view(self, length: int) -> View:
        """What it reads, where `tokenize` made rows of `length` tokens."""
        return View(self.best, None if self.sequence_length == length else self.sequence_length)


ALL = (Phase(name="all", share=1.0, rate=(1.0, 1.0), batch=(1.0,), best=1.0, sequence_length=None, rope_theta=None),)


@dataclass(frozen=True)
class Reading:
    """The rows that a step reads: `count` of a view, from position `first` of its order on."""

    view: View
    first: int
    count: int


@dataclass(frozen=True)
class _Piece:
    """Steps in a row that read as many rows of one view each."""

    stop: int  # the step after the last
    phase: int
    rows: int  # a step
    position: int  # of the first row of the first step


@dataclass(frozen=True)
class Course:
    """The phases over a number of steps, for batches of `batch_tokens` tokens and rows of `length`."""

    phases: Sequence[Phase]
    steps: int
    batch_tokens: int
    length: int

    def phase(self, step: int) -> Phase:
        """The one that a step belongs to."""
        return self.phases[self._piece(step)[1].phase]

    def reading(self, step: int) -> Reading:
        """What a step reads. Phases with the same view go on where the last of them ended."""
        start, piece = self._piece(step)
        return Reading(self.phases[piece.phase].view(self.length), piece.position + (step - start) * piece.rows, piece.rows)

    def factor(self, step: int) -> float:
        """On every learning rate."""
        number = self._piece(step)[1].phase
        begin, end = self._ends[number], self._ends[number + 1]
        first, last = self.phases[number].rate
        return first + (last - first) * (step + (last > first) - begin) / (end - begin)  # a rise ends at its end, a fall stays above it

    def rope_theta(self, step: int) -> float | None:
        """The base of RoPE: the last that was said; None: as the model has it."""
        number = self._piece(step)[1].phase
        said = [phase.rope_theta for phase in self.phases[: number + 1] if phase.rope_theta is not None]
        return said[-1] if said else None

    def told(self, steps: int) -> dict[str, float]:
        """Tokens that so many of the steps read."""
        starts = [0, *(piece.stop for piece in self._pieces)]
        return {
            "tokens": sum(
                max(0, min(steps, piece.stop) - start) * piece.rows * self._length_of(self.phases[piece.phase])
                for start, piece in zip(starts, self._pieces, strict=False)
            )
        }

    def _piece(self, step: int) -> tuple[int, _Piece]:
        """The piece of a step, and its first step."""
        number = bisect_right(self._stops, step)
        return (self._stops[number - 1] if number else 0), self._pieces[number]

    def _length_of(self, phase: Phase) -> int:
        return phase.sequence_length or self.length

    @cached_property
    def _ends(self) -> list[int]:
        """The step at which each phase begins, and the number of steps."""
        shares = np.cumsum([0.0, *(phase.share for phase in self.phases)])
        ends: list[int] = np.rint(shares / shares[-1] * self.steps).astype(int).tolist()
        return ends

    @cached_property
    def _pieces(self) -> list[_Piece]:
        pieces, read = list[_Piece](), dict[View, int]()
        for number, phase in enumerate(self.phases):
            stops = np.rint(np.linspace(self._ends[number], self._ends[number + 1], len(phase.batch) + 1)).astype(int).tolist()
            for start, stop, part in zip(stops, stops[1:], phase.batch, strict=False):
                if stop == start:
                    continue
                rows = rows_of_part(self.batch_tokens, part, self._length_of(phase))
                view = phase.view(self.length)
                pieces.append(_Piece(stop, number, rows, read.get(view, 0)))
                read[view] = read.get(view, 0) + rows * (stop - start)
        return pieces

    @cached_property
    def _stops(self) -> list[int]:
        return [piece.stop for piece in self._pieces]


def mean_batch(phases: Sequence[Phase]) -> float:
    """The mean part of batch_tokens over the steps."""
    return float(sum(phase.share * np.mean(phase.batch) for phase in phases) / sum(phase.share for phase in phases))


def rows_of_part(batch_tokens: int, part: float, length: int) -> int:
    """Rows of a part of a batch; at least one."""
    return max(1, round(batch_tokens * part / length))


def micro_rows(rows: int, *, micro_batch: int, length: int, tokens: int, ranks: int) -> int:
    """Rows of `tokens` tokens at once, of the `rows` of a step, where `micro_batch` of `length` have room: the most that come out even."""
    each, most = rows // ranks, max(1, micro_batch * length // tokens)
    return max(count for count in range(1, min(each, most) + 1) if each % count == 0)


def refuse_uneven(
    phases: Sequence[Phase], *, batch_tokens: int, micro_batch: int, length: int, context: int | None, ranks: int, section: str
) -> None:
    """PipelineError for a phase whose batch is no whole number of its rows, whose rows are longer than what the model reads, or that
    changes the base of RoPE for rows that are no longer than the others."""
    for phase in phases:
        tokens = phase.sequence_length or length
        if context is not None and tokens > context:
            message = f"{section}.phases: {phase.name} has rows of {tokens} tokens, the model reads {context}"
            raise PipelineError(message, mend=f"model.context={tokens}")
        if phase.rope_theta is not None and tokens <= length:
            message = f"{section}.phases: {phase.name} has another base of RoPE, and rows of {tokens} tokens, no longer than the others"
            raise PipelineError(message, mend=f"model.context={2 * length}, or schedule=default")
        for part in phase.batch:
            rows = batch_tokens * part / (tokens * ranks)
            if abs(rows - round(rows)) > 1e-6 or round(rows) < 1:
                micro = micro_batch * length * ranks  # of which a whole batch is a multiple (train/recipe)
                whole = math.lcm(micro, *(unit_of(one, part, length) * ranks for one in phases for part in one.batch))
                told = f"{part:g} of {batch_tokens} tokens is no whole number of rows of {tokens}"
                told += f" for {ranks} ranks" if ranks > 1 else ""
                mend = f"{section}.batch_tokens={max(1, round(batch_tokens / whole)) * whole}"
                raise PipelineError(f"{section}.phases: {phase.name}: {told}", mend=mend)


def phases_of(section: Sequence[Mapping[str, Any]] | None) -> tuple[Phase, ...]:
    """The phases of a section that is not typed yet; none where it has none."""
    return tuple(Phase(**{**one, "rate": tuple(one["rate"]), "batch": tuple(one["batch"])}) for one in section or ())


def ranks_that_share(most: int, *, batch_tokens: int, micro_batch: int, length: int, phases: Sequence[Phase] = ()) -> int:
    """The highest number of ranks, up to `most`, that have whole micro-batches of every step between them; at least one."""

    def share(ranks: int) -> bool:
        try:
            rows_a_step(batch_tokens, micro_batch=micro_batch, tokens=length, ranks=ranks, section="")
            batch = {"batch_tokens": batch_tokens, "micro_batch": micro_batch, "length": length}
            refuse_uneven(phases, **batch, context=None, ranks=ranks, section="")
        except PipelineError:
            return False
        return True

    return max((ranks for ranks in range(2, most + 1) if share(ranks)), default=1)


def unit_of(phase: Phase, part: float, length: int) -> int:
    """Tokens of the smallest whole batch of which a part is a whole number of rows."""
    share = Ratio(part).limit_denominator(1000)
    row = phase.sequence_length or length
    return row * share.denominator // math.gcd(row * share.denominator, share.numerator)
