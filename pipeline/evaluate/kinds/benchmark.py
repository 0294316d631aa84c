"""A published benchmark whose continuations are given: which one is likeliest.

The measures are those of the field's harness (Gao et al. 2021): the sum of log-probabilities (its acc), their mean a token and a byte (its
acc_norm divides by characters), and the sum less that after a context which asks nothing (its acc_mutual_info; Brown et al. 2020). Beside
them what the right continuations cost in bits a byte, which moves where small models are still at chance (OLMES, Gu et al. 2024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.core.intervals import Bootstrap, share
from pipeline.evaluate.benchmarks.formats import CHOICES, WithChoices
from pipeline.evaluate.benchmarks.problem import Problem
from pipeline.evaluate.benchmarks.prompts import CUT, Asked, Placed, after, before, pool_of, scored
from pipeline.evaluate.items import (
    BITS,
    BY_BYTE,
    BY_SUM,
    BY_TOKEN,
    EXACT,
    LESS_PRIOR,
    Item,
    ItemTask,
    Measure,
    Scores,
    bits_row,
    by_lot,
)
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import HeldOut, Judged


@dataclass(frozen=True, kw_only=True)
class Shown(Item):
    """An item of a benchmark."""

    cut: bool  # an example is left out, or the beginning of the problem
    problem: Problem


@dataclass(frozen=True, kw_only=True)
class Benchmark(Asked, ItemTask):
    """A task of kind benchmark. Problems of which a continuation alone is longer than the context are left out, in the chat format those
    that are longer with it."""

    kind: Literal["benchmark"]
    format: WithChoices

    @property
    def measures(self) -> Mapping[str, Measure]:
        own = CHOICES[self.format]
        if own.one:
            return {"exact": EXACT}
        return {"choice": BY_SUM, "choice_by_token": BY_TOKEN, "choice_by_byte": BY_BYTE} | (
            {"choice_less_prior": LESS_PRIOR} if own.prior else {}
        )

    @property
    def begin_alike(self) -> bool:
        """With the examples of their group."""
        return self.shots > 0

    @property
    def more_metrics(self) -> tuple[str, ...]:
        return (BITS, CUT)

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Problems by lot."""
        own = CHOICES[self.format]
        asked = pool_of(given, task, self, own.read, own.columns)
        return by_lot(asked, lambda one: self._item(given, one), count=self.items, seed=given.seed, task=task)

    def _item(self, given: HeldOut, one: Placed[Problem]) -> Item | None:
        problem = one.problem
        choices = after(given, self, problem)
        room = self.context - max(map(len, choices))
        if room < 1 or not all(choices) or (read := before(given, self, one, room=room)) is None:
            return None
        prior = None if problem.prior is None else [*given.codec.start, *given.ids(problem.prior)][-room:]
        return Shown(
            id=one.id,
            cluster=one.id,
            context=read.ids,
            choices=choices,
            sizes=[len(scored(self, choice).encode()) for choice in problem.choices],
            prior=prior,
            group=problem.group,
            cut=read.cut,
            problem=problem,
        )

    def more(self, name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> list[Row]:
        """Bits a byte of the right continuations, the share that is not read whole, and the first measure of each group."""
        metric, measure = next(iter(self.measures.items()))
        points: dict[str, list[float]] = {}
        for item, some in zip(items, scores, strict=True):
            points.setdefault(item.group, []).append(measure.points(item, some))
        short = [float(isinstance(item, Shown) and item.cut) for item in items]
        rows = [
            bits_row(name, task, items, scores, bootstrap),
            row(name, task, CUT, share(short, [item.cluster for item in items], bootstrap=bootstrap)),
        ]
        if len(points) > 1:
            rows += [
                row(name, f"{task}/{group}", metric, share(some, range(len(some)), bootstrap=bootstrap))
                for group, some in sorted(points.items())
            ]
        return rows

    def judged(self, items: Sequence[Item], points: Sequence[float]) -> list[Judged]:
        """With the right continuation behind them."""
        known = [(one.problem, one.cluster, point) for one, point in zip(items, points, strict=True) if isinstance(one, Shown)]
        return [Judged(problem.context, problem.example, cluster, point) for problem, cluster, point in known]
