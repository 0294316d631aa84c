"""Rules of selection: thresholds on statistics, and rules on metadata. The first that a document breaks is the reason to drop it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict, Discriminator, Tag

from pipeline.core.artifact.metadata import METADATA
from pipeline.core.bounds import Fraction
from pipeline.core.errors import PipelineError
from pipeline.text.measure.metadata_rules import DateRule, MetadataRule, NameRule, UrlRule, breaks, is_idle
from pipeline.text.measure.url_lists import UrlLists

REASON, VALUE = pa.string(), pa.float64()
NO_LISTS: UrlLists = {}


@dataclass(frozen=True, kw_only=True)
class StatisticRule:
    """A document whose statistic lies outside [min, max] is dropped; the rule's name is the reason."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    statistic: str
    min: float | None
    max: float | None


@dataclass(frozen=True, kw_only=True)
class LanguageRule:
    """A document in a language that is not listed is dropped if the model gives it at least this probability, 0..1."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    languages: tuple[str, ...]  # ISO 639
    min_probability: Fraction


def _kind(rule: Any) -> str:
    """Which kind of rule the settings mean, so that a fault is told of that kind alone."""
    if not isinstance(rule, Mapping):
        return type(rule).__name__
    if "field" in rule:
        return {"url": "UrlRule", "date": "DateRule"}.get(str(rule["field"]), "NameRule")
    return "LanguageRule" if "languages" in rule else "StatisticRule"


TextRule = StatisticRule | LanguageRule
Rule = Annotated[
    Annotated[StatisticRule, Tag("StatisticRule")]
    | Annotated[LanguageRule, Tag("LanguageRule")]
    | Annotated[UrlRule, Tag("UrlRule")]
    | Annotated[DateRule, Tag("DateRule")]
    | Annotated[NameRule, Tag("NameRule")],
    Discriminator(_kind),
]


def check_rules(rules: Sequence[Rule], columns: Sequence[str]) -> None:
    """Raise PipelineError if a rule names an unknown statistic, metadata that is not carried, or can never or only be broken."""
    refuse_unknown(rules, [name for name in columns if name not in ("id", "language", *METADATA.names)])
    if absent := sorted({rule.field for rule in rules if isinstance(rule, MetadataRule)} - set(columns)):
        raise PipelineError(
            f"select.rules asks for {', '.join(absent)}, which no source states",
            mend=f"corpus.source_defaults.metadata.{absent[0]}=COLUMN, or take the rule out",
        )
    refuse_idle(rules)


def refuse_unknown(rules: Sequence[Rule], known: Sequence[str]) -> None:
    """Raise PipelineError if a rule names a statistic that is not measured."""
    unknown = [rule.statistic for rule in rules if isinstance(rule, StatisticRule) and rule.statistic not in known]
    if unknown:
        near = [name for one in unknown for name in get_close_matches(one, known, n=1)]
        raise PipelineError(
            f"select.rules uses unknown statistics {', '.join(unknown)}; clean measures {', '.join(known)}",
            mend=f"in select.rules {', '.join(near) or 'one of these'}; for a language write {{name, languages, min_probability}}",
        )


def refuse_idle(rules: Sequence[Rule]) -> None:
    """Raise PipelineError if a rule can never, or only, be broken."""
    if idle := [rule.name for rule in rules if not _is_valid(rule)]:
        raise PipelineError(
            f"select.rules has invalid rules: {', '.join(idle)}",
            mend="give it min, max or both with min <= max; languages as two or three letters; min_probability 0..1;"
            " keep, drop or missing=drop",
        )


def first_broken(statistics: pa.Table, rules: Sequence[Rule], lists: UrlLists = NO_LISTS) -> tuple[pa.Array, pa.Array]:
    """For each document the name of the first broken rule, and the value that broke it (for a language: its probability).

    `statistics` also has the columns of METADATA that the rules ask for, of which the value is null. Both are null for a good document,
    [documents]. NaN breaks no rule.
    """
    reasons, values = pa.nulls(statistics.num_rows, REASON), pa.nulls(statistics.num_rows, VALUE)
    for rule in rules:
        if isinstance(rule, MetadataRule):
            broken = pc.and_(pc.is_null(reasons), breaks(rule, _column(statistics, rule.field), lists))
            reasons = pc.if_else(broken, pa.scalar(rule.name, REASON), reasons)
            continue
        value = _column(statistics, "language_score" if isinstance(rule, LanguageRule) else rule.statistic)
        broken = pc.and_(pc.is_null(reasons), pc.fill_null(_breaks(rule, statistics, value), False))
        reasons = pc.if_else(broken, pa.scalar(rule.name, REASON), reasons)
        values = pc.if_else(broken, value, values)
    return reasons, values


def _is_valid(rule: Rule) -> bool:
    if isinstance(rule, MetadataRule):
        return not is_idle(rule)
    if isinstance(rule, LanguageRule):
        return 0 <= rule.min_probability <= 1 and bool(rule.languages) and all(2 <= len(name) <= 3 for name in rule.languages)
    return rule.max is not None if rule.min is None else rule.max is None or rule.min <= rule.max


def _breaks(rule: TextRule, statistics: pa.Table, value: pa.Array) -> pa.Array:
    if isinstance(rule, LanguageRule):
        allowed = pc.is_in(_column(statistics, "language"), value_set=pa.array(rule.languages, pa.string()))
        return pc.and_(pc.invert(allowed), pc.greater_equal(value, rule.min_probability))
    below = pc.less(value, rule.min) if rule.min is not None else pa.scalar(False)
    above = pc.greater(value, rule.max) if rule.max is not None else pa.scalar(False)
    return pc.or_(below, above)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()
