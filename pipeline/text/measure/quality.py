"""Quality rules: thresholds on the statistics of documents. The first broken rule is the reason to drop."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from pipeline.core.errors import PipelineError

REASON, VALUE = pa.string(), pa.float64()


@dataclass(frozen=True, kw_only=True)
class StatisticRule:
    """A document whose statistic lies outside [min, max] is dropped; the rule's name is the reason."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    name: str
    statistic: str
    min: float | None
    max: float | None


@dataclass(frozen=True, kw_only=True)
class LanguageRule:
    """A document in a language that is not listed is dropped if the model gives it at least this probability, 0..1."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    name: str
    languages: tuple[str, ...]  # ISO 639
    min_probability: float


Rule = StatisticRule | LanguageRule


def check_rules(rules: Sequence[Rule], columns: Sequence[str]) -> None:
    """Raise PipelineError if a rule names an unknown statistic, or can never or only be broken."""
    known = [name for name in columns if name not in ("id", "language")]
    unknown = [rule.statistic for rule in rules if isinstance(rule, StatisticRule) and rule.statistic not in known]
    if unknown:
        raise PipelineError(
            f"select.rules uses unknown statistics {', '.join(unknown)}; clean measures {', '.join(known)}",
            mend="correct the statistic in select.rules; for a language write {name, languages, min_probability}",
        )
    if idle := [rule.name for rule in rules if not _is_valid(rule)]:
        raise PipelineError(
            f"select.rules has invalid rules: {', '.join(idle)}",
            mend="give it min, max or both with min <= max; languages as two or three letters; min_probability 0..1",
        )


def first_broken(statistics: pa.Table, rules: Sequence[Rule]) -> tuple[pa.Array, pa.Array]:
    """For each document the name of the first broken rule, and the value that broke it (for a language: its probability).

    Both are null for a good document, [documents]. NaN breaks no rule.
    """
    reasons, values = pa.nulls(statistics.num_rows, REASON), pa.nulls(statistics.num_rows, VALUE)
    for rule in rules:
        value = _column(statistics, "language_score" if isinstance(rule, LanguageRule) else rule.statistic)
        broken = pc.and_(pc.is_null(reasons), pc.fill_null(_breaks(rule, statistics, value), False))
        reasons = pc.if_else(broken, pa.scalar(rule.name, REASON), reasons)
        values = pc.if_else(broken, value, values)
    return reasons, values


def _is_valid(rule: Rule) -> bool:
    if isinstance(rule, LanguageRule):
        return 0 <= rule.min_probability <= 1 and bool(rule.languages) and all(2 <= len(name) <= 3 for name in rule.languages)
    return rule.max is not None if rule.min is None else rule.max is None or rule.min <= rule.max


def _breaks(rule: Rule, statistics: pa.Table, value: pa.Array) -> pa.Array:
    if isinstance(rule, LanguageRule):
        allowed = pc.is_in(_column(statistics, "language"), value_set=pa.array(rule.languages, pa.string()))
        return pc.and_(pc.invert(allowed), pc.greater_equal(value, rule.min_probability))
    below = pc.less(value, rule.min) if rule.min is not None else pa.scalar(False)
    above = pc.greater(value, rule.max) if rule.max is not None else pa.scalar(False)
    return pc.or_(below, above)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()
