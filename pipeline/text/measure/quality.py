"""Rules: thresholds over the statistics of documents; the first that is broken is the reason to drop."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from pipeline.core.errors import PipelineError

REASON, VALUE = pa.string(), pa.float64()


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A document whose statistic lies outside [min, max] is dropped; the rule's name is the reason."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    name: str
    statistic: str
    min: float | None
    max: float | None


@dataclass(frozen=True, kw_only=True)
class Languages:
    """A document in a language that is not allowed is dropped, where the model is sure of it at least so much, 0..1."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    name: str
    languages: tuple[str, ...]  # ISO 639
    sure: float


Rule = Bounds | Languages


def check_rules(rules: Sequence[Rule], columns: Sequence[str]) -> None:
    """Raises PipelineError if a rule asks for a statistic that is not among the columns, or can't be broken, or only be broken."""
    known = [name for name in columns if name not in ("id", "language")]
    unknown = [rule.statistic for rule in rules if isinstance(rule, Bounds) and rule.statistic not in known]
    if unknown:
        raise PipelineError(
            f"select.rules asks for {', '.join(unknown)}, which clean does not measure; there are {', '.join(known)}",
            mend="correct the statistic in select.rules; for a language write {name, languages, sure}",
        )
    if idle := [rule.name for rule in rules if not _can_judge(rule)]:
        raise PipelineError(
            f"select.rules {', '.join(idle)} can't judge",
            mend="give it min, max or both with min <= max; languages as two or three letters; sure 0..1",
        )


def first_broken(statistics: pa.Table, rules: Sequence[Rule]) -> tuple[pa.Array, pa.Array]:
    """Of each document the name of the first rule that it breaks, and the value that broke it (of a language: how sure it is).

    Both are null for a good one, [documents]. A value that is no number breaks no rule.
    """
    reasons, values = pa.nulls(statistics.num_rows, REASON), pa.nulls(statistics.num_rows, VALUE)
    for rule in rules:
        value = _column(statistics, "language_score" if isinstance(rule, Languages) else rule.statistic)
        broken = pc.and_(pc.is_null(reasons), pc.fill_null(_breaks(rule, statistics, value), False))
        reasons = pc.if_else(broken, pa.scalar(rule.name, REASON), reasons)
        values = pc.if_else(broken, value, values)
    return reasons, values


def _can_judge(rule: Rule) -> bool:
    if isinstance(rule, Languages):
        return 0 <= rule.sure <= 1 and bool(rule.languages) and all(2 <= len(name) <= 3 for name in rule.languages)
    return rule.max is not None if rule.min is None else rule.max is None or rule.min <= rule.max


def _breaks(rule: Rule, statistics: pa.Table, value: pa.Array) -> pa.Array:
    if isinstance(rule, Languages):
        allowed = pc.is_in(_column(statistics, "language"), value_set=pa.array(rule.languages, pa.string()))
        return pc.and_(pc.invert(allowed), pc.greater_equal(value, rule.sure))
    below = pc.less(value, rule.min) if rule.min is not None else pa.scalar(False)
    above = pc.greater(value, rule.max) if rule.max is not None else pa.scalar(False)
    return pc.or_(below, above)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()
